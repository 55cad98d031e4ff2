//! What an alert tells is rounded once, here: no more digits than a sensor can support.

use serde_json::{Map, Number, Value};

use crate::alert::{Place, PlaceExtent};
use crate::geometry::LonLat;

fn to(value: f64, steps: f64) -> f64 {
    // Without a minus zero.
    (value * steps).round() / steps + 0.0
}

/// To three decimals.
pub(super) fn probability(value: f64) -> f64 {
    to(value, 1_000.0)
}

/// To a decimetre.
pub(super) fn metres(value: f64) -> f64 {
    to(value, 10.0)
}

/// Degrees of an angle, to two decimals.
fn angle(value: f64) -> f64 {
    to(value, 100.0)
}

/// To about a centimetre.
pub(super) fn position(at: LonLat) -> LonLat {
    LonLat { lon: to(at.lon, 1e7), lat: to(at.lat, 1e7) }
}

/// A place with all its numbers; its probabilities are so already.
pub(super) fn place(place: Place) -> Place {
    Place {
        extent: extent(place.extent),
        line_distance_m: place.line_distance_m.map(metres),
        line_distance_error_m: place.line_distance_error_m.map(metres),
        chainage_m: place.chainage_m.map(metres),
        ..place
    }
}

fn extent(extent: PlaceExtent) -> PlaceExtent {
    match extent {
        PlaceExtent::Point { position: at, hacc_m } => {
            PlaceExtent::Point { position: position(at), hacc_m: metres(hacc_m) }
        }
        PlaceExtent::Ellipse { position: at, semi_major_m, semi_minor_m, azimuth_deg } => PlaceExtent::Ellipse {
            position: position(at),
            semi_major_m: metres(semi_major_m),
            semi_minor_m: metres(semi_minor_m),
            // 180 is 0.
            azimuth_deg: angle(azimuth_deg).rem_euclid(180.0),
        },
        PlaceExtent::Disc { position: at, radius_m } => {
            PlaceExtent::Disc { position: position(at), radius_m: metres(radius_m) }
        }
        PlaceExtent::Sector { position: at, bearing_deg, width_deg, range_min_m, range_max_m } => PlaceExtent::Sector {
            position: position(at),
            bearing_deg: angle(bearing_deg),
            width_deg: angle(width_deg),
            range_min_m: metres(range_min_m),
            range_max_m: metres(range_max_m),
        },
    }
}

/// A rule's details: metres by their name's end, all else as probabilities are.
pub(super) fn details(details: &Map<String, Value>) -> Map<String, Value> {
    let rounded = |(name, value): (&String, &Value)| {
        let number = value.as_f64().filter(|_| value.is_f64());
        let number = number.map(|number| if name.ends_with("_m") { metres(number) } else { probability(number) });
        (name.clone(), number.and_then(Number::from_f64).map_or_else(|| value.clone(), Value::Number))
    };
    details.iter().map(rounded).collect()
}
