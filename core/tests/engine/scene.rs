//! A small stage: a straight line along 48 N from west to east (side A is north), one square zone, entries by the second.

use serde_json::{Value, json};
use truceline_core::agreement::Bundle;
use truceline_core::alert::Alert;
use truceline_core::engine::{Engine, Output};
use truceline_core::id::Id;
use truceline_core::log::*;
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, RejectReason, TimeBasis};

/// Degrees of latitude to a metre, near 48 N.
pub const DEG_LAT_M: f64 = 1.0 / 111_200.0;
/// Degrees of longitude to a metre, near 48 N.
pub const DEG_LON_M: f64 = 1.0 / 74_600.0;

/// Seconds after the start of every story.
pub fn t(seconds: f64) -> Time {
    "2026-11-24T12:00:00Z".parse::<Time>().unwrap() + Span::from_secs_f64(seconds)
}

pub fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// A position so many metres north of the line, at 38 E plus so many metres east.
pub fn at(north_m: f64, east_m: f64) -> (f64, f64) {
    (48.0 + north_m * DEG_LAT_M, 38.0 + east_m * DEG_LON_M)
}

/// The zone `square` reaches from 5 to 7 km north of the line and from 0 to 2 km east.
pub fn agreement(rules: &str) -> Bundle {
    agreement_as("actual", rules)
}

pub fn agreement_as(status: &str, rules: &str) -> Bundle {
    agreement_with(&format!("status = \"{status}\""), rules)
}

/// With more keys at its top.
pub fn agreement_with(top: &str, rules: &str) -> Bundle {
    let terms = format!(
        r#"
id = "test"
name = "A straight line"
{top}
late_after_s = 300

[[line]]
id = "line"
file = "line.geojson"

[[zone]]
id = "square"
file = "square.geojson"

[[zone]]
id = "near"
buffer_of = "line"
distance_m = 20000

[[zone]]
id = "near-b"
buffer_of = "line"
distance_m = 20000
side = "b"

{rules}
"#
    );
    let ((south, west), (north, east)) = (at(5_000.0, 0.0), at(7_000.0, 2_000.0));
    let ring = json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
    let line = json!({"type": "LineString", "coordinates": [[37.0, 48.0], [39.0, 48.0]]});
    let mut bundle = Bundle::default();
    bundle.files.insert("agreement.toml".to_owned(), terms);
    bundle.files.insert("line.geojson".to_owned(), line.to_string());
    bundle.files.insert("square.geojson".to_owned(), json!({"type": "Polygon", "coordinates": ring}).to_string());
    bundle
}

/// A fixed device so many metres north and east, with more TOML lines.
pub fn fixed(device: &str, station: &str, north_m: f64, east_m: f64, more: &str) -> String {
    let (lat, lon) = at(north_m, east_m);
    format!(
        "[[device]]\nid = \"{device}\"\nstation = \"{station}\"\nmobility = \"fixed\"\n\
         position = {{ lat = {lat:.9}, lon = {lon:.9} }}\nhacc_m = 3\n{more}\n"
    )
}

pub fn mobile(device: &str, station: &str, more: &str) -> String {
    format!("[[device]]\nid = \"{device}\"\nstation = \"{station}\"\nmobility = \"mobile\"\nhacc_m = 20\n{more}\n")
}

/// The journal so far, the engine that reads it, and what it said.
pub struct Scene {
    pub engine: Engine,
    pub entries: Vec<Entry>,
    pub outputs: Vec<Output>,
    seq: u64,
}

impl Scene {
    /// An agreement with these rules and a registry of these devices, at second 0.
    pub fn new(rules: &str, registry: &str) -> Self {
        Self::of(agreement(rules), registry)
    }

    pub fn of(agreement: Bundle, registry: &str) -> Self {
        let mut scene = Self::empty();
        scene.enter(0.0, Body::Service(true));
        scene.enter(0.0, Body::Link(true));
        scene.enter(0.0, Body::Agreement(agreement.document()));
        scene.enter(0.0, Body::Registry(Document::new(registry.to_owned())));
        assert_eq!(scene.engine.limits_hit().documents, 0, "the agreement and the registry are valid");
        scene
    }

    pub fn empty() -> Self {
        Self { engine: Engine::new(), entries: Vec::new(), outputs: Vec::new(), seq: 0 }
    }

    /// One entry that arrives at this second; what the engine says to it.
    pub fn enter(&mut self, arrived_s: f64, body: Body) -> Vec<Alert> {
        let entry = Entry { offset: self.entries.len() as u64 + 1, arrived: t(arrived_s), body };
        self.engine.handle_entry(&entry);
        self.entries.push(entry);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.engine.poll_output()).collect();
        self.outputs.extend(outputs.iter().cloned());
        outputs.iter().filter_map(|output| output.said.alert()).cloned().collect()
    }

    /// Time passes: ticks, as the evaluator appends them, then one at this second.
    pub fn wait_until(&mut self, second: f64) -> Vec<Alert> {
        let mut said = Vec::new();
        for _ in 0..10_000 {
            let Some(due) = self.engine.poll_timeout().filter(|due| *due <= t(second)) else {
                said.extend(self.enter(second, Body::Tick));
                return said;
            };
            let now = due.max(self.entries.last().map_or(due, |entry| entry.arrived));
            said.extend(self.enter(now.since(t(0.0)).secs_f64(), Body::Tick));
        }
        panic!("the engine is never done");
    }

    /// A reading made at one second that arrives at another.
    pub fn reading(&mut self, device: &str, made_s: f64, arrived_s: f64, fields: Value) -> Vec<Alert> {
        let body = self.reading_body(device, made_s, fields);
        self.enter(arrived_s, body)
    }

    pub fn reading_body(&mut self, device: &str, made_s: f64, fields: Value) -> Body {
        self.seq += 1;
        let station = device.split('-').next().unwrap();
        let mut reading = json!({
            "v": 1, "device": device, "boot": 7, "seq": self.seq, "time": t(made_s), "clock": {"source": "gnss"},
        });
        for (key, value) in fields.as_object().unwrap() {
            reading[key] = value.clone();
        }
        Body::Reading(ReadingEntry {
            station: id(station),
            device: id(device),
            incarnation: 1,
            boot: 7,
            seq: self.seq,
            time: t(made_s),
            time_basis: TimeBasis::Reported,
            encoding: Encoding::Json,
            bytes: serde_json::to_vec(&reading).unwrap(),
            decoded: Decoded::default(),
        })
    }

    /// A sign of life.
    pub fn health(&mut self, device: &str, second: f64) -> Vec<Alert> {
        self.reading(device, second, second, json!({"kind": "health", "data": {"battery_pct": 80.0}}))
    }

    /// A radar's sighting so many metres north of the line and east of 38 E.
    pub fn track(
        &mut self,
        second: f64,
        track: &str,
        class: &str,
        (north, east): (f64, f64),
        hacc_m: f64,
    ) -> Vec<Alert> {
        self.reading("st01-rd01", second, second + 0.2, sighting(track, class, (north, east), hacc_m))
    }

    pub fn reject(&mut self, second: f64, device: &str, reason: RejectReason) -> Vec<Alert> {
        self.enter(
            second,
            Body::Reject(RejectEntry {
                topic: format!("truceline/v1/readings/st01/{device}"),
                content_type: None,
                station: Some(id("st01")),
                device: Some(id(device)),
                identity: Some((7, 1)),
                reason,
                path: None,
                detail: String::new(),
                bytes: Vec::new(),
                size: 0,
            }),
        )
    }

    /// The latest revision of every alert, in the order of their opening.
    pub fn alerts(&self) -> Vec<Alert> {
        let mut found: Vec<Alert> = Vec::new();
        for alert in self.outputs.iter().filter_map(|output| output.said.alert()) {
            match found.iter_mut().find(|known| known.id == alert.id) {
                Some(known) => {
                    assert_eq!(alert.revision, known.revision + 1, "revisions count up by one");
                    assert!(known.ended.is_none(), "an ended alert has no more revisions");
                    *known = alert.clone();
                }
                None => {
                    assert_eq!(alert.revision, 1, "an alert begins with revision 1");
                    found.push(alert.clone());
                }
            }
        }
        let mut open: Vec<_> = found.iter().filter(|alert| alert.ended.is_none()).map(|alert| alert.id).collect();
        let mut known = self.engine.open_alerts();
        open.sort();
        known.sort();
        assert_eq!(open, known, "what the engine holds open is what it said is open");
        found
    }

    /// The same journal once more, by way of a snapshot after a part of its entries: the engine and what it said.
    pub fn replayed(&self, cut: f64) -> (Engine, Vec<Output>) {
        let cut = (self.entries.len() as f64 * cut) as usize;
        let mut engine = Engine::new();
        let mut outputs = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            if place == cut {
                engine = Engine::restore(&engine.snapshot()).unwrap();
            }
            engine.handle_entry(entry);
            outputs.extend(std::iter::from_fn(|| engine.poll_output()));
        }
        (engine, outputs)
    }

    pub fn only_alert(&self) -> Alert {
        let alerts = self.alerts();
        assert_eq!(alerts.len(), 1, "{alerts:#?}");
        alerts[0].clone()
    }
}

pub fn sighting(track: &str, class: &str, (north, east): (f64, f64), hacc_m: f64) -> Value {
    let (lat, lon) = at(north, east);
    json!({"kind": "object_track", "data": {
        "track": track, "class": class, "position": {"lat": lat, "lon": lon, "hacc_m": hacc_m},
    }})
}

pub fn heard(class: &str, confidence: f64, bearing: Option<(f64, f64)>) -> Value {
    let mut data = json!({"class": class, "confidence": confidence});
    if let Some((bearing_deg, sd_deg)) = bearing {
        data["bearing_deg"] = bearing_deg.into();
        data["bearing_sd_deg"] = sd_deg.into();
    }
    json!({"kind": "acoustic_detection", "data": data})
}
