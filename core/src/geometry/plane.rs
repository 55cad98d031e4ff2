//! The surroundings of a position as a plane, and a boundary's stretches in it.

use super::geodesy::{A, Trig, Vector, dot, minus};
use super::piece::Piece;
use super::{LineFix, LineIndex, LonLat};

/// Farther than this the plane is not plane enough, metres.
const LIMIT_M: f64 = 500_000.0;
/// With more pieces within reach it is not worth the while.
const MOST_PIECES: usize = 20_000;
/// How much longer than the reach an end's continuation is drawn.
const BEYOND: f64 = 3.0;

/// A straight part of a boundary: from, to; metres east and north of the position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: [f64; 2],
    pub(super) to: [f64; 2],
}

impl Stretch {
    /// The same, run the other way.
    pub(super) fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    fn crosses(&self, other: &Self) -> bool {
        let side = |of: &Self, place: [f64; 2]| {
            (of.to[0] - of.from[0]) * (place[1] - of.from[1]) - (of.to[1] - of.from[1]) * (place[0] - of.from[0])
        };
        side(self, other.from) * side(self, other.to) < 0.0 && side(other, self.from) * side(other, self.to) < 0.0
    }
}

/// An azimuthal equidistant plane about a position.
pub(super) struct Plane {
    origin: Vector,
    east: Vector,
    north: Vector,
}

impl Plane {
    pub(super) fn at(position: LonLat) -> Self {
        let trig = Trig::at(position);
        Self { origin: trig.ecef(), east: trig.east(), north: trig.north() }
    }

    fn place(&self, place: Vector) -> [f64; 2] {
        let v = minus(place, self.origin);
        let (x, y) = (dot(v, self.east), dot(v, self.north));
        // From the sine of the angle at the Earth's centre to the angle: asin's series.
        let square = (x * x + y * y) / (A * A);
        let longer = 1.0 + square / 6.0 * (1.0 + square * 9.0 / 20.0);
        [x * longer, y * longer]
    }

    pub(super) fn place_of(&self, position: LonLat) -> [f64; 2] {
        self.place(Trig::at(position).ecef())
    }

    /// The stretches within a reach, none farther from its true course than `bend_m`. `None` where the plane does
    /// not hold or they are too many.
    pub(super) fn stretches(&self, boundary: &LineIndex, reach_m: f64, bend_m: f64) -> Option<Stretches> {
        if reach_m.is_nan() || reach_m > LIMIT_M {
            return None;
        }
        let mut near: Vec<(&Piece, bool, bool)> = Vec::with_capacity(8);
        boundary.pieces_near(self.origin, reach_m, |piece, free_start, free_end| {
            near.push((piece, free_start, free_end));
            near.len() <= MOST_PIECES
        });
        if near.len() > MOST_PIECES {
            return None;
        }
        near.sort_unstable_by_key(|(piece, ..)| piece.order);
        let mut all = Stretches { list: Vec::with_capacity(near.len() + 2), rays: 0 };
        let mut rays: Vec<Stretch> = Vec::new();
        let mut next = 0;
        while let Some((first, free_start, mut free_end)) = near.get(next).copied() {
            let start = next;
            next += 1;
            // Pieces of one edge are one stretch while that bends little; its sag grows with its length squared.
            let mut last = first;
            while let Some((piece, _, end)) = near.get(next) {
                let pieces = (next - start + 1) as f64;
                let joins = piece.edge == first.edge && piece.order == last.order + 1;
                if !joins || first.sag_m.max(piece.sag_m) * pieces * pieces > bend_m {
                    break;
                }
                (last, free_end) = (piece, *end);
                next += 1;
            }
            let from = self.place(first.start);
            let mut at = from;
            if next - start == 1 {
                let parts = (first.sag_m / bend_m).sqrt().ceil().clamp(1.0, 64.0);
                for part in 1..parts as u32 {
                    let to = self.place(first.place(f64::from(part) / parts));
                    all.list.push(Stretch { from: at, to });
                    at = to;
                }
            }
            let to = self.place(last.end());
            all.list.push(Stretch { from: at, to });
            if free_start && hypot(from) < reach_m {
                rays.push(continuation(from, [to[0] - from[0], to[1] - from[1]], -BEYOND * reach_m));
            }
            if free_end && hypot(to) < reach_m {
                rays.push(continuation(to, [to[0] - at[0], to[1] - at[1]], BEYOND * reach_m));
            }
        }
        all.rays = rays.len();
        all.list.extend(rays);
        Some(all)
    }

    /// The continuation of the end past which the position lies, from its fix.
    pub(super) fn ray_past(&self, fix: &LineFix, margin_m: f64, reach_m: f64) -> Stretch {
        let end = self.place_of(fix.foot);
        let far = hypot(end).max(1e-9);
        let toward = [-end[0] / far, -end[1] / far];
        let sin = (margin_m.copysign(fix.signed_m) / far).clamp(-1.0, 1.0);
        let cos = (1.0 - sin * sin).max(0.0).sqrt() * f64::from(fix.beyond_end);
        // Travel is turned from the direction towards the position, which lies to its left if `sin` is positive.
        let travel = [toward[0] * cos + toward[1] * sin, toward[1] * cos - toward[0] * sin];
        continuation(end, travel, f64::from(fix.beyond_end) * (far + BEYOND * reach_m))
    }
}

/// A boundary's stretches; the last `rays` of them continue its free ends.
pub(super) struct Stretches {
    pub(super) list: Vec<Stretch>,
    pub(super) rays: usize,
}

impl Stretches {
    /// Whether an end's continuation meets the line again: sides are then not told by what lies left and right.
    pub(super) fn entangled(&self) -> bool {
        let (own, rays) = self.list.split_at(self.list.len() - self.rays);
        rays.iter().any(|ray| own.iter().any(|stretch| ray.crosses(stretch)))
            || rays.iter().enumerate().any(|(number, ray)| rays[..number].iter().any(|other| ray.crosses(other)))
    }
}

/// From an end along the direction of travel, or against it where the length is negative; run as the line runs.
fn continuation(end: [f64; 2], travel: [f64; 2], length_m: f64) -> Stretch {
    let part = length_m / hypot(travel).max(1e-300);
    let away = [end[0] + travel[0] * part, end[1] + travel[1] * part];
    if length_m < 0.0 { Stretch { from: away, to: end } } else { Stretch { from: end, to: away } }
}

/// Whether left and right of the stretches fit together all around a circle about the origin: in and out by turns.
pub(super) fn divides(stretches: impl Iterator<Item = Stretch>, radius: f64) -> bool {
    // Angle, and whether it goes out.
    let mut rim: Vec<(f64, bool)> = Vec::new();
    let within = |place: [f64; 2]| place[0] * place[0] + place[1] * place[1] < radius * radius;
    for Stretch { from, to } in stretches {
        let d = [to[0] - from[0], to[1] - from[1]];
        let length = hypot(d);
        if length == 0.0 {
            continue;
        }
        let apart = (from[0] * to[1] - from[1] * to[0]) / length;
        let (first, last) = ((from[0] * d[0] + from[1] * d[1]) / length, (to[0] * d[0] + to[1] * d[1]) / length);
        // Half a chord on either side of its nearest place.
        let half = (radius * radius - apart * apart).max(0.0).sqrt();
        let (starts, ends) = (within(from), within(to));
        let mut cross = |along: f64, goes_out: bool| {
            let t = (along - first) / length;
            rim.push(((from[1] + t * d[1]).atan2(from[0] + t * d[0]), goes_out));
        };
        if starts != ends {
            cross(if ends { -half } else { half }, starts);
        } else if !starts && half > 0.0 && first < -half && last > half {
            cross(-half, false);
            cross(half, true);
        }
    }
    rim.sort_by(|a, b| a.0.total_cmp(&b.0));
    let closes = rim.first().zip(rim.last()).is_none_or(|(first, last)| first.1 != last.1);
    closes && rim.windows(2).all(|pair| pair[0].1 != pair[1].1)
}

pub(super) fn hypot(v: [f64; 2]) -> f64 {
    (v[0] * v[0] + v[1] * v[1]).sqrt()
}
