//! Many areas, indexed by where they are: those near a position are found without a look at the others.

use super::box_tree::{Bounds, BoxTree};
use super::geodesy::{Trig, Vector, lon_step_deg};
use super::{Area, LineFix, LonLat};

/// Rounding must not lose an area, degrees and metres.
const SLACK_DEG: f64 = 1e-9;
const SLACK_M: f64 = 0.01;

/// Areas by their boxes; it keeps no area, only the number that the caller gave it.
#[derive(Clone, Debug)]
pub struct ZoneIndex {
    tree: BoxTree,
    frames: Vec<Frame>,
}

/// An area's number and its box in degrees.
#[derive(Clone, Debug)]
struct Frame {
    south: f64,
    north: f64,
    west: f64,
    span: f64,
    number: u32,
    bounds: Bounds,
}

/// The nearest boundary of several areas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestBoundary {
    /// The area's number.
    pub number: usize,
    /// Where the position is against its boundary: `signed_m` is positive inside of that area.
    pub fix: LineFix,
}

impl ZoneIndex {
    /// Indexes areas, each with a number of the caller's. At most 2^32 areas.
    pub fn new<'a>(areas: impl IntoIterator<Item = (usize, &'a Area)>) -> Self {
        let mut frames: Vec<Frame> = areas
            .into_iter()
            .map(|(number, area)| {
                let (south, north, west, span) = area.frame_deg();
                Frame { south, north, west, span, number: number as u32, bounds: around(area) }
            })
            .collect();
        let tree = BoxTree::build(&mut frames, |frame| frame.bounds);
        Self { tree, frames }
    }

    /// Visits the number of every area that may hold `position`: all that do, and some whose box does.
    pub fn visit_holding(&self, position: LonLat, mut visit: impl FnMut(usize)) {
        self.tree.visit(Trig::at(position).ecef(), SLACK_M, |place| {
            let frame = &self.frames[place];
            if frame.holds(position) {
                visit(frame.number as usize);
            }
            SLACK_M
        });
    }

    /// Visits the number of every area that may be within `reach_m` metres of `position`, itself included.
    pub fn visit_near(&self, position: LonLat, reach_m: f64, mut visit: impl FnMut(usize)) {
        // A chord is never longer than the geodesic.
        let reach_m = reach_m.max(0.0) + SLACK_M;
        self.tree.visit(Trig::at(position).ecef(), reach_m, |place| {
            visit(self.frames[place].number as usize);
            reach_m
        });
    }

    /// The nearest boundary of all areas that `area` gives for their number; of two as near the lower number.
    pub fn nearest_boundary<'a>(
        &self,
        position: LonLat,
        area: impl Fn(usize) -> Option<&'a Area>,
    ) -> Option<NearestBoundary> {
        let mut nearest: Option<NearestBoundary> = None;
        let mut reach_m = f64::INFINITY;
        self.tree.visit(Trig::at(position).ecef(), reach_m, |place| {
            let number = self.frames[place].number as usize;
            let Some(area) = area(number) else { return reach_m };
            let fix = area.boundary().locate(position);
            let better = nearest.is_none_or(|best| {
                fix.distance_m < best.fix.distance_m || (fix.distance_m == best.fix.distance_m && number < best.number)
            });
            if better {
                nearest = Some(NearestBoundary { number, fix });
                reach_m = fix.distance_m + SLACK_M;
            }
            reach_m
        });
        // The sign by containment, as Area has it, and only for the one that is told.
        let best = nearest?;
        Some(NearestBoundary { fix: area(best.number)?.locate(position), ..best })
    }

    /// How many areas there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that the index holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.tree.heap_bytes() + self.frames.capacity() * size_of::<Frame>()
    }
}

impl Frame {
    fn holds(&self, position: LonLat) -> bool {
        if position.lat < self.south - SLACK_DEG || position.lat > self.north + SLACK_DEG {
            return false;
        }
        let step = (position.lon - self.west + SLACK_DEG).rem_euclid(360.0);
        step <= self.span + 2.0 * SLACK_DEG
    }
}

/// The box around an area's surface, not only its boundary: one that holds the place where an axis of the Earth's
/// comes out of the ellipsoid bulges over there.
fn around(area: &Area) -> Bounds {
    let (mut low, mut high) = area.boundary().bounds();
    let axes = [(0.0, 0.0), (180.0, 0.0), (90.0, 0.0), (-90.0, 0.0), (0.0, 90.0), (0.0, -90.0)];
    for (lon, lat) in axes {
        let place = LonLat { lon, lat };
        if area.contains(place) {
            let at: Vector = Trig::at(place).ecef();
            for axis in 0..3 {
                low[axis] = low[axis].min(at[axis]);
                high[axis] = high[axis].max(at[axis]);
            }
        }
    }
    (low, high)
}

/// The box in degrees around several: south, north, west and the span from west to east.
pub(super) fn frame_around(boxes: impl Iterator<Item = (f64, f64, f64, f64)>) -> (f64, f64, f64, f64) {
    let mut whole: Option<(f64, f64, f64, f64, f64)> = None;
    for (south, north, west, span) in boxes {
        whole = Some(match whole {
            None => (south, north, west, 0.0, span),
            Some((least, most, first, low, high)) => {
                let offset = lon_step_deg(first, west);
                (least.min(south), most.max(north), first, low.min(offset), high.max(offset + span))
            }
        });
    }
    let (south, north, first, low, high) = whole.unwrap_or((0.0, 0.0, 0.0, 0.0, 0.0));
    (south, north, first + low, (high - low).min(360.0))
}
