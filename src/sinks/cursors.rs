//! The sinks' positions, dead letters and gaps, in a SQLite file of their own.
//!
//! A lost file, or a lost last commit, costs a second sending and nothing else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use truceline_core::time::Time;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS cursor (
        sink TEXT NOT NULL, destination TEXT NOT NULL, generation INTEGER NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (sink, destination)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS dead_letter (
        id INTEGER PRIMARY KEY, sink TEXT NOT NULL, position INTEGER NOT NULL, line TEXT NOT NULL,
        error TEXT NOT NULL, at INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS dead_letter_by_position ON dead_letter (sink, position);
    CREATE TABLE IF NOT EXISTS gap (
        id INTEGER PRIMARY KEY, sink TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, at INTEGER NOT NULL
    ) STRICT;
";
const VERSION: i64 = 1;
/// Dead letters kept of one sink; more are only counted.
const MAX_DEAD_LETTERS: i64 = 10_000;
/// Characters kept of a dead letter's line and of its error.
const MAX_TEXT: usize = 16_384;

/// Why the sinks' file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorsError {
    /// SQLite's reason.
    #[error("the sinks' file {}: {source}; check that its folder is writable and has free space", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: rusqlite::Error,
    },
    /// Damaged, and it cannot be set aside.
    #[error("the sinks' file {} is damaged and cannot be set aside: {source}; remove it: all is then sent again", path.display())]
    Aside {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Written by a newer version of the program.
    #[error("the sinks' file {} has schema {found}, this program knows {VERSION}; run the newer program, or remove the file: all is then sent again", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
    },
}

/// The newest schema version that this program knows.
pub const fn known_schema() -> i64 {
    VERSION
}

/// Which life of a log a position belongs to; a restore from a backup begins a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// The journal's identity; a restored journal has another.
    pub number: u64,
    /// The last row that this generation shares with the one before.
    pub began_after: u64,
}

/// What could not be delivered and never will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The row of the log.
    pub position: u64,
    /// What was to be sent.
    pub line: String,
    /// Why it was not taken.
    pub error: String,
}

/// Rows, both ends included, that a sink never saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Gap {
    pub first: u64,
    pub last: u64,
}

/// The file of all sinks; cheap to clone. Its methods block.
#[derive(Clone, Debug)]
pub struct Cursors {
    path: Arc<Path>,
    connection: Arc<Mutex<Connection>>,
}

/// A sink's place in [`Cursors`].
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) sink: &'static str,
    /// Another one begins at the log's beginning.
    pub(super) destination: String,
    pub(super) generation: Generation,
}

/// A step forward.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) position: u64,
    pub(super) dead_letters: Vec<DeadLetter>,
    pub(super) gap: Option<Gap>,
}

impl Cursors {
    /// Opens the file, made if absent; one that is damaged is set aside with a warning, and a new one begins.
    ///
    /// # Errors
    /// It cannot be opened or written, or a newer program wrote it.
    pub fn open(path: &Path) -> Result<Self, CursorsError> {
        match Self::open_sound(path) {
            Err(CursorsError::Sqlite { source, .. }) if is_damage(&source) => {
                let aside =
                    set_aside(path).map_err(|source| CursorsError::Aside { path: path.to_path_buf(), source })?;
                tracing::warn!(
                    "the sinks' file {} is damaged ({source}) and was set aside as {}; each sink begins again at the \
                     beginning of its log, what had been delivered is sent again",
                    path.display(),
                    aside.display()
                );
                Self::open_sound(path)
            }
            other => other,
        }
    }

    fn open_sound(path: &Path) -> Result<Self, CursorsError> {
        let fault = |source| CursorsError::Sqlite { path: path.to_path_buf(), source };
        let connection = Connection::open(path).map_err(fault)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(fault)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(fault)?;
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)?;
        if found > VERSION {
            return Err(CursorsError::Newer { path: path.to_path_buf(), found });
        }
        // The file is small: all of it is looked at, before anything is written.
        let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(fault)?;
        if sound != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(fault(rusqlite::Error::SqliteFailure(code, Some(sound))));
        }
        if found < VERSION {
            connection.execute_batch(SCHEMA).map_err(fault)?;
            connection.pragma_update(None, "user_version", VERSION).map_err(fault)?;
        }
        Ok(Self { path: path.into(), connection: Arc::new(Mutex::new(connection)) })
    }

    /// Makes all positions those of the journal with this identity, whose log is the one that they were of.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn adopt(&self, journal: u64) -> Result<(), CursorsError> {
        self.with(|transaction| {
            transaction.execute("UPDATE cursor SET generation = ?1", [journal as i64])?;
            Ok(())
        })
    }

    /// Where a sink goes on; 0 at first.
    pub(super) fn position(&self, place: &Place) -> Result<u64, CursorsError> {
        self.with(|transaction| {
            let held: Option<(i64, i64)> = transaction
                .prepare_cached("SELECT generation, position FROM cursor WHERE sink = ?1 AND destination = ?2")?
                .query_row([place.sink, &place.destination], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(held.map_or(0, |(generation, position)| {
                let position = u64::try_from(position).unwrap_or(0);
                if u64::try_from(generation) == Ok(place.generation.number) {
                    position
                } else {
                    position.min(place.generation.began_after)
                }
            }))
        })
    }

    /// Moves a sink's position and keeps what it gave up; how many dead letters found no room.
    pub(super) fn advance(&self, place: &Place, step: &Step, at: Time) -> Result<u64, CursorsError> {
        self.with(|transaction| {
            let mut crowded_out = 0;
            if !step.dead_letters.is_empty() {
                let held: i64 = transaction
                    .prepare_cached("SELECT count(*) FROM dead_letter WHERE sink = ?1")?
                    .query_row([place.sink], |row| row.get(0))?;
                let room = usize::try_from(MAX_DEAD_LETTERS - held).unwrap_or(0);
                crowded_out = step.dead_letters.len().saturating_sub(room) as u64;
                for letter in step.dead_letters.iter().take(room) {
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO dead_letter (sink, position, line, error, at)
                             VALUES (?1, ?2, ?3, ?4, ?5)",
                        )?
                        .execute(params![
                            place.sink,
                            letter.position as i64,
                            cut(&letter.line),
                            cut(&letter.error),
                            at.nanos()
                        ])?;
                }
            }
            if let Some(gap) = step.gap {
                transaction
                    .prepare_cached("INSERT INTO gap (sink, first, last, at) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![place.sink, gap.first as i64, gap.last as i64, at.nanos()])?;
            }
            let generation = place.generation.number as i64;
            transaction.prepare_cached("INSERT OR REPLACE INTO cursor VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                place.sink,
                place.destination,
                generation,
                step.position as i64
            ])?;
            Ok(crowded_out)
        })
    }

    /// Up to `max` dead letters of a sink, by position.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn dead_letters(&self, sink: &str, max: usize) -> Result<Vec<DeadLetter>, CursorsError> {
        self.with(|transaction| {
            transaction
                .prepare_cached(
                    "SELECT position, line, error FROM dead_letter WHERE sink = ?1 ORDER BY position LIMIT ?2",
                )?
                .query_map(params![sink, max as i64], |row| {
                    let position = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
                    Ok(DeadLetter { position, line: row.get(1)?, error: row.get(2)? })
                })?
                .collect()
        })
    }

    /// What a sink never saw, in the order noticed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn gaps(&self, sink: &str) -> Result<Vec<Gap>, CursorsError> {
        self.with(|transaction| {
            transaction
                .prepare_cached("SELECT first, last FROM gap WHERE sink = ?1 ORDER BY id")?
                .query_map([sink], |row| {
                    let unsigned = |index| row.get::<_, i64>(index).map(|value| u64::try_from(value).unwrap_or(0));
                    Ok(Gap { first: unsigned(0)?, last: unsigned(1)? })
                })?
                .collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T, CursorsError> {
        // A panic while the lock was held rolled its transaction back: the connection is good.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .transaction()
            .and_then(|transaction| {
                let result = work(&transaction)?;
                transaction.commit()?;
                Ok(result)
            })
            .map_err(|source| CursorsError::Sqlite { path: self.path.to_path_buf(), source })
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Renames the file and what SQLite keeps beside it, in place of one set aside before; its new name.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = named(".damaged");
    for suffix in ["-wal", "-shm"] {
        // Without its database it is of no use, and it would be taken for the new one's.
        match std::fs::remove_file(named(suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_TEXT).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}
