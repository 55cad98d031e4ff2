//! InfluxDB down, slow, answering with errors, cutting its answers, down for a long backlog: through the whole service, with
//! a real InfluxDB behind a gate. In the end it has each reading that the journal has, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use crate::fleet::Identity;
use crate::gate::{Gate, Order};
use crate::harness::influxd::{BUCKET, Influxd, ORG, TOKEN};
use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::{rounds, wait_for};
use crate::oracle::{LIMIT, journalled, part, publish, readings};

const SINK: &str = "influxdb_readings";
/// What proxies answer with; no words of InfluxDB's.
const PAGE: &str = "<html><body>An error of something before InfluxDB</body></html>";

struct Scene {
    _dir: TempDir,
    _broker: Mosquitto,
    influxd: Influxd,
    gate: Gate,
    service: Service,
    devices: Publisher,
    next: u64,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempdir().unwrap();
        let folder: &Path = dir.path();
        let broker = Mosquitto::start(&folder.join("broker"));
        let influxd = Influxd::start(&folder.join("influxd"));
        let gate = Gate::before(influxd.port).await;
        let token = folder.join("token");
        std::fs::write(&token, TOKEN).expect("written");
        let (url, token) = (gate.url(), token.display().to_string());
        let keys = [
            ("INFLUXDB__URL", url.as_str()),
            ("INFLUXDB__ORG", ORG),
            ("INFLUXDB__BUCKET", BUCKET),
            ("INFLUXDB__TOKEN_FILE", token.as_str()),
        ];
        let mut service = Service::new(folder, &broker.url(), &keys);
        service.start();
        let devices = Publisher::connect(broker.port, "devices");
        Self { _dir: dir, _broker: broker, influxd, gate, service, devices, next: 0 }
    }

    /// Readings that the journal has when this returns, whatever InfluxDB does.
    async fn record(&mut self, count: u64) {
        publish(&self.devices, self.next, self.next + count).await;
        self.next += count;
        wait_for("ingest to go on", 2 * LIMIT, || readings(&self.service) == self.next);
    }

    fn lag(&self) -> u64 {
        self.service.api("/api/v1/stats")["lag"]["influxdb"].as_u64().expect("a number")
    }

    /// A fault under load until the service tells it by these words; then the gate opens, and all is caught up with.
    async fn fault(&mut self, order: Order, words: &str) {
        let errors = self.service.counted("truceline_sink_errors_total");
        self.gate.set(order);
        self.record(60).await;
        wait_for(&format!("{order:?} to be told"), LIMIT, || {
            let (ready, why) = part(&self.service, SINK);
            !ready && why.contains(words)
        });
        assert!(self.service.counted("truceline_sink_errors_total") > errors, "{order:?} is not counted");
        assert!(self.service.log().contains(words), "{order:?} is not in the log:\n{}", self.service.log());
        assert!(self.lag() >= 60, "{order:?}: {} are said to be behind", self.lag());
        self.gate.set(Order::Pass);
        self.caught_up();
    }

    /// InfluxDB has each reading of the journal, once, and nothing was given up.
    fn caught_up(&self) {
        wait_for("InfluxDB to be caught up with", 3 * LIMIT, || self.lag() == 0 && part(&self.service, SINK).0);
        let found = self.in_influxdb();
        let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "twice in InfluxDB: {twice:?}");
        let there = journalled(&self.service);
        let missing: Vec<_> = there.iter().filter(|identity| !found.contains_key(*identity)).take(10).collect();
        assert!(missing.is_empty() && found.len() == there.len(), "{} of {}: {missing:?}", found.len(), there.len());
        assert_eq!(there.len() as u64, self.next);
        assert_eq!(self.service.counted("truceline_sink_dead_letters_total"), 0, "something was given up");
        assert_eq!(self.service.counted("truceline_sink_missed_total"), 0, "something was left out");
    }

    /// How often InfluxDB has each (device, boot, seq).
    fn in_influxdb(&self) -> BTreeMap<Identity, u32> {
        let csv = self.influxd.query(&format!(
            r#"from(bucket: "{BUCKET}") |> range(start: 0)
               |> filter(fn: (r) => r._measurement == "reading" and (r._field == "boot" or r._field == "seq"))
               |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
               |> group() |> keep(columns: ["device", "boot", "seq"])"#
        ));
        let mut found = BTreeMap::new();
        let mut lines = csv.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let Some(names) = lines.next() else { return found };
        let column = |name: &str| names.split(',').position(|own| own == name).expect("the column");
        let [device, boot, seq] = ["device", "boot", "seq"].map(column);
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let identity =
                (cells[device].to_owned(), cells[boot].parse().expect("a boot"), cells[seq].parse().expect("a seq"));
            *found.entry(identity).or_default() += 1;
        }
        found
    }

    fn end(mut self) {
        assert_eq!(self.service.stop(), Some(0), "{}", self.service.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_influxdb_that_is_down_busy_failing_or_cuts_its_answers_gets_everything_once_when_it_is_back() {
    let mut scene = Scene::new().await;
    for _ in 0..rounds(1, 5) {
        scene.fault(Order::Down, "does not answer").await;
        scene.fault(Order::Answer(429, "{\"code\":\"too many requests\",\"message\":\"slow\"}"), "asks to wait").await;
        scene.fault(Order::Answer(500, "{\"code\":\"internal error\",\"message\":\"oh\"}"), "answers 500").await;
        scene.fault(Order::Answer(503, PAGE), "answers 503").await;
        // These it has taken, and the service cannot know: they are sent again and fall on the first ones.
        scene.fault(Order::CutAnswer, "does not answer").await;
    }
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_influxdb_that_refuses_everything_with_400_401_or_413_loses_nothing_of_it() {
    let mut scene = Scene::new().await;
    for _ in 0..rounds(1, 3) {
        scene.fault(Order::Answer(400, PAGE), "check influxdb.url").await;
        scene.fault(Order::Answer(400, r#"{"code":"invalid","message":"unable to parse"}"#), "lines is refused").await;
        scene.fault(Order::Answer(401, r#"{"code":"unauthorized","message":"no"}"#), "refuses the token").await;
        scene.fault(Order::Answer(413, PAGE), "lines is refused").await;
    }
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_influxdb_gets_everything_once_and_holds_up_no_ingest() {
    let mut scene = Scene::new().await;
    scene.gate.set(Order::Late(Duration::from_secs(2)));
    for _ in 0..rounds(3, 30) {
        scene.record(300).await;
    }
    assert!(scene.gate.faults() > 0, "none of its answers was late");
    scene.caught_up();
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_influxdb_that_was_down_for_a_long_backlog_and_a_kill_9_has_everything_once_afterwards() {
    let mut scene = Scene::new().await;
    scene.record(100).await;
    scene.influxd.stop();
    // Long is 1,000 devices with a reading a second each, for four minutes: some fifty batches.
    let backlog = rounds(12_000, 240_000) as u64;
    scene.record(backlog / 2).await;
    scene.service.kill();
    scene.service.spawn();
    wait_for("the service", LIMIT, || scene.service.get("/healthz").is_some());
    scene.record(backlog - backlog / 2).await;
    wait_for("the absence to be told", LIMIT, || !part(&scene.service, SINK).0);
    assert!(scene.lag() >= backlog, "{} are said to be behind", scene.lag());
    scene.influxd.start_again();
    // In the middle of catching up the service dies once more: what was under way is sent again.
    wait_for("the first batches", 2 * LIMIT, || scene.lag() < backlog - 2_000);
    scene.service.kill();
    scene.service.spawn();
    wait_for("the service", LIMIT, || scene.service.get("/healthz").is_some());
    scene.caught_up();
    scene.end();
}
