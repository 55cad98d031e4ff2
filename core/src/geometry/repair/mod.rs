//! Invalid rings: repaired where only one meaning is possible, reported where not.
//!
//! Ring by ring, what has no width goes ([`clean`]); a ring that meets itself is taken apart into simple loops
//! ([`split`]); then all rings are held against one another ([`overlap`]). All of it goes by the edges' nodes
//! ([`node`]): once edges meet in common vertices only, exact predicates decide everything else.
//!
//! Rings that go around a pole are closed and cleaned, and may not cross themselves, but are not held against others.

mod clean;
mod node;
mod outline;
mod overlap;
mod split;

use super::LonLat;
use clean::{Cleaned, clean};
use node::{Node, TooEntangled};
use overlap::{Piece, settle};
use split::{Loops, split};

/// A loop or an overlap up to this size is a slip of the pen, square metres, if it is also at most
/// [`SLIP_SHARE`] of its ring.
pub const SLIP_SQUARE_M: f64 = 10_000.0;
/// See [`SLIP_SQUARE_M`].
pub const SLIP_SHARE: f64 = 1.0 / 1_000.0;
/// Faults that are reported at most.
const FAULT_LIMIT: usize = 1_000;

/// Something wrong with a ring: what was done about it, or why nothing was.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// Number of the polygon, from 0, as given.
    pub polygon: usize,
    /// Number of the ring in it, from 0: its outer ring.
    pub ring: usize,
    /// Number of the vertex in the ring, from 0.
    pub vertex: usize,
    /// Where that vertex is; `None` only of a ring without vertices.
    pub position: Option<LonLat>,
    /// What was wrong and what was done, or what to do.
    pub what: String,
}

/// Polygons whose rings can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Repaired {
    /// Each polygon is its outer ring, counter-clockwise, and then its holes, clockwise. Rings are closed and simple;
    /// a ring that touched itself has become several.
    pub polygons: Vec<Vec<Vec<LonLat>>>,
    /// What was done, by polygon, ring and vertex.
    pub repairs: Vec<Repair>,
}

/// The size up to which a defect of a ring of this size may be repaired, square metres.
pub(super) fn slip_square_m(ring_square_m: f64) -> f64 {
    SLIP_SQUARE_M.min(ring_square_m * SLIP_SHARE)
}

/// Repairs the rings of polygons; each polygon is its outer ring and then its holes.
///
/// Touching is no defect: a ring may touch itself or another one, and polygons may share edges. An overlap or a hole that
/// crosses its outer ring by no more than [`SLIP_SQUARE_M`] and [`SLIP_SHARE`] is reported and left as it is.
///
/// # Errors
/// All that is wrong and has more than one possible meaning.
pub fn repair(polygons: &[Vec<Vec<LonLat>>]) -> Result<Repaired, Vec<Repair>> {
    let mut work = Work { given: polygons, repairs: Vec::new(), faults: Vec::new() };
    let reference = polygons.iter().flatten().flatten().next().copied().unwrap_or(LonLat { lon: 0.0, lat: 0.0 });
    let mut pieces = Vec::new();
    let mut collapsed = Vec::new();
    for (number, rings) in polygons.iter().enumerate() {
        if rings.is_empty() {
            collapsed.push(work.about([number, 0, 0], "has no ring; give it an outer ring".to_owned()));
        }
        for (ring, positions) in rings.iter().enumerate() {
            let encloses = match clean(positions, reference.lon) {
                Cleaned::Ring { nodes, turn, done } => {
                    for (vertex, what) in done {
                        work.repaired([number, ring, vertex], what);
                    }
                    work.take_apart(&mut pieces, [number, ring], nodes, turn, reference.lat)
                }
                Cleaned::Collapsed => false,
            };
            if !encloses && ring == 0 {
                let message = "encloses nothing; give the ring at least three positions not on one line, or remove it";
                collapsed.push(work.about([number, ring, 0], message.to_owned()));
                break;
            }
            if !encloses {
                work.repaired([number, ring, 0], "the hole encloses nothing; it was left out".to_owned());
            }
        }
    }
    if pieces.is_empty() && work.faults.is_empty() {
        work.faults.append(&mut collapsed);
    }
    for defect in collapsed {
        work.repairs.push(Repair { what: "encloses nothing; the polygon was left out".to_owned(), ..defect });
    }
    let polygons = if work.faults.is_empty() { settle(&mut work, &pieces, reference.lat) } else { Vec::new() };
    if !work.faults.is_empty() {
        work.faults.sort_by_key(|fault| (fault.polygon, fault.ring, fault.vertex));
        return Err(work.faults);
    }
    work.repairs.sort_by_key(|repair| (repair.polygon, repair.ring, repair.vertex));
    Ok(Repaired { polygons, repairs: work.repairs })
}

/// What is found on the way.
struct Work<'g> {
    given: &'g [Vec<Vec<LonLat>>],
    repairs: Vec<Repair>,
    faults: Vec<Repair>,
}

impl Work<'_> {
    fn position(&self, [polygon, ring, vertex]: [usize; 3]) -> Option<LonLat> {
        self.given.get(polygon)?.get(ring)?.get(vertex).copied()
    }

    fn about(&self, place: [usize; 3], what: String) -> Repair {
        let [polygon, ring, vertex] = place;
        Repair { polygon, ring, vertex, position: self.position(place), what }
    }

    fn repaired(&mut self, place: [usize; 3], what: String) {
        let repair = self.about(place, what);
        self.repairs.push(repair);
    }

    fn fault(&mut self, place: [usize; 3], what: String) {
        if self.faults.len() < FAULT_LIMIT {
            let fault = self.about(place, what);
            self.faults.push(fault);
        }
    }

    /// `vertex 3 (37.5, 48)`.
    fn named(&self, place: [usize; 3]) -> String {
        self.position(place)
            .map_or_else(String::new, |at| format!("ring {}, vertex {} ({}, {})", place[1], place[2], at.lon, at.lat))
    }

    /// Whether the ring encloses anything, as far as it can be known.
    fn take_apart(
        &mut self,
        pieces: &mut Vec<Piece>,
        [polygon, ring]: [usize; 2],
        nodes: Vec<Node>,
        turn: f64,
        base: f64,
    ) -> bool {
        if turn != 0.0 {
            match node::crosses_itself(&nodes, turn) {
                Ok(None) => {
                    pieces.push(Piece { polygon, ring, shell: ring == 0, nodes, around: true });
                }
                Ok(Some(crossing)) => self.crosses_itself([polygon, ring], crossing.vertices, crossing.at),
                Err(TooEntangled) => self.entangled([polygon, ring]),
            }
            return true;
        }
        let Ok(Loops { kept, opposite, done, ambiguous }) = split(nodes, base) else {
            self.entangled([polygon, ring]);
            return true;
        };
        for (vertex, what) in done {
            self.repaired([polygon, ring, vertex], what);
        }
        let encloses = !kept.is_empty() || !ambiguous.is_empty();
        for crossing in ambiguous {
            self.crosses_itself([polygon, ring], crossing.vertices, crossing.at);
        }
        let shell = ring == 0;
        let piece = |shell| move |nodes| Piece { polygon, ring, shell, nodes, around: false };
        pieces.extend(kept.into_iter().map(piece(shell)));
        pieces.extend(opposite.into_iter().map(piece(!shell)));
        encloses
    }

    fn crosses_itself(&mut self, [polygon, ring]: [usize; 2], vertices: [usize; 2], at: LonLat) {
        let first = vertices[0].min(vertices[1]);
        let other = self.named([polygon, ring, vertices[0].max(vertices[1])]);
        let what = format!(
            "the ring crosses itself on the edge from here, at ({:.7}, {:.7}), with the edge from {other}; correct one \
             of the two edges",
            at.lon, at.lat
        );
        self.fault([polygon, ring, first], what);
    }

    fn entangled(&mut self, [polygon, ring]: [usize; 2]) {
        self.fault([polygon, ring, 0], "the ring is too entangled to be taken apart; simplify it".to_owned());
    }
}
