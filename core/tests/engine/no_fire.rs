//! Fire: lone detections, a station as one subject, notified activities, what is late.

use serde_json::{Value, json};
use truceline_core::agreement::Severity;
use truceline_core::alert::{CertaintyWord, PlaceExtent, Timeliness};
use truceline_core::geometry::Side;

use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
areas = ["near"]
threshold = 0.5
cool_down_s = 600
"#;

fn station() -> String {
    ["st01-ac01", "st01-ac02", "st01-ac03", "st01-ac04"]
        .iter()
        .enumerate()
        .map(|(i, device)| fixed(device, "st01", 3_000.0, 100.0 * i as f64, "range_m = { explosion = 10000 }"))
        .collect()
}

#[test]
fn an_explosion_without_a_bearing_is_anywhere_around_and_on_neither_side() {
    let mut scene = Scene::new(RULE, &station());
    let said = scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    assert_eq!(said.len(), 1);
    let alert = scene.only_alert();
    assert_eq!((alert.category.as_str(), alert.subject.as_str()), ("no_fire", "station:st01"));
    assert_eq!(alert.severity, Severity::Severe);
    assert_eq!(alert.certainty.word, CertaintyWord::Likely);
    assert!((alert.certainty.probability - 0.8).abs() < 0.001, "{:?}", alert.certainty);
    assert_eq!((alert.started, alert.detected_at), (t(10.0), t(10.3)));
    assert_eq!((alert.detections, alert.count_qualifier.as_str(), alert.events), (1, "at_least", None));
    assert_eq!(alert.timeliness, Timeliness::Live);
    assert_eq!(alert.zone, Some(id("near")));
    let place = alert.place.clone().unwrap();
    assert!(matches!(place.extent, PlaceExtent::Disc { radius_m, .. } if radius_m == 10_000.0));
    assert_eq!(place.located_side, Side::Undetermined);
    assert_eq!(alert.evidence[0].device, id("st01-ac01"));
    assert!(alert.summary.contains("likely") && alert.summary.contains("side undetermined"), "{}", alert.summary);
    assert!(!alert.summary.contains("violation"), "{}", alert.summary);
}

#[test]
fn a_bearing_away_from_the_line_supports_a_side() {
    let mut scene = Scene::new(RULE, &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, Some((0.0, 4.0))));
    let place = scene.only_alert().place.unwrap();
    let PlaceExtent::Sector { width_deg, range_max_m, .. } = place.extent else { panic!("{place:?}") };
    assert!((width_deg - 15.68).abs() < 1e-9 && range_max_m == 10_000.0);
    assert_eq!(place.located_side, Side::A);
    assert_eq!(place.line_distance_m, None, "a sector has no one distance");
}

#[test]
fn four_sensors_that_hear_one_explosion_give_one_alert() {
    let mut scene = Scene::new(RULE, &station());
    for (i, device) in ["st01-ac01", "st01-ac02", "st01-ac03", "st01-ac04"].into_iter().enumerate() {
        scene.reading(device, 10.0 + i as f64 * 0.2, 11.0 + i as f64 * 0.2, heard("explosion", 0.6, None));
    }
    scene.wait_until(30.0);
    let alert = scene.only_alert();
    assert_eq!((alert.detections, alert.evidence.len()), (4, 4));
    assert_eq!(alert.revision, 2, "three extensions within ten seconds are one revision");
    assert_eq!(alert.updated_at, t(21.0));
}

#[test]
fn a_sound_that_is_no_fire_or_hardly_one_raises_nothing() {
    let mut scene = Scene::new(RULE, &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("vehicle", 0.99, None));
    scene.reading("st01-ac01", 11.0, 11.3, heard("explosion", 0.4, None));
    assert!(scene.alerts().is_empty());
}

#[test]
fn it_ends_when_nothing_more_comes_and_what_comes_later_is_another() {
    let mut scene = Scene::new(RULE, &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    scene.reading("st01-ac02", 500.0, 500.3, heard("explosion", 0.8, None));
    scene.wait_until(1_100.0);
    assert!(scene.only_alert().ended.is_none(), "the second one keeps it open");
    let said = scene.wait_until(1_101.0);
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].ended, said[0].ended_reason.as_deref()), (Some(t(1_100.3)), Some("cool_down")));
    scene.reading("st01-ac01", 1_200.0, 1_200.3, heard("explosion", 0.8, None));
    assert_eq!(scene.alerts().len(), 2);
}

#[test]
fn a_backlog_is_parted_by_reading_time_and_not_by_arrival() {
    let mut scene = Scene::new(RULE, &station());
    for made in [0.0, 60.0, 2_000.0] {
        scene.reading("st01-ac01", made, 2_010.0, heard("explosion", 0.8, None));
    }
    scene.wait_until(2_030.0);
    let alerts = scene.alerts();
    let shape: Vec<_> = alerts.iter().map(|alert| (alert.timeliness, alert.detections)).collect();
    assert_eq!(shape, [(Timeliness::Late, 2), (Timeliness::Live, 1)]);
}

#[test]
fn a_late_reading_joins_what_was_live_then_or_opens_a_late_alert_but_makes_none_late() {
    let mut scene = Scene::new(RULE, &station());
    scene.reading("st01-ac01", 1_000.0, 1_000.3, heard("explosion", 0.8, None));
    scene.reading("st01-ac02", 1_000.1, 1_400.0, heard("explosion", 0.7, None));
    assert_eq!(scene.only_alert().timeliness, Timeliness::Live);
    scene.reading("st01-ac02", -90_000.0, 1_401.0, heard("explosion", 0.7, None));
    scene.wait_until(1_420.0);
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 2);
    assert_eq!((alerts[0].timeliness, alerts[0].detections), (Timeliness::Live, 2));
    assert_eq!((alerts[1].timeliness, alerts[1].started), (Timeliness::Late, t(-90_000.0)));
    assert!(alerts[1].summary.contains("reported late"));
    scene.reading("st01-ac02", 1_450.0, 1_450.3, heard("explosion", 0.7, None));
    assert_eq!(scene.alerts()[0].detections, 3, "the live one goes on");
}

#[test]
fn live_evidence_that_goes_on_with_a_late_alert_makes_it_live_and_opens_no_second_one() {
    let mut scene = Scene::new(RULE, &station());
    scene.reading("st01-ac01", 1_000.0, 1_400.0, heard("explosion", 0.8, None));
    let first = scene.only_alert();
    assert_eq!(first.timeliness, Timeliness::Late);
    scene.reading("st01-ac01", 1_401.0, 1_401.5, heard("explosion", 0.8, None));
    let alert = scene.only_alert();
    assert_eq!((alert.id, alert.timeliness, alert.detections), (first.id, Timeliness::Live, 2));
    assert!(alert.labels.contains(&"began_late".to_owned()));
    scene.wait_until(3_000.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("cool_down"));
}

#[test]
fn a_step_of_the_wall_clock_makes_nothing_late() {
    let mut scene = Scene::new(RULE, &station());
    // The wall clock was an hour behind and is put right; devices were right all the time.
    scene.enter(10.0, truceline_core::log::Body::Clock { offset_ns: 3_600_000_000_000 });
    scene.reading("st01-ac01", 3_620.0, 20.0, heard("explosion", 0.8, None));
    assert_eq!(scene.only_alert().timeliness, Timeliness::Live);
}

#[test]
fn a_notified_activity_labels_and_lowers_and_hides_nothing() {
    let activity = |notified: &str| {
        format!(
            r#"{RULE}
[[activity]]
id = "blasting-1"
kind = "blasting"
areas = ["near"]
from = 2026-11-24T11:00:00Z
to = 2026-11-24T13:00:00Z
notified_by = "quarry"
notified_at = {notified}
"#
        )
    };
    let mut scene = Scene::new(&activity("2026-11-23T11:00:00Z"), &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    let alert = scene.only_alert();
    assert_eq!((alert.severity, alert.labels), (Severity::Moderate, vec!["notified:blasting-1".to_owned()]));
    let mut scene = Scene::new(&activity("2026-11-24T11:30:00Z"), &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    let alert = scene.only_alert();
    assert_eq!((alert.severity, alert.labels), (Severity::Severe, vec!["late_notice".to_owned()]));
}

#[test]
fn what_is_permitted_and_what_is_out_of_hours_raises_no_alert() {
    let permitted = r#"permitted = [{ devices = ["st01-ac01"], classes = ["explosion"] }]"#;
    let mut scene = Scene::new(&format!("{RULE}{permitted}"), &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    assert!(scene.alerts().is_empty());
    scene.reading("st01-ac02", 11.0, 11.3, heard("explosion", 0.8, None));
    assert_eq!(scene.alerts().len(), 1);
    // The stories begin at noon.
    let mut scene = Scene::new(&format!("{RULE}hours = [\"13:00-14:00\"]"), &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    assert!(scene.alerts().is_empty());
    scene.reading("st01-ac01", 3_600.0, 3_600.3, heard("explosion", 0.8, None));
    assert_eq!(scene.alerts().len(), 1);
}

#[test]
fn sides_of_a_rule_count_only_as_far_as_the_place_supports_them() {
    let rule = RULE.replace("areas = [\"near\"]", "areas = [\"near\"]\nsides = [\"b\"]");
    let mut scene = Scene::new(&rule, &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.9, Some((0.0, 4.0))));
    assert!(scene.alerts().is_empty(), "to the north it was on side A");
    scene.reading("st01-ac01", 20.0, 20.3, heard("explosion", 0.9, Some((180.0, 4.0))));
    let alert = scene.only_alert();
    // Of the 10 km to the south, 3 km are before the line: 9 % of the sector's area.
    assert!((alert.certainty.probability - 0.9 * 0.91).abs() < 0.01, "{:?}", alert.certainty);
}

#[test]
fn a_patrol_report_counts_by_how_the_person_knows() {
    let mut scene = Scene::new(RULE, &mobile("st02-pt01", "st02", ""));
    let (lat, lon) = at(3_000.0, 0.0);
    let report = |means: &str| {
        json!({
            "kind": "patrol_report", "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"},
            "data": {"observation": "burst", "means": means, "sector_deg": 90.0, "sector_width_deg": 60.0,
                     "range_max_m": 2000.0, "assessment": "live_fire_exercise"},
        })
    };
    scene.reading("st02-pt01", 10.0, 11.0, report("heard"));
    let alert = scene.only_alert();
    assert!((alert.certainty.probability - 0.8).abs() < 0.001);
    assert_eq!(alert.labels, ["assessed:live_fire_exercise"]);
    assert!(matches!(alert.place.unwrap().extent, PlaceExtent::Sector { range_max_m, .. } if range_max_m == 2_000.0));
}

#[test]
fn a_better_detection_raises_the_certainty_at_once() {
    let mut scene = Scene::new(&RULE.replace("0.5", "0.2"), &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.3, None));
    assert_eq!(scene.only_alert().certainty.word, CertaintyWord::Possible);
    let said = scene.reading("st01-ac02", 10.1, 10.5, heard("explosion", 0.9, None));
    assert_eq!(said.len(), 1, "not held back for ten seconds");
    assert_eq!(said[0].certainty.word, CertaintyWord::Likely);
}

#[test]
fn a_test_in_a_maintenance_window_is_no_fire() {
    let window = "maintenance = [{ from = 2026-11-24T12:00:00Z, to = 2026-11-24T12:10:00Z }]";
    let mut scene = Scene::new(RULE, &fixed("st01-ac01", "st01", 3_000.0, 0.0, window));
    let mut test = heard("explosion", 0.9, None);
    test["test"] = true.into();
    scene.reading("st01-ac01", 10.0, 10.3, test.clone());
    assert!(scene.alerts().is_empty());
    scene.reading("st01-ac01", 700.0, 700.3, test);
    assert_eq!(scene.alerts().len(), 1, "outside of the window the word test means nothing");
}

#[test]
fn evidence_is_the_first_the_last_and_the_best_fifty() {
    let mut scene = Scene::new(RULE, &station());
    for i in 0..120 {
        let confidence = if (20..70).contains(&i) { 0.9 } else { 0.7 };
        scene.reading("st01-ac01", f64::from(i), f64::from(i) + 0.3, heard("gunfire", confidence, None));
    }
    scene.wait_until(140.0);
    let alert = scene.only_alert();
    assert_eq!((alert.detections, alert.evidence.len()), (120, 52));
    let seqs: Vec<u64> = alert.evidence.iter().map(|evidence| evidence.seq).collect();
    assert_eq!((seqs[0], seqs[1], seqs[50], seqs[51]), (1, 21, 70, 120));
}

#[test]
fn each_class_is_an_alert_of_its_own() {
    let mut scene = Scene::new(RULE, &station());
    for (i, class) in ["explosion", "gunfire", "explosion", "launch", "explosion"].into_iter().enumerate() {
        scene.reading("st01-ac01", 10.0 + i as f64, 10.3 + i as f64, heard(class, 0.7 + 0.05 * i as f64, None));
    }
    scene.wait_until(60.0);
    let alerts = scene.alerts();
    let told: Vec<_> =
        alerts.iter().map(|alert| (alert.details["class"].as_str().unwrap(), alert.detections)).collect();
    assert_eq!(told, [("explosion", 3), ("gunfire", 1), ("launch", 1)]);
    for (alert, (class, detections)) in alerts.iter().zip(told) {
        assert!(alert.summary.starts_with(&format!("Suspected {class} ")), "{}", alert.summary);
        assert_eq!(alert.evidence.len() as u64, detections);
    }
}

fn patrol(data: Value) -> Value {
    let (lat, lon) = at(3_000.0, 0.0);
    json!({
        "kind": "patrol_report", "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"}, "data": data,
    })
}

#[test]
fn a_vague_report_takes_no_better_place_away_and_its_label_is_of_one_detection() {
    let registry = station() + &mobile("st01-pt01", "st01", "");
    let mut scene = Scene::new(RULE, &registry);
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, Some((0.0, 4.0))));
    let report = json!({"observation": "explosion", "means": "saw", "assessment": "live_fire_exercise"});
    scene.reading("st01-pt01", 11.0, 12.0, patrol(report));
    scene.wait_until(30.0);
    let alert = scene.only_alert();
    assert_eq!((alert.certainty.probability, alert.detections), (0.95, 2));
    assert!(matches!(alert.place.unwrap().extent, PlaceExtent::Sector { .. }));
    let told = "Suspected explosion sensed by station st01 (at least 2 detections): likely, 95 %; the best placed one: \
                within 10.0 km of the sensor at 0° ± 8°, probably on side A (over 99 %).";
    assert_eq!(alert.summary, told);
    assert_eq!(alert.labels, ["assessed:live_fire_exercise"]);
    assert_eq!(alert.details["assessed"], json!({"live_fire_exercise": 1}));
}

#[test]
fn a_place_that_is_much_less_probable_gives_way() {
    let mut scene = Scene::new(&RULE.replace("0.5", "0.2"), &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.3, Some((0.0, 4.0))));
    scene.reading("st01-ac02", 11.0, 11.3, heard("explosion", 0.9, None));
    scene.reading("st01-ac03", 12.0, 12.3, heard("explosion", 0.3, Some((2.0, 1.0))));
    scene.wait_until(30.0);
    assert!(matches!(scene.only_alert().place.unwrap().extent, PlaceExtent::Disc { .. }));
}

#[test]
fn a_range_that_nobody_registered_is_told_as_assumed_and_a_person_is_an_observer() {
    let mut scene = Scene::new(RULE, &(station() + &mobile("st02-pt01", "st02", "")));
    scene.reading("st01-ac01", 10.0, 10.3, heard("gunfire", 0.8, None));
    scene.reading("st02-pt01", 11.0, 12.0, patrol(json!({"observation": "explosion", "means": "heard"})));
    let alerts = scene.alerts();
    assert!(
        alerts[0].summary.contains("anywhere within 3.0 km of the sensor (assumed range)"),
        "{}",
        alerts[0].summary
    );
    let told = "anywhere within 15.0 km of the observer (assumed range)";
    assert!(alerts[1].summary.contains(told), "{}", alerts[1].summary);
    assert_eq!((&alerts[0].details["range"], &alerts[1].details["range"]), (&json!("assumed"), &json!("assumed")));
    scene.reading("st01-ac01", 13.0, 13.3, heard("explosion", 0.8, None));
    scene.wait_until(30.0);
    let alert = scene.alerts().remove(1);
    assert!(alert.summary.contains("the best placed one: anywhere within 10.0 km of the sensor,"), "{}", alert.summary);
    assert_eq!(alert.details.get("range"), None);
}

#[test]
fn no_number_of_an_alert_has_more_digits_than_a_sensor_supports() {
    let mut scene = Scene::new(RULE, &station());
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.812_345_678, Some((171.234_567, 3.333_333))));
    let alert = serde_json::to_value(scene.only_alert()).unwrap();
    assert_eq!(alert["certainty"]["probability"].to_string().len(), "0.812".len());
    let place = &alert["where"];
    let numbers = ["p_side_a", "bearing_deg", "width_deg", "range_max_m"];
    for number in numbers.map(|name| &place[name]).into_iter().chain([&alert["details"]["confidence"]]) {
        let decimals = number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert!(number.is_f64() && decimals <= 3, "{number}");
    }
}

#[test]
fn a_place_known_worse_than_a_quarter_of_the_range_leaves_nothing_of_the_bearing() {
    let extent = |hacc_m: f64| {
        let mut scene = Scene::new(
            "[[rule]]\nid = \"fire\"\nkind = \"no_fire\"\n",
            &mobile("st02-ac01", "st02", "range_m = { gunfire = 1000 }"),
        );
        let (lat, lon) = at(1_000.0, 0.0);
        let mut said = heard("gunfire", 0.9, Some((90.0, 2.0)));
        said["position"] = json!({"lat": lat, "lon": lon, "hacc_m": hacc_m, "fix": "3d"});
        scene.reading("st02-ac01", 0.0, 0.2, said);
        scene.only_alert().place.unwrap().extent
    };
    let PlaceExtent::Sector { width_deg, range_max_m, .. } = extent(100.0) else { panic!() };
    assert!((width_deg - 19.26).abs() < 0.1 && range_max_m == 1_100.0, "{width_deg} {range_max_m}");
    assert!(matches!(extent(240.0), PlaceExtent::Sector { range_max_m: 1_240.0, .. }));
    for (hacc_m, radius) in [(260.0, 1_260.0), (400.0, 1_400.0)] {
        let PlaceExtent::Disc { radius_m, .. } = extent(hacc_m) else { panic!() };
        assert_eq!(radius_m, radius);
    }
}
