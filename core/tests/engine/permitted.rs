//! What a rule permits is an event and no alert; activities, phases and hours at their edges.

use serde_json::json;
use truceline_core::agreement::Severity;
use truceline_core::alert::Timeliness;
use truceline_core::event::Event;

use crate::scene::*;

const FIRE: &str = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
areas = ["near"]
cool_down_s = 100
"#;

/// The latest revision of every event, in the order of their opening.
fn events(scene: &Scene) -> Vec<Event> {
    let mut found: Vec<Event> = Vec::new();
    for event in scene.outputs.iter().filter_map(|output| output.said.event()) {
        match found.iter_mut().find(|known| known.id == event.id) {
            Some(known) => {
                assert_eq!(event.revision, known.revision + 1, "revisions count up by one");
                assert!(known.ended.is_none(), "an ended event has no more revisions");
                *known = event.clone();
            }
            None => {
                assert_eq!(event.revision, 1, "an event begins with revision 1");
                found.push(event.clone());
            }
        }
    }
    let mut open: Vec<_> = found.iter().filter(|event| event.ended.is_none()).map(|event| event.id).collect();
    let mut known = scene.engine.open_events();
    open.sort();
    known.sort();
    assert_eq!(open, known, "what the engine holds open is what it said is open");
    found
}

fn only_event(scene: &Scene) -> Event {
    let events = events(scene);
    assert_eq!(events.len(), 1, "{events:#?}");
    events[0].clone()
}

fn station() -> String {
    ["st01-ac01", "st01-ac02"]
        .map(|device| fixed(device, "st01", 3_000.0, 0.0, "range_m = { explosion = 10000 }"))
        .concat()
}

#[test]
fn permitted_fire_is_one_growing_event_that_names_its_permission() {
    let permitted = r#"permitted = [
        { hours = ["22:00-06:00"] },
        { areas = ["near"], classes = ["explosion"], hours = ["11:00-12:30"], devices = ["st01-ac01"] },
    ]"#;
    let mut scene = Scene::new(&format!("{FIRE}{permitted}"), &station());
    for i in 0..20 {
        scene.reading("st01-ac01", f64::from(i), f64::from(i) + 0.3, heard("explosion", 0.8, None));
    }
    scene.wait_until(40.0);
    assert!(scene.alerts().is_empty());
    let event = only_event(&scene);
    assert_eq!((event.kind.as_str(), event.category.as_str(), event.detections), ("permitted", "no_fire", 20));
    assert_eq!((event.subject.as_str(), event.certainty.probability), ("station:st01", 0.8));
    assert_eq!((event.started, event.last, event.timeliness), (t(0.0), t(19.0), Timeliness::Live));
    let permission = "permission 2 (in near; at 11:00-12:30 UTC; by device st01-ac01; explosion)";
    assert_eq!(event.permission, permission);
    let told = format!(
        "Explosion sensed by station st01 (at least 20 detections): likely, 80 %; the best placed one: anywhere \
         within 10.0 km of the sensor, side undetermined; permitted by {permission}."
    );
    assert_eq!(event.summary, told);
    assert_eq!(event.evidence.iter().map(|evidence| evidence.seq).collect::<Vec<_>>(), [1, 20]);
    assert!(event.revision <= 4, "extensions are held back for ten seconds: {}", event.revision);
    // What another sensor of the station says is not permitted.
    scene.reading("st01-ac02", 41.0, 41.3, heard("explosion", 0.8, None));
    assert_eq!(scene.only_alert().detections, 1);
    let said = scene.wait_until(120.0);
    assert!(said.is_empty(), "the alert goes on for its own cool-down");
    let event = only_event(&scene);
    assert_eq!((event.ended, event.ended_reason.as_deref()), (Some(t(119.3)), Some("cool_down")));
}

#[test]
fn a_permitted_crossing_is_an_event_and_one_that_is_not_is_an_alert() {
    let rule = "[[rule]]\nid = \"entry\"\nkind = \"crossing\"\npermitted = [{ classes = [\"person\"] }]\n";
    let mut scene = Scene::new(rule, &fixed("st01-rd01", "st01", 0.0, 0.0, ""));
    for (class, track) in [("person", "t1"), ("vehicle", "t2")] {
        scene.track(10.0, track, class, (200.0, 0.0), 10.0);
        scene.track(70.0, track, class, (-200.0, 0.0), 10.0);
    }
    let event = only_event(&scene);
    assert_eq!((event.details["class"].as_str(), event.permission.as_str()), (Some("person"), "permission 1 (person)"));
    assert!(event.summary.starts_with("Crossing of the line by a person"), "{}", event.summary);
    assert_eq!(scene.only_alert().details["class"], "vehicle");
}

#[test]
fn a_permitted_stay_is_an_event_from_its_dwell_until_it_leaves() {
    let rule = r#"
[[rule]]
id = "square"
kind = "exclusion_zone"
areas = ["square"]
dwell_s = 30
permitted = [{ hours = ["12:00-12:10"] }]
"#;
    let mut scene = Scene::new(rule, &fixed("st01-rd01", "st01", 6_000.0, 0.0, ""));
    for second in [0.0, 20.0] {
        scene.track(second, "t1", "tank", (6_000.0, 1_000.0), 20.0);
    }
    assert!(events(&scene).is_empty());
    for second in [40.0, 300.0, 590.0] {
        scene.track(second, "t1", "tank", (6_000.0, 1_000.0), 20.0);
    }
    scene.wait_until(595.0);
    assert_eq!((only_event(&scene).detections, only_event(&scene).details["since"].clone()), (3, json!(t(0.0))));
    assert!(scene.alerts().is_empty());
    // From 12:10 it is forbidden, and has to dwell again.
    for second in [600.0, 620.0] {
        scene.track(second, "t1", "tank", (6_000.0, 1_000.0), 20.0);
    }
    assert!(scene.alerts().is_empty());
    scene.track(631.0, "t1", "tank", (6_000.0, 1_000.0), 20.0);
    assert_eq!(scene.only_alert().details["since"], json!(t(600.0)));
    scene.track(700.0, "t1", "tank", (7_300.0, 1_000.0), 20.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("resolved"));
    assert_eq!(only_event(&scene).ended_reason.as_deref(), Some("resolved"));
}

#[test]
fn a_flood_of_what_is_permitted_uses_up_no_budget() {
    let stations: String = (0..30)
        .map(|i| {
            let east = f64::from(i) * 3_000.0;
            fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), 3_000.0, east, "range_m = { explosion = 1000 }")
        })
        .collect();
    let rule = format!("{FIRE}permitted = [{{ hours = [\"12:00-12:01\"] }}]");
    let mut scene = Scene::new(&rule, &stations);
    for i in 0..30 {
        scene.reading(&format!("st{i:02}-ac01"), f64::from(i), f64::from(i) + 0.3, heard("explosion", 0.8, None));
    }
    assert_eq!((events(&scene).len(), scene.alerts().len()), (30, 0));
    scene.reading("st00-ac01", 61.0, 61.3, heard("explosion", 0.8, None));
    assert_eq!(scene.only_alert().subject, "station:st00");
}

#[test]
fn an_event_has_another_id_than_the_alert_that_it_would_have_been() {
    let ids = |permitted: &str| {
        let mut scene = Scene::new(&format!("{FIRE}{permitted}"), &station());
        scene.reading("st01-ac01", 1.0, 1.3, heard("explosion", 0.8, None));
        (scene.engine.open_alerts(), scene.engine.open_events())
    };
    let (alert, none) = ids("");
    let (nothing, event) = ids("permitted = [{ classes = [\"explosion\"] }]");
    assert_eq!((alert.len(), none.len(), nothing.len(), event.len()), (1, 0, 0, 1));
    assert_ne!(alert, event);
}

#[test]
fn a_changed_permission_is_another_event() {
    let rule = |hours: &str| format!("{FIRE}permitted = [{{ hours = [\"{hours}\"] }}]");
    let mut scene = Scene::new(&rule("11:00-13:00"), &station());
    scene.reading("st01-ac01", 1.0, 1.3, heard("explosion", 0.8, None));
    let changed = agreement(&rule("11:00-14:00")).document();
    scene.enter(2.0, truceline_core::log::Body::Agreement(changed));
    scene.reading("st01-ac01", 3.0, 3.3, heard("explosion", 0.8, None));
    let told: Vec<_> = events(&scene).into_iter().map(|event| (event.permission, event.detections)).collect();
    let permission = |hours: &str| format!("permission 1 (at {hours} UTC)");
    assert_eq!(told, [(permission("11:00-13:00"), 1), (permission("11:00-14:00"), 1)]);
}

/// The stories begin at noon of 2026-11-24.
const HOUR: f64 = 3_600.0;

fn forbidden(scene: &mut Scene, second: f64) -> bool {
    let before = scene.alerts().len();
    scene.reading("st01-ac01", second, second + 0.3, heard("explosion", 0.8, None));
    scene.wait_until(second + 200.0);
    scene.alerts().len() > before
}

#[test]
fn hours_that_span_midnight_begin_and_end_to_the_second_on_every_day() {
    let mut scene = Scene::new(&format!("{FIRE}hours = [\"22:00-06:00\"]"), &station());
    for day in 0..3 {
        let noon = 24.0 * HOUR * f64::from(day);
        assert!(!forbidden(&mut scene, noon + 10.0 * HOUR - 0.5), "a half second before 22:00");
        assert!(forbidden(&mut scene, noon + 10.0 * HOUR + 300.0));
        assert!(forbidden(&mut scene, noon + 12.0 * HOUR - 0.5), "before midnight");
        assert!(forbidden(&mut scene, noon + 12.0 * HOUR + 300.0), "after midnight");
        assert!(forbidden(&mut scene, noon + 18.0 * HOUR - 0.5), "a half second before 06:00");
        assert!(!forbidden(&mut scene, noon + 18.0 * HOUR), "06:00 is not in it");
    }
}

#[test]
fn phases_follow_one_another_without_gap_or_overlap() {
    let phase = |id: &str, times: &str, severity: &str| {
        format!("[[rule]]\nid = \"{id}\"\nkind = \"no_fire\"\nseverity = \"{severity}\"\ncool_down_s = 100\n{times}\n")
    };
    let rules = phase("one", "valid_to = 2026-11-24T13:00:00Z", "minor")
        + &phase("two", "valid_from = 2026-11-24T13:00:00Z\nvalid_to = 2026-11-24T14:00:00Z", "moderate")
        + &phase("three", "valid_from = 2026-11-24T14:00:00Z", "extreme");
    let mut scene = Scene::new(&rules, &station());
    for second in [HOUR - 0.001, HOUR + 300.0, 2.0 * HOUR - 0.001, 2.0 * HOUR + 300.0] {
        assert!(forbidden(&mut scene, second));
    }
    scene.reading("st01-ac01", 3.0 * HOUR, 3.0 * HOUR + 0.3, heard("explosion", 0.8, None));
    let told: Vec<_> = scene.alerts().iter().map(|alert| (alert.rule.to_string(), alert.severity)).collect();
    let expected = [
        ("one", Severity::Minor),
        ("two", Severity::Moderate),
        ("two", Severity::Moderate),
        ("three", Severity::Extreme),
        ("three", Severity::Extreme),
    ];
    assert_eq!(told, expected.map(|(rule, severity)| (rule.to_owned(), severity)));
}

#[test]
fn an_activity_counts_from_its_first_second_to_before_its_last_and_by_when_it_was_notified() {
    let activity = |notified: &str| {
        format!(
            r#"{FIRE}
[[activity]]
id = "blasting"
kind = "blasting"
areas = ["near"]
from = 2026-11-24T13:00:00Z
to = 2026-11-24T14:00:00Z
notified_by = "quarry"
notified_at = {notified}
"#
        )
    };
    let told = |notified: &str, second: f64| {
        let mut scene = Scene::new(&activity(notified), &station());
        scene.reading("st01-ac01", second, second + 0.3, heard("explosion", 0.8, None));
        let alert = scene.only_alert();
        (alert.severity, alert.labels)
    };
    let (early, at_start, after) = ("2026-11-23T13:00:00Z", "2026-11-24T13:00:00Z", "2026-11-24T13:00:01Z");
    let labelled = |label: &str| vec![label.to_owned()];
    assert_eq!(told(early, HOUR - 0.001), (Severity::Severe, Vec::new()));
    assert_eq!(told(early, HOUR), (Severity::Moderate, labelled("notified:blasting")));
    assert_eq!(told(early, 2.0 * HOUR - 0.001), (Severity::Moderate, labelled("notified:blasting")));
    assert_eq!(told(early, 2.0 * HOUR), (Severity::Severe, Vec::new()));
    assert_eq!(told(at_start, HOUR), (Severity::Moderate, labelled("notified:blasting")));
    assert_eq!(told(after, HOUR), (Severity::Severe, labelled("late_notice")));
}

#[test]
fn an_activity_labels_and_lowers_every_kind_that_has_a_place() {
    let rules = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
severity = "severe"
[[rule]]
id = "crossing"
kind = "crossing"
severity = "severe"
[[rule]]
id = "square"
kind = "exclusion_zone"
severity = "severe"
areas = ["near"]
dwell_s = 0
[[rule]]
id = "withdrawal"
kind = "withdrawal"
severity = "severe"
dwell_s = 0
distances = [{ class = "tank", distance_m = 5000 }]
[[rule]]
id = "no-flight"
kind = "no_flight"
severity = "severe"
dwell_s = 0
[[activity]]
id = "exercise-1"
kind = "exercise"
areas = ["near"]
from = 2026-11-24T12:00:05Z
to = 2026-11-24T13:00:00Z
notified_by = "liaison office"
notified_at = 2026-11-20T12:00:00Z
"#;
    let mut scene = Scene::new(rules, &(station() + &fixed("st01-rd01", "st01", 100.0, 0.0, "")));
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    scene.reading("st01-ac01", 11.0, 11.3, heard("helicopter", 0.8, None));
    // It crossed at second 20; the sighting before was before the activity.
    scene.track(0.0, "t1", "tank", (400.0, 0.0), 10.0);
    scene.track(40.0, "t1", "tank", (-400.0, 0.0), 10.0);
    let alerts = scene.alerts();
    let kinds: std::collections::BTreeSet<&str> = alerts.iter().map(|alert| alert.category.as_str()).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    for alert in &alerts {
        let lowered = alert.labels.contains(&"notified:exercise-1".to_owned());
        let early = alert.started < t(5.0);
        assert!(early || (lowered && alert.severity == Severity::Moderate), "{alert:#?}");
        assert!(!(early && alert.severity == Severity::Moderate), "{alert:#?}");
    }
}

/// A crossing at a time that nobody saw, from one second to another: the permission of its event, the labels of its alert.
fn crossed_between(permitted: &str, from_s: f64, to_s: f64) -> (Option<String>, Option<Vec<String>>) {
    let rule = format!("[[rule]]\nid = \"entry\"\nkind = \"crossing\"\npermitted = [{permitted}]\n");
    let mut scene = Scene::new(&rule, &fixed("st01-rd01", "st01", 0.0, 0.0, ""));
    scene.track(from_s, "t1", "vehicle", (200.0, 0.0), 10.0);
    scene.track(to_s, "t1", "vehicle", (-200.0, 0.0), 10.0);
    (events(&scene).pop().map(|event| event.permission), scene.alerts().pop().map(|alert| alert.labels))
}

#[test]
fn permitted_hours_that_join_permit_what_lies_across_their_seam() {
    let midnight = 12.0 * HOUR;
    for hours in [
        r#""00:00-24:00""#,
        r#""22:00-02:00""#,
        r#""22:00-24:00", "00:00-01:00""#,
        r#""23:58-00:01", "23:00-23:59", "00:01-06:00""#,
        r#""12:00-06:00", "06:00-12:00""#,
    ] {
        let (event, alert) = crossed_between(&format!("{{ hours = [{hours}] }}"), midnight - 200.0, midnight + 200.0);
        assert!(event.is_some() && alert.is_none(), "{hours}");
    }
}

#[test]
fn what_may_have_been_in_permitted_times_says_so_and_what_cannot_does_not() {
    let maybe = |permitted: &str| {
        let (event, alert) = crossed_between(permitted, 1_000.0, 1_400.0);
        assert_eq!(event, None, "{permitted}");
        alert.expect("an alert").contains(&"maybe_permitted".to_owned())
    };
    // From 12:16:40 to 12:23:20.
    for (permitted, expected) in [
        (r#"{ hours = ["12:00-12:20"] }"#, true),
        (r#"{ hours = ["12:20-13:00"] }"#, true),
        (r#"{ hours = ["12:18-12:19"] }"#, true),
        (r#"{ hours = ["12:00-12:18", "12:19-13:00"] }"#, true),
        (r#"{ hours = ["12:24-12:10"] }"#, false),
        (r#"{ hours = ["12:00-12:16", "12:24-13:00"] }"#, false),
        ("{ valid_to = 2026-11-24T12:20:00Z }", true),
        ("{ valid_from = 2026-11-24T12:20:00Z }", true),
        ("{ valid_from = 2026-11-24T12:24:00Z }", false),
        ("{ valid_to = 2026-11-24T12:16:00Z }", false),
        (r#"{ hours = ["12:00-12:18"], valid_from = 2026-11-24T12:19:00Z }"#, false),
        (r#"{ hours = ["12:21-13:00"], valid_to = 2026-11-24T12:20:00Z }"#, false),
    ] {
        assert_eq!(maybe(permitted), expected, "{permitted}");
    }
}
