//! Whether two boundaries cross.

use robust::{Coord, orient2d};

use super::LonLat;
use super::geodesy::lon_step_deg;

/// Pairs of edges that are looked at before the search gives up.
const PAIRS: usize = 30_000_000;

struct Edge {
    ring: usize,
    from: Coord<f64>,
    to: Coord<f64>,
}

/// Whether an edge of the one properly crosses an edge of the other; `None` if the search took too long.
pub(crate) fn boundaries_cross(one: &[Vec<LonLat>], other: &[Vec<LonLat>]) -> Option<bool> {
    let both: Vec<&Vec<LonLat>> = one.iter().chain(other).collect();
    let mut edges = Vec::new();
    let reference = both.iter().copied().flatten().next().map_or(0.0, |first| first.lon);
    for (ring, positions) in both.iter().enumerate() {
        let mut turns = 0.0;
        for (vertex, pair) in positions.windows(2).enumerate() {
            if vertex == 0 {
                turns = whole_turns(reference + lon_step_deg(reference, pair[0].lon) - pair[0].lon);
            }
            let from = Coord { x: pair[0].lon + turns, y: pair[0].lat };
            turns = whole_turns(from.x + lon_step_deg(pair[0].lon, pair[1].lon) - pair[1].lon);
            edges.push(Edge { ring, from, to: Coord { x: pair[1].lon + turns, y: pair[1].lat } });
        }
    }
    edges.sort_by(|a, b| a.from.x.min(a.to.x).total_cmp(&b.from.x.min(b.to.x)));
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

fn whole_turns(difference: f64) -> f64 {
    (difference / 360.0).round() * 360.0
}

fn meet(a: &Edge, b: &Edge) -> bool {
    orient2d(b.from, b.to, a.from) * orient2d(b.from, b.to, a.to) < 0.0
        && orient2d(a.from, a.to, b.from) * orient2d(a.from, a.to, b.to) < 0.0
}
