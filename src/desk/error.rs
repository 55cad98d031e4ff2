//! What can go wrong with the desk's file.

use std::path::{Path, PathBuf};

/// Why the desk could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The file cannot be opened, or its schema not be brought up to date.
    #[error("cannot open the desk {}: {source}; check that the folder exists, is writable and has free space", path.display())]
    Open {
        /// The desk's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Written by a newer version of the program.
    #[error("the desk {} has schema {found}, this program knows up to {known}; run the newer program, or restore the backup made before it", path.display())]
    Newer {
        /// The desk's file.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Written by an older version of the program, and opened to read only.
    #[error("the desk {} has schema {found}, not {known}; start the service on it once", path.display())]
    Older {
        /// The desk's file.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// The audit's anchor cannot be read or written.
    #[error("the audit's anchor {}: {source}; look who altered it, or restore it with the desk from one backup", path.display())]
    Anchor {
        /// The anchor's file.
        path: PathBuf,
        /// The system's reason, or the line at fault.
        source: std::io::Error,
    },
    /// It follows from another journal.
    #[error("the desk {} belongs to another journal; restore both from one backup, or move the desk away: it is then built anew from the journal", path.display())]
    OtherJournal {
        /// The desk's file.
        path: PathBuf,
    },
    /// A commit failed: nothing of it was stored.
    #[error("cannot write to the desk {}: {source}; free space or repair the disk, then start again", path.display())]
    Write {
        /// The desk's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A query failed.
    #[error("cannot read the desk {}: {source}", path.display())]
    Read {
        /// The desk's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// What an alert cites could not be looked up: nothing of the batch was stored.
    #[error("cannot look up entry {offset}, which an alert cites: {source}")]
    Cited {
        /// The entry's offset.
        offset: u64,
        /// The journal's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An alert cannot be written as JSON, or the stored JSON is no alert.
    #[error("alert {id} of the desk {}: {source}", path.display())]
    Json {
        /// The desk's file.
        path: PathBuf,
        /// The alert's id.
        id: String,
        /// The fault.
        source: serde_json::Error,
    },
}

pub(super) fn reading(path: &Path, source: rusqlite::Error) -> DeskError {
    DeskError::Read { path: path.to_path_buf(), source }
}

pub(super) fn writing(path: &Path, source: rusqlite::Error) -> DeskError {
    DeskError::Write { path: path.to_path_buf(), source }
}
