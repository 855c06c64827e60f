// List, conversation and context: one at a time on a phone, the context on demand, skeletons, and the place in the thread.
const SKELETON_AFTER = 200;
const BOTTOM = 120;
const inbox = () => document.querySelector(".inbox");
const thread = () => document.getElementById("thread-scroll");
let waiting;
let atBottom = true;

const toBottom = () => { const scroller = thread(); if (scroller) scroller.scrollTop = scroller.scrollHeight; };
const isAtBottom = (element) => element.scrollHeight - element.scrollTop - element.clientHeight < BOTTOM;

export function toggleContext() {
  const frame = inbox();
  if (!frame || !document.querySelector("[data-ctx-toggle]")) return;
  if (matchMedia("(width < 1100px)").matches) {
    frame.dataset.pane = frame.dataset.pane === "ctx" ? "conv" : "ctx";
    return;
  }
  frame.dataset.ctx = frame.dataset.ctx === "off" ? "on" : "off";
}

document.addEventListener("click", (event) => {
  const to = event.target.closest("[data-pane-to]");
  if (to) inbox().dataset.pane = to.dataset.paneTo;
  if (event.target.closest("[data-ctx-toggle]")) toggleContext();
});

// The row is marked at once; a skeleton stands in only when the answer takes longer than 200 ms.
document.addEventListener("htmx:beforeRequest", (event) => {
  const row = event.target.closest?.(".trow");
  if (!row || event.detail.target?.id !== "conversation") return;
  markCurrent(row);
  clearTimeout(waiting);
  const shape = document.getElementById("skeleton-conversation");
  waiting = setTimeout(() => {
    document.getElementById("conversation").replaceChildren(...shape.content.firstElementChild.cloneNode(true).children);
  }, SKELETON_AFTER);
});

// A ticket that did not load says so, in its place, with a way to try again.
const failed = (event) => {
  clearTimeout(waiting);
  if (event.detail.target?.id !== "conversation" || !event.target.closest?.(".trow")) return;
  const shape = document.getElementById("failed-conversation");
  document.getElementById("conversation").replaceChildren(shape.content.firstElementChild.cloneNode(true));
};
document.addEventListener("htmx:sendError", failed);
document.addEventListener("htmx:responseError", failed);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-retry]")) document.querySelector(".trow[aria-current] .subj")?.click();
});

export function markCurrent(row) {
  for (const other of document.querySelectorAll(".trow[aria-current]")) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.classList.replace("unread", "read");
}

document.addEventListener("scroll", (event) => {
  if (event.target === thread()) atBottom = isAtBottom(event.target);
}, true);
document.addEventListener("htmx:beforeSwap", (event) => {
  clearTimeout(waiting);
  const button = event.target.closest?.("#thread-more");
  if (button) {
    const scroller = thread();
    scroller.dataset.keep = String(scroller.scrollHeight - scroller.scrollTop);
  }
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "conversation") {
    inbox().dataset.pane = "conv";
    inbox().dataset.ctx = "on";
    document.title = `${document.querySelector("#conversation .top .num")?.textContent ?? ""} ${document.getElementById("assunto")?.textContent ?? ""}`;
    atBottom = true;
    toBottom();
    return;
  }
  const scroller = thread();
  if (!scroller) return;
  if (scroller.dataset.keep) {
    scroller.scrollTop = scroller.scrollHeight - Number(scroller.dataset.keep);
    delete scroller.dataset.keep;
  } else if (atBottom) toBottom();
});
toBottom();
