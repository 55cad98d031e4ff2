//! How far off the straight line between two positions something may have gone meanwhile: nobody saw.

use serde::{Deserialize, Serialize};

use super::record::Stand;
use crate::geometry::LonLat;
use crate::time::{Span, Time};
use crate::wire::MAX_DISTANCE_M;

/// For so long something is taken to keep on its way though nobody sees it; after that it may have gone anywhere, as
/// fast as it can.
pub const STEADY: Span = Span::from_secs(60);
/// While it keeps on its way it goes at most this many times the distance between the two positions.
pub const DETOUR: f64 = 1.5;

/// A degree of latitude, metres.
const DEGREE_M: f64 = 111_200.0;

/// What is known of the way since a position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Way {
    from: LonLat,
    last: LonLat,
    last_time: Time,
    /// The farthest that it may have been off the straight line of one step.
    astray_m: f64,
    /// The widest radius of a position on the way.
    hacc_m: f64,
    /// West, south, east and north of the positions on the way, metres from where it began.
    seen: Option<[f64; 4]>,
}

impl Way {
    pub(super) fn from(time: Time, stand: Stand) -> Self {
        let Stand { position, hacc_m } = stand;
        Self { from: position, last: position, last_time: time, astray_m: 0.0, hacc_m, seen: None }
    }

    /// It was seen again.
    pub(super) fn step(&mut self, time: Time, stand: Stand, fastest_mps: f64) {
        let [east, north] = offset_m(self.last, stand.position);
        let apart_m = east.hypot(north);
        let gap = time.since(self.last_time);
        let unsteady_s = (gap.secs_f64() - STEADY.secs_f64()).max(0.0);
        let longest_m = (apart_m * DETOUR).max(unsteady_s * fastest_mps).min(2.0 * MAX_DISTANCE_M);
        // Half the minor axis of the ellipse that no way of this length leaves.
        let astray_m = (longest_m.powi(2) - apart_m.powi(2)).max(0.0).sqrt() / 2.0;
        self.astray_m = self.astray_m.max(astray_m);
        self.hacc_m = self.hacc_m.max(stand.hacc_m);
        (self.last, self.last_time) = (stand.position, time);
    }

    /// The place where it was seen is on the way between the two that count.
    pub(super) fn passes(&mut self, stand: Stand) {
        let [east, north] = offset_m(self.from, stand.position);
        let [w, s, e, n] = self.seen.unwrap_or([east, north, east, north]);
        self.seen = Some([w.min(east), s.min(north), e.max(east), n.max(north)]);
    }

    /// 95 % radius about a place on the straight way within which it came by there.
    pub(super) fn radius_m(&self, place: LonLat) -> f64 {
        let [east, north] = offset_m(self.from, place);
        let corner_m = |[w, s, e, n]: [f64; 4]| {
            (east - w).abs().max((east - e).abs()).hypot((north - s).abs().max((north - n).abs()))
        };
        let seen_m = self.seen.map_or(0.0, corner_m);
        (seen_m + self.astray_m + self.hacc_m).min(MAX_DISTANCE_M)
    }
}

/// East and north of `from`, metres; good enough for how far something may have gone.
fn offset_m(from: LonLat, to: LonLat) -> [f64; 2] {
    let east = (to.lon - from.lon + 540.0).rem_euclid(360.0) - 180.0;
    let middle = f64::midpoint(from.lat, to.lat).to_radians();
    [east * middle.cos() * DEGREE_M, (to.lat - from.lat) * DEGREE_M]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(east_m: f64, north_m: f64) -> Stand {
        let lon = 179.999 + east_m / (DEGREE_M * 48.0_f64.to_radians().cos());
        Stand {
            position: LonLat { lon: (lon + 180.0).rem_euclid(360.0) - 180.0, lat: 48.0 + north_m / DEGREE_M },
            hacc_m: 10.0,
        }
    }

    /// The radius halfway between the first and the last of positions by second, at most 10 m/s.
    fn radius_m(way: &[(i64, f64, f64)], place: (f64, f64)) -> f64 {
        let at = |second| Time::from_nanos(0) + Span::from_secs(second);
        let mut known = Way::from(at(way[0].0), stand(way[0].1, way[0].2));
        for (count, (second, east, north)) in way.iter().enumerate().skip(1) {
            known.step(at(*second), stand(*east, *north), 10.0);
            if count + 1 < way.len() {
                known.passes(stand(*east, *north));
            }
        }
        known.radius_m(stand(place.0, place.1).position)
    }

    #[test]
    fn the_farther_apart_two_positions_the_wider() {
        let near = radius_m(&[(0, 0.0, 50.0), (10, 0.0, -50.0)], (0.0, 0.0));
        assert!((near - (10.0 + 55.9)).abs() < 0.5, "{near}");
        let far = radius_m(&[(0, 0.0, 500.0), (60, 0.0, -500.0)], (0.0, 0.0));
        assert!((far - (10.0 + 559.0)).abs() < 5.0, "{far}");
    }

    #[test]
    fn after_a_long_gap_it_may_have_been_as_far_as_it_can_go_and_come_back() {
        let radius = radius_m(&[(0, 0.0, 50.0), (660, 0.0, -50.0)], (0.0, 0.0));
        assert!((radius - 3_010.0).abs() < 2.0, "{radius}");
    }

    #[test]
    fn what_was_seen_on_the_way_counts_also_over_the_antimeridian() {
        let straight = radius_m(&[(0, 0.0, 50.0), (10, 0.0, 0.0), (20, 0.0, -50.0)], (0.0, 0.0));
        assert!((straight - (10.0 + 28.0)).abs() < 0.5, "{straight}");
        let aside = radius_m(&[(0, 0.0, 50.0), (50, 300.0, 5.0), (100, 0.0, -50.0)], (0.0, 0.0));
        assert!(aside > 300.0 && aside < 500.0, "{aside}");
    }
}
