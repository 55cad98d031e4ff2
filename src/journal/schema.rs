//! The file: its tables, its version, and who may open it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::JournalError;

/// What brings a file from each version to the next; a new file begins at version 0.
const STEPS: &[&str] = &["
CREATE TABLE entry (
    offset INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, kind INTEGER NOT NULL,
    station INTEGER, device INTEGER, boot INTEGER, seq INTEGER, time INTEGER, note INTEGER, meta TEXT, body BLOB
);
CREATE INDEX reject_entry ON entry (offset) WHERE kind = 2;
CREATE INDEX agreement_entry ON entry (offset) WHERE kind = 4;
CREATE INDEX registry_entry ON entry (offset) WHERE kind = 5;
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
", "
CREATE TABLE piece (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, text TEXT NOT NULL);
ALTER TABLE document ADD COLUMN pieces TEXT;
"];

/// The tables of the current version; each is looked into at the start.
const TABLES: [&str; 9] = ["entry", "station", "device", "seen", "by_seq", "by_time", "document", "piece", "meta"];

/// How long a statement waits for another connection's lock.
const BUSY: Duration = Duration::from_secs(10);

/// Opens the writer's connection; makes the tables of a new file and brings an older one forward.
pub(super) fn open_writer(path: &Path) -> Result<Connection, JournalError> {
    let sort = |source| JournalError::sort(path, source);
    let mut connection = Connection::open(path).map_err(sort)?;
    connection.busy_timeout(BUSY).map_err(sort)?;
    let found = version(&connection).map_err(sort)?;
    refuse_newer(path, found)?;
    if found == 0
        && let Some(table) = any_table(&connection).map_err(sort)?
    {
        return Err(damaged(path, format!("it is a database of something else: it has a table '{table}'")));
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(sort)?;
    if mode != "wal" {
        let detail = format!("its filesystem allows no write-ahead log, SQLite offers '{mode}'; use a local disk");
        return Err(JournalError::Disk { path: path.to_path_buf(), detail });
    }
    // FULL, not NORMAL: in WAL mode NORMAL loses the last commits when the power fails.
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 20000;
             PRAGMA journal_size_limit = 134217728; PRAGMA temp_store = MEMORY;",
        )
        .map_err(sort)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection, STEPS).map_err(sort)?;
    look_into(&connection, path)?;
    Ok(connection)
}

/// Opens a connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, JournalError> {
    let sort = |source| JournalError::sort(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sort)?;
    connection.busy_timeout(BUSY).map_err(sort)?;
    // A long agreement is put together in memory: a folder for temporary files may not be writable.
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(sort)?;
    connection.set_prepared_statement_cache_capacity(32);
    let found = version(&connection).map_err(sort)?;
    refuse_newer(path, found)?;
    if found < current() {
        let oldest = TABLES[0];
        if connection.prepare(&format!("SELECT 1 FROM {oldest}")).is_err() {
            return Err(damaged(path, format!("it has no table '{oldest}'")));
        }
        return Err(JournalError::Older { path: path.to_path_buf(), found, known: current() });
    }
    look_into(&connection, path)?;
    Ok(connection)
}

pub(super) fn current() -> i64 {
    STEPS.len() as i64
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn any_table(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1")?;
    let mut rows = select.query([])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

fn refuse_newer(path: &Path, found: i64) -> Result<(), JournalError> {
    if found > current() {
        return Err(JournalError::Newer { path: path.to_path_buf(), found, known: current() });
    }
    Ok(())
}

/// Each step with its version in one transaction, so that a crash leaves a whole version.
fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let found = usize::try_from(version(connection)?).unwrap_or(0);
    for (index, step) in steps.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", (index + 1) as i64)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A quick look, not a scan: each table is there and its first page can be read.
fn look_into(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    for table in TABLES {
        let read = || {
            let mut select = connection.prepare(&format!("SELECT * FROM {table} LIMIT 1"))?;
            select.query([])?.next().map(|_| ())
        };
        match read() {
            Ok(()) => {}
            Err(error) if error.to_string().contains("no such table") => {
                return Err(damaged(path, format!("it has no table '{table}'")));
            }
            Err(error) => return Err(JournalError::sort(path, error)),
        }
    }
    Ok(())
}

fn damaged(path: &Path, detail: String) -> JournalError {
    JournalError::Damaged { path: path.to_path_buf(), detail }
}

/// Below 2^62, so that it fits wherever it is kept.
pub(super) fn new_identity() -> u64 {
    fastrand::u64(1..1 << 62)
}

/// A number drawn when the journal was made, or restored from a backup.
pub(super) fn identity(file: &Connection) -> rusqlite::Result<u64> {
    file.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('identity', ?)", [new_identity().cast_signed()])?;
    file.query_row("SELECT value FROM meta WHERE key = 'identity'", [], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_takes_the_steps_that_it_lacks_and_keeps_its_rows() {
        let mut file = Connection::open_in_memory().expect("opens");
        migrate(&mut file, &["CREATE TABLE a (x)"]).expect("the first version");
        file.execute_batch("INSERT INTO a VALUES (7)").expect("a row");
        let steps = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 1", "CREATE TABLE b (z)"];
        migrate(&mut file, &steps).expect("the third version");
        assert_eq!(version(&file).expect("read"), 3);
        let row: (i64, i64) =
            file.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?))).expect("there");
        assert_eq!(row, (7, 1));
        migrate(&mut file, &steps).expect("nothing left to do");
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut file = Connection::open_in_memory().expect("opens");
        let failed = migrate(&mut file, &["CREATE TABLE a (x)", "CREATE TABLE b (x); nonsense"]);
        assert!(failed.is_err());
        assert_eq!(version(&file).expect("read"), 1);
        assert!(file.prepare("SELECT * FROM b").is_err(), "the half of a step is undone");
    }
}
