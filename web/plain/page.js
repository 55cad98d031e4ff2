// Reads the API again and again, and shows what it says: how old it is, and what is not known.

import { count, dateTime, timeOfDay } from "/assets/format.js";
import { LineMap } from "/assets/map.js";
import { AlertTable, DeviceTable, element, legend } from "/assets/tables.js";
import { fill, t } from "/assets/words.js";

const EVERY_MS = 5000;
const TIMEOUT_MS = 10000;
/** The agreement is large and seldom changes: it is read at every so many rounds. */
const AGREEMENT_EVERY = 12;
const MAX_DEVICE_PAGES = 10;

const find = (selector) => document.querySelector(selector);
fill(document);
legend(find("#legend"));

const table = new AlertTable(document, (id) => map.show(id));
const map = new LineMap(find("#map"), (alert) => {
  map.show(alert.id);
  table.open(alert.id);
});
const deviceTable = new DeviceTable(document);

/** What was read last, and when by the service's own clock. */
const known = { stats: null, parts: [], alerts: { items: [], next: null }, open: [], devices: [], asOf: null };
let round = 0;

async function get(path, accepted = []) {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "application/json" } });
  const date = new Date(response.headers.get("date") ?? Date.now());
  if (!response.ok && !accepted.includes(response.status)) throw new Error(`${path}: ${response.status}`);
  return { status: response.status, date, body: await response.json() };
}

async function devices() {
  const all = [];
  let cursor = "";
  for (let page = 0; page < MAX_DEVICE_PAGES; page += 1) {
    const { body } = await get(`/api/v1/devices?limit=1000${cursor}`);
    all.push(...body.items);
    if (!body.next) break;
    cursor = `&cursor=${encodeURIComponent(body.next)}`;
  }
  return all;
}

async function agreement() {
  const { status, body } = await get("/api/v1/agreement", [404]);
  if (status === 404) {
    find("#agreement-name").textContent = t("map.nothing");
    return;
  }
  find("#agreement-name").textContent = body.name;
  find("#note").textContent = body.note ?? "";
  find("#exercise").hidden = body.status !== "exercise";
  map.setAgreement(body.geojson);
}

const reads = {
  "/readyz": async () => {
    known.parts = (await get("/readyz", [503])).body.parts ?? [];
  },
  "/api/v1/stats": async () => {
    const { body, date } = await get("/api/v1/stats");
    [known.stats, known.asOf] = [body, date];
  },
  "/api/v1/alerts": async () => {
    const all = find("#alerts-state").value === "";
    known.alerts = (await get(`/api/v1/alerts?limit=200${all ? "" : "&state=open"}`)).body;
    known.open = known.alerts.items.filter((alert) => alert.state === "open");
  },
  "/api/v1/devices": async () => {
    known.devices = await devices();
  },
};

/** One round at a time: an older answer must not lie over a newer one. */
let running = false;
let again = false;
async function refresh() {
  again = true;
  if (running) return;
  running = true;
  while (again) {
    again = false;
    await readAll();
  }
  running = false;
}

async function readAll() {
  const wanted = { ...reads };
  if (round % AGREEMENT_EVERY === 0) wanted["/api/v1/agreement"] = agreement;
  const before = known.asOf;
  const results = await Promise.allSettled(Object.values(wanted).map((read) => read()));
  const failed = Object.keys(wanted).filter((_, n) => results[n].status === "rejected");
  // What failed is asked again at the next round.
  if (!failed.includes("/api/v1/agreement")) round += 1;
  show(failed, failed.length === Object.keys(wanted).length, before ?? known.asOf);
}

function show(failed, lost, before) {
  const banner = find("#banner");
  const time = before ? dateTime(before.toISOString()) : "";
  banner.hidden = !failed.length;
  if (lost) banner.textContent = t(time ? "banner.lost" : "banner.never", { time });
  else if (failed.length) banner.textContent = t("banner.partly", { what: failed.join(", "), time });
  document.body.classList.toggle("stale", lost);
  status(lost);
  parts(lost);
  if (lost && !known.asOf) return;
  table.set(known.alerts, find("#alerts-state").value === "");
  deviceTable.set(known.devices, find("#devices-state").value, known.asOf ?? new Date());
  map.setThings(known.devices, known.open);
  const unplaced = known.open.filter((alert) => !alert.where).length;
  find("#unplaced").hidden = !unplaced;
  find("#unplaced").textContent = t("map.unplaced", { count: count(unplaced) });
}

function status(lost) {
  const { stats, asOf } = known;
  if (!stats) return;
  const lag = stats.lag.influxdb;
  const entries = [
    ["status.stored", count(stats.readings.stored)],
    ["status.duplicates", count(stats.readings.duplicates)],
    ["status.rejects", count(stats.rejects)],
    ["status.evaluator", count(stats.lag.evaluator)],
    ["status.influxdb", lag == null ? t("status.influxdb.none") : count(lag)],
    ["status.asof", timeOfDay(asOf)],
  ];
  find("#status").replaceChildren(...entries.map(([key, value]) => {
    const old = lost && key === "status.asof" ? "old" : null;
    return element("div", old, element("dt", null, t(key)), element("dd", null, value));
  }));
}

function parts(lost) {
  const waiting = lost ? [] : known.parts.filter((part) => !part.ready);
  find("#parts").hidden = !waiting.length;
  find("#parts").replaceChildren(...waiting.map((part) => {
    const why = t("part.why", { part: part.part, why: part.why ?? t("part.unknown") });
    const since = part.since ? ` (${t("part.since", { time: dateTime(part.since) })})` : "";
    return element("li", null, why + since);
  }));
}

for (const select of ["#alerts-state", "#devices-state"]) find(select).addEventListener("change", () => refresh());
document.addEventListener("visibilitychange", () => !document.hidden && refresh());

async function forever() {
  // A page that nobody sees asks nothing.
  if (!document.hidden) await refresh();
  setTimeout(forever, EVERY_MS);
}
forever();
