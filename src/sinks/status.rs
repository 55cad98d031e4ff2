//! How a sink does, for readiness and statistics.

/// How a sink does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SinkStatus {
    /// What it does.
    pub state: SinkState,
    /// The last row that is delivered or given up.
    pub position: u64,
    /// Rows in the log after it, those that the delay still holds back included.
    pub lag_entries: u64,
    /// Seconds by which the oldest undelivered row is late, its delay not counted.
    pub lag_seconds: f64,
    /// Rows and lines that were given up since the start.
    pub dead_letters: u64,
    /// Rows that were gone, or more than the greatest lag behind, before they could be read, since the start.
    pub missed: u64,
}

/// What a sink does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SinkState {
    /// The other side was not reached yet.
    #[default]
    Starting,
    /// All that may leave has left.
    CaughtUp,
    /// Delivers what is there.
    CatchingUp,
    /// The other side does not answer, or not now: tried again. Why.
    Unreachable(String),
    /// The other side refuses us, which its data cannot be blamed for: somebody must change something. Why.
    Refused(String),
    /// Ended as told.
    Stopped,
}
