//! Edges get a vertex wherever another edge meets them.

use robust::{Coord, orient2d};

use crate::geometry::LonLat;
use crate::geometry::geodesy::wrap_deg;

/// Pairs of edges that are looked at before the search gives up.
pub(super) const PAIRS: usize = 30_000_000;
/// A crossing's coordinates are rounded, which may make the edges meet others; after so many rounds it gives up.
const ROUNDS: usize = 6;

/// The rings are too entangled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooEntangled;

/// A vertex, given or where edges meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// Longitude, going on past 180.
    pub x: f64,
    /// Latitude.
    pub y: f64,
    pub at: LonLat,
    /// The vertex as given, or the one at the start of the edge that this node is on.
    pub number: usize,
}

impl Node {
    pub(super) fn coord(self) -> Coord<f64> {
        Coord { x: self.x, y: self.y }
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.x == other.x && self.y == other.y
    }

    /// What orders nodes; equal for those that meet.
    pub(super) fn key(self) -> (u64, u64) {
        ((self.x + 0.0).to_bits(), (self.y + 0.0).to_bits())
    }
}

/// Two edges of a ring that cross: the vertices that they start from, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    pub vertices: [usize; 2],
    pub at: LonLat,
}

struct Edge {
    ring: usize,
    place: usize,
    from: Node,
    to: Node,
}

impl Edge {
    fn west(&self) -> f64 {
        self.from.x.min(self.to.x)
    }

    fn east(&self) -> f64 {
        self.from.x.max(self.to.x)
    }
}

/// Gives all edges of the rings, which are open, the vertices where they meet others.
pub(super) fn meet_in_nodes(rings: &mut [Vec<Node>]) -> Result<(), TooEntangled> {
    let mut looked = 0;
    for _ in 0..ROUNDS {
        let edges = edges(rings, 0.0);
        // Ring, place of the edge, how far along it, node.
        let mut inserted: Vec<(usize, usize, f64, Node)> = Vec::new();
        pairs(&edges, &mut looked, |a, b| {
            for (edge, meets) in [(a, meeting(a, b)[0]), (b, meeting(a, b)[1])] {
                for (x, y, at) in meets.into_iter().flatten() {
                    let node = Node { x, y, at, number: edge.from.number };
                    if !node.meets(edge.from) && !node.meets(edge.to) {
                        let along = (x - edge.from.x).abs() + (y - edge.from.y).abs();
                        inserted.push((edge.ring, edge.place, along, node));
                    }
                }
            }
            inserted.len() < PAIRS / 10
        })?;
        if inserted.is_empty() {
            return Ok(());
        }
        inserted.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        let mut inserted = inserted.into_iter().peekable();
        for (ring, nodes) in rings.iter_mut().enumerate() {
            let mut all = Vec::with_capacity(nodes.len());
            for (place, node) in nodes.iter().enumerate() {
                all.push(*node);
                while let Some((.., node)) = inserted.next_if(|next| (next.0, next.1) == (ring, place)) {
                    if !all.last().is_some_and(|last: &Node| last.meets(node)) {
                        all.push(node);
                    }
                }
            }
            *nodes = all;
        }
    }
    Err(TooEntangled)
}

/// The first crossing of a ring that goes around a pole.
pub(super) fn crosses_itself(nodes: &[Node], turn: f64) -> Result<Option<Crossing>, TooEntangled> {
    let edges = edges(&[nodes], turn);
    let mut found = None;
    pairs(&edges, &mut 0, |a, b| {
        if let Some((_, _, at)) = cross(a, b) {
            found = Some(Crossing { vertices: [a.from.number, b.from.number], at });
        }
        found.is_none()
    })?;
    Ok(found)
}

fn edges<R: AsRef<[Node]>>(rings: &[R], turn: f64) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (ring, nodes) in rings.iter().enumerate() {
        let nodes = nodes.as_ref();
        for (place, from) in nodes.iter().enumerate() {
            let to = nodes.get(place + 1).copied().or_else(|| nodes.first().map(|to| Node { x: to.x + turn, ..*to }));
            edges.extend(to.map(|to| Edge { ring, place, from: *from, to }));
        }
    }
    edges.sort_by(|a, b| a.west().total_cmp(&b.west()));
    edges
}

/// Pairs of edges whose boxes meet, until the visitor has enough.
fn pairs(edges: &[Edge], looked: &mut usize, mut visit: impl FnMut(&Edge, &Edge) -> bool) -> Result<(), TooEntangled> {
    for (number, edge) in edges.iter().enumerate() {
        let (south, north) = (edge.from.y.min(edge.to.y), edge.from.y.max(edge.to.y));
        for other in &edges[number + 1..] {
            if other.west() > edge.east() {
                break;
            }
            *looked += 1;
            if *looked > PAIRS {
                return Err(TooEntangled);
            }
            if other.from.y.min(other.to.y) > north || other.from.y.max(other.to.y) < south {
                continue;
            }
            if !visit(edge, other) {
                return Ok(());
            }
        }
    }
    Ok(())
}

type Place = (f64, f64, LonLat);

/// Places that each of the two edges needs a vertex at.
fn meeting(a: &Edge, b: &Edge) -> [[Option<Place>; 2]; 2] {
    if let Some(place) = cross(a, b) {
        return [[Some(place), None], [Some(place), None]];
    }
    let on = |node: Node, edge: &Edge| {
        let (x, y) = (node.x, node.y);
        (x >= edge.west()
            && x <= edge.east()
            && y >= edge.from.y.min(edge.to.y)
            && y <= edge.from.y.max(edge.to.y)
            && orient2d(edge.from.coord(), edge.to.coord(), node.coord()) == 0.0)
            .then_some((x, y, node.at))
    };
    [[on(b.from, a), on(b.to, a)], [on(a.from, b), on(a.to, b)]]
}

/// Where two edges cross inside both.
fn cross(a: &Edge, b: &Edge) -> Option<Place> {
    let side = |edge: &Edge, node: Node| orient2d(edge.from.coord(), edge.to.coord(), node.coord());
    let (from, to) = (side(b, a.from), side(b, a.to));
    let opposite = |one: f64, other: f64| (one < 0.0 && other > 0.0) || (one > 0.0 && other < 0.0);
    (opposite(from, to) && opposite(side(a, b.from), side(a, b.to))).then(|| {
        let t = from / (from - to);
        let x = (a.from.x + t * (a.to.x - a.from.x)).clamp(a.west(), a.east());
        let y = a.from.y + t * (a.to.y - a.from.y);
        let y = y.clamp(a.from.y.min(a.to.y), a.from.y.max(a.to.y));
        (x, y, LonLat { lon: wrap_deg(x), lat: y })
    })
}
