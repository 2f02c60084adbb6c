// A form: what is typed is kept until it was taken, is sent once, and what is wrong is said at the field.
import { NOT_SENT, SENDING } from "./clock.js";

const user = document.querySelector('meta[name="homecall-user"]')?.content ?? "";

function draftName(form) {
  return `homecall-draft ${user} ${form.dataset.draft} ${location.pathname}`;
}

function keep(form) {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    if (name !== "csrf") (values[name] ??= []).push(value);
  }
  localStorage.setItem(draftName(form), JSON.stringify(values));
}

function restore(form) {
  const text = localStorage.getItem(draftName(form));
  if (!text || form.querySelector("[aria-invalid]")) return;
  const values = JSON.parse(text);
  for (const field of form.elements) {
    if (!field.name || field.name === "csrf" || !(field.name in values)) {
      if (field.type === "checkbox" && field.name) field.checked = false;
      continue;
    }
    if (field.type === "checkbox") field.checked = values[field.name].includes(field.value);
    else field.value = values[field.name][0];
  }
}

function forget(form) {
  localStorage.removeItem(draftName(form));
}

function patientFacts(form) {
  const iin = form.elements.iin;
  let asked = "";
  iin?.addEventListener("input", async () => {
    const digits = iin.value.replace(/\D/g, "");
    if (digits.length !== 12 || digits === asked) return;
    asked = digits;
    const body = new URLSearchParams({ csrf: form.elements.csrf.value, iin: digits });
    const answer = await fetch("/calls/new/patient", { method: "POST", body, headers: { "X-Part": "1" } }).catch(() => null);
    if (!answer?.ok || asked !== digits) return;
    const facts = await answer.json();
    const fill = (name, value) => {
      const field = form.elements[name];
      if (field && value && !field.value) field.value = value;
    };
    for (const name of ["birth_date", "sex", "full_name", "phone"]) fill(name, facts[name]);
    if (facts.language && !form.dataset.languageChosen) form.elements.language.value = facts.language;
    for (const [name, value] of Object.entries(facts.address ?? {})) fill(name === "text" ? "address" : name, value);
    const aside = document.getElementById("earlier");
    aside.replaceChildren(
      ...facts.calls.map((each) => {
        const line = document.createElement("p");
        line.innerHTML = each.html;
        return line;
      }),
    );
    keep(form);
  });
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
    if (event.key !== "Enter" || event.defaultPrevented || field.tagName === "BUTTON" || field.tagName === "TEXTAREA" || field.tagName === "SUMMARY") return;
    event.preventDefault();
    const fields = [...form.elements].filter((each) => each.type !== "hidden" && each.tagName !== "FIELDSET" && each.offsetParent !== null && !(each.type === "checkbox"));
    fields[fields.indexOf(field) + 1]?.focus();
  });
}

function sendOnce(form) {
  const state = document.getElementById("form-state");
  let sending = false;
  const send = async () => {
    if (sending) return;
    sending = true;
    keep(form);
    const button = document.getElementById("send");
    const label = button.innerHTML;
    button.setAttribute("aria-disabled", "true");
    button.textContent = SENDING;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "follow" });
      if (answer.ok && answer.redirected && !new URL(answer.url).pathname.startsWith("/login")) {
        forget(form);
        location.assign(answer.url);
        return;
      }
      if (answer.redirected) {
        location.assign(`/login?next=${encodeURIComponent(location.pathname)}`); // the draft is there after it
        return;
      }
      if (answer.status === 403) return await renew();
      if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
      show(await answer.text());
    } catch {
      state.textContent = NOT_SENT;
      state.hidden = false;
      sending = false;
      button.innerHTML = label;
      button.removeAttribute("aria-disabled");
      setTimeout(send, 5000);
    }
  };
  // The session is another than the form's: the page gives the token of the present one.
  const renew = async () => {
    const page = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("input[name=csrf]");
    if (!fresh || page.redirected) {
      location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
      return;
    }
    form.elements.csrf.value = fresh.value;
    sending = false;
    await send();
  };
  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    document.getElementById("main").replaceWith(fresh.getElementById("main"));
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

export function startForm() {
  for (const form of document.querySelectorAll("form[data-draft]")) {
    restore(form);
    form.addEventListener("input", () => keep(form));
    form.addEventListener("change", () => keep(form));
    form.elements.language?.addEventListener("change", () => {
      form.dataset.languageChosen = "1";
    });
    patientFacts(form);
    reasons(form);
    enterMovesOn(form);
    sendForm = sendOnce(form);
    document.getElementById("clear")?.addEventListener("click", () => {
      forget(form);
      location.assign(location.pathname);
    });
  }
  document.getElementById("logout")?.addEventListener("submit", () => {
    for (const name of Object.keys(localStorage)) if (name.startsWith(`homecall-draft ${user} `)) localStorage.removeItem(name);
  });
}
