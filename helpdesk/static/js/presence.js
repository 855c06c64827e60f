// Who else is on the open ticket, looking or writing; nothing is locked by it.
import { morph, only } from "./fragments.js";
import { cookieOf } from "./shell.js";

const BEAT = 20_000;
const LAPSE = 8_000;
let state = "viewing";
let lapse;

const place = () => document.querySelector("[data-presence]");

function bodyOf(value) {
  const body = new FormData();
  body.set("state", value);
  return body;
}

const tell = () => only("presence", async () => {
  const here = place();
  if (!here || document.hidden) return;
  const headers = { "X-CSRFToken": cookieOf(), "HX-Request": "true", ...(state === "writing" ? {} : { "X-Live": "1" }) };
  let answer;
  try {
    answer = await fetch(here.dataset.presence, { method: "POST", body: bodyOf(state), headers });
  } catch {
    return; // without a network nobody is shown anew; the next beat tells
  }
  const text = await answer.text();
  if (answer.status === 200 && here.isConnected) morph(here, text);
});

function become(next) {
  if (state === next) return;
  state = next;
  tell();
}

function leave() {
  const here = place();
  clearTimeout(lapse);
  state = "viewing";
  if (!here) return;
  const body = bodyOf("gone");
  body.set("csrfmiddlewaretoken", cookieOf());
  navigator.sendBeacon(here.dataset.presence, body);
}

document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-composer] textarea")) return;
  clearTimeout(lapse);
  lapse = setTimeout(() => become("viewing"), LAPSE);
  become("writing");
});
document.addEventListener("submit", (event) => { if (event.target.matches("[data-composer]")) become("viewing"); });
document.addEventListener("presteza:presence", (event) => {
  if (event.detail === document.getElementById("conversation")?.dataset.ticket) tell();
});
document.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target?.id === "conversation") leave(); });
document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "conversation") tell(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else tell(); });
addEventListener("pagehide", leave);
setInterval(tell, BEAT);
tell();
