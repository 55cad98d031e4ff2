//! What this part asks of the rest, and the small types that the answers come in.

use std::collections::BTreeMap;
use std::sync::Arc;

use truceline_core::agreement::{Agreement, Severity};
use truceline_core::alert::Alert;
use truceline_core::audit::AuditEntry;
use truceline_core::engine::DeviceStatus;
use truceline_core::event::Event;
use truceline_core::id::Id;
use truceline_core::log::{ReadingEntry, RejectEntry};
use truceline_core::time::Time;
use truceline_core::wire::RejectReason;
use uuid::Uuid;

/// The stores as this part sees them.
///
/// Methods may block on the disk: they are called on blocking threads, a bounded number at
/// once. Only [`Queries::readiness`] is called in line and must not block.
///
/// Lists go from the newest to the oldest. A page may hold fewer items than asked for and
/// still name a `next`: an implementation may stop a search early rather than take long.
pub trait Queries: Send + Sync + 'static {
    /// Readings, the latest stored first.
    fn readings(&self, filter: &ReadingFilter) -> Result<Page<ReadingRow>, QueryError>;

    /// Rejects, the latest stored first.
    fn rejects(&self, filter: &RejectFilter) -> Result<Page<RejectRow>, QueryError>;

    /// All devices registered or heard, by id.
    fn devices(&self) -> Result<Vec<DeviceStatus>, QueryError>;

    /// Alerts in their current revision, the latest opened first.
    fn alerts(&self, filter: &AlertFilter) -> Result<Page<Alert>, QueryError>;

    /// An alert in its current revision.
    fn alert(&self, id: Uuid) -> Result<Option<Alert>, QueryError>;

    /// The newest `max` revisions of an alert, the oldest of them first.
    fn alert_history(&self, id: Uuid, max: usize) -> Result<Vec<Alert>, QueryError>;

    /// Events in their current revision, the latest opened first.
    fn events(&self, filter: &EventFilter) -> Result<Page<Event>, QueryError> {
        let _ = filter;
        Ok(Page { items: Vec::new(), next: None })
    }

    /// An event in its current revision.
    fn event(&self, id: Uuid) -> Result<Option<Event>, QueryError> {
        let _ = id;
        Ok(None)
    }

    /// Entries of the audit with numbers below `before`, the newest first.
    fn audit(&self, before: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, QueryError> {
        let _ = (before, limit);
        Ok(Page { items: Vec::new(), next: None })
    }

    /// Reads agreement and registry again, and waits for the end of it.
    fn reload(&self) -> Result<ReloadAnswer, QueryError> {
        Err(QueryError::Unavailable("nothing can be read again here".to_owned()))
    }

    /// The agreement that is in force, and journal time; `None` when none is configured.
    fn agreement(&self) -> Result<Option<AgreementNow>, QueryError>;

    /// Counts since the stores began.
    fn stats(&self) -> Result<Stats, QueryError>;

    /// The state of each part, in the order of their start.
    fn readiness(&self) -> Vec<PartStatus>;
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Not now: the text says why and is shown to whoever asked.
    #[error("{0}")]
    Unavailable(String),
    /// A store failed; the text goes to the log, not to whoever asked.
    #[error("{0}")]
    Failed(String),
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What `before` is for the next page; `None` at the end of the list.
    pub next: Option<u64>,
}

/// Which readings; what is absent does not filter.
#[derive(Clone, Debug)]
pub struct ReadingFilter {
    /// Only of this device.
    pub device: Option<Id>,
    /// Only of this station.
    pub station: Option<Id>,
    /// Only of this kind, one of [`truceline_core::wire::KINDS`].
    pub kind: Option<&'static str>,
    /// Whose time (the one by which they are judged) is at or after this.
    pub from: Option<Time>,
    /// Whose time is before this.
    pub to: Option<Time>,
    /// Only offsets below this.
    pub before: Option<u64>,
    /// Most items, 1 to 1,000.
    pub limit: usize,
    /// End the page once the bytes of its items are this many, so that a page of the largest
    /// readings does not fill the memory.
    pub max_bytes: usize,
}

/// A stored reading.
#[derive(Clone, Debug)]
pub struct ReadingRow {
    /// Its place in the journal.
    pub offset: u64,
    /// Journal time of its arrival.
    pub received_at: Time,
    /// The reading.
    pub entry: ReadingEntry,
}

/// Which rejects; what is absent does not filter.
#[derive(Clone, Debug)]
pub struct RejectFilter {
    /// Only for this reason.
    pub reason: Option<RejectReason>,
    /// Only on topics of this device.
    pub device: Option<Id>,
    /// Only offsets below this.
    pub before: Option<u64>,
    /// Most items, 1 to 1,000.
    pub limit: usize,
    /// End the page once the bytes of its items are this many.
    pub max_bytes: usize,
}

/// A stored reject.
#[derive(Clone, Debug)]
pub struct RejectRow {
    /// Its place in the journal.
    pub offset: u64,
    /// Journal time of its arrival.
    pub received_at: Time,
    /// The reject.
    pub entry: RejectEntry,
}

/// Which alerts; what is absent does not filter.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// Only these.
    pub state: Option<AlertState>,
    /// Only of the rule with this id.
    pub rule: Option<Id>,
    /// Only of this kind of rule, such as `no_fire`.
    pub category: Option<&'static str>,
    /// Of this severity or above.
    pub severity: Option<Severity>,
    /// Whose latest reading is at or after this.
    pub from: Option<Time>,
    /// That started before this.
    pub to: Option<Time>,
    /// The `next` of the page before.
    pub before: Option<u64>,
    /// Most items, 1 to 1,000.
    pub limit: usize,
}

/// Which events; what is absent does not filter.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// Only these.
    pub state: Option<AlertState>,
    /// Only of the rule with this id.
    pub rule: Option<Id>,
    /// Only of this kind of rule.
    pub category: Option<&'static str>,
    /// Only of this subject.
    pub subject: Option<String>,
    /// Only of this zone.
    pub zone: Option<Id>,
    /// Whose latest reading is at or after this.
    pub from: Option<Time>,
    /// That started before this.
    pub to: Option<Time>,
    /// The `next` of the page before.
    pub before: Option<u64>,
    /// Most items, 1 to 1,000.
    pub limit: usize,
}

/// What became of a reload.
#[derive(Clone, Debug, serde::Serialize)]
pub enum ReloadAnswer {
    /// The files are good; they are in force.
    Done(ReloadReport),
    /// One is under way.
    Busy,
    /// Every fault of the files; what was in force stays in force.
    Faulty(Vec<ReloadFault>),
}

/// Hashes before and after a reload; null where there is none.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReloadReport {
    /// Whether anything is in force now that was not before.
    pub changed: bool,
    /// The agreement's.
    pub agreement: Change,
    /// The registry's.
    pub registry: Change,
}

/// What was and what is in force, each by its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct Change {
    pub before: Option<String>,
    pub after: Option<String>,
}

/// One fault of a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct ReloadFault {
    pub file: String,
    pub place: String,
    pub message: String,
}

/// Whether an alert goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AlertState {
    Open,
    Ended,
}

/// The agreement in force, and when that is.
#[derive(Clone, Debug)]
pub struct AgreementNow {
    /// The terms.
    pub agreement: Arc<Agreement>,
    /// The time at which lines, zones and rules must be in force to be shown.
    pub now: Time,
}

/// Counts.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Readings stored.
    pub readings_stored: u64,
    /// Readings that were stored before, with the same bytes.
    pub readings_duplicates: u64,
    /// Rejects, those beyond the quota included.
    pub rejects: u64,
    /// The same by reason; empty when not known.
    pub rejects_by_reason: BTreeMap<RejectReason, u64>,
    /// Open alerts.
    pub alerts_open: u64,
    /// All alerts.
    pub alerts_total: u64,
    /// Journal entries that the evaluator has not judged yet.
    pub lag_evaluator: u64,
    /// Entries of both logs that InfluxDB has not got yet; `None` when none is configured.
    pub lag_influxdb: Option<u64>,
}

/// The state of one part.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PartStatus {
    /// Its name, such as `mqtt`.
    pub part: String,
    /// Whether it does its work.
    pub ready: bool,
    /// Why not; may also say something of a part that is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}
