//! A packed tree of boxes, sixteen to a node, over items given by their boxes.
//!
//! Flat arrays, no pointers: node i of a level has the sixteen nodes 16i..16i+16 of the level below, and the lowest
//! level's boxes are the items themselves. Boxes are single precision around a common origin, so that a
//! node is six cache lines in a row; what that loses is added to every query's radius.

use super::geodesy::{Vector, minus};

const WIDTH: usize = 16;
/// Levels are at most 8 for 2^32 items; each leaves at most fifteen siblings waiting.
const STACK: usize = 8 * (WIDTH - 1) + 1;

#[derive(Clone, Debug)]
struct Node {
    low: [[f32; WIDTH]; 3],
    high: [[f32; WIDTH]; 3],
}

impl Node {
    const EMPTY: Self = Self { low: [[f32::INFINITY; WIDTH]; 3], high: [[f32::NEG_INFINITY; WIDTH]; 3] };

    /// Squared distance from `at` to each box.
    #[inline]
    fn squares(&self, at: [f32; 3]) -> [f32; WIDTH] {
        let mut sum = [0.0_f32; WIDTH];
        for ((low, high), at) in self.low.iter().zip(&self.high).zip(at) {
            for ((sum, low), high) in sum.iter_mut().zip(low).zip(high) {
                // Plain comparisons, which vector units have: nothing here is a NaN.
                let (below, above) = (low - at, at - high);
                let gap = if below > above { below } else { above };
                let gap = if gap > 0.0 { gap } else { 0.0 };
                *sum += gap * gap;
            }
        }
        sum
    }

    fn set(&mut self, slot: usize, low: [f32; 3], high: [f32; 3]) {
        for (axis, (low, high)) in low.into_iter().zip(high).enumerate() {
            self.low[axis][slot] = low;
            self.high[axis][slot] = high;
        }
    }

    fn bounds(&self) -> ([f32; 3], [f32; 3]) {
        (
            self.low.map(|lows| lows.into_iter().fold(f32::INFINITY, f32::min)),
            self.high.map(|highs| highs.into_iter().fold(f32::NEG_INFINITY, f32::max)),
        )
    }
}

/// The slot of the least of them, or of one that differs from it by some millionths.
#[inline]
fn nearest(squares: &[f32; WIDTH]) -> usize {
    // What is not negative is ordered as its bits are; the last four name the slot.
    let slot_bits = WIDTH as u32 - 1;
    let mut keys = [0_u32; WIDTH];
    for (slot, (key, own)) in keys.iter_mut().zip(squares).enumerate() {
        *key = own.to_bits() & !slot_bits | slot as u32;
    }
    // By halves: a chain of comparisons would wait for each one before.
    let mut half = WIDTH / 2;
    while half > 0 {
        for slot in 0..half {
            keys[slot] = keys[slot].min(keys[slot + half]);
        }
        half /= 2;
    }
    (keys[0] & slot_bits) as usize
}

/// A bit for each that is within the limit.
#[inline]
fn within(squares: &[f32; WIDTH], limit: f32) -> u32 {
    squares.iter().enumerate().fold(0, |bits, (slot, own)| bits | u32::from(*own <= limit) << slot)
}

/// A box in metres: lowest and highest corner.
pub(super) type Bounds = (Vector, Vector);

/// The tree.
#[derive(Clone, Debug)]
pub(super) struct BoxTree {
    origin: Vector,
    /// Greatest distance of a coordinate from the origin.
    reach: f64,
    /// Level by level, the lowest first.
    nodes: Vec<Node>,
    /// Where each node's items or nodes start.
    firsts: Vec<u32>,
    /// So many nodes, of the lowest level, hold items.
    leaves: usize,
}

impl BoxTree {
    /// Sorts `items` into the tree's order and builds it; queries name items by their new place.
    pub(super) fn build<T>(items: &mut [T], bounds: impl Fn(&T) -> Bounds) -> Self {
        sort::<WIDTH, T>(items, &|item| {
            let (low, high) = bounds(item);
            [low[0] + high[0], low[1] + high[1], low[2] + high[2]]
        });
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for item in items.iter() {
            let own = bounds(item);
            for axis in 0..3 {
                low[axis] = low[axis].min(own.0[axis]);
                high[axis] = high[axis].max(own.1[axis]);
            }
        }
        let origin =
            [0, 1, 2].map(|axis| if low[axis] <= high[axis] { f64::midpoint(low[axis], high[axis]) } else { 0.0 });
        let reach = (0..3).map(|axis| (high[axis] - origin[axis]).max(0.0)).fold(0.0, f64::max);
        let mut tree = Self { origin, reach, nodes: Vec::new(), firsts: Vec::new(), leaves: 0 };
        for group in items.chunks(WIDTH) {
            let mut node = Node::EMPTY;
            for (slot, item) in group.iter().enumerate() {
                let own = bounds(item);
                node.set(
                    slot,
                    minus(own.0, origin).map(|part| part as f32),
                    minus(own.1, origin).map(|part| part as f32),
                );
            }
            tree.nodes.push(node);
        }
        tree.leaves = tree.nodes.len();
        tree.firsts.extend((0..tree.leaves).map(|leaf| (leaf * WIDTH) as u32));
        let mut start = 0;
        loop {
            let end = tree.nodes.len();
            if end - start <= 1 {
                return tree;
            }
            for first in (start..end).step_by(WIDTH) {
                let mut node = Node::EMPTY;
                for (slot, below) in (first..end.min(first + WIDTH)).enumerate() {
                    let (low, high) = tree.nodes[below].bounds();
                    node.set(slot, low, high);
                }
                tree.nodes.push(node);
                tree.firsts.push(first as u32);
            }
            start = end;
        }
    }

    /// Visits items whose box may be within a radius of `at`, near ones first; the visitor returns the radius
    /// in metres that still matters.
    pub(super) fn visit(&self, at: Vector, radius_m: f64, mut visitor: impl FnMut(usize) -> f64) {
        // From a place that is none nothing is near.
        if self.nodes.is_empty() || !at.iter().all(|part| part.is_finite()) {
            return;
        }
        let local = minus(at, self.origin);
        let far = local.iter().fold(self.reach, |far, part| far.max(part.abs()));
        let margin = far * 3e-7 + 1e-4;
        let square = |radius: f64| {
            let padded = (radius + margin) as f32 * 1.000_001;
            // Finite, so that an empty slot's infinity is never within it.
            (padded * padded).min(f32::MAX)
        };
        let at = local.map(|part| part as f32);
        let mut limit = square(radius_m);
        let mut stack = [(0.0_f32, 0_u32); STACK];
        stack[0].1 = self.nodes.len() as u32 - 1;
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let (least, node) = stack[waiting];
            if least > limit {
                continue;
            }
            let squares = self.nodes[node as usize].squares(at);
            let first = self.firsts[node as usize];
            // The nearest first: it brings the limit down, so that most of the others need no order among them.
            let nearest = nearest(&squares);
            let mut others = within(&squares, limit) & !(1 << nearest);
            if (node as usize) < self.leaves {
                if squares[nearest] <= limit {
                    limit = square(visitor(first as usize + nearest));
                }
                while others != 0 {
                    let slot = others.trailing_zeros() as usize;
                    others &= others - 1;
                    if squares[slot] <= limit {
                        limit = square(visitor(first as usize + slot));
                    }
                }
            } else {
                while others != 0 {
                    let slot = others.trailing_zeros() as usize;
                    others &= others - 1;
                    stack[waiting] = (squares[slot], first + slot as u32);
                    waiting += 1;
                }
                if squares[nearest] <= limit {
                    stack[waiting] = (squares[nearest], first + nearest as u32);
                    waiting += 1;
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.firsts.capacity() * size_of::<u32>()
    }
}

/// Orders items so that every run of `WIDTH`, of its square, its cube … is compact: median splits along the longest axis,
/// at multiples of the greatest such run.
pub(super) fn sort<const WIDTH: usize, T>(items: &mut [T], middle: &impl Fn(&T) -> Vector) {
    if items.len() <= WIDTH {
        return;
    }
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for item in items.iter() {
        let at = middle(item);
        for axis in 0..3 {
            low[axis] = low[axis].min(at[axis]);
            high[axis] = high[axis].max(at[axis]);
        }
    }
    let axis = (0..3).fold(0, |best, axis| if high[axis] - low[axis] > high[best] - low[best] { axis } else { best });
    let mut run = WIDTH;
    while run * WIDTH < items.len() {
        run *= WIDTH;
    }
    let split = run * items.len().div_ceil(run).div_ceil(2);
    if split >= items.len() {
        return;
    }
    items.select_nth_unstable_by(split, |a, b| middle(a)[axis].total_cmp(&middle(b)[axis]));
    let (left, right) = items.split_at_mut(split);
    sort::<WIDTH, T>(left, middle);
    sort::<WIDTH, T>(right, middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_within_the_radius_is_visited_whatever_their_number() {
        let mut state = 7_u64;
        let mut number = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        for count in [0, 1, 15, 16, 17, 255, 256, 257, 4_097] {
            let mut items: Vec<Vector> =
                (0..count).map(|_| [6.0e6 + 1e5 * number(), 1e5 * number(), 1e5 * number()]).collect();
            let tree = BoxTree::build(&mut items, |item| (*item, *item));
            for _ in 0..20 {
                let at = [6.0e6 + 1e5 * number(), 1e5 * number(), 1e5 * number()];
                let mut seen = Vec::new();
                tree.visit(at, 2e4, |item| {
                    seen.push(item);
                    2e4
                });
                seen.sort_unstable();
                seen.dedup();
                for (place, item) in items.iter().enumerate() {
                    let v = minus(*item, at);
                    if super::super::geodesy::dot(v, v).sqrt() <= 2e4 {
                        assert!(seen.binary_search(&place).is_ok(), "{count} items: {place} was not visited");
                    }
                }
            }
        }
    }
}
