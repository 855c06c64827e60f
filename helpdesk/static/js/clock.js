// How long somebody waits and what is left of a promise go on between two updates, without any request.
// Words as `waiting` and `remaining` (helpdesk/templatetags/design.py), rings as `promise_of` (tickets/promises.py).
const PERIOD = 30_000;
const MINUTE = 60_000;
const WHOLE_RING = 240 * MINUTE;
const WARN = 120 * MINUTE;
const DANGER = 48 * MINUTE;
const TONES = ["ok", "warn", "danger", "over"];
const words = document.body.dataset;
const ahead = Number(words.now) - Date.now(); // the server's clock counts, not this machine's

function amount(span) {
  const minutes = Math.floor(span / MINUTE);
  if (minutes < 60) return words.minutes.replace("{n}", String(Math.max(1, minutes)));
  if (minutes < 48 * 60) return words.hours.replace("{n}", String(Math.floor(minutes / 60)));
  return words.days.replace("{n}", String(Math.floor(minutes / 1440)));
}

const remaining = (left) => (left >= 0 ? words.left : words.late).replace("{n}", amount(Math.abs(left)));

function say(element, text) {
  const said = element.querySelector("[data-said]");
  const before = said?.textContent ?? element.title;
  if (before === text) return;
  if (said) said.textContent = text;
  element.title = element.title.replace(before, text);
  const spoken = element.querySelector(".sr");
  if (spoken) spoken.textContent = spoken.textContent.replace(before, text);
}

function draw(element, left) {
  const tone = left < 0 ? "over" : left < DANGER ? "danger" : left < WARN ? "warn" : "ok";
  const ring = element.querySelector(".ring");
  const share = left < 0 ? 100 : Math.min(100, Math.round((100 * left) / WHOLE_RING));
  ring?.querySelector(".ring-v").setAttribute("stroke-dasharray", `${share} 100`);
  for (const each of [element, ring]) {
    each?.classList.remove(...TONES.filter((name) => name !== tone));
    each?.classList.add(tone);
  }
  if (!ring || tone !== "over" || ring.querySelector("path")) return;
  const sign = document.createElementNS("http://www.w3.org/2000/svg", "path");
  sign.setAttribute("d", "M8 4.6v4M8 11.2v.1");
  ring.append(sign);
}

function tick() {
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("[data-since]")) say(element, amount(Math.max(0, now - Number(element.dataset.since))));
  for (const element of document.querySelectorAll("[data-due]")) {
    const left = Number(element.dataset.due) - now;
    say(element, remaining(left));
    draw(element, left);
  }
}

setInterval(tick, PERIOD);
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") tick(); });
