//! Probability mass of a normal on one side of a boundary, from the boundary alone.
//!
//! The plane is stretched so that the normal is round. In polar coordinates about the mean the mass within r of it is 1 - exp(-r²/2), so by Green's theorem the mass
//! inside a closed boundary is the integral of that over the angle along it, divided by 2π: the winding number of
//! the mean less the same integral of exp(-r²/2). The latter fades so fast that only the nearest stretch counts,
//! and over a straight piece it is a difference of two values of Owen's T function.

use std::f64::consts::TAU;

use super::geodesy::{Trig, Vector, dot, minus};
use super::piece::Piece;
use super::quadrature::normal_cdf;
use super::{Area, Ellipse, LineIndex};

/// Farther away than this many standard deviations a boundary does not count: exp(-r²/2) is below 7e-5.
const REACH: f64 = 4.4;
/// For greater 95 % ellipses the tangent plane is not plane enough, metres.
const PLANE_LIMIT_M: f64 = 20_000.0;
/// A piece's chord may miss its course by this many standard deviations; else it is divided.
const CHORD_MISS: f64 = 0.002;

/// P(inside `area`), or `None` where this method does not hold.
pub(super) fn in_area(area: &Area, ellipse: &Ellipse) -> Option<f64> {
    let near = Near::of(area.boundary(), ellipse)?;
    Some(near.mass(f64::from(area.windings(ellipse.middle))))
}

/// P(side A of `line`), or `None` where this method does not hold.
///
/// It holds where the line divides the surroundings into A and B without contradiction: no free end in reach, and
/// around the surroundings' rim the line comes in and goes out by turns.
pub(super) fn side_a(line: &LineIndex, ellipse: &Ellipse, is_a: bool) -> Option<f64> {
    let near = Near::of(line, ellipse)?;
    near.divides().then(|| near.mass(f64::from(u8::from(is_a))))
}

/// The boundary within reach, in the tangent plane, in standard deviations.
struct Near {
    /// Integral of exp(-r²/2) over the angle, divided by 2π.
    faded: f64,
    /// Where the boundary crosses the rim: angle, and whether it goes out.
    rim: Vec<(f64, bool)>,
    has_end: bool,
}

impl Near {
    fn of(boundary: &LineIndex, ellipse: &Ellipse) -> Option<Self> {
        if ellipse.semi_major_m > PLANE_LIMIT_M {
            return None;
        }
        let [along_m, across_m] = ellipse.sigmas_m();
        let trig = Trig::at(ellipse.middle);
        let (origin, east, north) = (trig.ecef(), trig.east(), trig.north());
        let (sin, cos) = ellipse.azimuth_deg.to_radians().sin_cos();
        let plane = |place: Vector| {
            let v = minus(place, origin);
            let (x, y) = (dot(v, east), dot(v, north));
            // Along the longer axis and to its left, so that left stays left.
            [(x * sin + y * cos) / along_m, (y * sin - x * cos) / across_m]
        };
        let mut near = Self { faded: 0.0, rim: Vec::new(), has_end: false };
        boundary.pieces_near(origin, REACH * along_m, |piece: &Piece, free_start, free_end| {
            let parts = (piece.sag_m / (CHORD_MISS * across_m)).sqrt().ceil().clamp(1.0, 64.0);
            let mut from = plane(piece.start);
            near.has_end |= free_start && is_within(from);
            for part in 1..=parts as u32 {
                let to =
                    plane(if f64::from(part) < parts { piece.place(f64::from(part) / parts) } else { piece.end() });
                near.add(from, to);
                from = to;
            }
            near.has_end |= free_end && is_within(from);
        });
        Some(near)
    }

    /// Adds a straight stretch.
    fn add(&mut self, from: [f64; 2], to: [f64; 2]) {
        let d = [to[0] - from[0], to[1] - from[1]];
        let length = d[0].hypot(d[1]);
        if length == 0.0 {
            return;
        }
        let apart = (from[0] * to[1] - from[1] * to[0]) / length;
        let (first, last) = ((from[0] * d[0] + from[1] * d[1]) / length, (to[0] * d[0] + to[1] * d[1]) / length);
        if apart.abs() < REACH {
            self.faded += (owen_t(apart.abs(), last) - owen_t(apart.abs(), first)).copysign(apart);
        }
        // Where it crosses the rim: half a chord on either side of its nearest place.
        let (starts_within, ends_within) = (is_within(from), is_within(to));
        let half = (REACH * REACH - apart * apart).max(0.0).sqrt();
        let mut cross = |along: f64, goes_out: bool| {
            let t = (along - first) / length;
            self.rim.push(((from[1] + t * d[1]).atan2(from[0] + t * d[0]), goes_out));
        };
        if starts_within != ends_within {
            cross(if ends_within { -half } else { half }, starts_within);
        } else if !starts_within && half > 0.0 && first < -half && last > half {
            cross(-half, false);
            cross(half, true);
        }
    }

    /// Whether left and right of the boundary fit together all around.
    fn divides(&self) -> bool {
        if self.has_end {
            return false;
        }
        let mut rim = self.rim.clone();
        rim.sort_by(|a, b| a.0.total_cmp(&b.0));
        let closes = rim.first().zip(rim.last()).is_none_or(|(first, last)| first.1 != last.1);
        closes && rim.windows(2).all(|pair| pair[0].1 != pair[1].1)
    }

    /// The mass, with the winding number of the mean.
    fn mass(&self, winding: f64) -> f64 {
        let mass = winding - self.faded;
        // On the boundary itself rounding decides both parts, each by itself: whole numbers then differ.
        let mass = if mass < -0.25 {
            mass + 1.0
        } else if mass > 1.25 && winding <= 1.0 {
            mass - 1.0
        } else {
            mass
        };
        mass.clamp(0.0, 1.0)
    }
}

fn is_within(place: [f64; 2]) -> bool {
    place[0] * place[0] + place[1] * place[1] < REACH * REACH
}

/// Owen's T(h, along / h) for h >= 0: the integral of exp(-h² / 2cos²) over the angle from the perpendicular to the
/// place `along`, divided by 2π. Within 1e-6.
///
/// Owen, Tables for computing bivariate normal probabilities (1956): beyond 45 degrees by its complement.
fn owen_t(h: f64, along: f64) -> f64 {
    let reach = along.abs();
    let value = if reach <= h {
        if h == 0.0 { 0.0 } else { direct(h, reach / h) }
    } else {
        let (p, q) = (normal_cdf(h), normal_cdf(reach));
        0.5 * (p + q) - p * q - direct(reach, h / reach)
    };
    value.copysign(along)
}

/// T(h, a) for a in [0, 1], by Gauss and Legendre.
fn direct(h: f64, a: f64) -> f64 {
    const NODES: [(f64, f64); 4] = [
        (0.183_434_642_495_649_8, 0.362_683_783_378_362),
        (0.525_532_409_916_329, 0.313_706_645_877_887_27),
        (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
        (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
    ];
    if h > 6.0 {
        return 0.0;
    }
    let half = a / 2.0;
    let at = |x: f64| {
        let y = 1.0 + x * x;
        (-0.5 * h * h * y).exp() / y
    };
    let sum: f64 =
        NODES.iter().map(|(node, weight)| weight * (at(half * (1.0 + node)) + at(half * (1.0 - node)))).sum();
    half * sum / TAU
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owens_function_has_its_known_values() {
        // T(h, 1) = Φ(h) (1 - Φ(h)) / 2; T(0, a) = atan(a) / 2π; the rest from Owen's definition by fine summation.
        for h in [0.0, 0.3, 1.0, 2.5, 4.0] {
            let p = normal_cdf(h);
            assert!((owen_t(h, h.max(1e-300)) - p * (1.0 - p) / 2.0).abs() < 1e-6 || h == 0.0, "{h}");
            for a in [0.1, 0.9, 1.1, 3.0, 40.0] {
                let steps = 400_000;
                let sum: f64 = (0..steps)
                    .map(|i| {
                        let x = a * (f64::from(i) + 0.5) / f64::from(steps);
                        (-0.5 * h * h * (1.0 + x * x)).exp() / (1.0 + x * x)
                    })
                    .sum();
                let wanted = sum * a / f64::from(steps) / TAU;
                // At h = 0 a place along the line has no angle but a right one.
                if h > 0.0 {
                    assert!(
                        (owen_t(h, a * h) - wanted).abs() < 2e-6,
                        "T({h}, {a}) = {} not {wanted}",
                        owen_t(h, a * h)
                    );
                    assert!((owen_t(h, -a * h) + wanted).abs() < 2e-6);
                }
            }
        }
    }
}
