//! Whether two boundaries cross.

use robust::{Coord, orient2d};

use super::LonLat;
use super::geodesy::lon_step_deg;

/// Pairs of edges that are looked at before the search gives up.
const PAIRS: usize = 30_000_000;

/// Pairs of edges of one line that are looked at likewise.
const OWN_PAIRS: usize = 3_000_000;

#[derive(Clone, Copy)]
struct Edge {
    ring: usize,
    /// Its number along the ring, and whether it is the last of one that is closed.
    place: usize,
    closes: bool,
    from: Coord<f64>,
    to: Coord<f64>,
}

/// Whether an edge of the one properly crosses an edge of the other; `None` if the search took too long.
pub(crate) fn boundaries_cross(one: &[Vec<LonLat>], other: &[Vec<LonLat>]) -> Option<bool> {
    let edges = edges(one.iter().chain(other));
    let mut looked = 0;
    for (number, edge) in edges.iter().enumerate() {
        let east = edge.from.x.max(edge.to.x);
        let (south, north) = (edge.from.y.min(edge.to.y), edge.from.y.max(edge.to.y));
        for other in &edges[number + 1..] {
            if other.from.x.min(other.to.x) > east {
                break;
            }
            looked += 1;
            if looked > PAIRS {
                return None;
            }
            let beside = other.from.y.min(other.to.y) > north || other.from.y.max(other.to.y) < south;
            let apart = (edge.ring < one.len()) != (other.ring < one.len());
            if apart && !beside && meet(edge, other) {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// Whether a line's edges meet elsewhere than one after the other at their ends, or run back over one another; `None` if
/// the search took too long. Parts are taken as one after the other.
pub(super) fn crosses_itself(parts: &[Vec<LonLat>]) -> Option<bool> {
    let edges = edges(parts.iter());
    let follows = |a: &Edge, b: &Edge| a.to == b.from && (a.place + 1 == b.place || a.closes && b.place == 0);
    let mut looked = 0;
    for (number, edge) in edges.iter().enumerate() {
        let east = edge.from.x.max(edge.to.x);
        let (south, north) = (edge.from.y.min(edge.to.y), edge.from.y.max(edge.to.y));
        for other in &edges[number + 1..] {
            if other.from.x.min(other.to.x) > east {
                break;
            }
            looked += 1;
            if looked > OWN_PAIRS {
                return None;
            }
            if other.from.y.min(other.to.y) > north || other.from.y.max(other.to.y) < south {
                continue;
            }
            let met = if follows(edge, other) {
                is_fold(edge, other)
            } else if follows(other, edge) {
                is_fold(other, edge)
            } else {
                touch(edge, other)
            };
            if met {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// The edges of positive length by where they begin in the west, longitudes unwrapped.
fn edges<'a>(rings: impl Iterator<Item = &'a Vec<LonLat>>) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut reference = None;
    let mut place = 0;
    for (ring, positions) in rings.enumerate() {
        let first = edges.len();
        let mut turns = 0.0;
        for (vertex, pair) in positions.windows(2).enumerate() {
            let reference = *reference.get_or_insert(pair[0].lon);
            if vertex == 0 {
                turns = whole_turns(reference + lon_step_deg(reference, pair[0].lon) - pair[0].lon);
            }
            let from = Coord { x: pair[0].lon + turns, y: pair[0].lat };
            turns = whole_turns(from.x + lon_step_deg(pair[0].lon, pair[1].lon) - pair[1].lon);
            let to = Coord { x: pair[1].lon + turns, y: pair[1].lat };
            if from != to {
                edges.push(Edge { ring, place, closes: false, from, to });
                place += 1;
            }
        }
        let start = edges.get(first).map(|edge| edge.from);
        if let Some(last) = edges.last_mut() {
            last.closes = start == Some(last.to);
        }
    }
    edges.sort_by(|a, b| a.from.x.min(a.to.x).total_cmp(&b.from.x.min(b.to.x)));
    edges
}

/// Whether the second of two edges runs back over the first.
fn is_fold(a: &Edge, b: &Edge) -> bool {
    let along = (a.to.x - a.from.x) * (b.to.x - b.from.x) + (a.to.y - a.from.y) * (b.to.y - b.from.y);
    orient2d(a.from, a.to, b.to) == 0.0 && along < 0.0
}

/// Whether edges with common longitudes and latitudes have a place in common.
fn touch(a: &Edge, b: &Edge) -> bool {
    orient2d(b.from, b.to, a.from) * orient2d(b.from, b.to, a.to) <= 0.0
        && orient2d(a.from, a.to, b.from) * orient2d(a.from, a.to, b.to) <= 0.0
}

fn whole_turns(difference: f64) -> f64 {
    (difference / 360.0).round() * 360.0
}

fn meet(a: &Edge, b: &Edge) -> bool {
    orient2d(b.from, b.to, a.from) * orient2d(b.from, b.to, a.to) < 0.0
        && orient2d(a.from, a.to, b.from) * orient2d(a.from, a.to, b.to) < 0.0
}
