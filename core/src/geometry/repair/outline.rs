//! A simple ring whose edges meet others in vertices only, and how two of them lie.

use std::collections::BTreeMap;

use robust::orient2d;

use super::node::Node;
use crate::geometry::LonLat;
use crate::geometry::rings::{Rings, swept_square_m};

/// Counter-clockwise.
pub(super) struct Outline {
    pub nodes: Vec<Node>,
    /// Whether it was counter-clockwise when given.
    pub was_left: bool,
    pub square_m: f64,
    places: BTreeMap<(u64, u64), usize>,
    rings: Rings,
    /// Area between each edge and a parallel, square metres.
    swept: Vec<f64>,
    low: [f64; 2],
    high: [f64; 2],
}

/// What the edges of one ring are to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Meeting {
    /// Of what both enclose, square metres.
    pub square_m: f64,
    /// Where an edge of the first starts that is inside the second.
    pub inside: Option<Node>,
    /// Where an edge of the first starts that is outside the second.
    pub outside: Option<Node>,
    /// Where an edge starts that both have, with both insides on one side of it.
    pub along: Option<Node>,
    /// Whether the second has an edge inside the first.
    pub holds: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Lies {
    Inside,
    Outside,
    Along,
    Against,
}

impl Outline {
    /// `None` if the ring encloses nothing; areas are measured from the parallel `base`.
    pub(super) fn new(mut nodes: Vec<Node>, base: f64) -> Option<Self> {
        if nodes.len() < 3 {
            return None;
        }
        let was_left = is_left(&nodes)?;
        if !was_left {
            nodes.reverse();
            // The first one stays first.
            nodes.rotate_right(1);
        }
        let unwrapped: Vec<LonLat> =
            nodes.iter().chain(nodes.first()).map(|node| LonLat { lon: node.x, lat: node.y }).collect();
        let swept: Vec<f64> = unwrapped.windows(2).map(|pair| swept_square_m(pair[0], pair[1], base)).collect();
        let square_m: f64 = swept.iter().sum();
        if !(square_m > 0.0 && square_m.is_finite()) {
            return None;
        }
        let least = |of: fn(&Node) -> f64| nodes.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = |of: fn(&Node) -> f64| nodes.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        Some(Self {
            low: [least(|node| node.x), least(|node| node.y)],
            high: [most(|node| node.x), most(|node| node.y)],
            places: nodes.iter().enumerate().map(|(place, node)| (node.key(), place)).collect(),
            rings: Rings::new(&[unwrapped]),
            nodes,
            was_left,
            square_m,
            swept,
        })
    }

    pub(super) fn west(&self) -> f64 {
        self.low[0]
    }

    pub(super) fn east(&self) -> f64 {
        self.high[0]
    }

    /// Whether the boxes of the two meet.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.low[axis] <= other.high[axis] && self.high[axis] >= other.low[axis])
    }

    fn next(&self, place: usize) -> Option<Node> {
        self.nodes.get(place + 1).or_else(|| self.nodes.first()).copied()
    }

    fn before(&self, place: usize) -> Option<Node> {
        place.checked_sub(1).map_or_else(|| self.nodes.last(), |place| self.nodes.get(place)).copied()
    }

    /// Where an edge from vertex `place` to `to` goes, `to` being no neighbour.
    fn wedge(&self, place: usize, to: Node) -> Lies {
        let (Some(before), Some(at), Some(next)) = (self.before(place), self.nodes.get(place), self.next(place)) else {
            return Lies::Outside;
        };
        let turn = |a: Node, b: Node, c: Node| orient2d(a.coord(), b.coord(), c.coord());
        let inside = if turn(before, *at, next) > 0.0 {
            turn(*at, next, to) > 0.0 && turn(*at, to, before) > 0.0
        } else {
            !(turn(*at, before, to) >= 0.0 && turn(*at, to, next) >= 0.0)
        };
        if inside { Lies::Inside } else { Lies::Outside }
    }

    /// What an edge of another ring is to this one; `before` is what the edge before it is, unless it ended at a vertex of this.
    fn lies(&self, from: Node, to: Node, before: Option<Lies>) -> Lies {
        if let Some(place) = self.places.get(&from.key()) {
            if self.next(*place).is_some_and(|next| next.meets(to)) {
                return Lies::Along;
            }
            if self.before(*place).is_some_and(|before| before.meets(to)) {
                return Lies::Against;
            }
            return self.wedge(*place, to);
        }
        if let Some(before) = before {
            return before;
        }
        if let Some(place) = self.places.get(&to.key()) {
            return self.wedge(*place, from);
        }
        if self.rings.contains(LonLat { lon: from.x, lat: from.y }) { Lies::Inside } else { Lies::Outside }
    }

    fn is_far(&self, from: Node, to: Node) -> bool {
        (from.x < self.low[0] && to.x < self.low[0])
            || (from.x > self.high[0] && to.x > self.high[0])
            || (from.y < self.low[1] && to.y < self.low[1])
            || (from.y > self.high[1] && to.y > self.high[1])
    }

    fn edges_against<'o>(&'o self, other: &'o Self) -> impl Iterator<Item = (Node, f64, Lies)> + 'o {
        let mut known = None;
        self.nodes.iter().enumerate().map(move |(place, from)| {
            let to = self.next(place).unwrap_or(*from);
            if other.is_far(*from, to) {
                known = None;
                return (*from, 0.0, Lies::Outside);
            }
            let lies = other.lies(*from, to, known);
            known = (!other.places.contains_key(&to.key())).then_some(lies);
            (*from, self.swept.get(place).copied().unwrap_or(0.0), lies)
        })
    }

    /// How this ring lies to another. What both enclose is bounded by the edges of each inside the other, and by
    /// those that both have.
    pub(super) fn meeting(&self, other: &Self) -> Meeting {
        let mut meeting = Meeting::default();
        if !self.is_near(other) {
            meeting.outside = self.nodes.first().copied();
            return meeting;
        }
        for (from, swept, lies) in self.edges_against(other) {
            let first = match lies {
                Lies::Inside => &mut meeting.inside,
                Lies::Along => &mut meeting.along,
                Lies::Outside => &mut meeting.outside,
                Lies::Against => continue,
            };
            *first = first.or(Some(from));
            if lies != Lies::Outside {
                meeting.square_m += swept;
            }
        }
        for (_, swept, lies) in other.edges_against(self) {
            if lies == Lies::Inside {
                meeting.holds = true;
                meeting.square_m += swept;
            }
        }
        meeting
    }
}

/// Whether a simple ring is counter-clockwise, by its south-western vertex: exact.
fn is_left(nodes: &[Node]) -> Option<bool> {
    let (place, corner) =
        nodes.iter().enumerate().min_by(|(_, a), (_, b)| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)))?;
    let before = place.checked_sub(1).map_or_else(|| nodes.last(), |place| nodes.get(place))?;
    let next = nodes.get(place + 1).or_else(|| nodes.first())?;
    let turn = orient2d(before.coord(), corner.coord(), next.coord());
    (turn != 0.0).then_some(turn > 0.0)
}
