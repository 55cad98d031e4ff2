// A local equirectangular projection, and the view on it.

const RADIUS_M = 6371008.8;
const RAD = Math.PI / 180;

/** Metres east and south of a middle; good for drawing a few hundred kilometres, measures nothing. */
export class Projection {
  constructor(lon, lat) {
    this.lon = lon;
    this.lat = lat;
    this.shrink = Math.max(0.01, Math.cos(lat * RAD));
  }

  /** The longitude step is taken the short way, across the antimeridian too. */
  to({ lon, lat }) {
    const step = lon - this.lon - 360 * Math.round((lon - this.lon) / 360);
    return [step * RAD * RADIUS_M * this.shrink, (this.lat - lat) * RAD * RADIUS_M];
  }

  back([x, y]) {
    const lon = this.lon + x / (RAD * RADIUS_M * this.shrink);
    return { lon: lon - 360 * Math.round(lon / 360), lat: this.lat - y / (RAD * RADIUS_M) };
  }
}

/** What part of the plane is seen: its middle in metres, and pixels a metre. */
export class View {
  constructor() {
    this.x = 0;
    this.y = 0;
    this.scale = 1e-3;
    this.width = 1;
    this.height = 1;
  }

  toScreen([x, y]) {
    return [(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  fromScreen([px, py]) {
    return [(px - this.width / 2) / this.scale + this.x, (py - this.height / 2) / this.scale + this.y];
  }

  fit(points, margin) {
    const xs = points.map((point) => point[0]);
    const ys = points.map((point) => point[1]);
    if (!points.length) return;
    const [left, right] = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
    const [top, bottom] = [ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b))];
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2;
    const wide = (this.width - 2 * margin) / Math.max(right - left, 500);
    const high = (this.height - 2 * margin) / Math.max(bottom - top, 500);
    this.scale = Math.max(1e-6, Math.min(wide, high));
  }

  /** Zooms so that what is at a point of the screen stays there. */
  zoom(factor, [px, py] = [this.width / 2, this.height / 2]) {
    const [x, y] = this.fromScreen([px, py]);
    this.scale = Math.min(2, Math.max(1e-5, this.scale * factor));
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y - (py - this.height / 2) / this.scale;
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }
}

/** The longest of 1, 2, 5 times a power of ten that is at most `most`. */
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((n) => n * power).find((length) => length <= most) ?? power;
}
