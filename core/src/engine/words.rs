//! An alert in one plain sentence, its uncertainty in words.

use super::finding::{Follow, PlaceBy};
use crate::agreement::Permission;
use crate::alert::{Certainty, CertaintyWord, Place, PlaceExtent};
use crate::geometry::Side;
use crate::time::{NANOS_PER_SECOND, Time};

/// The sentence for reviewers; `place` as [`place`] tells it. `from` is whose the detections are, where there is more to it
/// than one station.
pub(super) fn summary(
    what: &str,
    (detections, from): (u64, &str),
    certainty: Certainty,
    place: &str,
    late: bool,
) -> String {
    let count = if detections > 1 { format!(" (at least {detections} detections{from})") } else { String::new() };
    let percent = percent(certainty.probability);
    let sure = match certainty.word {
        CertaintyWord::Observed => "observed".to_owned(),
        CertaintyWord::Likely => format!("likely, {percent}"),
        CertaintyWord::Possible => format!("possible, {percent}"),
        CertaintyWord::Unlikely => format!("unlikely, {percent}"),
        CertaintyWord::Unknown => "of unknown certainty".to_owned(),
    };
    let late = if late { "; reported late" } else { "" };
    format!("{what}{count}: {sure}{place}{late}.")
}

/// Where it was. The place of many detections is that of one of them, and is told as such.
pub(super) fn place(place: &Place, by: PlaceBy, detections: u64, follow: Follow) -> String {
    if let (PlaceBy::Devices, PlaceExtent::Disc { radius_m, .. }) = (by, place.extent) {
        let radius = length(radius_m);
        return format!("; the devices stand within {radius} of one place, which is not where the cause is");
    }
    let whose = match (detections, follow) {
        (0 | 1, _) => "",
        (_, Follow::Best) => "the best placed one: ",
        (_, Follow::Latest) => "the latest one: ",
    };
    let from = match by {
        PlaceBy::Registry | PlaceBy::Devices => return String::new(),
        PlaceBy::Observer | PlaceBy::ObserverAssumedRange => "observer",
        PlaceBy::Sensor | PlaceBy::SensorAssumedRange | PlaceBy::Between | PlaceBy::Itself => "sensor",
    };
    let assumed = if by.is_assumed_range() { " (assumed range)" } else { "" };
    let extent = match place.extent {
        PlaceExtent::Point { hacc_m, .. } if by == PlaceBy::Itself => format!("reported within {hacc_m:.0} m"),
        PlaceExtent::Point { hacc_m, .. } if by == PlaceBy::Between => {
            format!("somewhere between two sightings, within {}", about(hacc_m))
        }
        PlaceExtent::Point { hacc_m, .. } => format!("located within {hacc_m:.0} m"),
        PlaceExtent::Ellipse { semi_major_m, semi_minor_m, azimuth_deg, .. } => {
            format!("located within {semi_major_m:.0} m along {azimuth_deg:.0}° and {semi_minor_m:.0} m across")
        }
        PlaceExtent::Disc { radius_m, .. } => {
            format!("anywhere within {:.1} km of the {from}{assumed}", radius_m / 1_000.0)
        }
        PlaceExtent::Sector { bearing_deg, width_deg, range_max_m, .. } => format!(
            "within {:.1} km of the {from} at {bearing_deg:.0}° ± {:.0}°{assumed}",
            range_max_m / 1_000.0,
            width_deg / 2.0
        ),
    };
    let distance = match (place.line_distance_m, place.line_distance_error_m) {
        (Some(distance), Some(error)) if place.extent.is_position() => {
            format!(", {} ± {} from the line", length(distance), length(error))
        }
        _ => String::new(),
    };
    format!("; {whose}{extent}{distance}{}", side(place))
}

/// The side is told flatly of a position only: a sector or a disc may reach across the line.
fn side(place: &Place) -> String {
    let point = place.extent.is_position();
    let told = |name: &str, probability: f64| {
        if point {
            format!(", on side {name}")
        } else {
            format!(", probably on side {name} ({})", percent(probability))
        }
    };
    match (place.located_side, place.p_side_a) {
        (Side::A, Some(a)) => told("A", a),
        (Side::B, Some(a)) => told("B", 1.0 - a),
        (_, Some(_)) => ", side undetermined".to_owned(),
        (_, None) => String::new(),
    }
}

/// No sensor makes anything certain, nor impossible.
fn percent(probability: f64) -> String {
    match (probability * 100.0).round() {
        percent if percent >= 100.0 => "over 99 %".to_owned(),
        percent if percent < 1.0 => "under 1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// What a permission asks for: `permission 2 (in corridor; at 06:00-18:00 UTC; person, vehicle)`.
pub(super) fn permission(number: usize, permission: &Permission) -> String {
    let Permission { areas, hours, devices, classes, max_alt_agl_m, validity, .. } = permission;
    let clock = |second: u32| format!("{:02}:{:02}", second / 3_600, second / 60 % 60);
    let hours: Vec<String> =
        hours.iter().map(|hours| format!("{}-{}", clock(hours.from_s), clock(hours.to_s))).collect();
    let mut asked = Vec::new();
    let mut ask = |before: &str, few: String, after: &str| {
        if !few.is_empty() {
            asked.push(format!("{before}{few}{after}"));
        }
    };
    ask("in ", some(areas.iter()), "");
    ask("at ", some(hours.iter()), " UTC");
    ask("by device ", some(devices.iter()), "");
    ask("", some(classes.iter()), "");
    ask("up to ", max_alt_agl_m.map_or(String::new(), |metres| metres.to_string()), " m above ground");
    ask("from ", validity.from.map_or(String::new(), |time| time.to_string()), "");
    ask("to ", validity.to.map_or(String::new(), |time| time.to_string()), "");
    format!("permission {number} ({})", asked.join("; "))
}

/// The first of some names, and how many more there are.
fn some<T: std::fmt::Display>(names: impl ExactSizeIterator<Item = T>) -> String {
    const TOLD: usize = 3;
    let more = names.len().saturating_sub(TOLD);
    let told: Vec<String> = names.take(TOLD).map(|name| name.to_string()).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    told.join(", ") + &more
}

/// With a capital letter at the beginning.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Metres below a kilometre, else kilometres with one decimal.
fn length(metres: f64) -> String {
    if metres < 1_000.0 { format!("{metres:.0} m") } else { format!("{:.1} km", metres / 1_000.0) }
}

/// A length that is no better than a few metres.
pub(super) fn about(metres: f64) -> String {
    length(if metres < 100.0 { metres } else { (metres / 10.0).round() * 10.0 })
}

/// To the second, downwards.
pub(super) fn second(time: Time) -> Time {
    Time::from_nanos(time.nanos() - time.nanos().rem_euclid(NANOS_PER_SECOND))
}

/// A thing with its article.
pub(super) fn a(thing: &str) -> String {
    let article = if thing.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {thing}")
}
