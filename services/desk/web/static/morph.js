// Makes a part of the page what the server has drawn afresh, and leaves alone what is the user's: focus, scroll, what is
// typed or opened, what is hidden by the search. Elements are told apart by their id, their call or their complaint.
const key = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.requestId || node.dataset.complaintId || "" : "");
const named = (node) => `${node.nodeName} ${key(node)}`;
const OURS = new Set(["open", "hidden", "data-term"]); // set by these scripts or by the user, never by the server

const isOurs = (node) => node.nodeType === Node.ELEMENT_NODE && "ours" in node.dataset; // what a script has added

function isTouched(field) {
  if (field === document.activeElement) return true;
  if (field.tagName === "SELECT") return [...field.options].some((each) => each.selected !== each.defaultSelected) && field.selectedIndex > 0;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  return field.type !== "hidden" && field.value !== field.defaultValue;
}

export function morph(node, fresh) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== fresh.nodeValue) node.nodeValue = fresh.nodeValue;
    return;
  }
  if (["INPUT", "SELECT", "TEXTAREA"].includes(node.tagName) && isTouched(node)) return;
  for (const { name, value } of [...fresh.attributes]) {
    if (!OURS.has(name) && node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) if (!OURS.has(name) && !fresh.hasAttribute(name)) node.removeAttribute(name);
  if (!node.matches(".countdown[data-until]")) morphChildren(node, fresh);
}

// The next node without a name of its own that is of the same kind, with nothing but texts before it.
function alike(place, wanted) {
  let found = place;
  while (found?.nodeType === Node.TEXT_NODE && wanted.nodeType !== Node.TEXT_NODE) found = found.nextSibling;
  return found && found.nodeName === wanted.nodeName && !key(found) && !isOurs(found) ? found : null;
}

export function morphChildren(into, from) {
  const wantedKeys = new Set([...from.children].filter(key).map(named));
  for (const each of [...into.children]) if (key(each) && !wantedKeys.has(named(each))) each.remove();
  const keyed = new Map([...into.children].filter(key).map((each) => [named(each), each]));
  let place = into.firstChild;
  for (const wanted of [...from.childNodes]) {
    const match = key(wanted) ? keyed.get(named(wanted)) : alike(place, wanted);
    if (!match) {
      into.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    // Only texts stand between: the element itself is not moved, which would take its focus.
    while (place !== match && place?.nodeType === Node.TEXT_NODE) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
    if (match === place) place = place.nextSibling;
    else into.insertBefore(match, place);
    morph(match, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    if (!isOurs(place)) place.remove();
    place = next;
  }
}

// What moves in the document loses the focus: it gets it back, where it is still there.
export function keepingFocus(change) {
  const focus = document.activeElement;
  change();
  if (focus && focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
}
