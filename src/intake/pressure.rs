//! Whether the store is slower than the input: a value, time is an argument.

use std::time::{Duration, Instant};

/// Room for so long ends it. A store that is a little too slow has room for moments, between two of which it has none.
const ROOM: Duration = Duration::from_secs(2);

/// Since when the window was full again and again.
#[derive(Default)]
pub(crate) struct Pressure {
    /// Full at some moment since the last look.
    seen: bool,
    since: Option<Instant>,
    last: Option<Instant>,
}

impl Pressure {
    /// The window is full at this moment.
    pub(crate) fn full(&mut self) {
        self.seen = true;
    }

    /// Since when it is full, with less than two seconds of room between two times that it was.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Instant> {
        if std::mem::take(&mut self.seen) {
            self.last = Some(now);
            self.since.get_or_insert(now);
        } else if self.last.is_some_and(|last| now.saturating_duration_since(last) >= ROOM) {
            (self.since, self.last) = (None, None);
        }
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_room_do_not_end_it_and_two_seconds_do() {
        let (mut pressure, start) = (Pressure::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(pressure.look(at(0)), None);
        pressure.full();
        assert_eq!(pressure.look(at(100)), Some(at(100)));
        assert_eq!(pressure.look(at(2_000)), Some(at(100)), "room for less than two seconds");
        pressure.full();
        assert_eq!(pressure.look(at(2_100)), Some(at(100)));
        assert_eq!(pressure.look(at(4_099)), Some(at(100)));
        assert_eq!(pressure.look(at(4_100)), None);
        pressure.full();
        assert_eq!(pressure.look(at(5_000)), Some(at(5_000)));
    }
}
