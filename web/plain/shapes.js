// The signs of the map, the legend and the tables: one outline for each meaning, so that
// nothing is told by colour alone. Paths are around (0, 0) within a radius of 10.

export const SEVERITIES = ["minor", "moderate", "severe", "extreme"];
export const DEVICE_STATES = ["silent", "never_heard", "maintenance", "ok"];

const star = Array.from({ length: 16 }, (_, n) => {
  const angle = (n * Math.PI) / 8;
  const radius = n % 2 ? 6.5 : 10.5;
  return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
});

const severity = {
  minor: "M-7 0A7 7 0 1 1 7 0A7 7 0 1 1-7 0Z",
  moderate: "M0-9L9 0L0 9L-9 0Z",
  severe: "M0-9L9 7L-9 7Z",
  extreme: `M${star.join("L")}Z`,
};
const device = {
  ok: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z",
  silent: "M-6-6L6 6M6-6L-6 6",
  maintenance: "M-5-5H5V5H-5Z",
  never_heard: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z",
};

export const severityPath = (name) => severity[name] ?? severity.moderate;
export const devicePath = (name) => device[name] ?? device.never_heard;

/** A sign as an SVG element, for the legend and the tables; its words stand beside it. */
export function sign(path, kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-12 -12 24 24");
  svg.setAttribute("class", `sign ${kind}`);
  svg.setAttribute("aria-hidden", "true");
  const outline = document.createElementNS("http://www.w3.org/2000/svg", "path");
  outline.setAttribute("d", path);
  svg.append(outline);
  return svg;
}
