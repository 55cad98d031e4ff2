//! Stretches of the line that no working sensor covers.

use serde_json::{Value, json};
use truceline_core::agreement::Bundle;
use truceline_core::alert::{Alert, PlaceExtent};
use truceline_core::log::{Body, Document, StateEntry};
use truceline_core::wire::DeviceState;

use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "blind"
kind = "coverage"
stretch_m = 5000
dwell_s = 600
grace_s = 60
"#;

/// The line from 37 E to 39 E along 48 N, in stretches of five kilometres: the last is shorter.
const STRETCHES: u32 = 30;

fn hears(range_m: f64) -> String {
    format!("interval_s = 60\nrange_m = {{ explosion = {range_m} }}")
}

/// Sensors all along the line, 14 km apart, each hearing 10 km: every place is heard, some by two.
fn chain() -> String {
    (0..11).map(|n| fixed(&name(n), "st01", 1_000.0, f64::from(n) * 14_000.0 - 70_000.0, &hears(10_000.0))).collect()
}

fn name(number: i32) -> String {
    format!("st01-ac{number:02}")
}

/// All but some are heard each minute, from one second to another.
fn hear(scene: &mut Scene, from: i32, to: i32, devices: i32, but: &[i32]) {
    for minute in (from..to).step_by(60) {
        for n in (0..devices).filter(|n| !but.contains(n)) {
            scene.health(&name(n), f64::from(minute) + f64::from(n) * 0.01);
        }
    }
}

fn open(scene: &Scene) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|alert| alert.ended.is_none()).collect()
}

fn blind(scene: &Scene) -> Vec<(i64, i64)> {
    let km = |alert: &Alert, key: &str| (alert.details[key].as_f64().unwrap() / 1_000.0).round() as i64;
    open(scene).iter().map(|alert| (km(alert, "from_chainage_m"), km(alert, "to_chainage_m"))).collect()
}

fn told(scene: &mut Scene) {
    let last = scene.entries.last().unwrap().arrived;
    scene.wait_until(last.since(t(0.0)).secs_f64() + 15.0);
}

#[test]
fn a_line_that_is_heard_all_along_raises_nothing() {
    let mut scene = Scene::new(RULE, &chain());
    hear(&mut scene, 0, 3_000, 11, &[]);
    assert!(scene.alerts().is_empty(), "{:?}", scene.alerts());
}

#[test]
fn nobody_heard_since_the_start_is_one_alert_after_the_dwell_and_not_a_flood() {
    let mut scene = Scene::new(RULE, &chain());
    scene.wait_until(659.0);
    assert!(scene.alerts().is_empty(), "the dwell, and the grace after we began to hear");
    scene.wait_until(661.0);
    let alert = scene.only_alert();
    assert_eq!(alert.subject, "stretch:line/0");
    assert_eq!((&alert.details["stretches"], alert.ended), (&STRETCHES.into(), None));
    assert_eq!(alert.details["devices"][0], json!({"device": "st01-ac00", "reason": "never_heard"}));
    assert_eq!(alert.details["blind_s"], 660);
}

#[test]
fn a_sensor_that_falls_silent_leaves_the_stretches_blind_that_only_it_covers() {
    let mut scene = Scene::new(RULE, &chain());
    hear(&mut scene, 0, 1_200, 11, &[]);
    // Nine and ten hear to the left of it and to the right, but not all of what is between.
    hear(&mut scene, 1_200, 1_920, 11, &[5]);
    assert!(scene.alerts().is_empty(), "silent from 1,320 s on: the dwell is not over before 1,920 s");
    hear(&mut scene, 1_920, 2_100, 11, &[5]);
    let alert = scene.only_alert();
    assert_eq!(blind(&scene), [(70, 80)], "{:?}", alert.details);
    assert_eq!(alert.details["devices"], json!([{"device": "st01-ac05", "reason": "silent"}]));
    assert!(
        alert.summary.starts_with("No working sensor covers line line from km 70.0 to km 80.0"),
        "{}",
        alert.summary
    );
    let Some(PlaceExtent::Disc { radius_m, .. }) = alert.place.as_ref().map(|place| place.extent) else { panic!() };
    assert!((5_000.0..12_000.0).contains(&radius_m), "{radius_m}");
    scene.health(&name(5), 2_100.0);
    let alert = scene.only_alert();
    assert_eq!(alert.ended_reason.as_deref(), Some("resolved"));
}

#[test]
fn one_alert_grows_and_shrinks_and_falls_into_two() {
    let mut scene = Scene::new(RULE, &chain());
    hear(&mut scene, 0, 1_200, 11, &[]);
    hear(&mut scene, 1_200, 2_400, 11, &[5]);
    assert_eq!(blind(&scene), [(70, 80)]);
    hear(&mut scene, 2_400, 3_600, 11, &[4, 5, 6]);
    assert_eq!((blind(&scene), open(&scene)[0].subject.as_str()), (vec![(55, 95)], "stretch:line/14"));
    // The middle one is back.
    hear(&mut scene, 3_600, 3_660, 11, &[4, 6]);
    told(&mut scene);
    let mut parts = blind(&scene);
    parts.sort_unstable();
    assert_eq!(parts, [(55, 65), (80, 95)]);
    assert_eq!(scene.alerts().len(), 2, "the part that goes on is the same alert, the other is another");
    assert!(scene.alerts().iter().all(|alert| alert.ended.is_none()));
}

#[test]
fn our_own_outage_is_blind_and_raises_nothing_against_devices() {
    let mut scene = Scene::new(RULE, &chain());
    hear(&mut scene, 0, 1_200, 11, &[]);
    scene.enter(1_200.0, Body::Link(false));
    scene.enter(7_200.0, Body::Link(true));
    hear(&mut scene, 7_230, 8_400, 11, &[]);
    assert!(scene.alerts().is_empty(), "{:?}", scene.alerts());
    // Off, and one of them is not there any more after that.
    scene.enter(8_400.0, Body::Service(false));
    scene.enter(12_000.0, Body::Service(true));
    scene.enter(12_000.0, Body::Link(true));
    hear(&mut scene, 12_030, 13_200, 11, &[5]);
    let alert = scene.only_alert();
    assert_eq!(alert.details["reasons"], json!(["own_outage"]));
    assert_eq!(alert.details["own_outage_s"], 3_600);
    assert_eq!(alert.details["since"], "2026-11-24T14:20:00Z", "{:?}", alert.details);
    assert!(alert.details["blind_s"].as_i64().unwrap() > 3_600);
    assert!(alert.detected_at > t(12_660.0), "the dwell and the grace count from when we heard again");
}

#[test]
fn asleep_gone_open_or_under_maintenance_is_not_working() {
    let say = |scene: &mut Scene, second: f64, online: bool, reason: Option<&str>, next_by: Option<f64>| {
        let state = DeviceState {
            v: 1,
            online,
            boot: None,
            firmware: None,
            time: None,
            interval_s: None,
            next_by: next_by.map(t),
            reason: reason.map(str::to_owned),
        };
        scene.enter(second, Body::State(StateEntry { station: id("st01"), device: id("st01-ac00"), state }))
    };
    let lone = fixed("st01-ac00", "st01", 1_000.0, 0.0, &hears(200_000.0));
    let reason = |scene: &Scene| open(scene)[0].details["devices"][0]["reason"].clone();
    let mut scene = Scene::new(RULE, &lone);
    hear(&mut scene, 0, 120, 1, &[]);
    say(&mut scene, 120.0, true, Some("sleep"), Some(100_000.0));
    scene.wait_until(700.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(740.0);
    assert_eq!(reason(&scene), "silent", "a sleeper that is not heard is not heard");
    let mut scene = Scene::new(RULE, &lone.replace("interval_s = 60", "interval_s = 6000"));
    scene.health("st01-ac00", 0.0);
    say(&mut scene, 120.0, true, Some("sleep"), Some(100_000.0));
    scene.wait_until(740.0);
    assert_eq!(reason(&scene), "asleep");
    scene.health("st01-ac00", 800.0);
    assert!(open(&scene).is_empty(), "awake");
    say(&mut scene, 900.0, false, None, None);
    scene.wait_until(1_520.0);
    assert_eq!(reason(&scene), "offline");
    say(&mut scene, 1_600.0, true, Some("maintenance"), Some(2_600.0));
    scene.wait_until(1_620.0);
    assert_eq!(open(&scene).len(), 1, "it goes on");
    scene.wait_until(2_610.0);
    assert!(open(&scene).is_empty(), "the maintenance that it told is over");
    scene.reading("st01-ac00", 2_700.0, 2_700.0, json!({"kind": "health", "data": {"enclosure": "open"}}));
    scene.wait_until(3_320.0);
    assert_eq!(reason(&scene), "open");
    let window = "maintenance = [{ from = 2026-11-24T12:30:00Z, to = 2026-11-24T13:00:00Z }]";
    let mut scene = Scene::new(RULE, &format!("{lone}{window}"));
    hear(&mut scene, 0, 3_590, 1, &[]);
    assert_eq!(open(&scene)[0].details["devices"][0]["reason"], "maintenance");
    assert_eq!(open(&scene)[0].details["since"], "2026-11-24T12:30:00Z");
    scene.wait_until(3_601.0);
    assert!(open(&scene).is_empty(), "the window is over");
}

#[test]
fn a_range_must_be_registered_unless_the_rule_says_otherwise() {
    let near: String =
        (0..20).map(|n| fixed(&name(n), "st01", 100.0, f64::from(n) * 8_000.0 - 76_000.0, "interval_s = 60")).collect();
    let mut scene = Scene::new(RULE, &near);
    hear(&mut scene, 0, 1_200, 20, &[]);
    assert_eq!(open(&scene)[0].details["devices"], json!([]), "nobody is known to sense an explosion");
    let assumed = format!("{RULE}assumed_ranges = true\n");
    let mut scene = Scene::new(&assumed, &near);
    hear(&mut scene, 0, 1_200, 20, &[]);
    assert!(scene.alerts().is_empty());
    let guns = format!("{RULE}classes = [\"gunfire\", \"tank\"]\n");
    let mut scene = Scene::new(&guns, &chain().replace("explosion", "gunfire"));
    hear(&mut scene, 0, 1_200, 11, &[]);
    assert!(scene.alerts().is_empty(), "any of the classes is enough");
    let mut scene = Scene::new(&guns, &chain());
    hear(&mut scene, 0, 1_200, 11, &[]);
    assert_eq!(blind(&scene), [(0, 149)], "who hears explosions does not hear gunfire");
}

#[test]
fn without_an_interval_nobody_can_say_that_a_device_works() {
    let lone = fixed("st01-ac00", "st01", 1_000.0, 0.0, "range_m = { explosion = 200000 }");
    let mut scene = Scene::new(RULE, &lone);
    hear(&mut scene, 0, 1_200, 1, &[]);
    assert_eq!(open(&scene)[0].details["devices"], json!([{"device": "st01-ac00", "reason": "no_interval"}]));
}

#[test]
fn a_mobile_device_covers_where_it_is() {
    let patrol = mobile("st01-ac00", "st01", &hears(10_000.0));
    let at_km = |km: f64| -> Value {
        let (lat, lon) = at(100.0, km * 1_000.0);
        json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"}})
    };
    let mut scene = Scene::new(RULE, &patrol);
    let drive = |scene: &mut Scene, from: i32, to: i32, km: f64| {
        for second in (from..to).step_by(60) {
            scene.reading("st01-ac00", f64::from(second), f64::from(second) + 0.5, at_km(km));
        }
    };
    drive(&mut scene, 0, 1_200, 0.0);
    // From 37 E to 38 E there are 74.6 km.
    assert_eq!(blind(&scene), [(0, 65), (80, 149)]);
    drive(&mut scene, 1_200, 2_400, 30.0);
    assert_eq!(blind(&scene), [(0, 95), (110, 149)], "{:?}", open(&scene));
    let ended: Vec<_> = scene.alerts().into_iter().filter_map(|alert| alert.ended_reason).collect();
    assert_eq!(ended, ["folded"], "what fell off on the way became one with the rest again");
}

/// The line with another course, further north, from 13:00 on.
fn moved_line(rules: &str) -> Bundle {
    let mut bundle = agreement(rules);
    let terms = bundle.files.get_mut("agreement.toml").unwrap();
    let first = "[[line]]\nid = \"line\"\nfile = \"line.geojson\"\n";
    let both = format!(
        "{first}valid_to = 2026-11-24T13:00:00Z\n\n[[line]]\nid = \"line\"\nfile = \"line-2.geojson\"\n\
         valid_from = 2026-11-24T13:00:00Z\n"
    );
    assert!(terms.contains(first));
    *terms = terms.replace(first, &both);
    let line = json!({"type": "LineString", "coordinates": [[37.0, 48.3], [39.0, 48.3]]});
    bundle.files.insert("line-2.geojson".to_owned(), line.to_string());
    bundle
}

#[test]
fn a_line_that_moves_at_a_date_is_looked_at_anew_from_then_on() {
    let mut scene = Scene::new(RULE, &chain());
    scene.enter(0.0, Body::Agreement(moved_line(RULE).document()));
    assert_eq!(scene.engine.limits_hit().documents, 0);
    hear(&mut scene, 0, 3_600, 11, &[]);
    assert!(scene.alerts().is_empty());
    hear(&mut scene, 3_600, 4_800, 11, &[]);
    let alert = scene.only_alert();
    assert_eq!(alert.details["since"], "2026-11-24T13:00:00Z", "{:?}", alert.details);
    // And what was blind by the old course ends with it.
    let mut scene = Scene::new(RULE, &chain());
    scene.enter(0.0, Body::Agreement(moved_line(RULE).document()));
    hear(&mut scene, 0, 3_600, 11, &[5]);
    assert_eq!(open(&scene).len(), 1);
    scene.wait_until(3_600.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("line_changed"));
}

#[test]
fn it_holds_in_its_hours_and_is_told_when_they_begin() {
    let rule = format!("{RULE}hours = [\"13:00-13:30\"]\n");
    let mut scene = Scene::new(&rule, &chain());
    scene.wait_until(3_599.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(3_601.0);
    assert_eq!(open(&scene).len(), 1, "it has long been blind when the hours begin");
    scene.wait_until(5_401.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("not_in_force"));
    scene.wait_until(3_601.0 + 86_400.0);
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 2);
    assert_ne!(alerts[0].id, alerts[1].id, "another day, another alert");
}

#[test]
fn other_stretches_or_another_registry_are_looked_at_at_once() {
    let mut scene = Scene::new(RULE, &chain());
    hear(&mut scene, 0, 1_800, 11, &[5]);
    assert_eq!(blind(&scene), [(70, 80)]);
    scene.enter(1_800.0, Body::Registry(Document::new(chain().replace("10000", "25000"))));
    assert!(open(&scene).is_empty(), "its neighbours hear farther now");
    scene.enter(1_860.0, Body::Registry(Document::new(chain())));
    hear(&mut scene, 1_860, 3_600, 11, &[5]);
    assert_eq!(open(&scene).len(), 1);
    scene.enter(3_600.0, Body::Agreement(agreement(&RULE.replace("5000", "2500")).document()));
    assert_eq!(scene.alerts()[1].ended_reason.as_deref(), Some("agreement_changed"));
}

#[test]
fn a_thousand_devices_and_three_hundred_kilometres_are_no_work() {
    let rule = RULE.replace("5000", "500");
    let registry: String = (0..1_000)
        .map(|n| fixed(&format!("st01-{n}"), "st01", 1_000.0, f64::from(n) * 149.0 - 74_500.0, &hears(5_000.0)))
        .collect();
    let start = std::time::Instant::now();
    let mut scene = Scene::new(&rule, &registry);
    for minute in 0..3 {
        for n in 0..1_000 {
            scene.health(&format!("st01-{n}"), f64::from(minute) * 60.0 + f64::from(n) * 0.05);
        }
    }
    // All fall silent, one after another.
    scene.wait_until(2_000.0);
    let alert = scene.only_alert();
    assert_eq!(alert.details["stretches"], 299, "{:?}", alert.details);
    let spent = start.elapsed().as_secs_f64();
    assert!(spent < 120.0, "{spent} s");
}

#[test]
fn a_mobile_device_whose_position_is_doubted_covers_nothing_until_it_is_believed_again() {
    let mut scene = Scene::new(RULE, &mobile("st01-ac00", "st01", &hears(200_000.0)));
    let mut stands = |from: i32, to: i32, jamming: &str| {
        for second in (from..to).step_by(60) {
            let (lat, lon) = at(0.0, 0.0);
            let fields = json!({"kind": "gnss_status", "data": {"jamming": jamming, "spoofing": "none"},
                "position": {"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"}});
            scene.reading("st01-ac00", f64::from(second), f64::from(second) + 0.2, fields);
        }
        told(&mut scene);
        (blind(&scene), scene.alerts().last().map(|alert| alert.details["devices"].clone()))
    };
    assert_eq!(stands(0, 1_200, "none").0, []);
    let (blind, devices) = stands(1_200, 2_400, "confirmed");
    assert_eq!(blind, [(0, 149)], "it is heard, and nobody knows where it is");
    assert_eq!(devices, Some(json!([{"device": "st01-ac00", "reason": "position_doubtful"}])));
    assert_eq!(stands(2_400, 2_500, "none").0, []);
}
