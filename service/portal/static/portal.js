// What a form sends may fail on the way: the page stays as it is, and says so.
"use strict";
function failed() {
  const status = document.getElementById("status");
  if (status) status.textContent = document.body.dataset.failed;
}
for (const event of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(event, failed);
