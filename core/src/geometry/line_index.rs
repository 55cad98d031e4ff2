//! A directed line, indexed for nearest-point queries.

use super::box_tree::{Bounds, BoxTree};
use super::geodesy::{Trig, Vector, chord_slack_m, lon_step_deg, minus, settled_distance_m, wrap_deg};
use super::piece::{Foot, Piece, course_m, piece_limit_m, sag_m, speed};
use super::{LonLat, ShapeFault};

/// Pieces are at most this long, metres.
const PIECE_M: f64 = 500.0;
/// Where a line is so long that it would have more pieces than this, pieces are longer.
const PIECES: f64 = 400_000.0;
/// More than this a line must not have: edges close to a pole are cut short.
const MOST_PIECES: usize = 1_500_000;
/// Nearer than this a position is on the line, metres.
const ON_LINE_M: f64 = 1e-6;
/// How many near pieces a query holds before it settles them.
const HELD: usize = 24;
/// No edge.
const NONE: u32 = u32::MAX;

/// Where a position is against a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineFix {
    /// Geodesic distance to the foot, metres, never negative.
    pub distance_m: f64,
    /// `distance_m`, positive on side A (left of travel), negative on side B; 0 within a micrometre of the line.
    pub signed_m: f64,
    /// Nearest point of the line.
    pub foot: LonLat,
    /// Length along the line from its start to the foot; parts of a multi-part line count one after another.
    pub chainage_m: f64,
    /// Which edge the foot is on, counted over all parts.
    pub edge: usize,
    /// The query lies past an end of the line, or of a part: -1 before the start, 1 after the end, else 0.
    pub beyond_end: i8,
}

/// A directed line of one or more parts.
///
/// Edges are straight in longitude and latitude. Distances are within 1 mm of the geodesic's (0.1 mm to 300 km),
/// feet within 1 mm and 1e-8 of the distance. Beyond 400 km distances stay exact, while the foot is that of an
/// ordering by the closed form and may miss a nearer one by up to 1 part in 10,000.
#[derive(Clone, Debug)]
pub struct LineIndex {
    parts: Vec<Vec<LonLat>>,
    edges: Vec<Edge>,
    pieces: Vec<Piece>,
    tree: BoxTree,
    length_m: f64,
}

#[derive(Clone, Debug)]
struct Edge {
    from: LonLat,
    to: LonLat,
    d_lon: f64,
    /// Its number in the line as given.
    given: u32,
    /// The edges that end where it starts and start where it ends.
    before: u32,
    after: u32,
}

/// A query's answer with what only this folder needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) fix: LineFix,
    /// The side does not change nearer than this, metres (the continuation beyond an end counts).
    pub(super) margin_m: f64,
}

impl LineIndex {
    /// Indexes a line. Each part needs at least two different positions.
    ///
    /// Consecutive parts that meet end to start are one course; a part whose end is its start is a closed
    /// one. A vertex that repeats the one before it is tolerated.
    pub fn new(parts: Vec<Vec<LonLat>>) -> Result<Self, ShapeFault> {
        let fault = |place: String, message: &str| Err(ShapeFault { place, message: message.to_owned() });
        if parts.is_empty() {
            return fault("line".to_owned(), "has no part; give it at least two positions");
        }
        for (number, part) in parts.iter().enumerate() {
            if let Some((vertex, position)) =
                part.iter().enumerate().find(|(_, position)| LonLat::new(position.lon, position.lat).is_none())
            {
                return fault(
                    format!("part {number}, vertex {vertex} ({}, {})", position.lon, position.lat),
                    "is out of range; longitude is in [-180, 180] and comes first, latitude in [-90, 90]",
                );
            }
            if !part.windows(2).any(|pair| !same_place(pair[0], pair[1])) {
                return fault(format!("part {number}"), "needs at least two different positions");
            }
        }
        let edges = edges(&parts);
        let lengths: f64 = edges.iter().map(rough_length_m).sum();
        let base_m = PIECE_M.max(lengths / PIECES);
        let mut pieces = Vec::new();
        let mut length_m = 0.0;
        for (number, edge) in edges.iter().enumerate() {
            cut(edge, number as u32, base_m, &mut length_m, &mut pieces);
            if pieces.len() > MOST_PIECES {
                return fault(
                    format!("edge {}", edge.given),
                    "makes the line too long, too near a pole, to be indexed; simplify it or divide it",
                );
            }
        }
        let tree = BoxTree::build(&mut pieces, bounds);
        Ok(Self { parts, edges, pieces, tree, length_m })
    }

    /// The vertices, part by part.
    pub fn parts(&self) -> &[Vec<LonLat>] {
        &self.parts
    }

    /// Length in metres along the edges.
    pub fn length_m(&self) -> f64 {
        self.length_m
    }

    /// Bytes that the index holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.capacity() * size_of::<LonLat>()).sum::<usize>()
            + self.edges.capacity() * size_of::<Edge>()
            + self.pieces.capacity() * size_of::<Piece>()
            + self.tree.heap_bytes()
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Where an edge starts, and its steps in longitude and latitude, degrees.
    pub(super) fn edge(&self, number: u32) -> Option<(LonLat, f64, f64)> {
        let edge = self.edges.get(number as usize)?;
        Some((edge.from, edge.d_lon, edge.to.lat - edge.from.lat))
    }

    /// Where `position` is against this line.
    pub fn locate(&self, position: LonLat) -> LineFix {
        self.find(position).fix
    }

    pub(super) fn find(&self, position: LonLat) -> Found {
        let query = Trig::at(position).ecef();
        // A line has at least one piece, so that only what is no place finds none.
        let (place, foot) = self.nearest(query, f64::INFINITY).unwrap_or_else(|| (0, self.pieces[0].foot(query)));
        self.answer(position, place, foot)
    }

    /// The same, with the position's vector at hand and if the line may be within `reach_m` metres of it.
    pub(super) fn find_within(&self, position: LonLat, query: Vector, reach_m: f64) -> Option<Found> {
        let (place, foot) = self.nearest(query, reach_m)?;
        Some(self.answer(position, place, foot))
    }

    /// Visits the pieces within a radius, each with whether its start and its end are free ends of the line, until
    /// the visitor says that it has enough.
    pub(super) fn pieces_near<'a>(
        &'a self,
        query: Vector,
        radius_m: f64,
        mut visit: impl FnMut(&'a Piece, bool, bool) -> bool,
    ) {
        self.tree.visit(query, radius_m, |place| {
            let piece = &self.pieces[place];
            let edge = &self.edges[piece.edge as usize];
            let (starts, ends) = (piece.t <= 0.0, piece.t + piece.dt >= 1.0);
            let more = visit(piece, starts && edge.before == NONE, ends && edge.after == NONE);
            if more { radius_m } else { 0.0 }
        });
    }

    /// The box around the whole line's course.
    pub(super) fn bounds(&self) -> Bounds {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for piece in &self.pieces {
            let own = bounds(piece);
            for axis in 0..3 {
                low[axis] = low[axis].min(own.0[axis]);
                high[axis] = high[axis].max(own.1[axis]);
            }
        }
        (low, high)
    }

    /// The nearest piece and the foot on it, if its chord may be within `reach_m` metres.
    fn nearest(&self, query: Vector, reach_m: f64) -> Option<(usize, Foot)> {
        let mut settled: Option<(usize, Foot)> = None;
        // Chord distance less sag, and the piece.
        let mut held = [(0.0_f64, 0_usize); HELD];
        let mut count = 0;
        let mut least = f64::INFINITY;
        let mut limit = reach_m;
        self.tree.visit(query, reach_m, |place| {
            let piece = &self.pieces[place];
            let distance = piece.chord_square(query).0.sqrt();
            if distance - piece.sag_m > limit {
                return limit;
            }
            if distance + piece.sag_m < least {
                least = distance + piece.sag_m;
                limit = limit.min(least + chord_slack_m(least));
            }
            if count == HELD {
                let kept = keep(&mut held, |near| near <= limit);
                count = kept;
                if kept == HELD {
                    settled = self.settle(query, &held, settled);
                    count = 0;
                }
            }
            held[count] = (distance - piece.sag_m, place);
            count += 1;
            limit
        });
        let near: &mut [(f64, usize)] = &mut held[..count];
        let kept = keep(near, |near| near <= limit);
        self.settle(query, &near[..kept], settled)
    }

    /// The nearest of the held pieces by geodesic distance to their true course.
    fn settle(&self, query: Vector, held: &[(f64, usize)], settled: Option<(usize, Foot)>) -> Option<(usize, Foot)> {
        let mut best = settled;
        let mut consider = |place: usize| {
            let foot = self.pieces[place].foot(query);
            let nearer = best.is_none_or(|(other, found)| {
                foot.arc_m < found.arc_m
                    || (foot.arc_m == found.arc_m && self.pieces[place].order < self.pieces[other].order)
            });
            if nearer {
                best = Some((place, foot));
            }
        };
        if let [(_, place)] = held {
            consider(*place);
            return best;
        }
        let mut estimates = [f64::INFINITY; HELD];
        let mut least = f64::INFINITY;
        for (estimate, (_, place)) in estimates.iter_mut().zip(held) {
            let piece = &self.pieces[*place];
            *estimate = piece.arc_estimate(query) - piece.sag_m;
            least = least.min(*estimate + 2.0 * piece.sag_m);
        }
        for (estimate, (_, place)) in estimates.iter().zip(held) {
            if *estimate <= least + 1e-6 {
                consider(*place);
            }
        }
        best
    }

    fn answer(&self, position: LonLat, place: usize, foot: Foot) -> Found {
        let piece = &self.pieces[place];
        let edge = &self.edges[piece.edge as usize];
        let at = if foot.t <= 0.0 {
            edge.from
        } else if foot.t >= 1.0 {
            edge.to
        } else {
            LonLat {
                lon: wrap_deg(edge.from.lon + foot.t * edge.d_lon),
                lat: edge.from.lat + foot.t * (edge.to.lat - edge.from.lat),
            }
        };
        let distance_m = settled_distance_m(foot.arc_m, at, position);
        let mut margin_m = distance_m;
        let mut beyond_end = 0;
        let left = if foot.t <= 0.0 && edge.before != NONE {
            self.left_of_vertex(edge.before, piece.edge, foot.toward)
        } else if foot.t >= 1.0 && edge.after != NONE {
            self.left_of_vertex(piece.edge, edge.after, foot.toward)
        } else {
            if foot.t <= 0.0 || foot.t >= 1.0 {
                let along = foot.travel[0] * foot.toward[0] + foot.travel[1] * foot.toward[1];
                beyond_end = i8::from(foot.t >= 1.0 && along > 0.0) - i8::from(foot.t <= 0.0 && along < 0.0);
            }
            let across = cross(foot.travel, foot.toward);
            if beyond_end != 0 {
                margin_m = margin_m.min(across.abs() / foot.travel[0].hypot(foot.travel[1]));
            }
            across > 0.0
        };
        let signed_m = if distance_m < ON_LINE_M {
            0.0
        } else if left {
            distance_m
        } else {
            -distance_m
        };
        let chainage_m = piece.chainage_m + piece.length_to(foot.tau);
        Found {
            fix: LineFix { distance_m, signed_m, foot: at, chainage_m, edge: edge.given as usize, beyond_end },
            margin_m,
        }
    }

    /// Whether a direction is to the left at the vertex between two edges: met first when turning
    /// counter-clockwise from the outgoing edge to the reversed incoming one.
    fn left_of_vertex(&self, before: u32, after: u32, toward: [f64; 2]) -> bool {
        let (before, after) = (&self.edges[before as usize], &self.edges[after as usize]);
        let trig = Trig::at(LonLat { lon: 0.0, lat: after.from.lat });
        let out = travel_at(trig, after);
        let back = travel_at(trig, before).map(|part| -part);
        let turn = cross(out, back);
        if turn > 0.0 {
            cross(out, toward) > 0.0 && cross(toward, back) > 0.0
        } else if turn < 0.0 {
            !(cross(back, toward) >= 0.0 && cross(toward, out) >= 0.0)
        } else {
            // Straight on; a full fold leaves nothing to its left.
            out[0] * back[0] + out[1] * back[1] < 0.0 && cross(out, toward) > 0.0
        }
    }
}

/// Moves the held pieces that still matter to the front; how many those are.
fn keep(held: &mut [(f64, usize)], wanted: impl Fn(f64) -> bool) -> usize {
    let mut kept = 0;
    for index in 0..held.len() {
        if wanted(held[index].0) {
            held.swap(kept, index);
            kept += 1;
        }
    }
    kept
}

/// East-north cross product: positive when `b` is to the left of `a`.
fn cross(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

/// Direction of travel of an edge at one of its ends, metres east and north per edge.
fn travel_at(trig: Trig, edge: &Edge) -> [f64; 2] {
    let (m, n) = trig.radii();
    [n * trig.cos_lat * edge.d_lon.to_radians(), m * (edge.to.lat - edge.from.lat).to_radians()]
}

/// Whether two positions are one: also at the antimeridian written twice, and at a pole.
fn same_place(a: LonLat, b: LonLat) -> bool {
    a.lat == b.lat && (lon_step_deg(a.lon, b.lon) == 0.0 || a.lat.abs() == 90.0)
}

/// The edges of positive length, each with its neighbours.
fn edges(parts: &[Vec<LonLat>]) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut given = 0;
    for part in parts {
        let first = edges.len();
        for pair in part.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            if !same_place(from, to) {
                edges.push(Edge { from, to, d_lon: lon_step_deg(from.lon, to.lon), given, before: NONE, after: NONE });
            }
            given += 1;
        }
        let last = edges.len() - 1;
        if same_place(edges[first].from, edges[last].to) {
            edges[first].before = last as u32;
            edges[last].after = first as u32;
        }
    }
    for next in 1..edges.len() {
        let met = same_place(edges[next - 1].to, edges[next].from);
        if met && edges[next - 1].after == NONE && edges[next].before == NONE {
            edges[next - 1].after = next as u32;
            edges[next].before = next as u32 - 1;
        }
    }
    edges
}

fn rough_length_m(edge: &Edge) -> f64 {
    let d_lat = edge.to.lat - edge.from.lat;
    let middle = Trig::at(LonLat { lon: 0.0, lat: edge.from.lat + d_lat / 2.0 });
    speed(middle, d_lat.to_radians(), edge.d_lon.to_radians())
}

/// Cuts an edge into pieces, equal ones unless it comes near a pole.
fn cut(edge: &Edge, number: u32, base_m: f64, length_m: &mut f64, pieces: &mut Vec<Piece>) {
    let d_lat = edge.to.lat - edge.from.lat;
    let at = |t: f64| LonLat { lon: edge.from.lon + t * edge.d_lon, lat: edge.from.lat + t * d_lat };
    let cos = |t: f64| at(t).lat.to_radians().cos().max(0.0);
    let (whole_lat, whole_lon) = (d_lat.to_radians(), edge.d_lon.to_radians());
    let plain = piece_limit_m(cos(0.0).min(cos(1.0)), base_m) >= base_m;
    let count = (rough_length_m(edge).max(speed(Trig::at(edge.from), whole_lat, whole_lon)) / base_m).ceil().max(1.0);
    let mut t = 0.0;
    let mut done = 0.0;
    while t < 1.0 {
        let trig = Trig::at(at(t));
        done += 1.0;
        let next = if plain {
            if done >= count { 1.0 } else { done / count }
        } else {
            let pace = speed(trig, whole_lat, whole_lon).max(1e-9);
            let mut length = piece_limit_m(cos(t), base_m);
            while length > 1.0 && 2.0 * piece_limit_m(cos((t + length / pace).min(1.0)), base_m) < length {
                length /= 2.0;
            }
            let next = t + length / pace;
            if next >= 1.0 - 1e-12 { 1.0 } else { next.max(t + 1e-12) }
        };
        let dt = next - t;
        let (step_lat, step_lon) = (dt * whole_lat, dt * whole_lon);
        let start = trig.ecef();
        let end = Trig::at(if next >= 1.0 { edge.to } else { at(next) }).ecef();
        let course = course_m(trig, step_lat, step_lon);
        pieces.push(Piece {
            start,
            chord: minus(end, start),
            sag_m: sag_m(course, cos(t).min(cos(next))),
            edge: number,
            order: pieces.len() as u32,
            trig,
            d_lat: step_lat,
            d_lon: step_lon,
            t,
            dt,
            chainage_m: *length_m,
        });
        *length_m += course;
        t = next;
    }
}

fn bounds(piece: &Piece) -> Bounds {
    let end = piece.end();
    (
        [0, 1, 2].map(|axis| piece.start[axis].min(end[axis]) - piece.sag_m),
        [0, 1, 2].map(|axis| piece.start[axis].max(end[axis]) + piece.sag_m),
    )
}
