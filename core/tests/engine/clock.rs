//! Clocks that are wrong, as far as their readings show it.

use serde_json::{Value, json};
use truceline_core::alert::Timeliness;
use truceline_core::log::Body;
use truceline_core::wire::RejectReason;

use crate::scene::*;

const RULE: &str = "[[rule]]\nid = \"clocks\"\nkind = \"clock\"\nmax_error_ms = 1000\n";

fn sensor() -> String {
    fixed("st01-ac01", "st01", 1_000.0, 0.0, "")
}

fn health(uptime_s: Option<f64>) -> Value {
    let mut fields = json!({"kind": "health", "data": {}});
    if let Some(uptime_s) = uptime_s {
        fields["uptime_ms"] = (uptime_s * 1_000.0).into();
    }
    fields
}

/// Readings by (made by its clock, arrived, uptime); the causes that are told.
fn causes(rule: &str, readings: &[(f64, f64, Option<f64>)]) -> Vec<String> {
    let mut scene = Scene::new(rule, &sensor());
    for (made, arrived, uptime) in readings {
        scene.reading("st01-ac01", *made, *arrived, health(*uptime));
    }
    scene.alerts().iter().map(|alert| alert.details["cause"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_reading_dated_after_its_arrival_shows_a_clock_that_is_ahead() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.reading("st01-ac01", 102.5, 100.0, health(None));
    let alert = scene.only_alert();
    assert_eq!((alert.subject.as_str(), &alert.details["clock_error_ms"]), ("device:st01-ac01", &json!(2_500.0)));
    assert!(
        alert.summary.starts_with("The clock of device st01-ac01 is ahead by at least 2.500 s"),
        "{}",
        alert.summary
    );
    assert_eq!((alert.started, alert.timeliness), (t(100.0), Timeliness::Live), "its own time is what is in question");
    assert!(alert.viewer_form().summary.starts_with("A device's clock is ahead"));
    scene.wait_until(3_701.0);
    assert_eq!(scene.only_alert().ended_reason.as_deref(), Some("cool_down"));
}

#[test]
fn a_reading_that_was_long_on_its_way_proves_nothing() {
    assert!(causes(RULE, &[(0.0, 0.1, None), (10.0, 200.0, None), (20.0, 90_000.0, None)]).is_empty());
}

#[test]
fn a_store_sent_late_proves_nothing() {
    let store: Vec<_> = (0..20).map(|i| (f64::from(i) * 60.0, 600_000.0, Some(f64::from(i) * 60.0))).collect();
    assert!(causes(RULE, &store).is_empty());
}

#[test]
fn a_clock_that_leaves_the_uptime_jumped_and_is_told_once() {
    let readings = [(0.0, 1.0, Some(10.0)), (65.0, 66.0, Some(70.0)), (125.0, 126.0, Some(130.0))];
    assert_eq!(causes(RULE, &readings), ["jumped"], "5 s in the first minute, none in the second");
    let mut scene = Scene::new(RULE, &sensor());
    for (made, arrived, uptime) in readings {
        scene.reading("st01-ac01", made, arrived, health(uptime));
    }
    assert_eq!(scene.only_alert().detections, 1);
}

#[test]
fn a_clock_that_steps_back_is_told_though_its_readings_look_late() {
    assert_eq!(causes(RULE, &[(7_200.0, 7_200.1, Some(5.0)), (3_660.0, 7_260.1, Some(65.0))]), ["jumped"]);
    assert_eq!(
        causes(RULE, &[(7_200.0, 7_200.1, None), (3_660.0, 7_260.1, None)]),
        ["jumped"],
        "without an uptime too"
    );
}

#[test]
fn what_a_clock_says_that_it_may_be_wrong_is_no_jump() {
    let mut scene = Scene::new(RULE, &sensor());
    for (made, arrived, uptime, source) in [(0.0, 30.0, 10.0, "rtc"), (90.0, 90.1, 70.0, "gnss")] {
        let mut fields = health(Some(uptime));
        fields["clock"] = json!({"source": source});
        scene.reading("st01-ac01", made, arrived, fields);
    }
    assert!(scene.alerts().is_empty(), "a clock that was never set, set by satellite");
}

#[test]
fn a_clock_that_admits_to_be_uncertain_is_told_and_one_that_says_nothing_is_not() {
    let told = |clock: Value| {
        let mut scene = Scene::new(RULE, &sensor());
        let mut fields = health(None);
        fields["clock"] = clock;
        scene.reading("st01-ac01", 0.0, 0.1, fields);
        scene.alerts().len()
    };
    assert_eq!(told(json!({"source": "rtc", "uncertainty_ms": 5_000})), 1);
    assert_eq!(told(json!({"source": "rtc", "uncertainty_ms": 500})), 0);
    assert_eq!(told(json!({"source": "rtc"})), 0);
}

#[test]
fn it_must_hold_for_the_dwell_and_half_of_it_starts_anew() {
    let rule = format!("{RULE}dwell_s = 60\n");
    let ahead = |by: &[f64]| -> Vec<(f64, f64, Option<f64>)> {
        by.iter().enumerate().map(|(i, by)| (i as f64 * 30.0 + by, i as f64 * 30.0, None)).collect()
    };
    assert!(causes(&rule, &ahead(&[2.0, 2.0])).is_empty());
    assert_eq!(
        causes(&rule, &ahead(&[2.0, 0.8, 2.0])),
        ["ahead"],
        "between the half and the whole it stays what it was"
    );
    assert!(causes(&rule, &ahead(&[2.0, 0.2, 2.0, 2.0])).is_empty());
}

#[test]
fn a_reading_refused_for_the_future_is_evidence() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.health("st01-ac01", 0.0);
    scene.reject(10.0, "st01-ac01", RejectReason::OutOfRange);
    assert!(scene.alerts().is_empty());
    scene.reject(20.0, "st01-ac01", RejectReason::TimeInFuture);
    assert_eq!(scene.only_alert().details["clock_error_ms"], json!(300_000.0));
}

#[test]
fn a_step_of_our_own_clock_is_taken_into_account() {
    let mut scene = Scene::new(RULE, &sensor());
    scene.enter(10.0, Body::Clock { offset_ns: 3_600_000_000_000 });
    scene.reading("st01-ac01", 3_619.9, 20.0, health(None));
    assert!(scene.alerts().is_empty());
}

#[test]
fn ids_that_nobody_registered_raise_no_alert_about_their_clocks() {
    let mut scene = Scene::new(
        "[[rule]]\nid = \"clock\"\nkind = \"clock\"\nmax_error_ms = 500\n",
        &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""),
    );
    for device in ["st09-ac01", "st01-ac01"] {
        scene.health(device, 100.0);
        let body = scene.reading_body(device, 160.0, json!({"kind": "health", "data": {"battery_pct": 50.0}, "position": {"lat": 48.1, "lon": 38.0, "fix": "3d"}}));
        scene.enter(110.0, body);
    }
    assert_eq!(scene.only_alert().subject, "device:st01-ac01");
}

#[test]
fn one_number_that_is_far_too_high_does_not_end_the_judgement_of_a_clock() {
    let mut scene = Scene::new(RULE, &sensor());
    let mut seen = |seq: u64, made: f64, arrived: f64, uptime: f64| {
        let mut fields = health(Some(uptime));
        fields["seq"] = seq.into();
        scene.reading("st01-ac01", made, arrived, fields);
        scene.alerts().len()
    };
    seen(1 << 52, 0.0, 0.1, 10.0);
    for minute in 1..5_u32 {
        let second = f64::from(minute) * 60.0;
        assert_eq!(seen(u64::from(minute), second, second + 0.1, second + 10.0), 0);
    }
    assert_eq!(seen(5, 295.0, 300.1, 310.0), 1, "five seconds back");
}

#[test]
fn what_a_person_wrote_shows_no_clock() {
    let mut scene = Scene::new(RULE, &fixed("st01-pt01", "st01", 1_000.0, 0.0, ""));
    let report = json!({"kind": "patrol_report", "data": {"observation": "explosion", "means": "heard"}});
    scene.reading("st01-pt01", 160.0, 100.0, report);
    assert!(scene.alerts().is_empty(), "the time of a report is what its author gives");
    scene.reading("st01-pt01", 161.0, 101.0, health(None));
    assert_eq!(scene.only_alert().details["cause"], "ahead", "the same of a device's own reading");
}
