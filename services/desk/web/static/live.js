// What changes is heard once per browser: the tab that holds the lock keeps the stream, and tells the others.
import { NOT_SENT_YET, draw, setServerNow } from "./clock.js";
import { keepingFocus, morphChildren } from "./morph.js";

const LOCK = "homecall-live";
const SILENT_MS = 40000; // the server says something every 15 s
const LOOK_MS = 5000;
const AGAIN_MS = 2000;
const PAUSE_MS = 250; // between two fetches of a page on which everything of the clinic counts

const listeners = new Set();
const channel = "BroadcastChannel" in window ? new BroadcastChannel(LOCK) : null;
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
  // A tab that is drawn in another language than the one that listens fetches its rows.
  if (message.type === "changed") refresh(message.changes.map(names), message.language === document.documentElement.lang ? message.rows : {});
}

const names = ({ kind, id }) => `${kind}:${id}`;

function show(away) {
  const line = document.getElementById("connection");
  if (line) line.hidden = !away;
}

function tell(message) {
  channel?.postMessage(message);
  heard(message);
}

// Connects, and again whenever that ends; returns what ends it for good.
function connect() {
  let source = null;
  let again = 0;
  let lost = false;
  const open = () => {
    source = new EventSource(last ? `/events?since=${last}` : "/events");
    source.addEventListener("hello", catchUp, { once: true });
    for (const type of ["hello", "beat", "changed", "reload", "signed-out"]) {
      source.addEventListener(type, (event) => tell({ ...JSON.parse(event.data), type, id: Number(event.lastEventId) }));
    }
    source.onopen = () => {
      lost = false;
    };
    source.onerror = () => {
      if (!lost) tell({ type: "down" });
      lost = true;
      // A browser gives up after an answer that is no stream: then we connect again ourselves.
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_MS);
    };
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}

// Holds the browser's one connection from when the lock is free, or, with ``steal``, from a tab that says nothing.
function lead(options) {
  let close = () => {};
  navigator.locks
    .request(LOCK, options, () => {
      leading = true;
      close = connect();
      return new Promise(() => {}); // held until this tab closes: then another tab connects
    })
    .catch(() => {
      leading = false;
      close();
      lead({});
    });
}
let leading = false;

// Between the drawing of this page and its first word from the stream something may have happened.
async function catchUp() {
  const text = await fetchPart(`/changes?since=${drawn}`).catch(() => null);
  if (!text) return;
  const found = JSON.parse(text);
  refresh(found.reload ? ["*"] : found.changes.map(names));
}

// A part of a page as text; null where there is none for this user. Throws while the server cannot answer.
export async function fetchPart(address) {
  const answer = await fetch(address, { headers: { "X-Part": "1" } });
  if (answer.status >= 500) throw new Error(String(answer.status));
  return answer.ok && !answer.redirected ? answer.text() : null;
}

let refreshing = Promise.resolve();
const waiting = new Set();
const told = new Map(); // of calls that wait: the rows that came with the word of them, by the board's day

export function refresh(changed, rows = {}) {
  for (const each of changed) {
    waiting.add(each);
    told.delete(each);
  }
  for (const [id, days] of Object.entries(rows)) told.set(`call:${id}`, days);
  refreshing = refreshing.then(takeChanges);
}

async function takeChanges() {
  if (!waiting.size) return;
  const now = [...waiting];
  const rows = new Map(told);
  waiting.clear();
  told.clear();
  try {
    for (const listener of listeners) await listener(now, rows);
    await parts(now);
    draw();
  } catch {
    // What could not be fetched is fetched again: nothing that was heard of may be lost.
    show(true);
    setTimeout(() => refresh(now), AGAIN_MS);
  }
}

// ``data-live`` names what a part shows: ``call:ID``, or ``call:*`` for all calls of the clinic.
const shows = (part, changed) =>
  part.dataset.live.split(" ").some((one) => changed.some((each) => each === "*" || each === one || (one.endsWith(":*") && each.startsWith(one.slice(0, -1)))));

async function parts(changed) {
  let fetched = false;
  const pages = new Map();
  for (const part of document.querySelectorAll("[data-live]")) {
    if (!shows(part, changed)) continue;
    const address = part.dataset.src ?? location.href;
    if (!pages.has(address)) pages.set(address, await fetchPart(address));
    fetched = true;
    const text = pages.get(address);
    if (text !== null) take(part, text);
  }
  if (fetched) await new Promise((done) => setTimeout(done, PAUSE_MS));
}

// The answer is the part alone, or a whole page that holds it.
function take(part, text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.getElementById(part.id) ?? page.body;
  keepingFocus(() => morphChildren(part, fresh));
}

// A small form within a live part is sent without leaving the page: where that fails, what was typed is there still.
async function sendHere(form, submitter) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const body = new URLSearchParams(new FormData(form, submitter));
  // Not form.action: that is the field of this name, where the form has one.
  const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { "X-Part": "1" } }).catch(() => null);
  form.ariaBusy = "false";
  if (answer?.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  else if (answer?.ok) {
    form.querySelector(".not-sent")?.remove();
    form.reset();
    fold(form);
    refresh(["*"]);
  }
  else say(form, answer && answer.status < 500 ? await answer.text() : NOT_SENT_YET);
}

// What was sent is folded up; the focus stays at its heading, and not in a field that the page would then leave alone.
function fold(form) {
  const box = form.closest("details");
  if (!box) return;
  const within = box.contains(document.activeElement);
  box.open = false;
  if (within) box.querySelector("summary").focus();
}

function say(form, text) {
  let line = form.querySelector(".not-sent");
  if (!line) {
    line = document.createElement("p");
    line.className = "wrong not-sent";
    line.dataset.ours = "";
    line.setAttribute("role", "alert");
    form.append(line);
  }
  line.textContent = text;
}

function sendTicks() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-tick]")) return;
    event.preventDefault();
    sendHere(event.target, event.submitter);
  });
}

export function startLive() {
  sendTicks();
  channel?.addEventListener("message", (event) => heard(event.data));
  const shared = Boolean(navigator.locks && channel);
  if (shared) {
    catchUp();
    lead({});
  } else {
    connect();
  }
  setInterval(() => {
    if (Date.now() - heardAt <= SILENT_MS) return;
    show(true);
    // The tab that should tell us sleeps: this one, which somebody looks at, takes over.
    if (shared && !leading && !document.hidden) lead({ steal: true });
  }, LOOK_MS);
  // A tab that was asleep may have missed what the others heard.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - heardAt > SILENT_MS) refresh(["*"]);
  });
  document.addEventListener("resume", () => refresh(["*"]));
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) refresh(["*"]);
  });
}
