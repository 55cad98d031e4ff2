//! How the session is doing, for `/readyz` and for people.

use std::time::Instant;

use truceline_core::time::Time;

/// The state of the session with the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeStatus {
    /// Connected and subscribed.
    pub connected: bool,
    /// Wall time since when `connected` is as it is; `None` before the first attempt ended.
    pub since: Option<Time>,
    /// Why the last connection ended or the last attempt failed, and what to do; `None` while all is well.
    /// A rival is told on for as long as `taken_over` is.
    pub last_error: Option<String>,
    /// Another client uses our client id, or seems to: only a person can mend that.
    pub taken_over: bool,
    /// Connections made and subscribed since the start.
    pub connections: u64,
    /// Messages handed to the store and not answered.
    pub in_flight: usize,
    /// Acknowledgements due and not yet written.
    pub pending_acks: usize,
    /// Since when as many messages wait for the store as may, again and again: the broker holds the rest. `None` once
    /// there was room for two seconds.
    pub full_since: Option<Instant>,
}

/// What was left when the session had stopped; all zero when it drained in time.
///
/// Nothing is lost by what is left: it was not acknowledged, so the broker sends it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Messages that the store had not answered.
    pub unanswered: usize,
    /// Acknowledgements that had not been written.
    pub unwritten_acks: usize,
    /// Whether the broker had not confirmed that it read the acknowledgements.
    pub unconfirmed: bool,
}

impl Leftovers {
    /// Whether all was drained.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
