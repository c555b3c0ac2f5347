/* Says that a change was not saved: without this, the last "Saved" would stand there still. */
"use strict";

(() => {
  const status = document.getElementById("saved");
  const say = (text) => {
    status.textContent = text;
    status.classList.add("bad");
  };
  status.closest("form").addEventListener("input", () => {
    status.textContent = ""; // what is typed now is not saved yet
  });
  document.body.addEventListener("htmx:sendError", () => say(status.dataset.failed));
  document.body.addEventListener("htmx:timeout", () => say(status.dataset.failed));
  document.body.addEventListener("htmx:responseError", (event) => {
    const refused = [401, 403, 404, 409].includes(event.detail.xhr.status);
    say(refused ? status.dataset.refused : status.dataset.failed);
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === status) status.classList.remove("bad");
  });
})();
