//! Positions that cannot be: not believed, and not held to for ever.

use serde_json::{Value, json};
use truceline_core::alert::PlaceExtent;

use crate::crossing::RULE;
use crate::scene::*;

fn radar() -> String {
    fixed("st01-rd01", "st01", 2_000.0, 0.0, "")
}

fn at_position(north_m: f64, fields: Value) -> Value {
    let (lat, lon) = at(north_m, 0.0);
    let mut fields = fields;
    fields["position"] = json!({"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"});
    fields
}

fn health(north_m: f64) -> Value {
    at_position(north_m, json!({"kind": "health", "data": {}}))
}

fn gnss(north_m: f64, jamming: &str, spoofing: &str) -> Value {
    at_position(north_m, json!({"kind": "gnss_status", "data": {"jamming": jamming, "spoofing": spoofing}}))
}

fn is_doubtful(scene: &Scene, device: &str) -> bool {
    scene.engine.devices().iter().find(|status| status.device == id(device)).unwrap().position_doubtful
}

#[test]
fn one_wild_fix_across_the_line_is_no_crossing() {
    let mut scene = Scene::new(RULE, &radar());
    for (second, north) in [(0.0, 300.0), (10.0, 320.0), (20.0, -9_000.0), (30.0, 340.0), (40.0, 360.0)] {
        scene.track(second, "t1", "vehicle", (north, 0.0), 10.0);
    }
    assert!(scene.alerts().is_empty());
    assert_eq!(scene.engine.limits_hit().doubted_positions, 1);
}

#[test]
fn a_new_place_that_three_positions_agree_on_restarts_the_track_and_invents_no_crossing() {
    let mut scene = Scene::new(RULE, &radar());
    scene.track(0.0, "t1", "vehicle", (300.0, 0.0), 10.0);
    for (second, north) in [(10.0, -9_000.0), (20.0, -8_900.0), (30.0, -8_800.0), (200.0, -300.0)] {
        scene.track(second, "t1", "vehicle", (north, 0.0), 10.0);
    }
    assert!(scene.alerts().is_empty(), "nobody saw it cross");
    scene.track(230.0, "t1", "vehicle", (300.0, 0.0), 10.0);
    let alert = scene.only_alert();
    assert_eq!(alert.details["direction"], "b_to_a", "the new place was taken");
    assert_eq!(alert.labels, ["track_restarted"]);
}

#[test]
fn a_doubted_position_neither_begins_nor_ends_a_stay() {
    let zone = "[[rule]]\nid = \"square\"\nkind = \"exclusion_zone\"\nareas = [\"square\"]\ndwell_s = 30\n";
    let mut scene = Scene::new(zone, &radar());
    scene.track(0.0, "t1", "tank", (6_000.0, 1_000.0), 10.0);
    scene.track(30.0, "t1", "tank", (6_000.0, 1_000.0), 10.0);
    scene.track(31.0, "t1", "tank", (9_000.0, 1_000.0), 10.0);
    assert!(scene.only_alert().ended.is_none(), "3 km in a second are no way out");
    scene.track(0.0, "t2", "tank", (4_000.0, 1_000.0), 10.0);
    scene.track(1.0, "t2", "tank", (6_000.0, 1_000.0), 10.0);
    scene.track(40.0, "t2", "tank", (4_000.0, 1_000.0), 10.0);
    assert_eq!(scene.alerts().len(), 1);
}

#[test]
fn a_watched_device_that_jumps_is_doubtful_and_stands_where_it_was() {
    let mut scene = Scene::new(RULE, &mobile("st02-v1", "st02", "watched = true"));
    for (second, north) in [(0.0, 300.0), (30.0, -20_000.0)] {
        scene.reading("st02-v1", second, second + 0.2, health(north));
    }
    assert!(is_doubtful(&scene, "st02-v1") && scene.alerts().is_empty());
    let status = &scene.engine.devices()[0];
    assert!((status.position.unwrap().lat - at(300.0, 0.0).0).abs() < 1e-9);
    for second in [60.0, 90.0] {
        scene.reading("st02-v1", second, second + 0.2, health(-20_000.0));
    }
    assert!(!is_doubtful(&scene, "st02-v1") && scene.alerts().is_empty(), "taken, and no crossing made up");
}

#[test]
fn a_registered_greatest_speed_decides_what_is_possible() {
    for (more, crossings) in [("watched = true", 1), ("watched = true\nmax_speed_mps = 5", 0)] {
        let mut scene = Scene::new(RULE, &mobile("st02-v1", "st02", more));
        for (second, north) in [(0.0, 300.0), (30.0, -300.0)] {
            scene.reading("st02-v1", second, second + 0.2, health(north));
        }
        assert_eq!(scene.alerts().len(), crossings, "{more}");
    }
}

#[test]
fn a_receiver_that_says_it_is_spoofed_is_not_believed_until_it_takes_it_back() {
    let mut scene = Scene::new(RULE, &mobile("st02-v1", "st02", "watched = true"));
    scene.reading("st02-v1", 0.0, 0.2, health(300.0));
    scene.reading("st02-v1", 30.0, 30.2, gnss(-300.0, "none", "suspected"));
    scene.reading("st02-v1", 60.0, 60.2, health(-300.0));
    assert!(is_doubtful(&scene, "st02-v1") && scene.alerts().is_empty());
    scene.reading("st02-v1", 90.0, 90.2, gnss(-300.0, "none", "none"));
    assert!(!is_doubtful(&scene, "st02-v1"));
    assert_eq!(scene.alerts().len(), 1, "now it says so itself, undisturbed");
}

#[test]
fn a_fixed_device_that_is_spoofed_far_away_possibly_moved_and_no_more() {
    let rule = "[[rule]]\nid = \"tamper\"\nkind = \"tamper\"\n";
    let mut scene = Scene::new(rule, &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""));
    scene.reading("st01-ac01", 0.0, 0.2, health(1_000.0));
    for second in [60.0, 120.0] {
        scene.reading("st01-ac01", second, second + 0.2, gnss(80_000.0, "none", "confirmed"));
    }
    let alert = scene.only_alert();
    assert_eq!(alert.certainty.probability, 0.5);
    assert!(alert.labels.contains(&"position_doubtful".to_owned()), "{:?}", alert.labels);
}

#[test]
fn what_a_device_of_doubtful_position_hears_is_within_a_wider_disc() {
    let rule = "[[rule]]\nid = \"no-fire\"\nkind = \"no_fire\"\n";
    let mut scene = Scene::new(rule, &mobile("st02-ac1", "st02", "range_m = { explosion = 2000 }\nmax_speed_mps = 10"));
    scene.reading("st02-ac1", 0.0, 0.2, health(1_000.0));
    scene.reading("st02-ac1", 20.0, 20.2, at_position(90_000.0, heard("explosion", 0.9, Some((90.0, 3.0)))));
    let alert = scene.only_alert();
    assert_eq!(alert.labels, ["position_doubtful"]);
    let PlaceExtent::Disc { position, radius_m } = alert.place.unwrap().extent else { panic!("a disc") };
    assert!((position.lat - at(1_000.0, 0.0).0).abs() < 1e-6 && (radius_m - 2_210.0).abs() < 1.0, "{radius_m}");
}

/// A watched device at most 30 m/s fast, by (second, metres north).
fn driven(way: &[(f64, f64)]) -> Scene {
    let mut scene = Scene::new(RULE, &mobile("st02-v1", "st02", "watched = true\nmax_speed_mps = 30"));
    for (second, north) in way {
        scene.reading("st02-v1", *second, second + 0.2, health(*north));
    }
    scene
}

#[test]
fn a_spoof_that_lasts_longer_than_the_honest_run_pins_nothing_and_makes_up_no_crossing() {
    let mut way = vec![(0.0, 300.0), (30.0, 310.0)];
    way.extend((2..120).map(|i| (f64::from(i) * 30.0, -60_000.0)));
    let spoofed = driven(&way);
    assert!(spoofed.alerts().is_empty() && !is_doubtful(&spoofed, "st02-v1"), "what lasts is taken");
    // Back where it was all the time: doubted at first, then taken.
    way.extend([(3_600.0, 320.0), (3_630.0, 320.0)]);
    let back = driven(&way);
    assert!(back.alerts().is_empty() && is_doubtful(&back, "st02-v1"));
    way.push((3_660.0, 320.0));
    let taken = driven(&way);
    assert!(taken.alerts().is_empty() && !is_doubtful(&taken, "st02-v1"));
    let status = &taken.engine.devices()[0];
    assert!((status.position.unwrap().lat - at(320.0, 0.0).0).abs() < 1e-9);
    // And now it really crosses.
    way.push((3_690.0, -300.0));
    let alert = driven(&way).only_alert();
    assert_eq!(
        (alert.details["direction"].as_str(), alert.labels.as_slice()),
        (Some("a_to_b"), ["track_restarted".to_owned()].as_slice())
    );
}

#[test]
fn a_short_spoof_leaves_the_honest_place_and_the_crossing_from_there_is_told() {
    let scene = driven(&[(0.0, 300.0), (30.0, -60_000.0), (60.0, -60_000.0), (90.0, 320.0), (120.0, -300.0)]);
    assert_eq!(scene.only_alert().details["direction"], "a_to_b");
}

#[test]
fn two_receivers_with_one_id_make_up_no_crossing() {
    let way: Vec<_> = (0..60).map(|i| (f64::from(i) * 30.0, if i % 2 == 0 { 5_000.0 } else { -5_000.0 })).collect();
    let scene = driven(&way);
    assert!(scene.alerts().is_empty());
    assert!(is_doubtful(&scene, "st02-v1"), "the second one is never believed");
    // Two of one, then two of the other: never three in a row.
    let way: Vec<_> = (0..60).map(|i| (f64::from(i) * 30.0, if i % 4 < 2 { 5_000.0 } else { -5_000.0 })).collect();
    assert!(driven(&way).alerts().is_empty());
}
