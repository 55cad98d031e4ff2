//! A packed tree of boxes in longitude and latitude, eight to a node: which of them hold a position.
//!
//! It is laid out as [`super::box_tree`] is, but needs no trigonometry, and a node is two cache lines. Longitudes are
//! counted from the western end of all boxes; where these go all around, a box across that meridian is two, and no
//! place is in both.

use super::LonLat;
use super::box_tree::sort;
use super::geodesy::lon_step_deg;

const WIDTH: usize = 8;
/// Levels are at most 11 for 2^32 boxes; each leaves at most seven siblings waiting, and one place is written over.
const STACK: usize = 11 * WIDTH + 1;
/// Boxes are wider by this on each side, degrees: more than any rounding of a longitude.
const SLACK_DEG: f64 = 1e-9;
/// A box that leaves less than this open is one all around, degrees.
const OPEN_DEG: f64 = 1e-3;

/// A box in degrees: southern and northern end, western end and the span from there to the east.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) south: f64,
    pub(super) north: f64,
    pub(super) west: f64,
    pub(super) span: f64,
}

/// Eastings in degrees from the tree's meridian. An empty slot holds nothing.
#[derive(Clone, Debug)]
struct Node {
    west: [f32; WIDTH],
    east: [f32; WIDTH],
    south: [f32; WIDTH],
    north: [f32; WIDTH],
}

impl Node {
    const EMPTY: Self = Self {
        west: [f32::INFINITY; WIDTH],
        east: [f32::NEG_INFINITY; WIDTH],
        south: [f32::INFINITY; WIDTH],
        north: [f32::NEG_INFINITY; WIDTH],
    };

    #[inline]
    #[expect(clippy::needless_bitwise_bool, reason = "a branch would keep the slots from being looked at together")]
    fn holds(&self, east: f32, north: f32) -> [bool; WIDTH] {
        let mut held = [false; WIDTH];
        for (slot, held) in held.iter_mut().enumerate() {
            *held = (self.west[slot] <= east)
                & (east <= self.east[slot])
                & (self.south[slot] <= north)
                & (north <= self.north[slot]);
        }
        held
    }

    fn set(&mut self, slot: usize, ends: [f32; 4]) {
        [self.west[slot], self.east[slot], self.south[slot], self.north[slot]] = ends;
    }

    /// Western, eastern, southern and northern end of all.
    fn ends(&self) -> [f32; 4] {
        let least = |all: &[f32]| all.iter().copied().fold(f32::INFINITY, f32::min);
        let most = |all: &[f32]| all.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        [least(&self.west), most(&self.east), least(&self.south), most(&self.north)]
    }
}

/// The tree.
#[derive(Clone, Debug)]
pub(super) struct FrameTree {
    /// The meridian that eastings are counted from.
    west: f64,
    nodes: Vec<Node>,
    /// Where each level starts in `nodes`; the lowest first.
    levels: Vec<usize>,
}

impl FrameTree {
    /// A tree, and for each of its places which of the boxes is there.
    pub(super) fn build(frames: &[Frame]) -> (Self, Vec<usize>) {
        let all = frame_around(frames.iter().copied());
        let mut boxes: Vec<(usize, [f32; 4])> = Vec::with_capacity(frames.len());
        for (number, frame) in frames.iter().enumerate() {
            // Rounding to single precision keeps the order of numbers, so that what is inside stays inside.
            let mut put = |west: f64, east: f64| {
                let (south, north) = (frame.south - SLACK_DEG, frame.north + SLACK_DEG);
                boxes.push((number, [west as f32, east as f32, south as f32, north as f32]));
            };
            let west = (frame.west - all.west - SLACK_DEG).rem_euclid(360.0);
            let east = west + frame.span + 2.0 * SLACK_DEG;
            if frame.span > 360.0 - OPEN_DEG {
                put(0.0, 360.0);
            } else if east >= 360.0 {
                put(west, 360.0);
                put(0.0, east - 360.0);
            } else {
                put(west, east);
            }
        }
        sort::<WIDTH, _>(&mut boxes, &|(_, [west, east, south, north])| {
            [f64::from(*west) + f64::from(*east), f64::from(*south) + f64::from(*north), 0.0]
        });
        let mut tree = Self { west: all.west, nodes: Vec::new(), levels: vec![0] };
        for group in boxes.chunks(WIDTH) {
            let mut node = Node::EMPTY;
            for (slot, (_, ends)) in group.iter().enumerate() {
                node.set(slot, *ends);
            }
            tree.nodes.push(node);
        }
        loop {
            let start = tree.levels.last().copied().unwrap_or(0);
            let end = tree.nodes.len();
            if end - start <= 1 {
                return (tree, boxes.into_iter().map(|(number, _)| number).collect());
            }
            tree.levels.push(end);
            for first in (start..end).step_by(WIDTH) {
                let mut node = Node::EMPTY;
                for (slot, below) in (first..end.min(first + WIDTH)).enumerate() {
                    node.set(slot, tree.nodes[below].ends());
                }
                tree.nodes.push(node);
            }
        }
    }

    /// Visits the place of every box that holds `position`.
    pub(super) fn visit(&self, position: LonLat, mut visitor: impl FnMut(usize)) {
        if self.nodes.is_empty() {
            return;
        }
        let (east, north) = ((position.lon - self.west).rem_euclid(360.0) as f32, position.lat as f32);
        let mut stack = [(0_u32, 0_u32); STACK];
        stack[0] = (self.levels.len() as u32 - 1, 0);
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let (level, index) = stack[waiting];
            let held = self.nodes[self.levels[level as usize] + index as usize].holds(east, north);
            let first = index * WIDTH as u32;
            if level == 0 {
                for (slot, held) in held.into_iter().enumerate() {
                    if held {
                        visitor(first as usize + slot);
                    }
                }
            } else {
                for (slot, held) in held.into_iter().enumerate() {
                    // Written in any case and kept if held: a branch here would be guessed wrong every other time.
                    stack[waiting] = (level - 1, first + slot as u32);
                    waiting += usize::from(held);
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.levels.capacity() * size_of::<usize>()
    }
}

/// The box around several.
pub(super) fn frame_around(frames: impl Iterator<Item = Frame>) -> Frame {
    let mut whole: Option<(Frame, f64, f64)> = None;
    for frame in frames {
        whole = Some(match whole {
            None => (frame, 0.0, frame.span),
            Some((all, low, high)) => {
                let offset = lon_step_deg(all.west, frame.west);
                let (south, north) = (all.south.min(frame.south), all.north.max(frame.north));
                (Frame { south, north, ..all }, low.min(offset), high.max(offset + frame.span))
            }
        });
    }
    let Some((all, low, high)) = whole else { return Frame { south: 0.0, north: 0.0, west: 0.0, span: 0.0 } };
    Frame { west: all.west + low, span: (high - low).min(360.0), ..all }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame() -> impl Strategy<Value = Frame> {
        let span = prop_oneof![0.0..1e-3f64, 0.0..5.0f64, 0.0..350.0f64];
        (-89.0..89.0f64, 0.0..1.0f64, -180.0..180.0f64, span).prop_map(|(south, height, west, span)| Frame {
            south,
            north: south + height,
            west,
            span,
        })
    }

    /// Longitudes as positions have them.
    fn wrapped(lon: f64) -> f64 {
        (lon + 180.0).rem_euclid(360.0) - 180.0
    }

    proptest! {
        #[test]
        fn every_box_holds_its_own_corners(frames in prop::collection::vec(frame(), 1..40)) {
            let (tree, numbers) = FrameTree::build(&frames);
            for (number, frame) in frames.iter().enumerate() {
                for lon in [frame.west, frame.west + frame.span / 2.0, frame.west + frame.span] {
                    for lat in [frame.south, frame.north] {
                        let mut found = false;
                        tree.visit(LonLat { lon: wrapped(lon), lat }, |place| found |= numbers[place] == number);
                        prop_assert!(found, "{:?} at {} {}", frame, lon, lat);
                    }
                }
            }
        }
    }
}
