//! Whether a position can be believed: nothing moves faster than it can.
//!
//! A position that cannot have been reached from the last believed one, however wrong both are within their
//! radii, is doubted: a spoofed or a wild fix, or another object under the same name. It is not doubted for
//! ever: when so many in a row agree with one another, the new place is taken, and what was known of the
//! old one is not carried over.

use serde::{Deserialize, Serialize};

use super::record::Stand;
use crate::geometry::{LonLat, distance_m};
use crate::time::Time;

/// A place that was doubted is believed when so many positions in a row, the first included, agree on it.
pub const BELIEVED_AFTER: u32 = 3;

/// Faster than this a device does not move whose registration says nothing of it, metres a second: it may fly.
pub const FASTEST_MPS: f64 = 120.0;

/// Upper bound of a degree's length, metres.
const DEGREE_M: f64 = 111_700.0;

/// The believed positions of one device or object, and those that wait to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Trail {
    last: Option<Fix>,
    // Seldom there, so it is not to take room in every device's record.
    doubted: Option<Box<Doubted>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Fix {
    time: Time,
    stand: Stand,
}

/// Positions in a row that agree with one another and not with what is believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Doubted {
    latest: Fix,
    count: u32,
}

/// What a position is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It can have come there.
    Believed,
    /// It cannot have; but enough agree that it is there.
    Restarted,
    /// It cannot have.
    Doubted,
}

impl Trail {
    /// One that begins here.
    pub(super) fn from(time: Time, stand: Option<Stand>) -> Self {
        Self { last: stand.map(|stand| Fix { time, stand }), doubted: None }
    }

    /// Takes in a position that is newer than those before.
    pub(super) fn take(&mut self, time: Time, stand: Stand, fastest_mps: f64) -> Verdict {
        let now = Fix { time, stand };
        let Some(last) = self.last else {
            *self = Self::from(time, Some(stand));
            return Verdict::Believed;
        };
        let possible = last.reaches(now, fastest_mps);
        let agreeing = self.doubted.as_deref().copied().filter(|doubted| doubted.latest.reaches(now, fastest_mps));
        // In time everything is within reach, so where both are possible the nearer one is meant.
        let agreeing = agreeing.filter(|doubted| !possible || doubted.latest.apart_m(now) < last.apart_m(now));
        match agreeing {
            Some(doubted) if doubted.count + 1 >= BELIEVED_AFTER => {
                *self = Self::from(time, Some(stand));
                Verdict::Restarted
            }
            None if possible => {
                *self = Self::from(time, Some(stand));
                Verdict::Believed
            }
            agreeing => {
                let count = agreeing.map_or(1, |doubted| doubted.count + 1);
                self.doubted = Some(Box::new(Doubted { latest: now, count }));
                Verdict::Doubted
            }
        }
    }

    /// Whether a position is possible beside the last believed one; it may be from before it.
    pub(super) fn allows(&self, time: Time, stand: Stand, fastest_mps: f64) -> bool {
        self.last.is_none_or(|last| last.reaches(Fix { time, stand }, fastest_mps))
    }

    /// When and where it was last believed to be.
    pub(super) fn last(&self) -> Option<(Time, Stand)> {
        self.last.map(|last| (last.time, last.stand))
    }

    /// The last believed place.
    pub(super) fn stand(&self) -> Option<Stand> {
        self.last.map(|last| last.stand)
    }

    /// Where it is at most: the last believed place, its radius grown by how far it can have come since.
    pub(super) fn within(&self, time: Time, fastest_mps: f64) -> Option<Stand> {
        let Fix { time: then, stand } = self.last?;
        let way_m = time.since(then).secs_f64().abs() * fastest_mps;
        Some(Stand { position: stand.position, hacc_m: stand.hacc_m + way_m })
    }

    /// Positions wait to be believed.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubted.is_some()
    }
}

impl Fix {
    fn reaches(self, other: Self, fastest_mps: f64) -> bool {
        let way_m = other.time.since(self.time).secs_f64().abs() * fastest_mps;
        let reach_m = way_m + self.stand.hacc_m + other.stand.hacc_m;
        at_most_m(self.stand.position, other.stand.position) <= reach_m || self.apart_m(other) <= reach_m
    }

    fn apart_m(self, other: Self) -> f64 {
        distance_m(self.stand.position, other.stand.position)
    }
}

/// Whether something that is no faster can have come from the one place to the other.
pub(super) fn reaches(from: (Time, Stand), to: (Time, Stand), fastest_mps: f64) -> bool {
    Fix { time: from.0, stand: from.1 }.reaches(Fix { time: to.0, stand: to.1 }, fastest_mps)
}

/// An upper bound of the distance, for the many positions that are near.
fn at_most_m(a: LonLat, b: LonLat) -> f64 {
    let lon = (b.lon - a.lon).abs();
    (lon.min(360.0 - lon) + (b.lat - a.lat).abs()) * DEGREE_M
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn stand(north_m: f64) -> Stand {
        Stand { position: LonLat { lon: 38.0, lat: 48.0 + north_m / 111_200.0 }, hacc_m: 10.0 }
    }

    /// Verdicts of positions by second and metres, at 10 m/s.
    fn verdicts(way: &[(i64, f64)]) -> Vec<Verdict> {
        let mut trail = Trail::default();
        let at = |second| Time::from_nanos(0) + Span::from_secs(second);
        way.iter().map(|(second, north_m)| trail.take(at(*second), stand(*north_m), 10.0)).collect()
    }

    #[test]
    fn a_wild_fix_is_doubted_and_what_fits_before_it_goes_on() {
        use Verdict::{Believed, Doubted};
        let way = [(0, 0.0), (10, 100.0), (20, 5_000.0), (30, 300.0), (40, -5_000.0), (50, 500.0)];
        assert_eq!(verdicts(&way), [Believed, Believed, Doubted, Believed, Doubted, Believed]);
    }

    #[test]
    fn three_in_a_row_that_agree_are_a_new_place() {
        use Verdict::{Believed, Doubted, Restarted};
        let way = [(0, 0.0), (10, 5_000.0), (20, 5_050.0), (30, 5_100.0), (40, 5_150.0)];
        assert_eq!(verdicts(&way), [Believed, Doubted, Doubted, Restarted, Believed]);
        let wild = [(0, 0.0), (10, 5_000.0), (20, -5_000.0), (30, 9_000.0), (40, 20_000.0)];
        assert!(verdicts(&wild)[1..].iter().all(|verdict| *verdict == Doubted), "they agree on nothing");
    }

    #[test]
    fn a_place_that_comes_within_reach_while_it_is_doubted_is_still_a_new_one() {
        use Verdict::{Believed, Doubted, Restarted};
        let way = [(0, 0.0), (60, 1_000.0), (90, 1_000.0), (120, 1_000.0)];
        assert_eq!(verdicts(&way), [Believed, Doubted, Doubted, Restarted]);
    }

    #[test]
    fn the_bound_is_never_under_the_distance() {
        for (a, b) in [((179.9, 10.0), (-179.8, 10.5)), ((0.0, 89.0), (90.0, 89.5)), ((5.0, 0.0), (5.0, 1.0))] {
            let [a, b] = [a, b].map(|(lon, lat)| LonLat { lon, lat });
            assert!(at_most_m(a, b) >= distance_m(a, b));
        }
    }
}
