// Numbers, times and places in words.

import { known, language, t } from "/assets/words.js";

const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const count = (n) => whole.format(n);

/** Never 0 or 100 for what is not certain. */
export function percent(fraction) {
  const n = Math.round(100 * fraction);
  const words = (value) => `${whole.format(value)}\u00a0%`;
  if (n >= 100) return t("percent.over", { percent: words(99) });
  return n <= 0 ? t("percent.under", { percent: words(1) }) : words(n);
}

/** A level such as a battery's, 0 to 100. */
export const level = (n) => `${whole.format(n)}\u00a0%`;

/** "2026-11-24 03:01:30" of an RFC 3339 time in UTC. */
export const dateTime = (text) => text.slice(0, 19).replace("T", " ");

/** A time that follows another: without its date where that is the same. */
export const later = (text, earlier) =>
  text.slice(0, 10) === earlier.slice(0, 10) ? text.slice(11, 19) : dateTime(text);

export const timeOfDay = (date) => date.toISOString().slice(11, 19);

export function ago(text, now) {
  const s = Math.max(0, Math.round((now - new Date(text)) / 1000));
  if (s < 10) return t("ago.now");
  const [unit, n] = s < 120 ? ["s", s] : s < 7200 ? ["min", s / 60] : s < 172800 ? ["h", s / 3600] : ["d", s / 86400];
  return t("ago", { span: t(`ago.${unit}`, { n: whole.format(n) }) });
}

/** A distance with no more digits than it deserves. */
export function distance(m) {
  const size = Math.abs(m);
  if (size < 1000) return t("unit.m", { n: whole.format(size) });
  return t("unit.km", { n: size < 20000 ? tenths.format(size / 1000) : whole.format(size / 1000) });
}

export function position({ lat, lon }) {
  const part = (value, plus, minus) => `${Math.abs(value).toFixed(4)}°\u00a0${value < 0 ? minus : plus}`;
  return `${part(lat, "N", "S")} ${part(lon, "E", "W")}`;
}

export const category = (alert) => known(`category.${alert.category}`, alert.category);
/** Whom or what an alert is about: its class, its zone, its device, station or track. */
export function about({ subject, zone, details }) {
  const [sort, rest] = subject.split(/:(.*)/s);
  const [device, , track] = (rest ?? "").split("/");
  const who = sort === "track" && track ? t("about.track", { track, device }) : known(`about.${sort}`, null) && t(`about.${sort}`, { name: rest ?? "" });
  const thing = details?.class?.replaceAll("_", " ");
  return [thing, who, zone && t("about.zone", { zone })].filter(Boolean).join(", ");
}

export const certainty = ({ certainty: { word, probability } }) =>
  t("certainty", { word: t(`certainty.${word}`), percent: percent(probability) });

/** The shape that the sensors support, in words. */
export function extent(place) {
  const at = position(place.position);
  if (place.shape === "point") return t("where.point", { position: at, error: distance(place.hacc_m) });
  if (place.shape === "ellipse") {
    return t("where.ellipse", {
      position: at,
      along: distance(place.semi_major_m),
      azimuth: `${whole.format(place.azimuth_deg)}°`,
      across: distance(place.semi_minor_m),
    });
  }
  if (place.shape === "disc") return t("where.disc", { position: at, radius: distance(place.radius_m) });
  return t("where.sector", {
    position: at,
    bearing: `${whole.format(place.bearing_deg)}°`,
    width: `${whole.format(place.width_deg / 2)}°`,
    from: distance(place.range_min_m),
    to: distance(place.range_max_m),
  });
}

export const chainage = (m) => t("where.chainage", { km: tenths.format(m / 1000) });

/** Where an alert is against the line, in words; its side is a place and no party. */
export function where(alert) {
  const place = alert.where;
  if (!place) return [t("where.none")];
  const words = [];
  if ((place.shape === "point" || place.shape === "ellipse") && place.line_distance_m != null) {
    const values = { distance: distance(place.line_distance_m), error: distance(place.line_distance_error_m ?? 0) };
    words.push(t(place.line_distance_error_m == null ? "where.line" : "where.line.error", values));
  } else {
    words.push(extent(place));
  }
  words.push(t(`side.${place.located_side}`));
  return words;
}
