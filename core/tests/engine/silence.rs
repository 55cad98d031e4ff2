//! Silence: devices, stations, our own deafness, announced absence.

use truceline_core::alert::{Alert, CertaintyWord};
use truceline_core::log::{Body, Document, StateEntry};
use truceline_core::wire::DeviceState;

use crate::scene::*;

pub const RULE: &str = r#"
[[rule]]
id = "silence"
kind = "silence"
intervals = 3
grace_s = 60
"#;

const EVERY_MINUTE: &str = "interval_s = 60";

fn lone() -> String {
    fixed("st01-ac01", "st01", 1_000.0, 0.0, EVERY_MINUTE)
}

fn station_of(count: usize) -> String {
    let device = |i| fixed(&format!("st01-ac{i:02}"), "st01", 1_000.0, 100.0 * i as f64, EVERY_MINUTE);
    (0..count).map(device).collect()
}

/// All devices of a station are heard every minute, ten minutes long, each at its own second.
fn ten_minutes(scene: &mut Scene, count: usize) {
    for minute in 0..10 {
        for device in 0..count {
            scene.health(&format!("st01-ac{device:02}"), f64::from(minute) * 60.0 + device as f64);
        }
    }
}

fn open(scene: &Scene) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|alert| alert.ended.is_none()).collect()
}

fn announce(scene: &mut Scene, second: f64, next_by_s: Option<f64>, online: bool) -> Vec<Alert> {
    let state = DeviceState {
        v: 1,
        online,
        boot: Some(7),
        firmware: None,
        time: None,
        interval_s: None,
        next_by: next_by_s.map(t),
        reason: next_by_s.map(|_| "sleep".to_owned()),
    };
    scene.enter(second, Body::State(StateEntry { station: id("st01"), device: id("st01-ac01"), state }))
}

#[test]
fn a_device_not_heard_for_three_intervals_is_silent_until_it_is_heard() {
    let mut scene = Scene::new(RULE, &lone());
    scene.health("st01-ac01", 100.0);
    scene.wait_until(279.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(280.0);
    let alert = scene.only_alert();
    assert_eq!((alert.subject.as_str(), alert.certainty.word), ("device:st01-ac01", CertaintyWord::Observed));
    assert_eq!((alert.started, alert.detected_at), (t(100.0), t(280.0)));
    assert_eq!((alert.details["last_heard"].as_str(), alert.detections), (Some(t(100.0).to_string().as_str()), 0));
    assert_eq!(
        alert.summary,
        "Device st01-ac01 has not been heard since 2026-11-24T12:01:40Z (expected every 60 s): observed."
    );
    scene.wait_until(5_000.0);
    assert_eq!(scene.only_alert().revision, 1, "it says nothing more");
    let said = scene.health("st01-ac01", 5_001.0);
    assert_eq!(said[0].ended_reason.as_deref(), Some("resolved"));
    assert_eq!(
        said[0].summary,
        "Device st01-ac01 (expected every 60 s) was not heard from 2026-11-24T12:01:40Z to 2026-11-24T13:23:21Z: observed."
    );
    scene.wait_until(5_181.0);
    assert_eq!(scene.alerts().len(), 2, "a new silence is a new alert");
}

#[test]
fn a_device_may_announce_a_shorter_interval_but_not_a_longer_one() {
    for (told, used) in [(20.0, 20.0), (3_600.0, 60.0)] {
        let mut scene = Scene::new(RULE, &lone());
        let state = DeviceState {
            v: 1,
            online: true,
            boot: Some(7),
            firmware: None,
            time: None,
            interval_s: Some(told),
            next_by: None,
            reason: None,
        };
        scene.enter(100.0, Body::State(StateEntry { station: id("st01"), device: id("st01-ac01"), state }));
        scene.wait_until(1_000.0);
        let alert = scene.only_alert();
        assert_eq!(alert.detected_at, t(100.0 + 3.0 * used));
        assert_eq!(alert.details["interval_s"], used);
        assert!(alert.summary.contains(&format!("expected every {used} s")), "{}", alert.summary);
    }
}

#[test]
fn it_goes_by_arrival_and_not_by_the_readings_time() {
    let mut scene = Scene::new(RULE, &lone());
    for i in 0..10 {
        let second = f64::from(i) * 100.0;
        scene.reading("st01-ac01", second - 86_400.0, second, serde_json::json!({"kind": "health", "data": {}}));
    }
    assert!(scene.alerts().is_empty());
}

#[test]
fn a_device_that_was_never_heard_counts_from_its_registration() {
    let mut scene = Scene::new(RULE, &lone());
    // Every story begins with a start, and so with its grace.
    scene.wait_until(239.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(240.0);
    assert!(scene.only_alert().summary.contains("never heard"));
    assert_eq!(scene.engine.devices()[0].state, "silent");
}

#[test]
fn a_device_without_an_interval_is_not_judged() {
    let mut scene = Scene::new(RULE, &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""));
    scene.wait_until(100_000.0);
    assert!(scene.alerts().is_empty());
}

#[test]
fn our_own_deafness_is_not_their_silence() {
    let mut scene = Scene::new(RULE, &lone());
    scene.health("st01-ac01", 100.0);
    scene.enter(150.0, Body::Link(false));
    assert_eq!(scene.wait_until(9_000.0), []);
    scene.enter(9_000.0, Body::Link(true));
    // 50 s had passed before, 60 s are grace, 130 s are left.
    scene.wait_until(9_189.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(9_190.0);
    assert_eq!(scene.only_alert().detected_at, t(9_190.0));
}

#[test]
fn a_device_that_was_held_back_for_its_station_has_the_grace_too() {
    let mut scene = Scene::new(RULE, &station_of(2));
    scene.health("st01-ac00", 100.0);
    scene.health("st01-ac01", 150.0);
    scene.wait_until(300.0);
    assert!(scene.alerts().is_empty(), "overdue since 280, but perhaps the station is down");
    scene.enter(300.0, Body::Link(false));
    scene.enter(1_000.0, Body::Link(true));
    scene.health("st01-ac01", 1_010.0);
    scene.wait_until(1_059.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(1_060.0);
    assert_eq!(scene.only_alert().subject, "device:st01-ac00");
}

#[test]
fn a_service_that_was_off_or_crashed_was_deaf() {
    for stopped in [true, false] {
        let mut scene = Scene::new(RULE, &lone());
        scene.health("st01-ac01", 100.0);
        if stopped {
            scene.enter(100.0, Body::Service(false));
        }
        // What was due while it was off is judged only now, and the crash is known by then.
        assert_eq!(scene.enter(9_000.0, Body::Service(true)), []);
        assert_eq!(scene.wait_until(20_000.0), [], "without a link nothing can be heard");
        scene.enter(20_000.0, Body::Link(true));
        scene.wait_until(20_239.0);
        assert!(scene.alerts().is_empty());
        scene.wait_until(20_240.0);
        assert_eq!(scene.alerts().len(), 1);
    }
}

#[test]
fn an_open_alert_of_silence_survives_our_deafness() {
    let mut scene = Scene::new(RULE, &lone());
    scene.wait_until(200.0);
    scene.enter(300.0, Body::Link(false));
    scene.enter(400.0, Body::Link(true));
    scene.wait_until(10_000.0);
    assert_eq!(scene.only_alert().revision, 1);
}

#[test]
fn a_step_of_the_wall_clock_is_no_silence() {
    let mut scene = Scene::new(RULE, &lone());
    scene.health("st01-ac01", 100.0);
    scene.enter(101.0, Body::Clock { offset_ns: 3_600_000_000_000 });
    scene.health("st01-ac01", 160.0);
    scene.enter(161.0, Body::Clock { offset_ns: -3_600_000_000_000 });
    scene.health("st01-ac01", 220.0);
    scene.wait_until(399.0);
    assert!(scene.alerts().is_empty());
}

#[test]
fn an_announced_sleep_postpones_by_the_wall_clock() {
    let mut scene = Scene::new(RULE, &lone());
    // Wall time is 1,000 s ahead, so that next_by of 4,600 is 3,600 in the journal.
    scene.enter(1.0, Body::Clock { offset_ns: 1_000_000_000_000 });
    announce(&mut scene, 10.0, Some(4_600.0), true);
    scene.wait_until(3_659.0);
    assert!(scene.alerts().is_empty());
    scene.wait_until(3_661.0);
    assert_eq!(scene.alerts().len(), 1, "next_by and the grace are over");
}

#[test]
fn a_last_will_is_no_sign_of_life_and_an_absence_has_a_limit() {
    let mut scene = Scene::new(RULE, &lone());
    scene.health("st01-ac01", 10.0);
    announce(&mut scene, 100.0, None, false);
    scene.wait_until(240.0);
    assert_eq!(scene.alerts().len(), 1);
    announce(&mut scene, 250.0, Some(20_000_000.0), true);
    assert_eq!(open(&scene).len(), 0);
    scene.wait_until(32.0 * 86_400.0);
    assert_eq!(open(&scene).len(), 1, "nobody may be silent for more than 31 days");
}

#[test]
fn a_maintenance_window_suppresses_silence() {
    let window = "interval_s = 60\nmaintenance = [{ from = 2026-11-24T12:02:00Z, to = 2026-11-24T13:00:00Z }]";
    let mut scene = Scene::new(RULE, &fixed("st01-ac01", "st01", 1_000.0, 0.0, window));
    scene.health("st01-ac01", 60.0);
    scene.wait_until(3_779.0);
    assert!(scene.alerts().is_empty());
    assert_eq!(scene.engine.devices()[0].state, "ok");
    scene.wait_until(3_780.0);
    assert_eq!(scene.alerts().len(), 1);
}

#[test]
fn a_silent_station_is_one_alert_and_not_forty() {
    let mut scene = Scene::new(RULE, &station_of(40));
    ten_minutes(&mut scene, 40);
    scene.wait_until(2_000.0);
    let alert = scene.only_alert();
    assert_eq!(alert.subject, "station:st01");
    assert_eq!(alert.details["devices"].as_array().unwrap().len(), 40);
    assert_eq!(alert.detected_at, t(540.0 + 39.0 + 180.0));
}

#[test]
fn a_station_that_returns_one_by_one_raises_nothing_more() {
    let mut scene = Scene::new(RULE, &station_of(40));
    ten_minutes(&mut scene, 40);
    scene.wait_until(2_000.0);
    for device in 0..39 {
        scene.health(&format!("st01-ac{device:02}"), 2_000.0 + device as f64 * 3.0);
    }
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("resolved"));
    // One does not return: its own alert, once the station has been back for three intervals.
    for minute in 0..5 {
        for device in 0..39 {
            scene.health(&format!("st01-ac{device:02}"), 2_120.0 + f64::from(minute) * 60.0 + device as f64 * 0.1);
        }
    }
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 2);
    assert_eq!((alerts[1].subject.as_str(), alerts[1].detected_at), ("device:st01-ac39", t(2_180.0)));
}

#[test]
fn one_silent_device_of_a_living_station_is_told_at_once() {
    let mut scene = Scene::new(RULE, &station_of(3));
    for minute in 0..10 {
        for device in 1..3 {
            scene.health(&format!("st01-ac{device:02}"), f64::from(minute) * 60.0 + device as f64);
        }
    }
    assert_eq!(scene.only_alert().subject, "device:st01-ac00");
    assert_eq!(scene.only_alert().detected_at, t(240.0));
}

#[test]
fn device_alerts_fold_into_their_stations() {
    let mut scene = Scene::new(RULE, &station_of(2));
    for minute in 0..10 {
        scene.health("st01-ac01", f64::from(minute) * 60.0);
    }
    assert_eq!(open(&scene)[0].subject, "device:st01-ac00");
    scene.wait_until(2_000.0);
    let alerts = scene.alerts();
    assert_eq!(alerts[0].ended_reason.as_deref(), Some("folded"));
    assert_eq!(open(&scene).iter().map(|alert| alert.subject.as_str()).collect::<Vec<_>>(), ["station:st01"]);
    scene.health("st01-ac01", 2_100.0);
    for minute in 1..10 {
        scene.health("st01-ac01", 2_100.0 + f64::from(minute) * 60.0);
    }
    let still = open(&scene);
    assert_eq!(still.iter().map(|alert| alert.subject.as_str()).collect::<Vec<_>>(), ["device:st01-ac00"]);
    assert!(alerts.iter().all(|alert| alert.id != still[0].id), "another alert has another id");
}

#[test]
fn devices_that_leave_the_registry_are_silent_no_more() {
    let mut scene = Scene::new(RULE, &station_of(2));
    scene.wait_until(1_000.0);
    assert_eq!(open(&scene).len(), 1);
    scene.enter(1_000.0, Body::Registry(Document::new(lone())));
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("registry_changed"));
    scene.wait_until(1_300.0);
    assert_eq!(open(&scene)[0].subject, "device:st01-ac01");
}

#[test]
fn what_falls_silent_outside_of_the_hours_is_told_when_they_begin() {
    let rule = format!("{RULE}hours = [\"13:00-14:00\"]\n");
    let lone = fixed("st01-ac01", "st01", 1_000.0, 0.0, "interval_s = 60");
    let station = fixed("st02-ac01", "st02", 1_000.0, 0.0, "interval_s = 60")
        + &fixed("st02-ac02", "st02", 1_000.0, 0.0, "interval_s = 60")
        + &fixed("st03-ac01", "st03", 1_000.0, 0.0, "interval_s = 60");
    let mut scene = Scene::new(&rule, &format!("{lone}{station}"));
    for device in ["st01-ac01", "st02-ac01", "st02-ac02", "st03-ac01"] {
        scene.health(device, 100.0);
    }
    scene.wait_until(2_000.0);
    // Our own outage in between does not make it forget.
    scene.enter(2_000.0, Body::Link(false));
    scene.enter(2_100.0, Body::Link(true));
    scene.health("st03-ac01", 3_500.0);
    scene.wait_until(3_599.0);
    assert!(scene.alerts().is_empty(), "{:?}", scene.alerts());
    assert!(scene.engine.devices().iter().filter(|device| device.state == "silent").count() == 3);
    scene.wait_until(3_601.0);
    let subjects: Vec<_> = scene.alerts().into_iter().map(|alert| alert.subject).collect();
    assert_eq!(subjects, ["device:st01-ac01", "station:st02"]);
    assert_eq!(scene.alerts()[0].details["last_heard"], "2026-11-24T12:01:40Z");
    for device in ["st01-ac01", "st02-ac01", "st02-ac02"] {
        scene.health(device, 3_650.0);
    }
    assert!(scene.alerts().iter().all(|alert| alert.ended_reason.as_deref() == Some("resolved")));
}
