//! Reads the journal on connections of its own; never holds the writer up.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, params};
use truceline_core::id::Id;
use truceline_core::log::{Body, Document, Entry};
use truceline_core::time::Time;
use truceline_core::wire::{RejectReason, decode_one};

use super::{JournalError, row, schema};

/// Rows that one page of a filtered list looks at; the page then ends with a cursor, full or not.
const MAX_SCAN: usize = 50_000;
/// Connections kept open.
const MAX_IDLE: usize = 8;

/// Reads the journal; cheap to clone, blocking.
#[derive(Clone)]
pub struct Reader {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// Which readings.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ReadingFilter {
    pub device: Option<Id>,
    pub station: Option<Id>,
    /// A kind's word.
    pub kind: Option<String>,
    /// Reading time, inclusive.
    pub from: Option<Time>,
    /// Reading time, exclusive.
    pub to: Option<Time>,
    /// Only entries below this offset.
    pub before: Option<u64>,
    /// Most entries.
    pub limit: usize,
}

/// Which rejects.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct RejectFilter {
    pub reason: Option<RejectReason>,
    pub device: Option<Id>,
    /// Only entries below this offset.
    pub before: Option<u64>,
    /// Most entries.
    pub limit: usize,
}

/// Entries, newest first, and where the next page begins.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries.
    pub items: Vec<Entry>,
    /// Give it as `before` for the next page; `None` at the end.
    pub next: Option<u64>,
}

impl Reader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Arc::default() }
    }

    /// Opens a journal that no service need be running on, to read only.
    pub fn open(path: &std::path::Path) -> Result<Self, JournalError> {
        let reader = Self::new(path.to_path_buf());
        reader.with(|_| Ok(()))?;
        Ok(reader)
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.path)?,
        };
        let result = read(&connection).map_err(|source| JournalError::sort(&self.path, source));
        if result.is_ok()
            && let Ok(mut idle) = self.idle.lock()
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
        result
    }

    /// Entries after an offset, in order: at most `max`, and no more once they have `max_bytes`.
    pub fn entries(&self, after: u64, max: usize, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        self.with(|file| {
            let mut select = file.prepare_cached(&format!(
                "SELECT {} FROM {} WHERE e.offset > ? ORDER BY e.offset LIMIT ?",
                row::COLUMNS,
                row::JOINS
            ))?;
            let mut rows = select.query(params![after.cast_signed(), max as i64])?;
            let mut entries = Vec::new();
            let mut bytes = 0;
            while let Some(found) = rows.next()? {
                let entry = row::entry(found)?;
                bytes += size(&entry.body);
                entries.push(entry);
                if bytes >= max_bytes {
                    break;
                }
            }
            Ok(entries)
        })
    }

    /// The newest entry's offset; 0 if there is none.
    pub fn head(&self) -> Result<u64, JournalError> {
        self.with(|file| {
            file.query_row("SELECT coalesce(max(offset), 0) FROM entry", [], |row| row.get::<_, i64>(0))
                .map(i64::cast_unsigned)
        })
    }

    /// The entry at an offset.
    pub fn entry(&self, offset: u64) -> Result<Option<Entry>, JournalError> {
        self.with(|file| {
            file.prepare_cached(&format!("SELECT {} FROM {} WHERE e.offset = ?", row::COLUMNS, row::JOINS))?
                .query_row([offset.cast_signed()], row::entry)
                .optional()
        })
    }

    /// Readings that a filter lets through, newest arrival first.
    pub fn readings(&self, filter: &ReadingFilter) -> Result<Page, JournalError> {
        let wanted = |entry: &Entry| {
            let Body::Reading(reading) = &entry.body else { return false };
            filter.device.as_ref().is_none_or(|device| *device == reading.device)
                && filter.station.as_ref().is_none_or(|station| *station == reading.station)
                && filter.from.is_none_or(|from| from <= reading.time)
                && filter.to.is_none_or(|to| reading.time < to)
                && filter.kind.as_ref().is_none_or(|kind| {
                    decode_one(reading.encoding, &reading.bytes).is_ok_and(|reading| reading.data.kind() == kind)
                })
        };
        match &filter.device {
            Some(device) => self.readings_of(device, filter, wanted),
            None => self.scan("e.kind = 1", filter.before, filter.limit, wanted),
        }
    }

    /// Rejects that a filter lets through, newest first.
    pub fn rejects(&self, filter: &RejectFilter) -> Result<Page, JournalError> {
        self.scan("e.kind = 2", filter.before, filter.limit, |entry| {
            let Body::Reject(reject) = &entry.body else { return false };
            filter.reason.is_none_or(|reason| reason == reject.reason)
                && filter.device.as_ref().is_none_or(|device| Some(device) == reject.device.as_ref())
        })
    }

    fn scan(
        &self,
        kind: &str,
        before: Option<u64>,
        limit: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Page, JournalError> {
        self.with(|file| {
            let mut select = file.prepare_cached(&format!(
                "SELECT {} FROM {} WHERE {kind} AND e.offset < ? ORDER BY e.offset DESC",
                row::COLUMNS,
                row::JOINS
            ))?;
            let rows = select.query_map([before.map_or(i64::MAX, u64::cast_signed)], row::entry)?;
            collect(rows, limit, wanted)
        })
    }

    /// By the index up to where it reaches, and directly behind it; both by offset, newest first.
    fn readings_of(
        &self,
        device: &Id,
        filter: &ReadingFilter,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Page, JournalError> {
        self.with(|file| {
            let through: i64 = file
                .query_row("SELECT value FROM meta WHERE key = 'indexed_through'", [], |row| row.get(0))
                .optional()?
                .unwrap_or(0);
            // The span of time narrows the index; the offset orders the pages.
            let mut select = file.prepare_cached(&format!(
                "SELECT {} FROM {} WHERE e.offset IN (
                     SELECT t.offset FROM by_time t JOIN device n ON n.id = t.device
                         WHERE n.name = ?1 AND t.time >= ?2 AND t.time < ?3 AND t.offset < ?4 AND t.offset <= ?5
                     UNION ALL
                     SELECT u.offset FROM entry u JOIN device n ON n.id = u.device
                         WHERE u.offset > ?5 AND u.offset < ?4 AND u.kind = 1 AND n.name = ?1)
                 ORDER BY e.offset DESC",
                row::COLUMNS,
                row::JOINS
            ))?;
            let rows = select.query_map(
                params![
                    device.as_str(),
                    filter.from.map_or(i64::MIN, Time::nanos),
                    filter.to.map_or(i64::MAX, Time::nanos),
                    filter.before.map_or(i64::MAX, u64::cast_signed),
                    through
                ],
                row::entry,
            )?;
            collect(rows, filter.limit, wanted)
        })
    }

    /// The document that entries of this sort name last.
    fn latest(&self, kind: i64) -> Result<Option<Document>, JournalError> {
        self.with(|file| {
            file.prepare_cached(
                "SELECT c.hash, c.text FROM entry e JOIN document c ON c.hash = e.meta WHERE e.kind = ? ORDER BY e.offset DESC LIMIT 1",
            )?
            .query_row([kind], |row| Ok(Document { hash: row.get(0)?, text: row.get(1)? }))
            .optional()
        })
    }

    /// The agreement in force.
    pub fn latest_agreement(&self) -> Result<Option<Document>, JournalError> {
        self.latest(row::AGREEMENT)
    }

    /// The registry in force.
    pub fn latest_registry(&self) -> Result<Option<Document>, JournalError> {
        self.latest(row::REGISTRY)
    }

    /// Ranges of seq that are durable of one boot, over all incarnations: the newest 32, ascending.
    pub fn ranges(&self, device: &Id, boot: u32) -> Result<Vec<(u64, u64)>, JournalError> {
        self.with(|file| {
            let mut select = file.prepare_cached(
                "SELECT lo, hi FROM seen JOIN device d ON d.id = seen.device
                 WHERE d.id = (SELECT max(id) FROM device WHERE name = ?1 AND EXISTS
                                  (SELECT 1 FROM seen s WHERE s.device = device.id AND s.boot = ?2))
                   AND boot = ?2 ORDER BY lo DESC LIMIT 32",
            )?;
            let rows = select.query_map(params![device.as_str(), boot], |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
            })?;
            let mut ranges = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            ranges.reverse();
            Ok(ranges)
        })
    }

    /// Reads every page of the file; what is damaged, or nothing.
    pub fn verify(&self) -> Result<Vec<String>, JournalError> {
        self.with(|file| {
            let mut check = file.prepare("PRAGMA integrity_check")?;
            let lines = check.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(lines.into_iter().filter(|line| line != "ok").collect())
        })
    }
}

fn collect(
    rows: impl Iterator<Item = rusqlite::Result<Entry>>,
    limit: usize,
    wanted: impl Fn(&Entry) -> bool,
) -> rusqlite::Result<Page> {
    let mut page = Page::default();
    let mut last = None;
    for (looked, entry) in rows.enumerate() {
        if page.items.len() >= limit || looked >= MAX_SCAN {
            page.next = last;
            break;
        }
        let entry = entry?;
        last = Some(entry.offset);
        if wanted(&entry) {
            page.items.push(entry);
        }
    }
    Ok(page)
}

fn size(body: &Body) -> usize {
    64 + match body {
        Body::Reading(reading) => reading.bytes.len(),
        Body::Reject(reject) => reject.bytes.len(),
        Body::Agreement(document) | Body::Registry(document) => document.text.len(),
        _ => 0,
    }
}
