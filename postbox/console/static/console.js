// What a page does of itself: parts that are live, a place that is kept, and a few keys.
"use strict";

// A part that is live is sent anew by the server. It is left alone while a person marks text in it,
// and keeps the focus.
for (const part of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(part.dataset.live);
  let last = "";
  events.addEventListener(part.dataset.event, (event) => {
    if (event.data === last || !window.getSelection().isCollapsed) return;
    last = event.data;
    const focused = part.contains(document.activeElement)
      ? document.activeElement.getAttribute("href") : null;
    part.innerHTML = event.data;
    if (focused !== null) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    const troubles = part.querySelector("[data-count]")?.dataset.count;
    const title = document.title.replace(/^\(\d+\) /, "");
    document.title = troubles > 0 ? `(${troubles}) ${title}` : title;
    part.classList.remove("stale");
  });
  events.addEventListener("error", () => part.classList.add("stale"));
  window.addEventListener("pagehide", () => events.close());
}

// What a person has unfolded in a part stays so when the part is brought up to date.
document.addEventListener("htmx:beforeSwap", (event) => {
  const open = event.detail.target.querySelector("details[open]") !== null;
  if (open && event.detail.shouldSwap) {
    event.detail.serverResponse = event.detail.serverResponse
      .replace("<details class=\"table\"", "$& open");
  }
});

// One box chooses all boxes of its form, and the form says how many are chosen.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form === null || form === undefined || event.target.type !== "checkbox") return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  if (event.target.matches("[data-all]")) {
    for (const box of boxes) box.checked = event.target.checked;
  }
  const chosen = boxes.filter((box) => box.checked).length;
  for (const said of form.querySelectorAll("[data-chosen]")) {
    said.textContent = chosen > 0 ? `the ${chosen} chosen` : said.dataset.chosen;
  }
});

// "/" goes to the search, as in most consoles.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) return;
  const find = document.getElementById("find");
  if (find !== null) {
    event.preventDefault();
    find.focus();
  }
});
