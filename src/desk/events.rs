//! Events: what the agreement permits, beside the alerts and in the same way.

use rusqlite::types::Value;
use rusqlite::{Transaction, params};
use truceline_core::event::Event;
use truceline_core::time::Time;
use uuid::Uuid;

use super::apply::Kept;
use super::read::{self, before};
use super::{AlertState, Counts, Desk, DeskError, Page};

/// Which events a list holds; what is absent does not filter.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only these.
    pub state: Option<AlertState>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only of this kind of rule.
    pub category: Option<String>,
    /// Only of this subject.
    pub subject: Option<String>,
    /// Only of this zone.
    pub zone: Option<String>,
    /// Whose latest reading is at or after this.
    pub from: Option<Time>,
    /// That started before this.
    pub to: Option<Time>,
    /// Where the page before ended: its [`Page::next`].
    pub cursor: Option<u64>,
    /// Most events to return, 1 to 1,000.
    pub limit: usize,
}

impl Desk {
    /// The events that fit a filter, the latest opened first.
    pub fn events(&self, filter: &EventFilter) -> Result<Page<Event>, DeskError> {
        let conditions = [
            ("rule =", filter.rule.clone().map(Value::from)),
            ("category =", filter.category.clone().map(Value::from)),
            ("subject =", filter.subject.clone().map(Value::from)),
            ("zone =", filter.zone.clone().map(Value::from)),
            ("last >=", filter.from.map(|from| from.nanos().into())),
            ("started <", filter.to.map(|to| to.nanos().into())),
            ("first_seq <", filter.cursor.map(before)),
        ];
        self.page("event", conditions, filter.state, filter.limit)
    }

    /// An event's current revision.
    pub fn event(&self, id: Uuid) -> Result<Option<Event>, DeskError> {
        self.current("event", id)
    }

    /// How many events there are.
    pub fn event_counts(&self) -> Result<Counts, DeskError> {
        self.counts_of("event")
    }
}

impl Kept for Event {
    const TABLE: &str = "event";
    const HELD: &str = "SELECT revision FROM event WHERE id = ?1";
    const HEAD: &str = "SELECT coalesce(max(seq), 0) FROM event_log";
    const APPEND: &str = "INSERT INTO event_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

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
            "INSERT INTO event VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, revision = excluded.revision,
                 rule = excluded.rule, category = excluded.category, subject = excluded.subject,
                 zone = excluded.zone, status = excluded.status, open = excluded.open,
                 started = excluded.started, last = excluded.last, json = excluded.json",
        )?;
        statement.execute(params![
            id,
            seq,
            self.revision,
            self.rule.as_str(),
            self.category,
            self.subject,
            self.zone.as_ref().map(truceline_core::id::Id::as_str),
            read::status_word(self.status),
            self.ended.is_none(),
            self.started.nanos(),
            self.last.nanos(),
            json
        ])?;
        Ok(())
    }
}
