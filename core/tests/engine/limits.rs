//! What grows has a limit, and the limit is counted.

use truceline_core::engine::{
    ENGINE_VERSION, Engine, MAX_OPEN_EVENTS, MAX_TRACKS_PER_DEVICE, MAX_UNKNOWN_DEVICES, SnapshotError,
};
use truceline_core::log::{Body, Document, StateEntry};
use truceline_core::wire::DeviceState;

use crate::scene::*;

#[test]
fn unknown_devices_are_forgotten_oldest_first() {
    let mut scene = Scene::new("", &fixed("st01-ac01", "st01", 0.0, 0.0, ""));
    for i in 0..=MAX_UNKNOWN_DEVICES {
        let state = DeviceState {
            v: 1,
            online: true,
            boot: None,
            firmware: None,
            time: None,
            interval_s: None,
            next_by: None,
            reason: None,
        };
        let device = id(&format!("x{i}"));
        scene.enter(i as f64, Body::State(StateEntry { station: id("x"), device, state }));
    }
    let devices = scene.engine.devices();
    assert!(devices.len() <= MAX_UNKNOWN_DEVICES + 1);
    let has = |name: String| devices.iter().any(|status| status.device == id(&name));
    assert!(has("st01-ac01".to_owned()) && has(format!("x{MAX_UNKNOWN_DEVICES}")) && !has("x0".to_owned()));
    assert!(scene.engine.limits_hit().unknown_devices > 0);
}

#[test]
fn a_device_has_a_limit_of_tracks_and_keeps_the_newest() {
    let rule = "[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\n";
    let mut scene = Scene::new(rule, &fixed("st01-rd01", "st01", 0.0, 0.0, ""));
    for i in 0..=MAX_TRACKS_PER_DEVICE {
        scene.track(i as f64 * 0.01, &format!("t{i}"), "vehicle", (200.0, 0.0), 10.0);
    }
    assert!(scene.engine.limits_hit().tracks > 0);
    scene.track(20.0, &format!("t{MAX_TRACKS_PER_DEVICE}"), "vehicle", (-200.0, 0.0), 10.0);
    assert_eq!(scene.alerts().len(), 1, "the newest was kept");
    scene.track(20.0, "t0", "vehicle", (-200.0, 0.0), 10.0);
    assert_eq!(scene.alerts().len(), 1, "the oldest was forgotten, so nothing is known of its side");
}

#[test]
fn a_snapshot_of_another_version_or_none_at_all_is_refused() {
    let snapshot = String::from_utf8(Engine::new().snapshot()).unwrap();
    let other = snapshot.replace(&format!("\"version\":{ENGINE_VERSION}"), "\"version\":999");
    assert!(matches!(Engine::restore(other.as_bytes()), Err(SnapshotError::OtherVersion(999))));
    for cut in [0, 1, snapshot.len() / 2, snapshot.len() - 1] {
        assert!(matches!(Engine::restore(&snapshot.as_bytes()[..cut]), Err(SnapshotError::Unreadable(_))));
    }
    assert!(Engine::restore(snapshot.as_bytes()).is_ok());
}

#[test]
fn a_snapshot_may_leave_the_texts_elsewhere_and_is_refused_without_them() {
    let scene = Scene::new("[[rule]]\nid = \"s\"\nkind = \"silence\"\n", &fixed("st01-ac01", "st01", 0.0, 0.0, ""));
    let whole = scene.engine.snapshot();
    let small = scene.engine.snapshot_without_texts();
    let value: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    let text = |key: &str| value[key]["text"].as_str().unwrap().strip_prefix('s').unwrap().to_owned();
    let documents = [Document::new(text("agreement")), Document::new(text("registry"))];
    let texts: usize = documents.iter().map(|document| document.text.len()).sum();
    assert!(small.len() + texts <= whole.len(), "{} and {texts} of {}", small.len(), whole.len());
    let given = |hash: &str| documents.iter().find(|document| document.hash == hash).cloned();
    assert_eq!(Engine::restore_with(&small, &given).unwrap().snapshot(), whole);
    let refused = Engine::restore(&small).unwrap_err().to_string();
    assert!(refused.contains(&format!("its agreement, of hash {}, is not there", documents[0].hash)), "{refused}");
    let swapped = |_: &str| Some(Document::new("id = \"other\"".to_owned()));
    assert!(matches!(Engine::restore_with(&small, &swapped), Err(SnapshotError::Unreadable(_))));
}

/// The subjects of the events that end by the limit when one more shot is heard, how many are open, and how often it bit.
fn hear(scene: &mut Scene, device: &str, second: f64) -> (Vec<String>, usize, u64) {
    scene.outputs.clear();
    scene.reading(device, second, second + 0.2, heard("gunfire", 0.9, None));
    let events = scene.outputs.iter().filter_map(|output| output.said.event());
    let ended = events.filter(|event| event.ended_reason.as_deref() == Some("limit"));
    let ended = ended.map(|event| event.subject.clone()).collect();
    (ended, scene.engine.open_events().len(), scene.engine.limits_hit().open_events)
}

#[test]
fn of_too_many_events_those_of_strangers_end_first_and_then_those_without_evidence_for_longest() {
    let rule =
        "[[rule]]\nid = \"fire\"\nkind = \"no_fire\"\ncool_down_s = 86400\npermitted = [{ areas = [\"near\"] }]\n";
    let place = |i: usize| (3_000.0 + (i / 100) as f64 * 100.0, (i % 100) as f64 * 100.0 - 5_000.0);
    let name = |i: usize| format!("s{i:05}-ac");
    let registry: String = (0..=MAX_OPEN_EVENTS)
        .map(|i| fixed(&name(i), &name(i)[..6], place(i).0, place(i).1, "range_m = { gunfire = 10 }"))
        .collect();
    let mut scene = Scene::new(rule, &registry);
    for i in 0..MAX_OPEN_EVENTS - 1 {
        let second = i as f64 * 0.01;
        scene.reading(&name(i), second, second + 0.2, heard("gunfire", 0.9, None));
        scene.outputs.clear();
    }
    assert_eq!(hear(&mut scene, &name(0), 200.0), (vec![], MAX_OPEN_EVENTS - 1, 0));
    let (lat, lon) = at(-9_000.0, 0.0);
    let mut stranger = heard("gunfire", 0.9, None);
    stranger["position"] = serde_json::json!({"lat": lat, "lon": lon, "hacc_m": 5.0, "fix": "3d"});
    scene.reading("x1-ac", 210.0, 210.2, stranger);
    assert_eq!(scene.engine.open_events().len(), MAX_OPEN_EVENTS);
    let over = |subject: &str, hit: u64| (vec![subject.to_owned()], MAX_OPEN_EVENTS, hit);
    assert_eq!(hear(&mut scene, &name(MAX_OPEN_EVENTS - 1), 220.0), over("station:x1", 1));
    assert_eq!(
        hear(&mut scene, &name(MAX_OPEN_EVENTS), 230.0),
        over("station:s00001", 2),
        "the first had evidence since"
    );
    // Who is to go next is known again after a snapshot of all of them.
    let cut = (scene.entries.len() - 2) as f64 / scene.entries.len() as f64;
    assert_eq!(scene.replayed(cut).0.open_events(), scene.engine.open_events());
}
