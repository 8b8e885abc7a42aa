// What a form sends may fail on the way, come too late or be refused: the page stays as it is, and says so.
// What was pressed keeps the focus and its place under the finger, although the page around it is new; what is gone
// leaves them to what can be undone now, or to what it was in.
"use strict";
const SOON = 120000;
const FIELDS = "main :is(input:not([type=hidden], [type=file]), select, textarea)";
let around = [], typed = [], top_ = 0, before, staying, ends, warning;

function say(words) {
  const status = document.getElementById("status");
  if (status) status.textContent = words;
}

function failed({ detail: { xhr } }) {
  const { failed, out } = document.body.dataset;
  if (xhr.status === 401) return say(out);
  if (xhr.status < 400 || xhr.status > 499 || !refused(xhr.responseText)) say(failed);
}

// To try again would not help: what the page of the refusal says does, and where it leads.
function refused(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const [what, why] = page.querySelectorAll("main h1, main h1 + p"), link = page.querySelector("main a.button");
  if (!why) return false;
  say(`${what.textContent}. ${why.textContent} `);
  if (link) document.getElementById("status").append(link);
  link?.removeAttribute("class");
  return true;
}

// How long she stays signed in, the server tells with each answer; two minutes before the end the page tells her.
function count() {
  const stay = document.getElementById("stay");
  if (!stay?.dataset.left) return;
  ends = Date.now() + stay.dataset.left * 1000;
  delete stay.dataset.left;
  wait();
}

function wait() {
  clearTimeout(warning);
  if (ends) warning = setTimeout(warn, ends - SOON - Date.now());
}

function warn() {
  const stay = document.getElementById("stay");
  const time = new Date(ends).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
  stay.hidden = false;
  say(stay.dataset.words.replace("{}", time));
}

function remember(event) {
  staying = event.target.id === "stay";
  const button = event.target.querySelector("button") || event.target;
  around = [];
  top_ = button.getBoundingClientRect().top;
  for (let each = button; each && each.id !== "main"; each = each.parentElement)
    around.push(each.id, each.getAttribute("aria-labelledby"));
}

// What she typed and has not sent stays, although the page around it is new.
function gather({ detail }) {
  typed = [...document.querySelectorAll(FIELDS)].filter(each => each.form !== detail.requestConfig.elt && changed(each));
}

function changed(each) {
  const chosen = each.options && ([...each.options].find(option => option.defaultSelected) || each.options[0]);
  return each.value !== (chosen ? chosen.value : each.defaultValue) || each.checked !== each.defaultChecked;
}

function restore() {
  const fields = [...document.querySelectorAll(FIELDS)];
  for (const { id, name, value, checked } of typed) {
    const field = fields.find(each => each.name === name && (id ? each.id === id : each.value === value));
    if (field) Object.assign(field, { value, checked });
  }
}

function keep() {
  if (staying) return (before?.isConnected ? before : document.getElementById("main")).focus({ preventScroll: true });
  const place = ["just", ...around, "main"].map(id => id && document.getElementById(id)).find(Boolean);
  if (!place) return;
  const control = place.matches("button, main") ? place : place.querySelector("button") || place;
  if (control.tabIndex < 0) control.tabIndex = -1;
  control.focus({ preventScroll: true });
  scrollBy({ top: control.getBoundingClientRect().top - top_, behavior: "instant" });
}

count();
document.addEventListener("visibilitychange", wait);
document.addEventListener("focusin", event => { if (!event.target.closest("#stay")) before = event.target; });
document.addEventListener("htmx:beforeRequest", remember);
document.addEventListener("htmx:beforeSwap", gather);
document.addEventListener("htmx:afterSwap", restore);
document.addEventListener("htmx:afterSwap", count);
document.addEventListener("htmx:afterSettle", keep);
for (const event of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(event, failed);
