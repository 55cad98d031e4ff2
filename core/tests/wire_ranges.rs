//! The ends of every range of the contract: the last value taken, the first refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use truceline_core::id::Id;
use truceline_core::wire::{Encoding, Fault, Reading, RejectReason, decode, to_cbor};

fn decoded(value: &Value) -> Result<Reading, Fault> {
    let device: Id = "st07-ac03".parse().unwrap();
    let text = value.to_string();
    let result = decode(Encoding::Json, text.as_bytes(), &device).remove(0).result;
    if let Ok(reading) = &result {
        let cbor = decode(Encoding::Cbor, &to_cbor(reading), &device).remove(0).result;
        assert_eq!(cbor.as_ref(), Ok(reading), "CBOR has the same ranges");
    }
    result
}

/// A valid reading of `kind` with all that its data may hold.
fn full(kind: &str) -> Value {
    let data = match kind {
        "acoustic_detection" | "seismic_detection" => json!({
            "class": "explosion", "confidence": 0.5, "snr_db": 3, "bearing_deg": 1, "bearing_sd_deg": 1,
            "duration_ms": 5, "count": 1
        }),
        "object_track" => json!({
            "track": "t", "class": "tank", "calibre_mm": 125, "confidence": 0.5,
            "position": {"lat": 1, "lon": 1, "hacc_m": 1}, "bearing_deg": 1, "bearing_sd_deg": 1, "range_m": 1,
            "range_sd_m": 1, "speed_mps": 1, "heading_deg": 1
        }),
        "uav_detection" => json!({
            "track": "t", "class": "multirotor", "confidence": 0.5, "bearing_deg": 1, "bearing_sd_deg": 1,
            "range_m": 1, "range_sd_m": 1, "speed_mps": 1, "heading_deg": 1, "alt_agl_m": 1
        }),
        "gnss_status" => json!({"jamming": "none", "spoofing": "none", "cn0_mean_dbhz": 40}),
        "weather" => json!({"temperature_c": 1, "wind_speed_mps": 1, "wind_from_deg": 1}),
        "health" => json!({
            "battery_pct": 1, "enclosure": "closed", "tilt_deg": 1, "shock_g": 1, "storage_pct": 1,
            "dropped": [[1, 2, 3]]
        }),
        "patrol_report" => json!({
            "observation": "shot", "means": "heard", "count": 1, "count_qualifier": "about",
            "assessment": "undetermined", "weapon": {"class": "mortar", "calibre_mm": 82, "text": "x"},
            "sector_deg": 1, "sector_width_deg": 1, "range_min_m": 1, "range_max_m": 2,
            "observed_to": "2026-11-24T03:00:00Z", "note": "n"
        }),
        "access_report" => json!({"access": "denied", "by": "x", "duration_s": 1, "note": "n"}),
        "site_inspection" => json!({
            "site": "site-1", "expected": [{"class": "mlrs", "calibre_mm": 122, "count": 2}],
            "seen": [{"class": "mlrs", "calibre_mm": 122, "count": 2}], "access": "granted", "note": "n"
        }),
        _ => json!({
            "hazard": "mine", "position": {"lat": 1, "lon": 1, "hacc_m": 1}, "sector_deg": 1, "sector_width_deg": 1,
            "range_min_m": 1, "range_max_m": 2, "note": "n"
        }),
    };
    json!({
        "v": 1, "device": "st07-ac03", "boot": 12, "seq": 4711, "time": "2026-11-24T03:00:00.123456Z",
        "clock": {"source": "gnss", "uncertainty_ms": 5, "since_sync_s": 5}, "uptime_ms": 5,
        "position": {"lat": 48, "lon": 37, "alt_m": 121, "hacc_m": 4, "fix": "3d", "satellites": 11},
        "kind": kind, "data": data,
        "attachments": [{"sha256": "a".repeat(64), "media_type": "image/jpeg", "bytes": 5}], "test": true
    })
}

/// JSON pointer of a path such as `data.seen[0].count`.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
}

fn set(kind: &str, path: &str, to: &Value) -> Value {
    let mut value = full(kind);
    *value.pointer_mut(&pointer(path)).unwrap_or_else(|| panic!("{kind} has no {path}")) = to.clone();
    value
}

const ALL: &str = "acoustic_detection";
const HUGE: u64 = 1 << 53;

/// Kind, path, what is taken, what is out of range.
fn ranges() -> Vec<(&'static str, &'static str, Vec<Value>, Vec<Value>)> {
    let from_zero = || (vec![json!(0), json!(1e300)], vec![json!(-0.001), json!("1"), json!([])]);
    let over_zero = || (vec![json!(0.001), json!(1e300)], vec![json!(0), json!(-1), json!(true)]);
    let degrees = || (vec![json!(0), json!(360)], vec![json!(-0.001), json!(360.001), json!({})]);
    let any_number = || (vec![json!(-1e300), json!(1e300)], vec![json!("1")]);
    let share = || (vec![json!(0), json!(1)], vec![json!(-0.001), json!(1.001), json!("1")]);
    let percent = || (vec![json!(0), json!(100)], vec![json!(-0.1), json!(100.1)]);
    let u32s = |least: u32| {
        let low = if least == 0 { json!(-1) } else { json!(least - 1) };
        (vec![json!(least), json!(u32::MAX), json!(7.0)], vec![low, json!(4_294_967_296_u64), json!(1.5), json!("1")])
    };
    let text = |least: usize, most: usize| {
        let mut out = vec![json!("é".repeat(most + 1)), json!(1.5)];
        if least > 0 {
            out.push(json!(""));
        }
        (vec![json!("é".repeat(least)), json!("é".repeat(most))], out)
    };
    let word = |words: &[&str]| {
        (words.iter().map(|word| json!(word)).collect::<Vec<_>>(), vec![json!("no-such-word"), json!(1)])
    };
    let times = || {
        (
            vec![json!("1970-01-01T00:00:00Z"), json!("2026-11-24T03:00:00.123456789Z")],
            vec![json!("2026-11-24T03:00:00.1234567891Z"), json!("2026-11-24T03:00:00+00:00"), json!(1_764_000_000)],
        )
    };
    let lat = || (vec![json!(-90), json!(90)], vec![json!(-90.001), json!(90.001), json!("48")]);
    let lon = || (vec![json!(-180), json!(180)], vec![json!(-180.001), json!(180.001), json!("37")]);
    let accuracy = || (vec![json!(0), json!(0.001), json!(1e7)], vec![json!(-0.001), json!("4")]);
    let access = || word(&["denied", "delayed", "conditional", "granted"]);
    let objects =
        ["person", "vehicle", "armoured_vehicle", "tank", "artillery", "mortar", "mlrs", "engineering", "unknown"];
    let class = |known: &[&str]| {
        let taken = known.iter().copied().chain(["balloon", ""]).map(|word| json!(word)).collect::<Vec<_>>();
        (taken, vec![json!(1), json!(true)])
    };
    let list = |element: Value, most: usize| {
        (
            vec![json!([]), json!(vec![element.clone(); most])],
            vec![json!(vec![element; most + 1]), json!("x"), json!({})],
        )
    };
    let mut table = vec![
        (ALL, "boot", u32s(0)),
        (ALL, "seq", (vec![json!(0), json!(HUGE - 1)], vec![json!(-1), json!(HUGE), json!(0.5), json!("1")])),
        (ALL, "time", times()),
        (ALL, "clock", (vec![json!({"source": "none"})], vec![json!(1), json!([])])),
        (ALL, "clock.source", word(&["gnss", "holdover", "ntp", "rtc", "none"])),
        (ALL, "clock.uncertainty_ms", (vec![json!(0), json!(86_400_000)], vec![json!(-0.1), json!(86_400_000.1)])),
        (ALL, "clock.since_sync_s", from_zero()),
        (ALL, "uptime_ms", from_zero()),
        (ALL, "position", (vec![Value::Null, json!({"fix": "none"})], vec![json!([48, 37]), json!("48,37")])),
        (ALL, "position.lat", lat()),
        (ALL, "position.lon", lon()),
        (ALL, "position.alt_m", any_number()),
        (ALL, "position.hacc_m", accuracy()),
        (ALL, "position.fix", word(&["3d", "2d", "surveyed", "none"])),
        (ALL, "position.satellites", (vec![json!(0), json!(255)], vec![json!(-1), json!(256), json!(1.5)])),
        (ALL, "data", (vec![json!({"class": "uav", "confidence": 0})], vec![json!([]), json!("x")])),
        (ALL, "kind", (vec![json!("seismic_detection")], vec![json!(1)])),
        (ALL, "test", (vec![json!(true), json!(false), Value::Null], vec![json!(1), json!("true")])),
        (ALL, "attachments", list(json!({"sha256": "0".repeat(64), "media_type": "text/plain", "bytes": 0}), 16)),
        (
            ALL,
            "attachments[0].sha256",
            (vec![json!("A".repeat(64))], vec![json!("a".repeat(63)), json!("a".repeat(65)), json!("g".repeat(64))]),
        ),
        (ALL, "attachments[0].media_type", text(1, 128)),
        (ALL, "attachments[0].bytes", (vec![json!(0), json!(HUGE - 1)], vec![json!(-1), json!(HUGE)])),
        ("object_track", "data.track", {
            let (mut taken, out) = text(1, 64);
            taken.extend([json!(7), json!(-7)]);
            (taken, out)
        }),
        ("object_track", "data.class", class(&objects)),
        ("object_track", "data.calibre_mm", over_zero()),
        ("object_track", "data.position.lat", lat()),
        ("object_track", "data.position.lon", lon()),
        ("object_track", "data.position.hacc_m", accuracy()),
        ("uav_detection", "data.track", text(1, 64)),
        ("uav_detection", "data.class", class(&["multirotor", "fixed_wing", "unknown"])),
        ("uav_detection", "data.alt_agl_m", any_number()),
        ("gnss_status", "data.jamming", word(&["none", "suspected", "confirmed"])),
        ("gnss_status", "data.spoofing", word(&["none", "suspected", "confirmed"])),
        ("gnss_status", "data.cn0_mean_dbhz", any_number()),
        ("weather", "data.temperature_c", (vec![json!(-273.15), json!(60)], vec![json!(-273.16), json!("1")])),
        ("weather", "data.wind_speed_mps", from_zero()),
        ("weather", "data.wind_from_deg", degrees()),
        ("health", "data.battery_pct", percent()),
        ("health", "data.storage_pct", percent()),
        ("health", "data.enclosure", word(&["closed", "open"])),
        ("health", "data.tilt_deg", (vec![json!(-360), json!(360)], vec![json!("1")])),
        ("health", "data.shock_g", from_zero()),
        ("health", "data.dropped", {
            let (taken, mut out) = list(json!([1, 2, 2]), 256);
            out.extend([json!([[1, 3, 2]]), json!([[1, 2]]), json!([[-1, 2, 3]]), json!([[1, 2, HUGE]]), json!([1])]);
            (taken, out)
        }),
        (
            "patrol_report",
            "data.observation",
            word(&[
                "explosion",
                "shot",
                "burst",
                "projectile",
                "muzzle_flash",
                "illumination_flare",
                "vehicle",
                "weapon",
                "uav",
                "other",
            ]),
        ),
        ("patrol_report", "data.means", word(&["saw", "heard", "recorded", "imagery", "reported"])),
        ("patrol_report", "data.count", u32s(0)),
        ("patrol_report", "data.count_qualifier", word(&["exact", "about", "at_least"])),
        (
            "patrol_report",
            "data.assessment",
            word(&[
                "undetermined",
                "outgoing",
                "incoming",
                "impact",
                "airburst",
                "live_fire_exercise",
                "controlled_detonation",
            ]),
        ),
        ("patrol_report", "data.weapon", (vec![json!({})], vec![json!("mortar")])),
        ("patrol_report", "data.weapon.class", class(&objects)),
        ("patrol_report", "data.weapon.calibre_mm", over_zero()),
        ("patrol_report", "data.weapon.text", text(0, 200)),
        ("patrol_report", "data.range_min_m", (vec![json!(0), json!(2)], vec![json!(-1), json!(2.1)])),
        ("patrol_report", "data.observed_to", times()),
        ("patrol_report", "data.note", text(0, 2000)),
        ("access_report", "data.access", access()),
        ("access_report", "data.by", text(0, 200)),
        ("access_report", "data.duration_s", from_zero()),
        ("access_report", "data.note", text(0, 2000)),
        ("site_inspection", "data.site", (vec![json!("a"), json!("x".repeat(32))], vec![json!(""), json!("A")])),
        ("site_inspection", "data.access", access()),
        ("site_inspection", "data.note", text(0, 2000)),
        ("hazard_report", "data.hazard", word(&["mine", "uxo", "trap", "other"])),
        ("hazard_report", "data.position.lat", lat()),
        ("hazard_report", "data.position.hacc_m", accuracy()),
        ("hazard_report", "data.note", text(0, 2000)),
    ];
    for kind in ["acoustic_detection", "seismic_detection"] {
        let sounds =
            ["explosion", "gunfire", "launch", "aircraft", "helicopter", "uav", "missile", "vehicle", "unknown"];
        table.push((kind, "data.class", class(&sounds)));
        table.push((kind, "data.snr_db", any_number()));
        table.push((kind, "data.duration_ms", from_zero()));
        table.push((kind, "data.count", u32s(1)));
    }
    for kind in ["acoustic_detection", "seismic_detection", "object_track", "uav_detection"] {
        table.push((kind, "data.confidence", share()));
        table.push((kind, "data.bearing_deg", degrees()));
        table.push((kind, "data.bearing_sd_deg", over_zero()));
    }
    for kind in ["object_track", "uav_detection"] {
        table.push((kind, "data.range_m", from_zero()));
        table.push((kind, "data.range_sd_m", over_zero()));
        table.push((kind, "data.speed_mps", from_zero()));
        table.push((kind, "data.heading_deg", degrees()));
    }
    for kind in ["patrol_report", "hazard_report"] {
        table.push((kind, "data.sector_deg", degrees()));
        table.push((kind, "data.sector_width_deg", degrees()));
        table.push((kind, "data.range_max_m", (vec![json!(1), json!(1e300)], vec![json!(-1), json!("1")])));
    }
    for list_path in ["data.expected", "data.seen"] {
        table.push(("site_inspection", list_path, list(json!({"class": "tank", "count": 0}), 256)));
    }
    for (path, range) in [
        ("data.expected[0].class", class(&objects)),
        ("data.seen[0].calibre_mm", over_zero()),
        ("data.seen[0].count", u32s(0)),
    ] {
        table.push(("site_inspection", path, range));
    }
    table.into_iter().map(|(kind, path, (taken, out))| (kind, path, taken, out)).collect()
}

#[test]
fn the_ends_of_each_range_are_taken_and_what_lies_beyond_is_refused_with_its_path() {
    for (kind, path, taken, out) in ranges() {
        for to in taken {
            if let Err(fault) = decoded(&set(kind, path, &to)) {
                panic!("{kind} {path} = {to}: {fault}");
            }
        }
        for to in out {
            let fault = decoded(&set(kind, path, &to)).expect_err(&format!("{kind} {path} = {to}"));
            assert_eq!(
                (fault.reason, fault.path.as_deref()),
                (RejectReason::OutOfRange, Some(path)),
                "{kind} {path} = {to}"
            );
            let identity = if path == "boot" || path == "seq" { None } else { Some((12, 4711)) };
            assert_eq!(fault.identity, identity, "{kind} {path} = {to}");
        }
    }
}

#[test]
fn every_field_may_be_absent_or_null_but_the_required_ones() {
    let required = |kind: &str| -> Vec<&'static str> {
        let mut paths =
            vec!["v", "device", "boot", "seq", "time", "clock", "clock.source", "position.fix", "kind", "data"];
        paths.extend(["position.lat", "position.lon"]);
        paths.extend(["attachments[0].sha256", "attachments[0].media_type", "attachments[0].bytes"]);
        paths.extend(match kind {
            "acoustic_detection" | "seismic_detection" => &["data.class", "data.confidence"][..],
            "object_track" => &["data.track", "data.class", "data.position.lat", "data.position.lon"],
            "uav_detection" => &["data.track", "data.class"],
            "gnss_status" => &["data.jamming", "data.spoofing"],
            "weather" => &["data.temperature_c"],
            "patrol_report" => &["data.observation", "data.means"],
            "access_report" => &["data.access"],
            "site_inspection" => &[
                "data.site",
                "data.expected[0].class",
                "data.expected[0].count",
                "data.seen[0].class",
                "data.seen[0].count",
            ],
            "hazard_report" => &["data.hazard", "data.position.lat", "data.position.lon"],
            _ => &[],
        });
        paths
    };
    // One of a pair cannot go alone; the missing one is named.
    let partner = |path: &str| match path {
        "data.bearing_deg" | "data.bearing_sd_deg" | "data.range_m" | "data.range_sd_m" => Some(path.to_owned()),
        _ => None,
    };
    for kind in truceline_core::wire::KINDS {
        assert!(decoded(&full(kind)).is_ok(), "{kind}: {:?}", decoded(&full(kind)));
        let mut paths = Vec::new();
        collect(&full(kind), "", &mut paths);
        for path in paths.iter().filter(|path| !path.ends_with(']')) {
            let mut without = full(kind);
            let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
            let parent = if parent.is_empty() { String::new() } else { pointer(parent) };
            without.pointer_mut(&parent).and_then(Value::as_object_mut).unwrap().remove(key);
            for value in [without, set(kind, path, &Value::Null)] {
                let expected = if required(kind).contains(&path.as_str()) { Some(path.clone()) } else { partner(path) };
                match (decoded(&value), expected) {
                    (Ok(_), None) => {}
                    (Err(fault), Some(path)) => {
                        assert_eq!((fault.reason, fault.path), (RejectReason::MissingField, Some(path)), "{kind}");
                    }
                    (result, expected) => panic!("{kind} without {path}: {result:?}, not {expected:?}"),
                }
            }
        }
    }
}

fn collect(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let own = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                into.push(own.clone());
                collect(value, &own, into);
            }
        }
        // A triple of numbers has no fields.
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            collect(&items[0], &format!("{path}[0]"), into);
        }
        _ => {}
    }
}

#[test]
fn a_hazard_needs_a_position_or_a_sector_with_a_range() {
    let hazard = |data: Value| {
        let mut value = full("hazard_report");
        value["data"] = data;
        decoded(&value)
    };
    assert!(hazard(json!({"hazard": "mine", "sector_deg": 10, "range_max_m": 300})).is_ok());
    assert!(hazard(json!({"hazard": "mine", "position": {"lat": 1, "lon": 1}})).is_ok());
    for data in [json!({"hazard": "mine", "sector_deg": 10}), json!({"hazard": "mine", "range_max_m": 10})] {
        let fault = hazard(data).unwrap_err();
        assert_eq!((fault.reason, fault.path.as_deref()), (RejectReason::MissingField, Some("data.position")));
    }
}

#[test]
fn a_range_without_a_bearing_is_half_a_place() {
    let mut value = full("object_track");
    value["data"] = json!({"track": "t", "class": "tank", "range_m": 10, "range_sd_m": 1});
    let fault = decoded(&value).unwrap_err();
    assert_eq!((fault.reason, fault.path.as_deref()), (RejectReason::MissingField, Some("data.bearing_deg")));
}
