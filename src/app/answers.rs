//! What the API is told: the parts as [`crate::http`] asks for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use truceline_core::alert::Alert;
use truceline_core::audit::AuditEntry;
use truceline_core::engine::DeviceStatus;
use truceline_core::event::Event;
use truceline_core::log::Body;
use truceline_core::time::{Span, Time};
use uuid::Uuid;

use super::clock::Clock;
use super::lags::Lags;
use super::reload::Reloader;
use super::terms::Terms;
use crate::desk::{self, Desk};
use crate::evaluator::{EvaluatorStatus, Inquiry, Phase};
use crate::http::{
    AgreementNow, AlertFilter, AlertState, EventFilter, Page, PartStatus, Queries, QueryError, ReadingFilter,
    ReadingRow, RejectFilter, RejectRow, ReloadAnswer, Stats,
};
use crate::intake::IntakeStatus;
use crate::journal::{self, Counts, Reader};
use crate::sinks::{SinkState, SinkStatus};

/// Everything that answers are made of.
pub(super) struct Answers {
    pub(super) reader: Reader,
    pub(super) counts: watch::Receiver<Counts>,
    pub(super) journal_failed: watch::Receiver<Option<String>>,
    pub(super) journal_held: watch::Receiver<Option<String>>,
    pub(super) desk: Desk,
    pub(super) reloader: Arc<Reloader>,
    pub(super) evaluator: watch::Receiver<EvaluatorStatus>,
    pub(super) lags: Arc<Lags>,
    pub(super) inquiry: Inquiry,
    pub(super) intake: watch::Receiver<IntakeStatus>,
    pub(super) sinks: Vec<(&'static str, watch::Receiver<SinkStatus>)>,
    pub(super) terms: Arc<Terms>,
    pub(super) clock: Arc<Clock>,
    pub(super) runtime: Handle,
    /// Journal time of the start.
    pub(super) started: Time,
}

pub(super) fn failed(error: impl std::fmt::Display) -> QueryError {
    QueryError::Failed(error.to_string())
}

/// Rows read at once: a chunk of the largest readings takes 16 MiB.
const CHUNK: usize = 16;

/// A page of at most `limit` rows that ends once they have `max_bytes`, read so that little more is ever in memory.
fn in_chunks<T>(
    limit: usize,
    max_bytes: usize,
    mut read: impl FnMut(usize, Option<u64>) -> Result<Page<(usize, T)>, QueryError>,
) -> Result<Page<T>, QueryError> {
    let mut items = Vec::new();
    let (mut bytes, mut next) = (0, None);
    loop {
        // As many as fit if they are as large as those before, and twice as many as there are at most.
        let average = bytes / items.len().max(1) + 1;
        let fitting = ((max_bytes - bytes) / average).clamp(CHUNK, CHUNK.max(2 * items.len()));
        let page = read(fitting.min(limit - items.len()), next)?;
        for (size, item) in page.items {
            bytes += size;
            items.push(item);
        }
        next = page.next;
        if next.is_none() || items.len() >= limit || bytes >= max_bytes {
            return Ok(Page { items, next });
        }
    }
}

const fn state_of(state: AlertState) -> desk::AlertState {
    match state {
        AlertState::Open => desk::AlertState::Open,
        AlertState::Ended => desk::AlertState::Ended,
    }
}

/// A filter of alerts as the desk knows it.
pub(super) fn alerts_of(filter: &AlertFilter) -> desk::AlertFilter {
    desk::AlertFilter {
        state: filter.state.map(state_of),
        rule: filter.rule.as_ref().map(ToString::to_string),
        category: filter.category.map(str::to_owned),
        severity: filter.severity,
        from: filter.from,
        to: filter.to,
        cursor: filter.before,
        limit: filter.limit,
    }
}

/// An evaluator that is so many seconds behind is not ready.
const BEHIND_S: f64 = 10.0;
/// How long after a start it may be so far behind.
const CATCH_UP: Span = Span::from_secs(30);
/// A store that has been slower than its input for so long is told; a single burst is over sooner.
const SLOW_AFTER: Duration = Duration::from_secs(3);

/// No fault: what is not stored is with the broker.
fn slow_store(intake: &IntakeStatus, now: Time) -> Option<String> {
    let lasts = intake.full_since.map(|since| since.elapsed()).filter(|lasts| *lasts > SLOW_AFTER)?;
    let since = now - Span::from_secs(i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX));
    let waiting = intake.in_flight;
    Some(format!(
        "since {since} the journal is slower than the input: {waiting} messages wait for it, the broker holds the rest"
    ))
}

impl Answers {
    /// What was not judged before the last stop is judged first: for a while that is the work and no fault.
    fn catches_up_after_start(&self) -> bool {
        self.clock.journal().since(self.started) < CATCH_UP
    }
}

impl Queries for Answers {
    fn readings(&self, filter: &ReadingFilter) -> Result<Page<ReadingRow>, QueryError> {
        let mut wanted = journal::ReadingFilter {
            device: filter.device.clone(),
            station: filter.station.clone(),
            kind: filter.kind.map(str::to_owned),
            from: filter.from,
            to: filter.to,
            before: filter.before,
            limit: 0,
        };
        in_chunks(filter.limit, filter.max_bytes, |limit, before| {
            wanted.limit = limit;
            wanted.before = before.or(filter.before);
            let page = self.reader.readings(&wanted).map_err(failed)?;
            let rows = page.items.into_iter().filter_map(|entry| match entry.body {
                Body::Reading(reading) => {
                    Some(ReadingRow { offset: entry.offset, received_at: entry.arrived, entry: reading })
                }
                _ => None,
            });
            Ok(Page { items: rows.map(|row| (row.entry.bytes.len(), row)).collect(), next: page.next })
        })
    }

    fn rejects(&self, filter: &RejectFilter) -> Result<Page<RejectRow>, QueryError> {
        in_chunks(filter.limit, filter.max_bytes, |limit, before| {
            let page = self
                .reader
                .rejects(&journal::RejectFilter {
                    reason: filter.reason,
                    device: filter.device.clone(),
                    before: before.or(filter.before),
                    limit,
                })
                .map_err(failed)?;
            let rows = page.items.into_iter().filter_map(|entry| match entry.body {
                Body::Reject(reject) => {
                    Some(RejectRow { offset: entry.offset, received_at: entry.arrived, entry: reject })
                }
                _ => None,
            });
            Ok(Page { items: rows.map(|row| (row.entry.bytes.len(), row)).collect(), next: page.next })
        })
    }

    fn devices(&self) -> Result<Vec<DeviceStatus>, QueryError> {
        self.runtime
            .block_on(self.inquiry.devices())
            .ok_or_else(|| QueryError::Unavailable("the evaluator is starting or has stopped".to_owned()))
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Page<Alert>, QueryError> {
        let page = self.desk.alerts(&alerts_of(filter)).map_err(failed)?;
        Ok(Page { items: page.items, next: page.next })
    }

    fn alert(&self, id: Uuid) -> Result<Option<Alert>, QueryError> {
        self.desk.alert(id).map_err(failed)
    }

    fn alert_history(&self, id: Uuid, max: usize) -> Result<Vec<Alert>, QueryError> {
        let rows = self.desk.history(id).map_err(failed)?;
        let skip = rows.len().saturating_sub(max);
        rows.into_iter().skip(skip).map(|row| row.said.map_err(QueryError::Failed)).collect()
    }

    fn events(&self, filter: &EventFilter) -> Result<Page<Event>, QueryError> {
        let page = self
            .desk
            .events(&desk::EventFilter {
                state: filter.state.map(state_of),
                rule: filter.rule.as_ref().map(ToString::to_string),
                category: filter.category.map(str::to_owned),
                subject: filter.subject.clone(),
                zone: filter.zone.as_ref().map(ToString::to_string),
                from: filter.from,
                to: filter.to,
                cursor: filter.before,
                limit: filter.limit,
            })
            .map_err(failed)?;
        Ok(Page { items: page.items, next: page.next })
    }

    fn event(&self, id: Uuid) -> Result<Option<Event>, QueryError> {
        self.desk.event(id).map_err(failed)
    }

    fn audit(&self, before: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, QueryError> {
        let page = self.desk.audit_page(before, limit).map_err(failed)?;
        Ok(Page { items: page.items, next: page.next })
    }

    fn reload(&self) -> Result<ReloadAnswer, QueryError> {
        match self.reloader.try_reload("api") {
            Some(answer) => answer.map_err(QueryError::Failed),
            None => Err(QueryError::Unavailable("the service is stopping".to_owned())),
        }
    }

    fn agreement(&self) -> Result<Option<AgreementNow>, QueryError> {
        Ok(self.terms.agreement().map(|agreement| AgreementNow { agreement, now: self.clock.wall() }))
    }

    fn stats(&self) -> Result<Stats, QueryError> {
        let counts = self.counts.borrow().clone();
        let alerts = self.desk.counts().map_err(failed)?;
        let influx: Vec<u64> = self
            .sinks
            .iter()
            .filter(|(name, _)| name.starts_with("influxdb"))
            .map(|(_, status)| status.borrow().lag_entries)
            .collect();
        Ok(Stats {
            readings_stored: counts.stored,
            readings_duplicates: counts.duplicates,
            rejects: counts.rejects_total(),
            rejects_by_reason: counts.rejects,
            alerts_open: alerts.open,
            alerts_total: alerts.total,
            lag_evaluator: self.lags.evaluator().entries,
            lag_influxdb: (!influx.is_empty()).then(|| influx.iter().sum()),
        })
    }

    fn readiness(&self) -> Vec<PartStatus> {
        let part = |name: &str, ready: bool, why: Option<String>| PartStatus {
            part: name.to_owned(),
            ready,
            why,
            since: None,
        };
        let mut parts = Vec::new();
        let journal = self.journal_failed.borrow().clone().or_else(|| self.journal_held.borrow().clone());
        parts.push(part("journal", journal.is_none(), journal));
        let evaluator = self.evaluator.borrow().clone();
        parts.push(match evaluator.phase {
            Phase::AtHead | Phase::CatchingUp => {
                let lag = self.lags.evaluator();
                let behind = lag.seconds >= BEHIND_S;
                let why = behind.then(|| format!("{} entries behind, by {:.0} s", lag.entries, lag.seconds));
                part("evaluator", !behind || self.catches_up_after_start(), why)
            }
            Phase::Starting => part("evaluator", false, Some("starting".to_owned())),
            Phase::Stopped => part("evaluator", false, Some("stopped".to_owned())),
            Phase::Failed(why) => part("evaluator", false, Some(why)),
        });
        let none = self.terms.agreement().is_none();
        let why = none.then(|| "no agreement is configured: readings are stored and nothing is judged".to_owned());
        parts.push(part("agreement", true, why));
        let intake = self.intake.borrow().clone();
        // Connected, it may have something to say all the same: that another client uses its client id, or that the store is slow.
        let slow = slow_store(&intake, self.clock.wall()).filter(|_| intake.connected);
        let why = intake.last_error.or(slow).or_else(|| (!intake.connected).then(|| "not connected yet".to_owned()));
        parts.push(PartStatus { since: intake.since, ..part("mqtt", intake.connected, why) });
        for (name, status) in &self.sinks {
            parts.push(match &status.borrow().state {
                SinkState::CaughtUp | SinkState::CatchingUp => part(name, true, None),
                SinkState::Starting => part(name, false, Some("not reached yet".to_owned())),
                SinkState::Unreachable(why) | SinkState::Refused(why) => part(name, false, Some(why.clone())),
                SinkState::Stopped => part(name, false, Some("stopped".to_owned())),
            });
        }
        parts
    }
}
