//! Disturbed satellite navigation in a region, and the devices that it displaces.

use serde_json::{Value, json};
use truceline_core::alert::{Alert, CertaintyWord, PlaceExtent, Timeliness};
use truceline_core::engine::Engine;
use truceline_core::geometry::{LonLat, distance_m};
use truceline_core::log::{Body, Document};

use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "jam"
kind = "interference"
min_devices = 3
radius_m = 10000
dwell_s = 60
cool_down_s = 600
"#;

const TAMPER: &str = r#"
[[rule]]
id = "tamper"
kind = "tamper"
displacement_m = 50
"#;

fn name(number: usize) -> String {
    format!("st01-gn{number:02}")
}

/// Devices on a line 1 km north of the contact line, so many kilometres east.
fn registry(km_east: &[f64]) -> String {
    km_east.iter().enumerate().map(|(n, km)| fixed(&name(n), "st01", 1_000.0, km * 1_000.0, "")).collect()
}

pub fn gnss(jamming: &str, spoofing: &str) -> Value {
    json!({"kind": "gnss_status", "data": {"jamming": jamming, "spoofing": spoofing}})
}

fn elsewhere(north_m: f64, km_east: f64) -> Value {
    let (lat, lon) = at(1_000.0 + north_m, km_east * 1_000.0);
    json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"}})
}

fn all_say(scene: &mut Scene, devices: std::ops::Range<usize>, second: f64, fields: &Value) -> Vec<Alert> {
    devices.flat_map(|n| scene.reading(&name(n), second + n as f64 * 0.1, second + 1.0, fields.clone())).collect()
}

fn open(scene: &Scene) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|alert| alert.ended.is_none()).collect()
}

#[test]
fn enough_devices_near_one_another_for_the_dwell_are_one_alert_that_grows() {
    let mut scene = Scene::new(RULE, &registry(&[0.0, 3.0, 6.0, 9.0]));
    all_say(&mut scene, 0..3, 0.0, &gnss("suspected", "none"));
    all_say(&mut scene, 0..3, 50.0, &gnss("suspected", "none"));
    assert!(scene.alerts().is_empty(), "the dwell has not passed");
    all_say(&mut scene, 0..3, 90.0, &gnss("suspected", "none"));
    let alert = scene.only_alert();
    assert_eq!((alert.subject.as_str(), alert.category.as_str()), ("region:st01-gn00", "interference"));
    assert_eq!((alert.certainty.probability, alert.certainty.word), (0.6, CertaintyWord::Likely));
    assert_eq!(alert.labels, ["interference:jamming"]);
    assert_eq!(alert.details["since"], "2026-11-24T12:00:00Z");
    assert!(alert.evidence.len() >= 3, "each device's word is there: {:?}", alert.evidence);
    all_say(&mut scene, 3..4, 100.0, &gnss("none", "confirmed"));
    scene.wait_until(120.0);
    let alert = scene.only_alert();
    assert_eq!((&alert.details["devices_reporting"], alert.detections), (&4.into(), 10));
    assert_eq!(alert.labels, ["interference:jamming", "interference:spoofing"]);
}

#[test]
fn its_place_holds_the_devices_and_is_said_not_to_be_the_cause() {
    let km = [0.0, 3.0, 6.0, 9.0];
    let mut scene = Scene::new(RULE, &registry(&km));
    for second in [0.0, 90.0, 180.0] {
        all_say(&mut scene, 0..4, second, &gnss("confirmed", "none"));
    }
    scene.wait_until(300.0);
    let alert = scene.only_alert();
    let Some(PlaceExtent::Disc { position, radius_m }) = alert.place.as_ref().map(|place| place.extent) else {
        panic!("{:?}", alert.place)
    };
    for east in km {
        let (lat, lon) = at(1_000.0, east * 1_000.0);
        assert!(distance_m(position, LonLat { lon, lat }) <= radius_m);
    }
    assert!(radius_m < 6_000.0, "{radius_m}");
    assert_eq!(alert.details["place_of"], "devices");
    assert!(alert.summary.contains("not where the cause is"), "{}", alert.summary);
    assert!(!alert.summary.contains("side"), "{}", alert.summary);
}

#[test]
fn devices_in_a_chain_are_not_within_the_distance_of_one_another() {
    let mut scene = Scene::new(RULE, &registry(&[0.0, 8.0, 16.0]));
    for second in [0.0, 90.0, 180.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    assert!(scene.alerts().is_empty());
}

#[test]
fn regions_far_apart_are_alerts_of_their_own_and_one_when_they_meet() {
    // Two groups, 20 km apart, and one device halfway between.
    let km = [0.0, 1.0, 2.0, 20.0, 21.0, 22.0, 11.0];
    let mut scene = Scene::new(RULE, &registry(&km));
    for second in [0.0, 90.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    for second in [100.0, 190.0] {
        all_say(&mut scene, 3..6, second, &gnss("confirmed", "none"));
    }
    let subjects = |scene: &Scene| open(scene).into_iter().map(|alert| alert.subject).collect::<Vec<_>>();
    assert_eq!(subjects(&scene), ["region:st01-gn00", "region:st01-gn03"]);
    all_say(&mut scene, 6..7, 200.0, &gnss("suspected", "none"));
    assert_eq!(subjects(&scene), ["region:st01-gn00"], "the older alert goes on");
    let ended: Vec<_> = scene.alerts().into_iter().filter_map(|alert| alert.ended_reason).collect();
    assert_eq!(ended, ["folded"]);
    scene.wait_until(230.0);
    assert_eq!(open(&scene)[0].details["devices_reporting"], 7);
}

#[test]
fn it_ends_at_once_when_half_are_left_and_cools_down_when_too_few_say_anything() {
    let mut scene = Scene::new(RULE, &registry(&[0.0, 1.0, 2.0]));
    for second in [0.0, 90.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    all_say(&mut scene, 0..1, 120.0, &gnss("none", "none"));
    assert_eq!(open(&scene).len(), 1, "two of three are left");
    all_say(&mut scene, 1..2, 130.0, &gnss("none", "none"));
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("resolved"));
    let mut scene = Scene::new(RULE, &registry(&[0.0, 1.0, 2.0]));
    for second in [0.0, 90.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    all_say(&mut scene, 0..1, 120.0, &gnss("none", "none"));
    // The two that are left are too few to keep it open.
    for second in [300.0, 500.0, 700.0] {
        all_say(&mut scene, 1..3, second, &gnss("confirmed", "none"));
    }
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("cool_down"));
    all_say(&mut scene, 0..3, 720.0, &gnss("confirmed", "none"));
    all_say(&mut scene, 0..3, 800.0, &gnss("confirmed", "none"));
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 2);
    assert_ne!(alerts[0].id, alerts[1].id);
}

#[test]
fn a_lost_fix_adds_to_a_region_and_begins_none() {
    let fix =
        json!({"kind": "health", "data": {}, "position": {"lat": 48.01, "lon": 38.0, "fix": "3d", "satellites": 9}});
    let lost = json!({"kind": "health", "data": {}, "position": {"fix": "none"}});
    let mut scene = Scene::new(RULE, &registry(&[0.0, 1.0, 2.0]));
    all_say(&mut scene, 0..3, 0.0, &fix);
    for second in [10.0, 100.0, 200.0] {
        all_say(&mut scene, 0..3, second, &lost);
    }
    assert!(scene.alerts().is_empty(), "trees and snow take a fix too");
    all_say(&mut scene, 0..1, 210.0, &gnss("suspected", "none"));
    let alert = scene.only_alert();
    assert_eq!((alert.certainty.probability, alert.certainty.word), (0.3, CertaintyWord::Possible));
}

#[test]
fn clocks_that_leap_together_are_a_sign() {
    let mut scene = Scene::new(RULE, &registry(&[0.0, 1.0, 2.0]));
    for round in 0..6 {
        for n in 0..3 {
            let second = f64::from(round) * 60.0 + n as f64;
            let leap = if round < 2 { 0.0 } else { 5.0 };
            let fields = json!({"kind": "health", "data": {}, "uptime_ms": second * 1_000.0 + 7_000.0});
            scene.reading(&name(n), second + leap, second + 6.0, fields);
        }
    }
    assert_eq!(scene.only_alert().labels, ["interference:clock_leap"]);
}

#[test]
fn one_device_elsewhere_is_tampering_and_many_at_one_time_are_interference() {
    let rules = format!("{RULE}{TAMPER}");
    let km = [0.0, 1.0, 2.0, 3.0, 40.0];
    let mut scene = Scene::new(&rules, &registry(&km));
    let displace = |scene: &mut Scene, n: usize, second: f64| {
        scene.reading(&name(n), second, second + 1.0, elsewhere(500.0, km[n]))
    };
    for round in 0..6 {
        for n in 0..5 {
            displace(&mut scene, n, f64::from(round) * 30.0 + n as f64);
        }
    }
    let told: Vec<_> = scene
        .alerts()
        .into_iter()
        .map(|alert| (alert.category, alert.subject, alert.ended_reason.unwrap_or_default()))
        .collect();
    let told: Vec<_> = told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(
        told,
        [
            ("tamper", "device:st01-gn00", "folded"),
            ("tamper", "device:st01-gn01", "folded"),
            ("tamper", "device:st01-gn04", ""),
            ("interference", "region:st01-gn00", ""),
        ],
        "those before the third were told, the third and fourth were one of many, the far one is alone"
    );
    let alert = scene.alerts().pop().unwrap();
    assert_eq!(alert.labels, ["interference:displaced", "many_displaced"]);
    assert_eq!(alert.details["devices_displaced"], 4);
}

#[test]
fn many_that_are_not_so_for_the_dwell_leave_the_first_tampering_open_and_hide_nothing() {
    let rules = format!("{RULE}{TAMPER}");
    let mut scene = Scene::new(&rules, &registry(&[0.0, 1.0, 2.0]));
    for second in [0.0, 10.0, 20.0] {
        for n in 0..3 {
            scene.reading(&name(n), second + n as f64, second + 4.0, elsewhere(500.0, n as f64));
        }
    }
    for n in 1..3 {
        scene.reading(&name(n), 40.0, 41.0, elsewhere(0.0, n as f64));
    }
    scene.wait_until(60.0);
    let labels: Vec<_> = open(&scene).into_iter().map(|alert| (alert.subject, alert.labels)).collect();
    assert_eq!(labels.len(), 2, "{labels:?}");
    assert!(labels[0].1.contains(&"many_displaced".to_owned()), "{labels:?}");
    // Alone again, the third that was held back is told when it goes on.
    for second in [100.0, 110.0] {
        scene.reading(&name(2), second, second + 1.0, elsewhere(500.0, 2.0));
    }
    scene.wait_until(130.0);
    assert_eq!(open(&scene).len(), 3);
}

#[test]
fn an_opened_device_is_told_also_where_many_are_displaced() {
    let rules = format!("{RULE}{TAMPER}");
    let mut scene = Scene::new(&rules, &registry(&[0.0, 1.0, 2.0]));
    for round in 0..5 {
        for n in 0..3 {
            let second = f64::from(round) * 30.0 + n as f64;
            scene.reading(&name(n), second, second + 1.0, elsewhere(500.0, n as f64));
        }
    }
    scene.reading(&name(1), 160.0, 161.0, json!({"kind": "health", "data": {"enclosure": "open"}}));
    let causes: Vec<_> =
        open(&scene).into_iter().filter(|a| a.category == "tamper").map(|a| a.details["cause"].clone()).collect();
    assert_eq!(causes, ["opened"]);
}

#[test]
fn without_an_interference_rule_each_displaced_device_is_tampering() {
    let mut scene = Scene::new(TAMPER, &registry(&[0.0, 1.0, 2.0]));
    for round in 0..5 {
        for n in 0..3 {
            let second = f64::from(round) * 30.0 + n as f64;
            scene.reading(&name(n), second, second + 1.0, elsewhere(500.0, n as f64));
        }
    }
    assert_eq!(open(&scene).len(), 3);
}

#[test]
fn stores_that_come_late_device_by_device_are_one_late_alert() {
    let mut scene = Scene::new(RULE, &registry(&[0.0, 1.0, 2.0]));
    let week = 7.0 * 86_400.0;
    for n in 0..3 {
        for minute in 0..20 {
            let jammed = (5..12).contains(&minute);
            let fields = gnss(if jammed { "confirmed" } else { "none" }, "none");
            scene.reading(&name(n), f64::from(minute) * 60.0, week + n as f64, fields);
        }
    }
    let alert = scene.only_alert();
    assert_eq!((alert.timeliness, &alert.subject[..]), (Timeliness::Late, "region:st01-gn00"));
    assert_eq!(alert.details["since"], "2026-11-24T12:05:00Z");
}

#[test]
fn it_holds_only_in_its_hours_and_areas() {
    let hours = format!("{RULE}hours = [\"13:00-14:00\"]\n");
    let mut scene = Scene::new(&hours, &registry(&[0.0, 1.0, 2.0]));
    for second in (0..60).map(|n| f64::from(n) * 60.0) {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
        assert!(scene.alerts().is_empty(), "{second}");
    }
    for second in [3_600.0, 3_660.0, 3_720.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    assert_eq!(open(&scene).len(), 1);
    let areas = format!("{RULE}areas = [\"square\"]\n");
    let mut scene = Scene::new(&areas, &registry(&[0.0, 1.0, 2.0]));
    for second in [0.0, 90.0, 180.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    assert!(scene.alerts().is_empty(), "the devices stand outside of the area");
}

#[test]
fn another_radius_begins_anew() {
    let mut scene = Scene::new(RULE, &registry(&[0.0, 1.0, 2.0]));
    for second in [0.0, 90.0] {
        all_say(&mut scene, 0..3, second, &gnss("confirmed", "none"));
    }
    let wider = agreement(&RULE.replace("10000", "20000")).document();
    scene.enter(100.0, Body::Agreement(wider));
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("agreement_changed"));
}

/// How long this thread has computed, in seconds, where the system tells: what else runs on the machine does not count.
fn computed_s() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// Seconds that four rounds of reports take, of devices along the front, 50 m apart: some 400 near each.
fn seconds_for(count: usize) -> f64 {
    let registry: String =
        (0..count).map(|n| fixed(&format!("st01-{n}"), "st01", 1_000.0, n as f64 * 50.0, "")).collect();
    let mut bodies = Scene::empty();
    let mut entries: Vec<Body> = vec![
        Body::Agreement(agreement(&RULE.replace("cool_down_s = 600", "cool_down_s = 6000")).document()),
        Body::Registry(Document::new(registry)),
    ];
    for round in 0..4 {
        for n in 0..count {
            entries.push(bodies.reading_body(&format!("st01-{n}"), f64::from(round) * 40.0, gnss("confirmed", "none")));
        }
    }
    let (began, before_s) = (std::time::Instant::now(), computed_s());
    let mut engine = Engine::new();
    for (offset, body) in entries.into_iter().enumerate() {
        engine.handle_entry(&truceline_core::log::Entry { offset: offset as u64 + 1, arrived: t(200.0), body });
        while engine.poll_output().is_some() {}
    }
    assert_eq!(engine.open_alerts().len(), 1);
    let computed = computed_s() - before_s;
    if computed > 0.0 { computed } else { began.elapsed().as_secs_f64() }
}

#[test]
fn five_thousand_devices_do_not_make_it_quadratic() {
    // By turns, the least of each: what disturbs one round hardly disturbs all.
    let rounds: Vec<(f64, f64)> = (0..3).map(|_| (seconds_for(500), seconds_for(5_000))).collect();
    let (few, many) = rounds.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))).unwrap();
    // Ten times as many would take a hundred times as long.
    assert!(many < 40.0 * few, "{many} s for 5,000 devices, {few} s for 500");
}
