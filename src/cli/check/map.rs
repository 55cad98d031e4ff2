//! A map of what was understood, as SVG.
//!
//! It is for looking at, not for measuring: buffers and distances are drawn on a plane.

mod frame;
mod labels;
mod strip;

use std::collections::BTreeMap;
use std::fmt::Write;

use frame::{Frame, Point};
use labels::Labels;
use truceline_core::agreement::{Agreement, Extent, Line, Validity, Zone};
use truceline_core::geometry::{Course, LonLat, Side};
use truceline_core::id::Id;
use truceline_core::registry::Registry;
use truceline_core::time::Time;

use super::words;

/// Colours that the colour-blind can tell apart (Okabe and Ito 2008), without black and yellow.
const COLOURS: [&str; 6] = ["#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"];
/// More stations, or zones, than this get no labels: they would hide the map.
const MOST_LABELS: usize = 200;
/// More zones than this are not listed beside the map.
const MOST_ENTRIES: usize = 30;
const PANEL: f64 = 290.0;
const STYLE: &str = "text{font-family:'DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif;fill:#222}\
 .halo{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}\
 .side{fill:#555;font-style:italic}.small{fill:#555}.grid{stroke:#d8dde0;stroke-width:1}\
 .leader{stroke:#777;stroke-width:.7}.line{fill:none;stroke:#111;stroke-linejoin:round;stroke-linecap:round}\
 .device{fill:#fff;stroke:#111;stroke-width:1.2}.sheet{fill:#fff}.box{fill:#f7f8f8;stroke:#99a}\
 .arrow{fill:#111}.mark{fill:none;stroke:#222;stroke-width:1.4}";

/// What a page changes where its reader prefers dark ones.
const DARK: &str = "@media(prefers-color-scheme:dark){body{background:#14181a}svg text{fill:#e4e7e8}\
 svg .halo{stroke:#14181a}svg .side,svg .small{fill:#a9b2b6}svg .grid{stroke:#30383c}svg .leader{stroke:#8a9498}\
 svg .line{stroke:#f2f4f4}svg .arrow{fill:#f2f4f4}svg .mark{stroke:#e4e7e8}svg .sheet{fill:#14181a}\
 svg .box{fill:#1c2225;stroke:#566}svg .device{fill:#14181a;stroke:#f2f4f4}}";

/// Draws the versions in force at `at`, or the newest of each.
pub(super) fn draw(agreement: &Agreement, registry: Option<&Registry>, at: Option<Time>) -> String {
    let lines = versions(&agreement.lines, at, |line| (&line.id, line.validity));
    let zones = versions(&agreement.zones, at, |zone| (&zone.id, zone.validity));
    let stations = stations(registry);
    let note = wrap(agreement.note.trim(), 120);
    let (positions, margin_m) = extent(&lines, &zones, &stations);
    let title = wrap(&agreement.name, 100);
    let frame = Frame::new(&positions, margin_m, (16.0, 50.0 + 22.0 * title.len() as f64), (840.0, 760.0));
    let (left, top, width, height) = frame.area;
    let panel = left + width + 20.0;
    let mut body = String::new();
    graticule(&mut body, &frame);
    let mut labels = Labels::new(frame.area);
    north_arrow(&mut body, &mut labels, &frame);
    scale_bar(&mut body, &mut labels, &frame);
    body.push_str("<g clip-path=\"url(#box)\">\n");
    let colours = draw_zones(&mut body, &mut labels, &frame, &zones, &lines);
    for (number, line) in lines.iter().enumerate() {
        draw_line(&mut body, &mut labels, &frame, line, number == 0);
    }
    draw_stations(&mut body, &mut labels, &frame, &stations);
    if zones.len() <= MOST_LABELS {
        for zone in &zones {
            label_zone(&mut labels, &frame, zone);
        }
    }
    if let Some(line) = lines.first() {
        name_sides(&mut labels, &frame, line);
    }
    body.push_str("</g>\n");
    body.push_str(&labels.into_svg());
    let listed = legend(&mut body, (panel, top), &lines, &colours, &stations);
    let below = top + height + 34.0 + 15.0 * note.len() as f64;
    let sheet = (panel + PANEL, below.max(listed));

    let mut svg = String::new();
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0} {:.0}" width="{:.0}" height="{:.0}" role="img">
<title>{title}</title>
<style>{STYLE}</style>
<rect class="sheet" width="100%" height="100%"/>
<clipPath id="box"><rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}"/></clipPath>
<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" class="box"/>
"#,
        sheet.0,
        sheet.1,
        sheet.0,
        sheet.1,
        title = escaped(&agreement.name)
    );
    for (number, line) in title.iter().enumerate() {
        let y = 32.0 + 22.0 * number as f64;
        let _ = writeln!(svg, r#"<text x="{left}" y="{y}" font-size="17" font-weight="bold">{}</text>"#, escaped(line));
    }
    let versions = match at {
        Some(at) => format!("As in force at {at}"),
        None => "The newest version of each line and zone".to_owned(),
    };
    let _ = writeln!(
        svg,
        r#"<text class="small" x="{left}" y="{:.1}" font-size="12">{versions}; version {:.12} of the text</text>"#,
        32.0 + 22.0 * title.len() as f64,
        agreement.hash
    );
    svg.push_str(&body);
    for (number, line) in note.iter().enumerate() {
        let y = top + height + 26.0 + 15.0 * number as f64;
        let _ = writeln!(svg, r#"<text class="small" x="{left}" y="{y:.1}" font-size="12">{}</text>"#, escaped(line));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A page that shows the map.
pub(super) fn page(title: &str, svg: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n\
         <style>body{{margin:1rem}}svg{{display:block;width:100%;height:auto;max-height:calc(100vh - 2rem)}}{DARK}</style>\
         </head>\n<body>\n{svg}</body>\n</html>\n",
        escaped(title)
    )
}

/// Text for XML, without the characters that XML does not have.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// Of each id the version in force at `at`, or else the one that starts last; in the agreement's order.
fn versions<T>(all: &[T], at: Option<Time>, key: impl Fn(&T) -> (&Id, Validity)) -> Vec<&T> {
    let mut chosen: Vec<&T> = Vec::new();
    for item in all {
        let (id, validity) = key(item);
        if at.is_some_and(|at| !validity.contains(at)) {
            continue;
        }
        match chosen.iter_mut().find(|other| key(other).0 == id) {
            Some(other) if key(other).1.from < validity.from => *other = item,
            Some(_) => {}
            None => chosen.push(item),
        }
    }
    chosen
}

/// The surveyed places by station.
fn stations(registry: Option<&Registry>) -> BTreeMap<String, Vec<LonLat>> {
    let mut stations: BTreeMap<String, Vec<LonLat>> = BTreeMap::new();
    for device in registry.iter().flat_map(|registry| registry.devices.values()) {
        if let Some(position) = device.position {
            stations.entry(device.station.to_string()).or_default().push(position);
        }
    }
    stations
}

/// All positions to be shown, and the widest strip along a line.
fn extent(lines: &[&Line], zones: &[&Zone], stations: &BTreeMap<String, Vec<LonLat>>) -> (Vec<LonLat>, f64) {
    let mut positions: Vec<LonLat> = lines.iter().flat_map(|line| line.course().boundary().parts().concat()).collect();
    let mut margin_m = 0.0_f64;
    for zone in zones {
        match &zone.extent {
            Extent::Area(area) => positions.extend(area.polygons().iter().flatten().flatten()),
            Extent::Buffer { distance_m, .. } => margin_m = margin_m.max(*distance_m),
        }
    }
    positions.extend(stations.values().flatten());
    (positions, margin_m)
}

fn graticule(svg: &mut String, frame: &Frame) {
    let (left, top, width, height) = frame.area;
    let (lons, lats) = frame.graticule();
    let degrees = |value: f64, positive: char, negative: char| {
        let letter = match value.abs() {
            0.0 | 180.0 => String::new(),
            _ if value < 0.0 => negative.to_string(),
            _ => positive.to_string(),
        };
        let digits = format!("{:.4}", value.abs());
        format!("{}°{letter}", digits.trim_end_matches('0').trim_end_matches('.'))
    };
    for (lon, x) in lons.into_iter().filter(|(_, x)| *x < left + width - 70.0) {
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{top:.1}" y2="{:.1}"/><text class="small" x="{:.1}" y="{:.1}" font-size="10">{}</text>"#,
            top + height,
            x + 3.0,
            top + 12.0,
            degrees(lon, 'E', 'W')
        );
    }
    for (lat, y) in lats {
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{left:.1}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="small" x="{:.1}" y="{:.1}" font-size="10">{}</text>"#,
            left + width,
            left + 4.0,
            y - 3.0,
            degrees(lat, 'N', 'S')
        );
    }
}

/// Draws the zones, widest first, and returns the legend's entries: colour, and what it stands for.
fn draw_zones(
    svg: &mut String,
    labels: &mut Labels,
    frame: &Frame,
    zones: &[&Zone],
    lines: &[&Line],
) -> Vec<(&'static str, String)> {
    let width_m = |zone: &Zone| match zone.extent {
        Extent::Buffer { distance_m, .. } => distance_m,
        Extent::Area(_) => 0.0,
    };
    let mut order: Vec<&Zone> = zones.to_vec();
    order.sort_by(|a, b| width_m(b).total_cmp(&width_m(a)));
    let mut legend = Vec::new();
    for (zone, colour) in order.into_iter().zip(COLOURS.iter().cycle()) {
        match &zone.extent {
            Extent::Area(area) => {
                let mut path = String::new();
                for ring in area.polygons().iter().flatten() {
                    path.push_str(&path_of(&points(frame, ring)));
                    path.push('Z');
                }
                let _ = writeln!(
                    svg,
                    r#"<path d="{path}" fill="{colour}" fill-opacity=".35" stroke="{colour}" stroke-width="1.5" fill-rule="evenodd"/>"#
                );
                let middle = middle(frame, area.polygons().iter().flatten().flatten());
                labels.keep_clear(middle, 6.0);
                legend.push((*colour, zone.id.to_string()));
            }
            Extent::Buffer { line, distance_m, side } => {
                let sides = match side {
                    Some(Side::A) => ", side a",
                    Some(Side::B) => ", side b",
                    _ => "",
                };
                legend.push((
                    *colour,
                    format!("{}: within {} of line {line}{sides}", zone.id, words::metres(*distance_m)),
                ));
                let Some(line) = lines.iter().find(|other| other.id == *line) else { continue };
                // One group, so that parts which overlap do not darken one another.
                let _ = writeln!(svg, r#"<g fill="{colour}" opacity=".16">"#);
                let course = line.course();
                for (number, part) in course.boundary().parts().iter().enumerate() {
                    let part = points(frame, part);
                    let strip = strip::path(&part, frame.pixels(*distance_m));
                    let clip = format!("{}-{number}", zone.id);
                    let clipped = match side {
                        Some(side) => {
                            let (left, top, width, height) = frame.area;
                            let half = if course.area().is_some() {
                                inside_or_outside(frame, &course, *side)
                            } else {
                                strip::half(&part, *side, (left + width / 2.0, top + height / 2.0), 4_000.0)
                            };
                            let _ = writeln!(
                                svg,
                                r#"<clipPath id="{clip}"><path d="{half}" clip-rule="evenodd"/></clipPath>"#
                            );
                            format!(r#" clip-path="url(#{clip})""#)
                        }
                        None => String::new(),
                    };
                    let _ = writeln!(svg, r#"<path d="{strip}"{clipped}/>"#);
                }
                svg.push_str("</g>\n");
            }
        }
    }
    legend
}

/// The inside of a control area, or all of the sheet but that, by the even-odd rule.
fn inside_or_outside(frame: &Frame, course: &Course, side: Side) -> String {
    let (left, top, width, height) = frame.area;
    let mut path = String::new();
    if side == Side::B {
        let _ = write!(path, "M{left:.1},{top:.1}h{width:.1}v{height:.1}h-{width:.1}Z");
    }
    for ring in course.boundary().parts() {
        path.push_str(&path_of(&points(frame, ring)));
        path.push('Z');
    }
    path
}

fn draw_line(svg: &mut String, labels: &mut Labels, frame: &Frame, line: &Line, primary: bool) {
    let weight = if primary { 2.2 } else { 1.4 };
    for part in line.course().boundary().parts() {
        let points = points(frame, part);
        labels.keep_clear_of_line(&points);
        let _ = writeln!(svg, r#"<path class="line" d="{}" stroke-width="{weight}"/>"#, path_of(&points));
        for share in [0.2, 0.5, 0.8] {
            let Some(((x, y), angle)) = along(&points, share) else { continue };
            let _ = writeln!(
                svg,
                r#"<path class="arrow" d="M-6,-5L7,0L-6,5Z" transform="translate({x:.1},{y:.1}) rotate({angle:.1})"/>"#
            );
        }
    }
    let course = line.course();
    let longest = course.boundary().parts().iter().max_by_key(|part| part.len());
    if let Some((start, _)) = longest.and_then(|part| along(&points(frame, part), 0.0)) {
        labels.place(start, 6.0, &format!("line {}", line.id), "halo", 11.5);
    }
}

/// Writes the sides' names where all of the text lies on that side, not far from the line's middle.
fn name_sides(labels: &mut Labels, frame: &Frame, line: &Line) {
    let course = line.course();
    let longest = course.boundary().parts().iter().max_by_key(|part| part.len());
    let Some((middle, _)) = longest.and_then(|part| along(&points(frame, part), 0.45)) else { return };
    let metre = frame.pixels(1.0);
    for (name, letter, sign) in [(&line.side_names[0], 'a', 1.0), (&line.side_names[1], 'b', -1.0)] {
        labels.place_where(&format!("{name} (side {letter})"), "side halo", 15.0, |points| {
            let mut nearest = f64::INFINITY;
            for point in points {
                let signed = course.locate(frame.position(*point)?).signed_m * metre * sign;
                nearest = nearest.min(signed);
            }
            let far = points.first().map_or(0.0, |point| (point.0 - middle.0).hypot(point.1 - middle.1));
            (nearest > 8.0).then_some((nearest - 30.0).abs() + 0.3 * far)
        });
    }
}

fn draw_stations(svg: &mut String, labels: &mut Labels, frame: &Frame, stations: &BTreeMap<String, Vec<LonLat>>) {
    let crowded = stations.len() > MOST_LABELS;
    for (station, positions) in stations {
        for position in positions {
            let (x, y) = frame.point(*position);
            if !crowded {
                labels.keep_clear((x, y), 4.0);
            }
            let _ = writeln!(svg, r#"<circle class="device" cx="{x:.1}" cy="{y:.1}" r="3"/>"#);
        }
        if !crowded {
            labels.place(middle(frame, positions.iter()), 4.0, station, "halo", 11.5);
        }
    }
}

fn label_zone(labels: &mut Labels, frame: &Frame, zone: &Zone) {
    if let Extent::Area(area) = &zone.extent {
        labels.place(middle(frame, area.polygons().iter().flatten().flatten()), 7.0, zone.id.as_str(), "halo", 11.5);
    }
}

/// Lists what is drawn and returns where the list ends.
fn legend(
    svg: &mut String,
    (left, top): Point,
    lines: &[&Line],
    zones: &[(&'static str, String)],
    stations: &BTreeMap<String, Vec<LonLat>>,
) -> f64 {
    let mut y = top + 8.0;
    let mut entry = |symbol: &str, text: &str| {
        for (number, text) in wrap(text, 36).iter().enumerate() {
            if number == 0 {
                let _ = writeln!(svg, r#"<g transform="translate({left:.1},{y:.1})">{symbol}</g>"#);
            }
            let _ = writeln!(
                svg,
                r#"<text x="{:.1}" y="{:.1}" font-size="12">{}</text>"#,
                left + 32.0,
                y + 4.0,
                escaped(text)
            );
            y += 17.0;
        }
        y += 5.0;
    };
    for line in lines {
        let symbol = r#"<path class="line" d="M0,0H24" stroke-width="2.2"/><path class="arrow" d="M9,-5L20,0L9,5Z"/>"#;
        let [a, b] = &line.side_names;
        let text = if line.course().area().is_some() {
            format!("control area {}: {a} is inside, to the left of the arrows, {b} outside", line.id)
        } else {
            format!("line {}: {a} is to the left of the arrows, {b} to the right", line.id)
        };
        entry(symbol, &text);
    }
    for (colour, text) in zones.iter().take(MOST_ENTRIES) {
        let symbol =
            format!(r#"<rect y="-7" width="24" height="14" fill="{colour}" fill-opacity=".4" stroke="{colour}"/>"#);
        entry(&symbol, text);
    }
    if zones.len() > MOST_ENTRIES {
        entry("", &format!("and {} more zones", zones.len() - MOST_ENTRIES));
    }
    if !stations.is_empty() {
        entry(r#"<circle class="device" cx="12" r="3.5"/>"#, "fixed device, with its station's id");
    }
    y
}

fn scale_bar(svg: &mut String, labels: &mut Labels, frame: &Frame) {
    let (left, top, width, height) = frame.area;
    let (metres, pixels) = frame.scale_bar();
    let (right, y) = (left + width - 16.0, top + height - 16.0);
    labels.keep_clear_of_line(&[(right - pixels, y - 4.0), (right, y - 4.0)]);
    labels.keep_clear((right - 22.0, y - 14.0), 22.0);
    let _ = writeln!(
        svg,
        r#"<path class="mark" d="M{:.1},{:.1}v6h{pixels:.1}v-6"/><text class="halo" x="{:.1}" y="{:.1}" font-size="11" text-anchor="end">{}</text>"#,
        right - pixels,
        y - 6.0,
        right,
        y - 10.0,
        words::metres(metres)
    );
}

/// North is up all over the sheet.
fn north_arrow(svg: &mut String, labels: &mut Labels, frame: &Frame) {
    let (left, top, width, _) = frame.area;
    let (x, y) = (left + width - 20.0, top + 32.0);
    labels.keep_clear((x, y), 20.0);
    let _ = writeln!(
        svg,
        r#"<g transform="translate({x:.1},{y:.1})"><path class="arrow" d="M0,-16L6,2L0,-2L-6,2Z"/><text class="halo" y="15" font-size="12" font-weight="bold" text-anchor="middle">N</text></g>"#
    );
}

/// The positions on the sheet, without those that nobody could tell from the one before.
fn points(frame: &Frame, positions: &[LonLat]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (number, position) in positions.iter().enumerate() {
        let point = frame.point(*position);
        let moved = points.last().is_none_or(|last| (point.0 - last.0).hypot(point.1 - last.1) > 0.3);
        if moved || number + 1 == positions.len() {
            points.push(point);
        }
    }
    points
}

fn path_of(points: &[Point]) -> String {
    let mut path = String::new();
    for (number, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1},{y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    path
}

/// Mean of the positions on the sheet.
fn middle<'p>(frame: &Frame, positions: impl Iterator<Item = &'p LonLat>) -> Point {
    let (mut x, mut y, mut count) = (0.0, 0.0, 0.0_f64);
    for position in positions {
        let point = frame.point(*position);
        (x, y, count) = (x + point.0, y + point.1, count + 1.0);
    }
    (x / count.max(1.0), y / count.max(1.0))
}

/// The point at a share of the length, and the heading there in degrees on the sheet.
fn along(points: &[Point], share: f64) -> Option<(Point, f64)> {
    let steps = || points.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
    let length = |(from, to): (Point, Point)| (to.0 - from.0).hypot(to.1 - from.1);
    let mut left = steps().map(length).sum::<f64>() * share;
    for (from, to) in steps() {
        let step = length((from, to));
        if step > 0.0 && left <= step {
            let part = left / step;
            let heading = (to.1 - from.1).atan2(to.0 - from.0).to_degrees();
            return Some(((from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part), heading));
        }
        left -= step;
    }
    None
}

/// Lines of at most `most` characters.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
