//! A reading's envelope: who, when, where.

use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::time::Time;
use crate::wire::Data;

/// Highest `seq`: 2^53 - 1, the largest integer that JSON carries exactly.
pub const MAX_SEQ: u64 = (1 << 53) - 1;
/// Largest message in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Most readings in one message.
pub const MAX_BATCH: usize = 500;
/// Most attachments of a reading.
pub const MAX_ATTACHMENTS: usize = 16;

/// How a message is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Encoding {
    Json,
    Cbor,
    Cose,
}

/// Where the time of a reading comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The device said it.
    Reported,
    /// The device's clock could not be believed: from its uptime and the arrival.
    Estimated,
}

/// One reading, decoded and within the contract's ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Contract version, 1.
    pub v: u8,
    /// The device that made it.
    pub device: Id,
    /// One start of the device; never reused.
    pub boot: u32,
    /// Number within the boot, at most [`MAX_SEQ`].
    pub seq: u64,
    /// Onset at the sensor, by the device's clock.
    pub time: Time,
    /// What disciplines that clock.
    pub clock: Clock,
    /// Milliseconds since this boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_ms: Option<f64>,
    /// The device's own position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Kind and its data (`kind` and `data` on the wire).
    #[serde(flatten)]
    pub data: Data,
    /// Files that follow by the HTTP API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Counts as a test inside a registered maintenance window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// What disciplines a device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// The discipline.
    pub source: ClockSource,
    /// One standard deviation, 0 to 86,400,000 ms; absent: [`ClockSource::default_uncertainty_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertainty_ms: Option<f64>,
    /// Seconds since the last discipline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_sync_s: Option<f64>,
}

impl Clock {
    /// One standard deviation in ms: the device's own, else the default of the source.
    pub fn uncertainty_or_default_ms(&self) -> f64 {
        self.uncertainty_ms.unwrap_or(self.source.default_uncertainty_ms())
    }
}

/// The disciplines of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ClockSource {
    Gnss,
    Holdover,
    Ntp,
    Rtc,
    None,
}

impl ClockSource {
    /// The value that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "gnss" => Self::Gnss,
            "holdover" => Self::Holdover,
            "ntp" => Self::Ntp,
            "rtc" => Self::Rtc,
            "none" => Self::None,
            _ => return None,
        })
    }

    /// Whether something outside the device keeps the clock right.
    pub const fn is_disciplined(self) -> bool {
        matches!(self, Self::Gnss | Self::Holdover | Self::Ntp)
    }

    /// One standard deviation in ms that a clock is taken to have when it says none.
    ///
    /// Orders of magnitude: a GNSS second is good to well under 1 ms, NTP over a mobile link to
    /// some 100 ms, a quartz left alone for a day (10 ppm) to 1 s, a cheap real-time clock left for
    /// months to a minute; a clock that nothing ever set may say anything.
    pub const fn default_uncertainty_ms(self) -> f64 {
        match self {
            Self::Gnss => 1.0,
            Self::Ntp => 100.0,
            Self::Holdover => 1000.0,
            Self::Rtc => 60_000.0,
            Self::None => 86_400_000.0,
        }
    }
}

/// A device's own position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees WGS84; absent only when `fix` is `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Degrees WGS84; absent only when `fix` is `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// Metres above the ellipsoid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_m: Option<f64>,
    /// 95 % horizontal radius in metres; `None` when the device sent none or 0 (unknown).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hacc_m: Option<f64>,
    /// The fix.
    pub fix: Fix,
    /// Satellites used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satellites: Option<u8>,
}

/// The kinds of position fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Fix {
    #[serde(rename = "3d")]
    ThreeD,
    #[serde(rename = "2d")]
    TwoD,
    #[serde(rename = "surveyed")]
    Surveyed,
    #[serde(rename = "none")]
    None,
}

impl Fix {
    /// The value that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "3d" => Self::ThreeD,
            "2d" => Self::TwoD,
            "surveyed" => Self::Surveyed,
            "none" => Self::None,
            _ => return None,
        })
    }
}

/// A file that follows by the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
    /// Size.
    pub bytes: u64,
}
