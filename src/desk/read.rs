//! Reading: the alerts as they are, and the log as it was written.

use std::fmt::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde::de::DeserializeOwned;
use truceline_core::agreement::{Severity, Status};
use truceline_core::alert::Alert;
use truceline_core::time::Time;
use truceline_core::wire::Encoding;
use uuid::Uuid;

use super::{Desk, DeskError};

/// Most alerts of a page.
pub(super) const MAX_PAGE: usize = 1_000;

/// Which alerts a list holds; what is absent does not filter.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Only these.
    pub state: Option<AlertState>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only of this kind of rule.
    pub category: Option<String>,
    /// Of this severity or above.
    pub severity: Option<Severity>,
    /// Whose latest reading is at or after this.
    pub from: Option<Time>,
    /// That started before this.
    pub to: Option<Time>,
    /// Where the page before ended: its [`Page::next`].
    pub cursor: Option<u64>,
    /// Most alerts to return, 1 to 1,000.
    pub limit: usize,
}

/// Whether an alert goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AlertState {
    Open,
    Ended,
}

/// A page of a list, the latest opened first.
#[derive(Clone, Debug)]
pub struct Page<T = Alert> {
    /// The alerts, or events.
    pub items: Vec<T>,
    /// What to ask for the next page with; absent at the end.
    pub next: Option<u64>,
}

/// How many alerts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub open: u64,
    pub total: u64,
}

/// A reading that an alert cites, as the device sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct EvidenceBytes {
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
}

impl Desk {
    /// The offset up to which the journal has been judged.
    pub fn cursor(&self) -> Result<u64, DeskError> {
        self.read(cursor)
    }

    /// The alerts that fit a filter, the latest opened first.
    pub fn alerts(&self, filter: &AlertFilter) -> Result<Page, DeskError> {
        let conditions = [
            ("rule =", filter.rule.clone().map(Value::from)),
            ("category =", filter.category.clone().map(Value::from)),
            ("severity >=", filter.severity.map(|severity| severity_rank(severity).into())),
            ("last >=", filter.from.map(|from| from.nanos().into())),
            ("started <", filter.to.map(|to| to.nanos().into())),
            ("first_seq <", filter.cursor.map(before)),
        ];
        self.page("alert", conditions, filter.state, filter.limit)
    }

    /// The items of a table that fit all conditions that have a value, the latest opened first.
    pub(super) fn page<T: DeserializeOwned>(
        &self,
        table: &str,
        conditions: impl IntoIterator<Item = (&'static str, Option<Value>)>,
        state: Option<AlertState>,
        limit: usize,
    ) -> Result<Page<T>, DeskError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut sql = format!("SELECT id, first_seq, json FROM {table} WHERE 1");
        let mut values: Vec<Value> = Vec::new();
        for (condition, value) in conditions {
            if let Some(value) = value {
                values.push(value);
                let _ = write!(sql, " AND {condition} ?{}", values.len());
            }
        }
        // Written out, for the partial index serves only a condition that is literally its own.
        match state {
            Some(AlertState::Open) => sql.push_str(" AND open = 1"),
            Some(AlertState::Ended) => sql.push_str(" AND open = 0"),
            None => {}
        }
        let _ = write!(sql, " ORDER BY first_seq DESC LIMIT {}", limit + 1);
        let mut rows: Vec<(String, u64, String)> = self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement
                .query_map(params_from_iter(values), |row| Ok((row.get(0)?, unsigned(row, 1)?, row.get(2)?)))?;
            rows.collect()
        })?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| row.1) } else { None };
        let items = rows.iter().map(|(id, _, json)| self.parse(id, json)).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// An alert's current revision.
    pub fn alert(&self, id: Uuid) -> Result<Option<Alert>, DeskError> {
        self.current("alert", id)
    }

    pub(super) fn current<T: DeserializeOwned>(&self, table: &str, id: Uuid) -> Result<Option<T>, DeskError> {
        let id = id.to_string();
        let json = self.read(|connection| json_of(connection, table, &id))?;
        json.map(|json| self.parse(&id, &json)).transpose()
    }

    /// How many alerts there are.
    pub fn counts(&self) -> Result<Counts, DeskError> {
        self.counts_of("alert")
    }

    pub(super) fn counts_of(&self, table: &str) -> Result<Counts, DeskError> {
        self.read(|connection| {
            let count = |condition: &str| {
                let sql = format!("SELECT count(*) FROM {table} {condition}");
                connection.prepare_cached(&sql)?.query_row([], |row| unsigned(row, 0))
            };
            Ok(Counts { open: count("WHERE open = 1")?, total: count("")? })
        })
    }

    /// The copy of a reading that an alert cites.
    pub fn evidence(&self, offset: u64) -> Result<Option<EvidenceBytes>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT encoding, bytes FROM evidence WHERE offset = ?1")?
                .query_row([offset as i64], |row| {
                    let word: String = row.get(0)?;
                    Ok(EvidenceBytes { encoding: encoding_of(&word), bytes: row.get(1)? })
                })
                .optional()
        })
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, id: &str, json: &str) -> Result<T, DeskError> {
        serde_json::from_str(json).map_err(|source| DeskError::Json {
            path: self.inner.path.clone(),
            id: id.to_owned(),
            source,
        })
    }
}

/// The current revision of an alert or event as it was written.
pub(super) fn json_of(connection: &Connection, table: &str, id: &str) -> rusqlite::Result<Option<String>> {
    let sql = format!("SELECT json FROM {table} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()
}

pub(super) fn cursor(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT through FROM cursor")?.query_row([], |row| unsigned(row, 0))
}

/// The first `n` that no output of the entry at `offset` has.
pub(super) fn next_n(connection: &Connection, offset: u64) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT max((SELECT coalesce(max(n) + 1, 0) FROM alert_log WHERE offset = ?1),
                        (SELECT coalesce(max(n) + 1, 0) FROM event_log WHERE offset = ?1))",
        )?
        .query_row([offset as i64], |row| row.get(0))
}

pub(super) const fn severity_rank(severity: Severity) -> i64 {
    match severity {
        Severity::Minor => 1,
        Severity::Moderate => 2,
        Severity::Severe => 3,
        Severity::Extreme => 4,
    }
}

pub(super) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Actual => "actual",
        Status::Exercise => "exercise",
    }
}

pub(super) const fn encoding_word(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "json",
        Encoding::Cbor => "cbor",
        Encoding::Cose => "cose",
    }
}

fn encoding_of(word: &str) -> Encoding {
    match word {
        "cbor" => Encoding::Cbor,
        "cose" => Encoding::Cose,
        _ => Encoding::Json,
    }
}

pub(super) fn unsigned(row: &Row, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

/// Where the page before ended, as a value of SQLite.
pub(super) fn before(cursor: u64) -> Value {
    i64::try_from(cursor).unwrap_or(i64::MAX).into()
}
