// Writing: reply or note, the draft on the server, sending once, undo, and nothing typed ever lost.
import { cookieOf, open } from "./shell.js";

const REST = 600;
const composer = () => document.querySelector("[data-composer]");
const field = (form, name) => form.elements.namedItem(name);
const keeper = (form) => `presteza-draft-${document.body.dataset.user}-${form.id}`;
let timer;
let saving;

export function writeNow(kind) {
  const form = composer();
  if (!form) return;
  setKind(form, kind);
  field(form, "text").focus();
}

function setKind(form, kind) {
  const tab = form.querySelector(`[data-kind="${kind}"]`);
  if (!tab) return;
  for (const other of form.querySelectorAll("[data-kind]")) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  field(form, "kind").value = kind;
  form.classList.toggle("note", kind === "note");
  form.setAttribute("aria-label", kind === "note" ? form.dataset.labelNote : form.dataset.labelReply);
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== kind;
}

// --- the draft: 600 ms after the last key, and in this browser until the server has it -----------------------
function remember(form) {
  try {
    const text = field(form, "text").value;
    if (text) localStorage.setItem(keeper(form), JSON.stringify({ text, kind: field(form, "kind").value }));
    else localStorage.removeItem(keeper(form));
  } catch {
    // Without storage the server's draft is the only one.
  }
}

const forget = (form) => { try { localStorage.removeItem(keeper(form)); } catch { /* nothing was kept */ } };

export function saveSoon(form) {
  remember(form);
  clearTimeout(timer);
  timer = setTimeout(() => save(form), REST);
}

async function save(form) {
  saving?.abort();
  saving = new AbortController();
  const text = field(form, "text").value;
  const body = new FormData();
  for (const name of ["key", "base", "kind"]) body.set(name, field(form, name).value);
  body.set("text", text);
  if (field(form, "to_all")?.checked) body.set("to_all", "on");
  try {
    const headers = { "X-CSRFToken": cookieOf(), "HX-Request": "true" };
    const answer = await fetch(form.dataset.draft, { method: "POST", body, headers, signal: saving.signal });
    if (answer.ok && field(form, "text").value === text) forget(form);
  } catch {
    // Kept in this browser; the next key tries again.
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-composer]");
  if (form && (event.target.name === "text" || event.target.name === "to_all")) saveSoon(form);
});

// --- sending --------------------------------------------------------------------------------------------------
function submit(form, then) {
  field(form, "then").value = field(form, "kind").value === "note" ? "" : then;
  form.requestSubmit();
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("[data-kind]");
  if (tab) {
    const form = tab.closest("[data-composer]");
    setKind(form, tab.dataset.kind);
    field(form, "text").focus();
    saveSoon(form);
  }
  const sender = event.target.closest("[data-then]");
  if (sender) {
    event.preventDefault();
    submit(sender.closest("[data-composer]"), sender.dataset.then);
  }
  const resolver = event.target.closest("[data-resolve]");
  if (resolver) askOutcome(resolver.dataset.resolve);
  const mark = event.target.closest("[data-mark]");
  if (mark) writeMark(field(mark.closest("[data-composer]"), "text"), mark.dataset.mark);
  const decision = event.target.closest("[data-stale]");
  if (decision) decideStale(decision);
});

export function askOutcome(from) {
  const dialog = document.getElementById("resolve");
  if (!dialog) return;
  dialog.dataset.from = from;
  open("resolve");
}

// The outcome dialog belongs to the header and to «send and resolve»; the second submits the composer instead.
document.addEventListener("htmx:confirm", (event) => {
  const form = event.target;
  if (!form.matches?.("[data-resolve-form]")) return;
  const dialog = form.closest("dialog");
  dialog.close();
  if (dialog.dataset.from !== "composer") return;
  event.preventDefault();
  field(composer(), "outcome").value = new FormData(form).get("outcome");
  submit(composer(), "resolved");
});

function decideStale(button) {
  const form = composer();
  button.closest("dialog").close();
  document.getElementById("stale")?.remove();
  if (button.dataset.stale === "anyway") {
    field(form, "anyway").disabled = false;
    field(form, "anyway").value = "on";
    form.requestSubmit();
  } else if (button.dataset.stale === "back") {
    field(form, "base").value = button.dataset.newest;
    field(form, "text").focus();
  }
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target;
  if (!form.matches?.("[data-composer]")) return;
  if (form.dataset.uploading > 0) {
    event.preventDefault();
    form.dataset.sendAfter = "yes";
    trouble(form, form.dataset.wait);
    return;
  }
  clearTimeout(timer);
  saving?.abort();
  remember(form);
  for (const button of form.querySelectorAll("[data-then]")) button.disabled = true;
  trouble(form, "");
  if (field(form, "kind").value === "reply") showPending(field(form, "text").value);
});

// The reply stands in the thread at once, with a clock; the answer's thread takes its place.
function showPending(text) {
  const article = document.getElementById("pending-shape")?.content.firstElementChild.cloneNode(true);
  const place = document.querySelector("#thread-scroll>div");
  if (!article || !place || !text.trim()) return;
  article.querySelector("p").textContent = text;
  place.append(article);
  article.scrollIntoView({ block: "end" });
}
const dropPending = () => document.querySelectorAll(".msg.pending:not(dialog *)").forEach((article) => article.remove());
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target;
  if (!form.matches?.("[data-composer]")) return;
  for (const button of form.querySelectorAll("[data-then]")) button.disabled = false;
  dropPending();
});
// Before the answer's empty composer starts, or it would take the sent text up again.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.target.matches?.("[data-composer]") && event.detail.xhr.status === 200) forget(event.target);
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.target.matches?.("[data-composer]")) trouble(event.target, document.body.dataset.offline);
});
// A 409 with a dialog stands beside the composer; everything else an error brings is a toast.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status !== 409) return;
  event.detail.shouldSwap = xhr.response.includes('id="stale"');
  if (!event.detail.shouldSwap) return;
  event.detail.target = document.getElementById("conversation");
  event.detail.swapOverride = "beforeend";
});

function trouble(form, text) {
  const banner = form.querySelector("[data-trouble]");
  banner.hidden = !text;
  banner.querySelector("strong").textContent = text;
}

// What this browser still keeps never reached the server: it is newer than the server's draft.
// --- what a composer starts with --------------------------------------------------------------------------------
function start(form) {
  setKind(form, field(form, "kind").value);
  try {
    const kept = JSON.parse(localStorage.getItem(keeper(form)) ?? "null");
    if (!kept) return;
    field(form, "text").value = kept.text;
    setKind(form, kept.kind);
    saveSoon(form);
  } catch {
    forget(form);
  }
}

document.addEventListener("htmx:load", (event) => {
  const form = event.target.matches?.("[data-composer]") ? event.target : event.target.querySelector?.("[data-composer]");
  if (form && !form.dataset.started) { form.dataset.started = "yes"; start(form); }
});
if (composer()) { composer().dataset.started = "yes"; start(composer()); }

// --- light Markdown -----------------------------------------------------------------------------------------------
const MARKS = {
  bold: (text) => [`**${text || ""}**`, text ? 0 : 2],
  code: (text) => [text.includes("\n") ? `\`\`\`\n${text}\n\`\`\`` : `\`${text}\``, text ? 0 : 1],
  list: (text) => [text.split("\n").map((line) => `- ${line}`).join("\n"), 0],
  link: (text) => [`[${text}](https://)`, 1],
};

export function writeMark(area, kind) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const [text, back] = MARKS[kind](value.slice(from, to));
  area.focus();
  area.setRangeText(text, from, to, "end");
  area.selectionStart = area.selectionEnd -= back;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("[data-composer]");
  if (!form || event.isComposing) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key === "Enter") {
    event.preventDefault();
    if (event.shiftKey && field(form, "kind").value === "reply") askOutcome("composer");
    else submit(form, form.querySelector(".split [data-then]")?.dataset.then ?? "");
  } else if (control && !event.shiftKey && event.key.toLowerCase() === "b") {
    event.preventDefault();
    writeMark(field(form, "text"), "bold");
  } else if (event.key === "Escape") event.target.blur();
  else if (event.target.matches("[data-kind]") && /^Arrow(Left|Right)$/.test(event.key)) {
    setKind(form, field(form, "kind").value === "note" ? "reply" : "note");
    form.querySelector('[data-kind][aria-selected="true"]').focus();
  }
});

// The undo window runs down where the reply stands.
setInterval(() => {
  for (const button of document.querySelectorAll("[data-undo]")) {
    const left = Number(button.dataset.seconds) - 1;
    button.dataset.seconds = String(left);
    button.textContent = button.dataset.label.replace("{n}", String(left));
    if (left <= 0) button.remove();
  }
}, 1000);
