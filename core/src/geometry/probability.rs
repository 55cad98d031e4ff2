//! From a 95 % radius to a probability.

use super::boundary_integral::{in_area, side_a};
use super::quadrature::{Normal, probability};
use super::{Area, LineIndex, LonLat};

/// Farther from a boundary than this many 95 % radii the answer is certain: 0.05 % of the positions are beyond.
const CERTAIN: f64 = 1.6;
/// Greater radii are taken as this one, metres.
const HACC_LIMIT_M: f64 = 2_000_000.0;

/// P(the true position is on side A of `line`), given the reported one and its 95 % radius.
///
/// The true position is taken as round bivariate normal about the reported one. `hacc_m` of 0 means exactly
/// known: 1, 0, or 0.5 on the line. Within 0.01.
pub fn probability_side_a(line: &LineIndex, position: LonLat, hacc_m: f64) -> f64 {
    let found = line.find(position);
    let sign = found.fix.signed_m;
    if is_certain(found.margin_m, hacc_m) {
        return certainty(sign);
    }
    side_a(line, position, sign > 0.0, hacc_m).unwrap_or_else(|| {
        probability(&Normal::new(position, hacc_m.min(HACC_LIMIT_M)), |place| side_gap_m(line, place))
    })
}

/// P(the true position is inside `area`). Within 0.01.
///
/// `hacc_m` of 0 means exactly known: 1 inside and on the boundary, else 0.
pub fn probability_in_area(area: &Area, position: LonLat, hacc_m: f64) -> f64 {
    if exactly_known(hacc_m) {
        return f64::from(u8::from(area.contains(position)));
    }
    let gap = area.signed_m(position);
    if is_certain(gap.abs(), hacc_m) {
        return certainty(gap);
    }
    in_area(area, position, hacc_m)
        .unwrap_or_else(|| probability(&Normal::new(position, hacc_m.min(HACC_LIMIT_M)), |place| area.signed_m(place)))
}

/// P(the true position is within `distance_m` of `line`). Within 0.01.
///
/// `hacc_m` of 0 means exactly known: 1 up to that distance, 0 beyond.
pub fn probability_within(line: &LineIndex, distance_m: f64, position: LonLat, hacc_m: f64) -> f64 {
    let gap_m = |place| distance_m - line.locate(place).distance_m;
    let gap = gap_m(position);
    if exactly_known(hacc_m) {
        return f64::from(u8::from(gap >= 0.0));
    }
    if is_certain(gap.abs(), hacc_m) {
        return certainty(gap);
    }
    probability(&Normal::new(position, hacc_m.min(HACC_LIMIT_M)), gap_m)
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

/// 0, or not a radius at all.
fn exactly_known(hacc_m: f64) -> bool {
    hacc_m.is_nan() || hacc_m <= 0.0
}

fn is_certain(gap_m: f64, hacc_m: f64) -> bool {
    exactly_known(hacc_m) || gap_m > CERTAIN * hacc_m.min(HACC_LIMIT_M)
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
