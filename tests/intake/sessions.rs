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
    service.wait("the session to be back", |status| status.connected && status.last_error.is_none()).await;
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
    service.wait("the loss to be noticed", |status| !status.connected).await;
    let _ = std::fs::remove_file(dir.path().join("mosquitto.db"));
    broker.start_again();
    service.wait("the session to be back", |status| status.connected).await;
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
async fn two_services_with_one_client_id_do_not_throw_each_other_out_all_the_time() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.takeover_pause = Duration::from_secs(600);
    let mut first = Service::connected(config.clone()).await;
    let second = Service::connected(config).await;
    first.wait("the takeover to be noticed", |status| status.taken_over).await;
    let status = first.status.borrow().clone();
    assert!(!status.connected);
    assert!(status.last_error.as_ref().is_some_and(|text| text.contains("mqtt.client_id")), "{status:?}");
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..20 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    eventually("the second service to go on", || second.store.seqs().len() == 20).await;
    assert_eq!(second.store.links(), [true]);
    assert!(first.store.seqs().is_empty());
}
