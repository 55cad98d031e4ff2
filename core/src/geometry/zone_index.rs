//! Many areas, indexed by where they are: those near a position are found without a look at the others.

use super::box_tree::{Bounds, BoxTree};
use super::frame_tree::{Frame, FrameTree};
use super::geodesy::{Trig, Vector};
use super::line_index::Found;
use super::outlines::Outlines;
use super::{Area, LineFix, LonLat};

/// Rounding must not lose an area, metres.
const SLACK_M: f64 = 0.01;

/// Areas by their boxes; it keeps no area, only the number that the caller gave it.
#[derive(Clone, Debug)]
pub struct ZoneIndex {
    /// In degrees: which boxes hold a position.
    frames: FrameTree,
    /// The areas in that tree's order: their outlines and numbers.
    outlines: Outlines,
    framed: Vec<u32>,
    /// In metres: which boxes are near.
    tree: BoxTree,
    /// The areas' numbers in that tree's order.
    numbers: Vec<u32>,
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
        let areas: Vec<(usize, &Area)> = areas.into_iter().collect();
        let frames: Vec<Frame> = areas.iter().map(|(_, area)| area.frame_deg()).collect();
        let (frames, order) = FrameTree::build(&frames);
        let mut outlines = Outlines::default();
        for place in &order {
            outlines.add(areas[*place].1);
        }
        let framed = order.into_iter().map(|place| areas[place].0 as u32).collect();
        let mut boxes: Vec<(u32, Bounds)> =
            areas.into_iter().map(|(number, area)| (number as u32, around(area))).collect();
        let tree = BoxTree::build(&mut boxes, |(_, bounds)| *bounds);
        let numbers = boxes.into_iter().map(|(number, _)| number).collect();
        Self { frames, outlines, framed, tree, numbers }
    }

    /// Visits the number of every area that may hold `position`: all that do, and few that do not.
    pub fn visit_holding(&self, position: LonLat, mut visit: impl FnMut(usize)) {
        self.frames.visit(position, |place| {
            if self.outlines.holds(place, position) != Some(false) {
                visit(self.framed[place] as usize);
            }
        });
    }

    /// Visits the number of every area that holds `position`, its boundary included, of those that `area` gives.
    pub fn visit_inside<'a>(
        &self,
        position: LonLat,
        area: impl Fn(usize) -> Option<&'a Area>,
        mut visit: impl FnMut(usize),
    ) {
        self.frames.visit(position, |place| {
            let held = self.outlines.holds(place, position);
            if held == Some(false) {
                return;
            }
            let number = self.framed[place] as usize;
            if area(number).is_some_and(|area| held == Some(true) || area.contains(position)) {
                visit(number);
            }
        });
    }

    /// Visits the number of every area that may be within `reach_m` metres of `position`, itself included.
    pub fn visit_near(&self, position: LonLat, reach_m: f64, mut visit: impl FnMut(usize)) {
        // A chord is never longer than the geodesic.
        let reach_m = reach_m.max(0.0) + SLACK_M;
        self.tree.visit(Trig::at(position).ecef(), reach_m, |place| {
            visit(self.numbers[place] as usize);
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
        let query = Trig::at(position).ecef();
        self.tree.visit(query, reach_m, |place| {
            let number = self.numbers[place] as usize;
            // Of a boundary that is farther than the nearest so far no foot is looked for.
            let found = area(number).and_then(|area| area.boundary().find_within(position, query, reach_m));
            let Some(Found { fix, .. }) = found else { return reach_m };
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
        self.numbers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Bytes that the index holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.frames.heap_bytes()
            + self.outlines.heap_bytes()
            + self.tree.heap_bytes()
            + (self.framed.capacity() + self.numbers.capacity()) * size_of::<u32>()
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
