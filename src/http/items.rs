//! The items of lists, as they are written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use truceline_core::agreement::Severity;
use truceline_core::alert::{Alert, Certainty};
use truceline_core::event::Event;
use truceline_core::id::Id;
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, Reading, RejectReason, TimeBasis, decode_one};

use super::cursor::{self, List};
use super::queries::{Page, ReadingRow, RejectRow, Stats};

/// A page as it is written.
#[derive(Serialize)]
pub(super) struct ListPage<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<I> ListPage<I> {
    pub(super) fn new<T>(list: List, page: Page<T>, item: impl FnMut(T) -> I) -> Self {
        Self {
            items: page.items.into_iter().map(item).collect(),
            next: page.next.map(|place| cursor::encode(list, &place.to_string())),
        }
    }
}

#[derive(Serialize)]
pub(super) struct EventItem {
    state: &'static str,
    #[serde(flatten)]
    event: Event,
}

impl From<Event> for EventItem {
    fn from(event: Event) -> Self {
        Self { state: if event.ended.is_some() { "ended" } else { "open" }, event }
    }
}

#[derive(Serialize)]
pub(super) struct ReadingItem {
    offset: u64,
    received_at: Time,
    station: Id,
    device: Id,
    boot: u32,
    seq: u64,
    time: Time,
    time_basis: TimeBasis,
    encoding: Encoding,
    /// Null only if the stored bytes no longer decode, which a newer contract could bring about.
    reading: Option<Reading>,
}

impl From<ReadingRow> for ReadingItem {
    fn from(row: ReadingRow) -> Self {
        let entry = row.entry;
        Self {
            offset: row.offset,
            received_at: row.received_at,
            reading: decode_one(entry.encoding, &entry.bytes).ok(),
            station: entry.station,
            device: entry.device,
            boot: entry.boot,
            seq: entry.seq,
            time: entry.time,
            time_basis: entry.time_basis,
            encoding: entry.encoding,
        }
    }
}

#[derive(Serialize)]
pub(super) struct RejectItem {
    offset: u64,
    received_at: Time,
    topic: String,
    station: Option<Id>,
    device: Option<Id>,
    boot: Option<u32>,
    seq: Option<u64>,
    reason: RejectReason,
    path: Option<String>,
    detail: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_base64: Option<String>,
}

impl RejectItem {
    pub(super) fn new(row: RejectRow, with_bytes: bool) -> Self {
        let entry = row.entry;
        Self {
            offset: row.offset,
            received_at: row.received_at,
            topic: entry.topic,
            station: entry.station,
            device: entry.device,
            boot: entry.identity.map(|(boot, _)| boot),
            seq: entry.identity.map(|(_, seq)| seq),
            reason: entry.reason,
            path: entry.path,
            detail: entry.detail,
            size: entry.size,
            bytes_base64: with_bytes.then(|| STANDARD.encode(&entry.bytes)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct AlertItem {
    state: &'static str,
    #[serde(flatten)]
    alert: Alert,
}

impl From<Alert> for AlertItem {
    fn from(alert: Alert) -> Self {
        Self { state: state_word(&alert), alert }
    }
}

/// An alert with what became of it.
#[derive(Serialize)]
pub(super) struct AlertDetail {
    #[serde(flatten)]
    pub alert: AlertItem,
    pub history: Vec<RevisionItem>,
}

/// One revision in short.
#[derive(Serialize)]
pub(super) struct RevisionItem {
    revision: u32,
    updated_at: Time,
    state: &'static str,
    severity: Severity,
    certainty: Certainty,
    last: Time,
    detections: u64,
    summary: String,
}

impl From<Alert> for RevisionItem {
    fn from(alert: Alert) -> Self {
        Self {
            state: state_word(&alert),
            revision: alert.revision,
            updated_at: alert.updated_at,
            severity: alert.severity,
            certainty: alert.certainty,
            last: alert.last,
            detections: alert.detections,
            summary: alert.summary,
        }
    }
}

const fn state_word(alert: &Alert) -> &'static str {
    if alert.ended.is_some() { "ended" } else { "open" }
}

#[derive(Serialize)]
pub(super) struct StatsItem {
    readings: ReadingCounts,
    rejects: u64,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    rejects_by_reason: std::collections::BTreeMap<RejectReason, u64>,
    alerts: AlertCounts,
    lag: Lag,
}

#[derive(Serialize)]
struct ReadingCounts {
    stored: u64,
    duplicates: u64,
}

#[derive(Serialize)]
struct AlertCounts {
    open: u64,
    total: u64,
}

#[derive(Serialize)]
struct Lag {
    evaluator: u64,
    influxdb: Option<u64>,
}

impl From<Stats> for StatsItem {
    fn from(stats: Stats) -> Self {
        Self {
            readings: ReadingCounts { stored: stats.readings_stored, duplicates: stats.readings_duplicates },
            rejects: stats.rejects,
            rejects_by_reason: stats.rejects_by_reason,
            alerts: AlertCounts { open: stats.alerts_open, total: stats.alerts_total },
            lag: Lag { evaluator: stats.lag_evaluator, influxdb: stats.lag_influxdb },
        }
    }
}
