//! The state topic (birth and will) and the stored topic.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// A device's birth message or last will.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceState {
    /// Contract version, 1.
    pub v: u8,
    /// Online or not.
    pub online: bool,
    /// The boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<u32>,
    /// Firmware version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// When; a will has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Seconds between its readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<f64>,
    /// When it will be heard next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_by: Option<Time>,
    /// `sleep`, `maintenance`, `low_battery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is durable of one boot of a device: the end-to-end acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Contract version, 1.
    pub v: u8,
    /// The boot.
    pub boot: u32,
    /// Ranges of seq, both ends included, at most 32, the newest kept, ascending.
    pub stored: Vec<(u64, u64)>,
    /// The latest rejects: seq and reason.
    pub rejected: Vec<(u64, String)>,
}
