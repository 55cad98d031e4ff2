//! Rings against one another: holes belong into their outer rings, and polygons lie beside one another.

use std::collections::BTreeMap;

use super::node::{Node, PAIRS, TooEntangled, meet_in_nodes};
use super::outline::{Meeting, Outline};
use super::{Work, slip_square_m};
use crate::geometry::LonLat;

/// Edges of rings near one another that are looked at before the search gives up.
const EDGES: usize = 500_000_000;
/// Less than this is rounding, square metres, beside 1 part in 10^12 of a ring.
const NOTHING_SQUARE_M: f64 = 0.01;

/// A simple ring and what it is.
pub(super) struct Piece {
    /// The polygon and ring that it comes from.
    pub polygon: usize,
    pub ring: usize,
    pub shell: bool,
    /// Open, counter-clockwise; as given if it goes around a pole.
    pub nodes: Vec<Node>,
    pub around: bool,
}

/// Meetings of two rings by their places, the lower one first.
type Meetings = BTreeMap<(usize, usize), Meeting>;

/// The polygons that the rings make; what is wrong with how they lie goes to `work`.
pub(super) fn settle(work: &mut Work<'_>, pieces: &[Piece], base: f64) -> Vec<Vec<Vec<LonLat>>> {
    let Ok((outlines, meetings)) = meet(pieces, base) else {
        work.entangled([0, 0]);
        return Vec::new();
    };
    let mut shells: Vec<(usize, Vec<usize>)> =
        (0..pieces.len()).filter(|place| pieces[*place].shell).map(|place| (place, Vec::new())).collect();
    for hole in (0..pieces.len()).filter(|place| !pieces[*place].shell) {
        // A ring that touched itself may have become several outer rings.
        let of_polygon = |shell: &usize| pieces[*shell].polygon == pieces[hole].polygon;
        let shared = |shell: usize| common(&meetings, hole, shell);
        let mut best: Option<(usize, f64)> = None;
        for (number, (shell, _)) in shells.iter().enumerate().filter(|(_, (shell, _))| of_polygon(shell)) {
            let square_m = shared(*shell);
            if best.is_none_or(|(_, most)| square_m > most) {
                best = Some((number, square_m));
            }
        }
        if let Some((number, _)) = best {
            let (shell, holes) = &mut shells[number];
            if hole_fits(work, pieces, &outlines, &meetings, hole, *shell) {
                holes.push(hole);
            }
        }
    }
    for (_, holes) in &shells {
        for (number, hole) in holes.iter().enumerate() {
            for other in &holes[number + 1..] {
                let square_m = common(&meetings, *hole, *other);
                told(work, pieces, &outlines, &meetings, [*other, *hole], square_m);
            }
        }
    }
    beside(work, pieces, &outlines, &meetings, &shells);
    shells
        .iter()
        .map(|(shell, holes)| {
            let closed = |place: usize| {
                let piece = &pieces[place];
                let mut ring: Vec<LonLat> = piece.nodes.iter().chain(piece.nodes.first()).map(|node| node.at).collect();
                if !piece.shell && !piece.around {
                    ring.reverse();
                }
                ring
            };
            std::iter::once(*shell).chain(holes.iter().copied()).map(closed).collect()
        })
        .collect()
}

/// All rings with common vertices, and how those lie that are near.
fn meet(pieces: &[Piece], base: f64) -> Result<(Vec<Option<Outline>>, Meetings), TooEntangled> {
    let mut noded: Vec<Vec<Node>> =
        pieces.iter().map(|piece| if piece.around { Vec::new() } else { piece.nodes.clone() }).collect();
    meet_in_nodes(&mut noded)?;
    let outlines: Vec<Option<Outline>> = noded.into_iter().map(|nodes| Outline::new(nodes, base)).collect();
    let mut by_west: Vec<(usize, &Outline)> =
        outlines.iter().enumerate().filter_map(|(place, outline)| Some((place, outline.as_ref()?))).collect();
    by_west.sort_by(|a, b| a.1.west().total_cmp(&b.1.west()));
    let mut meetings = BTreeMap::new();
    let (mut looked, mut edges) = (0, 0);
    for (number, (place, outline)) in by_west.iter().enumerate() {
        for (other_place, other) in by_west[number + 1..].iter().take_while(|(_, other)| other.west() <= outline.east())
        {
            looked += 1;
            if looked > PAIRS || edges > EDGES {
                return Err(TooEntangled);
            }
            if outline.is_near(other) {
                edges += outline.nodes.len() + other.nodes.len();
                let meeting = if place < other_place { outline.meeting(other) } else { other.meeting(outline) };
                meetings.insert((*place.min(other_place), *place.max(other_place)), meeting);
            }
        }
    }
    Ok((outlines, meetings))
}

fn between(meetings: &Meetings, a: usize, b: usize) -> Option<&Meeting> {
    meetings.get(&(a.min(b), a.max(b)))
}

/// Of what both rings enclose, square metres.
fn common(meetings: &Meetings, a: usize, b: usize) -> f64 {
    between(meetings, a, b).map_or(0.0, |meeting| meeting.square_m)
}

fn square_m(outlines: &[Option<Outline>], place: usize) -> f64 {
    outlines.get(place).and_then(Option::as_ref).map_or(0.0, |outline| outline.square_m)
}

fn is_nothing(square_m: f64, of: f64) -> bool {
    square_m <= NOTHING_SQUARE_M + of * 1e-12
}

/// Whether a hole is to be kept.
fn hole_fits(
    work: &mut Work<'_>,
    pieces: &[Piece],
    outlines: &[Option<Outline>],
    meetings: &Meetings,
    hole: usize,
    shell: usize,
) -> bool {
    let (Some(Some(own)), Some(Some(outer))) = (outlines.get(hole), outlines.get(shell)) else { return true };
    let inside = common(meetings, hole, shell);
    let beyond = own.square_m - inside;
    if is_nothing(beyond, own.square_m) {
        return true;
    }
    let start = own.meeting(outer).outside.or_else(|| own.nodes.first().copied());
    let Some(start) = start else { return true };
    let place = [pieces[hole].polygon, pieces[hole].ring, start.number];
    let outer_ring = pieces[shell].ring;
    let slip = beyond <= slip_square_m(outer.square_m);
    if is_nothing(inside, own.square_m) {
        let size = format!("the hole of {beyond:.1} m2 is outside its outer ring {outer_ring}");
        if slip {
            work.repaired(place, format!("{size}; it was left out"));
        } else {
            work.fault(place, format!("{size}; move it, or make it a polygon of its own"));
        }
        return false;
    }
    let from = crossing(work, place, start);
    let size = format!("the hole crosses its outer ring {outer_ring}{from} and is outside it with {beyond:.1} m2");
    if slip {
        work.repaired(place, format!("{size}; that was left as it is"));
    } else {
        work.fault(place, format!("{size}; correct one of the two rings"));
    }
    true
}

/// `, at (37.5, 48)`, where the edge from the vertex meets the other ring, if not in the vertex itself.
fn crossing(work: &Work<'_>, place: [usize; 3], start: Node) -> String {
    if work.position(place) == Some(start.at) {
        return String::new();
    }
    format!(" on the edge from here, at ({:.7}, {:.7}),", start.at.lon, start.at.lat)
}

/// Polygons of which two overlap.
fn beside(
    work: &mut Work<'_>,
    pieces: &[Piece],
    outlines: &[Option<Outline>],
    meetings: &Meetings,
    shells: &[(usize, Vec<usize>)],
) {
    let holes_of: BTreeMap<usize, &Vec<usize>> = shells.iter().map(|(shell, holes)| (*shell, holes)).collect();
    for ((a, b), meeting) in meetings {
        let (Some(a_holes), Some(b_holes)) = (holes_of.get(a), holes_of.get(b)) else { continue };
        let less =
            |shell: usize, holes: &[usize]| -> f64 { holes.iter().map(|hole| common(meetings, shell, *hole)).sum() };
        let back: f64 = a_holes.iter().map(|hole| less(*hole, b_holes)).sum();
        let square_m = meeting.square_m - less(*a, b_holes) - less(*b, a_holes) + back;
        told(work, pieces, outlines, meetings, [*b, *a], square_m);
    }
}

/// Tells that two outer rings, or two holes, overlap.
fn told(
    work: &mut Work<'_>,
    pieces: &[Piece],
    outlines: &[Option<Outline>],
    meetings: &Meetings,
    [own, other]: [usize; 2],
    overlap_m2: f64,
) {
    let sizes = [own, other].map(|place| square_m(outlines, place));
    let least = sizes[0].min(sizes[1]);
    if is_nothing(overlap_m2, sizes[0].max(sizes[1])) || between(meetings, own, other).is_none() {
        return;
    }
    let (Some(Some(ring)), Some(Some(others))) = (outlines.get(own), outlines.get(other)) else { return };
    let meeting = ring.meeting(others);
    // A ring that holds the other one whole is told where that one is.
    let (mut place, mut start, mut against) = (own, meeting.inside.or(meeting.along), other);
    if meeting.inside.is_none() && meeting.holds {
        (place, start, against) = (other, others.meeting(ring).inside, own);
    }
    let Some(start) = start else { return };
    let vertex = [pieces[place].polygon, pieces[place].ring, start.number];
    let what = if pieces[own].shell { "polygon" } else { "hole" };
    let named = format!("polygon {}, ring {}", pieces[against].polygon, pieces[against].ring);
    let at = crossing(work, vertex, start);
    let message = format!("the {what} overlaps {named}{at} by {overlap_m2:.1} m2");
    if overlap_m2 <= slip_square_m(least) {
        work.repaired(vertex, format!("{message}; that was left as it is"));
    } else {
        work.fault(vertex, format!("{message}; correct one of the two rings"));
    }
}
