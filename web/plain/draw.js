// What is drawn: grid, zones, line, devices, alerts, scale. Buffers are distances to a line;
// they are drawn as broad strokes of it and never measured here.

import { distance } from "/assets/format.js";
import { roundLength } from "/assets/projection.js";
import { SEVERITIES, devicePath, severityPath } from "/assets/shapes.js";
import { t } from "/assets/words.js";

/** A part of a line on the screen; points closer than a pixel are left out. */
function screenPath(view, points) {
  const path = [];
  let last = null;
  points.forEach((point, n) => {
    const at = view.toScreen(point);
    if (last && n < points.length - 1 && Math.hypot(at[0] - last[0], at[1] - last[1]) < 0.8) return;
    path.push(at);
    last = at;
  });
  return path;
}

function trace(context, path) {
  path.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
}

function text(context, style, words, x, y, align = "left") {
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = style.ground;
  context.strokeText(words, x, y);
  context.fillText(words, x, y);
}

export function nothing(context, view, style) {
  context.font = style.strong;
  context.fillStyle = style.faint;
  text(context, style, t("map.empty"), view.width / 2, view.height / 2, "center");
}

export function grid(context, view, projection, style) {
  const middle = projection.back(view.fromScreen([view.width / 2, view.height / 2]));
  const corner = projection.back(view.fromScreen([0, 0]));
  const spanLat = Math.abs(corner.lat - middle.lat) * 2;
  const step = roundLength(Math.max(0.001, spanLat / 2.5));
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  context.lineWidth = 1;
  context.strokeStyle = style.grid;
  context.fillStyle = style.faint;
  context.font = style.small;
  for (let n = -6; n <= 6; n += 1) {
    const lat = (Math.round(middle.lat / step) + n) * step;
    const [, y] = view.toScreen(projection.to({ lon: middle.lon, lat }));
    const lon = (Math.round(middle.lon / step) + n) * step;
    const [x] = view.toScreen(projection.to({ lon, lat: middle.lat }));
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(view.width, y);
    context.moveTo(x, 0);
    context.lineTo(x, view.height);
    context.stroke();
    context.strokeStyle = style.grid;
    if (y > 20 && y < view.height - 50) {
      text(context, style, `${Math.abs(lat).toFixed(decimals)}° ${lat < 0 ? "S" : "N"}`, view.width - 6, y - 8, "right");
    }
    if (x > 60 && x < view.width - 70) {
      text(context, style, `${Math.abs(lon).toFixed(decimals)}° ${lon < 0 ? "W" : "E"}`, x + 4, view.height - 10);
    }
    context.lineWidth = 1;
    context.strokeStyle = style.grid;
  }
}

/** The half plane on one side of a part, as a region to clip to: its ends are drawn out straight. */
function sideRegion(path, side, far) {
  const unit = ([ax, ay], [bx, by]) => {
    const length = Math.hypot(bx - ax, by - ay) || 1;
    return [(bx - ax) / length, (by - ay) / length];
  };
  const first = unit(path[0], path[1]);
  const last = unit(path[path.length - 2], path[path.length - 1]);
  const turn = side === "a" ? 1 : -1;
  const start = [path[0][0] - first[0] * far, path[0][1] - first[1] * far];
  const end = [path[path.length - 1][0] + last[0] * far, path[path.length - 1][1] + last[1] * far];
  const out = ([x, y], [dx, dy]) => [x + turn * dy * far, y - turn * dx * far];
  return [start, ...path, end, out(end, last), out(start, first)];
}

export function zones(context, view, scene, style) {
  const names = [];
  for (const zone of scene.buffers) {
    for (const part of zone.parts) {
      const path = screenPath(view, part);
      if (path.length < 2) continue;
      context.save();
      if (zone.side) {
        context.beginPath();
        trace(context, sideRegion(path, zone.side, 4 * (view.width + view.height) + 1e6 * view.scale));
        context.closePath();
        context.clip();
      }
      context.beginPath();
      trace(context, path);
      context.lineWidth = 2 * zone.distance_m * view.scale;
      context.lineJoin = "round";
      context.lineCap = "round";
      context.strokeStyle = style.buffer;
      context.stroke();
      context.restore();
    }
  }
  for (const zone of scene.areas) {
    context.beginPath();
    for (const ring of zone.rings) {
      trace(context, screenPath(view, ring));
      context.closePath();
    }
    context.fillStyle = style.area;
    context.fill("evenodd");
    context.lineWidth = 1.5;
    context.setLineDash([5, 3]);
    context.strokeStyle = style.areaEdge;
    context.stroke();
    context.setLineDash([]);
    const [x, y] = view.toScreen(zone.middle);
    context.font = style.small;
    context.fillStyle = style.faint;
    const apart = 12 + view.scale * 1000;
    const width = context.measureText(zone.id).width;
    const left = x + apart + width > view.width - 50 ? x - apart - width : x + apart;
    // A name that would lie on another is left out until the map is closer.
    const free = names.every((other) => Math.abs(other.y - y) > 16 || left > other.left + other.width + 6 || left + width + 6 < other.left);
    if (free) text(context, style, zone.id, left, y + 15);
    if (free) names.push({ left, width, y });
  }
}

export function lines(context, view, scene, style) {
  for (const line of scene.lines) {
    for (const part of line.parts) {
      const path = screenPath(view, part);
      context.beginPath();
      trace(context, path);
      context.lineJoin = "round";
      context.lineWidth = line.primary ? 6 : 4;
      context.strokeStyle = style.ground;
      context.stroke();
      context.lineWidth = line.primary ? 3 : 1.5;
      context.strokeStyle = style.line;
      context.stroke();
      arrows(context, path, style);
    }
  }
}

/** Small heads along the line that show its direction: side A is to the left of it. */
function arrows(context, path, style) {
  let due = 70;
  for (let n = 1; n < path.length; n += 1) {
    const [[ax, ay], [bx, by]] = [path[n - 1], path[n]];
    const length = Math.hypot(bx - ax, by - ay);
    if (length > 20000) continue;
    while (length > 0 && due <= length) {
      const [x, y] = [ax + ((bx - ax) * due) / length, ay + ((by - ay) * due) / length];
      context.save();
      context.translate(x, y);
      context.rotate(Math.atan2(by - ay, bx - ax));
      context.beginPath();
      context.moveTo(8, 0);
      context.lineTo(-5, -6);
      context.lineTo(-2, 0);
      context.lineTo(-5, 6);
      context.closePath();
      context.fillStyle = style.line;
      context.strokeStyle = style.ground;
      context.lineWidth = 2;
      context.stroke();
      context.fill();
      context.restore();
      due += 150;
    }
    due -= length;
  }
}

/** The sides' names, beside the middle of what is seen of the primary line. */
export function sides(context, view, scene, style) {
  const line = scene.lines.find((candidate) => candidate.primary);
  if (!line) return;
  let best = null;
  for (const part of line.parts) {
    const path = screenPath(view, part);
    for (let n = 1; n < path.length; n += 1) {
      const [[ax, ay], [bx, by]] = [path[n - 1], path[n]];
      const square = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      const along = ((view.width / 2 - ax) * (bx - ax) + (view.height / 2 - ay) * (by - ay)) / square;
      // Not at a vertex, where the two edges would disagree about what is beside them.
      const part = Math.min(0.9, Math.max(0.1, along));
      const [x, y] = [ax + (bx - ax) * part, ay + (by - ay) * part];
      // Near the middle, and rather at a long edge, where names lie clear of the line.
      const off = Math.hypot(x - view.width / 2, y - view.height / 2) - Math.min(Math.sqrt(square), 200);
      if (!best || off < best.off) best = { off, x, y, angle: Math.atan2(by - ay, bx - ax) };
    }
  }
  if (!best || best.x < 0 || best.y < 0 || best.x > view.width || best.y > view.height) return;
  context.font = style.strong;
  context.fillStyle = style.line;
  for (const [side, name, turn] of [["A", line.side_a, 1], ["B", line.side_b, -1]]) {
    const [nx, ny] = [turn * Math.sin(best.angle), -turn * Math.cos(best.angle)];
    const words = name ? t("side.named", { side, name }) : t("side", { side });
    const half = context.measureText(words).width / 2;
    const x = Math.min(view.width - half - 50, Math.max(half + 8, best.x + nx * (52 + half)));
    const y = Math.min(view.height - 30, Math.max(16, best.y + ny * 44));
    text(context, style, words, x, y, "center");
  }
}

function mark(context, path, x, y, size, fill, edge, width) {
  context.save();
  context.translate(x, y);
  context.scale(size, size);
  context.lineWidth = width / size;
  context.lineJoin = "round";
  if (fill) {
    context.fillStyle = fill;
    context.fill(path);
  }
  context.strokeStyle = edge;
  context.stroke(path);
  context.restore();
}

export function devices(context, view, scene, style, marks) {
  for (const { at, item } of scene.devices) {
    const [x, y] = view.toScreen(at);
    if (x < -20 || y < -20 || x > view.width + 20 || y > view.height + 20) continue;
    const path = new Path2D(devicePath(item.state));
    const colour = style.device[item.state] ?? style.device.never_heard;
    if (item.state === "silent") mark(context, path, x, y, 0.8, null, style.ground, 5);
    const filled = item.state === "ok" ? colour : item.state === "silent" ? null : style.ground;
    mark(context, path, x, y, 0.8, filled, item.state === "ok" ? style.ground : colour, item.state === "ok" ? 1 : 2);
    marks.push({ x, y, kind: "device", item });
  }
}

/** Where an alert may be: its 95 % circle or ellipse, its disc, or its sector. */
function extent(context, view, place, x, y, colour, style) {
  context.beginPath();
  if (place.shape === "sector") {
    const middle = ((place.bearing_deg - 90) * Math.PI) / 180;
    const half = (Math.min(place.width_deg, 359.9) * Math.PI) / 360;
    context.arc(x, y, place.range_max_m * view.scale, middle - half, middle + half);
    context.arc(x, y, place.range_min_m * view.scale, middle + half, middle - half, true);
    context.closePath();
  } else if (place.shape === "ellipse") {
    const turn = ((place.azimuth_deg - 90) * Math.PI) / 180;
    context.ellipse(x, y, place.semi_major_m * view.scale, place.semi_minor_m * view.scale, turn, 0, 2 * Math.PI);
  } else {
    context.arc(x, y, (place.hacc_m ?? place.radius_m) * view.scale, 0, 2 * Math.PI);
  }
  context.globalAlpha = style.extentAlpha;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 0.75;
  context.lineWidth = 1;
  context.strokeStyle = colour;
  context.stroke();
  context.globalAlpha = 1;
}

/** Where an alert's mark goes: a lone detection is not at its sensor, so a sector's is in its middle. */
function markPoint(view, place, [x, y]) {
  if (place.shape !== "sector") return [x, y];
  const middle = ((place.bearing_deg - 90) * Math.PI) / 180;
  const far = ((place.range_min_m + place.range_max_m) / 2) * view.scale;
  return [x + far * Math.cos(middle), y + far * Math.sin(middle)];
}

export function alerts(context, view, scene, style, marks, selected) {
  const placed = scene.alerts.map(({ at, item }) => ({ at: view.toScreen(at), item }));
  placed.sort((a, b) => SEVERITIES.indexOf(a.item.severity) - SEVERITIES.indexOf(b.item.severity));
  for (const { at: [x, y], item } of placed) extent(context, view, item.where, x, y, style.severity[item.severity], style);
  for (const { at, item } of placed) {
    const [x, y] = markPoint(view, item.where, at);
    const path = new Path2D(severityPath(item.severity));
    if (item.id === selected) {
      context.beginPath();
      context.arc(x, y, 17, 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = style.focus;
      context.stroke();
    }
    const colour = style.severity[item.severity];
    // Hollow where all that is known is a disc around the sensor.
    const hollow = item.where.shape === "disc";
    mark(context, path, x, y, 1, hollow ? style.ground : colour, hollow ? colour : style.ground, 2);
    marks.push({ x, y, kind: "alert", item });
  }
}

export function scaleBar(context, view, style) {
  const length = roundLength(Math.min(150, view.width / 3) / view.scale);
  const width = length * view.scale;
  const [x, y] = [14, view.height - 34];
  context.lineWidth = 5;
  context.strokeStyle = style.ground;
  for (const pass of [0, 1]) {
    if (pass) [context.lineWidth, context.strokeStyle] = [2, style.text];
    context.beginPath();
    context.moveTo(x, y - 5);
    context.lineTo(x, y);
    context.lineTo(x + width, y);
    context.lineTo(x + width, y - 5);
    context.stroke();
  }
  context.font = style.small;
  context.fillStyle = style.text;
  text(context, style, distance(length), x + 5, y - 10);
}
