//! Copies of files: a database while others write to it, anything else byte by byte; hashes of what was written.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use truceline_core::hash::ContentHash;

use super::BackupError;
use super::error::{io, sqlite};
use super::manifest::FileCopy;

/// Pages copied between two words of progress: 16 MiB at SQLite's usual page.
const STEP_PAGES: i32 = 4_096;
/// Faults of a database that are told.
const MAX_FAULTS: usize = 3;
const BUFFER: usize = 1 << 20;

/// Told how many more bytes are done.
pub(super) type Progress<'a> = &'a dyn Fn(u64);

/// A database as it was at one moment, however much is written to it since.
pub(super) struct Held {
    path: PathBuf,
    connection: Connection,
}

impl Held {
    /// Takes hold of the database as it is now.
    pub(super) fn now(path: &Path) -> Result<Self, BackupError> {
        let fault = |source| sqlite(path)(source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(fault)?;
        // The moment is that of the first read within the transaction.
        connection.execute_batch("BEGIN").map_err(fault)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(fault)?;
        Ok(Self { path: path.to_path_buf(), connection })
    }

    /// Its size in bytes.
    pub(super) fn bytes(&self) -> Result<u64, BackupError> {
        Ok(self.pragma("page_count")? * self.pragma("page_size")?)
    }

    /// Writes it to `to`, one file with nothing beside it, and looks whether all of that can be read.
    pub(super) fn copy(self, to: &Path, progress: Progress) -> Result<i64, BackupError> {
        let mut copy = Connection::open(to).map_err(sqlite(to))?;
        // A copy that breaks off is thrown away, one that does not is written through at its end.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(sqlite(to))?;
        {
            let backup = Backup::new(&self.connection, &mut copy).map_err(sqlite(&self.path))?;
            let page = self.pragma("page_size")?;
            let mut done = 0;
            loop {
                // Within the open transaction no step begins anew when the service writes.
                let step = backup.step(STEP_PAGES).map_err(sqlite(&self.path))?;
                let now = backup.progress().pagecount - backup.progress().remaining;
                progress(u64::from((now - done).unsigned_abs()) * page);
                done = now;
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => return Err(sqlite(&self.path)(busy())),
                }
            }
        }
        drop(copy);
        let copy = Connection::open(to).map_err(sqlite(to))?;
        let mode: String = copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).map_err(sqlite(to))?;
        if mode != "delete" {
            return Err(sqlite(to)(busy()));
        }
        let faults = faults(&copy).map_err(sqlite(&self.path))?;
        if !faults.is_empty() {
            return Err(BackupError::Damaged { path: self.path, detail: faults.join("; ") });
        }
        copy.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite(to))
    }

    fn pragma(&self, name: &str) -> Result<u64, BackupError> {
        let value = self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        value.map(i64::unsigned_abs).map_err(sqlite(&self.path))
    }
}

fn busy() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    rusqlite::Error::SqliteFailure(code, Some("another program holds it".to_owned()))
}

fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA quick_check({MAX_FAULTS})"))?;
    let lines = check.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Makes sure that a written file is on the disk, and describes it.
pub(super) fn describe(
    folder: &Path,
    name: &str,
    schema: Option<i64>,
    progress: Progress,
) -> Result<FileCopy, BackupError> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(io(&path))?;
    file.sync_all().map_err(io(&path))?;
    let (bytes, sha256) = pass_on(file, &mut std::io::sink(), progress).map_err(io(&path))?;
    Ok(FileCopy { name: name.to_owned(), bytes, sha256, schema })
}

/// Makes sure that what was made in a folder is found in it.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

/// Copies a file, durable when this returns; its size and SHA-256. `None` if there is no such file.
pub(super) fn plain(from: &Path, to: &Path, progress: Progress) -> Result<Option<(u64, String)>, BackupError> {
    let source = match File::open(from) {
        Ok(source) => source,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(from)(error)),
    };
    let mut target = File::create_new(to).map_err(io(to))?;
    let copied = pass_on(source, &mut target, progress).map_err(io(to))?;
    target.sync_all().map_err(io(to))?;
    Ok(Some(copied))
}

fn pass_on(mut from: File, to: &mut dyn Write, progress: Progress) -> std::io::Result<(u64, String)> {
    let mut hash = ContentHash::default();
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        let length = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { break };
        hash.add(part);
        to.write_all(part)?;
        bytes += length as u64;
        progress(length as u64);
    }
    Ok((bytes, hash.end()))
}

/// Makes a folder that only its owner may enter, or finds that it is empty.
pub(super) fn empty_folder(path: &Path) -> Result<(), BackupError> {
    match fs::read_dir(path) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(io(path))?.file_name();
                // A filesystem's own folder, where a disk is mounted.
                if name != "lost+found" {
                    let found = name.to_string_lossy().into_owned();
                    return Err(BackupError::NotEmpty { path: path.to_path_buf(), found });
                }
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io(path))
        }
        Err(error) => Err(io(path)(error)),
    }
}

/// Removes what a backup or restore that failed has written into a folder that was empty.
pub(super) fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == "lost+found" {
            continue;
        }
        // The failure itself is what is told.
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
}
