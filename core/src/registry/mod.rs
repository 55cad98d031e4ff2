//! The devices that a mission has registered.

mod parse;

use std::collections::{BTreeMap, BTreeSet};

use crate::geometry::LonLat;
use crate::id::Id;
use crate::time::Time;

pub use parse::{DEFAULT_HACC_M, MAX_DEVICES, MAX_REGISTRY_BYTES, MAX_WINDOWS, RegistryFault, parse_registry};

/// All registered devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// Readings of devices that are not listed are rejected as `unknown_device`.
    pub enforced: bool,
    /// The devices by id.
    pub devices: BTreeMap<Id, Device>,
}

/// One registered device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its station.
    pub station: Id,
    /// Counts the units that bore this id, from 1; part of a reading's identity.
    pub incarnation: u32,
    /// Whether it stands still.
    pub mobility: Mobility,
    /// Where it was surveyed; always there for a fixed device.
    pub position: Option<LonLat>,
    /// 95 % radius of the survey; also the default where a reading gives no accuracy.
    pub hacc_m: f64,
    /// Kinds that it may send; empty: any.
    pub kinds: BTreeSet<String>,
    /// Greatest range in metres by sound, object or UAV class.
    pub range_m: BTreeMap<String, f64>,
    /// Seconds between readings when all is well; `None`: silence is not judged.
    pub interval_s: Option<f64>,
    /// Times at which tests and silence are expected.
    pub maintenance: Vec<Window>,
    /// A mobile device for which `crossing` and displacement are judged.
    pub watched: bool,
    /// Faster than this it does not move, metres a second.
    pub max_speed_mps: Option<f64>,
    /// The device that may publish for it.
    pub gateway: Option<Id>,
}

/// Whether a device stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mobility {
    Fixed,
    Mobile,
}

/// From (inclusive) and to (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Window {
    pub from: Time,
    pub to: Time,
}

impl Window {
    /// Whether `time` is in it.
    pub fn contains(self, time: Time) -> bool {
        self.from <= time && time < self.to
    }
}
