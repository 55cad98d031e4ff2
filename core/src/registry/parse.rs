//! Reads the registry's TOML.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{Device, Mobility, Registry, Window};
use crate::geometry::LonLat;
use crate::id::Id;
use crate::keys::{KeyFault, Keys, Limits, called, shown};
use crate::wire::{KINDS, ObjectClass, SoundClass, UavClass};

/// Most devices of one registry.
pub const MAX_DEVICES: usize = 100_000;
/// Greatest size of a registry file in bytes.
pub const MAX_REGISTRY_BYTES: usize = 64 << 20;
/// Most maintenance windows of one device or station.
pub const MAX_WINDOWS: usize = 1_000;
/// 95 % radius of a survey that does not tell its own, metres.
pub const DEFAULT_HACC_M: f64 = 10.0;

const HACC: Limits = Limits::new(0.01, 100_000.0, "metres (95 % radius)");
const RANGE: Limits = Limits::new(1.0, 1_000_000.0, "metres");
const INTERVAL: Limits = Limits::new(0.1, 2_592_000.0, "seconds between two readings");
const LAT: Limits = Limits::new(-90.0, 90.0, "degrees north");
const LON: Limits = Limits::new(-180.0, 180.0, "degrees east");

/// One fault of a registry file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct RegistryFault {
    /// The key's path, such as `device 'st01-ac01': position: lat`.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl From<KeyFault> for RegistryFault {
    fn from(fault: KeyFault) -> Self {
        Self { key: fault.place, message: fault.message }
    }
}

/// Reads and checks a registry; returns all faults.
///
/// # Errors
/// Everything that is wrong with the text, each with its key, the value and what to do.
pub fn parse_registry(text: &str) -> Result<Registry, Vec<RegistryFault>> {
    let whole = |message: String| vec![RegistryFault { key: "the file".to_owned(), message }];
    if text.len() > MAX_REGISTRY_BYTES {
        return Err(whole(format!("is larger than {} MiB; split the mission", MAX_REGISTRY_BYTES >> 20)));
    }
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| whole(format!("is not TOML: {}", error.to_string().trim_end())))?;
    let mut top = Keys::new("", &table);
    let enforced = top.flag("enforced").unwrap_or(false);
    let stations = read_stations(&mut top);
    let tables = top.tables("device", MAX_DEVICES, "each device as [[device]] with its keys below");
    let mut devices: BTreeMap<Id, Device> = BTreeMap::new();
    let mut numbers: BTreeMap<Id, usize> = BTreeMap::new();
    for (number, table) in tables.into_iter().enumerate() {
        let mut keys = Keys::new(called("device", number, table), table);
        let read = read_device(&mut keys, &stations);
        if let Some((id, device)) = read {
            if let Some(first) = numbers.get(&id) {
                let message = format!(
                    "number {} and number {} of the file both have this id; ids are unique in the whole mission",
                    first + 1,
                    number + 1
                );
                keys.fault("id", message);
            } else {
                numbers.insert(id.clone(), number);
                if let Some(device) = device {
                    devices.insert(id, device);
                }
            }
        }
        top.absorb(keys.finish());
    }
    check_references(&mut top, &devices, &numbers, &stations);
    let faults = top.finish();
    if faults.is_empty() {
        // Built anew from what is in order, a map's nodes are full and not half empty.
        Ok(Registry { enforced, devices: devices.into_iter().collect() })
    } else {
        Err(faults.into_iter().map(RegistryFault::from).collect())
    }
}

/// What the devices of a station have unless they say otherwise.
#[derive(Default)]
struct Station {
    position: Option<LonLat>,
    hacc_m: Option<f64>,
    interval_s: Option<f64>,
    maintenance: Vec<Window>,
    gateway: Option<Id>,
}

fn read_stations(top: &mut Keys<'_>) -> BTreeMap<Id, Station> {
    let mut stations = BTreeMap::new();
    let Some(value) = top.value("station") else { return stations };
    let Value::Table(tables) = value else {
        top.wrong_type("station", value, "each station as [station.ID] with its keys below");
        return stations;
    };
    for (name, value) in tables {
        let place = format!("station '{}'", shown(name));
        let Ok(id) = name.parse::<Id>() else {
            top.fault(&place, "is not an id; use 1 to 32 of a-z, 0-9 and '-', not starting with '-'");
            continue;
        };
        let Value::Table(table) = value else {
            top.wrong_type(&place, value, "[station.ID] with its keys below");
            continue;
        };
        let mut keys = Keys::new(place, table);
        let station = Station {
            position: read_position(&mut keys),
            hacc_m: keys.number("hacc_m", HACC),
            interval_s: keys.number("interval_s", INTERVAL),
            maintenance: read_windows(&mut keys),
            gateway: keys.id("gateway"),
        };
        stations.insert(id, station);
        top.absorb(keys.finish());
    }
    stations
}

/// The device, or only its id where the rest has faults.
fn read_device(keys: &mut Keys<'_>, stations: &BTreeMap<Id, Station>) -> Option<(Id, Option<Device>)> {
    keys.require("id", "an id such as id = \"st01-ac01\"");
    keys.require("station", "the id of its station, such as station = \"st01\"");
    let id = keys.id("id");
    let station = keys.id("station");
    let none = Station::default();
    let defaults = station.as_ref().and_then(|station| stations.get(station)).unwrap_or(&none);
    let mobility = match keys.word("mobility", &["fixed", "mobile"]) {
        Some("mobile") => Mobility::Mobile,
        _ => Mobility::Fixed,
    };
    let own_position = read_position(keys);
    let position = if mobility == Mobility::Mobile { own_position } else { own_position.or(defaults.position) };
    if mobility == Mobility::Fixed && position.is_none() && !keys.has("position") {
        keys.fault(
            "position",
            "is missing; a fixed device needs the place where it was surveyed: position = { lat = 48.12, lon = 37.78 }, \
             or mobility = \"mobile\"",
        );
    }
    let watched = keys.flag("watched").unwrap_or(false);
    if watched && mobility == Mobility::Fixed {
        keys.fault("watched", "is for mobile devices; a fixed one is always judged, so remove it");
    }
    let max_speed_mps = keys.number("max_speed_mps", Limits::new(0.1, 1_000.0, "metres a second"));
    let mut maintenance = read_windows(keys);
    maintenance.extend(defaults.maintenance.iter().copied());
    maintenance.sort_by_key(|window| (window.from, window.to));
    let incarnation = keys.whole("incarnation", Limits::new(1.0, 1_000_000.0, "counting the units that bore this id"));
    let hacc_m = keys.number("hacc_m", HACC).or(defaults.hacc_m).unwrap_or(DEFAULT_HACC_M);
    let kinds = keys.words("kinds", &KINDS).into_iter().map(str::to_owned).collect();
    let range_m = read_ranges(keys);
    let interval_s = keys.number("interval_s", INTERVAL).or(defaults.interval_s);
    let gateway =
        keys.id("gateway").or_else(|| defaults.gateway.clone().filter(|gateway| Some(gateway) != id.as_ref()));
    if gateway.is_some() && gateway == id {
        keys.fault("gateway", "is the device itself; name the device that publishes for it, or remove the key");
    }
    let device = station.map(|station| Device {
        station,
        incarnation: incarnation.unwrap_or(1),
        mobility,
        position,
        hacc_m,
        kinds,
        range_m,
        interval_s,
        maintenance,
        watched,
        max_speed_mps,
        gateway,
    });
    Some((id?, device))
}

fn read_position(keys: &mut Keys<'_>) -> Option<LonLat> {
    let mut inner = keys.table("position", "{ lat = 48.12, lon = 37.78 }")?;
    inner.require("lat", "degrees north, such as lat = 48.12");
    inner.require("lon", "degrees east, such as lon = 37.78");
    let lat = inner.number("lat", LAT);
    let lon = inner.number("lon", LON);
    keys.absorb(inner.finish());
    LonLat::new(lon?, lat?)
}

fn read_windows(keys: &mut Keys<'_>) -> Vec<Window> {
    let example = "[{ from = 2026-11-24T06:00:00Z, to = 2026-11-24T08:00:00Z }]";
    let mut windows = Vec::new();
    for (number, table) in keys.tables("maintenance", MAX_WINDOWS, example).into_iter().enumerate() {
        let mut inner = Keys::new(keys.below(&format!("maintenance number {}", number + 1)), table);
        inner.require("from", "a time such as from = 2026-11-24T06:00:00Z");
        inner.require("to", "a time such as to = 2026-11-24T08:00:00Z");
        let (from, to) = (inner.time("from"), inner.time("to"));
        if let (Some(from), Some(to)) = (from, to) {
            if from < to {
                windows.push(Window { from, to });
            } else {
                inner.fault("to", format!("{to} is not after {from}; a window ends after it starts"));
            }
        }
        keys.absorb(inner.finish());
    }
    windows
}

/// Every class that a sensor may report.
fn classes() -> BTreeSet<&'static str> {
    let sounds = SoundClass::ALL.iter().map(|class| class.as_str());
    let objects = ObjectClass::ALL.iter().map(|class| class.as_str());
    let flyers = UavClass::ALL.iter().map(|class| class.as_str());
    sounds.chain(objects).chain(flyers).collect()
}

fn read_ranges(keys: &mut Keys<'_>) -> BTreeMap<String, f64> {
    let mut ranges = BTreeMap::new();
    let Some(value) = keys.value("range_m") else { return ranges };
    let Value::Table(table) = value else {
        keys.wrong_type("range_m", value, "metres by class, such as { explosion = 10000, gunfire = 3000 }");
        return ranges;
    };
    let classes = classes();
    for (class, value) in table {
        let key = format!("range_m: {}", shown(class));
        if !classes.contains(class.as_str()) {
            let known: Vec<&str> = classes.iter().copied().collect();
            keys.fault(&key, format!("there is no such class; use one of: {}", known.join(", ")));
        } else if let Some(range) = keys.as_number(&key, value, RANGE) {
            ranges.insert(class.clone(), range);
        }
    }
    ranges
}

fn check_references(
    top: &mut Keys<'_>,
    devices: &BTreeMap<Id, Device>,
    ids: &BTreeMap<Id, usize>,
    stations: &BTreeMap<Id, Station>,
) {
    for (id, device) in devices {
        if let Some(gateway) = device.gateway.as_ref().filter(|gateway| !ids.contains_key(*gateway)) {
            top.fault(
                &format!("device '{id}': gateway"),
                format!("there is no device '{gateway}'; register it too, or correct the id"),
            );
        }
    }
    let used: BTreeSet<&Id> = devices.values().map(|device| &device.station).collect();
    // While some devices have faults of their own, a station may seem unused because of them.
    if devices.len() == ids.len() {
        for station in stations.keys().filter(|station| !used.contains(station)) {
            top.fault(
                &format!("station '{station}'"),
                "no device is of this station; correct the id, or remove the table",
            );
        }
    }
}
