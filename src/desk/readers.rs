//! Connections for reading: a few, lent and taken back.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{DeskError, reading};

/// Idle connections kept; more may be open at once, as many as there are callers.
const MAX_IDLE: usize = 8;

/// Lends connections that cannot write.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// Nothing may be made beside the file, and nobody writes to it.
    at_rest: bool,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), at_rest: false, idle: Mutex::new(Vec::new()) }
    }

    /// For a file that no service need be running on, also in a folder in which nothing may be made.
    pub(super) fn of_any(path: &Path) -> rusqlite::Result<(Self, Connection)> {
        let mut readers = Self::new(path);
        let looked = |readers: &Self| {
            let connection = readers.connect()?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
            Ok::<_, rusqlite::Error>(connection)
        };
        let found = looked(&readers);
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        if found.is_err() && path.is_file() && !Path::new(&log).exists() {
            readers.at_rest = true;
            let connection = looked(&readers)?;
            return Ok((readers, connection));
        }
        Ok((readers, found?))
    }

    /// Runs `work` on a connection within one read transaction, so that all its queries see one state.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DeskError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().map_err(|source| reading(&self.path, source))?,
        };
        let result = connection
            .transaction()
            .and_then(|transaction| work(&transaction))
            .map_err(|source| reading(&self.path, source))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
        Ok(result)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = if self.at_rest {
            let path = self.path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            Connection::open_with_flags(format!("file:{path}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)?
        } else {
            Connection::open_with_flags(&self.path, flags)?
        };
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(connection)
    }
}
