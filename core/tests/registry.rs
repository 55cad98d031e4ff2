//! The device registry as its authors meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

use proptest::prelude::*;
use truceline_core::geometry::LonLat;
use truceline_core::id::Id;
use truceline_core::registry::{Mobility, Registry, parse_registry};

const EXAMPLE: &str = include_str!("../../config/devices/example.toml");

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn faults(text: &str) -> Vec<String> {
    parse_registry(text).expect_err("faulty").iter().map(ToString::to_string).collect()
}

fn device(lines: &str) -> String {
    format!("[[device]]\nid = \"d1\"\nstation = \"s1\"\nposition = {{ lat = 48.1, lon = 37.7 }}\n{lines}")
}

fn one(lines: &str) -> Registry {
    parse_registry(&device(lines)).unwrap()
}

#[test]
fn the_example_registry_is_read_without_faults() {
    let registry = parse_registry(EXAMPLE).unwrap();
    assert!(!registry.enforced);
    assert_eq!(registry.devices.len(), 17);
    let sensor = &registry.devices[&id("st01-ac01")];
    assert_eq!(sensor.mobility, Mobility::Fixed);
    assert_eq!(sensor.range_m["explosion"], 10_000.0);
    assert_eq!(sensor.interval_s, Some(60.0));
    assert_eq!(sensor.hacc_m, 3.0, "from its station");
    let patrol = &registry.devices[&id("st01-pt01")];
    assert_eq!((patrol.mobility, patrol.position, patrol.interval_s), (Mobility::Mobile, None, None));
    assert_eq!(registry.devices[&id("st04-ac02")].maintenance.len(), 1, "from its station");
}

#[test]
fn an_empty_registry_expects_no_device_and_refuses_none() {
    assert_eq!(parse_registry("").unwrap(), Registry::default());
}

#[test]
fn what_is_left_out_has_its_default() {
    let registry = one("");
    let device = &registry.devices[&id("d1")];
    assert_eq!(device.incarnation, 1);
    assert_eq!(device.mobility, Mobility::Fixed);
    assert_eq!(device.position, LonLat::new(37.7, 48.1));
    assert_eq!(device.hacc_m, 10.0);
    assert!(device.kinds.is_empty() && device.range_m.is_empty() && device.maintenance.is_empty());
    assert_eq!((device.interval_s, device.watched, &device.gateway), (None, false, &None));
}

#[test]
fn a_device_says_otherwise_than_its_station() {
    let text = format!(
        "[station.s1]\nhacc_m = 2\ninterval_s = 30\nposition = {{ lat = 1, lon = 2 }}\n\
         maintenance = [{{ from = 2026-01-01T00:00:00Z, to = 2026-01-02T00:00:00Z }}]\n{}\n\
         [[device]]\nid = \"d2\"\nstation = \"s1\"\n[[device]]\nid = \"m1\"\nstation = \"s1\"\nmobility = \"mobile\"\n",
        device("interval_s = 5\nmaintenance = [{ from = 2025-01-01T00:00:00Z, to = 2025-01-02T00:00:00Z }]\n")
    );
    let registry = parse_registry(&text).unwrap();
    let own = &registry.devices[&id("d1")];
    assert_eq!((own.interval_s, own.hacc_m), (Some(5.0), 2.0));
    assert_eq!(own.maintenance.len(), 2, "its own and its station's, by time");
    assert!(own.maintenance[0].from < own.maintenance[1].from);
    let other = &registry.devices[&id("d2")];
    assert_eq!((other.interval_s, other.position), (Some(30.0), LonLat::new(2.0, 1.0)));
    assert_eq!(registry.devices[&id("m1")].position, None, "a mobile device does not stand at its station");
}

#[test]
fn each_fault_names_device_key_value_and_remedy() {
    let cases = [
        (
            "kinds = [\"acoustic\"]",
            "device 'd1': kinds: 'acoustic' is not known here; use one of: acoustic_detection, seismic_detection, object_track, uav_detection, gnss_status, weather, health, patrol_report, access_report, site_inspection, hazard_report",
        ),
        (
            "colour = 60",
            "device 'd1': colour: there is no such key; use one of: id, station, mobility, position, watched, max_speed_mps, maintenance, incarnation, hacc_m, kinds, range_m, interval_s, gateway",
        ),
        ("intervall_s = 60", "device 'd1': intervall_s: there is no such key; did you mean 'interval_s'?"),
        (
            "interval_s = 0",
            "device 'd1': interval_s: 0 is out of range; write 0.1 to 2592000, seconds between two readings",
        ),
        ("hacc_m = \"3\"", "device 'd1': hacc_m: \"3\" is a text in quotes; write a number, metres (95 % radius)"),
        (
            "range_m = { explosions = 3 }",
            "device 'd1': range_m: explosions: there is no such class; use one of: aircraft, armoured_vehicle, artillery, engineering, explosion, fixed_wing, gunfire, helicopter, launch, missile, mlrs, mortar, multirotor, person, tank, uav, unknown, vehicle",
        ),
        (
            "range_m = { explosion = -3 }",
            "device 'd1': range_m: explosion: -3 is out of range; write 1 to 1000000, metres",
        ),
        ("watched = true", "device 'd1': watched: is for mobile devices; a fixed one is always judged, so remove it"),
        ("mobility = \"fix\"", "device 'd1': mobility: 'fix' is not known here; did you mean 'fixed'?"),
        (
            "gateway = \"d1\"",
            "device 'd1': gateway: is the device itself; name the device that publishes for it, or remove the key",
        ),
        ("gateway = \"d9\"", "device 'd1': gateway: there is no device 'd9'; register it too, or correct the id"),
        ("incarnation = 1.5", "device 'd1': incarnation: 1.5 is a number with decimals; write a whole number"),
        (
            "maintenance = [{ from = 2026-01-02T00:00:00Z, to = 2026-01-01T00:00:00Z }]",
            "device 'd1': maintenance number 1: to: 2026-01-01T00:00:00Z is not after 2026-01-02T00:00:00Z; a window ends after it starts",
        ),
        (
            "maintenance = [{ from = 2026-01-02, to = 2026-01-03T00:00:00Z }]",
            "device 'd1': maintenance number 1: from: '2026-01-02' is not a time; write it as 2026-11-24T03:00:00Z, in UTC, with at most 9 decimals",
        ),
    ];
    for (lines, wanted) in cases {
        assert_eq!(faults(&device(lines)), [wanted], "{lines}");
    }
    let whole = [
        ("enforced = 1", "enforced: 1 is a whole number; write true or false"),
        ("device = 3", "device: 3 is a whole number; write each device as [[device]] with its keys below"),
        ("[[devices]]\nid = \"x\"", "devices: there is no such key; did you mean 'device'?"),
        ("[station.s9]\nhacc_m = 1", "station 's9': no device is of this station; correct the id, or remove the table"),
        (
            "[station.S9]\nhacc_m = 1",
            "station 'S9': is not an id; use 1 to 32 of a-z, 0-9 and '-', not starting with '-'",
        ),
        (
            "[[device]]\nid = \"d1\"\nstation = \"s1\"\nposition = { lat = 91, lon = 37.7 }",
            "device 'd1': position: lat: 91 is out of range; write -90 to 90, degrees north",
        ),
        (
            "[[device]]\nid = \"d1\"\nstation = \"s1\"\nposition = { lat = 48.1 }",
            "device 'd1': position: lon: is missing; write degrees east, such as lon = 37.7",
        ),
        (
            "[[device]]\nid = \"d1\"\nstation = \"s1\"",
            "device 'd1': position: is missing; a fixed device needs the place where it was surveyed: position = { lat = 48.12, lon = 37.78 }, or mobility = \"mobile\"",
        ),
        (
            "[[device]]\nid = \"D 1\"\nstation = \"s1\"\nmobility = \"mobile\"",
            "device number 1: id: 'D 1' is not an id; use 1 to 32 of a-z, 0-9 and '-', not starting with '-'",
        ),
    ];
    for (text, wanted) in whole {
        let found = faults(text);
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{text}\n{found:?}");
    }
}

#[test]
fn a_device_that_is_listed_twice_is_refused_with_both_places() {
    let text = format!("{}{}", device(""), device(""));
    assert_eq!(
        faults(&text),
        ["device 'd1': id: number 1 and number 2 of the file both have this id; ids are unique in the whole mission"]
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let text = format!("enforced = \"yes\"\nx = 1\n{}", device("watched = true\nhacc_m = 0\ncolour = \"red\""));
    assert_eq!(faults(&text).len(), 5, "{:?}", faults(&text));
}

#[test]
fn a_text_that_is_not_toml_is_one_fault_with_its_line() {
    let found = faults("enforced = \n");
    assert!(
        found.len() == 1 && found[0].starts_with("the file: is not TOML") && found[0].contains("line 1"),
        "{found:?}"
    );
}

#[test]
fn a_hundred_thousand_devices_are_read_and_one_more_is_refused() {
    let mut text = String::new();
    for number in 0..100_000 {
        text.push_str(&format!("[[device]]\nid = \"d{number}\"\nstation = \"s\"\nmobility = \"mobile\"\n"));
    }
    assert_eq!(parse_registry(&text).unwrap().devices.len(), 100_000);
    text.push_str("[[device]]\nid = \"x\"\nstation = \"s\"\nmobility = \"mobile\"\n");
    assert_eq!(faults(&text), ["device: there are 100001; at most 100000 are read"]);
}

/// The example with some of its lines changed, doubled, removed or cut.
fn damaged(example: &'static str) -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => Just(String::new()),
        1 => "[a-z_]{1,12} = (-?[0-9]{1,20}|\"[^\"\n]{0,10}\"|\\[\\[*\\]|\\{ *[a-z]* = nan \\}|inf|true|[0-9]{4}-99-01T00:00:00Z)",
        1 => "\\[{0,3}[a-z.]{0,10}\\]{0,3}",
        1 => "\\PC{0,40}",
    ];
    let count = example.lines().count();
    proptest::collection::vec((0..count, line), 1..8).prop_map(move |edits| {
        let mut lines: Vec<String> = example.lines().map(str::to_owned).collect();
        for (at, line) in edits {
            lines[at] = line;
        }
        lines.join("\n")
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = parse_registry(&text);
    }

    #[test]
    fn a_damaged_registry_is_read_or_refused_alike_each_time(text in damaged(EXAMPLE)) {
        let first = parse_registry(&text);
        prop_assert_eq!(&first, &parse_registry(&text));
        if let Err(faults) = first {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|fault| !fault.key.is_empty() && !fault.message.is_empty()));
        }
    }
}
