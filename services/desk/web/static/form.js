// A form: what is typed is kept until it was taken, is sent once, and what is wrong is said at the field.
import { NOT_SENT, SENDING } from "./clock.js";
import { clear, forget, forgetAll, keep, leave, restore } from "./drafts.js";
import { startOffers } from "./offers.js";

const PATIENT = ["birth_date", "sex", "full_name", "phone", "address", "district_id", "entrance", "floor", "flat", "intercom", "lat", "lon"];
const RETRY_MS = 5000;
const digits = (text) => text.replace(/\D/g, "");

// What is known of an IIN fills what nobody has typed; of another IIN it is replaced.
function patientFacts(form, filled, restored) {
  const iin = form.elements.iin;
  const aside = document.getElementById("earlier");
  if (!iin || !aside) return;
  let asked = "";
  const fill = (name, value) => {
    const field = form.elements[name];
    if (!field || (field.value && field.value !== filled.get(name))) return;
    field.value = value ?? "";
    if (value) filled.set(name, field.value);
    else filled.delete(name);
  };
  const ask = async () => {
    const typed = digits(iin.value);
    if (typed.length !== 12 || typed === asked) return;
    asked = typed;
    if (restored && typed !== digits(restored.iin) && restored.fork()) document.getElementById("restored").hidden = true;
    const body = new URLSearchParams({ csrf: form.elements.csrf.value, iin: typed });
    const answer = await fetch("/calls/new/patient", { method: "POST", body, headers: { "X-Part": "1" } }).catch(() => null);
    if (!answer?.ok || asked !== typed) return;
    const facts = await answer.json();
    const { text, ...address } = facts.address ?? {};
    const values = { ...facts, ...address, address: text };
    for (const name of PATIENT) fill(name, values[name]);
    if (facts.language && !form.dataset.languageChosen) form.elements.language.value = facts.language;
    aside.innerHTML = facts.html;
    keep(form, filled);
    form.dispatchEvent(new Event("filled"));
  };
  iin.addEventListener("input", ask);
  ask();
}

function reasons(form) {
  const filter = document.getElementById("reasons_filter");
  if (!filter) return;
  const list = [...document.querySelectorAll("#reasons_list label")];
  const fold = (text) => text.toLowerCase().replaceAll("ё", "е");
  const shown = () => list.filter((each) => !each.hidden);
  filter.addEventListener("input", () => {
    const asked = fold(filter.value).trim();
    for (const label of list) label.hidden = asked !== "" && !fold(label.textContent).includes(asked);
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !filter.value.trim()) return;
    event.preventDefault();
    event.stopPropagation();
    const box = shown()[0]?.querySelector("input");
    if (!box) return;
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
  });
  const warn = () => {
    document.getElementById("call103").hidden = !list.some((each) => each.classList.contains("red") && each.querySelector("input").checked);
  };
  form.addEventListener("change", warn);
  warn();
}

function enterMovesOn(form) {
  form.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.key !== "Enter" || event.defaultPrevented || ["BUTTON", "TEXTAREA", "SUMMARY", "A"].includes(field.tagName)) return;
    event.preventDefault();
    const fields = [...form.elements].filter((each) => each.type !== "hidden" && each.tagName !== "FIELDSET" && each.offsetParent !== null && each.type !== "checkbox" && each.type !== "radio");
    const after = fields.filter((each) => field.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING);
    after[0]?.focus();
  });
}

function sendOnce(form, filled) {
  const state = document.getElementById("form-state");
  const button = document.getElementById("send");
  const label = button.innerHTML;
  let sending = false;
  const toLogin = () => location.assign(`/login?next=${encodeURIComponent(location.pathname)}`); // the draft is there after it
  const ready = () => {
    sending = false;
    button.innerHTML = label;
    button.removeAttribute("aria-disabled");
  };
  const send = async () => {
    if (sending) return;
    sending = true;
    keep(form, filled);
    button.setAttribute("aria-disabled", "true");
    button.textContent = SENDING;
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "follow" });
      if (answer.redirected && new URL(answer.url).pathname.startsWith("/login")) return toLogin();
      if (answer.ok && answer.redirected) {
        forget(form);
        location.assign(answer.url);
        return;
      }
      if (answer.status === 403) return await renew();
      if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
      show(await answer.text());
    } catch {
      state.textContent = NOT_SENT;
      state.hidden = false;
      ready();
      setTimeout(send, RETRY_MS);
    }
  };
  // The session is another than the form's: the page gives the token of the present one.
  const renew = async () => {
    const page = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("input[name=csrf]");
    if (!fresh || page.redirected) return toLogin();
    form.elements.csrf.value = fresh.value;
    sending = false;
    await send();
  };
  // The form comes back with what is wrong; as a new call it has a new id, and the draft goes with it.
  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const main = fresh.getElementById("main");
    if (!main?.querySelector("form[data-draft]")) {
      state.textContent = main?.textContent ?? text;
      state.hidden = false;
      ready();
      return;
    }
    forget(form);
    document.getElementById("main").replaceWith(main);
    startForm();
    const wrong = document.querySelector("form [aria-invalid], form .invalid input");
    (wrong ?? document.getElementById("summary"))?.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  return send;
}

export let sendForm = null;

function start(form) {
  const returned = "returned" in form.dataset || form.querySelector("[aria-invalid]") !== null;
  const restored = returned ? null : restore(form);
  const filled = restored?.filled ?? new Map();
  if (returned) keep(form, filled);
  const note = document.getElementById("restored");
  if (note) note.hidden = restored === null;
  for (const type of ["input", "change"]) form.addEventListener(type, () => keep(form, filled));
  form.elements.language?.addEventListener("change", () => {
    form.dataset.languageChosen = "1";
  });
  patientFacts(form, filled, restored);
  reasons(form);
  startOffers(form, restored?.window);
  enterMovesOn(form);
  sendForm = sendOnce(form, filled);
  document.getElementById("clear")?.addEventListener("click", () => {
    clear(form);
    location.assign(location.pathname);
  });
  window.addEventListener("pagehide", () => leave(form));
}

export function startForm() {
  for (const form of document.querySelectorAll("form[data-draft]")) start(form);
  document.getElementById("logout")?.addEventListener("submit", forgetAll);
}
