//! Probability mass of a normal on one side of a boundary, from the boundary alone.
//!
//! The plane is stretched so that the normal is round. In polar coordinates about the mean the mass within r of it is 1 - exp(-r²/2), so by Green's theorem the mass
//! inside a closed boundary is the integral of that over the angle along it, divided by 2π: the winding number of
//! the mean less the same integral of exp(-r²/2). The latter fades so fast that only the nearest stretch counts,
//! and over a straight piece it is a difference of two values of Owen's T function.

use std::f64::consts::TAU;

use super::ellipse::Axes;
use super::line_index::Found;
use super::plane::{Plane, Stretch, divides, hypot};
use super::quadrature::normal_cdf;
use super::{Area, Ellipse, LineIndex};

/// Farther away than this many standard deviations a boundary does not count: exp(-r²/2) is below 7e-5.
pub(super) const REACH: f64 = 4.4;
/// A stretch may miss its course by this many standard deviations.
pub(super) const BEND: f64 = 0.002;

/// P(inside `area`), or `None` where this method does not hold.
pub(super) fn in_area(area: &Area, ellipse: &Ellipse) -> Option<f64> {
    let [along_m, across_m] = ellipse.sigmas_m();
    let plane = Plane::at(ellipse.middle);
    let near = plane.stretches(area.boundary(), REACH * along_m, BEND * across_m)?;
    Some(mass(&near.list, &ellipse.axes(), f64::from(area.windings(ellipse.middle))))
}

/// P(side A of `line`), or `None` where this method does not hold.
///
/// It holds where the line, its free ends continued, divides the surroundings into A and B without contradiction:
/// around the surroundings' rim it comes in and goes out by turns.
pub(super) fn side_a(line: &LineIndex, ellipse: &Ellipse, found: &Found) -> Option<f64> {
    let [along_m, across_m] = ellipse.sigmas_m();
    let stretches = sides(line, ellipse.middle, found, REACH * along_m, BEND * across_m)?;
    let axes = ellipse.axes();
    let simple = stretches.len() == 1;
    if !simple && !divides(stretches.iter().map(|stretch| stretched(&axes, *stretch)), REACH) {
        return None;
    }
    Some(mass(&stretches, &axes, f64::from(u8::from(found.fix.signed_m > 0.0))))
}

/// What divides the sides around a position, free ends continued; `None` where they are not told by what is left and
/// right.
pub(super) fn sides(
    line: &LineIndex,
    position: super::LonLat,
    found: &Found,
    reach_m: f64,
    bend_m: f64,
) -> Option<Vec<Stretch>> {
    let plane = Plane::at(position);
    let mut near = plane.stretches(line, reach_m, bend_m)?;
    if near.entangled() {
        return None;
    }
    if found.fix.beyond_end != 0 && found.fix.distance_m >= reach_m {
        near.list.push(plane.ray_past(&found.fix, found.margin_m, reach_m));
    }
    Some(near.list)
}

fn stretched(axes: &Axes, stretch: Stretch) -> Stretch {
    Stretch { from: axes.to_sigmas(stretch.from), to: axes.to_sigmas(stretch.to) }
}

/// The mass left of the stretches, with the winding number of the mean.
fn mass(stretches: &[Stretch], axes: &Axes, winding: f64) -> f64 {
    let faded: f64 = stretches.iter().map(|stretch| faded(stretched(axes, *stretch))).sum();
    let mass = winding - faded;
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

/// Integral of exp(-r²/2) over the angle along a stretch, divided by 2π.
fn faded(Stretch { from, to }: Stretch) -> f64 {
    let d = [to[0] - from[0], to[1] - from[1]];
    let length = hypot(d);
    if length == 0.0 {
        return 0.0;
    }
    let apart = (from[0] * to[1] - from[1] * to[0]) / length;
    let (first, last) = ((from[0] * d[0] + from[1] * d[1]) / length, (to[0] * d[0] + to[1] * d[1]) / length);
    if apart.abs() >= REACH || first >= REACH || last <= -REACH {
        return 0.0;
    }
    (owen_t(apart.abs(), last) - owen_t(apart.abs(), first)).copysign(apart)
}

/// Owen's T(h, along / h) for h >= 0: the integral of exp(-h² / 2cos²) over the angle from the perpendicular to the
/// place `along`, divided by 2π. Within 1e-6.
///
/// Owen, Tables for computing bivariate normal probabilities (1956): beyond 45 degrees by its complement.
fn owen_t(h: f64, along: f64) -> f64 {
    let reach = along.abs();
    let value = if reach > REACH {
        // As good as infinitely far along.
        0.5 * (1.0 - normal_cdf(h))
    } else if reach <= h {
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
