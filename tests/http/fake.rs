//! Fake stores: a small mission in memory, which a test may add to while it asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::json;
use truceline::http::{
    AgreementNow, AlertFilter, AlertState, EventFilter, Page, PartStatus, Queries, QueryError, ReadingFilter,
    ReadingRow, RejectFilter, RejectRow, ReloadAnswer, ReloadReport, Stats,
};
use truceline_core::agreement::{Agreement, Bundle, Severity, Status, compile};
use truceline_core::alert::{
    AgreementRef, Alert, Certainty, CertaintyWord, Evidence, Place, PlaceExtent, Timeliness, ZoneProbability,
};
use truceline_core::audit::{AuditEntry, Deed};
use truceline_core::engine::DeviceStatus;
use truceline_core::event::Event;
use truceline_core::geometry::{LonLat, Side};
use truceline_core::id::Id;
use truceline_core::log::{Decoded, ReadingEntry, RejectEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, RejectReason, TimeBasis};
use uuid::Uuid;

/// A mission's stores in memory; each field is what a query answers from.
#[derive(Default)]
pub struct FakeQueries {
    pub readings: Mutex<Vec<ReadingRow>>,
    pub rejects: Mutex<Vec<RejectRow>>,
    pub devices: Mutex<Vec<DeviceStatus>>,
    /// In the order of their opening.
    pub alerts: Mutex<Vec<Alert>>,
    /// In the order of their opening.
    pub events: Mutex<Vec<Event>>,
    pub reloads: AtomicUsize,
    pub agreement: Mutex<Option<AgreementNow>>,
    pub parts: Mutex<Vec<PartStatus>>,
    pub influxdb: bool,
    /// Queries answer with this error, when set.
    pub fault: Mutex<Option<fn() -> QueryError>>,
    pub gate: Gate,
}

/// Queries wait while it is closed.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    pub fn close(&self) {
        *self.closed.lock().expect("whole") = true;
    }

    pub fn open(&self) {
        *self.closed.lock().expect("whole") = false;
        self.opened.notify_all();
    }

    /// How many queries wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        let closed = self.closed.lock().expect("whole");
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.opened.wait_while(closed, |closed| *closed).expect("whole"));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

pub fn id(text: &str) -> Id {
    text.parse().expect("an id")
}

/// A time of the mission's day, `seconds` after 03:00 UTC.
pub fn time(seconds: i64) -> Time {
    "2026-11-24T03:00:00Z".parse::<Time>().expect("a time") + Span::from_secs(seconds)
}

pub fn at(lon: f64, lat: f64) -> LonLat {
    LonLat::new(lon, lat).expect("a position")
}

pub fn reading(offset: u64, device: &str, kind: &str, seconds: i64) -> ReadingRow {
    let data = match kind {
        "weather" => json!({ "temperature_c": -2.5, "wind_speed_mps": 4.0 }),
        "health" => json!({ "battery_pct": 81.0 }),
        _ => json!({ "class": "explosion", "confidence": 0.82, "bearing_deg": 132.0, "bearing_sd_deg": 4.0 }),
    };
    let bytes = json!({
        "v": 1, "device": device, "boot": 12, "seq": offset, "time": time(seconds),
        "clock": { "source": "gnss", "uncertainty_ms": 5.0 },
        "position": { "lat": 48.1, "lon": 37.9, "hacc_m": 4.0, "fix": "3d" },
        "kind": kind, "data": data,
    })
    .to_string()
    .into_bytes();
    let entry = ReadingEntry {
        station: id(device.split('-').next().expect("a station")),
        device: id(device),
        incarnation: 1,
        boot: 12,
        seq: offset,
        time: time(seconds),
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes,
        decoded: Decoded::default(),
    };
    ReadingRow { offset, received_at: time(seconds + 2), entry }
}

pub fn reject(offset: u64, device: &str, reason: RejectReason) -> RejectRow {
    let entry = RejectEntry {
        topic: format!("truceline/v1/readings/st01/{device}"),
        content_type: Some("application/json".to_owned()),
        station: Some(id("st01")),
        device: Some(id(device)),
        identity: Some((12, offset)),
        reason,
        path: (reason == RejectReason::OutOfRange).then(|| "position.lat".to_owned()),
        detail: "latitude 91 is not within -90 to 90".to_owned(),
        bytes: b"{\"v\":1}".to_vec(),
        size: 7,
    };
    RejectRow { offset, received_at: time(offset as i64), entry }
}

pub fn device(name: &str, state: &str, position: LonLat) -> DeviceStatus {
    DeviceStatus {
        device: id(name),
        station: id(name.split('-').next().expect("a station")),
        registered: true,
        last_heard: (state != "never_heard").then(|| time(3_590)),
        last_time: (state != "never_heard").then(|| time(3_588)),
        position: Some(position),
        hacc_m: Some(4.0),
        position_doubtful: false,
        state: state.to_owned(),
        battery_pct: (state != "never_heard").then_some(76.0),
        readings: if state == "never_heard" { 0 } else { 1_482 },
    }
}

pub fn alert(number: u128, category: &str, severity: Severity, place: Option<PlaceExtent>) -> Alert {
    Alert {
        id: Uuid::from_u128(0x8000_0000_0000_8000_8000_0000_0000_0000 | number),
        revision: 1,
        rule: id(&category.replace('_', "-")),
        category: category.to_owned(),
        severity,
        certainty: Certainty { probability: 0.86, word: CertaintyWord::Likely },
        subject: "device:st07-ac03".to_owned(),
        zone: Some(id("buffer")),
        started: time(60 * number as i64),
        last: time(60 * number as i64 + 30),
        ended: None,
        ended_reason: None,
        detected_at: time(60 * number as i64 + 3),
        updated_at: time(60 * number as i64 + 33),
        place: place.map(|extent| Place {
            extent,
            line_distance_m: Some(820.0),
            line_distance_error_m: Some(140.0),
            chainage_m: Some(48_210.0),
            located_side: Side::Undetermined,
            p_side_a: Some(0.61),
            zones: vec![ZoneProbability { id: id("buffer"), probability: 0.97 }],
        }),
        detections: 3,
        count_qualifier: "at_least".to_owned(),
        events: None,
        evidence: vec![Evidence {
            offset: 7,
            device: id("st07-ac03"),
            boot: 12,
            seq: 7,
            time: time(60),
            kind: "acoustic_detection".to_owned(),
        }],
        agreement: AgreementRef { id: id("example"), hash: "ab".repeat(32) },
        timeliness: Timeliness::Live,
        status: Status::Actual,
        labels: Vec::new(),
        summary: "Suspected: at least 3 detections of an explosion, likely inside the buffer.".to_owned(),
        details: serde_json::Map::new(),
    }
}

/// An event of minute `number`; what tells one from the next goes round in different periods.
pub fn event(number: u128) -> Event {
    let alert = alert(number, ["crossing", "no_flight"][number as usize % 2], Severity::Minor, None);
    Event {
        id: Uuid::from_u128(0x9000_0000_0000_8000_8000_0000_0000_0000 | number),
        revision: 1,
        kind: "permitted".to_owned(),
        rule: alert.rule,
        category: alert.category,
        subject: format!("device:st07-ac{:02}", number % 3),
        zone: (!number.is_multiple_of(4)).then(|| id("bridge")),
        started: alert.started,
        last: alert.last,
        ended: number.is_multiple_of(5).then_some(alert.last),
        ended_reason: number.is_multiple_of(5).then(|| "resolved".to_owned()),
        updated_at: alert.updated_at,
        place: Some(Place {
            extent: PlaceExtent::Point { position: at(37.912_345, 48.123_456), hacc_m: 4.0 },
            line_distance_m: Some(12.0),
            line_distance_error_m: Some(4.0),
            chainage_m: Some(48_210.0),
            located_side: Side::A,
            p_side_a: Some(1.0),
            zones: Vec::new(),
        }),
        certainty: alert.certainty,
        detections: 1,
        count_qualifier: "at_least".to_owned(),
        evidence: alert.evidence,
        agreement: alert.agreement,
        timeliness: Timeliness::Live,
        status: Status::Actual,
        permission: "devices st07-ac01".to_owned(),
        labels: Vec::new(),
        summary: "st07-ac01 crossed, which the rule permits.".to_owned(),
        details: serde_json::Map::new(),
    }
}

/// An illustrative line from the sea north and then east.
pub const LINE: [(f64, f64); 20] = [
    (37.83, 47.10),
    (37.81, 47.17),
    (37.78, 47.27),
    (37.86, 47.42),
    (37.82, 47.56),
    (37.62, 47.74),
    (37.58, 47.83),
    (37.50, 47.94),
    (37.55, 48.00),
    (37.66, 48.06),
    (37.78, 48.12),
    (37.97, 48.32),
    (38.03, 48.42),
    (38.25, 48.43),
    (38.40, 48.62),
    (38.53, 48.67),
    (38.82, 48.74),
    (38.98, 48.77),
    (39.23, 48.72),
    (39.44, 48.64),
];

const TERMS: &str = r#"
id = "example"
name = "Illustrative agreement"
note = "Not authoritative."
status = "actual"
late_after_s = 300

[[line]]
id = "contact"
file = "past.geojson"
valid_to = 2026-11-01T00:00:00Z

[[line]]
id = "contact"
file = "line.geojson"
side_a = "west and north"
side_b = "east and south"
valid_from = 2026-11-01T00:00:00Z

[[zone]]
id = "buffer"
buffer_of = "contact"
distance_m = 2000

[[zone]]
id = "withdrawal-a"
buffer_of = "contact"
distance_m = 15000
side = "a"

[[zone]]
id = "stanytsia"
file = "stanytsia.geojson"

[[zone]]
id = "zolote"
file = "zolote.geojson"

[[zone]]
id = "petrivske"
file = "petrivske.geojson"

[[rule]]
id = "no-fire"
kind = "no_fire"
areas = ["buffer"]

[[rule]]
id = "crossing"
kind = "crossing"
"#;

fn line(positions: &[(f64, f64)]) -> String {
    json!({ "type": "LineString", "coordinates": positions }).to_string()
}

fn square(lon: f64, lat: f64) -> String {
    let (x, y) = (0.0135, 0.009);
    let ring = [(-x, -y), (x, -y), (x, y), (-x, y), (-x, -y)].map(|(dx, dy)| (lon + dx, lat + dy));
    json!({ "type": "Polygon", "coordinates": [ring] }).to_string()
}

pub fn agreement() -> Agreement {
    let files = [
        (Bundle::TERMS, TERMS.to_owned()),
        ("past.geojson", line(&[(37.0, 47.0), (37.1, 47.1)])),
        ("line.geojson", line(&LINE)),
        ("stanytsia.geojson", square(39.44, 48.64)),
        ("zolote.geojson", square(38.53, 48.67)),
        ("petrivske.geojson", square(37.94, 47.51)),
    ];
    let bundle = Bundle { files: files.map(|(name, text)| (name.to_owned(), text)).into() };
    compile(&bundle).unwrap_or_else(|faults| panic!("{faults:?}"))
}

impl FakeQueries {
    /// A mission with something of everything.
    pub fn mission() -> Self {
        let fake = Self { influxdb: true, ..Self::default() };
        let kinds = ["acoustic_detection", "weather", "health"];
        for offset in 1..=40_u64 {
            let name = ["st07-ac03", "st07-ac04", "st02-rd01"][offset as usize % 3];
            fake.add_reading(reading(offset, name, kinds[offset as usize / 3 % 3], offset as i64 * 10));
        }
        let reasons = [RejectReason::OutOfRange, RejectReason::Undecodable, RejectReason::TimeInFuture];
        let rejects = (41..=52).map(|offset| reject(offset, "st01-ac01", reasons[offset as usize % 3]));
        fake.rejects.lock().expect("whole").extend(rejects);
        *fake.devices.lock().expect("whole") = mission_devices();
        *fake.alerts.lock().expect("whole") = mission_alerts();
        fake.events.lock().expect("whole").extend((1..=60).map(event));
        *fake.agreement.lock().expect("whole") =
            Some(AgreementNow { agreement: Arc::new(agreement()), now: time(3_600) });
        *fake.parts.lock().expect("whole") = vec![part("journal", None), part("mqtt", None), part("influxdb", None)];
        fake
    }

    pub fn add_reading(&self, row: ReadingRow) {
        self.readings.lock().expect("whole").push(row);
    }

    fn enter(&self) -> Result<(), QueryError> {
        self.gate.pass();
        self.fault.lock().expect("whole").map_or(Ok(()), |fault| Err(fault()))
    }
}

pub fn part(name: &str, why_not: Option<&str>) -> PartStatus {
    PartStatus {
        part: name.to_owned(),
        ready: why_not.is_none(),
        why: why_not.map(str::to_owned),
        since: Some(time(0)),
    }
}

fn mission_devices() -> Vec<DeviceStatus> {
    let states = ["ok", "ok", "ok", "silent", "ok", "maintenance", "ok", "never_heard"];
    let mut devices: Vec<DeviceStatus> = LINE
        .iter()
        .enumerate()
        .flat_map(|(n, (lon, lat))| {
            let state = states[n % states.len()];
            [
                device(&format!("st{n:02}-ac01"), state, at(lon - 0.05, lat + 0.02)),
                device(&format!("st{n:02}-rd01"), "ok", at(lon + 0.04, lat - 0.02)),
            ]
        })
        .collect();
    devices.sort_by(|a, b| a.device.cmp(&b.device));
    devices
}

fn mission_alerts() -> Vec<Alert> {
    let point = |lon, lat| Some(PlaceExtent::Point { position: at(lon, lat), hacc_m: 140.0 });
    let sector = PlaceExtent::Sector {
        position: at(37.61, 48.08),
        bearing_deg: 132.0,
        width_deg: 16.0,
        range_min_m: 0.0,
        range_max_m: 12_000.0,
    };
    let disc = PlaceExtent::Disc { position: at(38.35, 48.64), radius_m: 6_000.0 };
    let mut alerts = vec![
        alert(1, "no_fire", Severity::Severe, Some(sector)),
        alert(2, "crossing", Severity::Moderate, point(37.97, 48.33)),
        alert(3, "withdrawal", Severity::Extreme, point(37.83, 47.49)),
        alert(4, "silence", Severity::Minor, point(38.0, 48.44)),
        alert(5, "no_fire", Severity::Severe, Some(disc)),
        alert(6, "interference", Severity::Moderate, None),
        alert(7, "exclusion_zone", Severity::Moderate, point(39.44, 48.645)),
        alert(8, "tamper", Severity::Minor, point(37.77, 47.29)),
    ];
    alerts[7].ended = Some(time(900));
    alerts[7].ended_reason = Some("resolved".to_owned());
    alerts[4].certainty = Certainty { probability: 0.42, word: CertaintyWord::Possible };
    alerts[5].certainty = Certainty { probability: 0.2, word: CertaintyWord::Unlikely };
    alerts[2].labels = vec!["notified:demining-3".to_owned()];
    alerts
}

fn page<T: Clone>(newest_first: impl Iterator<Item = (u64, T)>, before: Option<u64>, limit: usize) -> Page<T> {
    let mut found: Vec<(u64, T)> =
        newest_first.filter(|(place, _)| before.is_none_or(|before| *place < before)).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| *place);
    Page { items: found.into_iter().map(|(_, item)| item).collect(), next }
}

impl Queries for FakeQueries {
    fn readings(&self, filter: &ReadingFilter) -> Result<Page<ReadingRow>, QueryError> {
        self.enter()?;
        let rows = self.readings.lock().expect("whole").clone();
        let fits = |row: &&ReadingRow| {
            let kind: serde_json::Value = serde_json::from_slice(&row.entry.bytes).expect("JSON");
            filter.device.as_ref().is_none_or(|device| row.entry.device == *device)
                && filter.station.as_ref().is_none_or(|station| row.entry.station == *station)
                && filter.kind.is_none_or(|wanted| kind["kind"] == wanted)
                && filter.from.is_none_or(|from| row.entry.time >= from)
                && filter.to.is_none_or(|to| row.entry.time < to)
        };
        let newest_first = rows.iter().rev().filter(fits).map(|row| (row.offset, row.clone()));
        Ok(page(newest_first, filter.before, filter.limit))
    }

    fn rejects(&self, filter: &RejectFilter) -> Result<Page<RejectRow>, QueryError> {
        self.enter()?;
        let rows = self.rejects.lock().expect("whole").clone();
        let fits = |row: &&RejectRow| {
            filter.reason.is_none_or(|reason| row.entry.reason == reason)
                && (filter.device.is_none() || row.entry.device == filter.device)
        };
        let newest_first = rows.iter().rev().filter(fits).map(|row| (row.offset, row.clone()));
        Ok(page(newest_first, filter.before, filter.limit))
    }

    fn devices(&self) -> Result<Vec<DeviceStatus>, QueryError> {
        self.enter()?;
        Ok(self.devices.lock().expect("whole").clone())
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Page<Alert>, QueryError> {
        self.enter()?;
        let alerts = self.alerts.lock().expect("whole").clone();
        let fits = |(_, alert): &(u64, Alert)| {
            filter.state.is_none_or(|state| (state == AlertState::Open) == alert.ended.is_none())
                && filter.rule.as_ref().is_none_or(|rule| alert.rule == *rule)
                && filter.category.is_none_or(|category| alert.category == category)
                && filter.severity.is_none_or(|severity| alert.severity >= severity)
                && filter.from.is_none_or(|from| alert.last >= from)
                && filter.to.is_none_or(|to| alert.started < to)
        };
        let newest_first = (1_u64..).zip(alerts).collect::<Vec<_>>().into_iter().rev().filter(fits);
        Ok(page(newest_first, filter.before, filter.limit))
    }

    fn alert(&self, id: Uuid) -> Result<Option<Alert>, QueryError> {
        self.enter()?;
        Ok(self.alerts.lock().expect("whole").iter().find(|alert| alert.id == id).cloned())
    }

    fn alert_history(&self, id: Uuid, max: usize) -> Result<Vec<Alert>, QueryError> {
        Ok(self.alert(id)?.into_iter().take(max).collect())
    }

    fn events(&self, filter: &EventFilter) -> Result<Page<Event>, QueryError> {
        self.enter()?;
        let events = self.events.lock().expect("whole").clone();
        let fits = |(_, event): &(u64, Event)| {
            filter.state.is_none_or(|state| (state == AlertState::Open) == event.ended.is_none())
                && filter.rule.as_ref().is_none_or(|rule| event.rule == *rule)
                && filter.category.is_none_or(|category| event.category == category)
                && filter.subject.as_ref().is_none_or(|subject| event.subject == *subject)
                && filter.zone.as_ref().is_none_or(|zone| event.zone.as_ref() == Some(zone))
                && filter.from.is_none_or(|from| event.last >= from)
                && filter.to.is_none_or(|to| event.started < to)
        };
        let newest_first = (1_u64..).zip(events).collect::<Vec<_>>().into_iter().rev().filter(fits);
        Ok(page(newest_first, filter.before, filter.limit))
    }

    fn event(&self, id: Uuid) -> Result<Option<Event>, QueryError> {
        self.enter()?;
        Ok(self.events.lock().expect("whole").iter().find(|event| event.id == id).cloned())
    }

    fn audit(&self, before: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, QueryError> {
        let deed = |number: u64| Deed {
            actor: "api".to_owned(),
            action: "agreement_in_force".to_owned(),
            subject: number.to_string(),
            detail: json!({}),
        };
        let mut entries: Vec<AuditEntry> = Vec::new();
        for number in 1..=25 {
            entries.push(AuditEntry::after(entries.last(), time(number as i64), deed(number)));
        }
        Ok(page(entries.into_iter().rev().map(|entry| (entry.seq, entry)), before, limit))
    }

    fn reload(&self) -> Result<ReloadAnswer, QueryError> {
        self.enter()?;
        self.reloads.fetch_add(1, Ordering::SeqCst);
        let (agreement, registry) = (truceline::http::Change::default(), truceline::http::Change::default());
        Ok(ReloadAnswer::Done(ReloadReport { changed: false, agreement, registry }))
    }

    fn agreement(&self) -> Result<Option<AgreementNow>, QueryError> {
        self.enter()?;
        Ok(self.agreement.lock().expect("whole").clone())
    }

    fn stats(&self) -> Result<Stats, QueryError> {
        self.enter()?;
        let alerts = self.alerts.lock().expect("whole");
        Ok(Stats {
            readings_stored: self.readings.lock().expect("whole").len() as u64,
            readings_duplicates: 3,
            rejects: self.rejects.lock().expect("whole").len() as u64,
            rejects_by_reason: BTreeMap::from([(RejectReason::OutOfRange, 4), (RejectReason::Undecodable, 8)]),
            alerts_open: alerts.iter().filter(|alert| alert.ended.is_none()).count() as u64,
            alerts_total: alerts.len() as u64,
            lag_evaluator: 0,
            lag_influxdb: self.influxdb.then_some(12),
        })
    }

    fn readiness(&self) -> Vec<PartStatus> {
        self.parts.lock().expect("whole").clone()
    }
}
