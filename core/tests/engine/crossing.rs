//! Crossings: directed, counted once, never claimed from what is not known.

use serde_json::json;
use truceline_core::alert::{Alert, Timeliness};

use crate::scene::*;

pub const RULE: &str = r#"
[[rule]]
id = "crossing"
kind = "crossing"
threshold = 0.95
"#;

fn radar() -> String {
    fixed("st01-rd01", "st01", 2_000.0, 0.0, "")
}

fn direction(alert: &Alert) -> &str {
    alert.details["direction"].as_str().unwrap()
}

#[test]
fn a_vehicle_that_crosses_is_told_once_with_direction_and_time() {
    let mut scene = Scene::new(RULE, &radar());
    // South at 10 m/s, seen every 10 s, surely north until 50 m and surely south from -50 m on.
    for i in 0..20 {
        let north = 455.0 - f64::from(i) * 100.0;
        scene.track(f64::from(i) * 10.0, "t1", "vehicle", (north, 0.0), 20.0);
    }
    scene.wait_until(250.0);
    let alert = scene.only_alert();
    assert_eq!((direction(&alert), alert.detections, alert.revision), ("a_to_b", 1, 1));
    assert_eq!(alert.subject, "track:st01-rd01/7/t1");
    assert_eq!(alert.details["crossed_at"], t(45.5).to_string());
    assert_eq!(
        (&alert.details["not_before"], &alert.details["not_after"]),
        (&t(40.0).to_string().into(), &t(50.0).to_string().into())
    );
    assert_eq!(alert.evidence.len(), 2, "the last sure position before and the first after");
    let place = alert.place.unwrap();
    assert!(place.line_distance_m.unwrap() < 0.5, "{place:?}");
}

#[test]
fn wandering_along_the_line_within_the_accuracy_is_no_crossing() {
    let mut scene = Scene::new(RULE, &radar());
    scene.track(0.0, "t1", "vehicle", (300.0, 0.0), 20.0);
    for i in 1..50 {
        let north = if i % 2 == 0 { 6.0 } else { -6.0 };
        scene.track(f64::from(i) * 10.0, "t1", "vehicle", (north, 0.0), 20.0);
    }
    scene.track(500.0, "t1", "vehicle", (300.0, 0.0), 20.0);
    assert!(scene.alerts().is_empty());
}

#[test]
fn a_reading_dated_a_day_ahead_does_not_blind_its_track() {
    let mut scene = Scene::new(RULE, &radar());
    scene.reading("st01-rd01", 80_000.0, 0.0, sighting("t1", "vehicle", (300.0, 0.0), 10.0));
    for (second, north) in [(20.0, 200.0), (40.0, -200.0)] {
        scene.track(second, "t1", "vehicle", (north, 0.0), 10.0);
    }
    assert_eq!(direction(&scene.only_alert()), "a_to_b");
}

#[test]
fn there_and_back_are_one_crossing_each_way() {
    let mut scene = Scene::new(RULE, &radar());
    for (second, north) in [(0.0, 200.0), (20.0, -200.0), (40.0, 200.0), (60.0, 210.0)] {
        scene.track(second, "t1", "vehicle", (north, 0.0), 10.0);
    }
    let alerts = scene.alerts();
    assert_eq!(alerts.iter().map(direction).collect::<Vec<_>>(), ["a_to_b", "b_to_a"]);
    assert!(alerts.iter().all(|alert| alert.detections == 1));
}

#[test]
fn a_rule_may_count_one_direction_only() {
    let mut scene = Scene::new(&format!("{RULE}sides = [\"a\"]"), &radar());
    for (second, north) in [(0.0, 200.0), (20.0, -200.0), (40.0, 200.0)] {
        scene.track(second, "t1", "vehicle", (north, 0.0), 10.0);
    }
    assert_eq!(direction(&scene.only_alert()), "b_to_a");
}

#[test]
fn what_arrives_out_of_order_invents_no_crossing() {
    let mut scene = Scene::new(RULE, &radar());
    scene.track(100.0, "t1", "vehicle", (-200.0, 0.0), 10.0);
    scene.reading("st01-rd01", 60.0, 101.0, sighting("t1", "vehicle", (200.0, 0.0), 10.0));
    scene.track(110.0, "t1", "vehicle", (-250.0, 0.0), 10.0);
    assert!(scene.alerts().is_empty());
}

#[test]
fn a_long_gap_or_a_jump_starts_the_track_anew() {
    let mut scene = Scene::new(RULE, &radar());
    scene.track(0.0, "t1", "vehicle", (200.0, 0.0), 10.0);
    scene.track(601.0, "t1", "vehicle", (-200.0, 0.0), 10.0);
    assert!(scene.alerts().is_empty(), "nobody saw what happened in ten minutes");
    for second in [602.0, 603.0, 604.0] {
        scene.track(second, "t1", "vehicle", (400.0, 0.0), 10.0);
    }
    assert!(scene.alerts().is_empty(), "600 m in a second are another object");
    scene.track(622.0, "t1", "vehicle", (-200.0, 0.0), 10.0);
    let alert = scene.only_alert();
    assert_eq!((direction(&alert), alert.labels.as_slice()), ("a_to_b", ["track_restarted".to_owned()].as_slice()));
}

#[test]
fn a_backlog_that_comes_late_and_in_order_gives_a_late_alert() {
    let mut scene = Scene::new(RULE, &radar());
    scene.reading("st01-rd01", 0.0, 4_000.0, sighting("t1", "vehicle", (200.0, 0.0), 10.0));
    scene.reading("st01-rd01", 20.0, 4_000.0, sighting("t1", "vehicle", (-200.0, 0.0), 10.0));
    assert_eq!(scene.only_alert().timeliness, Timeliness::Late);
}

#[test]
fn a_track_of_another_boot_is_another_object() {
    let mut scene = Scene::new(RULE, &radar());
    scene.track(0.0, "t1", "vehicle", (200.0, 0.0), 10.0);
    let mut body = scene.reading_body("st01-rd01", 20.0, sighting("t1", "vehicle", (-200.0, 0.0), 10.0));
    if let truceline_core::log::Body::Reading(reading) = &mut body {
        reading.boot = 8;
    }
    scene.enter(20.2, body);
    assert!(scene.alerts().is_empty());
}

#[test]
fn only_a_watched_mobile_device_can_cross_itself() {
    let registry = mobile("st02-v1", "st02", "watched = true") + &mobile("st02-v2", "st02", "");
    let mut scene = Scene::new(RULE, &registry);
    for (second, north) in [(0.0, 300.0), (30.0, -300.0)] {
        for device in ["st02-v1", "st02-v2", "st02-v3"] {
            let (lat, lon) = at(north, 0.0);
            let position = json!({"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"});
            let health = json!({"kind": "health", "data": {}, "position": position});
            scene.reading(device, second, second + 0.2, health);
        }
    }
    assert_eq!(scene.only_alert().subject, "device:st02-v1");
}

#[test]
fn a_position_without_an_accuracy_is_not_taken_as_exact() {
    let mut scene = Scene::new(RULE, &mobile("st02-v1", "st02", "watched = true"));
    for (second, north) in [(0.0, 300.0), (30.0, -10.0), (60.0, 300.0)] {
        let (lat, lon) = at(north, 0.0);
        let health =
            json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": 0, "fix": "3d"}});
        scene.reading("st02-v1", second, second + 0.2, health);
    }
    assert!(scene.alerts().is_empty(), "the registered 20 m leave ten metres undetermined");
}

#[test]
fn a_permitted_corridor_is_crossed_without_an_alert() {
    let rule = format!("{RULE}permitted = [{{ areas = [\"near\"], classes = [\"vehicle\"] }}]");
    let mut scene = Scene::new(&rule, &radar());
    for class in ["vehicle", "tank"] {
        scene.track(0.0, class, class, (200.0, 0.0), 10.0);
        scene.track(20.0, class, class, (-200.0, 0.0), 10.0);
    }
    assert_eq!(scene.only_alert().details["class"], "tank");
}
