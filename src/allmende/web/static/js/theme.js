/* Change the colours at once; without this file the same links ask the server to do it. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-theme-choice]");
  if (!link) return;
  event.preventDefault();
  const theme = link.dataset.themeChoice;
  document.documentElement.dataset.theme = theme;
  document.cookie = `allmende_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  document.querySelector(theme === "dark" ? ".to-light a" : ".to-dark a").focus();
});
