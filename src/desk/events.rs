//! Events: what the agreement permits, beside the alerts and in the same way.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use truceline_core::event::Event;
use truceline_core::time::Time;
use uuid::Uuid;

use super::apply::Kept;
use super::read::{self, before, unsigned};
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

/// A row of the event log.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// The entry that caused it.
    pub offset: u64,
    /// Count within what that entry caused, alerts and events together.
    pub n: u32,
    /// Journal time at which it was said.
    pub written_at: Time,
    /// The revision.
    pub event: Event,
    /// The revision exactly as it was written: numbers read back may differ in the last digit.
    pub json: String,
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
        let id = id.to_string();
        let json: Option<String> = self.read(|connection| {
            connection
                .prepare_cached("SELECT json FROM event WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()
        })?;
        json.map(|json| self.parse(&id, &json)).transpose()
    }

    /// Up to `max` rows of the event log after `after_seq`, in order.
    pub fn event_log(&self, after_seq: u64, max: usize) -> Result<Vec<EventRow>, DeskError> {
        type Raw = (u64, u64, u32, i64, String, String);
        let bounds = [after_seq, max as u64].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let raw: Vec<Raw> = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, offset, n, written_at, event, json FROM event_log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let rows = statement.query_map(bounds, |row| {
                Ok((unsigned(row, 0)?, unsigned(row, 1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            })?;
            rows.collect()
        })?;
        raw.into_iter()
            .map(|(seq, offset, n, written_at, id, json)| {
                let event = self.parse(&id, &json)?;
                Ok(EventRow { seq, offset, n, written_at: Time::from_nanos(written_at), event, json })
            })
            .collect()
    }

    /// How many events there are.
    pub fn event_counts(&self) -> Result<Counts, DeskError> {
        self.read(|connection| {
            let count = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0));
            Ok(Counts {
                open: count("SELECT count(*) FROM event WHERE open = 1")?,
                total: count("SELECT count(*) FROM event")?,
            })
        })
    }
}

pub(super) fn log_head(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached(Event::HEAD)?.query_row([], |row| unsigned(row, 0))
}

/// Open events as (id, JSON), in the order of their opening.
pub(super) fn open_events(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare_cached("SELECT id, json FROM event WHERE open = 1 ORDER BY first_seq")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

impl Kept for Event {
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
