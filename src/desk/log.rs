//! The logs: every revision of alerts and of events, as it was written.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use truceline_core::alert::Alert;
use truceline_core::event::Event;
use truceline_core::time::Time;
use uuid::Uuid;

use super::apply::Kept;
use super::read::unsigned;
use super::{Desk, DeskError};

/// A row of a log.
#[derive(Clone, Debug)]
pub struct LogRow<T> {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// The entry that caused it.
    pub offset: u64,
    /// Count within what that entry caused, alerts and events together.
    pub n: u32,
    /// Journal time at which it was said.
    pub written_at: Time,
    /// The revision; or why the text below is none, so that one bad row hides no other.
    pub said: Result<T, String>,
    /// The revision exactly as it was written: numbers read back may differ in the last digit.
    pub json: String,
}

impl Desk {
    /// All revisions of an alert, the first first; empty if there is no such alert.
    pub fn history(&self, id: Uuid) -> Result<Vec<LogRow<Alert>>, DeskError> {
        self.rows("WHERE alert = ?1 ORDER BY revision", [Value::from(id.to_string())])
    }

    /// The revision of an alert that was its newest at a journal time; `None` if there was none yet.
    pub fn revision_at(&self, id: Uuid, time: Time) -> Result<Option<LogRow<Alert>>, DeskError> {
        let condition = "WHERE alert = ?1 AND written_at <= ?2 ORDER BY revision DESC LIMIT 1";
        Ok(self.rows(condition, [Value::from(id.to_string()), Value::from(time.nanos())])?.pop())
    }

    /// Up to `max` rows of the alert log after `after_seq`, in order.
    pub fn log(&self, after_seq: u64, max: usize) -> Result<Vec<LogRow<Alert>>, DeskError> {
        self.rows_after(after_seq, max)
    }

    /// Up to `max` rows of the event log after `after_seq`, in order.
    pub fn event_log(&self, after_seq: u64, max: usize) -> Result<Vec<LogRow<Event>>, DeskError> {
        self.rows_after(after_seq, max)
    }

    fn rows_after<T: Kept>(&self, after_seq: u64, max: usize) -> Result<Vec<LogRow<T>>, DeskError> {
        let bounds = [after_seq, max as u64].map(|number| Value::from(i64::try_from(number).unwrap_or(i64::MAX)));
        self.rows("WHERE seq > ?1 ORDER BY seq LIMIT ?2", bounds)
    }

    fn rows<T: Kept, const N: usize>(&self, condition: &str, values: [Value; N]) -> Result<Vec<LogRow<T>>, DeskError> {
        let table = T::TABLE;
        let sql = format!("SELECT seq, offset, n, written_at, {table}, json FROM {table}_log {condition}");
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), |row| {
                let (id, json): (String, String) = (row.get(4)?, row.get(5)?);
                let said = serde_json::from_str(&json).map_err(|fault| format!("{table} {id} cannot be read: {fault}"));
                let (seq, offset, written_at) = (unsigned(row, 0)?, unsigned(row, 1)?, Time::from_nanos(row.get(3)?));
                Ok(LogRow { seq, offset, n: row.get(2)?, written_at, said, json })
            })?;
            rows.collect()
        })
    }
}

/// The highest seq of a log.
pub(super) fn head<T: Kept>(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached(T::HEAD)?.query_row([], |row| unsigned(row, 0))
}

/// What is open as (id, JSON), in the order of its opening.
pub(super) fn open<T: Kept>(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare_cached(&format!("SELECT id, json FROM {} WHERE open = 1 ORDER BY first_seq", T::TABLE))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
