// What a form sends may fail on the way: the page stays as it is, and says so.
// What was pressed keeps the focus and its place under the finger, although the page around it is new; what is gone
// leaves them to what can be undone now, or to what it was in.
"use strict";
let around = [], top_ = 0;

function failed() {
  const status = document.getElementById("status");
  if (status) status.textContent = document.body.dataset.failed;
}

function remember(event) {
  const button = event.target.querySelector("button") || event.target;
  around = [];
  top_ = button.getBoundingClientRect().top;
  for (let each = button; each && each.id !== "main"; each = each.parentElement)
    around.push(each.id, each.getAttribute("aria-labelledby"));
}

function keep() {
  const place = ["just", ...around, "main"].map(id => id && document.getElementById(id)).find(Boolean);
  if (!place) return;
  const control = place.matches("button, main") ? place : place.querySelector("button") || place;
  if (control.tabIndex < 0) control.tabIndex = -1;
  control.focus({ preventScroll: true });
  scrollBy({ top: control.getBoundingClientRect().top - top_, behavior: "instant" });
}

document.addEventListener("htmx:beforeRequest", remember);
document.addEventListener("htmx:afterSettle", keep);
for (const event of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(event, failed);
