// The map: what is on it, what moves it, and what it says of the thing under the pointer.

import * as draw from "/assets/draw.js";
import { category, certainty, dateTime } from "/assets/format.js";
import { Projection, View } from "/assets/projection.js";
import { SEVERITIES } from "/assets/shapes.js";
import { t } from "/assets/words.js";

const REACH_PX = 16;

function read(element) {
  const styles = getComputedStyle(element);
  const value = (name) => styles.getPropertyValue(`--${name}`).trim();
  const family = styles.fontFamily;
  return {
    ground: value("ground"),
    grid: value("grid"),
    text: value("text"),
    faint: value("faint"),
    line: value("line"),
    buffer: value("buffer"),
    area: value("area"),
    areaEdge: value("area-edge"),
    focus: value("focus"),
    extentAlpha: Number(value("extent-alpha")),
    severity: Object.fromEntries(SEVERITIES.map((name) => [name, value(name)])),
    device: { ok: value("ok"), silent: value("silent"), maintenance: value("maintenance"), never_heard: value("never") },
    small: `12px ${family}`,
    strong: `600 13px ${family}`,
  };
}

export class LineMap {
  /** `open(alert)` is called when an alert of the map is chosen. */
  constructor(root, open) {
    this.canvas = root.querySelector("canvas");
    this.tip = root.querySelector("#tip");
    this.announce = document.querySelector("#announce");
    this.open = open;
    this.view = new View();
    this.projection = new Projection(0, 0);
    this.scene = { lines: [], buffers: [], areas: [], devices: [], alerts: [] };
    this.marks = [];
    this.fitted = false;
    this.selected = null;
    this.pointers = new Map();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.listen(root);
  }

  /** Lines and zones of the agreement's GeoJSON. */
  setAgreement(geojson) {
    const features = geojson.features;
    const lines = features.filter((feature) => feature.properties.role === "line");
    const first = lines.find((line) => line.properties.primary) ?? lines[0];
    const vertices = (first?.geometry.coordinates ?? []).flat();
    if (vertices.length && !this.fitted) {
      const middle = vertices[Math.floor(vertices.length / 2)];
      this.projection = new Projection(middle[0], middle[1]);
    }
    const path = (positions) => positions.map(([lon, lat]) => this.projection.to({ lon, lat }));
    this.scene.lines = lines.map(({ properties, geometry }) => ({ ...properties, parts: geometry.coordinates.map(path) }));
    const zones = features.filter((feature) => feature.properties.role === "zone");
    this.scene.buffers = zones
      .filter((zone) => zone.properties.shape === "buffer")
      .map(({ properties }) => ({
        ...properties,
        parts: this.scene.lines.filter((line) => line.id === properties.line).flatMap((line) => line.parts),
      }))
      .sort((a, b) => b.distance_m - a.distance_m);
    this.scene.areas = zones
      .filter((zone) => zone.geometry)
      .map(({ properties, geometry }) => {
        const rings = geometry.coordinates.flat().map(path);
        const all = rings.flat();
        const mean = (axis) => all.reduce((sum, point) => sum + point[axis], 0) / Math.max(1, all.length);
        return { id: properties.id, rings, middle: [mean(0), mean(1)] };
      });
    this.fitOnce();
    this.redraw();
  }

  /** Devices and alerts that have a place. */
  setThings(devices, alerts) {
    if (!this.scene.lines.length && !this.fitted) {
      const first = devices.find((device) => device.position) ?? alerts.find((alert) => alert.where);
      const at = first?.position ?? first?.where?.position;
      if (at) this.projection = new Projection(at.lon, at.lat);
    }
    this.scene.devices = devices
      .filter((device) => device.position)
      .map((item) => ({ at: this.projection.to(item.position), item }));
    this.scene.alerts = alerts
      .filter((alert) => alert.where)
      .map((item) => ({ at: this.projection.to(item.where.position), item }));
    this.canvas.setAttribute("aria-label", t("map.label", { devices: devices.length, alerts: alerts.length }));
    this.fitOnce();
    this.redraw();
  }

  /** Marks an alert and brings it into view. */
  show(id) {
    this.selected = id;
    const found = this.scene.alerts.find(({ item }) => item.id === id);
    if (found) {
      const [x, y] = this.view.toScreen(found.at);
      const inside = x > 40 && y > 40 && x < this.view.width - 60 && y < this.view.height - 40;
      if (!inside) [this.view.x, this.view.y] = found.at;
    }
    this.redraw();
  }

  fitOnce() {
    if (!this.fitted && this.view.width > 1) this.fitted = this.fit();
  }

  fit() {
    const line = this.scene.lines.flatMap(({ parts }) => parts.flat());
    const points = line.length ? line : [...this.scene.devices, ...this.scene.alerts].map(({ at }) => at);
    if (!points.length) return false;
    this.view.fit(points, Math.min(70, this.view.width / 8));
    this.redraw();
    return true;
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    const first = this.view.width <= 1;
    this.view.width = clientWidth;
    this.view.height = clientHeight;
    if (first) this.fitOnce();
    this.paint();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.waiting = false;
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    const style = read(this.canvas);
    const { view, scene } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = style.ground;
    context.fillRect(0, 0, view.width, view.height);
    this.marks = [];
    if (!this.fitted) {
      draw.nothing(context, view, style);
      return;
    }
    draw.grid(context, view, this.projection, style);
    draw.zones(context, view, scene, style);
    draw.lines(context, view, scene, style);
    draw.devices(context, view, scene, style, this.marks);
    draw.sides(context, view, scene, style);
    draw.alerts(context, view, scene, style, this.marks, this.selected);
    draw.scaleBar(context, view, style);
  }

  listen(root) {
    const { canvas } = this;
    const zoom = (factor, at) => {
      this.view.zoom(factor, at);
      this.hideTip();
      this.redraw();
    };
    root.querySelector("#zoom-in").addEventListener("click", () => zoom(1.6));
    root.querySelector("#zoom-out").addEventListener("click", () => zoom(1 / 1.6));
    root.querySelector("#zoom-fit").addEventListener("click", () => this.fit());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) * 0.003), [event.offsetX, event.offsetY]);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => {
      const clicked = this.pointers.size === 1 && this.moved < 6;
      this.pointers.delete(event.pointerId);
      const found = clicked ? this.under([event.offsetX, event.offsetY]) : null;
      if (found?.kind === "alert") this.open(found.item);
    });
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.hideTip());
    canvas.addEventListener("blur", () => this.hideTip());
    canvas.addEventListener("keydown", (event) => this.key(event, zoom));
  }

  move(event) {
    const at = [event.offsetX, event.offsetY];
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.point(this.under(at));
      return;
    }
    this.pointers.set(event.pointerId, at);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.moved += Math.hypot(at[0] - before[0], at[1] - before[1]);
    if (other) {
      const apart = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      this.view.zoom(apart(at) / apart(before), other);
    } else {
      this.view.pan(at[0] - before[0], at[1] - before[1]);
    }
    this.hideTip();
    this.redraw();
  }

  key(event, zoom) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const pans = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    const { key } = event;
    if (key in pans) this.view.pan(...pans[key]);
    else if (key === "+" || key === "=") zoom(1.6);
    else if (key === "-") zoom(1 / 1.6);
    else if (key === "0") this.fit();
    else if (key === "n" || key === "p") this.step(key === "n" ? 1 : -1);
    else if (key === "Enter") this.scene.alerts.filter(({ item }) => item.id === this.selected).forEach(({ item }) => this.open(item));
    else return;
    event.preventDefault();
    this.redraw();
  }

  /** Selects the next or the previous alert and says what it is. */
  step(by) {
    const { alerts } = this.scene;
    if (!alerts.length) return;
    const now = alerts.findIndex(({ item }) => item.id === this.selected);
    const next = alerts[(now < 0 ? (by > 0 ? 0 : alerts.length - 1) : now + by + alerts.length) % alerts.length];
    this.show(next.item.id);
    this.paint();
    const mark = this.marks.find((candidate) => candidate.item === next.item);
    this.point(mark);
    this.announce.textContent = this.tip.textContent;
  }

  under([x, y]) {
    let best = null;
    for (const mark of this.marks) {
      const off = Math.hypot(mark.x - x, mark.y - y) - (mark.kind === "alert" ? 6 : 0);
      if (off < REACH_PX && (!best || off <= best.off)) best = { ...mark, off };
    }
    return best;
  }

  point(mark) {
    this.canvas.classList.toggle("over", mark?.kind === "alert");
    if (!mark) return this.hideTip();
    const { item } = mark;
    this.tip.textContent = mark.kind === "alert"
      ? t("alert.tip", {
        what: category(item),
        severity: t(`severity.${item.severity}`),
        certainty: certainty(item),
        started: dateTime(item.started),
      })
      : t("device.tip", {
        device: item.device,
        state: t(`device.${item.state}`),
        heard: item.last_heard ? `${dateTime(item.last_heard)} UTC` : t("never"),
      });
    this.tip.hidden = false;
    const width = this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(4, Math.min(this.view.width - width - 4, mark.x - width / 2))}px`;
    const above = mark.y - this.tip.offsetHeight - 16;
    this.tip.style.top = `${above > 4 ? above : mark.y + 18}px`;
    return undefined;
  }

  hideTip() {
    this.tip.hidden = true;
  }
}
