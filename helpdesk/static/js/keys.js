// Single-letter keys: outside fields only, off when the person turned them off (WCAG 2.1.4).
import { askOutcome, writeNow } from "./composer.js";
import { toggleContext } from "./panes.js";
import { open } from "./shell.js";

const rows = () => [...document.querySelectorAll(".trow")];
const here = () => document.querySelector(".trow[aria-current] .subj");

function move(step) {
  const all = rows();
  const focused = document.activeElement?.closest?.(".trow");
  const at = all.indexOf(focused ?? here()?.closest(".trow"));
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
  next?.querySelector(".subj").focus();
  next?.scrollIntoView({ block: "nearest" });
}

const click = (selector) => document.querySelector(selector)?.click();
const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  r: () => writeNow("reply"),
  N: () => writeNow("note"),
  a: () => click("[data-take]"),
  e: () => document.querySelector('[data-resolve="header"]') && askOutcome("header"),
  i: toggleContext,
  c: () => click(".list>header a[href]"),
  z: () => click("[data-undo-toast],[data-undo]"),
  "?": () => open("keys"),
};

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches?.("input,textarea,select,[contenteditable]") || document.querySelector("dialog[open]")) return;
  const action = KEYS[event.key] ?? (event.shiftKey ? undefined : KEYS[event.key.toLowerCase()]);
  if (!action) return;
  event.preventDefault();
  action();
});
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("[data-new-ticket]");
  if (form && (event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); form.requestSubmit(); }
});

