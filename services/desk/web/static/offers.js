// Windows to choose from, asked for while the call is typed. They are a help: nothing waits for them, and a call is sent
// with or without. The answer to the latest question counts; what is chosen, typed and focused stays.
import { keepingFocus, morphChildren } from "./morph.js";

const ASKED = ["birth_date", "district_id", "address", "lat", "lon", "reasons"];
const PAUSE_MS = 250;
const LIMIT_MS = 3000;
const OLD_MS = 60000; // a window that was free a minute ago may be taken

export function startOffers(form, restored) {
  const part = document.getElementById("offers");
  if (!part) return;
  let waiting = 0;
  let asking = null;
  let asked = "";
  let answeredAt = 0;

  const radio = (value) => [...part.querySelectorAll("input[type=radio]")].find((each) => each.value === value);
  const choice = () => part.querySelector("input[type=radio]:checked")?.value ?? "";
  const question = () => {
    const typed = new FormData(form);
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    for (const name of ASKED) for (const value of typed.getAll(name)) body.append(name, value);
    return body;
  };
  const take = (text, chosen) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").body;
    keepingFocus(() => morphChildren(part.querySelector(".part"), fresh));
    (radio(chosen) ?? radio("")).checked = true;
  };
  const away = () => {
    asked = ""; // so that the next change asks again
    document.getElementById("offers-said").textContent = part.dataset.away;
  };
  const ask = async () => {
    const body = question();
    asked = body.toString();
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    const limit = setTimeout(() => mine.abort(), LIMIT_MS);
    const chosen = choice();
    body.set("preferred_window", chosen);
    try {
      const answer = await fetch("/calls/new/offers", { method: "POST", body, headers: { "X-Part": "1" }, signal: mine.signal });
      const text = answer.ok && !answer.redirected ? await answer.text() : null;
      if (asking !== mine || !part.isConnected) return;
      answeredAt = Date.now();
      if (text === null) away();
      else if (chosen !== choice()) ask(); // another one was chosen meanwhile: it has to be among those that are shown
      else take(text, chosen);
    } catch {
      if (asking === mine) away();
    } finally {
      clearTimeout(limit);
    }
  };
  const known = () => ASKED.some((name) => new FormData(form).getAll(name).some(Boolean));
  const soon = () => {
    clearTimeout(waiting);
    if (!known()) return;
    waiting = setTimeout(() => {
      if (part.isConnected && (question().toString() !== asked || Date.now() - answeredAt > OLD_MS)) ask();
    }, PAUSE_MS);
  };

  // A window of a draft stands there before anybody has answered, so that it is neither lost nor sent by accident.
  if (restored && !radio(restored)) {
    const label = document.createElement("label");
    label.className = "check";
    label.id = `offer-${restored.replaceAll(":", "")}`;
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "preferred_window", value: restored, id: `window-${restored.replaceAll(":", "")}` });
    label.append(input, ` ${restored.replace("-", "–")}`);
    document.getElementById("offers-list").append(label);
  }
  if (restored) radio(restored).checked = true;

  for (const type of ["change", "filled", "input"]) {
    form.addEventListener(type, (event) => {
      if (part.contains(event.target)) return;
      if (event.type !== "input" || Date.now() - answeredAt > OLD_MS) soon();
    });
  }
  soon();
}

// Puts the focus on the window that is chosen: from there the arrow keys choose.
export function focusOffers() {
  const chosen = document.querySelector("#offers input[type=radio]:checked");
  chosen?.focus();
  return Boolean(chosen);
}
