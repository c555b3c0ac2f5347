/* Keeps the page of a job up to date, and its log; without this file one loads the page again. */
const EVERY = 1000; // ms
const LOG_LETTERS = 64_000;
const box = document.querySelector("[data-watch]");
const tags = {};

// Returns the answer, or null where nothing is new.
async function ask(address, kind) {
  const headers = tags[kind] ? { "If-None-Match": tags[kind] } : {};
  const answer = await fetch(address, { headers });
  if (answer.status === 304 || !answer.ok) return null;
  tags[kind] = answer.headers.get("ETag");
  return answer;
}

function replace(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const tables = [...box.querySelectorAll("details")].map((each) => each.open);
  fresh.content.querySelectorAll("details").forEach((each, at) => { each.open = tables[at]; });
  const buttons = [...box.querySelectorAll("form button")];
  const focused = buttons.indexOf(document.activeElement);
  const log = box.querySelector("pre[data-log]");
  const top = log?.scrollTop;
  const inside = box.querySelector("[data-keep]")?.contains(document.activeElement) ? document.activeElement : null;
  for (const kept of box.querySelectorAll("[data-keep]")) {
    fresh.content.querySelector(`[data-keep="${kept.dataset.keep}"]`)?.replaceWith(kept);
  }
  box.replaceChildren(fresh.content);
  if (log) log.scrollTop = top;
  inside?.focus({ preventScroll: true });
  if (focused >= 0) box.querySelectorAll("form button")[focused]?.focus({ preventScroll: true });
}

function add(log, said) {
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  const text = (said.goes_on ? log.textContent : "") + said.text;
  box.querySelector("[data-silent]")?.remove();
  log.textContent = text.length > LOG_LETTERS ? text.slice(text.indexOf("\n", text.length - LOG_LETTERS) + 1) : text;
  log.dataset.attempt = said.attempt;
  log.dataset.offset = said.next_offset;
  if (follows) log.scrollTop = log.scrollHeight;
}

async function look() {
  const log = box.querySelector("pre[data-log]");
  if (log) {
    const { attempt, offset } = log.dataset;
    const answer = await ask(`${log.dataset.log}?attempt=${attempt}&offset=${offset}`, "log");
    if (answer) add(log, await answer.json());
  }
  const answer = await ask(box.dataset.watch, "page");
  if (!answer) return;
  if (answer.headers.has("Job-Over")) location.reload();
  const html = await answer.text();
  // The log begins with the first attempt: then the page comes anew, with a place for it.
  if (!log && html.includes("data-keep")) location.reload();
  replace(html);
}

async function watch() {
  try {
    if (!document.hidden) await look();
  } catch { /* The portal does not answer just now: the next look may find it. */ }
  setTimeout(watch, EVERY);
}

const log = document.querySelector("pre[data-log]");
if (log) {
  log.scrollTop = log.scrollHeight;
  tags.log = `"${log.dataset.attempt}.${log.dataset.offset}"`;
}
if (box) setTimeout(watch, EVERY); // what has ended does not change
