//! What users of other systems complain about, each as what does not happen here.

use serde_json::{Value, json};
use truceline_core::alert::{Alert, PlaceExtent, Timeliness};

use crate::scene::*;

const CROSSING: &str = "[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\nthreshold = 0.95\ncool_down_s = 600\n";
const ZONE: &str =
    "[[rule]]\nid = \"square\"\nkind = \"exclusion_zone\"\nareas = [\"square\"]\ndwell_s = 30\ncool_down_s = 600\n";

fn radar() -> String {
    fixed("st01-rd01", "st01", 2_000.0, 0.0, "")
}

fn health(north_m: f64, hacc_m: f64) -> Value {
    let (lat, lon) = at(north_m, 0.0);
    json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": hacc_m, "fix": "3d"}})
}

/// home-assistant/core#1957.
#[test]
fn an_accuracy_of_zero_is_an_unknown_accuracy_and_not_a_perfect_one() {
    let mut scene = Scene::new(CROSSING, &mobile("st02-v1", "st02", "watched = true"));
    for (second, north) in [(0.0, 10.0), (30.0, -10.0), (60.0, 10.0)] {
        scene.reading("st02-v1", second, second + 0.2, health(north, 0.0));
    }
    assert!(scene.alerts().is_empty(), "ten metres off the line with the registered 20 m are no side");
}

/// traccar/traccar#6019: somebody passes through and is told to have stayed.
#[test]
fn passing_through_a_zone_is_no_stay_in_it() {
    let mut scene = Scene::new(ZONE, &radar());
    for (second, north) in [(0.0, 4_500.0), (60.0, 5_500.0), (80.0, 6_500.0), (120.0, 7_500.0)] {
        scene.track(second, "t1", "tank", (north, 1_000.0), 10.0);
    }
    assert!(scene.alerts().is_empty());
}

/// traccar/traccar#2189, tidwall/tile38#816: positions that scatter over a border raise an alarm at each step.
#[test]
fn a_position_that_scatters_over_the_border_is_one_alert_at_most() {
    let mut scene = Scene::new(ZONE, &radar());
    for i in 0..200 {
        let off = [-12.0, 9.0, -5.0, 14.0, -8.0, 3.0][i % 6];
        scene.track(i as f64 * 5.0, "t1", "tank", (5_000.0 + off, 1_000.0), 40.0);
    }
    assert!(scene.alerts().len() <= 1, "{}", scene.alerts().len());
    let mut line = Scene::new(CROSSING, &radar());
    for i in 0..200 {
        let off = [-12.0, 9.0, -5.0, 14.0, -8.0, 3.0][i % 6];
        line.track(i as f64 * 5.0, "t1", "vehicle", (off, 0.0), 40.0);
    }
    assert!(line.alerts().is_empty());
}

/// traccar/traccar#4277: only one direction is wanted.
#[test]
fn a_crossing_has_a_direction_and_a_rule_may_want_only_one() {
    for (side, direction) in [("a", "b_to_a"), ("b", "a_to_b")] {
        let mut scene = Scene::new(&format!("{CROSSING}sides = [\"{side}\"]\n"), &radar());
        for (second, north) in [(0.0, 200.0), (20.0, -200.0), (40.0, 200.0)] {
            scene.track(second, "t1", "vehicle", (north, 0.0), 10.0);
        }
        assert_eq!(scene.only_alert().details["direction"], direction);
    }
}

/// tidwall/tile38#784: one crossing is told twice.
#[test]
fn one_crossing_is_one_event_however_often_it_is_seen() {
    let mut scene = Scene::new(CROSSING, &radar());
    scene.track(0.0, "t1", "vehicle", (200.0, 0.0), 10.0);
    for second in 2..30 {
        scene.track(f64::from(second) * 5.0, "t1", "vehicle", (-200.0 - f64::from(second), 0.0), 10.0);
    }
    scene.wait_until(300.0);
    assert_eq!((scene.only_alert().detections, scene.only_alert().revision), (1, 1));
}

/// traccar/traccar#4417, #6015: an upload of stored positions breaks the state of the present.
#[test]
fn an_upload_of_stored_positions_does_not_touch_what_is_live() {
    let mut scene = Scene::new(&format!("{CROSSING}{ZONE}"), &radar());
    for second in [7_000.0, 7_040.0] {
        scene.track(second, "t1", "tank", (6_000.0, 1_000.0), 10.0);
    }
    let live = scene.only_alert();
    for (made, north) in [(100.0, 300.0), (120.0, -300.0), (140.0, 9_000.0), (160.0, 300.0)] {
        scene.reading("st01-rd01", made, 7_050.0, sighting("t1", "tank", (north, 1_000.0), 10.0));
    }
    scene.track(7_060.0, "t1", "tank", (6_000.0, 1_000.0), 10.0);
    let alerts = scene.alerts();
    let [now, stored] = alerts.as_slice() else { panic!("{alerts:#?}") };
    assert_eq!((now.id, now.ended, now.timeliness), (live.id, None, Timeliness::Live));
    assert_eq!(now.details["since"], t(7_000.0).to_string());
    // What the store itself shows is told as what it is; the wild position adds nothing.
    assert_eq!((stored.category.as_str(), stored.timeliness, stored.detections), ("crossing", Timeliness::Late, 1));
    assert!(stored.last <= t(160.0));
}

#[test]
fn a_patrol_that_saw_a_weapon_need_not_see_it_for_the_dwell() {
    let rule = "[[rule]]\nid = \"w\"\nkind = \"withdrawal\"\ndwell_s = 3600\n\
                distances = [{ class = \"tank\", distance_m = 15000 }]\n";
    let mut scene = Scene::new(rule, &(mobile("st02-pt01", "st02", "") + &radar()));
    let mut report = health(5_000.0, 10.0);
    report["kind"] = "patrol_report".into();
    report["data"] =
        json!({"observation": "weapon", "means": "saw", "weapon": {"class": "tank"}, "range_max_m": 1_000.0});
    scene.track(0.0, "t1", "tank", (5_000.0, 0.0), 10.0);
    assert!(scene.alerts().is_empty(), "a radar has to see it for so long");
    scene.reading("st02-pt01", 0.0, 60.0, report);
    assert_eq!(scene.only_alert().subject, "patrol:st02-pt01");
}

/// A tank reported by an observer whose own position is known within `hacc_m`, on the middle of the square.
fn hearsay(means: &str, hacc_m: f64) -> Option<Alert> {
    let rule = "[[rule]]\nid = \"stay\"\nkind = \"exclusion_zone\"\nareas = [\"square\"]\nthreshold = 0.2\n";
    let mut scene = Scene::new(rule, &mobile("st02-pt01", "st02", ""));
    let (lat, lon) = at(6_000.0, 1_000.0);
    let mut report = json!({"observation": "weapon", "means": means, "weapon": {"class": "tank"}, "range_max_m": 50});
    report = json!({"kind": "patrol_report", "data": report, "position": {"lat": lat, "lon": lon, "hacc_m": hacc_m, "fix": "3d"}});
    scene.reading("st02-pt01", 1.0, 1.0, report);
    scene.alerts().into_iter().next()
}

#[test]
fn what_an_observer_was_only_told_is_no_more_certain_than_that() {
    assert_eq!(hearsay("saw", 5.0).expect("an alert").certainty.probability, 0.95);
    assert_eq!(hearsay("reported", 5.0).expect("an alert").certainty.probability, 0.5);
}

#[test]
fn what_an_observer_saw_is_no_better_placed_than_the_observer() {
    let near = hearsay("saw", 0.4).expect("an alert").place.expect("a place").extent;
    assert!(matches!(near, PlaceExtent::Disc { radius_m: 50.0, .. }), "{near:?}");
    let far = hearsay("saw", 1_500.0).expect("an alert");
    assert!(matches!(far.place.expect("a place").extent, PlaceExtent::Disc { radius_m: 1_550.0, .. }));
    assert!(far.certainty.probability < 0.6, "{:?}", far.certainty);
}
