//! Whether two places may be of one hot spot.
//!
//! Both are laid out on a plane around the first one's sensor, as convex outlines, and cut with each
//! other. They belong together if they share more than what two sectors of one station always share
//! near its sensors, and if the middle of each lies no farther from the other's than one of the two sensors
//! reaches. An alert's place for this is the one that opened it, for good: so a chain of
//! overlapping places along a front does not become one alert.
//!
//! A hot spot has an extent of its own, and bearings err, so two places of one need not overlap at all. So an alert
//! knows its *core* too: where the middle of its hot spot may be, for all places that belong to it. It begins as
//! the opening place, wider by both errors, and each place, as much wider, cuts from it what it excludes; so it
//! only ever shrinks, and no chain begins. A place that leaves enough of it belongs to it. The core tells alerts apart and
//! nothing else: no place in it is likelier than another, and it is never told.

use serde::{Deserialize, Serialize};

use crate::alert::PlaceExtent;
use crate::geometry::{LonLat, bearing_deg, distance_m};

/// Less than this part of the smaller place in common is only where two sensors of one station stand.
const LEAST_SHARED: f64 = 0.005;
/// Places of greater range say nothing of where, metres.
const MAX_RANGE_M: f64 = 300_000.0;
/// The smallest place and the narrowest sector: an area must not be nothing.
const MIN_RANGE_M: f64 = 1.0;
const MIN_HALF_WIDTH_DEG: f64 = 0.5;
/// A degree of latitude is nowhere shorter, one of longitude is this at the equator, metres.
const LEAST_DEGREE_M: f64 = 110_574.0;
const EQUATOR_DEGREE_M: f64 = 111_319.0;
/// Edges of an outline are chords of arcs no longer than this.
const ARC_STEP_DEG: f64 = 15.0;

/// The shots of one hot spot fall about its middle; this is as far off as they do, metres: three standard deviations of 430.
const SPREAD_M: f64 = 1_300.0;
/// But hot spots that short ranges tell apart are as much smaller: this part of the range.
const SPREAD_PART: f64 = 0.25;
/// A place's outline holds what it tells with 95 %; with this many half widths of it, with all that matters.
const WIDER: f64 = 2.0;
/// The corners of what is wider by a spread lie farther out than the spread by no more than this factor.
const CORNERS: f64 = 1.5;
/// A core that other places cut to this part of what the opening place allowed is known well enough to go by.
const KNOWN: f64 = 0.5;
/// How much of a core a place must leave to belong to it, and of one that is not known well: less is where the sensors of
/// one station stand, or where discs in a row touch.
const LEAST_OF_KNOWN: f64 = 0.02;
const LEAST_OF_WIDE: f64 = 0.25;

/// East and north, metres.
type Flat = (f64, f64);

/// How much of the smaller of two places they have in common, in whole percents, if they may be of one hot spot.
pub(super) fn shared_percent(opened: PlaceExtent, now: PlaceExtent) -> Option<u8> {
    if opened == now {
        return Some(100);
    }
    let (opened, now) = (Outline::of(opened), Outline::of(now));
    let most_m = opened.range_m + now.range_m;
    if surely_farther(opened.at, now.at, most_m) {
        return None;
    }
    let apart_m = distance_m(opened.at, now.at);
    let reach_m = opened.range_m.max(now.range_m);
    if apart_m > most_m {
        return None;
    }
    let from = offset(opened.at, now.at);
    let (before, after) = (opened.middle((0.0, 0.0)), now.middle(from));
    if (before.0 - after.0).hypot(before.1 - after.1) > reach_m {
        return None;
    }
    let (before, after) = (opened.corners((0.0, 0.0)), now.corners(from));
    let shared = area(&common(before.clone(), &after)) / area(&before).min(area(&after));
    (shared >= LEAST_SHARED).then(|| (shared * 100.0).round().clamp(0.0, 100.0) as u8)
}

/// Where the middle of a hot spot may be, for all places that belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Core {
    /// Convex, counterclockwise, on the plane around the opening place's sensor.
    outline: Vec<Flat>,
    /// Of the opening place's.
    whole_m2: f64,
}

impl Core {
    fn of(opened: PlaceExtent) -> Self {
        let opened = Outline::of(opened);
        let far = CORNERS * (opened.range_m + opened.spread_m());
        let all = vec![(-far, -far), (far, -far), (far, far), (-far, far)];
        let outline = opened.cut(all, (0.0, 0.0));
        Self { whole_m2: area(&outline), outline }
    }

    /// What a place leaves of it, and whether that is enough.
    fn left(&self, opened: PlaceExtent, now: PlaceExtent) -> Option<Vec<Flat>> {
        let (opened, now) = (Outline::of(opened), Outline::of(now));
        let most_m = opened.range_m + now.range_m + CORNERS * (opened.spread_m() + now.spread_m());
        if surely_farther(opened.at, now.at, most_m) {
            return None;
        }
        let left = now.cut(self.outline.clone(), offset(opened.at, now.at));
        let before_m2 = area(&self.outline);
        let least = if before_m2 <= KNOWN * self.whole_m2 { LEAST_OF_KNOWN } else { LEAST_OF_WIDE };
        (area(&left) >= least * before_m2).then_some(left)
    }

    /// The core with a place more in it. One that would leave next to nothing changes nothing, nor does a disc where no
    /// bearing is: a row of them would make it small without saying where.
    pub(super) fn with(core: Option<Self>, opened: PlaceExtent, now: PlaceExtent) -> Option<Self> {
        let is_disc = |place: PlaceExtent| Outline::of(place).sector.is_none();
        if opened == now || (core.is_none() && is_disc(opened) && is_disc(now)) {
            return core;
        }
        let mut core = core.unwrap_or_else(|| Self::of(opened));
        if let Some(left) = core.left(opened, now) {
            core.outline = left;
        }
        Some(core)
    }
}

/// How much two places of one hot spot have in common, in percents; 0 if a place only leaves enough of the core.
///
/// No core: no other place than the opening one belongs to it yet.
pub(super) fn belongs(opened: PlaceExtent, core: Option<&Core>, now: PlaceExtent) -> Option<u8> {
    shared_percent(opened, now).or_else(|| {
        let left = core.map_or_else(|| Core::of(opened).left(opened, now), |core| core.left(opened, now));
        left.map(|_| 0)
    })
}

/// How much farther than a place reaches it may belong to another, metres.
pub(super) fn beyond_m(range_m: f64) -> f64 {
    CORNERS * spread_m(range_m)
}

fn spread_m(range_m: f64) -> f64 {
    SPREAD_M.min(SPREAD_PART * range_m)
}

/// A position on the plane around another.
fn offset(around: LonLat, at: LonLat) -> Flat {
    let apart_m = distance_m(around, at);
    let (sin, cos) = if apart_m > 0.0 { bearing_deg(around, at).to_radians().sin_cos() } else { (0.0, 0.0) };
    (apart_m * sin, apart_m * cos)
}

/// Whether two positions are farther apart than a distance, told without a sine where latitudes or longitudes alone say so.
fn surely_farther(a: LonLat, b: LonLat, most_m: f64) -> bool {
    // A way is never shorter than what it does along a meridian, nor than what it does along the parallels, which are
    // shortest where it can have gone farthest from the equator.
    if (a.lat - b.lat).abs() * LEAST_DEGREE_M > most_m {
        return true;
    }
    let farthest = (a.lat.abs().max(b.lat.abs()) + most_m / (2.0 * LEAST_DEGREE_M)).to_radians();
    // A cosine is never less than this.
    let least_cos = 1.0 - farthest * farthest / 2.0;
    let step = (a.lon - b.lon).abs();
    step.min(360.0 - step) * EQUATOR_DEGREE_M * least_cos > most_m
}

/// Where the sensor of a place is, and how far it reaches, metres: from 1 m to 300 km.
pub(super) fn reach(extent: PlaceExtent) -> (LonLat, f64) {
    let Outline { at, range_m, .. } = Outline::of(extent);
    (at, range_m)
}

/// A disc, or a sector of at most half of one; what is nearer than a sector's least range counts as in it.
struct Outline {
    at: LonLat,
    range_m: f64,
    /// Middle and half width in degrees; none: all around.
    sector: Option<(f64, f64)>,
}

impl Outline {
    fn of(extent: PlaceExtent) -> Self {
        let (at, range_m, sector) = match extent {
            PlaceExtent::Point { position, hacc_m } => (position, hacc_m, None),
            PlaceExtent::Ellipse { position, semi_major_m, .. } => (position, semi_major_m, None),
            PlaceExtent::Disc { position, radius_m } => (position, radius_m, None),
            PlaceExtent::Sector { position, bearing_deg, width_deg, range_max_m, .. } => {
                let half_deg = (width_deg / 2.0).max(MIN_HALF_WIDTH_DEG);
                (position, range_max_m, (half_deg <= 90.0).then_some((bearing_deg, half_deg)))
            }
        };
        Self { at, range_m: range_m.clamp(MIN_RANGE_M, MAX_RANGE_M), sector }
    }

    fn spread_m(&self) -> f64 {
        spread_m(self.range_m)
    }

    /// What of an outline lies in it where it is wider by its errors and by a hot spot's spread.
    fn cut(&self, outline: Vec<Flat>, at: Flat) -> Vec<Flat> {
        let spread_m = self.spread_m();
        let wider = self.sector.map(|(bearing_deg, half_deg)| (bearing_deg, (WIDER * half_deg).min(90.0)));
        let corners = Self { sector: wider, ..*self }.corners(at);
        let mut left = outline;
        for edge in edges(&corners) {
            left = beside(&left, edge, spread_m);
        }
        let Some((bearing_deg, _)) = wider else { return left };
        // Its sides would meet far behind the sensor.
        let (sin, cos) = bearing_deg.to_radians().sin_cos();
        beside(&left, (at, (at.0 + cos, at.1 - sin)), spread_m)
    }

    fn middle(&self, (east, north): Flat) -> Flat {
        let Some((bearing_deg, _)) = self.sector else { return (east, north) };
        let (sin, cos) = bearing_deg.to_radians().sin_cos();
        (east + self.range_m / 2.0 * sin, north + self.range_m / 2.0 * cos)
    }

    /// Its corners, counterclockwise.
    fn corners(&self, (east, north): Flat) -> Vec<Flat> {
        let (middle_deg, half_deg) = self.sector.unwrap_or((0.0, 180.0));
        let steps = (2.0 * half_deg / ARC_STEP_DEG).ceil().max(1.0) as u32;
        // The first and the last point of a whole circle are one.
        let last = if self.sector.is_some() { steps } else { steps - 1 };
        let on_arc = |step: u32| {
            let (sin, cos) =
                (middle_deg + half_deg - 2.0 * half_deg * f64::from(step) / f64::from(steps)).to_radians().sin_cos();
            (east + self.range_m * sin, north + self.range_m * cos)
        };
        self.sector.map(|_| (east, north)).into_iter().chain((0..=last).map(on_arc)).collect()
    }
}

/// What two convex outlines have in common: the first one cut along each edge of the second
/// (Sutherland and Hodgman, Reentrant polygon clipping, 1974).
fn common(mut outline: Vec<Flat>, other: &[Flat]) -> Vec<Flat> {
    for edge in edges(other) {
        outline = beside(&outline, edge, 0.0);
    }
    outline
}

/// What of a convex outline lies to the left of an edge, or to its right by no more than `spread_m`.
fn beside(outline: &[Flat], (from, to): (Flat, Flat), spread_m: f64) -> Vec<Flat> {
    let step = (to.0 - from.0, to.1 - from.1);
    let allowed = if spread_m > 0.0 { spread_m * step.0.hypot(step.1) } else { 0.0 };
    // Not negative is inside.
    let inside = |at: Flat| step.0 * (at.1 - from.1) - step.1 * (at.0 - from.0) + allowed;
    let mut kept = Vec::with_capacity(outline.len() + 1);
    for (a, b) in edges(outline) {
        let (at_a, at_b) = (inside(a), inside(b));
        if at_a >= 0.0 {
            kept.push(a);
        }
        if (at_a >= 0.0) != (at_b >= 0.0) {
            let part = at_a / (at_a - at_b);
            kept.push((a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part));
        }
    }
    kept
}

fn edges(outline: &[Flat]) -> impl Iterator<Item = (Flat, Flat)> {
    outline.iter().copied().zip(outline.iter().copied().cycle().skip(1))
}

/// Area by the shoelace formula, square metres.
fn area(outline: &[Flat]) -> f64 {
    edges(outline).map(|(a, b)| a.0 * b.1 - a.1 * b.0).sum::<f64>().abs() / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::destination;

    fn here() -> LonLat {
        LonLat { lon: 38.0, lat: 48.0 }
    }

    fn disc(position: LonLat, radius_m: f64) -> PlaceExtent {
        PlaceExtent::Disc { position, radius_m }
    }

    fn sector(position: LonLat, bearing_deg: f64, width_deg: f64, range_max_m: f64) -> PlaceExtent {
        PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m: 0.0, range_max_m }
    }

    #[test]
    fn discs_whose_sensors_reach_each_other_belong_together_and_others_do_not() {
        let shared = |apart_m| shared_percent(disc(here(), 10e3), disc(destination(here(), 77.0, apart_m), 10e3));
        assert_eq!(shared(0.0), Some(100));
        // The lens of two circles of radius 1 at distance 0.9.
        let lens = 2.0 * 0.45_f64.acos() - 0.9 / 2.0 * (4.0_f64 - 0.81).sqrt();
        let told = f64::from(shared(9_000.0).unwrap());
        assert!((told - 100.0 * lens / std::f64::consts::PI).abs() < 2.0, "{told}");
        assert_eq!(shared(11_000.0), None, "they overlap, yet neither sensor reaches the other");
    }

    #[test]
    fn sectors_of_one_station_in_other_directions_are_other_places() {
        let near = destination(here(), 200.0, 300.0);
        assert_eq!(shared_percent(sector(here(), 0.0, 16.0, 15e3), sector(near, 180.0, 16.0, 15e3)), None);
        assert_eq!(shared_percent(sector(here(), 0.0, 16.0, 15e3), sector(here(), 90.0, 16.0, 15e3)), None);
        assert!(shared_percent(sector(here(), 0.0, 16.0, 15e3), sector(here(), 6.0, 16.0, 15e3)).unwrap() > 50);
    }

    #[test]
    fn bearings_of_two_stations_that_cross_belong_together() {
        let east = destination(here(), 90.0, 8_000.0);
        assert!(shared_percent(sector(here(), 45.0, 8.0, 15e3), sector(east, 315.0, 8.0, 15e3)).is_some());
        assert_eq!(shared_percent(sector(here(), 315.0, 8.0, 15e3), sector(east, 45.0, 8.0, 15e3)), None);
    }

    #[test]
    fn the_sector_of_a_patrol_joins_the_disc_of_a_sensor() {
        let patrol = sector(destination(here(), 30.0, 6_000.0), 120.0, 60.0, 2_000.0);
        assert_eq!(shared_percent(disc(here(), 15e3), patrol), Some(100));
        assert_eq!(shared_percent(patrol, disc(here(), 15e3)), Some(100));
    }

    proptest! {
        #[test]
        fn only_what_is_farther_is_surely_farther(
            (lon, lat, way) in (-180.0..180.0f64, -89.0..89.0f64, 0.0..360.0f64),
            most_m in 1.0..600e3f64,
            part in 0.9..1.1f64,
        ) {
            let at = LonLat { lon, lat };
            let there = destination(at, way, most_m * part);
            prop_assert!(!surely_farther(at, there, most_m) || distance_m(at, there) > most_m);
            let far = destination(at, way, most_m * 1.6);
            prop_assert!(lat.abs() > 45.0 || most_m > 30e3 || surely_farther(at, far, most_m));
        }

        /// Points spread evenly over the one place and counted in the other.
        #[test]
        fn what_is_shared_is_what_counting_points_says(
            bearings in prop::array::uniform2(0.0..360.0f64),
            widths in prop::array::uniform2(20.0..180.0f64),
            (apart_m, way) in (0.0..12e3f64, 0.0..360.0f64),
        ) {
            let there = destination(here(), way, apart_m);
            let places = [sector(here(), bearings[0], widths[0], 10e3), sector(there, bearings[1], widths[1], 8e3)];
            let sets = places.map(Outline::of);
            let from = (apart_m * way.to_radians().sin(), apart_m * way.to_radians().cos());
            let (ours, theirs) = (sets[0].corners((0.0, 0.0)), sets[1].corners(from));
            let holds = |middle_deg: f64, width_deg: f64, range_m: f64, at: Flat| {
                let off = (at.0.atan2(at.1).to_degrees() - middle_deg + 540.0).rem_euclid(360.0) - 180.0;
                at.0.hypot(at.1) <= range_m && off.abs() <= width_deg / 2.0
            };
            let step = 100.0;
            let mut count = 0.0;
            for i in -100..100 {
                for j in -100..100 {
                    let at = (f64::from(i) * step, f64::from(j) * step);
                    let there = (at.0 - from.0, at.1 - from.1);
                    if holds(bearings[0], widths[0], 10e3, at) && holds(bearings[1], widths[1], 8e3, there) {
                        count += 1.0;
                    }
                }
            }
            let counted = count * step * step;
            let cut = area(&common(ours.clone(), &theirs));
            let smaller = area(&ours).min(area(&theirs));
            prop_assert!((cut - counted).abs() <= 0.05 * smaller + 5e5, "{} and {}", cut, counted);
        }
    }
}
