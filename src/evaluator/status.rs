//! How far the evaluator is, for readiness, statistics and the journal's retention.

/// What it is doing, and how far behind the journal it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluatorStatus {
    /// What it does.
    pub phase: Phase,
    /// Offset of the last entry judged and stored.
    pub offset: u64,
    /// Entries durable but not yet judged.
    pub lag_entries: u64,
    /// Journal time from the last judged entry's arrival to now, in seconds; 0 at the head.
    pub lag_seconds: f64,
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
