//! The strip within a distance of a line, as one path.

use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::fmt::Write;

use truceline_core::geometry::Side;

use super::frame::Point;

/// The strip of `distance` pixels around the parts: a rectangle an edge and side, a fan a vertex, all of one
/// turning sense, so that a nonzero fill shows their union.
pub(super) fn path(part: &[Point], distance: f64) -> String {
    let mut path = String::new();
    one_side(&mut path, part, distance);
    let back: Vec<Point> = part.iter().rev().copied().collect();
    one_side(&mut path, &back, distance);
    for (end, beside) in [(part.first(), part.get(1)), (part.last(), part.iter().rev().nth(1))] {
        if let (Some(end), Some(beside)) = (end, beside) {
            let heading = (end.1 - beside.1).atan2(end.0 - beside.0);
            fan(&mut path, *end, distance, heading - FRAC_PI_2, PI);
        }
    }
    path
}

/// All that lies on one side of a part within `far` pixels of `centre`: the part, its end edges continued to that
/// circle, and the arc between them on that side.
pub(super) fn half(part: &[Point], side: Side, centre: Point, far: f64) -> String {
    let forth: Vec<Point> = if side == Side::B { part.iter().rev().copied().collect() } else { part.to_vec() };
    let (Some(first), Some(second)) = (forth.first(), forth.get(1)) else { return String::new() };
    let (Some(last), Some(before)) = (forth.last(), forth.iter().rev().nth(1)) else { return String::new() };
    let start = onto_circle(*second, *first, centre, far);
    let end = onto_circle(*before, *last, centre, far);
    let angle = |point: Point| (point.1 - centre.1).atan2(point.0 - centre.0);
    // Left of travel is where the sheet's angle decreases on the way from the end round to the start.
    let sweep = (angle(end) - angle(start)).rem_euclid(TAU);
    let mut points = vec![start];
    points.extend(forth);
    for step in 0..=64 {
        let (sin, cos) = (angle(end) - sweep * f64::from(step) / 64.0).sin_cos();
        points.push((centre.0 + far * cos, centre.1 + far * sin));
    }
    let mut path = String::new();
    for (number, (x, y)) in points.into_iter().enumerate() {
        let _ = write!(path, "{}{x:.1},{y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    path.push('Z');
    path
}

/// Where the way from `from` through `through` leaves the circle.
fn onto_circle(from: Point, through: Point, centre: Point, radius: f64) -> Point {
    let (dx, dy) = (through.0 - from.0, through.1 - from.1);
    let length = dx.hypot(dy).max(1e-9);
    let (ux, uy) = (dx / length, dy / length);
    let (px, py) = (through.0 - centre.0, through.1 - centre.1);
    let along = px * ux + py * uy;
    let reach = -along + (along * along - (px * px + py * py) + radius * radius).max(0.0).sqrt();
    (through.0 + ux * reach, through.1 + uy * reach)
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
            let turn = (heading - before + PI).rem_euclid(TAU) - PI;
            // Turning away from this side opens a gap between two rectangles.
            if turn > 0.0 {
                fan(path, *from, distance, before - FRAC_PI_2, turn);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_of_the_sheet_lies_on_its_side_of_the_line() {
        // Eastward on the sheet: side a is above, where y is smaller.
        let part = [(40.0, 50.0), (60.0, 50.0)];
        let ys = |side: Side| -> Vec<f64> {
            let path = half(&part, side, (50.0, 50.0), 1_000.0);
            path.trim_end_matches('Z')
                .split(['M', 'L'])
                .filter_map(|point| point.split_once(',')?.1.parse().ok())
                .collect()
        };
        assert!(ys(Side::A).iter().all(|y| *y < 50.1) && ys(Side::A).iter().any(|y| *y < -900.0));
        assert!(ys(Side::B).iter().all(|y| *y > 49.9) && ys(Side::B).iter().any(|y| *y > 900.0));
    }
}
