/* Beside a text with a limit: how many characters it has, counted as people see them. */
const segments = new Intl.Segmenter();
for (const area of document.querySelectorAll("textarea[data-characters]")) {
  const most = Number(area.dataset.characters);
  const shown = document.createElement("span"); // not live: nobody wants each number read out
  shown.className = "hint";
  shown.id = `${area.id}-length`;
  area.setAttribute("aria-describedby", shown.id);
  const count = () => {
    const length = [...segments.segment(area.value)].length;
    shown.textContent = `${length} / ${most}`;
    shown.classList.toggle("error", length > most);
  };
  area.addEventListener("input", count);
  area.after(shown);
  count();
}
