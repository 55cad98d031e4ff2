//! Nothing is acknowledged before it is durable, and all of it after.

use std::collections::BTreeSet;
use std::time::Duration;

use tempfile::tempdir;

use crate::harness::{mosquitto::Mosquitto, rounds};
use crate::rig::{Device, LIMIT, Link, Service, config, eventually, reading};

const TOPIC: &str = "truceline/v1/readings/st01/a";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_durable_is_sent_again_to_the_next_session_and_what_is_durable_is_not() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut first = Service::connected(config(&broker.url())).await;
    first.store.hold();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..10 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;
    first.wait("ten messages in flight", |status| status.in_flight == 10).await;
    first.kill().await;

    let second = Service::connected(config(&broker.url())).await;
    eventually("the ten to come again", || second.store.asked() == 10).await;
    assert_eq!(second.store.seqs(), (0..10).collect::<Vec<_>>());
    assert!(second.stop().await.is_clean());

    let third = Service::connected(config(&broker.url())).await;
    device.publish(TOPIC, reading("a", 10)).await;
    eventually("the eleventh", || third.store.asked() > 0).await;
    assert_eq!(third.store.seqs(), [10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_backlog_leaves_nothing_stored_twice_and_nothing_out() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    Service::connected(config(&broker.url())).await.stop().await;
    let total = rounds(20_000, 100_000) as u64;
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..total {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;

    let mut stored = BTreeSet::new();
    let mut sessions = 0;
    while (stored.len() as u64) < total {
        sessions += 1;
        assert!(sessions <= 100, "{} of {total} after 100 sessions", stored.len());
        let service = Service::connected(config(&broker.url())).await;
        let enough = (total - stored.len() as u64).min(total / 10) as usize;
        eventually("a part of the backlog", || service.store.asked() >= enough).await;
        let store = service.store.clone();
        let leftovers = service.stop().await;
        assert!(leftovers.is_clean(), "{leftovers:?}");
        for seq in store.seqs() {
            assert!(stored.insert(seq), "reading {seq} was acknowledged, and sent again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_until_the_broker_has_read_acknowledgements_that_are_still_on_their_way() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let link = Link::with_delay(broker.port, Duration::from_millis(300)).await;
    let service = Service::connected(config(&link.url())).await;
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..1_000 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;
    eventually("all of them", || service.store.durable() == 1_000).await;
    assert!(service.stop().await.is_clean());

    let next = Service::connected(config(&broker.url())).await;
    device.publish(TOPIC, reading("a", 1_000)).await;
    eventually("the one after", || next.store.asked() > 0).await;
    assert_eq!(next.store.seqs(), [1_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_links_lose_nothing_and_acknowledge_nothing_wrongly() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let link = Link::to(broker.port).await;
    let mut config = config(&link.url());
    // This link is bad, and nobody else uses its client id.
    config.rival_after = u32::MAX;
    let mut service = Service::connected(config).await;
    let mut device = Device::connect(broker.port, "a");
    let cuts = rounds(5, 50) as u64;
    let each = 200;
    for round in 0..cuts {
        for seq in round * each..(round + 1) * each {
            device.publish(TOPIC, reading("a", seq)).await;
            if seq % each == each / 2 {
                // Some are on their way to the store when the link goes, and answered after it is back.
                service.store.hold();
                link.cut();
            }
        }
        device.settled().await;
        service.wait("the link to be back", |status| status.connections == round + 2).await;
        service.store.release();
        let store = service.store.clone();
        eventually("all readings of this round", || store.durable() as u64 == (round + 1) * each).await;
    }
    let total = cuts * each;
    let store = service.store.clone();
    eventually("the notes of all cuts", || store.links().len() as u64 == 2 * cuts + 1).await;
    let links = store.links();
    assert!(links.iter().enumerate().all(|(place, up)| *up == (place % 2 == 0)), "{links:?}");
    assert!(service.stop().await.is_clean());

    let next = Service::connected(crate::rig::config(&broker.url())).await;
    device.publish(TOPIC, reading("a", total)).await;
    eventually("the one after", || next.store.asked() > 0).await;
    assert_eq!(next.store.seqs(), [total]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stalls_bounds_what_is_in_memory_and_loses_nothing() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.in_flight_messages = 50;
    let mut service = Service::connected(config).await;
    service.store.hold();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..500 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.settled().await;
    service.wait("the window to fill", |status| status.in_flight >= 50).await;
    // All 500 have been with the broker for long; more than the limit would show by now.
    assert!(service.status.borrow().in_flight <= 50);
    service.store.release();
    eventually("all 500", || service.store.durable() == 500).await;
    assert_eq!(service.store.asked(), 500);
    assert!(service.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stalls_until_the_broker_gives_up_on_us_loses_nothing() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.in_flight_messages = 10;
    config.keep_alive = Duration::from_secs(5);
    let mut service = Service::connected(config.clone()).await;
    service.store.hold();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..100 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    service.wait("the window to fill", |status| status.in_flight == 10).await;
    let log = dir.path().join("mosquitto.log");
    eventually("the broker to give up", || {
        std::fs::read_to_string(&log).unwrap().contains("Client truceline has exceeded timeout")
    })
    .await;
    service.store.release();
    service.wait("a new connection", |status| status.connections == 2).await;
    let store = service.store.clone();
    eventually("all 100", || store.durable() == 100).await;
    assert!(service.stop().await.is_clean());

    let next = Service::connected(config).await;
    device.publish(TOPIC, reading("a", 100)).await;
    eventually("the one after", || next.store.asked() > 0).await;
    assert_eq!(next.store.seqs(), [100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_the_store_holds_up_ends_at_its_deadline_and_says_what_is_left() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.stop_deadline = Duration::from_millis(500);
    let mut service = Service::connected(config).await;
    service.store.hold();
    let mut device = Device::connect(broker.port, "a");
    for seq in 0..3 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    service.wait("three in flight", |status| status.in_flight == 3).await;
    let leftovers = tokio::time::timeout(LIMIT, service.stop()).await.unwrap();
    // The three, and the note that the link is down.
    assert_eq!((leftovers.unanswered, leftovers.unwritten_acks), (4, 0));
}
