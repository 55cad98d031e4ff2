//! The file: its tables, its version, and who may open it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::JournalError;

/// Version of the tables; a newer file is refused, an older one migrated forward.
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE entry (
    offset INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, kind INTEGER NOT NULL,
    station INTEGER, device INTEGER, boot INTEGER, seq INTEGER, time INTEGER, note INTEGER, meta TEXT, body BLOB
);
CREATE INDEX reject_entry ON entry (offset) WHERE kind = 2;
CREATE TABLE station (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL, incarnation INTEGER NOT NULL, UNIQUE (name, incarnation));
CREATE TABLE seen (device INTEGER NOT NULL, boot INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,
    PRIMARY KEY (device, boot, lo)) WITHOUT ROWID;
CREATE TABLE by_seq (device INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (device, boot, seq)) WITHOUT ROWID;
CREATE TABLE by_time (device INTEGER NOT NULL, time INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (device, time, offset)) WITHOUT ROWID;
CREATE TABLE document (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
";

/// Opens the writer's connection; makes the tables if the file is new.
pub(super) fn open_writer(path: &Path) -> Result<Connection, JournalError> {
    let sort = |source| JournalError::sort(path, source);
    let connection = Connection::open(path).map_err(sort)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(sort)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sort)?;
    if found > VERSION {
        return Err(JournalError::Newer { path: path.to_path_buf(), found, known: VERSION });
    }
    // FULL, not NORMAL: in WAL mode NORMAL loses the last commits when the power fails.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
             PRAGMA wal_autocheckpoint = 20000; PRAGMA temp_store = MEMORY;",
        )
        .map_err(sort)?;
    connection.set_prepared_statement_cache_capacity(64);
    if found == 0 {
        let tables: Option<String> = connection
            .query_row("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1", [], |row| row.get(0))
            .optional()
            .map_err(sort)?;
        if let Some(table) = tables {
            let detail = format!("it is a database of something else: it has a table '{table}'");
            return Err(JournalError::Damaged { path: path.to_path_buf(), detail });
        }
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))
            .map_err(sort)?;
    }
    Ok(connection)
}

/// Opens a connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, JournalError> {
    let sort = |source| JournalError::sort(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sort)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(sort)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sort)?;
    if found != VERSION {
        let detail = format!("it has schema version {found}, not {VERSION}");
        return Err(JournalError::Damaged { path: path.to_path_buf(), detail });
    }
    Ok(connection)
}
