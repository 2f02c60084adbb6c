// The board: rows are taken over one by one, in the order that the server gives, and cry out when a term is near.
import { draw } from "./clock.js";
import { fetchPart, onChange } from "./live.js";
import { keepingFocus, morph } from "./morph.js";
import { isOn, switchOn } from "./sound.js";

const MOST_AT_ONCE = 100;
const title = document.title;
const fold = (text) => text.toLowerCase().replaceAll("ё", "е");

function compare(one, other) {
  const [a, b] = [one, other].map((row) => row.dataset.order.split(":").map(Number));
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

function place(body, row) {
  const next = [...body.rows].find((each) => each !== row && compare(each, row) > 0) ?? null;
  if (row.parentNode !== body || row.nextElementSibling !== next) body.insertBefore(row, next);
}

// Rows of these calls as they now are; a call that is no more of this day has none.
async function take(board, ids) {
  const body = board.tBodies[0];
  const query = new URLSearchParams({ date: board.dataset.date, ids: ids.join(",") });
  const text = await fetchPart(`/board/rows?${query}`);
  if (text !== null) put(body, rowsOf(text), ids);
}

// Rows that came with the word that their calls have changed; a call that is no more of this day has none.
function takeTold(board, calls, told) {
  const text = calls.map((each) => told.get(each)[board.dataset.date] ?? "").join("");
  if (calls.length) put(board.tBodies[0], rowsOf(text), calls.map((each) => each.slice(5)));
}

async function whole(board) {
  const body = board.tBodies[0];
  const text = await fetchPart(location.href);
  if (text !== null) put(body, rowsOf(text), [...body.rows].map((row) => row.dataset.requestId));
}

function rowsOf(text) {
  const fresh = document.createElement("tbody");
  fresh.innerHTML = text;
  return [...fresh.rows];
}

function put(body, rows, asked) {
  const old = new Map([...body.rows].map((row) => [row.dataset.requestId, row]));
  const here = new Set(rows.map((row) => row.dataset.requestId));
  keepingFocus(() => {
    for (const id of asked) if (!here.has(id)) old.get(id)?.remove();
    for (const row of rows) {
      const known = old.get(row.dataset.requestId);
      if (known) morph(known, row);
      else row.classList.add("new");
      place(body, known ?? row);
    }
  });
  search();
  draw();
  count();
}

function search() {
  const parts = fold(document.getElementById("q").value).split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of document.getElementById("board").tBodies[0].rows) {
    const words = row.dataset.search.split(" ");
    row.hidden = !parts.every((part) => words.some((word) => word.startsWith(part)));
    shown += !row.hidden;
  }
  document.getElementById("nothing").hidden = shown > 0 || parts.length === 0;
}

function count() {
  const rows = [...document.getElementById("board").tBodies[0].rows];
  const group = (row) => Number(row.dataset.order.split(":")[0]);
  const counts = {
    open: rows.filter((row) => group(row) < 5).length,
    near: rows.filter((row) => group(row) === 1).length,
    late: rows.filter((row) => group(row) === 0).length,
    all: rows.length,
  };
  for (const [name, number] of Object.entries(counts)) {
    const each = document.getElementById(`count-${name}`);
    each.textContent = number;
    each.parentNode.classList.toggle("some", number > 0);
  }
  document.title = counts.late ? `(${counts.late}!) ${title}` : title;
  const empty = document.getElementById("empty");
  if (empty) empty.hidden = rows.length > 0;
}

export function startBoard() {
  const board = document.getElementById("board");
  if (!board) return;
  onChange(async (changed, told) => {
    if (changed.includes("*")) return whole(board);
    const calls = changed.filter((each) => each.startsWith("call:"));
    takeTold(board, calls.filter((each) => told.has(each)), told);
    const ids = calls.filter((each) => !told.has(each)).map((each) => each.slice(5));
    for (let first = 0; first < ids.length; first += MOST_AT_ONCE) await take(board, ids.slice(first, first + MOST_AT_ONCE));
  });
  board.addEventListener("term", (event) => {
    const row = event.target;
    const group = { over: 0, near: 1 }[event.detail];
    if (group === undefined) return;
    const parts = row.dataset.order.split(":");
    if (Number(parts[0]) > group) row.dataset.order = [group, ...parts.slice(1)].join(":");
    keepingFocus(() => place(board.tBodies[0], row));
    count();
  });
  const box = document.getElementById("sound");
  box.checked = isOn();
  box.addEventListener("change", () => switchOn(box.checked));
  const field = document.getElementById("q");
  field.addEventListener("input", search);
  field.form.addEventListener("submit", (event) => event.target.querySelector("select") || event.preventDefault());
  search();
  count();
}
