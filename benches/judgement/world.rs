//! A mission: a line of 86 vertices, 50 zones, 20 rules, 1,000 fixed devices, and what they say; the same in every run.

use std::fmt::Write as _;

use serde_json::json;
use truceline_core::agreement::Bundle;
use truceline_core::engine::Engine;
use truceline_core::id::Id;
use truceline_core::log::{Body, Decoded, Document, Entry, ReadingEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, TimeBasis};

const LINE: &str = include_str!("line.geojson");
const DEVICES: usize = 1_000;
pub const READINGS: usize = 20_000;
/// Readings that come before those that are measured: the engine has run for a minute, and heard each device.
pub const BEFORE: usize = 60_000;
/// Readings a second of the whole mission, in the bench's world.
const RATE: f64 = 1_000.0;

const CLASSES: [&str; 5] = ["person", "vehicle", "tank", "artillery", "mlrs"];
/// How often an object is seen before its device follows another one.
const SIGHTINGS: usize = 10;

pub fn start() -> Time {
    "2026-11-24T12:00:00Z".parse().expect("a time")
}

/// Even numbers in [0, 1), the same in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() * count as f64) as usize
    }
}

pub fn vertices() -> Vec<(f64, f64)> {
    let parsed: serde_json::Value = serde_json::from_str(LINE).expect("GeoJSON");
    let geometry = parsed.pointer("/geometry").or_else(|| parsed.pointer("/features/0/geometry")).unwrap_or(&parsed);
    let coordinates = geometry["coordinates"].as_array().expect("coordinates");
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let vertices: Vec<(f64, f64)> = coordinates.iter().map(|at| (number(&at[0]), number(&at[1]))).collect();
    assert_eq!(vertices.len(), 86);
    vertices
}

/// 45 polygons of 40 vertices and 5 strips along the line; 20 rules that go by them.
pub fn agreement(line: &[(f64, f64)]) -> Bundle {
    let mut draw = Draw(7);
    let mut bundle = Bundle::default();
    let mut terms = "id = \"bench\"\n\n[[line]]\nid = \"main\"\nfile = \"line.geojson\"\n".to_owned();
    bundle.files.insert("line.geojson".to_owned(), LINE.to_owned());
    for number in 0..45 {
        let (lon, lat) = line[draw.below(line.len())];
        let (lon, lat) = (lon + draw.next() * 0.2 - 0.1, lat + draw.next() * 0.2 - 0.1);
        let radius = 0.01 + 0.03 * draw.next();
        let corner = |step: usize, wobble: f64| {
            let angle = (step % 40) as f64 / 40.0 * std::f64::consts::TAU;
            json!([lon + 1.5 * radius * wobble * angle.cos(), lat + radius * wobble * angle.sin()])
        };
        let wobbles: Vec<f64> = (0..40).map(|_| 0.8 + 0.2 * draw.next()).collect();
        let ring: Vec<_> = (0..=40).map(|step| corner(step, wobbles[step % 40])).collect();
        bundle
            .files
            .insert(format!("z{number}.geojson"), json!({"type": "Polygon", "coordinates": [ring]}).to_string());
        let _ = write!(terms, "\n[[zone]]\nid = \"z{number}\"\nfile = \"z{number}.geojson\"\n");
    }
    for (number, distance_m) in [2_000, 5_000, 15_000, 25_000, 35_000].iter().enumerate() {
        let _ = write!(terms, "\n[[zone]]\nid = \"strip{number}\"\nbuffer_of = \"main\"\ndistance_m = {distance_m}\n");
    }
    let areas = |from: usize| {
        let ids: Vec<String> = (from..from + 5).map(|number| format!("\"z{}\"", number % 45)).collect();
        format!("[{}]", ids.join(", "))
    };
    let mut rule = |id: &str, kind: &str, more: &str| {
        let _ = write!(terms, "\n[[rule]]\nid = \"{id}\"\nkind = \"{kind}\"\n{more}\n");
    };
    rule("fire-strip", "no_fire", "areas = [\"strip2\"]");
    rule("fire-a", "no_fire", "sides = [\"a\"]\nareas = [\"strip1\"]");
    for number in 0..4 {
        rule(&format!("fire-{number}"), "no_fire", &format!("areas = {}", areas(number * 10)));
    }
    rule("entry-a", "crossing", "sides = [\"a\"]");
    rule("entry-b", "crossing", "sides = [\"b\"]");
    for number in 0..6 {
        rule(&format!("stay-{number}"), "exclusion_zone", &format!("areas = {}", areas(number * 7)));
    }
    let far = "distances = [{ class = \"mlrs\", distance_m = 35000 }, { class = \"artillery\", distance_m = 25000 }, \
               { class = \"tank\", distance_m = 15000 }]";
    rule("withdrawal", "withdrawal", far);
    rule("withdrawal-b", "withdrawal", &format!("sides = [\"b\"]\n{far}"));
    for number in 0..2 {
        rule(&format!("flight-{number}"), "no_flight", &format!("areas = {}", areas(number * 20)));
    }
    rule("tamper", "tamper", "displacement_m = 50");
    rule("silence", "silence", "intervals = 5");
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    bundle
}

/// Where each device stands: within 10 km or so of the line.
pub fn stands(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut draw = Draw(11);
    let mut stand = || {
        let (lon, lat) = line[draw.below(line.len())];
        (lon + draw.next() * 0.2 - 0.1, lat + draw.next() * 0.2 - 0.1)
    };
    (0..DEVICES).map(|_| stand()).collect()
}

pub fn registry(stands: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (number, (lon, lat)) in stands.iter().enumerate() {
        let _ = writeln!(
            text,
            "[[device]]\nid = \"d{number:04}\"\nstation = \"st{:03}\"\nmobility = \"fixed\"\n\
             position = {{ lat = {lat:.7}, lon = {lon:.7} }}\nhacc_m = 3\ninterval_s = 60\n\
             range_m = {{ explosion = 8000, gunfire = 2000 }}\n",
            number / 5
        );
    }
    text
}

/// The sorts of reading, each a row of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Health,
    /// Objects that each device follows, one after another.
    Track,
    /// Objects that are seen once: each is a new track.
    Fresh,
    Heard,
    Bearing,
    Mixed,
}

/// An object that a device has followed so many times: its class, and its place beside the device's, degrees. Each is
/// seen ten times, on a way of some metres a second.
fn followed(device: usize, times: usize) -> (&'static str, f64, f64) {
    let mut draw = Draw(((device << 16) + times / SIGHTINGS) as u64);
    // The first number is too much like the next object's.
    draw.next();
    let class = CLASSES[draw.below(CLASSES.len())];
    let (lat, lon) = (draw.next() * 0.02 - 0.01, draw.next() * 0.02 - 0.01);
    (class, lat + 1e-4 * (times % SIGHTINGS) as f64, lon)
}

fn reading(
    sort: Sort,
    number: usize,
    stands: &[(f64, f64)],
    draw: &mut Draw,
    follows: &mut [usize],
) -> serde_json::Value {
    let device = draw.below(DEVICES);
    let (lon, lat) = stands[device];
    let time = start() + Span::from_secs_f64(number as f64 / RATE);
    let mut reading = json!({
        "v": 1, "device": format!("d{device:04}"), "boot": 1, "seq": number, "time": time.to_string(),
        "clock": {"source": "gnss", "uncertainty_ms": 5},
        "position": {"lat": lat, "lon": lon, "alt_m": 121, "hacc_m": 4.0, "fix": "3d", "satellites": 11},
    });
    let sort = match (sort, draw.next()) {
        (Sort::Mixed, part) if part < 0.5 => Sort::Health,
        (Sort::Mixed, part) if part < 0.9 => Sort::Track,
        (Sort::Mixed, part) if part < 0.95 => Sort::Bearing,
        (Sort::Mixed, _) => Sort::Heard,
        (sort, _) => sort,
    };
    let (kind, data) = match sort {
        Sort::Track => {
            let times = follows[device];
            follows[device] += 1;
            let (class, lat_off, lon_off) = followed(device, times);
            let at = json!({"lat": lat + lat_off, "lon": lon + lon_off, "hacc_m": 10.0});
            let name = format!("t{}", times / SIGHTINGS);
            ("object_track", json!({"track": name, "class": class, "confidence": 0.9, "position": at}))
        }
        Sort::Fresh => {
            let class = CLASSES[draw.below(CLASSES.len())];
            let (lat, lon) = (lat + draw.next() * 0.02 - 0.01, lon + draw.next() * 0.02 - 0.01);
            let at = json!({"lat": lat, "lon": lon, "hacc_m": 10.0});
            ("object_track", json!({"track": format!("t{number}"), "class": class, "confidence": 0.9, "position": at}))
        }
        Sort::Heard => ("acoustic_detection", json!({"class": "explosion", "confidence": 0.8, "snr_db": 14.2})),
        Sort::Bearing => {
            let bearing = draw.next() * 360.0;
            let data = json!({"class": "gunfire", "confidence": 0.8, "bearing_deg": bearing, "bearing_sd_deg": 4.0});
            ("acoustic_detection", data)
        }
        _ => ("health", json!({"battery_pct": 80.0, "enclosure": "closed", "tilt_deg": 0.3})),
    };
    reading["kind"] = kind.into();
    reading["data"] = data;
    reading
}

pub fn entries(sort: Sort, stands: &[(f64, f64)]) -> Vec<Entry> {
    let mut draw = Draw(23);
    let mut follows = vec![0; stands.len()];
    let entry = |number: usize| {
        let reading = reading(sort, number, stands, &mut draw, &mut follows);
        let device: Id = reading["device"].as_str().expect("an id").parse().expect("an id");
        let time: Time = reading["time"].as_str().expect("a time").parse().expect("a time");
        let body = Body::Reading(ReadingEntry {
            station: "st000".parse().expect("an id"),
            device,
            boot: 1,
            seq: number as u64,
            time,
            incarnation: 1,
            time_basis: TimeBasis::Reported,
            encoding: Encoding::Json,
            bytes: serde_json::to_vec(&reading).expect("JSON"),
            decoded: Decoded::default(),
        });
        Entry { offset: number as u64 + 10, arrived: time + Span::from_secs_f64(0.2), body }
    };
    (0..BEFORE + READINGS).map(entry).collect()
}

pub fn engine(line: &[(f64, f64)], stands: &[(f64, f64)]) -> Engine {
    let bodies = [
        Body::Service(true),
        Body::Link(true),
        Body::Agreement(agreement(line).document()),
        Body::Registry(Document::new(registry(stands))),
    ];
    let mut engine = Engine::new();
    for (offset, body) in (1_u64..).zip(bodies) {
        engine.handle_entry(&Entry { offset, arrived: start(), body });
    }
    assert_eq!(engine.limits_hit().documents, 0, "the agreement and the registry are valid");
    engine
}
