// What changed elsewhere: ids come by one event stream a browser, fragments are fetched with the person's own rights.
import { fetchFragment, morph, only } from "./fragments.js";
import { markCurrent } from "./panes.js";

const GATHER = 200;
const REST = 30_000;
const LATER = 5_000;
const address = document.body.dataset.live;
const channel = new BroadcastChannel("presteza-live");
const changedIds = new Set();
const fresh = new Set();
const heard = new Set();
let gathering;
let refreshing;
let leading = false;
let seen = Number(document.body.dataset.liveAt || NaN);

const list = () => document.getElementById("ticket-list");
const openTicket = () => document.getElementById("conversation")?.dataset.ticket;
const queryOf = (element) => (element.dataset.query ? `?${element.dataset.query}` : "?");
const currentOf = () => (openTicket() ? `&current=${openTicket()}` : "");

// --- one EventSource a browser: who holds the lock listens and tells the other tabs ------------------------------
function listen() {
  leading = true;
  const source = new EventSource(address);
  source.addEventListener("hello", (event) => tell({ hello: true, ...JSON.parse(event.data) }));
  source.addEventListener("message", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, REST); });
}
function tell(message) {
  channel.postMessage(message);
  hear(message);
}
channel.addEventListener("message", ({ data }) => {
  if (!data.ask) hear(data);
  else if (leading && !Number.isNaN(seen)) channel.postMessage({ position: true, at: seen });
});
if (address && document.querySelector("#rail")) {
  channel.postMessage({ ask: true });
  if (navigator.locks) navigator.locks.request("presteza-live", () => new Promise(listen));
  else listen();
}

// Hints are counted. The page knows the count it was made at, the stream says the count it starts at: when they
// differ something was missed, and nothing is replayed, so list and thread are fetched again.
function hear(message) {
  if (message.hello || message.position) {
    const missed = message.hello ? message.at !== seen : message.at > seen;
    const known = !Number.isNaN(seen);
    seen = message.hello ? message.at : Math.max(seen || 0, message.at);
    if (missed && known) refreshAll();
    return;
  }
  if (message.presence) {
    document.dispatchEvent(new CustomEvent("presteza:presence", { detail: String(message.ticket) }));
    return;
  }
  seen = Math.max(seen || 0, message.at ?? 0);
  heard.add(String(message.ticket));
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
  await only("thread", refreshThread);
  await only("header", refreshHeader);
}

async function refreshThread() {
  const thread = document.querySelector("#thread-scroll>div[data-url]");
  if (!thread) return;
  const { status, text } = await fetchFragment(`${thread.dataset.url}?since=${thread.dataset.first}`);
  if (status === 200 && thread.isConnected) morph(thread, text);
}

async function refreshHeader() {
  const header = document.querySelector("#conversation>header");
  if (!header) return;
  const { status, text } = await fetchFragment(document.getElementById("conversation").dataset.url);
  const busy = header.contains(document.activeElement) || header.querySelector("form.trio,:popover-open");
  if (status === 200 && header.isConnected && !busy) morph(header, text);
}

// A conversation that was being fetched while its ticket changed may show the state before.
document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target?.id === "conversation") heard.clear(); });
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "conversation" && heard.has(openTicket())) refreshTicket();
});

// A row in the list changes where it stands; a new one waits above the list while somebody points at it.
async function refreshRow(id) {
  const place = list();
  const { status, text } = await fetchFragment(place.dataset.row.replace("/0/", `/${id}/`) + queryOf(place) + currentOf());
  const row = document.getElementById(`ticket-row-${id}`);
  if (status === 200 && row) {
    const keep = row.hasAttribute("aria-current");
    morph(row, text);
    if (keep) markCurrent(document.getElementById(`ticket-row-${id}`));
    return;
  }
  if (status === 200) fresh.add(id);
  if (status === 200 || (status === 204 && row)) refreshListWhenFree();
}

function isBusy(place) {
  return place.matches(":hover") || place.querySelector(":popover-open") || place.contains(document.activeElement) || place.querySelector(".scroll").scrollTop > 0;
}

function refreshListWhenFree() {
  clearTimeout(refreshing);
  if (!isBusy(list())) {
    refreshing = setTimeout(refreshList, GATHER);
    return;
  }
  if (!fresh.size) {
    refreshing = setTimeout(refreshListWhenFree, LATER);
    return;
  }
  const button = document.getElementById("list-news");
  button.textContent = fresh.size === 1 ? button.dataset.one : button.dataset.many.replace("{n}", String(fresh.size));
  button.hidden = false;
}

const refreshList = () => only("list", async () => {
  const place = list();
  if (!place) return;
  fresh.clear();
  const { status, text } = await fetchFragment(place.dataset.url + queryOf(place) + currentOf());
  if (status === 200 && place.isConnected) morph(place, text);
});

let railTimer;
function refreshRail() {
  clearTimeout(railTimer);
  railTimer = setTimeout(() => only("rail", async () => {
    const rail = document.getElementById("rail");
    if (!rail) return;
    const { status, text } = await fetchFragment(rail.dataset.url + (list() ? queryOf(list()) : ""));
    if (status === 200 && rail.isConnected) morph(rail, text);
  }), 1000);
}

function refreshAll() {
  if (list()) refreshListWhenFree();
  if (openTicket()) refreshTicket();
  refreshRail();
}

document.addEventListener("click", (event) => { if (event.target.closest("[data-refresh-list]")) refreshList(); });
