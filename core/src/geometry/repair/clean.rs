//! One ring: closed, without repeated vertices and without spikes.

use robust::orient2d;

use super::node::Node;
use crate::geometry::LonLat;
use crate::geometry::geodesy::lon_step_deg;

/// A ring, open: its first vertex is not repeated.
pub(super) enum Cleaned {
    Ring {
        nodes: Vec<Node>,
        /// 360 or -360 if the ring goes around a pole.
        turn: f64,
        /// Vertices and what was done there.
        done: Vec<(usize, String)>,
    },
    /// It encloses nothing.
    Collapsed,
}

/// Longitudes go on from the ring's first vertex, which is within 180 degrees of `reference`.
pub(super) fn clean(positions: &[LonLat], reference: f64) -> Cleaned {
    let mut done = Vec::new();
    let mut nodes: Vec<Node> = Vec::with_capacity(positions.len());
    let mut before: Option<(LonLat, f64)> = None;
    for (number, position) in positions.iter().enumerate() {
        let near = before.map_or_else(
            || reference + lon_step_deg(reference, position.lon),
            |(before, x)| x + lon_step_deg(before.lon, position.lon),
        );
        let x = position.lon + whole_turns(near - position.lon);
        before = Some((*position, x));
        let node = Node { x, y: position.lat, at: *position, number };
        if nodes.last().is_some_and(|last| last.meets(node)) {
            done.push((number, "repeats the vertex before it; it was left out".to_owned()));
            continue;
        }
        nodes.push(node);
    }
    let (Some(first), Some((last, x))) = (nodes.first().copied(), before) else { return Cleaned::Collapsed };
    let turn = whole_turns(x + lon_step_deg(last.lon, first.at.lon) - first.x);
    if last.lat == first.at.lat && lon_step_deg(last.lon, first.at.lon) == 0.0 && positions.len() > 1 {
        if nodes.len() > 1 && turn == 0.0 || turn != 0.0 {
            nodes.pop();
        }
    } else if positions.len() > 2 {
        let what =
            format!("does not close the ring; the first position ({}, {}) was repeated", first.at.lon, first.at.lat);
        done.push((positions.len() - 1, what));
    }
    let nodes = if turn == 0.0 { without_spikes(nodes, &mut done) } else { nodes };
    if nodes.len() < 3 { Cleaned::Collapsed } else { Cleaned::Ring { nodes, turn, done } }
}

fn without_spikes(nodes: Vec<Node>, done: &mut Vec<(usize, String)>) -> Vec<Node> {
    let mut spike = |tip: Node| {
        done.push((tip.number, "is the tip of a spike without width; the spike was left out".to_owned()));
    };
    let mut kept: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        kept.push(node);
        while let [.., from, tip, to] = kept[..] {
            if from.meets(to) {
                kept.truncate(kept.len() - 2);
            } else if turns_back(from, tip, to) {
                kept.truncate(kept.len() - 2);
                kept.push(to);
            } else {
                break;
            }
            spike(tip);
        }
    }
    // Where the ring closes, from both ends.
    let mut start = 0;
    while kept.len() - start >= 3 {
        let end = kept.len() - 1;
        let (first, second, last, before) = (kept[start], kept[start + 1], kept[end], kept[end - 1]);
        if last.meets(first) || before.meets(first) || turns_back(before, last, first) {
            if !last.meets(first) {
                spike(last);
            }
            kept.pop();
        } else if turns_back(last, first, second) {
            spike(first);
            start += 1;
        } else {
            break;
        }
    }
    kept.split_off(start)
}

/// Whether the course goes exactly back at `tip`.
fn turns_back(from: Node, tip: Node, to: Node) -> bool {
    orient2d(from.coord(), tip.coord(), to.coord()) == 0.0
        && (from.x - tip.x) * (to.x - tip.x) + (from.y - tip.y) * (to.y - tip.y) > 0.0
}

fn whole_turns(difference: f64) -> f64 {
    (difference / 360.0).round() * 360.0
}
