//! An alert in one plain sentence, its uncertainty in words.

use crate::alert::{Certainty, CertaintyWord, Place, PlaceExtent};
use crate::geometry::Side;

/// The sentence for reviewers.
pub(super) fn summary(what: &str, detections: u64, certainty: Certainty, place: Option<&Place>, late: bool) -> String {
    let count = if detections > 1 { format!(" (at least {detections} detections)") } else { String::new() };
    let percent = percent(certainty.probability);
    let sure = match certainty.word {
        CertaintyWord::Observed => "observed".to_owned(),
        CertaintyWord::Likely => format!("likely, {percent}"),
        CertaintyWord::Possible => format!("possible, {percent}"),
        CertaintyWord::Unlikely => format!("unlikely, {percent}"),
        CertaintyWord::Unknown => "of unknown certainty".to_owned(),
    };
    let place = place.map(located).unwrap_or_default();
    let late = if late { "; reported late" } else { "" };
    format!("{what}{count}: {sure}{place}{late}.")
}

fn located(place: &Place) -> String {
    let extent = match place.extent {
        PlaceExtent::Point { hacc_m, .. } => format!("; located within {hacc_m:.0} m"),
        PlaceExtent::Disc { radius_m, .. } => format!("; anywhere within {:.1} km of the sensor", radius_m / 1_000.0),
        PlaceExtent::Sector { bearing_deg, width_deg, range_max_m, .. } => format!(
            "; within {:.1} km of the sensor at {bearing_deg:.0}° ± {:.0}°",
            range_max_m / 1_000.0,
            width_deg / 2.0
        ),
    };
    let distance = match (place.extent, place.line_distance_m, place.line_distance_error_m) {
        (PlaceExtent::Point { .. }, Some(distance), Some(error)) => {
            format!(", {} ± {} from the line", length(distance), length(error))
        }
        _ => String::new(),
    };
    let side = match (place.located_side, place.p_side_a) {
        (Side::A, _) => ", on side A",
        (Side::B, _) => ", on side B",
        (Side::Undetermined, Some(_)) => ", side undetermined",
        (Side::Undetermined, None) => "",
    };
    format!("{extent}{distance}{side}")
}

/// No sensor makes anything certain, nor impossible.
fn percent(probability: f64) -> String {
    match (probability * 100.0).round() {
        percent if percent >= 100.0 => "over 99 %".to_owned(),
        percent if percent < 1.0 => "under 1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// Metres below a kilometre, else kilometres with one decimal.
fn length(metres: f64) -> String {
    if metres < 1_000.0 { format!("{metres:.0} m") } else { format!("{:.1} km", metres / 1_000.0) }
}

/// A thing with its article.
pub(super) fn a(thing: &str) -> String {
    let article = if thing.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {thing}")
}
