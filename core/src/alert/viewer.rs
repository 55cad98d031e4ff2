//! An alert as viewers, MQTT and InfluxDB get it.
//!
//! Live launch places and sensor positions are counter-battery data. So this form has no
//! position finer than about a kilometre, no bearing, no time finer than a minute, no
//! device, track or person, no evidence, and no text that was made from exact numbers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgreementRef, Alert, Certainty, Timeliness, ZoneProbability, coarse};
use crate::agreement::{Severity, Status};
use crate::geometry::{LonLat, Side};
use crate::id::Id;
use crate::time::Time;

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
        let place = self.place.as_ref().map(coarse::place);
        ViewerAlert {
            id: self.id,
            revision: self.revision,
            rule: self.rule.clone(),
            category: self.category.clone(),
            severity: self.severity,
            certainty: coarse::certainty(self.certainty),
            subject: coarse::subject(&self.subject),
            zone: self.zone.clone(),
            started: coarse::minute(self.started),
            last: coarse::minute(self.last),
            ended: self.ended.map(coarse::minute),
            ended_reason: self.ended_reason.clone(),
            detected_at: coarse::minute(self.detected_at),
            updated_at: coarse::minute(self.updated_at),
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

fn summary(alert: &Alert, place: Option<&ViewerPlace>) -> String {
    let what = match alert.category.as_str() {
        "no_fire" => "Suspected fire",
        "crossing" => "Suspected crossing of the line",
        "exclusion_zone" => "Suspected object in a zone that must stay free",
        "withdrawal" => "Suspected weapon closer to the line than agreed",
        "no_flight" => "Suspected flight where there should be none",
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
        "clock" => match alert.details.get("cause").and_then(serde_json::Value::as_str) {
            Some("jumped") => "A device's clock jumped",
            Some("unsure") => "A device says that its clock is uncertain",
            _ => "A device's clock is ahead",
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
    let side = coarse::side_words(alert.place.as_ref(), place);
    let sure = coarse::certainty_words(alert.certainty.word);
    let late = if alert.timeliness == Timeliness::Late { ", reported late" } else { "" };
    // A crossing has two sides; where devices stand is not where a disturbance comes from; a stretch is on the line.
    let sideless = matches!(alert.category.as_str(), "crossing" | "interference" | "coverage");
    let side = if sideless { "" } else { side };
    format!("{what}{many}{zone}{direction}{side}; {sure}{late}.")
}
