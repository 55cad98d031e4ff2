//! How far the evaluator is, for readiness, statistics and the journal's retention.
//!
//! How far that is behind the journal is for others to find out: an evaluator that stands still could not tell.

use truceline_core::time::Time;

/// What it is doing, and how far it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluatorStatus {
    /// What it does.
    pub phase: Phase,
    /// Offset of the last entry judged and stored.
    pub offset: u64,
    /// Arrival of the last entry judged since the start.
    pub arrived: Option<Time>,
    /// The oldest kept snapshot's offset: entries after it must be retained. 0 without one.
    pub retention_floor: u64,
}

/// What the evaluator does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Looks for a snapshot.
    #[default]
    Starting,
    /// Reads what it has not judged yet.
    CatchingUp,
    /// Waits for the next entry or timeout.
    AtHead,
    /// Ended as told.
    Stopped,
    /// Ended by a fault: its message.
    Failed(String),
}
