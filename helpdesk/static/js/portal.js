// What a customer's page does beyond plain forms: keeps what is typed, names the chosen files, looks for news.
// Everything works without it.
import "./attach.js";

const PERIOD = 20_000;
const place = (form) => `typed:${location.pathname}:${form.id}`;

for (const form of document.querySelectorAll("form[data-keep]")) {
  const fields = () => form.querySelectorAll("textarea, input:is([type=email], :not([type])):not([name=website])");
  try {
    const kept = JSON.parse(sessionStorage.getItem(place(form)) ?? "{}");
    if (!document.querySelector("[data-sent]")) for (const field of fields()) field.value ||= kept[field.name] ?? "";
  } catch { /* kept by an older page, or storage is shut */ }
  form.addEventListener("input", () => {
    const typed = Object.fromEntries([...fields()].map((field) => [field.name, field.value]));
    try { sessionStorage.setItem(place(form), JSON.stringify(typed)); } catch { /* storage is shut */ }
  });
  // Twice pressed is sent once; the key in the form would sort it out, but the wait should be visible.
  form.addEventListener("submit", () => {
    const button = form.querySelector("[type=submit]");
    button.setAttribute("aria-busy", "true");
    setTimeout(() => { button.disabled = true; });
  });
}
addEventListener("pageshow", (event) => {
  for (const button of document.querySelectorAll("[type=submit][aria-busy]")) {
    if (!event.persisted) continue;
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});
if (document.querySelector("[data-sent]")) {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith("typed:")) sessionStorage.removeItem(key);
}

const live = document.querySelector("[data-updates]");
let etag = "";
async function look() {
  if (document.visibilityState !== "visible") return;
  const answer = await fetch(live.dataset.updates, { headers: etag ? { "If-None-Match": etag } : {} });
  if (answer.status !== 200) return;
  const first = !etag;
  etag = answer.headers.get("ETag") ?? "";
  const news = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["situation", "thread"]) {
    const [old, fresh] = [document.getElementById(id), news.getElementById(id)];
    if (!old || !fresh || (first && old.textContent === fresh.textContent)) continue;
    if (old.contains(document.activeElement) || old.querySelector("details[open]")) continue;
    old.replaceWith(document.adoptNode(fresh));
  }
}
if (live) setInterval(() => look().catch(() => {}), PERIOD);
