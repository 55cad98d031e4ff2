//! Bad input is kept as a reject and acknowledged; the good beside it is accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use rumqttc::v5::mqttbytes::QoS;
use tempfile::tempdir;
use truceline_core::registry::{Device as Registered, Mobility, Registry};
use truceline_core::wire::{RejectReason, Stored};

use crate::harness::mosquitto::Mosquitto;
use crate::rig::{Device, LIMIT, Service, config, eventually, reading};

const TOPIC: &str = "truceline/v1/readings/st01/a";

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_message_becomes_a_reject_and_frees_its_place() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    let huge = vec![b' '; (1 << 20) + 1];
    let many = format!("[{}]", vec![reading("a", 1); 501].join(","));
    for (topic, payload, reason) in [
        (TOPIC, b"\x00\xff garbage".to_vec(), RejectReason::Undecodable),
        (TOPIC, Vec::new(), RejectReason::Undecodable),
        (TOPIC, b"[]".to_vec(), RejectReason::Undecodable),
        (TOPIC, huge, RejectReason::TooLarge),
        (TOPIC, many.into_bytes(), RejectReason::TooLarge),
        (TOPIC, reading("b", 1).into_bytes(), RejectReason::TopicMismatch),
        (TOPIC, reading("a", 1).replace("48.1", "98.1").into_bytes(), RejectReason::OutOfRange),
        (TOPIC, reading("a", 1).replace("2026", "2027").into_bytes(), RejectReason::TimeInFuture),
        (TOPIC, reading("a", 1).replace("2026", "2001").into_bytes(), RejectReason::TimeTooOld),
        ("truceline/v1/readings/ST_01/a", reading("a", 1).into_bytes(), RejectReason::BadId),
        ("truceline/v1/state/st01/a", b"{}".to_vec(), RejectReason::MissingField),
        ("truceline/v1/state/st01/a", br#"{"v":2,"online":true}"#.to_vec(), RejectReason::UnsupportedVersion),
    ] {
        let before = service.store.rejects().len();
        device.publish(topic, payload).await;
        eventually(reason.as_str(), || service.store.rejects().len() > before).await;
        let rejects = service.store.rejects();
        assert_eq!(rejects.len(), before + 1);
        let reject = &rejects[before];
        assert_eq!(reject.reason, reason, "{reject:?}");
        assert_eq!(reject.topic, topic);
        assert!(reject.bytes.len() <= 64 << 10);
    }
    assert!(service.store.seqs().is_empty());
    assert!(service.stop().await.is_clean());

    let next = Service::connected(config(&broker.url())).await;
    device.publish(TOPIC, reading("a", 7)).await;
    eventually("a good reading", || next.store.seqs() == [7]).await;
    assert!(next.store.rejects().is_empty(), "a reject was not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_good_readings_of_a_batch_are_accepted_beside_the_bad_ones() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    let bad = reading("a", 2).replace("48.1", "98.1");
    device.publish(TOPIC, format!("[{}, {bad}, {}]", reading("a", 1), reading("a", 3))).await;
    eventually("the batch", || service.store.seqs() == [1, 3]).await;
    let rejects = service.store.rejects();
    assert_eq!((rejects.len(), rejects[0].reason), (1, RejectReason::OutOfRange));
    assert_eq!(rejects[0].identity, Some((1, 2)));
    assert_eq!(rejects[0].path.as_deref(), Some("position.lat"));
    assert_eq!(rejects[0].bytes, bad.as_bytes());
    assert_eq!(service.store.readings()[1].0.bytes, reading("a", 3).as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_in_force_decides_who_may_send_what() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    let registered = Registered {
        station: "st01".parse().unwrap(),
        incarnation: 3,
        mobility: Mobility::Fixed,
        position: None,
        hacc_m: 5.0,
        kinds: ["weather".to_owned()].into(),
        range_m: BTreeMap::new(),
        interval_s: None,
        maintenance: Vec::new(),
        watched: false,
        max_speed_mps: None,
        gateway: None,
    };
    let devices = [("a".parse().unwrap(), registered)].into();
    service.registry.send_replace(Arc::new(Registry { enforced: true, devices }));
    let no_position =
        |device: &str, seq| reading(device, seq).replace(r#""position":{"lat":48.1,"lon":37.9,"fix":"3d"},"#, "");
    device.publish(TOPIC, no_position("a", 1)).await;
    device.publish("truceline/v1/readings/st01/b", reading("b", 1)).await;
    device.publish("truceline/v1/readings/st02/a", reading("a", 2)).await;
    let health = reading("a", 3).replace("weather", "health").replace(r#""temperature_c":4.5"#, "");
    device.publish(TOPIC, health).await;
    eventually("three rejects", || service.store.rejects().len() == 3).await;
    let reasons: Vec<RejectReason> = service.store.rejects().iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, [RejectReason::UnknownDevice, RejectReason::TopicMismatch, RejectReason::UnknownKind]);
    assert_eq!(service.store.readings()[0].0.incarnation, 3);

    service.registry.send_replace(Arc::new(Registry::default()));
    device.publish(TOPIC, no_position("a", 4)).await;
    eventually("a fourth reject", || service.store.rejects().len() == 4).await;
    assert_eq!(service.store.rejects()[3].reason, RejectReason::MissingField);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_over_its_rate_is_told_by_name_and_what_it_sends_again_at_its_rate_is_stored() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.rate_limit_per_s = Some(1);
    config.rate_limit_burst = 5;
    let service = Service::connected(config).await;
    let mut device = Device::connect(broker.port, "a");
    let batch: Vec<String> = (0..50).map(|seq| reading("a", seq)).collect();
    device.publish(TOPIC, format!("[{}]", batch.join(","))).await;
    device.publish("truceline/v1/readings/st01/b", reading("b", 100)).await;
    eventually("the other device", || service.store.seqs().contains(&100)).await;
    assert_eq!(service.store.seqs(), [0, 1, 2, 3, 4, 100]);
    let rejects = service.store.rejects();
    assert_eq!(rejects.len(), 45, "each is counted and kept for itself");
    assert!(rejects.iter().all(|reject| reject.reason == RejectReason::RateLimited));
    device.client.subscribe("truceline/v1/stored/st01/a", QoS::AtLeastOnce).await.unwrap();
    let told = || -> Option<Stored> {
        let inbox = device.inbox.lock().unwrap();
        inbox.iter().rev().find_map(|(_, _, text)| serde_json::from_str(text).ok())
    };
    eventually("the device to be told", || told().is_some()).await;
    let told = told().unwrap();
    assert_eq!(told.stored, [(0, 4)]);
    assert_eq!(told.rejected.first(), Some(&(18, "rate_limited".to_owned())), "the newest 32");
    assert!(told.rejected.iter().all(|(_, reason)| reason == "rate_limited"));
    // As devices do: what only came too fast is kept, and sent again until it is stored.
    let resent = reading("a", 5);
    let start = std::time::Instant::now();
    while !service.store.seqs().contains(&5) {
        assert!(start.elapsed() < LIMIT);
        device.publish(TOPIC, resent.clone()).await;
        // The pause of a device that sends again.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// Small messages that become many rejects each: what is under way to the store is bounded by what it takes, not by
/// the payloads.
#[tokio::test(flavor = "multi_thread")]
async fn small_messages_of_very_many_bad_readings_pause_reading_before_they_fill_memory() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let mut config = config(&broker.url());
    config.in_flight_bytes = 4 << 20;
    let mut service = Service::connected(config).await;
    let mut device = Device::connect(broker.port, "a");
    service.store.hold();
    let bomb = format!("[{}]", vec!["0"; 500].join(","));
    for _ in 0..100 {
        device.publish(TOPIC, bomb.clone()).await;
    }
    service.wait("the limit", |status| status.in_flight >= 8).await;
    device.publish(TOPIC, reading("a", 7)).await;
    device.settled().await;
    // What must not happen takes a while not to happen: the broker would send all of them at once.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let under_way = service.status.borrow().in_flight;
    assert!(under_way <= 10, "{under_way} messages of 500 rejects each are under way");
    service.store.release();
    eventually("the good reading behind them", || service.store.seqs() == [7]).await;
    assert_eq!(service.store.rejects().len(), 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_topics_leaves_rejects_of_bounded_size_and_the_good_readings_between_them() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    for number in 0..200 {
        let long = "S".repeat(number * 300);
        device.publish(&format!("truceline/v1/readings/{long}_{number}/a"), "x").await;
        device.publish(TOPIC, reading("a", number as u64)).await;
    }
    eventually("all of it", || service.store.rejects().len() == 200 && service.store.durable() == 200).await;
    let rejects = service.store.rejects();
    assert!(rejects.iter().all(|reject| reject.reason == RejectReason::BadId && reject.topic.len() <= 512));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_acknowledgement_is_accepted_too() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let device = Device::connect(broker.port, "a");
    device.client.publish(TOPIC, QoS::AtMostOnce, false, reading("a", 1)).await.unwrap();
    eventually("the reading", || service.store.seqs() == [1]).await;
    assert!(service.stop().await.is_clean());
}
