// Keys: n a new call, / the search, F2 the windows to choose from, F8 sends, F9 "said".
import { sendForm } from "./form.js";
import { focusOffers } from "./offers.js";

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === "F8" && sendForm) {
      event.preventDefault();
      if (!event.repeat) sendForm();
    } else if (event.key === "F2") {
      if (focusOffers()) event.preventDefault();
    } else if (event.key === "F9") {
      const form = document.getElementById("said");
      if (!form) return;
      event.preventDefault();
      if (!event.repeat) form.requestSubmit();
    } else if (!typing && plain && (event.key === "n" || event.key === "т")) {
      const link = document.querySelector('a[href="/calls/new"]');
      if (!link) return;
      event.preventDefault();
      location.assign(link.href);
    } else if (!typing && plain && event.key === "/") {
      const search = document.getElementById("q");
      if (!search) return;
      event.preventDefault();
      search.focus();
    }
  });
}
