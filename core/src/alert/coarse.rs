//! What makes exact values coarse enough to leave: places, times, probabilities, subjects.

use super::{Certainty, CertaintyWord, Place, PlaceExtent, ViewerPlace, ZoneProbability};
use crate::geometry::{LonLat, Side};
use crate::time::{NANOS_PER_SECOND, Time};

/// Step of the grid that positions are put on, degrees of latitude: about 1.1 km.
pub const VIEWER_GRID_DEG: f64 = 0.01;

/// What distances are rounded to, metres.
const COARSE_M: f64 = 1_000.0;
/// What times are rounded down to, nanoseconds.
const COARSE_NANOS: i64 = 60 * NANOS_PER_SECOND;
/// A zone less probable than this is not told.
const TOLD_ZONE: f64 = 0.5;
/// Mean length of a degree of latitude, metres.
const DEGREE_M: f64 = 111_195.0;

/// A position on a fixed grid of cells of at least a kilometre each way, the poles apart.
///
/// The grid is fixed, so that many positions from one cell tell no more than one does.
pub fn coarse_position(position: LonLat) -> LonLat {
    let lat = on_grid(position.lat, VIEWER_GRID_DEG).clamp(-90.0, 90.0);
    // Whole multiples of the step: rows of cells of one latitude band line up.
    let widen = (1.0 / lat.to_radians().cos().max(0.01)).ceil();
    let lon = on_grid(position.lon, VIEWER_GRID_DEG * widen).clamp(-180.0, 180.0);
    LonLat { lon, lat }
}

/// Multiples of the step, with what the product leaves behind the fourth decimal cut off.
fn on_grid(degrees: f64, step: f64) -> f64 {
    let rounded = ((degrees / step).round() * step * 10_000.0).round() / 10_000.0;
    // Minus zero would tell on which side of zero it was.
    rounded + 0.0
}

/// A place, to about a kilometre.
pub(crate) fn place(place: &Place) -> ViewerPlace {
    let (middle, radius_m) = match place.extent {
        PlaceExtent::Point { position, hacc_m } => (position, hacc_m),
        PlaceExtent::Ellipse { position, semi_major_m, .. } => (position, semi_major_m),
        PlaceExtent::Disc { position, radius_m } => (position, radius_m),
        PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m } => {
            let half = f64::midpoint(range_min_m, range_max_m);
            let across = half * (width_deg.min(180.0) / 2.0).to_radians().sin();
            (offset(position, bearing_deg, half), across.max((range_max_m - range_min_m) / 2.0))
        }
    };
    ViewerPlace {
        position: coarse_position(middle),
        radius_m: up(radius_m).max(COARSE_M),
        line_distance_m: place.line_distance_m.map(near),
        line_distance_error_m: place.line_distance_error_m.map(up),
        chainage_m: place.chainage_m.map(near),
        located_side: place.located_side,
        zones: place
            .zones
            .iter()
            .filter(|zone| zone.probability >= TOLD_ZONE)
            .map(|zone| ZoneProbability { id: zone.id.clone(), probability: tenth(zone.probability) })
            .collect(),
    }
}

/// A position some metres away; to the accuracy of a grid of a kilometre.
fn offset(from: LonLat, bearing_deg: f64, range_m: f64) -> LonLat {
    let (east, north) = bearing_deg.to_radians().sin_cos();
    let lat = (from.lat + range_m * north / DEGREE_M).clamp(-90.0, 90.0);
    let lon = from.lon + range_m * east / (DEGREE_M * lat.to_radians().cos().max(0.01));
    LonLat { lon: (lon + 540.0).rem_euclid(360.0) - 180.0, lat }
}

fn near(metres: f64) -> f64 {
    (metres / COARSE_M).round() * COARSE_M + 0.0
}

fn up(metres: f64) -> f64 {
    (metres / COARSE_M).ceil() * COARSE_M + 0.0
}

fn tenth(probability: f64) -> f64 {
    (probability * 10.0).round() / 10.0
}

/// Rounded down to the minute.
pub(crate) fn minute(time: Time) -> Time {
    Time::from_nanos(time.nanos().div_euclid(COARSE_NANOS).saturating_mul(COARSE_NANOS))
}

/// Only the sort of a subject: what stands before its colon.
pub(crate) fn subject(subject: &str) -> String {
    subject.split(':').next().unwrap_or_default().to_owned()
}

/// The probability to one decimal.
pub(crate) fn certainty(certainty: Certainty) -> Certainty {
    Certainty { probability: tenth(certainty.probability), word: certainty.word }
}

/// How sure it is, for a sentence.
pub(crate) const fn certainty_words(word: CertaintyWord) -> &'static str {
    match word {
        CertaintyWord::Observed => "observed",
        CertaintyWord::Likely => "likely",
        CertaintyWord::Possible => "possible",
        CertaintyWord::Unlikely => "unlikely",
        CertaintyWord::Unknown => "of unknown certainty",
    }
}

/// On which side it is, for a sentence: `coarse` is what is left of the place.
pub(crate) fn side_words(exact: Option<&Place>, coarse: Option<&ViewerPlace>) -> &'static str {
    let point = exact.is_some_and(|place| place.extent.is_position());
    match (coarse.map(|place| place.located_side), point) {
        (Some(Side::A), true) => ", located on side A",
        (Some(Side::A), false) => ", probably on side A",
        (Some(Side::B), true) => ", located on side B",
        (Some(Side::B), false) => ", probably on side B",
        (Some(Side::Undetermined), _) => ", side undetermined",
        (None, _) => "",
    }
}
