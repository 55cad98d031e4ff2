//! Taking a backup, of a service that runs or of one that does not.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use truceline_core::time::Time;

use super::copy::{self, Held, Progress};
use super::error::io;
use super::{ANCHOR, BackupError, DATABASES, DESK, JOURNAL, Manifest, SNAPSHOTS};
use crate::desk;
use crate::journal::Reader;

/// What is to be copied, and where to.
pub struct Take<'a> {
    /// The service's folder.
    pub data_dir: &'a Path,
    /// The backup's folder: empty, or not there yet.
    pub into: &'a Path,
    /// The program's version.
    pub program: &'a str,
    /// Its engine's.
    pub engine: u32,
    /// Wall time.
    pub taken_at: Time,
}

/// Takes a backup; `progress` gets the bytes done and, with `begin`, their sum.
///
/// # Errors
/// There is no backup then, and nothing is left in its folder.
pub fn take(plan: &Take, begin: &dyn Fn(u64), progress: &dyn Fn(u64)) -> Result<Manifest, BackupError> {
    let journal = plan.data_dir.join(JOURNAL);
    if !journal.exists() {
        return Err(BackupError::NoJournal(journal));
    }
    copy::empty_folder(plan.into)?;
    let taken = copy_all(plan, begin, progress);
    if taken.is_err() {
        copy::clear(plan.into);
    }
    taken
}

fn copy_all(plan: &Take, begin: &dyn Fn(u64), progress: Progress) -> Result<Manifest, BackupError> {
    let mut manifest = Manifest::new(plan.program, plan.engine, plan.taken_at);
    for name in beside(plan.data_dir)? {
        let to = plan.into.join(&name);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(io(folder))?;
        }
        // A snapshot may be replaced by a newer one meanwhile.
        if copy::plain(&plan.data_dir.join(&name), &to, &|_| {})?.is_some() {
            manifest.files.push(copy::describe(plan.into, &name, None, &|_| {})?);
        }
    }
    let snapshots = plan.into.join(SNAPSHOTS);
    if snapshots.is_dir() {
        // The files are durable; that they are in this folder is only now.
        copy::sync_folder(&snapshots)?;
    }
    let mut held = Vec::new();
    for name in DATABASES {
        let path = plan.data_dir.join(name);
        if path.exists() {
            held.push((name, Held::now(&path)?));
        }
    }
    let mut total = 0;
    for (_, database) in &held {
        total += database.bytes()?;
    }
    // Once to copy and once to hash.
    begin(2 * total);
    for (name, database) in held {
        let schema = database.copy(&plan.into.join(name), progress)?;
        manifest.files.push(copy::describe(plan.into, name, Some(schema), progress)?);
    }
    let copied = Reader::open(&plan.into.join(JOURNAL))?.summary()?;
    manifest.journal = copied.identity.to_string();
    manifest.head = copied.head;
    manifest.arrived = copied.arrived;
    manifest.readings = copied.counts.stored;
    let desk = plan.into.join(DESK);
    manifest.judged_to = if desk.exists() { desk::judged_to(&desk)? } else { 0 };
    manifest.write(plan.into)?;
    // The backup's own folder may be new too.
    if let Some(parent) = plan.into.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        copy::sync_folder(parent)?;
    }
    Ok(manifest)
}

/// The files that are no databases, by their names within the folder: the audit's marks before the audit.
fn beside(data_dir: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = vec![ANCHOR.to_owned()];
    let folder = data_dir.join(SNAPSHOTS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(io(&folder)(error)),
    };
    for entry in entries {
        let name = entry.map_err(io(&folder))?.file_name();
        if let Some(name) = name.to_str().filter(|name| Path::new(name).extension().is_some_and(|own| own == "snap")) {
            names.push(format!("{SNAPSHOTS}/{name}"));
        }
    }
    names.sort();
    Ok(names)
}
