// What changed elsewhere: ids come by one event stream a browser, fragments are fetched with the person's own rights.
import { markCurrent } from "./panes.js";

const GATHER = 200;
const REST = 30_000;
const address = document.body.dataset.live;
const channel = new BroadcastChannel("presteza-live");
const changedIds = new Set();
const fresh = new Set();
let gathering;
let refreshing;
let greeted = false;

const list = () => document.getElementById("ticket-list");
const openTicket = () => document.getElementById("conversation")?.dataset.ticket;
const queryOf = (element) => (element.dataset.query ? `?${element.dataset.query}` : "?");

// --- one EventSource a browser: who holds the lock listens and tells the other tabs ------------------------------
function listen() {
  const source = new EventSource(address);
  source.addEventListener("hello", () => tell({ hello: true }));
  source.addEventListener("message", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, REST); });
}
function tell(message) {
  channel.postMessage(message);
  hear(message);
}
channel.addEventListener("message", (event) => hear(event.data));
if (address && document.querySelector("#rail")) {
  if (navigator.locks) navigator.locks.request("presteza-live", () => new Promise(listen));
  else listen();
}

// After a gap nothing is replayed: list and thread are fetched again.
function hear(message) {
  if (message.hello) {
    if (greeted) refreshAll();
    greeted = true;
    return;
  }
  changedIds.add(String(message.ticket));
  clearTimeout(gathering);
  gathering = setTimeout(work, GATHER);
}

async function work() {
  const ids = [...changedIds];
  changedIds.clear();
  if (ids.includes(openTicket())) await refreshTicket();
  if (list()) await Promise.all(ids.map(refreshRow));
  refreshRail();
}

async function refreshTicket() {
  const pane = document.getElementById("conversation");
  const thread = document.querySelector("#thread-scroll>div[data-url]");
  const header = pane.querySelector(":scope>header");
  const busy = header.contains(document.activeElement) && document.activeElement !== document.body;
  if (thread) await htmx.ajax("GET", `${thread.dataset.url}?since=${thread.dataset.first}`, { target: thread, swap: "morph:outerHTML" });
  const editing = header.querySelector("form.trio") || header.querySelector(":popover-open");
  if (!busy && !editing) await htmx.ajax("GET", pane.dataset.url, { target: header, swap: "morph:outerHTML" });
}

// A row in the list changes where it stands; a new one waits above the list while somebody points at it.
async function refreshRow(id) {
  const row = document.getElementById(`ticket-row-${id}`);
  const place = list();
  const current = openTicket() ? `&current=${openTicket()}` : "";
  const answer = await fetch(place.dataset.row.replace("/0/", `/${id}/`) + queryOf(place) + current, { headers: { "HX-Request": "true" } });
  if (answer.status === 200 && row) {
    const keep = row.hasAttribute("aria-current");
    htmx.swap(row, await answer.text(), { swapStyle: "morph:outerHTML" }, { contextElement: document.body });
    if (keep) markCurrent(document.getElementById(`ticket-row-${id}`));
    return;
  }
  if (answer.status === 200) fresh.add(id);
  if (answer.status === 200 || (answer.status === 204 && row)) refreshListWhenFree();
}

function refreshListWhenFree() {
  clearTimeout(refreshing);
  const place = list();
  const busy = place.matches(":hover") || place.querySelector(":popover-open") || place.contains(document.activeElement) || place.querySelector(".scroll").scrollTop > 0;
  if (!busy) {
    refreshing = setTimeout(refreshList, GATHER);
    return;
  }
  if (!fresh.size) return;
  const button = document.getElementById("list-news");
  button.textContent = fresh.size === 1 ? button.dataset.one : button.dataset.many.replace("{n}", String(fresh.size));
  button.hidden = false;
}

async function refreshList() {
  const place = list();
  fresh.clear();
  const current = openTicket() ? `&current=${openTicket()}` : "";
  await htmx.ajax("GET", place.dataset.url + queryOf(place) + current, { target: place, swap: "morph:outerHTML" });
}

let railTimer;
function refreshRail() {
  clearTimeout(railTimer);
  railTimer = setTimeout(() => {
    const rail = document.getElementById("rail");
    if (rail) htmx.ajax("GET", rail.dataset.url + (list() ? queryOf(list()) : ""), { target: rail, swap: "morph:outerHTML" });
  }, 1000);
}

function refreshAll() {
  if (list()) refreshList();
  if (openTicket()) refreshTicket();
  refreshRail();
}

document.addEventListener("click", (event) => { if (event.target.closest("[data-refresh-list]")) refreshList(); });
