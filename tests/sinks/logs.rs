//! The two logs, in memory.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use truceline::sinks::{AlertRow, Delays, EventRow, Found, Now, RunningSink, SinkStatus, Source, SourceError};
use truceline_core::log::{Body, Decoded, Entry, ReadingEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, TimeBasis};

use std::time::Duration;

/// A log whose rows are numbered from 1.
pub struct Log<Row> {
    rows: Mutex<Vec<Row>>,
    head: watch::Sender<u64>,
}

impl<Row: Clone> Log<Row> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { rows: Mutex::default(), head: watch::Sender::new(0) })
    }

    pub fn append(&self, count: u64, row: impl Fn(u64) -> Row) {
        let mut rows = self.rows.lock().expect("the rows");
        let held = rows.len() as u64;
        rows.extend((held + 1..=held + count).map(row));
        drop(rows);
        self.head.send_replace(held + count);
    }
}

impl<R: Clone + Send + Sync> Source<R> for Log<R> {
    fn read(&self, after: u64, max: usize) -> Result<Vec<Found<R>>, SourceError> {
        Ok(self.rows.lock().expect("the rows").iter().skip(after as usize).take(max).cloned().map(Ok).collect())
    }
    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

/// A moment that the server's default retention and the queries below include.
pub fn moment(millis: u64) -> Time {
    Time::from_nanos(1_764_000_000_000_000_000) + Span::from_nanos(millis.cast_signed() * 1_000_000)
}

/// A clock that stands long after all rows were written.
pub fn late() -> Now {
    Arc::new(|| moment(0) + Span::from_secs(1_000_000))
}

/// Weather, detections and, each tenth, an entry that is no reading.
pub fn entry(offset: u64) -> Entry {
    let (kind, data) = match offset % 10 {
        0 => return Entry { offset, arrived: moment(offset), body: Body::Tick },
        1..=4 => ("weather", serde_json::json!({"temperature_c": (offset % 100) as f64 / 8.0})),
        5 => ("health", serde_json::json!({"battery_pct": 50.5})),
        _ => (
            "acoustic_detection",
            serde_json::json!({"class": "explosion", "confidence": 0.5, "bearing_deg": 7.0, "bearing_sd_deg": 1.0}),
        ),
    };
    let device = format!("dev-{}", offset % 7);
    let json = serde_json::json!({
        "v": 1, "device": device, "boot": 1, "seq": offset, "time": moment(offset), "clock": {"source": "gnss"},
        "position": {"lat": 48.123_456, "lon": 37.912_345, "fix": "3d"}, "kind": kind, "data": data,
    });
    let body = Body::Reading(ReadingEntry {
        station: "st-1".parse().expect("an id"),
        device: device.parse().expect("an id"),
        incarnation: 0,
        boot: 1,
        seq: offset,
        time: moment(offset),
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: json.to_string().into_bytes(),
        decoded: Decoded::default(),
    });
    Entry { offset, arrived: moment(offset), body }
}

/// How many of the first `offsets` entries are readings.
pub fn readings(offsets: u64) -> u64 {
    offsets - offsets / 10
}

/// Row `seq` of the alert log: 10 alerts in turn, all said at one moment.
pub fn alert(seq: u64) -> AlertRow {
    let at = moment(1);
    let position = serde_json::json!({"lat": 48.123_456, "lon": 37.912_345});
    let alert = serde_json::from_value(serde_json::json!({
        "id": uuid::Uuid::from_u128(u128::from(seq % 10 + 1)), "revision": seq.div_ceil(10), "rule": "no-fire",
        "category": "no_fire", "severity": "severe", "certainty": {"probability": 0.75, "word": "likely"},
        "subject": "device:dev-1", "started": at, "last": at, "detected_at": at, "updated_at": at,
        "where": {"shape": "point", "position": position, "hacc_m": 40.0, "line_distance_m": 12.345,
            "line_distance_error_m": 2.0, "chainage_m": 100.0, "located_side": "a", "p_side_a": 1.0, "zones": []},
        "evidence": [{"offset": 7, "device": "dev-1", "boot": 1, "seq": 7, "time": at, "kind": "weather"}],
        "detections": seq, "count_qualifier": "at_least", "events": null,
        "agreement": {"id": "test", "hash": "0"}, "timeliness": "live", "status": "actual",
        "summary": "A \"summary\", with = and \\",
    }))
    .expect("an alert");
    AlertRow { seq, written_at: at, said: alert }
}

/// Row `seq` of the event log: 10 events in turn, all said at one moment.
pub fn event(seq: u64) -> EventRow {
    let at = moment(1);
    let position = serde_json::json!({"lat": 48.123_456, "lon": 37.912_345});
    let event = serde_json::from_value(serde_json::json!({
        "id": uuid::Uuid::from_u128(u128::from(seq % 10 + 1)), "revision": seq.div_ceil(10), "kind": "permitted",
        "rule": "crossings", "category": "crossing", "certainty": {"probability": 0.75, "word": "likely"},
        "subject": "device:dev-1", "zone": "bridge", "started": at, "last": at, "updated_at": at,
        "where": {"shape": "point", "position": position, "hacc_m": 40.0, "line_distance_m": 12.345,
            "line_distance_error_m": 2.0, "chainage_m": 100.0, "located_side": "a", "p_side_a": 1.0, "zones": []},
        "evidence": [{"offset": 7, "device": "dev-1", "boot": 1, "seq": 7, "time": at, "kind": "weather"}],
        "detections": seq, "count_qualifier": "at_least", "agreement": {"id": "test", "hash": "0"},
        "timeliness": "live", "status": "actual", "permission": "devices dev-1",
        "summary": "dev-1 crossed, permitted",
    }))
    .expect("an event");
    EventRow { seq, written_at: at, said: event }
}

pub fn quick() -> Delays {
    Delays { first: Duration::from_millis(20), max: Duration::from_millis(200), refused: Duration::from_millis(100) }
}

/// Waits until a sink's status is as wanted.
pub async fn reach(sink: &RunningSink, what: &str, wanted: impl Fn(&SinkStatus) -> bool) -> SinkStatus {
    let mut status = sink.status.clone();
    let reached = tokio::time::timeout(Duration::from_secs(60), status.wait_for(|status| wanted(status))).await;
    let Ok(status) = reached else { panic!("waited for {what}: {:?}", sink.status.borrow()) };
    status.expect("a running sink").clone()
}

/// Makes each commit of a cursor fail, as on a full disk, or lets it be.
pub fn deny_commits(folder: &std::path::Path, denied: bool) {
    let file = rusqlite::Connection::open(folder.join("sinks.db")).expect("the sinks' file");
    file.busy_timeout(Duration::from_secs(10)).expect("set");
    let order = if denied {
        "CREATE TRIGGER denied BEFORE INSERT ON cursor BEGIN SELECT RAISE(ABORT, 'no room'); END"
    } else {
        "DROP TRIGGER denied"
    };
    file.execute_batch(order).expect("done");
}
