//! Reads the journal on connections of its own; never holds the writer up.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, params};
use truceline_core::id::Id;
use truceline_core::log::{Body, Document, Entry};

use super::{JournalError, documents, row, schema};

/// Connections kept open.
const MAX_IDLE: usize = 8;

/// Reads the journal; cheap to clone, blocking.
#[derive(Clone)]
pub struct Reader {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Reader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Arc::default() }
    }

    /// Opens a journal that no service need be running on, to read only.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let reader = Self::new(path.to_path_buf());
        reader.with(|_| Ok(()))?;
        Ok(reader)
    }

    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
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
                row::columns(),
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

    /// The entry at an offset; `None` if there is none, or retention has deleted it.
    pub fn entry(&self, offset: u64) -> Result<Option<Entry>, JournalError> {
        self.with(|file| entry(file, offset))
    }

    /// The newest entry's offset; 0 if there is none.
    pub fn head(&self) -> Result<u64, JournalError> {
        self.with(|file| {
            file.query_row("SELECT coalesce(max(offset), 0) FROM entry", [], |row| row.get::<_, i64>(0))
                .map(i64::cast_unsigned)
        })
    }

    /// Offset of the oldest entry that retention may delete and has not: before it there are only
    /// the terms, and what the service told of itself. `None` if there is no such entry.
    pub fn first(&self) -> Result<Option<u64>, JournalError> {
        self.with(|file| {
            file.prepare_cached("SELECT offset FROM entry WHERE kind IN (1, 2, 3, 9) ORDER BY offset LIMIT 1")?
                .query_row([], |row| row.get::<_, i64>(0))
                .optional()
                .map(|offset| offset.map(i64::cast_unsigned))
        })
    }

    /// A document by its hash.
    pub fn document(&self, hash: &str) -> Result<Option<Document>, JournalError> {
        self.with(|file| {
            file.prepare_cached(&format!("SELECT c.hash, {} FROM document c WHERE c.hash = ?", documents::TEXT))?
                .query_row([hash], |row| Ok(Document { hash: row.get(0)?, text: row.get(1)? }))
                .optional()
        })
    }

    /// The text of one file of the agreement of this hash.
    pub fn file_of_agreement(&self, hash: &str, name: &str) -> Result<Option<String>, JournalError> {
        self.with(|file| documents::file_of(file, hash, name))
    }

    /// The hash of the agreement in force.
    pub fn latest_agreement_hash(&self) -> Result<Option<String>, JournalError> {
        self.with(|file| {
            file.prepare_cached(&format!(
                "SELECT meta FROM entry WHERE kind = {} ORDER BY offset DESC LIMIT 1",
                row::AGREEMENT
            ))?
            .query_row([], |found| found.get(0))
            .optional()
        })
    }

    /// The document that entries of this kind name last.
    fn latest(&self, kind: i64) -> Result<Option<Document>, JournalError> {
        self.with(|file| {
            // The kind stands in the text, since a partial index is only used for a constant.
            file.prepare_cached(&format!(
                "SELECT c.hash, {} FROM entry e JOIN document c ON c.hash = e.meta
                 WHERE e.kind = {kind} ORDER BY e.offset DESC LIMIT 1",
                documents::TEXT
            ))?
            .query_row([], |row| Ok(Document { hash: row.get(0)?, text: row.get(1)? }))
            .optional()
        })
    }

    /// What was put in force after an offset, in order: the entry's offset, whether it is an agreement or else a
    /// registry, and the document's hash.
    pub fn put_in_force_after(&self, after: u64) -> Result<Vec<(u64, bool, String)>, JournalError> {
        self.with(|file| {
            let of = |kind| format!("SELECT offset, kind, meta FROM entry WHERE kind = {kind} AND offset > ?1");
            let (agreements, registries) = (of(row::AGREEMENT), of(row::REGISTRY));
            file.prepare_cached(&format!("{agreements} UNION ALL {registries} ORDER BY 1"))?
                .query_map([after.cast_signed()], |found| {
                    let is_agreement = found.get::<_, i64>(1)? == row::AGREEMENT;
                    Ok((found.get::<_, i64>(0)?.cast_unsigned(), is_agreement, found.get(2)?))
                })?
                .collect()
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

    /// Ranges of seq that are durable of one boot of a device id's newest unit: the newest 32, ascending.
    pub fn ranges(&self, device: &Id, boot: u32) -> Result<Vec<(u64, u64)>, JournalError> {
        self.with(|file| {
            let mut select = file.prepare_cached(
                "SELECT lo, hi FROM seen WHERE device = (
                     SELECT d.id FROM device d WHERE d.name = ?1
                         AND EXISTS (SELECT 1 FROM seen s WHERE s.device = d.id AND s.boot = ?2)
                     ORDER BY d.incarnation DESC LIMIT 1)
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

    /// The boots of a device id of which something is durable, over all its units, ascending; at most `max`.
    pub fn boots(&self, device: &Id, max: usize) -> Result<Vec<u32>, JournalError> {
        self.with(|file| {
            file.prepare_cached(
                "SELECT DISTINCT s.boot FROM seen s JOIN device d ON d.id = s.device WHERE d.name = ?
                 ORDER BY s.boot LIMIT ?",
            )?
            .query_map(params![device.as_str(), max as i64], |row| row.get(0))?
            .collect()
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

pub(super) fn entry(file: &Connection, offset: u64) -> rusqlite::Result<Option<Entry>> {
    file.prepare_cached(&format!("SELECT {} FROM {} WHERE e.offset = ?", row::columns(), row::JOINS))?
        .query_row([offset.cast_signed()], row::entry)
        .optional()
}

pub(super) fn size(body: &Body) -> usize {
    64 + match body {
        Body::Reading(reading) => reading.bytes.len(),
        Body::Reject(reject) => reject.bytes.len(),
        Body::Agreement(document) | Body::Registry(document) => document.text.len(),
        _ => 0,
    }
}
