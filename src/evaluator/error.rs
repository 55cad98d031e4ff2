//! What stops an evaluator.

use std::path::PathBuf;

use truceline_core::time::Time;

/// A fault of something outside that the evaluator works with.
pub type PortError = Box<dyn std::error::Error + Send + Sync>;

/// Why the evaluator cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The system gave no thread.
    #[error("cannot start the evaluator's thread: {0}")]
    Thread(std::io::Error),
    /// The thread's timers could not be made.
    #[error("cannot start the evaluator's timers: {0}")]
    Timers(std::io::Error),
    /// The thread panicked.
    #[error("the evaluator ended by a fault in the program; its message is in the log above")]
    Panicked,
    /// The log cannot be read.
    #[error("cannot read the journal after offset {after}: {source}")]
    Log {
        /// The offset reached.
        after: u64,
        /// The log's reason.
        source: PortError,
    },
    /// The store did not take the alerts in.
    #[error("the alerts of entries up to offset {through} could not be stored: {source}")]
    Store {
        /// The batch's last offset.
        through: u64,
        /// The store's reason.
        source: PortError,
    },
    /// No tick could be appended.
    #[error("cannot append the tick due at {due}: {source}")]
    Tick {
        /// The timeout that is due.
        due: Time,
        /// The journal's reason.
        source: PortError,
    },
    /// The alert store has judged entries that the journal does not hold.
    #[error(
        "the desk has judged the journal up to offset {cursor}, but the journal ends at {head}: they are not of one backup; restore both from the same one"
    )]
    StoreAhead {
        /// The store's cursor.
        cursor: u64,
        /// The log's last offset.
        head: u64,
    },
    /// A snapshot is there and cannot be read.
    #[error(
        "cannot read the engine's snapshot {}: {source}; mend the disk or the file's rights and start again, or move the file away: then the engine is built from an older one or from the journal, which takes longer", path.display()
    )]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The snapshots' folder cannot be used.
    #[error("cannot use the snapshots' folder {}: {source}; check that it is a writable folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
