//! Many detections: one hot spot is one alert, many places are a few alerts and a flood, and nothing rare is hidden.

use serde_json::{Value, json};
use truceline_core::agreement::Severity;
use truceline_core::alert::{Alert, Timeliness};
use truceline_core::engine::{MAX_FLOOD_SUBJECTS, MAX_FLOOD_SUBJECTS_TOLD, MAX_SOURCES, Output};

use crate::scene::*;

const FIRE: &str = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
areas = ["near"]
threshold = 0.3
cool_down_s = 600
"#;

/// Numbers that look random and are the same each time.
pub struct Numbers(u64);

impl Numbers {
    pub fn of(seed: u64) -> Self {
        let mut numbers = Self(seed);
        numbers.next();
        numbers
    }

    /// In [0, 1).
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    /// Of mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.next()).ln()).sqrt() * (self.next() * std::f64::consts::TAU).cos()
    }
}

fn quarters(alert: &Alert) -> Vec<u64> {
    serde_json::from_value(alert.details["quarters"]["detections"].clone()).unwrap()
}

/// All detections by quarter of an hour, those before the quarters told included.
fn counted(alert: &Alert) -> u64 {
    if alert.detections == 1 {
        return 1;
    }
    quarters(alert).iter().sum::<u64>() + alert.details["quarters"]["earlier"].as_u64().unwrap()
}

fn of_rule(scene: &Scene, rule: &str) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|alert| alert.rule == id(rule)).collect()
}

/// A sensor and where it stands: metres north and east.
type Sensor = (&'static str, (f64, f64));

/// Ten sensors of three stations around a place 5 km north of the line.
fn around_a_hot_spot() -> (String, Vec<Sensor>) {
    let sensors = vec![
        ("st01-ac01", (3_000.0, -2_000.0)),
        ("st01-ac02", (3_100.0, -2_000.0)),
        ("st01-ac03", (3_000.0, -2_200.0)),
        ("st01-ac04", (3_200.0, -2_100.0)),
        ("st02-ac01", (3_000.0, 2_500.0)),
        ("st02-ac02", (3_150.0, 2_600.0)),
        ("st02-ac03", (2_900.0, 2_400.0)),
        ("st03-ac01", (7_500.0, 500.0)),
        ("st03-ac02", (7_600.0, 600.0)),
        ("st03-ac03", (7_400.0, 300.0)),
    ];
    let ranges = "range_m = { explosion = 10000, gunfire = 4000 }";
    let fixed = |(device, (north, east)): &Sensor| fixed(device, &device[..4], *north, *east, ranges);
    let registry: String = sensors.iter().map(fixed).collect();
    (registry, sensors)
}

/// Five thousand explosions in an hour, and in the middle of them a crossing, a shock and one shot.
fn barrage() -> (Scene, u64) {
    let others =
        "[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\n[[rule]]\nid = \"tamper\"\nkind = \"tamper\"\nshock_g = 5\n";
    let (registry, sensors) = around_a_hot_spot();
    let registry = registry + &fixed("st01-rd01", "st01", 6_000.0, 0.0, "");
    let mut scene = Scene::new(&format!("{FIRE}{others}"), &registry);
    let mut numbers = Numbers(7);
    let mut detections = 0;
    for shot in 0..5_000 {
        let second = 0.72 * f64::from(shot);
        let (device, (north, east)) = sensors[(numbers.next() * 10.0) as usize];
        let bearing = (-east).atan2(5_000.0 - north).to_degrees() + 6.0 * (numbers.next() - 0.5);
        let bearing = (numbers.next() < 0.8).then_some((bearing.rem_euclid(360.0), 3.0));
        let said = heard("explosion", 0.6 + 0.3 * numbers.next(), bearing);
        scene.reading(device, second, second + 0.4, said);
        detections += 1;
        match shot {
            2_000 => scene.track(second + 0.4, "t1", "tank", (300.0, 0.0), 20.0),
            2_100 => scene.track(second + 0.4, "t1", "tank", (-300.0, 0.0), 20.0),
            2_500 => {
                scene.reading("st02-ac01", second, second + 0.4, json!({"kind": "health", "data": {"shock_g": 9.0}}))
            }
            2_600 => scene.reading("st03-ac01", second, second + 0.4, heard("gunfire", 0.9, None)),
            _ => Vec::new(),
        };
    }
    (scene, detections)
}

#[test]
fn five_thousand_explosions_at_one_place_are_one_growing_alert_and_hide_nothing_else() {
    let (mut scene, detections) = barrage();
    scene.wait_until(3_700.0);
    let alerts = scene.alerts();
    let told: Vec<_> = alerts.iter().map(|alert| (alert.rule.as_str(), alert.details.get("class").cloned())).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let fire = &alerts[0];
    assert!(fire.ended.is_none());
    assert_eq!((fire.detections, counted(fire)), (detections, detections));
    assert_eq!(quarters(fire), [1_250; 4]);
    assert_eq!(fire.details["quarters"]["from"], "2026-11-24T12:00:00Z");
    let sources = fire.details["sources"].as_array().unwrap();
    let of = |key: &str| sources.iter().map(|source| source[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sources.len(), of("devices"), of("detections")), (3, 10, detections));
    assert!(fire.summary.contains("(at least 5000 detections of 3 stations)"), "{}", fire.summary);
    let radius_m = fire.details["span"]["radius_m"].as_f64().unwrap();
    assert!((10_000.0..20_000.0).contains(&radius_m), "{radius_m}");
    for (rule, class) in [("crossing", "tank"), ("tamper", ""), ("no-fire", "gunfire")] {
        let own =
            alerts.iter().find(|alert| alert.rule == id(rule) && (class.is_empty() || alert.details["class"] == class));
        assert_eq!(own.map(|alert| alert.detections), Some(1), "{rule} {class}");
    }
    // Revised at most every ten seconds, but for a change of its words.
    let revisions: Vec<_> = scene.outputs.iter().map(alert_of).filter(|alert| alert.id == fire.id).collect();
    assert!(revisions.len() <= 375, "{}", revisions.len());
    assert!(revisions.windows(2).all(|pair| pair[0].detections <= pair[1].detections));
    scene.wait_until(4_700.0);
    assert!(scene.alerts().iter().all(|alert| alert.ended.is_some() || alert.category == "tamper"));
}

fn alert_of(output: &Output) -> Alert {
    output.said.alert().unwrap().clone()
}

#[test]
fn a_snapshot_in_the_middle_of_a_flood_changes_nothing() {
    let mut scene = many_places(3.0 * 3_600.0);
    scene.wait_until(3.0 * 3_600.0 + 700.0);
    let (engine, outputs) = scene.replayed(0.5);
    assert!(scene.alerts().iter().any(|alert| alert.labels.contains(&"flood".to_owned())));
    assert_eq!(outputs, scene.outputs);
    assert_eq!(engine.snapshot(), scene.engine.snapshot());
}

/// Forty stations far apart, each of which hears three explosions every twenty minutes.
fn many_places(until_s: f64) -> Scene {
    let stations: String = (0..40)
        .map(|i| {
            let east = (f64::from(i) - 20.0) * 3_000.0;
            fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), 3_000.0, east, "range_m = { explosion = 1000 }")
        })
        .collect();
    let mut scene = Scene::new(FIRE, &stations);
    let mut second = 0.0;
    'all: loop {
        for i in 0..40 {
            for _ in 0..3 {
                scene.reading(&format!("st{i:02}-ac01"), second, second + 0.4, heard("explosion", 0.8, None));
                second += 4.0;
            }
            if second > until_s {
                break 'all;
            }
        }
        // Longer than the cool-down: each place's alert has ended before it is heard again.
        second += 720.0;
    }
    scene
}

#[test]
fn a_day_of_barrages_at_forty_places_gives_no_more_than_an_alert_in_ten_minutes() {
    let mut scene = many_places(86_400.0);
    let readings = scene.entries.len() as u64 - 4;
    scene.wait_until(86_400.0 + 7_200.0);
    let alerts = scene.alerts();
    let in_a_day = alerts.iter().filter(|alert| alert.detected_at < t(86_400.0)).count();
    assert!((20..=144).contains(&in_a_day), "{in_a_day}");
    for alert in &alerts {
        let within = alerts.iter().filter(|other| {
            let after = other.detected_at.since(alert.detected_at).secs_f64();
            (0.0..3_600.0).contains(&after)
        });
        assert!(within.count() <= 6, "six in an hour are an average of one in ten minutes");
    }
    assert_eq!(alerts.iter().map(|alert| alert.detections).sum::<u64>(), readings, "every detection is in an alert");
    assert!(alerts.iter().all(|alert| counted(alert) == alert.detections));
    assert!(alerts.iter().all(|alert| alert.ended.is_some()));
}

#[test]
fn a_flood_names_its_subjects_and_ends_when_it_has_passed() {
    let mut scene = many_places(470.0);
    scene.wait_until(500.0);
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 6);
    let flood = alerts.last().unwrap();
    assert_eq!(
        (flood.subject.as_str(), flood.labels.as_slice()),
        ("flood:no-fire/explosion", &["flood".to_owned()][..])
    );
    assert_eq!((flood.detections, flood.severity), (35 * 3, Severity::Severe));
    let told = &flood.details["flood"];
    assert_eq!((&told["sort"], &told["subjects"]), (&json!("explosion"), &json!(35)));
    let most = told["most"].as_array().unwrap();
    assert_eq!(most.len(), MAX_FLOOD_SUBJECTS_TOLD);
    assert_eq!((&most[0]["subject"], &most[0]["detections"]), (&json!("station:st05"), &json!(3)));
    assert!(most[0]["first"].as_str() < most[0]["last"].as_str() && most[0]["around"]["radius_m"] == 1_000.0);
    let not_told = 35 - MAX_FLOOD_SUBJECTS_TOLD as u64;
    assert_eq!(told["detections_of_others"], json!(not_told * 3));
    assert!(flood.summary.starts_with("Flood of suspected fire (explosion), 35 subjects"), "{}", flood.summary);
    assert!(flood.viewer_form().summary.contains("many in one alert") && flood.viewer_form().subject == "flood");
    assert_eq!(flood.evidence.len(), 51, "the first, which is among the fifty best, and the last");
    // Its cool-down is over after ten minutes; until there is room in the budget more would go into it.
    let said = scene.wait_until(3_700.0);
    let end = said.iter().find(|alert| alert.id == flood.id && alert.ended.is_some()).unwrap();
    assert_eq!((end.ended, end.ended_reason.as_deref()), (Some(t(3_600.4)), Some("cool_down")));
    scene.reading("st39-ac01", 3_701.0, 3_701.4, heard("explosion", 0.8, None));
    assert_eq!(scene.alerts().last().unwrap().subject, "station:st39");
}

#[test]
fn two_hot_spots_that_one_station_hears_are_two_alerts_and_a_chain_is_not_one() {
    let ranges = "range_m = { explosion = 5000 }";
    let stations: String = (0..8)
        .map(|i| fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), 3_000.0, f64::from(i) * 4_000.0, ranges))
        .collect();
    let mut scene = Scene::new(FIRE, &stations);
    scene.reading("st00-ac01", 1.0, 1.3, heard("explosion", 0.8, Some((0.0, 4.0))));
    scene.reading("st00-ac01", 2.0, 2.3, heard("explosion", 0.8, Some((90.0, 4.0))));
    scene.reading("st00-ac01", 3.0, 3.3, heard("explosion", 0.8, Some((3.0, 4.0))));
    scene.wait_until(20.0);
    let told: Vec<_> = scene.alerts().iter().map(|alert| (alert.subject.clone(), alert.detections)).collect();
    assert_eq!(told, [("station:st00".to_owned(), 2), ("station:st00/2".to_owned(), 1)]);
    // Each disc overlaps the next one's.
    let mut scene = Scene::new(FIRE, &stations);
    for i in 0..8 {
        scene.reading(&format!("st{i:02}-ac01"), f64::from(i), f64::from(i) + 0.3, heard("explosion", 0.8, None));
    }
    scene.wait_until(60.0);
    let told: Vec<_> = scene.alerts().iter().map(|alert| (alert.subject.clone(), alert.detections)).collect();
    let expected = ["station:st00", "station:st02", "station:st04", "station:st06"];
    assert_eq!(told, expected.map(|subject| (subject.to_owned(), 2)));
}

#[test]
fn a_patrols_exact_report_joins_the_cluster_and_gives_it_its_place() {
    let registry =
        fixed("st01-ac01", "st01", 3_000.0, 0.0, "range_m = { explosion = 10000 }") + &mobile("st02-pt01", "st02", "");
    let mut scene = Scene::new(FIRE, &registry);
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    let (lat, lon) = at(6_000.0, 3_000.0);
    let report = json!({
        "kind": "patrol_report", "position": {"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"},
        "data": {"observation": "explosion", "means": "saw", "sector_deg": 300.0, "sector_width_deg": 20.0,
                 "range_max_m": 2000.0},
    });
    scene.reading("st02-pt01", 11.0, 12.0, report);
    scene.wait_until(30.0);
    let alert = scene.only_alert();
    assert_eq!((alert.subject.as_str(), alert.detections, alert.evidence.len()), ("station:st01", 2, 2));
    assert!(alert.summary.contains("the best placed one: within 2.0 km of the observer"), "{}", alert.summary);
}

#[test]
fn what_a_notified_activity_lowers_uses_up_no_budget_of_what_is_severe() {
    let activity = r#"
[[activity]]
id = "blasting"
kind = "blasting"
areas = ["square"]
from = 2026-11-24T11:00:00Z
to = 2026-11-24T13:00:00Z
notified_by = "quarry"
notified_at = 2026-11-20T12:00:00Z
"#;
    let small = "range_m = { explosion = 50 }";
    let mut registry: String = (0..16)
        .map(|i| fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), 6_000.0, 200.0 + f64::from(i) * 110.0, small))
        .collect();
    registry += &fixed("st20-ac01", "st20", -3_000.0, 0.0, small);
    let mut scene = Scene::new(&format!("{FIRE}{activity}"), &registry);
    for i in 0..16 {
        scene.reading(&format!("st{i:02}-ac01"), f64::from(i), f64::from(i) + 0.3, heard("explosion", 0.8, None));
    }
    scene.reading("st20-ac01", 20.0, 20.3, heard("explosion", 0.8, None));
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 7);
    let flood = &alerts[5];
    assert_eq!(
        (flood.severity, flood.labels.clone()),
        (Severity::Moderate, vec!["flood".to_owned(), "notified:blasting".to_owned()])
    );
    assert_eq!((alerts[6].subject.as_str(), alerts[6].severity), ("station:st20", Severity::Severe));
}

#[test]
fn an_alert_of_many_is_as_severe_as_the_most_severe_of_them() {
    let activity = r#"
[[activity]]
id = "blasting"
kind = "blasting"
areas = ["near"]
from = 2026-11-24T11:00:00Z
to = 2026-11-24T12:01:00Z
notified_by = "quarry"
notified_at = 2026-11-20T12:00:00Z
"#;
    let registry = fixed("st01-ac01", "st01", 3_000.0, 0.0, "") + &fixed("st02-ac01", "st02", 3_000.0, 500.0, "");
    let mut scene = Scene::new(&format!("{FIRE}{activity}"), &registry);
    scene.reading("st01-ac01", 50.0, 50.3, heard("explosion", 0.8, None));
    assert_eq!(scene.only_alert().severity, Severity::Moderate);
    let said = scene.reading("st02-ac01", 61.0, 61.3, heard("explosion", 0.8, None));
    assert_eq!(said.len(), 1, "a change of severity is said at once");
    assert_eq!(said[0].severity, Severity::Severe);
}

#[test]
fn a_store_of_old_detections_floods_late_alerts_and_no_live_one() {
    let registry = fixed("st01-ac01", "st01", 3_000.0, 0.0, "")
        + &fixed("st02-ac01", "st02", 3_000.0, 90_000.0, "range_m = { explosion = 1000 }");
    let mut scene = Scene::new(FIRE, &registry);
    for i in 0..100 {
        let made = -400_000.0 + 3_600.0 * f64::from(i);
        scene.reading("st01-ac01", made, 10.0 + f64::from(i), heard("explosion", 0.8, None));
    }
    scene.reading("st02-ac01", 200.0, 200.3, heard("explosion", 0.8, None));
    scene.wait_until(220.0);
    let alerts = scene.alerts();
    let late: Vec<_> = alerts.iter().filter(|alert| alert.timeliness == Timeliness::Late).collect();
    assert_eq!((alerts.len(), late.len()), (7, 6));
    let flood = late.last().unwrap();
    assert_eq!((flood.subject.as_str(), flood.detections, counted(flood)), ("flood:no-fire/explosion", 95, 95));
    assert_eq!(quarters(flood).len(), 96, "a day of quarters is told, what is older is one count");
    assert_eq!(alerts[6].timeliness, Timeliness::Live);
}

#[test]
fn the_agreement_may_set_the_budget() {
    let stations: String = (0..8)
        .map(|i| {
            let east = f64::from(i) * 5_000.0;
            fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), 3_000.0, east, "range_m = { explosion = 500 }")
        })
        .collect();
    let mut scene = Scene::of(agreement_with("flood_alerts = 3\nflood_window_s = 100", FIRE), &stations);
    for i in 0..8 {
        let second = 20.0 * f64::from(i);
        scene.reading(&format!("st{i:02}-ac01"), second, second + 0.3, heard("explosion", 0.8, None));
    }
    let told: Vec<_> = scene.alerts().iter().map(|alert| alert.subject.clone()).collect();
    // The third place is the flood's. At second 100.3 the first opening is 100 seconds ago, and so on.
    let expected =
        ["station:st00", "station:st01", "flood:no-fire/explosion", "station:st05", "station:st06", "station:st07"];
    assert_eq!(told, expected);
}

#[test]
fn tracks_have_a_budget_for_each_class_and_silence_has_none() {
    let rules = r#"
[[rule]]
id = "square"
kind = "exclusion_zone"
areas = ["square"]
classes = ["vehicle", "tank"]
dwell_s = 0
[[rule]]
id = "silence"
kind = "silence"
intervals = 2
"#;
    let silent: String =
        (0..12).map(|i| fixed(&format!("st{i:02}-gn01"), &format!("st{i:02}"), 0.0, 0.0, "interval_s = 60")).collect();
    let mut scene = Scene::new(rules, &(silent + &fixed("st01-rd01", "st01", 6_000.0, 0.0, "")));
    for i in 0..30 {
        scene.track(f64::from(i), &format!("v{i}"), "vehicle", (6_000.0, 1_000.0), 20.0);
    }
    scene.track(31.0, "t1", "tank", (6_000.0, 1_000.0), 20.0);
    scene.wait_until(400.0);
    let square = of_rule(&scene, "square");
    assert_eq!(square.len(), 7);
    assert_eq!(square[5].details["flood"]["subjects"], 25);
    assert_eq!((square[5].subject.as_str(), square[5].zone.clone()), ("flood:square/vehicle", Some(id("square"))));
    assert_eq!(square[6].details["class"], Value::from("tank"));
    assert_eq!(of_rule(&scene, "silence").len(), 12);
}

/// A reading of a device that nobody registered, so many metres north and east.
fn of_a_stranger(mut said: Value, (north, east): (f64, f64)) -> Value {
    let (lat, lon) = at(north, east);
    said["position"] = json!({"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"});
    said
}

#[test]
fn ids_that_nobody_registered_use_up_no_budget_of_registered_devices() {
    let stations: String = (0..8)
        .map(|i| {
            let east = f64::from(i) * 3_000.0;
            fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), -8_000.0, east, "range_m = { gunfire = 1000 }")
        })
        .collect();
    let mut scene = Scene::new(FIRE, &stations);
    for i in 0..20 {
        let said = of_a_stranger(heard("gunfire", 0.9, None), (3_000.0, (f64::from(i) - 10.0) * 5_000.0));
        scene.reading(&format!("x{i:02}-ac01"), f64::from(i), f64::from(i) + 0.3, said);
    }
    for i in 0..8 {
        let second = 30.0 + f64::from(i);
        scene.reading(&format!("st{i:02}-ac01"), second, second + 0.3, heard("gunfire", 0.9, None));
    }
    scene.wait_until(60.0);
    let told: Vec<_> = scene.alerts().iter().map(|alert| alert.subject.clone()).collect();
    let strangers = ["station:x00", "station:x01", "station:x02", "station:x03", "station:x04"];
    let known = ["station:st00", "station:st01", "station:st02", "station:st03", "station:st04"];
    let expected: Vec<&str> = strangers
        .into_iter()
        .chain(["flood:no-fire/gunfire/unregistered"])
        .chain(known)
        .chain(["flood:no-fire/gunfire"])
        .collect();
    assert_eq!(told, expected);
    let floods: Vec<Value> = [5, 11].map(|i| scene.alerts()[i].details["flood"].clone()).into();
    assert_eq!((&floods[0]["sort"], &floods[0]["subjects"]), (&json!("gunfire/unregistered"), &json!(15)));
    let most: Vec<&str> =
        floods[1]["most"].as_array().unwrap().iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(most, ["station:st05", "station:st06", "station:st07"]);
}

#[test]
fn what_registered_devices_tell_stands_before_what_others_tell_at_the_same_place() {
    let mut scene = Scene::new(FIRE, &fixed("st01-ac01", "st01", 3_000.0, 0.0, "range_m = { explosion = 15000 }"));
    for i in 0..=MAX_SOURCES as u32 {
        let said = of_a_stranger(heard("explosion", 1.0, None), (3_000.0, f64::from(i)));
        scene.reading(&format!("x{i:02}-ac01"), f64::from(i), f64::from(i) + 0.3, said);
    }
    assert_eq!(scene.engine.limits_hit().sources, 1);
    // Less sure, and it has to be told all the same.
    scene.reading("st01-ac01", 70.0, 70.3, heard("explosion", 0.7, None));
    scene.reading("x00-ac01", 71.0, 71.3, of_a_stranger(heard("explosion", 1.0, None), (3_000.0, 0.0)));
    scene.wait_until(100.0);
    assert_eq!(scene.engine.limits_hit().sources, 2);
    let alert = scene.only_alert();
    let sources = alert.details["sources"].as_array().unwrap();
    assert_eq!(sources[0], json!({"station": "st01", "devices": 1, "detections": 1}));
    assert_eq!(sources[1], json!({"station": "x00", "devices": 1, "detections": 2, "registered": false}));
    assert_eq!((sources.len(), &alert.details["detections_of_other_devices"]), (MAX_SOURCES, &json!(2)));
    assert_eq!((alert.detections, counted(&alert)), (MAX_SOURCES as u64 + 3, MAX_SOURCES as u64 + 3));
    assert!(alert.summary.contains("of 1 station and of unregistered devices)"), "{}", alert.summary);
    assert!(alert.evidence.iter().any(|evidence| evidence.device == id("st01-ac01")), "it is among the best fifty");
    assert_eq!(alert.details["device"], "st01-ac01", "the words and the place are those of a registered device");
}

#[test]
fn a_flood_of_more_subjects_than_it_tells_apart_says_so() {
    let radar = fixed("st01-rd01", "st01", 6_000.0, 0.0, "");
    let rule = "[[rule]]\nid = \"square\"\nkind = \"exclusion_zone\"\nareas = [\"square\"]\ndwell_s = 0\n";
    let mut scene = Scene::new(rule, &(radar + &fixed("st02-rd01", "st02", 6_000.0, 0.0, "")));
    for i in 0..MAX_FLOOD_SUBJECTS + 9 {
        let second = i as f64 * 0.5;
        let device = if i % 2 == 0 { "st01-rd01" } else { "st02-rd01" };
        scene.reading(device, second, second, sighting(&format!("t{i}"), "tank", (6_000.0, 1_000.0), 20.0));
    }
    scene.wait_until(200.0);
    let alerts = scene.alerts();
    let flood = &alerts.last().unwrap().details["flood"];
    assert_eq!(flood["subjects"], json!(MAX_FLOOD_SUBJECTS));
    assert_eq!((&flood["subjects_at_least"], scene.engine.limits_hit().flood_subjects), (&json!(true), 4));
}

#[test]
fn one_object_in_two_zones_is_two_subjects_of_a_flood() {
    let rule = "[[rule]]\nid = \"zones\"\nkind = \"exclusion_zone\"\nareas = [\"square\", \"near\"]\n\
                classes = [\"vehicle\"]\ndwell_s = 0\n";
    let mut scene = Scene::new(rule, &fixed("st01-rd01", "st01", 6_000.0, 0.0, ""));
    for i in 0..10 {
        scene.track(f64::from(i), &format!("v{i}"), "vehicle", (6_000.0, 1_000.0), 20.0);
    }
    scene.wait_until(30.0);
    let alerts = scene.alerts();
    // Ten in each zone; five have alerts of their own.
    assert_eq!((alerts.len(), &alerts[5].details["flood"]["subjects"]), (6, &json!(15)));
    let zones = alerts[5].details["flood"]["most"].as_array().unwrap().iter().map(|one| one["zone"].as_str().unwrap());
    assert_eq!(zones.filter(|zone| *zone == "square").count(), 7);
}
