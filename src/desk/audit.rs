//! The audit's table: entries are added, and nothing else.

use rusqlite::{Connection, OptionalExtension, Row, params};
use truceline_core::audit::{AuditEntry, Deed};
use truceline_core::time::Time;

use super::error::writing;
use super::read::{MAX_PAGE, unsigned};
use super::{Desk, DeskError, Page};

const COLUMNS: &str = "seq, at, actor, action, subject, detail, previous, hash";

impl Desk {
    /// Adds an entry to the audit, durable when this returns.
    ///
    /// # Errors
    /// Nothing was added.
    pub fn audit(&self, at: Time, deed: Deed) -> Result<AuditEntry, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        self.write(|connection| {
            self.transact(connection, |transaction| {
                let last = latest(transaction, "1").map_err(fault)?;
                let entry = AuditEntry::after(last.as_ref(), at, deed);
                transaction
                    .execute(
                        "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                        params![
                            entry.seq.cast_signed(),
                            entry.at.nanos(),
                            entry.actor,
                            entry.action,
                            entry.subject,
                            entry.detail,
                            entry.previous,
                            entry.hash
                        ],
                    )
                    .map_err(fault)?;
                Ok(entry)
            })
        })
    }

    /// The newest entry that tells of this action.
    pub fn audited(&self, action: &str) -> Result<Option<AuditEntry>, DeskError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM audit WHERE action = ?1 ORDER BY seq DESC LIMIT 1");
            connection.prepare_cached(&sql)?.query_row([action], entry_of).optional()
        })
    }

    /// Entries, the newest first; `before` is the [`Page::next`] of the page before.
    pub fn audit_page(&self, before: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, DeskError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
        let mut items = self.audit_rows(&sql, [before, limit as i64 + 1])?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|entry| entry.seq) } else { None };
        Ok(Page { items, next })
    }

    /// Up to `max` entries after number `after`, in order.
    pub fn audit_log(&self, after: u64, max: usize) -> Result<Vec<AuditEntry>, DeskError> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        self.audit_rows(&sql, [after, max as u64].map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn audit_rows(&self, sql: &str, values: [i64; 2]) -> Result<Vec<AuditEntry>, DeskError> {
        self.read(|connection| connection.prepare_cached(sql)?.query_map(values, entry_of)?.collect())
    }
}

fn latest(connection: &Connection, condition: &str) -> rusqlite::Result<Option<AuditEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE {condition} ORDER BY seq DESC LIMIT 1");
    connection.prepare_cached(&sql)?.query_row([], entry_of).optional()
}

fn entry_of(row: &Row) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        seq: unsigned(row, 0)?,
        at: Time::from_nanos(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}
