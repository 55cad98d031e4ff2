//! The outlines of many small areas in single precision, close together: inside, outside, or not sure.
//!
//! What an area's containment takes is mostly the wait for memory, so the outlines lie in one array in the order in which
//! they are asked for, eight bytes a vertex. Answers are certain or none: the rounding of every step is bounded, and
//! where an edge or a vertex is nearer than that, the exact predicates of [`super::rings`] have to decide.

use super::geodesy::lon_step_deg;
use super::{Area, LonLat};

/// Edges looked at together.
const LANES: usize = 8;
/// An area with more edges is not held here: its bands are faster.
const MOST_EDGES: usize = 64;
/// Wider areas are not held here, degrees: every edge is then nearer to a place the short way.
const WIDEST_DEG: f64 = 90.0;
/// Half a unit in the last place of a single-precision number, relative.
const UNIT: f64 = 6.0e-8;
/// What the double-precision sums that coordinates come from may be off by, degrees.
const SUM_DEG: f64 = 1e-11;

/// Outlines in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlines {
    heads: Vec<Head>,
    /// For each outline the eastings of all vertices, then the northings.
    places: Vec<f32>,
}

/// An outline's frame; without edges if it is not held.
#[derive(Clone, Debug)]
struct Head {
    west: f64,
    south: f64,
    /// What rounding may add up to, degrees: to a difference of eastings and to one of northings.
    doubt: [f32; 2],
    /// Where its places start, and how many edges these are.
    first: u32,
    edges: u32,
}

impl Outlines {
    /// Adds an area.
    pub(super) fn add(&mut self, area: &Area) {
        let frame = area.frame_deg();
        let mut head =
            Head { west: frame.west, south: frame.south, doubt: [0.0; 2], first: self.places.len() as u32, edges: 0 };
        let edges = area.polygons().iter().flatten().map(Vec::len).sum::<usize>();
        if let ([rings], true) = (area.polygons(), edges <= MOST_EDGES && frame.span < WIDEST_DEG) {
            let (mut easts, mut norths) = (Vec::new(), Vec::new());
            for ring in rings {
                let mut east = ring.first().map_or(0.0, |first| east_of(frame.west, first.lon));
                let mut before = ring.first();
                for place in ring {
                    east += before.map_or(0.0, |before| lon_step_deg(before.lon, place.lon));
                    before = Some(place);
                    easts.push(east as f32);
                    norths.push((place.lat - frame.south) as f32);
                }
                // Back to the outer ring: the way to a hole is gone to and fro, which changes no parity.
                easts.push(easts[0]);
                norths.push(norths[0]);
            }
            // Edges of no extent.
            while easts.len() % LANES != 1 {
                easts.push(easts[0]);
                norths.push(norths[0]);
            }
            // Two roundings of coordinates and one of their difference, and one more to spare.
            let doubt = |most: f64| (most * 4.0 * UNIT + SUM_DEG) as f32;
            head.doubt = [doubt(frame.span), doubt(frame.north - frame.south)];
            head.edges = easts.len() as u32 - 1;
            self.places.extend(easts);
            self.places.extend(norths);
        }
        self.heads.push(head);
    }

    /// Whether the area that was added at this place holds a position, if that is certain.
    #[inline]
    pub(super) fn holds(&self, place: usize, position: LonLat) -> Option<bool> {
        let head = &self.heads[place];
        if head.edges == 0 {
            return None;
        }
        let at = [east_of(head.west, position.lon) as f32, (position.lat - head.south) as f32];
        let (first, vertices) = (head.first as usize, head.edges as usize + 1);
        let (easts, norths) = self.places[first..first + 2 * vertices].split_at(vertices);
        edges_north(easts, norths, at, head.doubt).map(|north| north % 2 == 1)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heads.capacity() * size_of::<Head>() + self.places.capacity() * size_of::<f32>()
    }
}

/// Degrees from the meridian `west` to the east; a little to the west of it is negative.
fn east_of(west: f64, lon: f64) -> f64 {
    (lon - west + WIDEST_DEG).rem_euclid(360.0) - WIDEST_DEG
}

/// How many edges of a course are north of a place, if that is certain.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "a branch would keep the lanes from being looked at together")]
fn edges_north(easts: &[f32], norths: &[f32], at: [f32; 2], doubt: [f32; 2]) -> Option<u32> {
    let mut north = [0_u32; LANES];
    let mut unsure = [0_u32; LANES];
    let mut start = 0;
    while let (Some(x), Some(y)) =
        (easts[start..].first_chunk::<{ LANES + 1 }>(), norths[start..].first_chunk::<{ LANES + 1 }>())
    {
        for lane in 0..LANES {
            let (past, ahead) = (at[0] - x[lane], x[lane + 1] - at[0]);
            let (run, rise, above) = (x[lane + 1] - x[lane], y[lane + 1] - y[lane], at[1] - y[lane]);
            // Positive to the edge's left.
            let turn = run * above - rise * past;
            // Each factor's own doubt times the other, four times over for the rounding of the products and of this sum.
            let slack = 4.0 * (run.abs() * doubt[1] + (above.abs() + rise.abs()) * doubt[0]);
            let spans = (past > 0.0) == (ahead > 0.0);
            let told = (past.abs() > doubt[0]) & (ahead.abs() > doubt[0]) & (!spans | (turn.abs() > slack));
            north[lane] += u32::from(spans & ((turn < 0.0) == (run > 0.0)));
            unsure[lane] |= u32::from(!told);
        }
        start += LANES;
    }
    (unsure.into_iter().fold(0, |all, one| all | one) == 0).then(|| north.into_iter().sum())
}
