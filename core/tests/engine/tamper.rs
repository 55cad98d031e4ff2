//! Devices that were moved, opened, struck or imitated.

use serde_json::{Value, json};
use truceline_core::agreement::Severity;
use truceline_core::alert::{CertaintyWord, PlaceExtent};
use truceline_core::wire::RejectReason;

use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "tamper"
kind = "tamper"
displacement_m = 50
shock_g = 8
cool_down_s = 600
"#;

fn sensor() -> String {
    fixed("st01-ac01", "st01", 1_000.0, 0.0, "")
}

fn reported(north: f64, hacc_m: f64) -> Value {
    let (lat, lon) = at(north, 0.0);
    json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": hacc_m, "fix": "3d"}})
}

#[test]
fn a_device_that_reports_to_be_elsewhere_twice_was_moved() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.reading("st01-ac01", 0.0, 0.2, reported(1_100.0, 10.0));
    assert!(scene.alerts().is_empty(), "once may be a bad fix");
    scene.reading("st01-ac01", 60.0, 60.2, reported(1_100.0, 10.0));
    let alert = scene.only_alert();
    assert_eq!(
        (alert.subject.as_str(), alert.labels.as_slice()),
        ("device:st01-ac01", ["tamper:moved".to_owned()].as_slice())
    );
    assert!((alert.details["displacement_m"].as_f64().unwrap() - 100.0).abs() < 1.0);
    assert_eq!(alert.certainty.word, CertaintyWord::Likely);
    assert!(alert.certainty.probability > 0.99);
}

#[test]
fn a_good_fix_between_two_bad_ones_clears_it() {
    let mut scene = Scene::new(RULE, &sensor());
    for (second, north) in [(0.0, 1_100.0), (60.0, 1_005.0), (120.0, 1_100.0)] {
        scene.reading("st01-ac01", second, second + 0.2, reported(north, 10.0));
    }
    assert!(scene.alerts().is_empty());
}

#[test]
fn what_the_accuracy_explains_was_not_moved() {
    let mut scene = Scene::new(RULE, &sensor());
    for second in [0.0, 60.0, 120.0] {
        scene.reading("st01-ac01", second, second + 0.2, reported(1_100.0, 60.0));
    }
    assert!(scene.alerts().is_empty(), "100 m are within 50 m and an accuracy of 60 m");
}

#[test]
fn an_open_enclosure_and_a_shock_are_observed_by_the_sensor_itself() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.reading("st01-ac01", 0.0, 0.2, json!({"kind": "health", "data": {"enclosure": "open"}}));
    scene.reading("st01-ac01", 60.0, 60.2, json!({"kind": "health", "data": {"shock_g": 7.9}}));
    scene.reading("st01-ac01", 120.0, 120.2, json!({"kind": "health", "data": {"shock_g": 8.0}}));
    let alerts = scene.alerts();
    let told: Vec<_> = alerts.iter().map(|alert| (alert.labels[0].as_str(), alert.detections)).collect();
    assert_eq!(told, [("tamper:opened", 1), ("tamper:struck", 1)], "each cause is an alert of its own");
    assert!(alerts.iter().all(|alert| alert.certainty.word == CertaintyWord::Observed));
}

#[test]
fn two_causes_in_one_reading_are_two_alerts_with_two_ids() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.reading("st01-ac01", 0.0, 0.2, json!({"kind": "health", "data": {"enclosure": "open", "shock_g": 9.0}}));
    assert_eq!(scene.alerts().len(), 2);
}

#[test]
fn a_reading_from_before_does_not_take_the_place_of_the_latest() {
    let mut scene = Scene::new(RULE, &sensor());
    for (made, shock) in [(100.0, 9.0), (50.0, 12.0)] {
        scene.reading("st01-ac01", made, 120.0, json!({"kind": "health", "data": {"shock_g": shock}}));
    }
    scene.wait_until(150.0);
    let alert = scene.only_alert();
    assert_eq!((alert.detections, alert.started, &alert.details["shock_g"]), (2, t(50.0), &json!(9.0)));
}

#[test]
fn a_device_that_was_moved_is_where_it_says_it_is() {
    let mut scene = Scene::new(RULE, &sensor());
    for second in [0.0, 60.0] {
        scene.reading("st01-ac01", second, second + 0.2, reported(1_562.0, 12.0));
    }
    let alert = scene.only_alert();
    let PlaceExtent::Point { position, hacc_m } = alert.place.unwrap().extent else { panic!() };
    assert!((position.lat - at(1_562.0, 0.0).0).abs() < 1e-6 && hacc_m == 12.0, "{position:?} {hacc_m}");
    let told = "Device st01-ac01 reports a position about 560 m from where it was surveyed";
    assert!(alert.summary.starts_with(told), "{}", alert.summary);
    assert!(alert.summary.contains("reported within 12 m"), "{}", alert.summary);
}

#[test]
fn viewers_are_told_the_cause_and_no_intent() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.reading("st01-ac01", 0.0, 0.2, json!({"kind": "health", "data": {"enclosure": "open"}}));
    scene.reject(12.0, "st01-ac01", RejectReason::BadSignature);
    let told: Vec<_> = scene.alerts().iter().map(|alert| alert.viewer_form().summary).collect();
    assert!(told[0].starts_with("A device reports that its enclosure is open"), "{told:?}");
    assert!(told[1].starts_with("A reading in a device's name has a bad signature"), "{told:?}");
    assert!(told[1].ends_with("possible."), "{told:?}");
}

#[test]
fn a_conflicting_duplicate_of_a_registered_device_alerts() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.reject(10.0, "st01-ac01", RejectReason::OutOfRange);
    scene.reject(11.0, "st01-zz99", RejectReason::ConflictingDuplicate);
    assert!(scene.alerts().is_empty());
    scene.reject(12.0, "st01-ac01", RejectReason::ConflictingDuplicate);
    let alert = scene.only_alert();
    assert_eq!(alert.labels, ["tamper:imitated"]);
    assert_eq!((alert.certainty.word, alert.certainty.probability), (CertaintyWord::Possible, 0.5));
    assert_eq!(alert.evidence.len(), 1);
    scene.wait_until(613.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("cool_down"));
}

#[test]
fn maintenance_lowers_and_labels_and_hides_nothing() {
    let window = "maintenance = [{ from = 2026-11-24T12:00:00Z, to = 2026-11-24T12:10:00Z }]";
    let mut scene = Scene::new(RULE, &fixed("st01-ac01", "st01", 1_000.0, 0.0, window));
    scene.reading("st01-ac01", 10.0, 10.2, json!({"kind": "health", "data": {"enclosure": "open"}}));
    let alert = scene.only_alert();
    assert_eq!(alert.severity, Severity::Minor);
    assert_eq!(alert.labels, ["maintenance", "tamper:opened"]);
}

#[test]
fn a_mobile_device_may_move() {
    let mut scene = Scene::new(RULE, &mobile("st02-v1", "st02", ""));
    for second in [0.0, 60.0, 120.0] {
        scene.reading("st02-v1", second, second + 0.2, reported(second * 100.0, 5.0));
    }
    assert!(scene.alerts().is_empty());
}
