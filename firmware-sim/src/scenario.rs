//! The scenario file: what happens, where and when, and who could notice.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};
use truceline_core::id::Id;
use truceline_core::time::Time;
use truceline_core::wire::{KINDS, ObjectClass, SoundClass};

use crate::world;

/// Longest scenario: a week.
const MAX_DURATION_S: f64 = 7.0 * 86_400.0;
/// Most devices of a scenario.
const MAX_DEVICES: usize = 20_000;
/// Most readings of a scenario; they are planned ahead and held in memory, about 300 bytes each.
const MAX_READINGS: f64 = 5_000_000.0;
/// Largest flash.
const MAX_FLASH_READINGS: usize = 1_000_000;

/// A scenario, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// For people.
    pub name: String,
    /// Length in scenario seconds.
    pub duration_s: f64,
    /// When it begins; without it, or with "now", its end is the end of its play.
    #[serde(default, deserialize_with = "start")]
    pub start: Option<Time>,
    /// The devices.
    #[serde(default, rename = "device")]
    pub devices: Vec<DeviceSpec>,
    /// Things that sound.
    #[serde(default, rename = "explosion")]
    pub explosions: Vec<Explosion>,
    /// Things that move.
    #[serde(default, rename = "vehicle")]
    pub vehicles: Vec<Vehicle>,
    /// Devices that are carried away.
    #[serde(default, rename = "displacement")]
    pub displacements: Vec<Displacement>,
    /// Links that are down, and devices that make nothing.
    #[serde(default, rename = "outage")]
    pub outages: Vec<Outage>,
}

/// A device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DeviceSpec {
    pub id: Id,
    pub station: Id,
    pub lat: f64,
    pub lon: f64,
    /// Kinds that it sends.
    pub kinds: Vec<String>,
    /// Seconds between its regular readings.
    #[serde(default = "default_interval_s")]
    pub interval_s: f64,
    /// Metres to which it notices.
    #[serde(default = "default_range_m")]
    pub range_m: f64,
    /// Readings that its flash holds; what is made beyond them is given up, and told as `dropped`.
    #[serde(default = "default_flash_readings")]
    pub flash_readings: usize,
}

/// An explosion, a launch or gunfire.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Explosion {
    pub at_s: f64,
    pub lat: f64,
    pub lon: f64,
    #[serde(default = "default_sound")]
    pub class: SoundClass,
}

/// A vehicle or weapon that moves along a path, straight between its points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vehicle {
    /// The sensors' name for it.
    pub track: String,
    /// What it is.
    pub class: ObjectClass,
    /// Its calibre, if it shows one.
    #[serde(default)]
    pub calibre_mm: Option<f64>,
    /// Points as [second, latitude, longitude], in order of time.
    pub path: Vec<[f64; 3]>,
    /// Seconds between two sightings by one sensor.
    #[serde(default = "default_every_s")]
    pub every_s: f64,
}

/// A device is carried to another place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Displacement {
    pub device: Id,
    pub at_s: f64,
    pub lat: f64,
    pub lon: f64,
}

/// A time in which a device, or all of a station, is not heard.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Outage {
    #[serde(default)]
    pub device: Option<Id>,
    #[serde(default)]
    pub station: Option<Id>,
    pub from_s: f64,
    pub to_s: f64,
    /// What is out.
    #[serde(default)]
    pub kind: OutageKind,
}

/// What is out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// The link: readings are kept, and sent afterwards.
    #[default]
    Link,
    /// The device itself: no readings are made.
    Silent,
}

fn default_interval_s() -> f64 {
    60.0
}
/// A time as a TOML date, or as text, or "now".
fn start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Start {
        Date(toml::value::Datetime),
        Text(String),
    }
    let text = match Start::deserialize(deserializer)? {
        Start::Date(date) => date.to_string(),
        Start::Text(text) if text == "now" => return Ok(None),
        Start::Text(text) => text,
    };
    text.parse().map(Some).map_err(|error| de::Error::custom(format!("start: {error}, or as \"now\"")))
}

fn default_flash_readings() -> usize {
    100_000
}
fn default_range_m() -> f64 {
    10_000.0
}
fn default_every_s() -> f64 {
    5.0
}
fn default_sound() -> SoundClass {
    SoundClass::Explosion
}

/// A scenario that cannot be played: every fault.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ScenarioFaults(pub Vec<String>);

impl Scenario {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Every fault, each with its place.
    pub fn load(path: &Path) -> Result<Self, ScenarioFaults> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScenarioFaults(vec![format!("{}: cannot be read: {error}", path.display())]))?;
        Self::parse(&text).map_err(|faults| {
            ScenarioFaults(faults.0.into_iter().map(|fault| format!("{}: {fault}", path.display())).collect())
        })
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// Every fault, each with its place.
    pub fn parse(text: &str) -> Result<Self, ScenarioFaults> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioFaults(vec![error.to_string().trim_end().to_owned()]))?;
        let faults = scenario.faults();
        if faults.is_empty() { Ok(scenario) } else { Err(ScenarioFaults(faults)) }
    }

    fn faults(&self) -> Vec<String> {
        let mut check = Check { duration_s: self.duration_s, faults: Vec::new() };
        check.within("duration_s", self.duration_s, 1.0, MAX_DURATION_S);
        let mut ids = BTreeSet::new();
        let mut stations = BTreeSet::new();
        if self.devices.is_empty() || self.devices.len() > MAX_DEVICES {
            check.add(format!("device: there are {}; write 1 to {MAX_DEVICES}", self.devices.len()));
        }
        for device in &self.devices {
            let place = format!("device '{}'", device.id);
            if !ids.insert(&device.id) {
                check.add(format!("{place}: is there twice; ids are unique in the whole mission"));
            }
            stations.insert(&device.station);
            check.position(&place, device.lat, device.lon);
            check.within(&format!("{place}: interval_s"), device.interval_s, 1.0, 86_400.0);
            check.within(&format!("{place}: range_m"), device.range_m, 1.0, 100_000.0);
            if !(1..=MAX_FLASH_READINGS).contains(&device.flash_readings) {
                let flash = device.flash_readings;
                check.add(format!("{place}: flash_readings: {flash} is out of range; use 1 to {MAX_FLASH_READINGS}"));
            }
            for kind in &device.kinds {
                if !KINDS.contains(&kind.as_str()) {
                    check.add(format!("{place}: kinds: '{kind}' is no kind; use one of: {}", KINDS.join(", ")));
                }
            }
        }
        for (index, explosion) in self.explosions.iter().enumerate() {
            let place = format!("explosion[{index}]");
            check.second(&format!("{place}: at_s"), explosion.at_s);
            check.position(&place, explosion.lat, explosion.lon);
        }
        for vehicle in &self.vehicles {
            let place = format!("vehicle '{}'", vehicle.track);
            if vehicle.track.is_empty() || vehicle.track.chars().count() > 64 {
                check.add(format!("{place}: track has not 1 to 64 characters"));
            }
            check.within(&format!("{place}: every_s"), vehicle.every_s, 0.1, 3_600.0);
            if vehicle.path.len() < 2 {
                check.add(format!("{place}: path has {} points; write at least 2", vehicle.path.len()));
            }
            for (index, [at_s, lat, lon]) in vehicle.path.iter().enumerate() {
                check.second(&format!("{place}: path[{index}]"), *at_s);
                check.position(&format!("{place}: path[{index}]"), *lat, *lon);
            }
            if vehicle.path.windows(2).any(|pair| pair[0][0] >= pair[1][0]) {
                check.add(format!("{place}: path does not go forward in time"));
            }
        }
        for displacement in &self.displacements {
            let place = format!("displacement of '{}'", displacement.device);
            if !ids.contains(&displacement.device) {
                check.add(format!("{place}: there is no such device"));
            }
            check.second(&format!("{place}: at_s"), displacement.at_s);
            check.position(&place, displacement.lat, displacement.lon);
        }
        for (index, outage) in self.outages.iter().enumerate() {
            let place = format!("outage[{index}]");
            match (&outage.device, &outage.station) {
                (Some(device), None) if !ids.contains(device) => {
                    check.add(format!("{place}: there is no device '{device}'"));
                }
                (None, Some(station)) if !stations.contains(station) => {
                    check.add(format!("{place}: there is no station '{station}'"));
                }
                (Some(_), Some(_)) | (None, None) => {
                    check.add(format!("{place}: name a device or a station, not both"));
                }
                _ => {}
            }
            check.second(&format!("{place}: from_s"), outage.from_s);
            check.second(&format!("{place}: to_s"), outage.to_s);
            if outage.from_s >= outage.to_s {
                check.add(format!("{place}: from_s is not before to_s"));
            }
        }
        let most = self.readings_at_most();
        if check.faults.is_empty() && most > MAX_READINGS {
            check.add(format!(
                "it may give {most:.0} readings; at most {MAX_READINGS:.0}: make it shorter, or interval_s or every_s longer"
            ));
        }
        check.faults
    }

    /// An upper bound of the readings that it gives.
    fn readings_at_most(&self) -> f64 {
        let devices = self.devices.iter().map(|device| {
            let regular = device.kinds.iter().filter(|kind| world::REGULAR.contains(&kind.as_str())).count();
            (self.duration_s / device.interval_s + 1.0) * regular as f64 + 2.0 * self.explosions.len() as f64
        });
        let radars =
            self.devices.iter().filter(|device| device.kinds.iter().any(|kind| kind == "object_track")).count();
        let sightings = self.vehicles.iter().map(|vehicle| {
            let from_s = vehicle.path.first().map_or(0.0, |point| point[0]);
            let to_s = vehicle.path.last().map_or(0.0, |point| point[0]);
            ((to_s - from_s) / vehicle.every_s + 1.0) * radars as f64
        });
        devices.chain(sightings).sum()
    }
}

struct Check {
    duration_s: f64,
    faults: Vec<String>,
}

impl Check {
    fn add(&mut self, fault: String) {
        self.faults.push(fault);
    }

    fn within(&mut self, place: &str, value: f64, least: f64, greatest: f64) {
        if !(least..=greatest).contains(&value) {
            self.add(format!("{place}: {value} is out of range; use {least} to {greatest}"));
        }
    }

    fn second(&mut self, place: &str, value: f64) {
        self.within(place, value, 0.0, self.duration_s);
    }

    fn position(&mut self, place: &str, lat: f64, lon: f64) {
        self.within(&format!("{place}: lat"), lat, -90.0, 90.0);
        self.within(&format!("{place}: lon"), lon, -180.0, 180.0);
    }
}
