//! Whose desk this is, how far it has judged, and how its file is left behind.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::{reading, writing};
use super::{Desk, DeskError};

impl Desk {
    /// Makes the desk that of the journal with this identity, whose entries are those that it has judged.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn adopt(&self, journal: u64) -> Result<(), DeskError> {
        self.write(|connection| {
            connection
                .execute("INSERT OR REPLACE INTO owner VALUES (1, ?1)", [journal.cast_signed()])
                .map(drop)
                .map_err(|source| writing(&self.inner.path, source))
        })
    }

    /// Writes the log back into the file, so that the file alone holds everything; what readers still need stays.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn checkpoint(&self) -> Result<(), DeskError> {
        self.write(|connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .map_err(|source| writing(&self.inner.path, source))
        })
    }
}

/// The last entry that the desk at `path` has judged; the file is only read.
///
/// # Errors
/// It cannot be read, or is no desk.
pub fn judged_to(path: &Path) -> Result<u64, DeskError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| connection.query_row("SELECT through FROM cursor", [], |row| row.get::<_, i64>(0)))
        .map(i64::cast_unsigned)
        .map_err(|source| reading(path, source))
}
