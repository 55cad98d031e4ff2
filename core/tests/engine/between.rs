//! Crossings that nobody saw happen: between two sightings, near a corridor, past the end of the line.

use serde_json::{Value, json};
use truceline_core::alert::{Alert, PlaceExtent};
use truceline_core::event::Event;

use crate::crossing::RULE;
use crate::scene::*;

fn radar() -> String {
    fixed("st01-rd01", "st01", 2_000.0, 0.0, "")
}

fn watched() -> String {
    mobile("st02-v1", "st02", "watched = true\nmax_speed_mps = 25")
}

fn at_position(north_m: f64, mut fields: Value) -> Value {
    let (lat, lon) = at(north_m, 0.0);
    fields["position"] = json!({"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"});
    fields
}

fn health(north_m: f64) -> Value {
    at_position(north_m, json!({"kind": "health", "data": {}}))
}

fn gnss(north_m: f64, jamming: &str) -> Value {
    at_position(north_m, json!({"kind": "gnss_status", "data": {"jamming": jamming, "spoofing": "none"}}))
}

fn radius_m(alert: &Alert) -> f64 {
    match alert.place.as_ref().unwrap().extent {
        PlaceExtent::Point { hacc_m, .. } => hacc_m,
        other => panic!("{other:?}"),
    }
}

fn events(scene: &Scene) -> Vec<&Event> {
    scene.outputs.iter().filter_map(|output| output.said.event()).collect()
}

#[test]
fn a_watched_device_that_was_jammed_for_long_crossed_somewhere_between_two_positions() {
    let mut scene = Scene::new(RULE, &watched());
    scene.reading("st02-v1", 0.0, 0.2, health(500.0));
    for minute in 1..30 {
        let second = f64::from(minute) * 60.0;
        scene.reading("st02-v1", second, second + 0.2, gnss(9_000.0, "confirmed"));
    }
    assert!(scene.alerts().is_empty());
    scene.reading("st02-v1", 1_800.0, 1_800.2, gnss(-500.0, "none"));
    let alert = scene.only_alert();
    assert_eq!(alert.details["direction"], "a_to_b");
    assert_eq!(alert.details["not_before"], t(0.0).to_string());
    assert_eq!(alert.details["not_after"], t(1_800.0).to_string());
    assert!(!alert.details.contains_key("crossed_at"), "nobody knows when: {:?}", alert.details);
    assert!(alert.labels.contains(&"between_sightings".to_owned()), "{:?}", alert.labels);
    // It can have gone 43.5 km, half of that out and back.
    assert!((21_000.0..22_000.0).contains(&radius_m(&alert)), "{}", radius_m(&alert));
    assert!(
        alert.summary.starts_with(
            "Suspected crossing of the line by a watched device from side A to side B between \
             2026-11-24T12:00:00Z and 2026-11-24T12:30:00Z: likely, "
        ) && alert.summary.contains("somewhere between two sightings, within 21."),
        "{}",
        alert.summary
    );
}

#[test]
fn a_jammed_device_that_comes_back_on_its_own_side_or_was_not_heard_crossed_nothing() {
    let mut scene = Scene::new(RULE, &watched());
    scene.reading("st02-v1", 0.0, 0.2, health(500.0));
    for minute in 1..30 {
        let second = f64::from(minute) * 60.0;
        scene.reading("st02-v1", second, second + 0.2, gnss(-500.0, "confirmed"));
    }
    scene.reading("st02-v1", 1_800.0, 1_800.2, gnss(700.0, "none"));
    assert!(scene.alerts().is_empty());
    // Its store may tell what was in between.
    scene.reading("st02-v1", 3_600.0, 3_600.2, health(-500.0));
    assert!(scene.alerts().is_empty());
}

#[test]
fn a_device_that_says_nothing_of_its_place_for_long_is_still_the_same() {
    let mut scene = Scene::new(RULE, &watched());
    scene.reading("st02-v1", 0.0, 0.2, health(500.0));
    for minute in 1..30 {
        scene.health("st02-v1", f64::from(minute) * 60.0);
    }
    scene.reading("st02-v1", 1_800.0, 1_800.2, health(-500.0));
    assert_eq!(scene.only_alert().labels, ["between_sightings"]);
}

#[test]
fn the_place_of_a_crossing_is_as_wide_as_the_way_that_nobody_saw() {
    let mut radii = Vec::new();
    for (seconds, north) in [(10.0, 50.0), (40.0, 200.0), (60.0, 600.0), (300.0, 600.0)] {
        let mut scene = Scene::new(RULE, &radar());
        scene.track(0.0, "t1", "vehicle", (north, 0.0), 10.0);
        scene.track(seconds, "t1", "vehicle", (-north, 0.0), 10.0);
        radii.push(radius_m(&scene.only_alert()));
    }
    let expected = [65.9, 233.6, 680.8, 7_185.0];
    assert!(radii.iter().zip(expected).all(|(radius, expected)| (radius / expected - 1.0).abs() < 0.01), "{radii:?}");
}

#[test]
fn what_was_seen_on_the_way_narrows_the_place() {
    let mut scene = Scene::new(RULE, &radar());
    for (second, north) in [(0.0, 60.0), (10.0, 4.0), (20.0, 2.0), (30.0, -3.0), (40.0, -60.0)] {
        scene.track(second, "t1", "vehicle", (north, 0.0), 20.0);
    }
    let alert = scene.only_alert();
    assert!((50.0..70.0).contains(&radius_m(&alert)), "{}", radius_m(&alert));
}

const CORRIDOR: &str = "permitted = [{ areas = [\"corridor\"] }]";

/// A corridor of 400 m across the line, from 0 to 400 m east.
fn with_corridor(rule: &str) -> truceline_core::agreement::Bundle {
    let zone = "[[zone]]\nid = \"corridor\"\nfile = \"corridor.geojson\"\n";
    let mut bundle = agreement(&format!("{zone}{rule}{CORRIDOR}"));
    let ((south, west), (north, east)) = (at(-5_000.0, 0.0), at(5_000.0, 400.0));
    let ring = json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
    bundle.files.insert("corridor.geojson".to_owned(), json!({"type": "Polygon", "coordinates": ring}).to_string());
    bundle
}

#[test]
fn a_corridor_permits_what_surely_went_through_it_and_no_more() {
    // Through the middle, seen every 10 s: an event.
    let mut scene = Scene::of(with_corridor(RULE), &radar());
    for (second, north) in [(0.0, 50.0), (10.0, -50.0)] {
        scene.track(second, "t1", "vehicle", (north, 200.0), 10.0);
    }
    assert!(scene.alerts().is_empty());
    assert_eq!(events(&scene).len(), 1);
    // Through the middle by the straight way, but nobody saw it for two minutes.
    let mut scene = Scene::of(with_corridor(RULE), &radar());
    for (second, north) in [(0.0, 600.0), (120.0, -600.0)] {
        scene.track(second, "t1", "vehicle", (north, 200.0), 10.0);
    }
    assert!(events(&scene).is_empty(), "that it went through the corridor nobody knows");
    assert_eq!(scene.only_alert().labels, ["between_sightings", "maybe_permitted"]);
    // Beside it.
    let mut scene = Scene::of(with_corridor(RULE), &radar());
    for (second, north) in [(0.0, 50.0), (10.0, -50.0)] {
        scene.track(second, "t1", "vehicle", (north, 900.0), 10.0);
    }
    assert!(scene.only_alert().labels.is_empty());
}

#[test]
fn hours_permit_a_crossing_that_was_surely_within_them() {
    for (hours, expected) in [("12:00-12:10", 0), ("12:04-12:10", 1), ("11:00-12:03", 1), ("23:00-12:30", 0)] {
        let rule = format!("{RULE}permitted = [{{ hours = [\"{hours}\"] }}]");
        let mut scene = Scene::new(&rule, &radar());
        scene.track(0.0, "t1", "vehicle", (600.0, 0.0), 10.0);
        scene.track(300.0, "t1", "vehicle", (-600.0, 0.0), 10.0);
        assert_eq!(scene.alerts().len(), expected, "{hours}");
    }
}

#[test]
fn a_crossing_past_the_end_of_the_line_says_so() {
    let mut scene = Scene::new(RULE, &radar());
    // The line ends 74.6 km east; the device's place does not matter.
    for (second, north) in [(0.0, 300.0), (20.0, -100.0)] {
        scene.track(second, "t1", "vehicle", (north, 79_600.0), 10.0);
    }
    let alert = scene.only_alert();
    assert_eq!(alert.labels, ["past_line_end"]);
    let words = "Suspected crossing of the line, past the end of the line, by a vehicle from side A to side B at ";
    assert!(alert.summary.starts_with(words), "{}", alert.summary);
    assert!((alert.details["past_end_m"].as_f64().unwrap() - 5_000.0).abs() < 50.0, "{:?}", alert.details);
    let crossed: truceline_core::time::Time = alert.details["crossed_at"].as_str().unwrap().parse().unwrap();
    let second = crossed.since(t(0.0)).secs_f64();
    assert!((second - 15.0).abs() < 0.3, "where the line would go on, not halfway: {second}");
}

fn classed(north: f64, confidence: f64) -> Value {
    let mut fields = sighting("t1", "tank", (north, 0.0), 10.0);
    fields["data"]["confidence"] = confidence.into();
    fields
}

#[test]
fn a_rule_about_classes_counts_how_sure_the_class_is_and_waits_until_it_is() {
    let rule = format!("{RULE}classes = [\"tank\"]");
    let mut scene = Scene::new(&rule, &radar());
    for (second, north, confidence) in [(0.0, 200.0, 0.4), (20.0, -200.0, 0.6), (30.0, -260.0, 0.9)] {
        scene.reading("st01-rd01", second, second + 0.2, classed(north, confidence));
    }
    assert!(scene.alerts().is_empty(), "0.95 are asked for");
    scene.reading("st01-rd01", 40.0, 40.2, classed(-300.0, 0.97));
    assert_eq!(scene.only_alert().certainty.probability, 0.97);
    // One about whatever crosses does not go by the class.
    let mut scene = Scene::new(RULE, &radar());
    for (second, north) in [(0.0, 200.0), (20.0, -200.0)] {
        scene.reading("st01-rd01", second, second + 0.2, classed(north, 0.4));
    }
    assert!(scene.only_alert().certainty.probability > 0.99);
}
