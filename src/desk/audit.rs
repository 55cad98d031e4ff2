//! The audit's table: entries are added, and nothing else.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use truceline_core::audit::{AuditEntry, Broken, Deed, Mark, Verifier};
use truceline_core::time::Time;

use super::error::writing;
use super::read::MAX_PAGE;
use super::{Desk, DeskError, Page, anchor};

const COLUMNS: &str = "seq, at, actor, action, subject, detail, previous, hash";

/// Entries read at once.
const ROWS: usize = 1_000;

/// How an audit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditState {
    /// Every entry holds, and all that were noted elsewhere are among them.
    Holds {
        /// How many there are.
        entries: u64,
        /// The newest one's hash.
        hash: String,
        /// Marks of the anchor; `None` without an anchor.
        anchored: Option<usize>,
    },
    /// It does not.
    Broken(Broken),
}

impl Desk {
    /// Adds an entry to the audit and to its anchor, durable when this returns.
    ///
    /// # Errors
    /// Nothing was added; or the anchor could not be, and the entry stands without a mark.
    pub fn audit(&self, at: Time, deed: Deed) -> Result<AuditEntry, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        self.write(|connection| {
            let entry = self.transact(connection, |transaction| append(transaction, at, deed).map_err(fault))?;
            self.anchor(&entry)?;
            Ok(entry)
        })
    }

    /// Notes an entry that is in the audit in its anchor.
    pub(super) fn anchor(&self, entry: &AuditEntry) -> Result<(), DeskError> {
        let path = anchor::path_beside(&self.inner.path);
        anchor::add(&path, &entry.mark()).map_err(|source| DeskError::Anchor { path, source })
    }

    /// Follows the audit from its first entry, and holds it against its anchor and against `marks`.
    pub fn verify_audit(&self, marks: Vec<Mark>) -> Result<AuditState, DeskError> {
        let path = anchor::path_beside(&self.inner.path);
        let anchor = anchor::marks(&path).map_err(|source| DeskError::Anchor { path, source })?;
        let anchored = anchor.as_ref().map(Vec::len);
        let mut verifier = Verifier::new(anchor.into_iter().flatten().chain(marks).collect());
        let mut after = None;
        loop {
            let entries = self.audit_log(after, ROWS)?;
            let Some(last) = entries.last() else { break };
            after = Some(last.seq);
            if let Err(broken) = entries.iter().try_for_each(|entry| verifier.take(entry)) {
                return Ok(AuditState::Broken(broken));
            }
        }
        Ok(match verifier.end() {
            Ok((entries, hash)) => AuditState::Holds { entries, hash: hash.to_owned(), anchored },
            Err(broken) => AuditState::Broken(broken),
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

    /// Up to `max` entries after number `after`, in order; all of them without it. A number below 1, which no entry of
    /// the service has, comes first and as a number above `i64::MAX`.
    pub fn audit_log(&self, after: Option<u64>, max: usize) -> Result<Vec<AuditEntry>, DeskError> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
        let from = match after {
            None => i64::MIN,
            Some(after) => match after.cast_signed().checked_add(1) {
                Some(from) => from,
                None => return Ok(Vec::new()),
            },
        };
        self.audit_rows(&sql, [from, i64::try_from(max).unwrap_or(i64::MAX)])
    }

    fn audit_rows(&self, sql: &str, values: [i64; 2]) -> Result<Vec<AuditEntry>, DeskError> {
        self.read(|connection| connection.prepare_cached(sql)?.query_map(values, entry_of)?.collect())
    }
}

/// Adds an entry at the end, within a transaction; [`Desk::anchor`] is for after its commit.
pub(super) fn append(transaction: &Transaction, at: Time, deed: Deed) -> rusqlite::Result<AuditEntry> {
    let last = latest(transaction, "1")?;
    let entry = AuditEntry::after(last.as_ref(), at, deed);
    transaction.execute(
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
    )?;
    Ok(entry)
}

fn latest(connection: &Connection, condition: &str) -> rusqlite::Result<Option<AuditEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE {condition} ORDER BY seq DESC LIMIT 1");
    connection.prepare_cached(&sql)?.query_row([], entry_of).optional()
}

fn entry_of(row: &Row) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        at: Time::from_nanos(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}
