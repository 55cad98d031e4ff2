//! How long to wait before the next attempt.

use std::time::Duration;

/// The waits of a sink.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// After the first failure of a row of them; each next one doubles it.
    pub first: Duration,
    /// The greatest while the other side does not answer.
    pub max: Duration,
    /// The least while the other side refuses us: asking more often changes nothing.
    pub refused: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), max: Duration::from_secs(60), refused: Duration::from_secs(15) }
    }
}

/// Failures in a row, and the wait that follows from them.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait: doubling, with jitter down to half, so that many clients do not return as one.
    pub(super) fn next(&mut self, delays: &Delays, refused: bool) -> Duration {
        let doubled = delays.first.saturating_mul(1_u32 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(delays.max).mul_f64(0.5 + fastrand::f64() / 2.0);
        if refused { wait.max(delays.refused) } else { wait }
    }

    /// Whether the last attempt, if any, succeeded.
    pub(super) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// A success: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}
