//! Where the sides that a line tells may contradict one another, away from the line.
//!
//! A position has the side that the line's nearest place tells. Past a free end the end's continuation divides the
//! sides, as far as the end is the nearest place there. From where it is not, its *leave*, the continuation divides
//! nothing: the side changes where two stretches that tell different ones are equally near.
//!
//! Of a line that is one course and does not cross itself, two stretches that tell a position different sides enclose
//! one of its ends together with the shortest ways to them. The end's continuation, which does not meet the line, gets
//! out only across one of these ways, and past its leave. So where no shortest way crosses a continuation past its
//! leave, nothing contradicts.

use std::f64::consts::{FRAC_PI_2, PI};

use super::crossing::crosses_itself;
use super::geodesy::{A, Trig, Vector, destination, dot, minus};
use super::line_index::Found;
use super::{LineIndex, LonLat};

/// A continuation is followed for twice the line's length and so much more, metres.
const FOLLOWED_M: f64 = 1e6;
/// And no farther than this.
const FARTHEST_M: f64 = 8e6;
/// In no more steps than this.
const STEPS: usize = 2_000;
/// A continuation that comes as near to the line as this, metres, is taken to meet it.
const MEETS_M: f64 = 1.0;
/// A great circle misses the continuation by no more than this part of the way from the end.
const ASTRAY: f64 = 0.005;
/// What distances on the sphere are short of those on the ellipsoid at most.
const SPHERE: f64 = 0.99;

/// What is known of a line's free ends: something only of a line that is one course and crosses neither itself nor its
/// continuations.
#[derive(Clone, Debug)]
pub(super) struct Ends(Option<Box<Rays>>);

/// The continuations, two at most.
#[derive(Clone, Debug)]
struct Rays(Vec<Ray>);

/// An end's continuation as part of a great circle.
#[derive(Clone, Debug)]
struct Ray {
    /// Unit vectors: the end, along, and to the side.
    end: Vector,
    along: Vector,
    normal: Vector,
    leave: Vector,
    leave_sin: f64,
    leave_cos: f64,
    /// The line is no nearer than this to the continuation past the leave, metres.
    apart_m: f64,
}

/// How far a position is from what contradicts, and from the continuations, metres; both no more than they are.
pub(super) struct Clear {
    contest_m: f64,
    rays: [Option<(f64, f64)>; 2],
}

impl Ends {
    /// Nothing is known.
    pub(super) const fn unknown() -> Self {
        Self(None)
    }

    pub(super) fn of(line: &LineIndex) -> Self {
        let ends = line.free_ends();
        if line.courses() != 1 || crosses_itself(line.parts()) != Some(false) {
            return Self::unknown();
        }
        let mut rays = Vec::with_capacity(2);
        for (end, bearing_deg) in ends {
            let Some(ray) = follow(line, end, bearing_deg) else { return Self::unknown() };
            rays.push(ray);
        }
        Self(Some(Box::new(Rays(rays))))
    }

    /// Bytes that it holds on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |rays| size_of::<Rays>() + rays.0.capacity() * size_of::<Ray>())
    }

    pub(super) fn is_plain(&self) -> bool {
        self.0.is_some()
    }

    /// `None` of a line that is not plain. Every judgement asks this: without an angle, in bounds of the lengths.
    pub(super) fn clear(&self, found: &Found) -> Option<Clear> {
        let Rays(rays) = self.0.as_deref()?;
        let mut clear = Clear { contest_m: f64::INFINITY, rays: [None, None] };
        let place = unit(found.query);
        for (ray, told) in rays.iter().zip(&mut clear.rays) {
            let (ahead, along) = (dot(place, ray.end), dot(place, ray.along));
            let off_m = A * dot(place, ray.normal).abs();
            let (to_end, to_leave) = (chord_m(place, ray.end), chord_m(place, ray.leave));
            let is_past = along * ray.leave_cos >= ahead * ray.leave_sin;
            let past_m = if is_past { off_m } else { to_leave };
            let on_m = if along <= 0.0 {
                to_end
            } else if is_past {
                to_leave
            } else {
                off_m
            };
            // An angle is at most so many times its sine, or half a turn.
            let astray_m = ASTRAY * A * if ahead > 0.0 { FRAC_PI_2 * along.max(0.0) } else { PI };
            clear.contest_m =
                clear.contest_m.min(0.5 * (SPHERE * past_m - astray_m - found.fix.distance_m + ray.apart_m));
            *told = Some((SPHERE * to_end, SPHERE * on_m - astray_m));
        }
        Some(clear)
    }
}

impl Clear {
    /// Nothing contradicts nearer than this, and no continuation is.
    fn margin_m(&self) -> f64 {
        self.rays.iter().flatten().fold(self.contest_m, |least, (_, ray_m)| least.min(*ray_m)).max(0.0)
    }

    /// Whether within a reach nothing contradicts, and nothing divides but the line and the continuations of ends within
    /// reach and of that past which the position lies.
    pub(super) fn holds(&self, found: &Found, reach_m: f64) -> bool {
        let past = |end_m: f64| found.fix.beyond_end != 0 && end_m <= found.fix.distance_m;
        self.contest_m >= reach_m
            && self
                .rays
                .iter()
                .flatten()
                .all(|(end_m, ray_m)| *ray_m > reach_m || 1.03 * end_m < reach_m || past(*end_m))
    }
}

/// The side does not change nearer than this to a position, metres; not more than is needed to know of `wanted_m`.
pub(super) fn sure_m(line: &LineIndex, found: &Found, wanted_m: f64) -> f64 {
    let told = found.margin_m;
    let clear_m = line.ends().clear(found).map_or(0.0, |clear| clear.margin_m());
    if clear_m < wanted_m && told >= wanted_m && line.is_told_alike(found, wanted_m) {
        wanted_m
    } else {
        clear_m.min(told)
    }
}

/// A continuation as far as it matters; `None` if it meets the line.
fn follow(line: &LineIndex, end: LonLat, bearing_deg: f64) -> Option<Ray> {
    let at = |t_m: f64| destination(end, bearing_deg, t_m);
    let distance_m = |t_m: f64| line.locate(at(t_m)).distance_m;
    let most_m = (2.0 * line.length_m() + FOLLOWED_M).min(FARTHEST_M);
    let is_own = |t_m: f64| distance_m(t_m) >= t_m * (1.0 - 1e-9) - 0.002;
    let (mut own_m, mut other_m) = (0.01, most_m);
    let mut leave_m = most_m;
    if !is_own(most_m) {
        while other_m > own_m * 1.001 {
            let middle = (own_m * other_m).sqrt();
            if is_own(middle) {
                own_m = middle;
            } else {
                other_m = middle;
            }
        }
        leave_m = own_m;
    }
    let mut apart_m = f64::INFINITY;
    let mut t_m = leave_m;
    for step in 0.. {
        let apart = distance_m(t_m);
        if apart < MEETS_M.min(leave_m / 2.0) || step > STEPS {
            return None;
        }
        apart_m = apart_m.min(0.8 * apart);
        if t_m >= most_m {
            break;
        }
        t_m += 0.2 * apart;
    }
    let vector = |t_m: f64| unit(Trig::at(at(t_m)).ecef());
    let from = vector(0.0);
    let toward = vector(500_000.0);
    let normal = unit(cross(from, toward));
    let along = cross(normal, from);
    let (leave_sin, leave_cos) = (leave_m / A).sin_cos();
    Some(Ray { end: from, along, normal, leave: vector(leave_m), leave_sin, leave_cos, apart_m })
}

/// The chord between two unit vectors on a sphere like the Earth: no longer than the way.
fn chord_m(one: Vector, other: Vector) -> f64 {
    let chord = minus(one, other);
    A * dot(chord, chord).sqrt()
}

fn unit(v: Vector) -> Vector {
    let length = dot(v, v).sqrt();
    let per_length = 1.0 / length;
    v.map(|part| part * per_length)
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
