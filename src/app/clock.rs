//! Journal time and wall time.
//!
//! Journal time runs on the monotonic clock from the wall time of the start, or from the journal's
//! last arrival if that is later, so it never decreases and never jumps. The wall clock may step:
//! the difference is kept beside it, and a step becomes an entry of the journal.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

use truceline_core::time::Time;

/// A wall clock that is off by more than this has stepped; less is slewing and jitter.
const STEP_NS: i64 = 500_000_000;

/// The time, read here and nowhere else.
#[derive(Debug)]
pub struct Clock {
    anchor: Time,
    started: Instant,
    /// Wall time less journal time.
    offset_ns: AtomicI64,
}

impl Clock {
    /// A clock whose journal time begins now, or at `last_arrived` if that is later.
    pub fn start(last_arrived: Option<Time>) -> Self {
        let wall = wall_clock();
        let anchor = last_arrived.map_or(wall, |last| last.max(wall));
        Self { anchor, started: Instant::now(), offset_ns: AtomicI64::new(wall.since(anchor).nanos()) }
    }

    /// Journal time now.
    pub fn journal(&self) -> Time {
        let elapsed = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Time::from_nanos(self.anchor.nanos().saturating_add(elapsed))
    }

    /// Wall time now.
    pub fn wall(&self) -> Time {
        self.wall_at(self.journal())
    }

    /// Wall time at a journal time of about now.
    pub fn wall_at(&self, journal: Time) -> Time {
        Time::from_nanos(journal.nanos().saturating_add(self.offset_ns()))
    }

    /// Wall time less journal time.
    pub fn offset_ns(&self) -> i64 {
        self.offset_ns.load(Ordering::Relaxed)
    }

    /// Looks at the wall clock; the new offset if it has stepped.
    pub fn look(&self) -> Option<i64> {
        let offset = wall_clock().since(self.journal()).nanos();
        if offset.abs_diff(self.offset_ns()) <= STEP_NS.unsigned_abs() {
            return None;
        }
        self.offset_ns.store(offset, Ordering::Relaxed);
        Some(offset)
    }
}

// The one place of the service that reads it.
#[allow(clippy::disallowed_methods)]
fn wall_clock() -> Time {
    let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Time::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use truceline_core::time::Span;

    #[test]
    fn journal_time_goes_on_from_the_last_arrival_when_the_wall_clock_is_behind_it() {
        let ahead = wall_clock() + Span::from_secs(3600);
        let clock = Clock::start(Some(ahead));
        assert!(clock.journal() >= ahead);
        assert!((clock.wall().since(wall_clock())).secs_f64().abs() < 1.0);
        assert!(clock.look().is_none(), "the offset was taken at the start");
    }
}
