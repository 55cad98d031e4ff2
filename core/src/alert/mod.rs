//! An alert: a rule of the agreement that seems to be broken. Its machine part.
//!
//! [`Alert`] is what reviewers see; [`Alert::viewer_form`] is what leaves for everyone else.

pub(crate) mod coarse;
mod viewer;

pub use coarse::{VIEWER_GRID_DEG, coarse_position};
pub use viewer::{ViewerAlert, ViewerPlace};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agreement::{Severity, Status};
use crate::geometry::{LonLat, Side};
use crate::id::Id;
use crate::time::Time;

/// One revision of an alert, as the operations centre sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// UUIDv8 of agreement id, rule, subject, zone, what else parts alerts of one subject (a crossing's direction,
    /// fire's class, tampering's cause) and the identity that opened it: a replay gives the same.
    pub id: Uuid,
    /// 1, 2, 3, …
    pub revision: u32,
    /// The rule's id.
    pub rule: Id,
    /// The rule's kind.
    pub category: String,
    /// CAP severity, after notified activities.
    pub severity: Severity,
    /// How sure the sensors make it.
    pub certainty: Certainty,
    /// Whom or what it is about, its sort before the colon: `station:st07`, `device:st07-ac03`,
    /// `track:st02-rd01/7/t12` (device, boot, track), `patrol:pt01`, `region:st07-gn01` (the device that reported
    /// first) or `stretch:main/12` (line, stretch).
    pub subject: String,
    /// The zone that it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Id>,
    /// Time of the first reading that belongs to it.
    pub started: Time,
    /// Time of the latest.
    pub last: Time,
    /// When it ended; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// Why it ended: `cool_down`, `resolved`, `folded` (into its station's, its region's or its neighbour's alert),
    /// `not_in_force` and `line_changed` (coverage: its rule or its line is not in force any more), `agreement_changed`,
    /// `registry_changed`, `limit` (too many were open), `engine_changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_reason: Option<String>,
    /// Journal time of its opening.
    pub detected_at: Time,
    /// Journal time of this revision.
    pub updated_at: Time,
    /// Where; absent where nothing supports a place.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "where")]
    pub place: Option<Place>,
    /// Detections that belong to it: not violations, and not events.
    pub detections: u64,
    /// What `detections` means: `at_least` until fused.
    pub count_qualifier: String,
    /// Fused events; null until there is fusion.
    pub events: Option<u64>,
    /// Readings that show it: first, last and the best 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The agreement in force.
    pub agreement: AgreementRef,
    /// `live` or `late`.
    pub timeliness: Timeliness,
    /// For real or an exercise.
    pub status: Status,
    /// Labels such as `notified:demining-3`, `late_notice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// One plain sentence that says what was seen and how sure it is.
    pub summary: String,
    /// Anything that a rule's kind adds: direction and interpolated time of a crossing, withdrawal distance, last heard.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// A probability with its CAP word.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certainty {
    /// 0 to 1.
    pub probability: f64,
    /// `observed` (the sensor says so itself), `likely` (over 50 %), `possible`, `unlikely`, `unknown`.
    pub word: CertaintyWord,
}

/// CAP 1.2's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum CertaintyWord {
    Observed,
    Likely,
    Possible,
    Unlikely,
    Unknown,
}

/// Where an alert is, with its uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The shape that the sensors support.
    #[serde(flatten)]
    pub extent: PlaceExtent,
    /// Distance to the line in metres, of the point, the ellipse's or the disc's middle; null where unsupported.
    pub line_distance_m: Option<f64>,
    /// Its 95 % error in metres.
    pub line_distance_error_m: Option<f64>,
    /// Chainage of the foot.
    pub chainage_m: Option<f64>,
    /// A place, not a party.
    pub located_side: Side,
    /// P(side A).
    pub p_side_a: Option<f64>,
    /// Zones with their probability.
    pub zones: Vec<ZoneProbability>,
}

/// The shape of a place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum PlaceExtent {
    /// A position with its 95 % radius.
    Point {
        /// Middle.
        position: LonLat,
        /// 95 % radius.
        hacc_m: f64,
    },
    /// A position with its 95 % ellipse.
    Ellipse {
        /// Middle.
        position: LonLat,
        /// Longer semi-axis.
        semi_major_m: f64,
        /// Shorter semi-axis.
        semi_minor_m: f64,
        /// Direction of the longer axis, degrees from true north in [0, 180).
        azimuth_deg: f64,
    },
    /// Anywhere within a range of the sensor.
    Disc {
        /// The sensor.
        position: LonLat,
        /// Radius.
        radius_m: f64,
    },
    /// Within a range of the sensor and a bearing's 95 % interval.
    Sector {
        /// The sensor.
        position: LonLat,
        /// Middle of the sector, from true north.
        bearing_deg: f64,
        /// Full width.
        width_deg: f64,
        /// Nearest.
        range_min_m: f64,
        /// Farthest.
        range_max_m: f64,
    },
}

impl PlaceExtent {
    /// Whether it is a position with an error, and not an area somewhere in which the place is.
    pub const fn is_position(&self) -> bool {
        matches!(self, Self::Point { .. } | Self::Ellipse { .. })
    }
}

/// A zone with the probability to be in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ZoneProbability {
    pub id: Id,
    pub probability: f64,
}

/// A reading that shows an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Evidence {
    pub offset: u64,
    pub device: Id,
    pub boot: u32,
    pub seq: u64,
    pub time: Time,
    pub kind: String,
}

/// The agreement that an alert was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AgreementRef {
    pub id: Id,
    pub hash: String,
}

/// Whether the evidence came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Timeliness {
    Live,
    Late,
}
