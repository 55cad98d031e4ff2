//! A ring that meets itself is taken apart into simple loops.

use std::collections::BTreeMap;

use super::node::{Crossing, Node, TooEntangled, meet_in_nodes};
use super::outline::Outline;
use super::slip_square_m;

/// Loops of one ring at most.
const LOOP_LIMIT: usize = 1_000;

/// The loops that a ring means.
#[derive(Default)]
pub(super) struct Loops {
    /// Wound like the ring, counter-clockwise here.
    pub kept: Vec<Vec<Node>>,
    /// Wound against it and inside it: holes of an outer ring, islands of a hole.
    pub opposite: Vec<Vec<Node>>,
    /// Vertices and what was done there.
    pub done: Vec<(usize, String)>,
    pub ambiguous: Vec<Crossing>,
}

struct Loop {
    outline: Outline,
    /// Where it was cut off the ring.
    cut: Crossing,
}

/// Takes apart an open ring that goes around no pole.
///
/// The largest loop is the ring. Another one is what its winding says where that fits its place: outside it a
/// part, inside a hole. Where it does not fit, an edge was drawn across another one: a small loop is left out.
pub(super) fn split(nodes: Vec<Node>, base: f64) -> Result<Loops, TooEntangled> {
    let mut noded = [nodes];
    meet_in_nodes(&mut noded)?;
    let [noded] = noded;
    let mut found = Loops::default();
    let mut loops = cut(noded, base, &mut found.done)?;
    loops.sort_by(|a, b| b.outline.square_m.total_cmp(&a.outline.square_m));
    let mut loops = loops.into_iter();
    let Some(main) = loops.next() else { return Ok(found) };
    let (left, slip) = (main.outline.was_left, slip_square_m(main.outline.square_m));
    // With whether it is wound like the ring.
    let mut fit: Vec<(Outline, bool)> = vec![(main.outline, true)];
    for Loop { outline, cut } in loops {
        let like = outline.was_left == left;
        let mut within = None;
        let mut apart = true;
        for (number, (other, _)) in fit.iter().enumerate() {
            let meeting = outline.meeting(other);
            let is_in = meeting.inside.is_some() || meeting.along.is_some();
            if is_in && meeting.outside.is_some() {
                apart = false;
            } else if is_in {
                within = Some(number);
            }
        }
        let around = within.and_then(|number| fit.get(number)).map(|(_, like)| *like);
        if apart && like != around.unwrap_or(false) {
            fit.push((outline, like));
        } else if outline.square_m <= slip {
            let covered = around == Some(true);
            let what = format!(
                "the ring crosses itself at ({:.7}, {:.7}); the loop of {:.1} m2 {}",
                cut.at.lon,
                cut.at.lat,
                outline.square_m,
                if covered && like { "that it goes around twice was counted once" } else { "was left out" }
            );
            found.done.push((cut.vertices[0].min(cut.vertices[1]), what));
        } else {
            found.ambiguous.push(cut);
        }
    }
    for (outline, like) in fit {
        if like { found.kept.push(outline.nodes) } else { found.opposite.push(outline.nodes) }
    }
    Ok(found)
}

/// Cuts a loop off wherever the ring comes back to a vertex.
fn cut(nodes: Vec<Node>, base: f64, done: &mut Vec<(usize, String)>) -> Result<Vec<Loop>, TooEntangled> {
    let mut loops = Vec::new();
    let mut walked: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut places: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    let mut last = nodes.first().map(|first| Crossing { vertices: [first.number; 2], at: first.at });
    let mut add = |nodes: Vec<Node>, cut: Crossing| {
        let without_width = nodes.len() < 3;
        match Outline::new(nodes, base) {
            Some(outline) => loops.push(Loop { outline, cut }),
            None if without_width => {
                let message = "the ring runs back on itself; the stretch without width was left out";
                done.push((cut.vertices[0].min(cut.vertices[1]), message.to_owned()));
            }
            None => {}
        }
        if loops.len() > LOOP_LIMIT { Err(TooEntangled) } else { Ok(()) }
    };
    for node in nodes {
        if let Some(place) = places.get(&node.key()).copied() {
            let cut_off = walked.split_off(place);
            for gone in &cut_off {
                places.remove(&gone.key());
            }
            let start = cut_off.first().map_or(node.number, |start| start.number);
            let cut = Crossing { vertices: [start, node.number], at: node.at };
            last = Some(cut);
            add(cut_off, cut)?;
        }
        places.insert(node.key(), walked.len());
        walked.push(node);
    }
    if let Some(last) = last {
        add(walked, last)?;
    }
    Ok(loops)
}
