// What is typed into a form is kept in this browser until it was taken: under the form's own id, by user.
const user = document.querySelector('meta[name="homecall-user"]')?.content ?? "";
const MINE = "homecall-draft-of-this-tab";
const BLANK = "none";
const SHIFT_MS = 12 * 3600 * 1000;

const idField = (form) => form.elements.complaint_id ?? form.elements.request_id;
const family = (form) => `homecall-draft ${user} ${form.dataset.draft} `;
const nameOf = (form) => family(form) + (idField(form)?.value ?? location.pathname);
const isHere = (form, name) => idField(form) !== undefined || name === nameOf(form);

// What is used once and kept nowhere, such as the consent to look a patient up, is in no draft.
const unkept = (form, name) => form.elements[name]?.dataset?.draft === "never";

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

export function keep(form, filled) {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    if (name !== "csrf" && !unkept(form, name)) (values[name] ??= []).push(value);
  }
  localStorage.setItem(nameOf(form), JSON.stringify({ at: Date.now(), open: true, values, filled: [...filled] }));
  sessionStorage.setItem(MINE, nameOf(form));
}

export function forget(form) {
  localStorage.removeItem(nameOf(form));
}

export function clear(form) {
  forget(form);
  sessionStorage.setItem(MINE, BLANK);
}

// Where this tab leaves the form, its draft is nobody's: the next form that is opened takes it up.
export function leave(form) {
  const draft = read(nameOf(form));
  if (draft) localStorage.setItem(nameOf(form), JSON.stringify({ ...draft, open: false }));
}

export function forgetAll() {
  for (const name of Object.keys(localStorage)) if (name.startsWith(`homecall-draft ${user} `)) localStorage.removeItem(name);
}

// The draft of this tab, or else one that a tab has left; a new tab also shows what another one is typing.
function found(form) {
  const mine = sessionStorage.getItem(MINE) ?? "";
  if (mine === BLANK) return null;
  const drafts = Object.keys(localStorage)
    .filter((name) => name.startsWith(family(form)) && isHere(form, name))
    .map((name) => ({ name, draft: read(name), mine: name === mine }));
  for (const { name, draft } of drafts) if (!draft || Date.now() - draft.at > SHIFT_MS) localStorage.removeItem(name);
  const fresh = drafts.filter(({ draft }) => draft && Date.now() - draft.at <= SHIFT_MS);
  fresh.sort((one, other) => other.draft.at - one.draft.at);
  return fresh.find((each) => each.mine) ?? fresh.find((each) => !each.draft.open) ?? (mine ? null : fresh[0]);
}

// Of fields with one name, as in the lines of a roster, each gets its own value.
function put(form, values) {
  const seen = new Map();
  for (const field of form.elements) {
    if (!field.name || field.name === "csrf") continue;
    const place = seen.get(field.name) ?? 0;
    seen.set(field.name, place + 1);
    if (field.type === "checkbox" || field.type === "radio") field.checked = (values[field.name] ?? []).includes(field.value);
    else if (place < (values[field.name]?.length ?? 0)) field.value = values[field.name][place];
  }
}

// Puts a draft into the form. Returns what was restored: which fields the desk had filled in, and whether the draft is
// that of another tab, which may still be typing.
export function restore(form) {
  const id = idField(form);
  const drawn = { id: id?.value, values: Object.fromEntries([...form.elements].map((field) => [field.name, [field.value]])) };
  const one = found(form);
  if (!one) return null;
  put(form, one.draft.values);
  for (const each of form.querySelectorAll("details")) {
    if ([...each.querySelectorAll("input,textarea")].some((field) => field.value)) each.open = true;
  }
  const touched = new Set();
  form.addEventListener("input", (event) => touched.add(event.target.name));
  // Another patient typed over another tab's draft is a call of its own, under the id that this page was drawn with.
  const fork = () => {
    if (!id || one.mine || id.value === drawn.id) return false;
    id.value = drawn.id;
    for (const field of form.elements) {
      if (!field.name || field.name === "csrf" || field === id || touched.has(field.name)) continue;
      if (field.type === "checkbox") field.checked = false;
      else if (field.type === "radio") field.checked = field.value === "";
      else field.value = drawn.values[field.name][0];
    }
    return true;
  };
  return { filled: new Map(one.draft.filled ?? []), mine: one.mine, iin: one.draft.values.iin?.[0] ?? "", window: one.draft.values.preferred_window?.[0], fork };
}
