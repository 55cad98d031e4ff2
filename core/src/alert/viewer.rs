//! An alert as viewers, MQTT and InfluxDB get it.
//!
//! Live launch places and sensor positions are counter-battery data. So this form has no
//! position finer than about a kilometre, no bearing, no time finer than a minute, no
//! device, track or person, no evidence, and no text that was made from exact numbers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgreementRef, Alert, Certainty, CertaintyWord, Place, PlaceExtent, Timeliness, ZoneProbability};
use crate::agreement::{Severity, Status};
use crate::geometry::{LonLat, Side};
use crate::id::Id;
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

/// One revision of an alert, coarsened. Its fields are those of [`Alert`] where it has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewerAlert {
    /// As in [`Alert::id`].
    pub id: Uuid,
    /// As in [`Alert::revision`].
    pub revision: u32,
    /// The rule's id.
    pub rule: Id,
    /// The rule's kind.
    pub category: String,
    /// CAP severity.
    pub severity: Severity,
    /// Probability to one decimal, and its CAP word.
    pub certainty: Certainty,
    /// Only the sort of what it is about: `station`, `device`, `track`, `patrol` or `flood`.
    pub subject: String,
    /// The zone that it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Id>,
    /// Time of the first reading, rounded down to the minute like all times here.
    pub started: Time,
    /// Time of the latest.
    pub last: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_reason: Option<String>,
    /// When it was opened.
    pub detected_at: Time,
    /// When it was revised.
    pub updated_at: Time,
    /// Where, to about a kilometre.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "where")]
    pub place: Option<ViewerPlace>,
    /// Detections: not violations, and not events.
    pub detections: u64,
    /// What `detections` means.
    pub count_qualifier: String,
    /// Fused events; null until there is fusion.
    pub events: Option<u64>,
    /// The agreement in force.
    pub agreement: AgreementRef,
    /// `live` or `late`.
    pub timeliness: Timeliness,
    /// For real or an exercise.
    pub status: Status,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// One plain sentence without exact numbers.
    pub summary: String,
}

/// Where, to about a kilometre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewerPlace {
    /// Middle of the place, on the grid of [`coarse_position`].
    pub position: LonLat,
    /// It is somewhere within this, metres; whole kilometres, at least one.
    pub radius_m: f64,
    /// Distance to the line in metres, to the kilometre.
    pub line_distance_m: Option<f64>,
    /// Its 95 % error, up to the next kilometre.
    pub line_distance_error_m: Option<f64>,
    /// Chainage, to the kilometre.
    pub chainage_m: Option<f64>,
    /// A place, not a party.
    pub located_side: Side,
    /// Zones at least as probable as not, to one decimal.
    pub zones: Vec<ZoneProbability>,
}

impl Alert {
    /// What may leave for viewers, MQTT and InfluxDB.
    pub fn viewer_form(&self) -> ViewerAlert {
        let place = self.place.as_ref().map(coarse_place);
        ViewerAlert {
            id: self.id,
            revision: self.revision,
            rule: self.rule.clone(),
            category: self.category.clone(),
            severity: self.severity,
            certainty: Certainty { probability: tenth(self.certainty.probability), word: self.certainty.word },
            subject: self.subject.split(':').next().unwrap_or_default().to_owned(),
            zone: self.zone.clone(),
            started: minute(self.started),
            last: minute(self.last),
            ended: self.ended.map(minute),
            ended_reason: self.ended_reason.clone(),
            detected_at: minute(self.detected_at),
            updated_at: minute(self.updated_at),
            summary: summary(self, place.as_ref()),
            place,
            detections: self.detections,
            count_qualifier: self.count_qualifier.clone(),
            events: self.events,
            agreement: self.agreement.clone(),
            timeliness: self.timeliness,
            status: self.status,
            labels: self.labels.clone(),
        }
    }
}

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

fn coarse_place(place: &Place) -> ViewerPlace {
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

fn minute(time: Time) -> Time {
    Time::from_nanos(time.nanos().div_euclid(COARSE_NANOS).saturating_mul(COARSE_NANOS))
}

fn summary(alert: &Alert, place: Option<&ViewerPlace>) -> String {
    let what = match alert.category.as_str() {
        "no_fire" => "Suspected fire",
        "crossing" => "Suspected crossing of the line",
        "exclusion_zone" => "Suspected object in a zone that must stay free",
        "withdrawal" => "Suspected weapon closer to the line than agreed",
        "tamper" => match alert.details.get("cause").and_then(serde_json::Value::as_str) {
            Some("moved") => "A device reports a position away from where it was surveyed",
            Some("opened") => "A device reports that its enclosure is open",
            Some("struck") => "A device reports a shock",
            Some("imitated") => "Two different readings of a device bear the same number",
            Some("bad_signature") => "A reading in a device's name has a bad signature",
            _ => "A device is not as it was registered",
        },
        "silence" => match (alert.subject.starts_with("station:"), alert.ended.is_some()) {
            (true, false) => "A station is not heard",
            (true, true) => "A station was not heard",
            (false, false) => "A device is not heard",
            (false, true) => "A device was not heard",
        },
        "interference" => "Devices of a region report that satellite navigation is disturbed",
        "coverage" => "A stretch of the line has no working sensor in range",
        _ => "A rule seems to be broken",
    };
    let many = if alert.subject.starts_with("flood:") { ", many in one alert" } else { "" };
    let direction = match alert.details.get("direction").and_then(serde_json::Value::as_str) {
        Some("a_to_b") => ", from side A to side B",
        Some("b_to_a") => ", from side B to side A",
        _ => "",
    };
    let zone = alert.zone.as_ref().map(|zone| format!(", zone {zone}")).unwrap_or_default();
    let point = alert.place.as_ref().is_some_and(|place| place.extent.is_position());
    let side = match (place.map(|place| place.located_side), point) {
        (Some(Side::A), true) => ", located on side A",
        (Some(Side::A), false) => ", probably on side A",
        (Some(Side::B), true) => ", located on side B",
        (Some(Side::B), false) => ", probably on side B",
        (Some(Side::Undetermined), _) => ", side undetermined",
        (None, _) => "",
    };
    let sure = match alert.certainty.word {
        CertaintyWord::Observed => "observed",
        CertaintyWord::Likely => "likely",
        CertaintyWord::Possible => "possible",
        CertaintyWord::Unlikely => "unlikely",
        CertaintyWord::Unknown => "of unknown certainty",
    };
    let late = if alert.timeliness == Timeliness::Late { ", reported late" } else { "" };
    // A crossing has two sides; where devices stand is not where a disturbance comes from; a stretch is on the line.
    let sideless = matches!(alert.category.as_str(), "crossing" | "interference" | "coverage");
    let side = if sideless { "" } else { side };
    format!("{what}{many}{zone}{direction}{side}; {sure}{late}.")
}
