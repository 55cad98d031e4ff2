//! Rules about devices that hold in areas or on sides only: what is surely elsewhere is not judged, what may be is told so.

use serde_json::{Value, json};
use truceline_core::alert::Alert;
use truceline_core::log::Body;
use truceline_core::wire::RejectReason;

use crate::scene::*;

const UNDETERMINED: &str = "place_undetermined";

/// Four devices of one station: in the zone `square`, out of it on side A, on side B, and one that nobody placed.
fn registry() -> String {
    let timed = "interval_s = 60";
    fixed("st01-in01", "st01", 6_000.0, 1_000.0, timed)
        + &fixed("st01-ou01", "st01", 500.0, 0.0, timed)
        + &fixed("st01-so01", "st01", -500.0, 0.0, timed)
        + &mobile("st01-mo01", "st01", timed)
}

const DEVICES: [&str; 4] = ["st01-in01", "st01-ou01", "st01-so01", "st01-mo01"];

fn rule(kind: &str, more: &str) -> String {
    format!("[[rule]]\nid = \"r\"\nkind = \"{kind}\"\n{more}\n")
}

/// Whom alerts are about, and whether they say that the place is not determined.
fn told(alerts: &[Alert]) -> Vec<(String, bool)> {
    let told = alerts.iter().map(|alert| {
        let subject = alert.subject.replace("device:st01-", "");
        (subject, alert.labels.iter().any(|label| label == UNDETERMINED))
    });
    let mut told: Vec<(String, bool)> = told.collect();
    told.sort();
    told
}

fn of(wanted: &[(&str, bool)]) -> Vec<(String, bool)> {
    wanted.iter().map(|(subject, undetermined)| ((*subject).to_owned(), *undetermined)).collect()
}

/// What all devices say, under a rule with these terms: whom the alerts are about.
fn all_say(kind: &str, more: &str, fields: &Value, made_s: f64) -> Vec<(String, bool)> {
    let mut scene = Scene::new(&rule(kind, more), &registry());
    for device in DEVICES {
        scene.reading(device, made_s, 100.0, fields.clone());
    }
    told(&scene.alerts())
}

#[test]
fn tampering_and_clocks_are_judged_where_the_rule_holds_and_where_that_is_not_known() {
    let open = json!({"kind": "health", "data": {"enclosure": "open"}});
    let plain = json!({"kind": "health", "data": {}});
    for (kind, fields, made_s) in [("tamper", &open, 100.0), ("clock", &plain, 103.0)] {
        let said = |more: &str| all_say(kind, more, fields, made_s);
        assert_eq!(said(""), of(&[("in01", false), ("mo01", false), ("ou01", false), ("so01", false)]), "{kind}");
        assert_eq!(said("areas = [\"square\"]"), of(&[("in01", false), ("mo01", true)]), "{kind}");
        assert_eq!(said("sides = [\"b\"]"), of(&[("mo01", true), ("so01", false)]), "{kind}");
        let both = said("areas = [\"square\", \"near-b\"]\nsides = [\"a\"]");
        assert_eq!(both, of(&[("in01", false), ("mo01", true)]), "{kind}: the areas are bounded by the sides");
    }
}

#[test]
fn a_mobile_device_is_where_it_was_last_believed_to_be() {
    let (lat, lon) = at(-600.0, 0.0);
    let open = json!({"kind": "health", "data": {"enclosure": "open"},
        "position": {"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"}});
    assert_eq!(all_say("tamper", "areas = [\"square\"]", &open, 100.0), of(&[("in01", false)]));
    assert_eq!(all_say("tamper", "sides = [\"b\"]", &open, 100.0), of(&[("mo01", false), ("so01", false)]));
}

#[test]
fn a_device_so_near_to_the_line_that_no_side_is_sure_is_judged_on_both() {
    let near = fixed("st01-ne01", "st01", 1.0, 0.0, "");
    for side in ["a", "b"] {
        let mut scene = Scene::new(&rule("tamper", &format!("sides = [\"{side}\"]")), &near);
        scene.reading("st01-ne01", 100.0, 100.0, json!({"kind": "health", "data": {"enclosure": "open"}}));
        assert_eq!(told(&scene.alerts()), of(&[("ne01", true)]), "{side}");
    }
}

#[test]
fn what_is_refused_is_judged_by_the_place_of_the_device_in_whose_name_it_came() {
    for (kind, reason) in [("tamper", RejectReason::BadSignature), ("clock", RejectReason::TimeInFuture)] {
        let mut scene = Scene::new(&rule(kind, "areas = [\"square\"]"), &registry());
        for device in DEVICES {
            scene.health(device, 50.0);
            scene.reject(100.0, device, reason);
        }
        assert_eq!(told(&scene.alerts()), of(&[("in01", false), ("mo01", true)]), "{kind}");
    }
}

#[test]
fn silence_is_judged_where_the_rule_holds_and_of_a_station_those_devices_that_are_there() {
    let silent = |more: &str| {
        let mut scene = Scene::new(&rule("silence", &format!("grace_s = 0\n{more}")), &registry());
        scene.wait_until(1_000.0);
        told(&scene.alerts())
    };
    assert_eq!(silent(""), of(&[("station:st01", false)]));
    assert_eq!(silent("sides = [\"b\"]"), of(&[("station:st01", false)]), "one of the two is surely there");
    let mut scene = Scene::new(&rule("silence", "grace_s = 0\nareas = [\"square\"]"), &registry());
    scene.wait_until(1_000.0);
    let station = scene.only_alert();
    assert_eq!(station.details["devices"], json!(["st01-in01", "st01-mo01"]), "the others are out of it");
    // One that is out of the area is heard: that the two in it are silent stays so.
    scene.health("st01-in01", 1_010.0);
    scene.health("st01-ou01", 1_011.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("resolved"));
    for second in [1_060.0, 1_120.0, 1_180.0, 1_240.0] {
        scene.health("st01-in01", second);
    }
    let open = scene.alerts().into_iter().filter(|alert| alert.ended.is_none()).collect::<Vec<_>>();
    assert_eq!(told(&open), of(&[("mo01", true)]), "nobody knows where it is");
}

/// A zone of which a version is in force from a second on, around the device `in01`.
fn later_zone(from_s: f64) -> String {
    format!("[[zone]]\nid = \"later\"\nfile = \"square.geojson\"\nvalid_from = {}\n", t(from_s))
}

#[test]
fn what_is_silent_already_when_a_version_of_its_area_begins_is_told_then() {
    let rule = later_zone(5_000.0) + &rule("silence", "grace_s = 0\nareas = [\"later\"]");
    let devices = fixed("st01-in01", "st01", 6_000.0, 1_000.0, "interval_s = 60");
    let mut scene = Scene::new(&rule, &devices);
    scene.wait_until(4_999.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(5_001.0);
    assert_eq!(told(&scene.alerts()), of(&[("in01", false)]));
}

#[test]
fn a_device_that_the_registry_moves_out_of_the_area_is_silent_there_no_more() {
    let rule = rule("silence", "grace_s = 0\nareas = [\"square\"]");
    let devices = |north: f64| fixed("st01-in01", "st01", north, 1_000.0, "interval_s = 60");
    let mut scene = Scene::new(&rule, &devices(6_000.0));
    scene.wait_until(300.0);
    assert_eq!(scene.only_alert().ended, None);
    scene.enter(310.0, Body::Registry(truceline_core::log::Document::new(devices(100.0))));
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("registry_changed"));
}

#[test]
fn interference_counts_the_devices_on_its_sides_and_says_of_whom_that_is_not_sure() {
    let jammed = json!({"kind": "gnss_status", "data": {"jamming": "confirmed", "spoofing": "none"}});
    let region = |norths: [f64; 3], side: &str| {
        let devices: String =
            (0..3).map(|n| fixed(&format!("st01-gn0{n}"), "st01", norths[n], 100.0 * n as f64, "")).collect();
        let terms = format!("min_devices = 3\nradius_m = 5000\ndwell_s = 0\nsides = [\"{side}\"]");
        let mut scene = Scene::new(&rule("interference", &terms), &devices);
        for n in 0..3 {
            scene.reading(&format!("st01-gn0{n}"), 10.0, 10.0, jammed.clone());
        }
        told(&scene.alerts())
    };
    assert_eq!(region([100.0, 200.0, 300.0], "b"), []);
    assert_eq!(region([100.0, 200.0, 300.0], "a"), of(&[("region:st01-gn00", false)]));
    assert_eq!(region([100.0, 200.0, -300.0], "a"), [], "two are not enough");
    assert_eq!(region([1.0, 200.0, 300.0], "a"), of(&[("region:st01-gn00", true)]));
}

const KM: f64 = 1_000.0;

/// From and to, in kilometres along the line, of what is blind.
fn blind(alerts: &[Alert]) -> Vec<(i64, i64, Option<String>)> {
    let km = |alert: &Alert, key: &str| (alert.details[key].as_f64().unwrap() / KM).round() as i64;
    let told = |alert: &Alert| (km(alert, "from_chainage_m"), km(alert, "to_chainage_m"), alert.ended_reason.clone());
    alerts.iter().map(told).collect()
}

#[test]
fn coverage_is_about_the_stretches_that_reach_into_an_area_in_each_version_of_it() {
    // The line begins 74.6 km west of 38 E: the strip about its middle is in the stretches from 70 to 80 km.
    let strip = |from: &str, to: &str| {
        let (south, west) = at(-1_000.0, -4_000.0);
        let (north, east) = at(1_000.0, 4_000.0);
        let ring = json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
        let terms = format!("[[zone]]\nid = \"strip\"\nfile = \"strip.geojson\"\n{from}{to}");
        (terms, json!({"type": "Polygon", "coordinates": ring}).to_string())
    };
    let (terms, file) = strip(&format!("valid_from = {}\n", t(5_000.0)), &format!("valid_to = {}\n", t(9_000.0)));
    let rule = rule("coverage", "areas = [\"strip\"]\nstretch_m = 5000\ndwell_s = 600\ngrace_s = 0");
    let mut bundle = agreement(&(terms + &rule));
    bundle.files.insert("strip.geojson".to_owned(), file);
    let mut scene = Scene::of(bundle, &fixed("st01-ac01", "st01", 1_000.0, 0.0, "interval_s = 60"));
    scene.wait_until(4_999.0);
    assert_eq!(blind(&scene.alerts()), [], "all is blind, and the rule holds nowhere");
    scene.wait_until(5_001.0);
    assert_eq!(blind(&scene.alerts()), [(70, 80, None)], "told at once: it was blind for long");
    for cut in [0.3, 0.95] {
        assert_eq!(scene.replayed(cut).1, scene.outputs, "{cut}");
    }
    scene.wait_until(9_001.0);
    assert_eq!(blind(&scene.alerts()), [(70, 80, Some("not_in_force".to_owned()))]);
}
