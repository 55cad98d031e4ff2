//! Scenarios over a real Mosquitto: what devices make arrives, whatever is lost on the way.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/harness/mosquitto.rs"]
mod mosquitto;
mod service;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use firmware_sim::{PlayOptions, Scenario, Summary, play, play_until, world};
use mosquitto::Mosquitto;
use service::{Habits, Service};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        // Polling interval of a condition, not a guess at how long something takes.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn demo() -> Scenario {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios/demo.toml");
    Scenario::load(&path).expect("the demo's scenario")
}

fn options(broker: &Mosquitto) -> PlayOptions {
    let mut options = PlayOptions::new(broker.url().parse().expect("a URL"));
    options.speed = 180.0;
    options.resend_after = Duration::from_millis(500);
    options.wait = Duration::from_secs(30);
    options
}

/// Every planned reading is in the service under its device, each once, and nothing else.
fn all_arrived(scenario: &Scenario, options: &PlayOptions, summary: &Summary, service: &Service) {
    let taken = service.taken.lock().expect("no panic elsewhere");
    assert_eq!(taken.faults, Vec::<String>::new());
    assert_eq!(summary.pending, 0, "{summary:?}");
    let mut made = 0;
    for device in &scenario.devices {
        let planned = world::plan(scenario, device, options.seed).len();
        let arrived: BTreeSet<u64> =
            taken.readings.keys().filter(|(id, _, _)| id == device.id.as_str()).map(|(_, _, seq)| *seq).collect();
        assert_eq!(arrived, (0..planned as u64).collect(), "{}", device.id);
        made += planned as u64;
    }
    assert_eq!((summary.counts.made, summary.counts.sent, summary.counts.dropped), (made, made, 0));
    assert_eq!(summary.counts.stored + summary.counts.rejected, made);
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited for {what}");
        // Polling interval of a condition, not a guess at how long something takes.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_arrives_whole_though_every_third_message_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let service = Service::start(broker.port, Habits { loses_one_in: 3, rejects_seq: Some(4) });
    let (scenario, options) = (demo(), options(&broker));
    let summary = play(&scenario, &options).await;
    all_arrived(&scenario, &options, &summary, &service);
    assert!(summary.counts.resent > 0, "{summary:?}");
    assert_eq!(summary.reasons.keys().collect::<Vec<_>>(), ["unknown_kind"]);
    assert_eq!(summary.counts.rejected, summary.reasons["unknown_kind"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_arrives_whole_though_the_broker_is_killed_in_the_midst_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Mosquitto::start(folder.path());
    let service = Service::start(broker.port, Habits::default());
    let (scenario, options) = (demo(), options(&broker));
    let playing = {
        let (scenario, options) = (scenario.clone(), options.clone());
        tokio::spawn(async move { play(&scenario, &options).await })
    };
    until("a hundred readings", || service.taken.lock().unwrap().readings.len() > 100).await;
    broker.kill();
    broker.start_again();
    let summary = playing.await.unwrap();
    all_arrived(&scenario, &options, &summary, &service);
    let taken = service.taken.lock().unwrap();
    assert!(taken.births.values().all(|births| *births >= 2), "each device is announced again: {:?}", taken.births);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_a_connection_of_its_own_has_a_last_will() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let service = Service::start(broker.port, Habits::default());
    let (scenario, mut options) = (demo(), options(&broker));
    options.connections = scenario.devices.len();
    options.speed = 1.0;
    let count = scenario.devices.len();
    let online = |wanted: bool| service.taken.lock().unwrap().online.values().filter(|on| **on == wanted).count();
    let playing = tokio::spawn(async move { play(&scenario, &options).await });
    until("all births", || online(true) == count).await;
    // Dropped, not ended: the connections break off without a goodbye.
    playing.abort();
    until("all wills", || online(false) == count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_play_that_is_stopped_tells_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let service = Service::start(broker.port, Habits::default());
    let (scenario, mut options) = (demo(), options(&broker));
    options.speed = 5.0;
    let stop = until("some readings", || service.taken.lock().unwrap().readings.len() > 10);
    let summary = play_until(&scenario, &options, stop).await;
    assert!(summary.stopped);
    let whole: usize = scenario.devices.iter().map(|device| world::plan(&scenario, device, options.seed).len()).sum();
    assert!((11..whole as u64).contains(&summary.counts.made), "{summary:?} of {whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_nothing_is_lost_and_the_play_ends() {
    let (scenario, mut options) = {
        let folder = tempfile::tempdir().unwrap();
        let broker = Mosquitto::start(folder.path());
        (demo(), options(&broker))
    };
    options.wait = Duration::ZERO;
    options.speed = 1_000.0;
    let summary = play(&scenario, &options).await;
    assert_eq!(summary.counts.made as usize, summary.pending);
    assert_eq!(summary.counts.stored, 0);
}
