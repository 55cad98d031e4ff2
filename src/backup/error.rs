//! Why a backup could not be taken, or not be restored.

use std::path::{Path, PathBuf};

use crate::desk::DeskError;
use crate::journal::JournalError;
use crate::sinks::CursorsError;

/// A fault of a backup, of what it is taken of, or of where it goes.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("{} is not there; name the service's data_dir", .0.display())]
    NoJournal(PathBuf),
    /// The folder has something in it.
    #[error("{} is not empty (it holds {found}); name a folder that is empty or does not exist", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// A service runs on the folder.
    #[error("{} is in use by a running truceline; stop it, or name another folder", .0.display())]
    InUse(PathBuf),
    /// The manifest is missing, of another form, or contradicts itself.
    #[error("{}: {detail}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// A file of the backup is not the one that was written.
    #[error("{} is not as the manifest has it: {detail}; this backup cannot be trusted, take another one", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The difference.
        detail: String,
    },
    /// A file of the service is damaged, and so its copy would be.
    #[error(
        "{} is damaged ({detail}), so no backup was made; copy the folder as it is while the service is stopped, and restore \
         the last backup",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Written by a newer program.
    #[error("{} has schema {found}, this program knows {known}; restore it with the newer program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite's reason.
    #[error("{}: {source}; look whether its disk has room and can be read", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: rusqlite::Error,
    },
    /// The system's reason.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The journal's own.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The desk's own.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The sinks' own.
    #[error(transparent)]
    Sinks(#[from] CursorsError),
}

impl BackupError {
    /// Whether it lies in what the caller named, not in a disk.
    pub const fn is_of_the_input(&self) -> bool {
        matches!(
            self,
            Self::NoJournal(_)
                | Self::NotEmpty { .. }
                | Self::InUse(_)
                | Self::Manifest { .. }
                | Self::Differs { .. }
                | Self::Newer { .. }
        )
    }
}

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    move |source| BackupError::Io { path: path.to_path_buf(), source }
}

pub(super) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> BackupError {
    move |source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            BackupError::Damaged { path: path.to_path_buf(), detail: source.to_string() }
        }
        _ => BackupError::Sqlite { path: path.to_path_buf(), source },
    }
}
