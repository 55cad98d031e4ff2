//! What can go wrong with the journal.

use std::path::PathBuf;

/// A fault of the journal's file, or of what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or the lock file cannot be made.
    #[error("{path}: {source}; give the service a folder that it may write to")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another service has this journal open.
    #[error("{0} is in use by another truceline; stop that one, or give this one a data_dir of its own")]
    InUse(PathBuf),
    /// The file was written by a newer program.
    #[error(
        "{path} has schema version {found}, this program knows {known}; run the newer program, or restore a backup"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file was written by an older program, and whoever asks may only read it.
    #[error(
        "{path} has schema version {found}, this program reads {known}; start the service on it once, which brings it forward"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file is damaged.
    #[error(
        "{path} is damaged ({detail}); keep a copy of it, and restore the last backup; `truceline export readings` prints what can still be read"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The disk is full or cannot be written.
    #[error(
        "{path} cannot be written ({detail}); free space or mend the disk, then start again: nothing was acknowledged that is not stored"
    )]
    Disk {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Anything else that SQLite says.
    #[error("{path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What.
        source: rusqlite::Error,
    },
    /// The writer has stopped; its own error was told before.
    #[error("the journal has stopped")]
    Stopped,
}

impl JournalError {
    /// Sorts an error of SQLite by what a person can do about it.
    pub(super) fn sort(path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { path, detail: source.to_string() },
            Some(
                Code::DiskFull
                | Code::ReadOnly
                | Code::SystemIoFailure
                | Code::CannotOpen
                | Code::FileLockingProtocolFailed,
            ) => Self::Disk { path, detail: source.to_string() },
            _ => Self::Sqlite { path, source },
        }
    }
}
