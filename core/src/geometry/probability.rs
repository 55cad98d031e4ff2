//! From an ellipse, or a 95 % radius, to a probability.

use super::boundary_integral;
use super::spread::straight_band;
use super::{Area, Ellipse, LineIndex, LonLat, Region, Spread, destination};

/// Farther from a boundary than this many 95 % radii the answer is certain: 0.05 % of the positions are beyond.
pub(super) const CERTAIN: f64 = 1.6;

/// P(the true position is on side A of `line`), given the reported one and its 95 % radius.
///
/// The true position is taken as round bivariate normal about the reported one. `hacc_m` of 0 means exactly
/// known: 1, 0, or 0.5 on the line. Within 0.01.
pub fn probability_side_a(line: &LineIndex, position: LonLat, hacc_m: f64) -> f64 {
    side_a(line, &Ellipse::circle(position, hacc_m))
}

/// P(the true position is inside `area`). Within 0.01.
///
/// `hacc_m` of 0 means exactly known: 1 inside and on the boundary, else 0.
pub fn probability_in_area(area: &Area, position: LonLat, hacc_m: f64) -> f64 {
    in_area(area, &Ellipse::circle(position, hacc_m))
}

/// P(the true position is within `distance_m` of `line`). Within 0.01.
///
/// `hacc_m` of 0 means exactly known: 1 up to that distance, 0 beyond.
pub fn probability_within(line: &LineIndex, distance_m: f64, position: LonLat, hacc_m: f64) -> f64 {
    within(line, distance_m, &Ellipse::circle(position, hacc_m))
}

pub(super) fn side_a(line: &LineIndex, ellipse: &Ellipse) -> f64 {
    let mut ellipse = ellipse.ordered();
    let mut found = line.find(ellipse.middle);
    if is_on(found.margin_m, &ellipse) {
        ellipse = moved_off(ellipse);
        found = line.find(ellipse.middle);
    }
    let sign = found.fix.signed_m;
    if is_certain(found.margin_m, &ellipse) {
        return certainty(sign);
    }
    boundary_integral::side_a(line, &ellipse, &found)
        .unwrap_or_else(|| Spread::Normal(ellipse).joint(&Region::SideA(line)))
}

pub(super) fn in_area(area: &Area, ellipse: &Ellipse) -> f64 {
    let ellipse = ellipse.ordered();
    if ellipse.is_exact() {
        return f64::from(u8::from(area.contains(ellipse.middle)));
    }
    let gap = area.signed_m(ellipse.middle);
    if is_certain(gap.abs(), &ellipse) {
        return certainty(gap);
    }
    let ellipse = if is_on(gap.abs(), &ellipse) { moved_off(ellipse) } else { ellipse };
    boundary_integral::in_area(area, &ellipse).unwrap_or_else(|| Spread::Normal(ellipse).joint(&Region::Inside(area)))
}

pub(super) fn within(line: &LineIndex, distance_m: f64, ellipse: &Ellipse) -> f64 {
    let ellipse = ellipse.ordered();
    let apart_m = line.locate(ellipse.middle).distance_m;
    let gap = distance_m - apart_m;
    if ellipse.is_exact() {
        return f64::from(u8::from(gap >= 0.0));
    }
    if is_certain(gap.abs(), &ellipse) {
        return certainty(gap);
    }
    straight_band(line, distance_m, &ellipse, apart_m)
        .unwrap_or_else(|| Spread::Normal(ellipse).joint(&Region::Within(line, distance_m)))
}

/// Metres to where the side changes, positive on side A.
pub(super) fn side_gap_m(line: &LineIndex, position: LonLat) -> f64 {
    let found = line.find(position);
    if found.fix.signed_m > 0.0 {
        found.margin_m
    } else if found.fix.signed_m < 0.0 {
        -found.margin_m
    } else {
        0.0
    }
}

/// Whether the middle is on the boundary. On a vertex the angles to its edges are told by rounding alone.
fn is_on(gap_m: f64, ellipse: &Ellipse) -> bool {
    !ellipse.is_exact() && gap_m <= 1e-7 * ellipse.sigmas_m()[1]
}

/// The same, moved by what changes no probability by more than 0.0001 and leaves a vertex or an edge behind.
fn moved_off(ellipse: Ellipse) -> Ellipse {
    Ellipse { middle: destination(ellipse.middle, 37.0, 1e-4 * ellipse.sigmas_m()[1]), ..ellipse }
}

fn is_certain(gap_m: f64, ellipse: &Ellipse) -> bool {
    ellipse.is_exact() || gap_m > CERTAIN * ellipse.semi_major_m
}

fn certainty(signed: f64) -> f64 {
    if signed > 0.0 {
        1.0
    } else if signed < 0.0 {
        0.0
    } else {
        0.5
    }
}
