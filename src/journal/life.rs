//! Which journal this is, how far it goes, and how a copy that was restored becomes another one.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use truceline_core::time::Time;

use super::counts::Counts;
use super::reader::Reader;
use super::{JournalError, schema};

/// What a journal says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its identity.
    pub identity: u64,
    /// Offset of its newest entry.
    pub head: u64,
    /// When that entry arrived; `None` without entries.
    pub arrived: Option<Time>,
    /// Counts since it began.
    pub counts: Counts,
}

impl Reader {
    /// What the journal says of itself.
    pub fn summary(&self) -> Result<Summary, JournalError> {
        self.with(|file| {
            let meta = |key: &str| {
                file.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get::<_, i64>(0)).optional()
            };
            Ok(Summary {
                identity: meta("identity")?.unwrap_or(0).cast_unsigned(),
                head: meta("head")?.unwrap_or(0).cast_unsigned(),
                arrived: meta("arrived")?.map(Time::from_nanos),
                counts: Counts::load(file)?,
            })
        })
    }
}

/// The newest schema version that this program knows.
pub fn known_schema() -> i64 {
    schema::current()
}

/// Gives the journal at `path`, which nobody has open, a new identity; returns it.
///
/// # Errors
/// It cannot be written.
pub fn begin_new_life(path: &Path) -> Result<u64, JournalError> {
    let sort = |source| JournalError::sort(path, source);
    let file = Connection::open(path).map_err(sort)?;
    let new = schema::new_identity();
    let changed =
        file.execute("UPDATE meta SET value = ? WHERE key = 'identity'", params![new.cast_signed()]).map_err(sort)?;
    if changed == 0 {
        return Err(JournalError::Damaged { path: path.to_path_buf(), detail: "it has no identity".to_owned() });
    }
    Ok(new)
}
