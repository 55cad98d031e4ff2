//! Writing: what the engine said, as one transaction, once.

use std::collections::BTreeSet;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use truceline_core::alert::{Alert, Evidence};
use truceline_core::engine::{Output, Said};
use truceline_core::event::Event;
use truceline_core::time::Time;
use truceline_core::wire::Encoding;
use uuid::Uuid;

use super::error::writing;
use super::read::{self, severity_rank};
use super::{Desk, DeskError, log};

/// Why an open alert ends that a rebuilt engine does not know.
const ENGINE_CHANGED: &str = "engine_changed";

/// What a look-up found: encoding and bytes, `None` if they are no longer kept.
pub type Found = Result<Option<(Encoding, Vec<u8>)>, Box<dyn std::error::Error + Send + Sync>>;

/// Looks up what an alert cites, a reading or a reject, by its offset.
pub type FindCited<'a> = dyn Fn(u64) -> Found + 'a;

impl Desk {
    /// Makes the desk this journal's, or finds that it is.
    ///
    /// # Errors
    /// It is another's, or cannot be written.
    pub fn belong_to(&self, journal: u64) -> Result<(), DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        self.write(|connection| {
            let journal = journal.cast_signed();
            connection.execute("INSERT OR IGNORE INTO owner VALUES (1, ?1)", [journal]).map_err(fault)?;
            let owner: i64 = connection.query_row("SELECT journal FROM owner", [], |row| row.get(0)).map_err(fault)?;
            if owner == journal { Ok(()) } else { Err(DeskError::OtherJournal { path: self.inner.path.clone() }) }
        })
    }

    /// Takes in all that the entries up to `through` caused, as one transaction.
    ///
    /// Outputs of entries at or below the cursor are ignored, so that applying again
    /// changes nothing; a `through` below the cursor leaves it where it is. The bytes
    /// that alerts cite are copied from `find_cited` unless held already; where it fails,
    /// nothing is taken in, so that the same can be applied again.
    /// An output whose revision is not above the held one's (of an engine that was
    /// rebuilt and counts anew) gets the next revision, for (id, revision) names one change.
    pub fn apply(&self, outputs: &[Output], through: u64, find_cited: &FindCited) -> Result<(), DeskError> {
        let started = Instant::now();
        let heads = self.write(|connection| {
            self.transact(connection, |transaction| {
                let mut heads = Heads::default();
                let cursor = read::cursor(transaction).map_err(|source| writing(&self.inner.path, source))?;
                if through <= cursor {
                    return Ok(heads);
                }
                let mut kept = BTreeSet::new();
                for output in outputs.iter().filter(|output| output.offset > cursor) {
                    let (offset, n) = (output.offset, output.n);
                    let cited = match &output.said {
                        Said::Alert(alert) => {
                            heads.alerts = Some(self.record(transaction, offset, n, &**alert)?);
                            self.reopen_on_evidence(transaction, alert)?;
                            &alert.evidence
                        }
                        Said::Event(event) => {
                            heads.events = Some(self.record(transaction, offset, n, &**event)?);
                            &event.evidence
                        }
                    };
                    self.keep_evidence(transaction, cited, &mut kept, find_cited)?;
                }
                transaction
                    .execute("UPDATE cursor SET through = ?1", [through as i64])
                    .map_err(|source| writing(&self.inner.path, source))?;
                Ok(heads)
            })
        })?;
        metrics::histogram!("truceline_desk_commit_seconds").record(started.elapsed().as_secs_f64());
        self.tell(heads);
        Ok(())
    }

    /// Ends, as `engine_changed`, all open alerts and events that the engine does not know.
    ///
    /// For an engine that was rebuilt and has reached the desk's cursor. Returns how many.
    pub fn end_unknown(&self, open_in_engine: &BTreeSet<Uuid>, at: Time) -> Result<usize, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let mut ended = 0;
        let heads = self.write(|connection| {
            self.transact(connection, |transaction| {
                let offset = read::cursor(transaction).map_err(fault)?;
                let mut n = read::next_n(transaction, offset).map_err(fault)?;
                let (of_alerts, alerts) = self.end_open::<Alert>(transaction, open_in_engine, at, (offset, &mut n))?;
                let (of_events, events) = self.end_open::<Event>(transaction, open_in_engine, at, (offset, &mut n))?;
                ended = of_alerts + of_events;
                let heads = Heads { alerts, events };
                Ok(heads)
            })
        })?;
        self.tell(heads);
        Ok(ended)
    }

    /// Ends what is open and unknown to the engine; how many, and the log's new end if there is any.
    fn end_open<T: Kept>(
        &self,
        transaction: &Transaction,
        open_in_engine: &BTreeSet<Uuid>,
        at: Time,
        (offset, n): (u64, &mut u32),
    ) -> Result<(usize, Option<u64>), DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let (mut ended, mut head) = (0, None);
        for (id, json) in log::open::<T>(transaction).map_err(fault)? {
            let said: T = self.parse(&id, &json)?;
            if !open_in_engine.contains(&said.id()) {
                let last = said.ended(at.max(said.updated_at()), ENGINE_CHANGED);
                head = Some(self.record(transaction, offset, *n, &last)?);
                *n = n.saturating_add(1);
                ended += 1;
            }
        }
        Ok((ended, head))
    }

    pub(super) fn transact<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Transaction) -> Result<T, DeskError>,
    ) -> Result<T, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let result = work(&transaction)?;
        transaction.commit().map_err(fault)?;
        Ok(result)
    }

    /// Appends one revision to its log and makes it the current one; its seq.
    fn record<T: Kept>(&self, transaction: &Transaction, offset: u64, n: u32, said: &T) -> Result<u64, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let id = said.id().to_string();
        let held: Option<u32> = transaction
            .prepare_cached(T::HELD)
            .and_then(|mut statement| statement.query_row([&id], |row| row.get(0)).optional())
            .map_err(fault)?;
        let renumbered =
            held.filter(|held| said.revision() <= *held).map(|held| said.renumbered(held.saturating_add(1)));
        let said = renumbered.as_ref().unwrap_or(said);
        let json = serde_json::to_string(said).map_err(|source| DeskError::Json {
            path: self.inner.path.clone(),
            id: id.clone(),
            source,
        })?;
        let head =
            transaction.prepare_cached(T::HEAD).and_then(|mut head| head.query_row([], |row| row.get::<_, i64>(0)));
        let seq = head.map_err(fault)?.saturating_add(1);
        transaction
            .prepare_cached(T::APPEND)
            .and_then(|mut statement| {
                let written_at = said.updated_at().nanos();
                statement.execute(params![seq, offset as i64, n, id, said.revision(), written_at, json])
            })
            .map_err(fault)?;
        said.make_current(transaction, seq, &id, &json).map_err(fault)?;
        Ok(seq.cast_unsigned())
    }

    fn keep_evidence(
        &self,
        transaction: &Transaction,
        cited: &[Evidence],
        // Offsets seen to in this transaction: each revision of an alert cites much the same.
        kept: &mut BTreeSet<u64>,
        find_cited: &FindCited,
    ) -> Result<(), DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let mut held = transaction.prepare_cached("SELECT 1 FROM evidence WHERE offset = ?1").map_err(fault)?;
        for evidence in cited.iter().filter(|evidence| kept.insert(evidence.offset)) {
            if held.exists([evidence.offset as i64]).map_err(fault)? {
                continue;
            }
            let found =
                find_cited(evidence.offset).map_err(|source| DeskError::Cited { offset: evidence.offset, source })?;
            let Some((encoding, bytes)) = found else {
                metrics::counter!("truceline_desk_evidence_missing_total").increment(1);
                tracing::warn!(offset = evidence.offset, "what an alert cites is no longer in the journal");
                continue;
            };
            transaction
                .prepare_cached("INSERT INTO evidence VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
                .and_then(|mut statement| {
                    statement.execute(params![
                        evidence.offset as i64,
                        evidence.device.as_str(),
                        evidence.boot,
                        evidence.seq as i64,
                        evidence.time.nanos(),
                        evidence.kind,
                        read::encoding_word(encoding),
                        bytes
                    ])
                })
                .map_err(fault)?;
        }
        Ok(())
    }

    fn tell(&self, heads: Heads) {
        if let Some(seq) = heads.alerts {
            self.inner.head.send_replace(seq);
        }
        if let Some(seq) = heads.events {
            self.inner.event_head.send_replace(seq);
        }
    }
}

/// The new ends of the logs that were added to.
#[derive(Clone, Copy, Debug, Default)]
struct Heads {
    alerts: Option<u64>,
    events: Option<u64>,
}

/// What has a current revision and a log of all of them.
pub(super) trait Kept: Clone + Serialize + DeserializeOwned {
    /// The table of current revisions; the log's name follows from it.
    const TABLE: &str;
    /// Asks for the revision held of an id.
    const HELD: &str;
    /// Asks for the log's highest seq.
    const HEAD: &str;
    /// Appends (seq, offset, n, id, revision, written at, JSON) to the log.
    const APPEND: &str;
    fn id(&self) -> Uuid;
    fn revision(&self) -> u32;
    fn renumbered(&self, revision: u32) -> Self;
    fn updated_at(&self) -> Time;
    /// The revision after it, which ends it.
    fn ended(&self, at: Time, reason: &str) -> Self;
    fn make_current(&self, transaction: &Transaction, seq: i64, id: &str, json: &str) -> rusqlite::Result<()>;
}

impl Kept for Alert {
    const TABLE: &str = "alert";
    const HELD: &str = "SELECT revision FROM alert WHERE id = ?1";
    const HEAD: &str = "SELECT coalesce(max(seq), 0) FROM alert_log";
    const APPEND: &str = "INSERT INTO alert_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

    fn id(&self) -> Uuid {
        self.id
    }

    fn revision(&self) -> u32 {
        self.revision
    }

    fn renumbered(&self, revision: u32) -> Self {
        Self { revision, ..self.clone() }
    }

    fn updated_at(&self) -> Time {
        self.updated_at
    }

    fn ended(&self, at: Time, reason: &str) -> Self {
        let (revision, ended, ended_reason) = (self.revision.saturating_add(1), Some(at), Some(reason.to_owned()));
        Self { revision, updated_at: at, ended, ended_reason, ..self.clone() }
    }

    fn make_current(&self, transaction: &Transaction, seq: i64, id: &str, json: &str) -> rusqlite::Result<()> {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO alert VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, revision = excluded.revision,
                 rule = excluded.rule, category = excluded.category, severity = excluded.severity,
                 status = excluded.status, open = excluded.open, started = excluded.started,
                 last = excluded.last, json = excluded.json",
        )?;
        statement.execute(params![
            id,
            seq,
            self.revision,
            self.rule.as_str(),
            self.category,
            severity_rank(self.severity),
            read::status_word(self.status),
            self.ended.is_none(),
            self.started.nanos(),
            self.last.nanos(),
            json
        ])?;
        Ok(())
    }
}
