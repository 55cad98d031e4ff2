//! Another agreement comes into force while alerts are open.

use truceline_core::agreement::Status;
use truceline_core::log::{Body, Document};

use crate::scene::*;

const FIRE: &str = "[[rule]]\nid = \"no-fire\"\nkind = \"no_fire\"\n";
const CROSSING: &str = "[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\n";

fn scene() -> Scene {
    let mut scene = Scene::new(&format!("{FIRE}{CROSSING}"), &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""));
    scene.reading("st01-ac01", 10.0, 10.3, heard("explosion", 0.8, None));
    scene
}

#[test]
fn an_alert_whose_rule_remains_goes_on_under_the_new_terms() {
    let mut scene = scene();
    let before = scene.only_alert();
    let said = scene.enter(20.0, Body::Agreement(agreement(FIRE).document()));
    assert_eq!(said, []);
    scene.reading("st01-ac01", 30.0, 30.3, heard("explosion", 0.8, None));
    let alert = scene.only_alert();
    assert_eq!(alert.detections, 2);
    assert_ne!(alert.agreement.hash, before.agreement.hash);
}

#[test]
fn an_alert_whose_rule_is_gone_ends() {
    let mut scene = scene();
    let said = scene.enter(20.0, Body::Agreement(agreement(CROSSING).document()));
    assert_eq!(said[0].ended_reason.as_deref(), Some("agreement_changed"));
    assert_eq!(scene.only_alert().ended, Some(t(20.0)));
}

#[test]
fn exercise_and_actual_never_mix() {
    let mut scene = scene();
    scene.enter(20.0, Body::Agreement(agreement_as("exercise", FIRE).document()));
    scene.reading("st01-ac01", 30.0, 30.3, heard("explosion", 0.8, None));
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 2);
    assert_eq!((alerts[0].status, alerts[0].ended_reason.as_deref()), (Status::Actual, Some("agreement_changed")));
    assert_eq!((alerts[1].status, alerts[1].ended), (Status::Exercise, None));
}

#[test]
fn a_document_that_is_no_agreement_is_not_taken() {
    let mut scene = scene();
    scene.enter(20.0, Body::Agreement(Document::new("nonsense".to_owned())));
    scene.reading("st01-ac01", 30.0, 30.3, heard("explosion", 0.8, None));
    assert_eq!(scene.engine.limits_hit().documents, 1);
    assert_eq!(scene.alerts().len(), 1);
}

#[test]
fn a_line_that_moves_over_a_vehicle_was_not_crossed_by_it() {
    let mut scene = Scene::new(CROSSING, &fixed("st01-rd01", "st01", 1_000.0, 0.0, ""));
    scene.track(0.0, "t1", "vehicle", (500.0, 0.0), 10.0);
    let mut moved = agreement(CROSSING);
    let line = moved.files.get_mut("line.geojson").unwrap();
    *line = line.replace("48.0", "48.01");
    scene.enter(5.0, Body::Agreement(moved.document()));
    scene.track(10.0, "t1", "vehicle", (500.0, 0.0), 10.0);
    assert!(scene.alerts().is_empty());
    scene.track(40.0, "t1", "vehicle", (1_500.0, 0.0), 10.0);
    assert_eq!(scene.only_alert().details["direction"], "b_to_a");
}

#[test]
fn a_reading_is_judged_by_the_terms_in_force_at_its_own_time() {
    let rule = format!("{FIRE}valid_from = 2026-11-24T11:00:00Z\nvalid_to = 2026-11-24T12:00:30Z\n");
    let mut scene = Scene::new(&rule, &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""));
    scene.reading("st01-ac01", 40.0, 40.3, heard("explosion", 0.8, None));
    assert!(scene.alerts().is_empty(), "no longer in force");
    scene.reading("st01-ac01", 20.0, 100_000.0, heard("explosion", 0.8, None));
    assert_eq!(scene.alerts().len(), 1, "a day late, and in force at its time");
}
