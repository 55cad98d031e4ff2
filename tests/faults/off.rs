//! The service off for three hours: the devices' silence meanwhile is not theirs, and what could not be seen is told as such.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::task::JoinHandle;
use truceline_core::time::{Span, Time};

use crate::harness::field::{health, libfaketime, now, topic};
use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::wait_for;
use crate::oracle::{LIMIT, readings};

/// Covers the whole line.
const NEAR: &str = "st02-ac01";
/// Covers none of it.
const FAR: &str = "st02-ac02";
const THREE_HOURS_S: i64 = 3 * 3_600;
const GRACE_S: f64 = 5.0;

const AGREEMENT: &str = r#"
id = "off"
name = "Silence and coverage"
late_after_s = 100000
[[line]]
id = "line"
file = "line.geojson"
side_a = "west"
side_b = "east"
[[rule]]
id = "silence"
kind = "silence"
intervals = 3
grace_s = 5
[[rule]]
id = "blind"
kind = "coverage"
classes = ["explosion"]
stretch_m = 10000
intervals = 3
dwell_s = 2
grace_s = 5
"#;
const LINE: &str = r#"{"type": "Feature", "properties": {},
    "geometry": {"type": "LineString", "coordinates": [[37.756, 48.110], [37.756, 48.126]]}}"#;
const DEVICES: &str = r#"
[[device]]
id = "st02-ac01"
station = "st02"
mobility = "fixed"
position = { lat = 48.1260, lon = 37.7560 }
kinds = ["health"]
range_m = { explosion = 10000 }
interval_s = 2
[[device]]
id = "st02-ac02"
station = "st02"
mobility = "fixed"
position = { lat = 48.3260, lon = 37.7560 }
kinds = ["health"]
range_m = { explosion = 1000 }
interval_s = 2
"#;

/// The service with a wall clock of its own, and devices that report in their rhythm while they are told to.
struct Scene {
    dir: TempDir,
    service: Service,
    devices: Arc<Publisher>,
    ahead_s: i64,
    next: u64,
    _broker: Mosquitto,
}

impl Scene {
    fn new() -> Self {
        let dir = tempdir().unwrap();
        let folder: &Path = dir.path();
        let broker = Mosquitto::start(&folder.join("broker"));
        let agreement = folder.join("agreement");
        std::fs::create_dir(&agreement).unwrap();
        let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
        write(&agreement.join("agreement.toml"), AGREEMENT);
        write(&agreement.join("line.geojson"), LINE);
        write(&folder.join("devices.toml"), DEVICES);
        let [agreement, devices] = [agreement, folder.join("devices.toml")].map(|path| path.display().to_string());
        let keys = [("AGREEMENT__DIR", agreement.as_str()), ("DEVICES__FILE", devices.as_str())];
        let mut service = Service::new(folder, &broker.url(), &keys);
        service.set("LD_PRELOAD", &libfaketime());
        service.set("FAKETIME_TIMESTAMP_FILE", &folder.join("clock").display().to_string());
        service.set("FAKETIME_NO_CACHE", "1");
        service.set("DONT_FAKE_MONOTONIC", "1");
        service.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let devices = Arc::new(Publisher::connect(broker.port, "devices"));
        Self { dir, service, devices, ahead_s: 0, next: 0, _broker: broker }
    }

    /// Everybody's wall clock.
    fn wall(&self) -> Time {
        now() + Span::from_secs(self.ahead_s)
    }

    /// Starts the service; when, by its clock.
    fn start(&mut self) -> Time {
        std::fs::write(self.dir.path().join("clock"), format!("+{}", self.ahead_s)).unwrap();
        let from = self.wall();
        self.service.start();
        from
    }

    fn three_hours_off(&mut self) {
        wait_for("the evaluator", LIMIT, || self.service.api("/api/v1/stats")["lag"]["evaluator"] == 0);
        assert_eq!(self.service.stop(), Some(0), "{}", self.service.log());
        self.ahead_s += THREE_HOURS_S;
    }

    /// These report twice a second until told otherwise.
    fn report(&mut self, names: &'static [&'static str]) -> (Arc<AtomicBool>, JoinHandle<u64>) {
        let on = Arc::new(AtomicBool::new(true));
        let (devices, ahead, still, mut next) =
            (Arc::clone(&self.devices), Span::from_secs(self.ahead_s), Arc::clone(&on), self.next);
        let task = tokio::spawn(async move {
            while still.load(Ordering::SeqCst) {
                for name in names {
                    let mut reading = health(name, 1, next);
                    reading["time"] = Value::String((now() + ahead).to_string());
                    devices.publish(next, &topic(name), reading.to_string()).await;
                    next += 1;
                }
                // The rhythm of the devices.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            next
        });
        (on, task)
    }

    async fn fall_silent(&mut self, (on, task): (Arc<AtomicBool>, JoinHandle<u64>)) {
        on.store(false, Ordering::SeqCst);
        self.next = task.await.unwrap();
        wait_for("all that was reported", LIMIT, || readings(&self.service) == self.next);
    }

    fn alerts(&self, category: &str) -> Vec<Value> {
        self.service.all(&format!("/api/v1/alerts?category={category}"))
    }

    /// Waits until journal time has gone on by so much: the silence rule has judged all by then.
    fn wait_until(&self, time: Time) {
        wait_for("time to pass", LIMIT, || self.wall() > time);
        wait_for("the evaluator", LIMIT, || self.service.api("/api/v1/stats")["lag"]["evaluator"] == 0);
    }
}

fn time(alert: &Value, field: &str) -> Time {
    alert[field].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field}: {alert}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hours_off_silence_nobody_and_what_was_blind_meanwhile_is_told_until_it_is_seen_again() {
    let mut scene = Scene::new();
    let start = scene.start();
    let reports = scene.report(&[NEAR, FAR]);
    scene.wait_until(start + Span::from_secs(15));
    scene.fall_silent(reports).await;
    scene.three_hours_off();

    // All report again as soon as they can: nothing was wrong.
    let start = scene.start();
    let reports = scene.report(&[NEAR, FAR]);
    scene.wait_until(start + Span::from_secs(15));
    let said = scene.service.all("/api/v1/alerts");
    assert!(said.is_empty(), "three hours off are nobody's silence: {said:?}");
    scene.fall_silent(reports).await;
    scene.three_hours_off();

    // Nobody reports: what is blind is told with our own part in it, and not before everybody had the time to report.
    let start = scene.start();
    wait_for("the blind line", LIMIT, || scene.alerts("coverage").len() == 1);
    let blind = scene.alerts("coverage").remove(0);
    let after = time(&blind, "detected_at").since(start).secs_f64();
    assert!(after >= GRACE_S, "told after {after} s: {blind}");
    let outage = blind["details"]["own_outage_s"].as_f64().unwrap_or_default();
    assert!((10_790.0..10_900.0).contains(&outage), "{blind}");
    wait_for("the silence of both", LIMIT, || !scene.alerts("silence").is_empty());
    for silent in scene.alerts("silence") {
        let after = time(&silent, "detected_at").since(start).secs_f64();
        assert!(after >= GRACE_S, "told after {after} s: {silent}");
    }

    // One reports again: the line is seen again, and the other is as silent as it is.
    let reports = scene.report(&[NEAR]);
    wait_for("the line to be seen again", LIMIT, || {
        let blind = scene.alerts("coverage");
        blind.len() == 1 && blind[0]["ended_reason"] == "resolved"
    });
    let open = |scene: &Scene| -> Vec<Value> {
        scene.alerts("silence").into_iter().filter(|alert| alert["ended"].is_null()).collect()
    };
    wait_for("one to be silent alone", LIMIT, || {
        let open = open(&scene);
        open.len() == 1 && open[0]["subject"] == format!("device:{FAR}")
    });
    scene.fall_silent(reports).await;
    wait_for("the evaluator", LIMIT, || scene.service.api("/api/v1/stats")["lag"]["evaluator"] == 0);
    assert_eq!(scene.service.stop(), Some(0), "{}", scene.service.log());
    assert!(scene.service.replayed().starts_with(&scene.service.said_log()), "a replay says the same");
}
