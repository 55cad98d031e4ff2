//! From a 95 % radius to a probability.

use super::{Area, LineIndex, LonLat};

/// P(the true position is on side A of `line`), given the reported one and its 95 % radius.
///
/// `hacc_m` of 0 means exactly known: 1, 0, or 0.5 on the line.
pub fn probability_side_a(line: &LineIndex, position: LonLat, hacc_m: f64) -> f64 {
    let _ = (line, position, hacc_m);
    todo!()
}

/// P(the true position is inside `area`).
pub fn probability_in_area(area: &Area, position: LonLat, hacc_m: f64) -> f64 {
    let _ = (area, position, hacc_m);
    todo!()
}

/// P(the true position is within `distance_m` of `line`).
pub fn probability_within(line: &LineIndex, distance_m: f64, position: LonLat, hacc_m: f64) -> f64 {
    let _ = (line, distance_m, position, hacc_m);
    todo!()
}
