//! The link between service and broker: cut, stalled, reset in mid-packet, slow. The devices' own link is well, so what
//! the broker acknowledged must arrive, once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use tempfile::{TempDir, tempdir};

use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::{rounds, wait_for};
use crate::oracle::{LIMIT, MARKER, journalled, mark, nothing_comes_again, part, publish, readings};
use crate::proxy::{Flow, Proxy, Way};

/// A service behind a link that can fail, and devices with a good one.
struct Scene {
    _dir: TempDir,
    broker: Mosquitto,
    link: Proxy,
    service: Service,
    devices: Publisher,
    next: u64,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempdir().unwrap();
        let folder: &Path = dir.path();
        let broker = Mosquitto::start(&folder.join("broker"));
        let link = Proxy::to(broker.port).await;
        let mut service = Service::new(folder, &link.url(), &[("MQTT__KEEP_ALIVE_S", "5")]);
        service.start();
        let devices = Publisher::connect(broker.port, "devices");
        Self { _dir: dir, broker, link, service, devices, next: 0 }
    }

    async fn publish(&mut self, count: u64) {
        publish(&self.devices, self.next, self.next + count).await;
        self.next += count;
    }

    fn wait_stored(&self) {
        wait_for("all readings to be stored", 2 * LIMIT, || readings(&self.service) == self.next);
    }

    /// All that the broker acknowledged is stored once, the acknowledgements reached the broker, and nothing comes again.
    async fn end(mut self) {
        self.devices.wait_acked(self.next as usize);
        self.wait_stored();
        // Comes after all whose acknowledgement the link has swallowed.
        mark(&self.service, self.broker.port, 0).await;
        assert_eq!(self.service.stop(), Some(0), "{}", self.service.log());
        let found = journalled(&self.service).into_iter().filter(|(device, ..)| device != MARKER);
        let seqs: BTreeSet<u64> = found.map(|(_, _, seq)| seq).collect();
        assert_eq!(seqs, self.devices.acked());
        nothing_comes_again(&mut self.service, self.broker.port).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_cut_under_load_loses_nothing_and_doubles_nothing() {
    let mut scene = Scene::new().await;
    for _ in 0..rounds(3, 10) {
        scene.publish(300).await;
        scene.link.cut();
        scene.publish(300).await;
        scene.wait_stored();
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_carries_nothing_and_stays_open_is_noticed_by_the_keep_alive() {
    let mut scene = Scene::new().await;
    scene.publish(100).await;
    scene.link.set(Flow::Stalled);
    scene.publish(100).await;
    wait_for("the stall to be noticed", LIMIT, || !part(&scene.service, "mqtt").0);
    let why = part(&scene.service, "mqtt").1;
    assert!(why.contains("does not answer"), "{why}");
    scene.link.set(Flow::Open);
    scene.link.cut();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_in_the_middle_of_a_packet_loses_nothing_and_doubles_nothing_either_way() {
    let mut scene = Scene::new().await;
    for _ in 0..rounds(2, 5) {
        for way in [Way::ToService, Way::ToBroker] {
            scene.publish(100).await;
            scene.link.reset_in_mid_packet(way);
            scene.publish(100).await;
            scene.wait_stored();
        }
    }
    let log = scene.service.log();
    assert!(log.contains("reset by peer"), "no reset was seen:\n{log}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_a_kilobyte_a_second_carries_all_at_its_pace_and_is_not_given_up() {
    const PER_SECOND: usize = 1_000;
    let mut scene = Scene::new().await;
    scene.publish(20).await;
    scene.wait_stored();
    scene.link.set(Flow::Slow(PER_SECOND));
    let count = rounds(15, 120);
    let start = Instant::now();
    scene.publish(count as u64).await;
    scene.wait_stored();
    // A reading alone is longer than this, its acknowledgement and `stored` not counted.
    let least = count * 300 / PER_SECOND;
    assert!(start.elapsed().as_secs() as usize >= least, "{:?} for {count} readings", start.elapsed());
    assert_eq!(scene.service.counted("truceline_intake_reconnects_total"), 0, "the link was given up");
    assert_eq!(scene.service.log().matches("connected to the broker").count(), 1, "{}", scene.service.log());
    scene.link.set(Flow::Open);
    scene.end().await;
}
