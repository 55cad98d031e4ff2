//! Brokers that restart or forget, and clients that share a name.

use std::time::Duration;

use tempfile::tempdir;

use crate::harness::mosquitto::Mosquitto;
use crate::rig::{Device, LIMIT, Service, config, eventually, reading};

const TOPIC: &str = "truceline/v1/readings/st01/a";

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_finds_the_session_again() {
    let dir = tempdir().unwrap();
    let mut broker = Mosquitto::start(dir.path());
    let mut service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    device.publish(TOPIC, reading("a", 1)).await;
    eventually("the first reading", || service.store.seqs() == [1]).await;
    broker.stop();
    service.wait("the loss to be noticed", |status| !status.connected && status.last_error.is_some()).await;
    broker.start_again();
    service.wait("the session to be back", |status| status.connections == 2 && status.last_error.is_none()).await;
    device.publish(TOPIC, reading("a", 2)).await;
    eventually("the second reading", || service.store.seqs() == [1, 2]).await;
    assert_eq!(service.store.links(), [true, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgot_the_session_is_subscribed_to_again() {
    let dir = tempdir().unwrap();
    let mut broker = Mosquitto::start(dir.path());
    let mut service = Service::connected(config(&broker.url())).await;
    broker.kill();
    let _ = std::fs::remove_file(dir.path().join("mosquitto.db"));
    broker.start_again();
    service.wait("the session to be back", |status| status.connections == 2).await;
    let mut device = Device::connect(broker.port, "a");
    device.publish(TOPIC, reading("a", 1)).await;
    eventually("a reading", || service.store.seqs() == [1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_at_the_start_is_waited_for() {
    let dir = tempdir().unwrap();
    let mut broker = Mosquitto::start(dir.path());
    broker.stop();
    let mut service = Service::start(config(&broker.url()));
    service.wait("the failure", |status| status.last_error.is_some()).await;
    let text = service.status.borrow().last_error.clone().unwrap();
    assert!(text.contains("cannot be reached"), "{text}");
    broker.start_again();
    service.wait("the connection", |status| status.connected).await;
    assert!(service.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_broker_is_away_does_not_wait_for_it() {
    let dir = tempdir().unwrap();
    let mut broker = Mosquitto::start(dir.path());
    broker.stop();
    let mut service = Service::start(config(&broker.url()));
    service.wait("the failure", |status| status.last_error.is_some()).await;
    assert!(tokio::time::timeout(LIMIT / 2, service.stop()).await.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_services_with_one_client_id_one_gives_way_and_says_why() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.takeover_pause = Duration::from_secs(600);
    let first = Service::start(config.clone());
    let second = Service::start(config);
    eventually("one to give way", || first.status.borrow().taken_over || second.status.borrow().taken_over).await;
    let (yielding, mut staying) = if first.status.borrow().taken_over { (first, second) } else { (second, first) };
    let status = yielding.status.borrow().clone();
    assert!(!status.connected);
    assert!(status.last_error.as_ref().is_some_and(|text| text.contains("mqtt.client_id")), "{status:?}");
    staying.wait("the other to be connected", |status| status.connected).await;
    let before = yielding.store.asked();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..20 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    eventually("the other to go on", || staying.store.durable() == 20).await;
    assert_eq!(yielding.store.asked(), before);
}
