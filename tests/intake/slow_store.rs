//! A store that is slower than the input: the broker waits, memory is bounded, all of it is acknowledged in the end.

use std::time::Duration;

use tempfile::tempdir;

use crate::harness::mosquitto::Mosquitto;
use crate::rig::{Device, Service, config, eventually, reading};

const TOPIC: &str = "truceline/v1/readings/st01/a";
/// More than the client takes into its queue (8,192).
const MANY: u64 = 12_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_makes_the_broker_wait_and_is_told() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url()).with_receive_maximum(50);
    // Only what the broker may send without an acknowledgement bounds it here.
    config.in_flight_messages = 10_000;
    let mut service = Service::connected(config).await;
    assert_eq!(service.status.borrow().full_since, None);
    service.store.hold();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..500 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;
    service.wait("the window to fill, and to be told", |status| status.full_since.is_some()).await;
    for seq in 500..1_000 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;
    // The broker has all 1,000 and keeps 950 of them.
    assert_eq!(service.status.borrow().in_flight, 50);
    service.store.release();
    eventually("all 1,000", || service.store.durable() == 1_000).await;
    service.wait("room again", |status| status.full_since.is_none()).await;
    assert_eq!(service.store.asked(), 1_000);
    assert!(service.stop().await.is_clean());
}

/// With each answer there is room for a moment: it is told all the same, for as long as it lasts.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_too_slowly_is_told_without_a_break() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut service = Service::connected(config(&broker.url()).with_receive_maximum(10)).await;
    *service.store.pace.lock().unwrap() = Duration::from_millis(150);
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..300 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    service.wait("the window to be full", |status| status.full_since.is_some()).await;
    let since = service.status.borrow().full_since;
    while service.store.durable() < 290 {
        assert_eq!(service.status.borrow().full_since, since, "at {} stored", service.store.durable());
        // Polling interval of a condition: what may not change meanwhile.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.wait("room again", |status| status.full_since.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_acknowledgements_at_once_than_the_client_takes_are_all_written() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let config = config(&broker.url()).with_receive_maximum(20_000);
    let mut service = Service::connected(config.clone()).await;
    service.store.hold();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..MANY {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;
    service.wait("all of them in flight", |status| status.in_flight as u64 == MANY).await;
    service.store.release();
    // Without a stop, which would write them too.
    service.wait("all acknowledgements written", |status| status.in_flight == 0 && status.pending_acks == 0).await;
    assert_eq!(service.store.durable() as u64, MANY);
    assert!(service.stop().await.is_clean());

    let next = Service::connected(config).await;
    device.publish(TOPIC, reading("a", MANY)).await;
    eventually("the one after", || next.store.asked() > 0).await;
    assert_eq!(next.store.seqs(), [MANY]);
}
