//! What the evaluator needs from outside.

use std::collections::BTreeSet;

use tokio::sync::watch;
use truceline_core::engine::Output;
use truceline_core::log::{Document, Entries};
use truceline_core::time::Time;
use uuid::Uuid;

use super::PortError;

/// The log of entries. All methods may block.
pub trait Log: Send {
    /// Up to `max` entries after offset `after`, in order; empty at the head.
    ///
    /// # Errors
    /// The log cannot be read.
    fn entries(&self, after: u64, max: usize) -> Result<Entries, PortError>;

    /// The agreement or registry of this hash that an entry of the log named, also of one that is no longer kept.
    ///
    /// # Errors
    /// The log cannot be read.
    fn document(&self, hash: &str) -> Result<Option<Document>, PortError>;

    /// The last durable offset, told after each commit.
    fn head(&self) -> watch::Receiver<u64>;
}

/// Where alerts and events are kept. All methods may block.
pub trait AlertStore: Send {
    /// The offset up to which the log has been judged; 0 at first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn cursor(&self) -> Result<u64, PortError>;

    /// Takes in what entries up to `through` caused, at once or not at all; ignores what is at or below its cursor.
    ///
    /// # Errors
    /// Nothing of it was stored.
    fn apply(&self, outputs: &[Output], through: u64) -> Result<(), PortError>;

    /// Ends open alerts and events that a rebuilt engine does not know.
    ///
    /// # Errors
    /// Nothing of it was stored.
    fn end_unknown(&self, open_in_engine: &BTreeSet<Uuid>, at: Time) -> Result<(), PortError>;
}

/// How a tick gets into the log.
pub trait Ticks: Send {
    /// Has a tick that arrived at `at` appended; returns before it is durable.
    ///
    /// # Errors
    /// The journal takes nothing more.
    fn append_tick(&self, at: Time) -> Result<(), PortError>;
}
