// Times by the server's clock: the browser's own may be wrong, or be set right while the page is open.
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
export const [OVERDUE, LEFT, MINUTES, SECONDS, SENDING, NOT_SENT, NOT_SENT_YET] = meta("homecall-words").split("|");
const SPEED = Number(meta("homecall-speed")) || 1; // a demo's day runs faster

let told = { now: Date.now(), at: performance.now() };

export function serverNow() {
  return told.now + (performance.now() - told.at) * SPEED;
}

export function setServerNow(milliseconds) {
  told = { now: milliseconds, at: performance.now() };
}

function span(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function draw() {
  const now = serverNow();
  for (const each of document.querySelectorAll(".countdown[data-until]")) {
    const left = Number(each.dataset.until) - now;
    const state = left <= 0 ? "over" : now >= Number(each.dataset.from) ? "near" : "running";
    const text = left <= 0 ? `${OVERDUE} ${span(left)}` : `${LEFT} ${span(left)}`;
    if (each.textContent !== text) each.textContent = text;
    const row = each.closest("[data-request-id]");
    if (row && row.dataset.term !== state) {
      row.dataset.term = state;
      row.dispatchEvent(new CustomEvent("term", { bubbles: true, detail: state }));
    }
  }
  // Of what runs no more nothing cries out.
  for (const row of document.querySelectorAll("[data-term]")) {
    if (!row.querySelector(".countdown[data-until]")) delete row.dataset.term;
  }
}

export function startClock() {
  // Drawn a moment ago: the time that the page took to come counts as the server's.
  const sent = Number(meta("homecall-now"));
  if (sent) setServerNow(sent);
  draw();
  setInterval(draw, 500);
}
