// One toast at a time, six seconds (or the undo window), paused while somebody points at it.
const place = () => document.getElementById("toasts");
let timer;

export function toast({ text, tone = "ok", undo = "", seconds = 0, ticket = 0 }) {
  const shape = document.getElementById("toast-shape");
  if (!shape || !place()) return;
  const element = shape.content.firstElementChild.cloneNode(true);
  if (tone === "danger") element.classList.add("danger");
  element.querySelector("span").textContent = text;
  if (undo) offerUndo(element, undo, ticket);
  place().replaceChildren(element);
  window.htmx?.process(element);
  keepFor(element, (undo ? seconds : 6) * 1000);
}

function offerUndo(element, undo, ticket) {
  const button = element.querySelector("button");
  button.hidden = false;
  button.dataset.undoToast = "";
  button.setAttribute("hx-post", undo);
  button.setAttribute("hx-target", `#ticket-header-${ticket}`);
  button.setAttribute("hx-swap", document.getElementById(`ticket-header-${ticket}`) ? "outerHTML" : "none");
}

function keepFor(element, milliseconds) {
  clearTimeout(timer);
  const start = () => { timer = setTimeout(() => element.remove(), milliseconds); };
  for (const event of ["pointerenter", "focusin"]) element.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) element.addEventListener(event, start);
  start();
}

document.addEventListener("toast", (event) => toast(event.detail));
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 401 || xhr.getResponseHeader("HX-Trigger") || xhr.status === 409) return;
  toast({ text: document.body.dataset.failed, tone: "danger" });
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.target.closest?.("[data-composer]")) return;
  toast({ text: document.body.dataset.offline, tone: "danger" });
});
