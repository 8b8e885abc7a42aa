// Passkeys need a script, so their forms stay hidden without one. Also presses a button that only carries her on.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function say(words) {
  const status = document.getElementById("status");
  if (status) status.textContent = words;
}

function read(options) {
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of ["excludeCredentials", "allowCredentials"])
    for (const each of options[list] || []) each.id = bytes(each.id);
  return options;
}

function write(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (credential.response[name]) response[name] = text(credential.response[name]);
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

async function ask(form) {
  const fields = new URLSearchParams();
  if (form.elements.token) fields.set("token", form.elements.token.value);
  const answer = await fetch(form.dataset.ask, { method: "POST", body: fields, credentials: "same-origin" });
  if (answer.redirected) return location.assign(answer.url); // she has to show first that it is she
  if (!answer.ok) throw new Error(String(answer.status));
  const { waiting, options } = await answer.json();
  const publicKey = read(JSON.parse(options));
  const made = form.dataset.passkey === "make";
  const credential = await (made ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
  form.elements.waiting.value = waiting;
  form.elements.answer.value = write(credential);
  form.submit();
}

if (window.PublicKeyCredential)
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.closest("[hidden]").hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(form).catch(() => say(form.dataset.failed));
    });
  }

for (const form of document.querySelectorAll("form[data-on]")) form.submit();
