//! Exclusion zones and withdrawal distances: what stays where it should not be.

use serde_json::json;
use truceline_core::alert::PlaceExtent;

use crate::scene::*;

const ZONE: &str = r#"
[[rule]]
id = "square"
kind = "exclusion_zone"
areas = ["square"]
threshold = 0.8
dwell_s = 30
cool_down_s = 600
"#;

const WITHDRAWAL: &str = r#"
[[rule]]
id = "withdrawal"
kind = "withdrawal"
threshold = 0.8
dwell_s = 60
distances = [
    { class = "artillery", calibre_min_mm = 100, distance_m = 25000 },
    { class = "artillery", distance_m = 15000 },
    { class = "tank", distance_m = 15000 },
]
"#;

fn radar() -> String {
    fixed("st01-rd01", "st01", 6_000.0, 0.0, "")
}

#[test]
fn a_tank_in_the_zone_alerts_after_the_dwell_and_ends_when_it_has_left() {
    let mut scene = Scene::new(ZONE, &radar());
    for second in [0.0, 10.0, 20.0] {
        scene.track(second, "t1", "tank", (6_900.0, 1_000.0), 20.0);
    }
    assert!(scene.alerts().is_empty(), "not yet for 30 s");
    scene.track(30.0, "t1", "tank", (6_900.0, 1_000.0), 20.0);
    let alert = scene.only_alert();
    assert_eq!((alert.category.as_str(), alert.zone.clone()), ("exclusion_zone", Some(id("square"))));
    assert_eq!(alert.details["since"], t(0.0).to_string());
    scene.track(40.0, "t1", "tank", (7_000.0, 1_000.0), 40.0);
    assert!(scene.only_alert().ended.is_none(), "on the border it is neither in nor out");
    let said = scene.track(50.0, "t1", "tank", (7_200.0, 1_000.0), 20.0);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].ended_reason.as_deref(), Some("resolved"));
}

#[test]
fn a_lost_track_ends_its_alert_by_the_cool_down() {
    let mut scene = Scene::new(ZONE, &radar());
    for second in [0.0, 30.0] {
        scene.track(second, "t1", "tank", (6_000.0, 1_000.0), 20.0);
    }
    scene.wait_until(631.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("cool_down"));
}

#[test]
fn other_classes_and_doubtful_positions_may_stay() {
    let mut scene = Scene::new(ZONE, &radar());
    for second in [0.0, 40.0, 80.0] {
        scene.track(second, "t1", "person", (6_000.0, 1_000.0), 20.0);
        scene.track(second, "t2", "tank", (6_950.0, 1_000.0), 200.0);
    }
    assert!(scene.alerts().is_empty());
}

#[test]
fn leaving_starts_the_dwell_anew() {
    let mut scene = Scene::new(ZONE, &radar());
    for (second, north) in [(0.0, 6_900.0), (20.0, 7_300.0), (40.0, 6_900.0), (60.0, 6_900.0)] {
        scene.track(second, "t1", "tank", (north, 1_000.0), 20.0);
    }
    assert!(scene.alerts().is_empty());
    scene.track(70.0, "t1", "tank", (6_900.0, 1_000.0), 20.0);
    assert_eq!(scene.alerts().len(), 1);
}

#[test]
fn the_first_distance_that_fits_a_weapon_decides() {
    for (class, calibre, north, told_m) in [
        ("artillery", Some(122.0), 20_000.0, Some(25_000.0)),
        ("artillery", Some(85.0), 20_000.0, None),
        ("artillery", Some(85.0), 10_000.0, Some(15_000.0)),
        // Of unknown calibre: only where the calibre does not matter.
        ("artillery", None, 20_000.0, None),
        ("artillery", None, 10_000.0, Some(15_000.0)),
        ("tank", None, -10_000.0, Some(15_000.0)),
        ("mortar", Some(82.0), 1_000.0, None),
    ] {
        let mut scene = Scene::new(WITHDRAWAL, &radar());
        for second in [0.0, 60.0] {
            let mut fields = sighting("t1", class, (north, 0.0), 50.0);
            if let Some(calibre) = calibre {
                fields["data"]["calibre_mm"] = calibre.into();
            }
            scene.reading("st01-rd01", second, second + 0.2, fields);
        }
        let told: Option<f64> =
            scene.alerts().first().map(|alert| alert.details["withdrawal_distance_m"].as_f64().unwrap());
        assert_eq!(told, told_m, "{class} {calibre:?} at {north}");
    }
}

#[test]
fn near_the_distance_the_accuracy_decides() {
    let mut scene = Scene::new(WITHDRAWAL, &radar());
    for second in [0.0, 60.0, 120.0] {
        scene.track(second, "t1", "tank", (14_990.0, 0.0), 100.0);
    }
    assert!(scene.alerts().is_empty(), "ten metres within, but 100 m uncertain");
    for second in [130.0, 190.0] {
        scene.track(second, "t1", "tank", (14_800.0, 0.0), 100.0);
    }
    assert_eq!(scene.alerts().len(), 1);
}

#[test]
fn a_weapon_with_bearing_and_range_is_placed_by_them() {
    let mut scene = Scene::new(WITHDRAWAL, &radar());
    for second in [0.0, 60.0] {
        let data = json!({"track": "t1", "class": "tank", "bearing_deg": 0.0, "bearing_sd_deg": 1.0,
                          "range_m": 3000.0, "range_sd_m": 30.0});
        scene.reading("st01-rd01", second, second + 0.2, json!({"kind": "object_track", "data": data}));
    }
    let alert = scene.only_alert();
    let place = alert.place.clone().unwrap();
    assert!((place.line_distance_m.unwrap() - 9_000.0).abs() < 30.0, "{place:?}");
    let PlaceExtent::Ellipse { semi_major_m, semi_minor_m, azimuth_deg, .. } = place.extent else {
        panic!("{place:?}")
    };
    // 95 % of one degree at 3 km, and of 30 m, each with the radar's own 5 m.
    assert!((semi_major_m - 128.3).abs() < 1.0 && (semi_minor_m - 73.6).abs() < 1.0, "{place:?}");
    assert_eq!(azimuth_deg, 90.0, "the bearing is the worse one, and lies across");
    assert!((place.line_distance_error_m.unwrap() - 73.6).abs() < 1.0, "towards the line it is the range's: {place:?}");
    assert!(alert.summary.contains("located within 128 m along 90° and 74 m across"), "{}", alert.summary);
}

#[test]
fn a_bearing_too_vague_for_an_ellipse_gives_the_sector_of_bearing_and_range() {
    let mut scene = Scene::new(WITHDRAWAL, &radar());
    for second in [0.0, 60.0] {
        let data = json!({"track": "t1", "class": "tank", "bearing_deg": 0.0, "bearing_sd_deg": 20.0,
                          "range_m": 3000.0, "range_sd_m": 30.0});
        scene.reading("st01-rd01", second, second + 0.2, json!({"kind": "object_track", "data": data}));
    }
    let place = scene.only_alert().place.unwrap();
    let PlaceExtent::Sector { width_deg, range_min_m, range_max_m, .. } = place.extent else { panic!("{place:?}") };
    assert!((width_deg - 89.7).abs() < 0.1, "{place:?}");
    assert!((range_min_m - 2_932.6).abs() < 0.5 && (range_max_m - 3_067.4).abs() < 0.5, "{place:?}");
}

#[test]
fn a_patrol_that_sees_a_weapon_with_a_place_is_enough() {
    let mut scene = Scene::new(WITHDRAWAL, &mobile("st02-pt01", "st02", ""));
    let (lat, lon) = at(5_000.0, 0.0);
    let mut report = json!({
        "kind": "patrol_report", "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"},
        "data": {"observation": "weapon", "means": "saw", "weapon": {"class": "tank"}},
    });
    scene.reading("st02-pt01", 10.0, 11.0, report.clone());
    assert!(scene.alerts().is_empty(), "without a sector or range it has no place");
    report["data"]["sector_deg"] = 45.0.into();
    report["data"]["sector_width_deg"] = 20.0.into();
    report["data"]["range_max_m"] = 3000.0.into();
    scene.reading("st02-pt01", 20.0, 21.0, report);
    let alert = scene.only_alert();
    assert_eq!(alert.subject, "patrol:st02-pt01");
    assert!(!serde_json::to_string(&alert.viewer_form()).unwrap().contains("pt01"));
}

#[test]
fn a_zone_on_one_side_of_the_line_does_not_count_for_the_other_side_however_vague_the_position() {
    for (side, expected) in [("a", 0), ("b", 1)] {
        let rule = format!(
            "[[rule]]\nid = \"across\"\nkind = \"exclusion_zone\"\nareas = [\"near-b\"]\nsides = [\"{side}\"]\nthreshold = 0.3\n"
        );
        let mut scene = Scene::new(&rule, &radar());
        for second in [0.0, 60.0] {
            scene.track(second, "t1", "tank", (0.0, 1_000.0), 100.0);
        }
        assert_eq!(
            scene.alerts().len(),
            expected,
            "on the line it is half in a zone of side B, and never on side A too"
        );
    }
}

#[test]
fn a_class_that_is_not_sure_enough_is_no_stay_and_does_not_end_one() {
    let mut scene = Scene::new(ZONE, &radar());
    let mut seen = |second: f64, confidence: f64| {
        let mut fields = sighting("t1", "tank", (6_000.0, 1_000.0), 20.0);
        fields["data"]["confidence"] = confidence.into();
        scene.reading("st01-rd01", second, second + 0.2, fields);
        scene.alerts()
    };
    assert!(
        [0.0, 20.0, 40.0].map(|second| seen(second, 0.7).len()).iter().all(|alerts| *alerts == 0),
        "0.8 are asked for"
    );
    assert_eq!([60.0, 90.0].map(|second| seen(second, 0.9).len()), [0, 1], "the dwell counts what was sure");
    let alert = seen(100.0, 0.3)[0].clone();
    assert_eq!((alert.ended, alert.certainty.probability), (None, 0.9), "it has not left");
}
