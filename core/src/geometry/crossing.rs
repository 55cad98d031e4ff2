//! Where the rings of a polygon cross themselves or one another, and whether two boundaries cross.

use robust::{Coord, orient2d};

use super::LonLat;
use super::geodesy::lon_step_deg;

/// Pairs of edges that are looked at before the search gives up.
const PAIRS: usize = 30_000_000;

/// Two edges that cross: ring and vertex of each one's start, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossing {
    pub(super) edges: [(usize, usize); 2],
    pub(super) at: LonLat,
}

/// The search took too long: the rings are too entangled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooEntangled;

struct Edge {
    ring: usize,
    vertex: usize,
    from: Coord<f64>,
    to: Coord<f64>,
}

/// Proper crossings of a polygon's edges, at most `limit`; rings that only touch are none.
pub(super) fn crossings(rings: &[Vec<LonLat>], limit: usize) -> Result<Vec<Crossing>, TooEntangled> {
    search(rings, limit, |_, _| true)
}

/// Whether an edge of the one properly crosses an edge of the other; `None` if the search took too long.
pub(crate) fn boundaries_cross(one: &[Vec<LonLat>], other: &[Vec<LonLat>]) -> Option<bool> {
    let both: Vec<Vec<LonLat>> = one.iter().chain(other).cloned().collect();
    let apart = |a: &Edge, b: &Edge| (a.ring < one.len()) != (b.ring < one.len());
    search(&both, 1, apart).ok().map(|found| !found.is_empty())
}

/// Proper crossings of those pairs of edges that `counts` takes.
fn search(
    rings: &[Vec<LonLat>],
    limit: usize,
    counts: impl Fn(&Edge, &Edge) -> bool,
) -> Result<Vec<Crossing>, TooEntangled> {
    let mut edges = Vec::new();
    let reference = rings.iter().flatten().next().map_or(0.0, |first| first.lon);
    for (ring, positions) in rings.iter().enumerate() {
        let mut turns = 0.0;
        for (vertex, pair) in positions.windows(2).enumerate() {
            if vertex == 0 {
                turns = whole_turns(reference + lon_step_deg(reference, pair[0].lon) - pair[0].lon);
            }
            let from = Coord { x: pair[0].lon + turns, y: pair[0].lat };
            turns = whole_turns(from.x + lon_step_deg(pair[0].lon, pair[1].lon) - pair[1].lon);
            edges.push(Edge { ring, vertex, from, to: Coord { x: pair[1].lon + turns, y: pair[1].lat } });
        }
    }
    edges.sort_by(|a, b| a.from.x.min(a.to.x).total_cmp(&b.from.x.min(b.to.x)));
    let mut found = Vec::new();
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
                return Err(TooEntangled);
            }
            let beside = other.from.y.min(other.to.y) > north || other.from.y.max(other.to.y) < south;
            if beside || !counts(edge, other) {
                continue;
            }
            if let Some(at) = meet(edge, other) {
                let mut pair = [(edge.ring, edge.vertex), (other.ring, other.vertex)];
                pair.sort_unstable();
                found.push(Crossing { edges: pair, at });
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

fn whole_turns(difference: f64) -> f64 {
    (difference / 360.0).round() * 360.0
}

fn meet(a: &Edge, b: &Edge) -> Option<LonLat> {
    let (from, to) = (orient2d(b.from, b.to, a.from), orient2d(b.from, b.to, a.to));
    let apart = from * to < 0.0 && orient2d(a.from, a.to, b.from) * orient2d(a.from, a.to, b.to) < 0.0;
    apart.then(|| {
        let t = from / (from - to);
        LonLat {
            lon: super::geodesy::wrap_deg(a.from.x + t * (a.to.x - a.from.x)),
            lat: a.from.y + t * (a.to.y - a.from.y),
        }
    })
}
