//! Flights where there should be none: tracked, heard and reported, by height where it is known.

use serde_json::{Value, json};
use truceline_core::alert::{Alert, PlaceExtent};

use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "no-flight"
kind = "no_flight"
areas = ["square"]
dwell_s = 10
cool_down_s = 600
"#;

fn rule(more: &str) -> String {
    format!("{RULE}{more}\n")
}

fn sensor() -> String {
    fixed("st01-uv01", "st01", 6_000.0, 0.0, "range_m = { helicopter = 800, uav = 800 }")
}

fn uav((north, east): (f64, f64), alt_agl_m: Option<f64>) -> Value {
    let (lat, lon) = at(north, east);
    let mut data = json!({"track": "u1", "class": "multirotor", "position": {"lat": lat, "lon": lon, "hacc_m": 20.0}});
    if let Some(alt) = alt_agl_m {
        data["alt_agl_m"] = alt.into();
    }
    json!({"kind": "uav_detection", "data": data})
}

/// A UAV over the middle of the square for so many sightings, five seconds apart.
fn hovering(rules: &str, sightings: u32, alt_agl_m: Option<f64>) -> Vec<Alert> {
    let mut scene = Scene::new(rules, &sensor());
    for i in 0..sightings {
        let second = f64::from(i) * 5.0;
        scene.reading("st01-uv01", second, second + 0.2, uav((6_000.0, 1_000.0), alt_agl_m));
    }
    scene.alerts()
}

#[test]
fn a_uav_in_the_area_alerts_after_the_dwell_and_ends_when_it_has_left() {
    assert!(hovering(RULE, 2, None).is_empty(), "not yet for 10 s");
    let mut scene = Scene::new(RULE, &sensor());
    for second in [0.0, 5.0, 10.0] {
        scene.reading("st01-uv01", second, second + 0.2, uav((6_000.0, 1_900.0), Some(80.0)));
    }
    let alert = scene.only_alert();
    assert_eq!((alert.category.as_str(), alert.subject.as_str()), ("no_flight", "track:st01-uv01/7/u1"));
    assert_eq!((&alert.details["since"], &alert.details["alt_agl_m"]), (&t(0.0).to_string().into(), &json!(80.0)));
    assert!(alert.summary.contains("multirotor UAV in zone square, 80 ± 10 m above ground"), "{}", alert.summary);
    scene.reading("st01-uv01", 15.0, 15.2, uav((6_000.0, 2_003.0), Some(80.0)));
    assert!(scene.only_alert().ended.is_none(), "on the border it is neither in nor out");
    scene.reading("st01-uv01", 20.0, 20.2, uav((6_000.0, 2_200.0), Some(80.0)));
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("resolved"));
}

#[test]
fn viewers_are_told_of_a_flight_and_of_no_track() {
    let alert = &hovering(RULE, 3, Some(80.0))[0];
    let told = alert.viewer_form();
    assert!(told.summary.starts_with("Suspected flight where there should be none"), "{}", told.summary);
    assert_eq!(told.subject, "track");
}

#[test]
fn a_rule_for_heights_judges_by_height_and_does_not_exclude_an_unknown_one() {
    let low = rule("max_alt_agl_m = 120");
    assert_eq!(hovering(&low, 3, Some(100.0)).len(), 1);
    assert!(hovering(&low, 3, Some(150.0)).is_empty());
    let high = rule("min_alt_agl_m = 120");
    assert!(hovering(&high, 3, Some(100.0)).is_empty());
    assert_eq!(hovering(&high, 3, Some(150.0)).len(), 1);
    let unknown = &hovering(&low, 3, None)[0];
    assert!(unknown.summary.contains("height unknown"), "{}", unknown.summary);
    assert_eq!(unknown.labels, ["height_unknown"]);
}

#[test]
fn a_uav_that_climbs_out_of_the_heights_has_left() {
    let mut scene = Scene::new(&rule("max_alt_agl_m = 120"), &sensor());
    for (second, alt) in [(0.0, 60.0), (10.0, 60.0), (20.0, 122.0), (30.0, 200.0)] {
        scene.reading("st01-uv01", second, second + 0.2, uav((6_000.0, 1_000.0), Some(alt)));
        assert_eq!(scene.alerts().iter().any(|alert| alert.ended.is_some()), second == 30.0, "at {second} s");
    }
}

#[test]
fn what_is_permitted_up_to_a_height_is_permitted_only_when_it_is_known_to_be_below() {
    let permitted = rule("permitted = [{ max_alt_agl_m = 120 }]");
    assert!(hovering(&permitted, 3, Some(100.0)).is_empty());
    assert_eq!(hovering(&permitted, 3, Some(115.0)).len(), 1, "with its error it may be above");
    assert_eq!(hovering(&permitted, 3, None).len(), 1, "an unknown height permits nothing");
}

#[test]
fn permitted_corridors_hours_and_devices_raise_no_alert() {
    for permitted in [
        "{ areas = [\"square\"] }",
        "{ hours = [\"11:00-13:00\"] }",
        "{ devices = [\"st01-uv01\"] }",
        "{ classes = [\"multirotor\"], areas = [\"near\"] }",
    ] {
        assert!(hovering(&rule(&format!("permitted = [{permitted}]")), 3, Some(80.0)).is_empty(), "{permitted}");
    }
    for not in ["{ areas = [\"near-b\"] }", "{ hours = [\"13:00-14:00\"] }", "{ devices = [\"st01-uv02\"] }"] {
        assert_eq!(hovering(&rule(&format!("permitted = [{not}]")), 3, Some(80.0)).len(), 1, "{not}");
    }
}

fn heard_for(class: &str, duration_ms: f64) -> Value {
    json!({"kind": "acoustic_detection", "data": {"class": class, "confidence": 0.9, "duration_ms": duration_ms}})
}

#[test]
fn a_helicopter_that_is_heard_is_somewhere_within_the_range_and_one_alert_of_the_station() {
    let registry = fixed("st01-uv01", "st01", 6_000.0, 1_000.0, "range_m = { helicopter = 800 }");
    let mut scene = Scene::new(RULE, &registry);
    for second in [0.0, 6.0, 12.0] {
        scene.reading("st01-uv01", second, second + 0.2, heard("helicopter", 0.9, None));
    }
    let alert = scene.only_alert();
    assert_eq!((alert.subject.as_str(), &alert.details["class"]), ("station:st01", &json!("helicopter")));
    let PlaceExtent::Disc { radius_m, .. } = alert.place.unwrap().extent else { panic!("a disc") };
    assert_eq!(radius_m, 800.0);
    assert!(alert.summary.contains("helicopter heard by station st01 in zone square, height unknown"));
}

#[test]
fn a_sound_as_long_as_the_dwell_is_enough_and_sounds_far_apart_are_not() {
    let registry = fixed("st01-uv01", "st01", 6_000.0, 1_000.0, "range_m = { uav = 800 }");
    let mut long = Scene::new(RULE, &registry);
    long.reading("st01-uv01", 0.0, 12.0, heard_for("uav", 11_000.0));
    assert_eq!(long.alerts().len(), 1);
    let mut short = Scene::new(RULE, &registry);
    for second in [0.0, 100.0, 200.0] {
        short.reading("st01-uv01", second, second + 2.0, heard_for("uav", 1_000.0));
    }
    assert!(short.alerts().is_empty(), "nobody heard it in between");
}

#[test]
fn a_sound_is_a_flight_only_as_probably_as_the_sensor_says_and_only_if_such_things_fly() {
    let registry = fixed("st01-uv01", "st01", 6_000.0, 1_000.0, "range_m = { helicopter = 800, vehicle = 800 }");
    let mut scene = Scene::new(&rule("").replace("dwell_s = 10", "dwell_s = 0"), &registry);
    scene.reading("st01-uv01", 0.0, 0.2, heard("helicopter", 0.3, None));
    scene.reading("st01-uv01", 1.0, 1.2, heard("vehicle", 0.9, None));
    scene.reading("st01-uv01", 2.0, 2.2, heard("explosion", 0.9, None));
    assert!(scene.alerts().is_empty());
}

#[test]
fn a_range_that_reaches_far_beyond_the_area_supports_no_alert() {
    let mut scene = Scene::new(RULE, &fixed("st01-uv01", "st01", 6_000.0, 1_000.0, ""));
    for second in [0.0, 6.0, 12.0] {
        scene.reading("st01-uv01", second, second + 0.2, heard("aircraft", 0.95, None));
    }
    assert!(scene.alerts().is_empty(), "anywhere within 10 km is probably not in 2 km by 2 km");
}

#[test]
fn a_uav_that_a_patrol_sees_needs_no_dwell() {
    let mut scene = Scene::new(RULE, &mobile("st02-pt01", "st02", ""));
    let (lat, lon) = at(6_000.0, 1_000.0);
    let report = json!({
        "kind": "patrol_report", "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"},
        "data": {"observation": "uav", "means": "saw", "range_max_m": 500.0},
    });
    scene.reading("st02-pt01", 0.0, 20.0, report);
    assert_eq!(scene.only_alert().subject, "patrol:st02-pt01");
}

#[test]
fn a_uav_and_a_vehicle_of_one_name_are_two_tracks() {
    let both = format!("{RULE}\n[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\n");
    let mut scene = Scene::new(&both, &sensor());
    scene.reading("st01-uv01", 0.0, 0.2, sighting("u1", "vehicle", (300.0, 0.0), 10.0));
    scene.reading("st01-uv01", 5.0, 5.2, uav((6_000.0, 1_000.0), None));
    scene.reading("st01-uv01", 20.0, 20.2, sighting("u1", "vehicle", (-300.0, 0.0), 10.0));
    assert_eq!(scene.only_alert().labels, Vec::<String>::new(), "the vehicle's track is not broken by the UAV's");
}

#[test]
fn what_is_heard_of_each_class_is_an_alert_of_its_own() {
    let registry = fixed("st01-uv01", "st01", 6_000.0, 1_000.0, "range_m = { helicopter = 800, uav = 800 }");
    let mut scene = Scene::new(RULE, &registry);
    scene.reading("st01-uv01", 0.0, 12.0, heard_for("uav", 11_000.0));
    scene.reading("st01-uv01", 5.0, 17.0, heard_for("helicopter", 11_000.0));
    let told: Vec<_> = scene.alerts().iter().map(|alert| (alert.subject.clone(), alert.detections)).collect();
    assert_eq!(told, [("station:st01".to_owned(), 1), ("station:st01".to_owned(), 1)]);
}
