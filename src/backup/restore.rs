//! Bringing a backup back into an empty folder.

use std::fs::{self, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::json;
use truceline_core::audit::Deed;
use truceline_core::time::Time;

use super::copy::{self, Progress};
use super::error::io;
use super::{ANCHOR, BackupError, DESK, JOURNAL, Manifest, SINKS, SNAPSHOTS};
use crate::desk::{self, Desk};
use crate::journal;
use crate::sinks::{self, Cursors};

/// What a file is called until all are there and right.
const UNFINISHED: &str = ".restoring";

/// What was brought back, and where the next start goes on.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup holds.
    pub manifest: Manifest,
    /// The newest snapshot that the engine can go on from.
    pub snapshot: Option<u64>,
}

/// Restores the backup at `from` into the folder `into`, and tells the audit of it at wall time `now`.
///
/// The journal gets a new identity: what it numbers from here on is not what the original numbered so.
///
/// # Errors
/// Nothing was restored then; `into` is as it was.
pub fn restore(
    from: &Path,
    into: &Path,
    now: Time,
    begin: &dyn Fn(u64),
    progress: Progress,
) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(from)?;
    for (name, known) in
        [(JOURNAL, journal::known_schema()), (DESK, desk::known_schema()), (SINKS, sinks::known_schema())]
    {
        let file = manifest.files.iter().find(|file| file.name == name);
        if file.is_none() && name == JOURNAL {
            let detail = "names no journal.db; do not use it".to_owned();
            return Err(BackupError::Manifest { path: from.join(super::MANIFEST), detail });
        }
        if let Some(found) = file.and_then(|file| file.schema).filter(|found| *found > known) {
            return Err(BackupError::Newer { path: from.join(name), found, known });
        }
    }
    if is_locked(&into.join("journal.lock")) {
        return Err(BackupError::InUse(into.to_path_buf()));
    }
    copy::empty_folder(into)?;
    begin(manifest.bytes());
    let restored = bring_back(&manifest, from, into, now, progress);
    if restored.is_err() {
        copy::clear(into);
    }
    restored
}

/// Whether a running service holds this lock.
fn is_locked(lock: &Path) -> bool {
    OpenOptions::new().write(true).open(lock).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn bring_back(
    manifest: &Manifest,
    from: &Path,
    into: &Path,
    now: Time,
    progress: Progress,
) -> Result<Restored, BackupError> {
    for file in &manifest.files {
        let (source, target) = (from.join(&file.name), unfinished(into, &file.name));
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(io(folder))?;
        }
        let differs = |detail: String| BackupError::Differs { path: source.clone(), detail };
        let Some((bytes, sha256)) = copy::plain(&source, &target, progress)? else {
            return Err(differs("it is not there".to_owned()));
        };
        if bytes != file.bytes {
            return Err(differs(format!("it has {bytes} bytes, not {}", file.bytes)));
        }
        if sha256 != file.sha256 {
            return Err(differs(format!("its SHA-256 is {sha256}, not {}", file.sha256)));
        }
    }
    // The databases last, the journal after all: a folder without it is no service's.
    let is_database = |name: &str| [SINKS, DESK, JOURNAL].contains(&name);
    for file in manifest.files.iter().filter(|file| !is_database(&file.name)) {
        finish(into, &file.name)?;
    }
    let has = |name: &str| manifest.files.iter().any(|file| file.name == name);
    let identity = journal::begin_new_life(&unfinished(into, JOURNAL))?;
    if has(SINKS) {
        Cursors::open(&unfinished(into, SINKS))?.adopt(identity)?;
        finish(into, SINKS)?;
    }
    if has(DESK) {
        let desk = Desk::open(&unfinished(into, DESK))?;
        desk.adopt(identity)?;
        let detail = json!({
            "taken_at": manifest.taken_at, "head": manifest.head, "arrived": manifest.arrived,
            "journal_was": manifest.journal, "journal_is": identity.to_string(),
        });
        let (actor, action, subject) = ("restore".to_owned(), "backup_restored".to_owned(), "truceline".to_owned());
        desk.audit(now, Deed { actor, action, subject, detail })?;
        desk.checkpoint()?;
        drop(desk);
        finish(into, DESK)?;
    }
    finish(into, JOURNAL)?;
    for folder in [into.join(SNAPSHOTS), into.to_path_buf()].iter().filter(|folder| folder.is_dir()) {
        copy::sync_folder(folder)?;
    }
    let offsets = manifest.files.iter().filter_map(|file| {
        file.name.strip_prefix(SNAPSHOTS)?.strip_prefix('/')?.strip_suffix(".snap")?.parse::<u64>().ok()
    });
    let snapshot = offsets.filter(|offset| *offset <= manifest.judged_to).max();
    Ok(Restored { manifest: manifest.clone(), snapshot })
}

fn unfinished(into: &Path, name: &str) -> PathBuf {
    // The audit adds to its marks beside the desk, whatever the desk is called meanwhile.
    if name == ANCHOR { into.join(name) } else { into.join(format!("{name}{UNFINISHED}")) }
}

fn finish(into: &Path, name: &str) -> Result<(), BackupError> {
    let (unfinished, path) = (unfinished(into, name), into.join(name));
    // What SQLite keeps beside an open file is gone once it is closed; a leftover would be lost with the old name.
    for beside in ["-wal", "-journal"] {
        let mut left = unfinished.clone().into_os_string();
        left.push(beside);
        if fs::metadata(&left).is_ok_and(|left| left.len() > 0) {
            let source = std::io::Error::other("is not written back into its database; look whether its disk has room");
            return Err(BackupError::Io { path: PathBuf::from(left), source });
        }
    }
    fs::rename(&unfinished, &path).map_err(io(&path))
}
