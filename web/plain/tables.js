// The tables of alerts and devices.

import { about, ago, category, certainty, chainage, count, dateTime, extent, later, level, percent, where } from "/assets/format.js";
import { DEVICE_STATES, SEVERITIES, devicePath, severityPath, sign } from "/assets/shapes.js";
import { t } from "/assets/words.js";

/** Most rows of devices that are drawn. */
const MAX_ROWS = 200;

export function element(name, kind, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Fills a head once; the words also label the cells of narrow screens. */
function head(row, keys) {
  if (row.children.length) return;
  for (const key of keys) {
    const cell = element("th", null, t(key));
    cell.scope = "col";
    row.append(cell);
  }
}

function cell(key, kind, ...children) {
  const made = element("td", kind, element("span", "label", t(key)), element("div", null, ...children));
  return made;
}

/** Replaces rows and keeps the focus where it was. */
function replace(body, rows) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  body.replaceChildren(...rows);
  if (focused) body.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function empty(columns, words) {
  const only = element("td", "empty", words);
  only.colSpan = columns;
  return element("tr", null, only);
}

const ALERT_COLUMNS = ["alert.severity", "alert.started", "alert.rule", "alert.where", "alert.certainty", "alert.state"];

export class AlertTable {
  /** `show(id)` is called for an alert that is to be seen on the map. */
  constructor(root, show) {
    this.body = root.querySelector("#alerts-body");
    this.more = root.querySelector("#alerts-more");
    this.show = show;
    this.opened = null;
    this.page = { items: [], next: null };
    head(root.querySelector("#alerts-head"), ALERT_COLUMNS);
  }

  set(page, all) {
    this.page = page;
    this.all = all;
    this.render();
  }

  /** Opens an alert's details and brings them into view. */
  open(id) {
    this.opened = id;
    this.render();
    const row = this.body.querySelector(`[data-focus="${CSS.escape(id)}"]`);
    row?.focus();
    row?.scrollIntoView({ block: "nearest" });
  }

  toggle(id) {
    this.opened = this.opened === id ? null : id;
    this.render();
    this.show(this.opened);
  }

  render() {
    const rows = this.page.items.flatMap((alert) => {
      const row = this.row(alert);
      return alert.id === this.opened ? [row, this.detail(alert)] : [row];
    });
    if (!rows.length) rows.push(empty(ALERT_COLUMNS.length, t(this.all ? "alerts.none.all" : "alerts.none")));
    replace(this.body, rows);
    this.more.textContent = this.page.next ? t("alerts.newest", { count: count(this.page.items.length) }) : "";
  }

  row(alert) {
    const opened = alert.id === this.opened;
    const what = element("button", "link", category(alert));
    what.type = "button";
    what.dataset.focus = alert.id;
    what.setAttribute("aria-expanded", String(opened));
    what.addEventListener("click", () => this.toggle(alert.id));
    const notes = [
      alert.timeliness === "late" ? t("alert.late") : null,
      alert.status === "exercise" ? t("alert.exercise") : null,
      ...(alert.labels ?? []),
    ].filter(Boolean);
    const severity = element("span", "severity", sign(severityPath(alert.severity), alert.severity), t(`severity.${alert.severity}`));
    const state = alert.ended ? t("alert.state.ended", { time: later(alert.ended, alert.started) }) : t("alert.state.open");
    const row = element(
      "tr",
      opened ? "opened" : null,
      cell("alert.severity", null, severity),
      cell("alert.started", "number", dateTime(alert.started)),
      cell("alert.rule", "what", what, element("div", "about", about(alert)), ...notes.map((note) => element("span", "badge", note))),
      cell("alert.where", null, where(alert).join(", ")),
      cell("alert.certainty", null, certainty(alert)),
      cell("alert.state", null, state),
    );
    return row;
  }

  detail(alert) {
    const list = element("dl", "detail");
    const add = (key, words) => {
      if (words) list.append(element("div", null, element("dt", null, t(key)), element("dd", null, words)));
    };
    const place = alert.where;
    const qualifier = alert.count_qualifier === "exact" ? "exact" : "at_least";
    add("detail.detections", t(`detail.detections.${qualifier}`, { count: count(alert.detections) }));
    add("alert.where", place ? extent(place) : t("where.none"));
    if (place?.p_side_a != null) {
      const side = t(`side.${place.located_side}`);
      add("detail.side", t("detail.side.probability", { side, percent: percent(place.p_side_a) }));
    }
    if (place?.chainage_m != null) add("detail.chainage", chainage(place.chainage_m));
    add("detail.zones", (place?.zones ?? []).map(({ id, probability }) => `${id} ${percent(probability)}`).join(", "));
    add("detail.last", dateTime(alert.last));
    add("detail.subject", about(alert));
    add("detail.evidence", (alert.evidence ?? []).map((one) => `${one.device} ${one.boot}/${one.seq}`).join(", "));
    add("detail.rule", alert.rule);
    add("detail.labels", (alert.labels ?? []).join(", "));
    add("detail.id", t("detail.revision", alert));
    const cell = element("td", null, element("p", "summary", alert.summary), list);
    cell.colSpan = ALERT_COLUMNS.length;
    return element("tr", "detail", cell);
  }
}

const DEVICE_COLUMNS = ["device.device", "device.station", "device.state", "device.heard", "device.battery", "device.readings"];

export class DeviceTable {
  constructor(root) {
    this.body = root.querySelector("#devices-body");
    this.more = root.querySelector("#devices-more");
    head(root.querySelector("#devices-head"), DEVICE_COLUMNS);
  }

  set(devices, state, now) {
    const rank = (device) => DEVICE_STATES.indexOf(device.state);
    const fitting = devices.filter((device) => !state || device.state === state).sort((a, b) => rank(a) - rank(b));
    const shown = fitting.slice(0, MAX_ROWS);
    const rows = shown.map((device) => this.row(device, now));
    if (!rows.length) rows.push(empty(DEVICE_COLUMNS.length, t(devices.length ? "devices.none.state" : "devices.none")));
    replace(this.body, rows);
    this.more.textContent = shown.length < fitting.length
      ? t("devices.shown", { count: count(shown.length), total: count(fitting.length) })
      : "";
  }

  row(device, now) {
    const heard = device.last_heard
      ? [dateTime(device.last_heard), element("span", "ago", ago(device.last_heard, now))]
      : [t("never")];
    const state = element("span", "severity", sign(devicePath(device.state), `device ${device.state}`), t(`device.${device.state}`));
    const unregistered = device.registered ? null : element("span", "badge", t("device.unregistered"));
    return element(
      "tr",
      null,
      cell("device.device", "strong", device.device, unregistered),
      cell("device.station", null, device.station),
      cell("device.state", null, state),
      cell("device.heard", "number", ...heard),
      cell("device.battery", "number end", device.battery_pct == null ? t("device.unknown") : level(device.battery_pct)),
      cell("device.readings", "number end", count(device.readings)),
    );
  }
}

/** The legend: every sign with its words. */
export function legend(list) {
  const item = (shape, words) => element("span", "entry", shape, words);
  const group = (key, ...items) => element("li", null, element("span", "group", t(key)), element("span", "entries", ...items));
  list.replaceChildren(
    group(
      "legend.map",
      item(element("span", "sample line"), t("legend.line")),
      item(element("span", "sample buffer"), t("legend.buffer")),
      item(element("span", "sample zone"), t("legend.zone")),
      item(element("span", "sample extent"), t("legend.extent")),
    ),
    group("legend.severity", ...SEVERITIES.map((name) => item(sign(severityPath(name), name), t(`severity.${name}`)))),
    group("legend.devices", ...DEVICE_STATES.map((name) => item(sign(devicePath(name), `device ${name}`), t(`device.${name}`)))),
  );
}
