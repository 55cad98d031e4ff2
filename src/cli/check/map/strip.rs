//! The strip within a distance of a line, as one path.

use std::fmt::Write;

use truceline_core::geometry::Side;

use super::frame::Point;

/// The strip of `distance` pixels along the parts, on one side or both: a rectangle an edge and a fan a vertex,
/// all of one turning sense, so that a nonzero fill shows their union.
pub(super) fn path(parts: &[Vec<Point>], distance: f64, side: Option<Side>) -> String {
    let mut path = String::new();
    for part in parts {
        // On the sheet y grows downward: left of travel is the heading turned by -90 degrees.
        if side != Some(Side::B) {
            one_side(&mut path, part, distance);
        }
        if side != Some(Side::A) {
            let back: Vec<Point> = part.iter().rev().copied().collect();
            one_side(&mut path, &back, distance);
        }
        if side.is_none() {
            for (end, beside) in [(part.first(), part.get(1)), (part.last(), part.iter().rev().nth(1))] {
                if let (Some(end), Some(beside)) = (end, beside) {
                    let heading = (end.1 - beside.1).atan2(end.0 - beside.0);
                    fan(&mut path, *end, distance, heading - std::f64::consts::FRAC_PI_2, std::f64::consts::PI);
                }
            }
        }
    }
    path
}

fn one_side(path: &mut String, part: &[Point], distance: f64) {
    let mut before: Option<f64> = None;
    for pair in part.windows(2) {
        let [from, to] = pair else { continue };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length == 0.0 {
            continue;
        }
        let normal = (dy / length * distance, -dx / length * distance);
        let _ = write!(
            path,
            "M{:.1},{:.1}L{:.1},{:.1}L{:.1},{:.1}L{:.1},{:.1}Z",
            from.0,
            from.1,
            from.0 + normal.0,
            from.1 + normal.1,
            to.0 + normal.0,
            to.1 + normal.1,
            to.0,
            to.1
        );
        let heading = dy.atan2(dx);
        if let Some(before) = before {
            let turn =
                (heading - before + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
            // Turning away from this side opens a gap between two rectangles.
            if turn > 0.0 {
                fan(path, *from, distance, before - std::f64::consts::FRAC_PI_2, turn);
            }
        }
        before = Some(heading);
    }
}

/// A sector of a disc from angle `start` over `sweep` radians, clockwise on the sheet.
fn fan(path: &mut String, (x, y): Point, radius: f64, start: f64, sweep: f64) {
    let steps = (sweep / 0.12).ceil().max(1.0) as usize;
    let _ = write!(path, "M{x:.1},{y:.1}");
    for step in 0..=steps {
        let (sin, cos) = (start + sweep * step as f64 / steps as f64).sin_cos();
        let _ = write!(path, "L{:.1},{:.1}", x + radius * cos, y + radius * sin);
    }
    path.push('Z');
}
