// Times by the server's clock: the browser's own may be wrong, so only the difference to the server's is used.
const words = (document.querySelector('meta[name="homecall-words"]')?.content ?? "").split("|");
export const [OVERDUE, LEFT, MINUTES, SECONDS, SENDING, NOT_SENT] = words;

let ahead = 0; // milliseconds by which the server's clock is ahead of this browser's

export function serverNow() {
  return Date.now() + ahead;
}

export function setServerNow(milliseconds) {
  ahead = milliseconds - Date.now();
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
}

export function startClock() {
  const sent = document.querySelector('meta[name="homecall-now"]')?.content;
  // Drawn a moment ago: the time that the page took to come counts as the server's.
  if (sent) setServerNow(Number(sent));
  draw();
  setInterval(draw, 500);
}
