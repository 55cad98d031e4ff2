//! A device that was offline for a week sends its store.

use serde_json::{Value, json};
use truceline_core::alert::Timeliness;
use truceline_core::log::Body;
use truceline_core::wire::TimeBasis;

use crate::scene::*;

const WEEK_S: f64 = 604_800.0;

/// Two phases: until the fifth day the zone must stay free and fire is banned; from then on neither.
const RULES: &str = r#"
[[rule]]
id = "crossing"
kind = "crossing"
threshold = 0.95
[[rule]]
id = "first-phase"
kind = "exclusion_zone"
areas = ["square"]
dwell_s = 30
valid_to = 2026-11-29T12:00:00Z
[[rule]]
id = "no-fire"
kind = "no_fire"
valid_to = 2026-11-29T12:00:00Z
[[rule]]
id = "silence"
kind = "silence"
[[rule]]
id = "clocks"
kind = "clock"
"#;

fn vehicle() -> String {
    mobile("st02-v1", "st02", "watched = true") + &fixed("st01-rd01", "st01", 2_000.0, 0.0, "interval_s = 60")
}

fn health(north_m: f64) -> Value {
    let (lat, lon) = at(north_m, 0.0);
    json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"}})
}

/// As the reading of this number within the boot: it counts the making, whatever the order of arrival.
fn numbered(number: u64, mut fields: Value) -> Value {
    fields["seq"] = number.into();
    fields
}

/// Every hour a position on side A, from the first hour to the last of the week; the week's end is on side B.
fn store() -> Vec<(f64, f64)> {
    (1..168).map(|hour| (f64::from(hour) * 3_600.0, 500.0 + f64::from(hour % 7))).collect()
}

#[test]
fn no_crossing_is_made_up_between_an_old_position_and_a_new_one() {
    for newest_first in [false, true] {
        let mut scene = Scene::new(RULES, &mobile("st02-v1", "st02", "watched = true"));
        scene.reading("st02-v1", 0.0, 0.2, numbered(0, health(500.0)));
        scene.reading("st02-v1", WEEK_S, WEEK_S + 0.2, numbered(1_000, health(-500.0)));
        let mut store = store();
        if newest_first {
            store.reverse();
        }
        for (i, (made, north)) in store.into_iter().enumerate() {
            scene.reading(
                "st02-v1",
                made,
                WEEK_S + 1.0 + i as f64 * 0.01,
                numbered((made / 3_600.0) as u64, health(north)),
            );
        }
        scene.reading("st02-v1", WEEK_S + 60.0, WEEK_S + 60.2, numbered(1_001, health(-510.0)));
        assert!(scene.alerts().is_empty(), "newest first: {newest_first}");
        let status = &scene.engine.devices()[0];
        assert_eq!(status.last_time, Some(t(WEEK_S + 60.0)));
        assert!((status.position.unwrap().lat - at(-510.0, 0.0).0).abs() < 1e-9, "it is where it says now");
    }
}

#[test]
fn a_store_is_judged_by_the_rules_of_its_own_time_and_marked_late() {
    let mut scene = Scene::new(RULES, &vehicle());
    for (day, track) in [(2.0, "before"), (6.0, "after")] {
        for second in [0.0, 40.0] {
            let made = day * 86_400.0 + second;
            scene.reading("st01-rd01", made, WEEK_S + second, sighting(track, "tank", (6_000.0, 1_000.0), 10.0));
        }
        scene.reading("st01-rd01", day * 86_400.0 + 50.0, WEEK_S + 50.0, heard("explosion", 0.9, None));
    }
    let alerts: Vec<_> = scene.alerts().into_iter().filter(|alert| alert.category != "silence").collect();
    assert_eq!(alerts.len(), 2, "{alerts:#?}");
    for (alert, (category, started)) in alerts.iter().zip([("exclusion_zone", 172_840.0), ("no_fire", 172_850.0)]) {
        assert_eq!((alert.category.as_str(), alert.timeliness), (category, Timeliness::Late));
        assert_eq!(alert.started, t(started), "its own time");
    }
}

#[test]
fn a_store_newest_first_keeps_every_detection_at_its_own_time() {
    let mut scene = Scene::new("[[rule]]\nid = \"no-fire\"\nkind = \"no_fire\"\ncool_down_s = 600\n", &vehicle());
    for (i, made) in [500.0, 400.0, 300.0, 200.0].into_iter().enumerate() {
        scene.reading("st01-rd01", made, WEEK_S + i as f64, heard("explosion", 0.9, None));
    }
    scene.wait_until(WEEK_S + 30.0);
    let alert = scene.only_alert();
    assert_eq!((alert.detections, alert.started, alert.last), (4, t(200.0), t(500.0)));
    assert_eq!(alert.timeliness, Timeliness::Late);
}

#[test]
fn a_crossing_in_an_ordered_store_is_told_late_with_its_own_time() {
    let mut scene = Scene::new(RULES, &mobile("st02-v1", "st02", "watched = true"));
    scene.reading("st02-v1", 0.0, 0.2, health(500.0));
    for (made, north) in [(86_400.0, 300.0), (86_460.0, -300.0), (86_520.0, -320.0)] {
        scene.reading("st02-v1", made, WEEK_S, health(north));
    }
    let alert = scene.only_alert();
    assert_eq!(
        (alert.details["crossed_at"].as_str(), alert.timeliness),
        (Some(t(86_430.0).to_string().as_str()), Timeliness::Late)
    );
}

#[test]
fn a_store_does_not_make_its_device_silent_and_ends_its_silence() {
    let mut scene = Scene::new(RULES, &fixed("st01-rd01", "st01", 2_000.0, 0.0, "interval_s = 60"));
    scene.health("st01-rd01", 0.0);
    scene.wait_until(WEEK_S);
    assert_eq!(scene.alerts().iter().filter(|alert| alert.ended.is_none()).count(), 1, "silent for a week");
    for i in 0..100 {
        let made = f64::from(i) * 600.0;
        scene.reading("st01-rd01", made, WEEK_S + 1.0, json!({"kind": "health", "data": {}}));
    }
    assert!(scene.alerts().iter().all(|alert| alert.ended.is_some()), "heard again");
    scene.wait_until(WEEK_S + 100.0);
    assert_eq!(scene.alerts().len(), 1, "old readings are no silence");
}

#[test]
fn what_rests_on_a_time_that_was_estimated_says_so_and_nothing_else_does() {
    let rules = "[[rule]]\nid = \"fire\"\nkind = \"no_fire\"\n[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\n\
                 [[rule]]\nid = \"tamper\"\nkind = \"tamper\"\n";
    let estimated = |scene: &mut Scene, made: f64, fields: Value| {
        let mut body = scene.reading_body("st01-rd01", made, fields);
        let Body::Reading(entry) = &mut body else { panic!() };
        entry.time_basis = TimeBasis::Estimated;
        scene.enter(made + 0.2, body);
    };
    let mut scene = Scene::new(rules, &fixed("st01-rd01", "st01", 2_000.0, 0.0, ""));
    estimated(&mut scene, 10.0, heard("explosion", 0.8, None));
    estimated(&mut scene, 20.0, json!({"kind": "health", "data": {"enclosure": "open"}}));
    scene.track(30.0, "t1", "vehicle", (200.0, 0.0), 10.0);
    estimated(&mut scene, 60.0, sighting("t1", "vehicle", (-200.0, 0.0), 10.0));
    scene.reading("st01-rd01", 70.0, 70.2, heard("gunfire", 0.8, None));
    let told: Vec<_> = scene.alerts().into_iter().map(|alert| (alert.category, alert.labels)).collect();
    let expected = [
        ("no_fire", vec!["time_estimated"]),
        ("tamper", vec!["tamper:opened", "time_estimated"]),
        ("crossing", vec!["time_estimated"]),
        ("no_fire", vec![]),
    ];
    let owned = |(category, labels): (&str, Vec<&str>)| {
        (category.to_owned(), labels.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(told, expected.map(owned));
    assert_eq!(scene.alerts()[0].viewer_form().labels, ["time_estimated"], "viewers are told too");
}
