// What changes is heard once per browser: the tab that holds the lock keeps the stream, and tells the others.
import { draw, setServerNow } from "./clock.js";

const listeners = new Set();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("homecall-live") : null;
const SILENT_MS = 40000;
const drawn = document.querySelector('meta[name="homecall-drawn"]')?.content;
let last = 0;
let heardAt = Date.now();

export function onChange(listener) {
  listeners.add(listener);
}

function heard(message) {
  heardAt = Date.now();
  if (message.id) last = message.id;
  if (message.now) setServerNow(message.now);
  if (message.type === "signed-out") {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  if (message.type === "down") {
    show(true);
    return;
  }
  show(message.live === false);
  if (message.type === "reload") refresh(["*"]);
  if (message.type === "changed") refresh(message.changes.map((each) => `${each.kind}:${each.id}`));
}

function show(away) {
  const line = document.getElementById("connection");
  if (line) line.hidden = !away;
}

function tell(message) {
  channel?.postMessage(message);
  heard(message);
}

function connect() {
  let lost = false;
  const source = new EventSource(last ? `/events?since=${last}` : "/events");
  source.addEventListener("hello", catchUp, { once: true });
  const relay = (type) => (event) => {
    const data = JSON.parse(event.data);
    tell({ ...data, type, id: Number(event.lastEventId) });
  };
  for (const type of ["hello", "beat", "changed", "reload", "signed-out"]) source.addEventListener(type, relay(type));
  source.onopen = () => {
    lost = false;
  };
  source.onerror = () => {
    if (!lost) tell({ type: "down" });
    lost = true;
    // A browser gives up after an answer that is no stream: then we connect again ourselves.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

// Between the drawing of this page and its first word from the stream something may have happened.
async function catchUp() {
  const text = await fetchPart(`/changes?since=${drawn}`).catch(() => null);
  if (!text) return;
  const found = JSON.parse(text);
  refresh(found.reload ? ["*"] : found.changes.map((each) => `${each.kind}:${each.id}`));
}

// A part of a page as text; null where there is none for this user. Throws while the server cannot answer.
export async function fetchPart(address) {
  const answer = await fetch(address, { headers: { "X-Part": "1" } });
  if (answer.status >= 500) throw new Error(String(answer.status));
  return answer.ok ? answer.text() : null;
}

let refreshing = Promise.resolve();
const waiting = new Set();
const AGAIN_MS = 2000;

function refresh(names) {
  for (const each of names) waiting.add(each);
  refreshing = refreshing.then(takeChanges);
}

async function takeChanges() {
  if (!waiting.size) return;
  const now = [...waiting];
  waiting.clear();
  try {
    for (const listener of listeners) await listener(now);
    await parts(now);
    draw();
  } catch {
    // What could not be fetched is fetched again: nothing that was heard of may be lost.
    show(true);
    setTimeout(() => refresh(now), AGAIN_MS);
  }
}

async function parts(names) {
  for (const part of document.querySelectorAll("[data-live]")) {
    if (!names.includes("*") && !names.includes(part.dataset.live)) continue;
    const text = await fetchPart(part.dataset.src);
    if (text !== null) swap(part, text);
  }
}

// Takes over what changed without losing what is being typed, the focus, or what is opened.
export function swap(part, text) {
  const fresh = document.createElement("template");
  fresh.innerHTML = text;
  const opened = [...part.querySelectorAll("details")].map((each) => each.open);
  const typed = new Map([...part.querySelectorAll("input:not([type=hidden]),select,textarea")].map((each) => [each.id, each.value]));
  const focus = document.activeElement;
  const inside = part.contains(focus) ? focus.id : "";
  const selection = inside && "selectionStart" in focus ? [focus.selectionStart, focus.selectionEnd] : null;
  part.replaceChildren(fresh.content);
  part.querySelectorAll("details").forEach((each, place) => {
    each.open = opened[place] ?? false;
  });
  for (const [id, value] of typed) {
    const field = id && document.getElementById(id);
    if (field) field.value = value;
  }
  const again = inside && document.getElementById(inside);
  if (again) {
    again.focus({ preventScroll: true });
    if (selection && selection[0] !== null) again.setSelectionRange(...selection);
  }
}

export function startLive() {
  channel?.addEventListener("message", (event) => heard(event.data));
  if (navigator.locks && channel) {
    catchUp();
    navigator.locks.request("homecall-live", () => {
      connect();
      return new Promise(() => {}); // held until this tab closes: then another tab connects
    });
  } else {
    connect();
  }
  setInterval(() => {
    if (Date.now() - heardAt > SILENT_MS) show(true);
  }, 5000);
  // A tab that was asleep may have missed what the others heard.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - heardAt > SILENT_MS) refresh(["*"]);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) refresh(["*"]);
  });
}
