// The board: rows are taken over one by one, in the order that the server gives, and cry out when a term is near.
import { draw } from "./clock.js";
import { fetchPart, onChange } from "./live.js";

let sound = null;

function beep(times) {
  if (!sound || !document.getElementById("sound")?.checked) return;
  for (let each = 0; each < times; each += 1) {
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    const start = sound.currentTime + each * 0.3;
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.15, start);
    tone.connect(volume).connect(sound.destination);
    tone.start(start);
    tone.stop(start + 0.2);
  }
}

function compare(one, other) {
  const [a, b] = [one, other].map((row) => row.dataset.order.split(":").map(Number));
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

function place(body, row) {
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  const next = [...body.rows].find((each) => each !== row && compare(each, row) > 0) ?? null;
  if (row.nextElementSibling !== next || row.parentNode !== body) body.insertBefore(row, next);
  focused?.focus({ preventScroll: true });
}

async function take(board, ids) {
  const body = board.tBodies[0];
  const here = new Set([...body.rows].map((row) => row.dataset.requestId));
  const query = new URLSearchParams({ date: board.dataset.date, ids: ids.join(",") });
  const text = await fetchPart(`/board/rows?${query}`);
  if (text === null) return;
  const fresh = document.createElement("tbody");
  fresh.innerHTML = text;
  for (const row of [...fresh.rows]) {
    const old = body.querySelector(`tr[data-request-id="${row.dataset.requestId}"]`);
    if (old) {
      if (old.outerHTML === row.outerHTML) continue;
      const focus = old.contains(document.activeElement);
      row.dataset.term = old.dataset.term ?? "";
      old.replaceWith(row);
      if (focus) row.querySelector("a")?.focus({ preventScroll: true });
    }
    if (!here.has(row.dataset.requestId)) row.classList.add("new");
    place(body, row);
  }
  if (body.rows.length) document.getElementById("empty")?.remove();
  draw();
}

async function whole(board) {
  const text = await fetchPart(location.href);
  if (text === null) return;
  const focused = document.activeElement?.closest("tr")?.dataset.requestId;
  board.tBodies[0].innerHTML = text;
  if (focused) board.querySelector(`tr[data-request-id="${focused}"] a`)?.focus({ preventScroll: true });
  draw();
}

export function startBoard() {
  const board = document.getElementById("board");
  if (!board) return;
  onChange(async (names) => {
    if (names.includes("*")) return whole(board);
    const ids = names.filter((each) => each.startsWith("call:")).map((each) => each.slice(5));
    for (let first = 0; first < ids.length; first += 100) await take(board, ids.slice(first, first + 100));
  });
  board.addEventListener("term", (event) => {
    const row = event.target;
    const group = { over: 0, near: 1 }[event.detail];
    if (group === undefined) return;
    const parts = row.dataset.order.split(":");
    if (Number(parts[0]) > group) row.dataset.order = [group, ...parts.slice(1)].join(":");
    place(board.tBodies[0], row);
    beep(group === 0 ? 3 : 1);
  });
  const box = document.getElementById("sound");
  box.checked = localStorage.getItem("homecall-sound") === "on";
  // A browser lets a page sound only after the user has done something on it.
  const allow = () => {
    if (box.checked && !sound) sound = new AudioContext();
    sound?.resume();
  };
  box.addEventListener("change", () => {
    localStorage.setItem("homecall-sound", box.checked ? "on" : "off");
    allow();
    beep(1);
  });
  for (const type of ["pointerdown", "keydown"]) document.addEventListener(type, allow, { once: true });
  const search = document.getElementById("q");
  const fold = (text) => text.toLowerCase().replaceAll("ё", "е");
  search.addEventListener("input", () => {
    const parts = fold(search.value).split(/\s+/).filter(Boolean);
    for (const row of board.tBodies[0].rows) {
      const words = row.dataset.search.split(" ");
      row.hidden = !parts.every((part) => words.some((word) => word.startsWith(part)));
    }
  });
}
