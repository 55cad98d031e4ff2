//! What devices are told on `stored`, and what they tell on `state`.

use std::sync::atomic::Ordering;

use rumqttc::v5::mqttbytes::QoS;
use tempfile::tempdir;
use truceline_core::log::Body;
use truceline_core::wire::Stored;

use crate::harness::mosquitto::Mosquitto;
use crate::rig::{Device, Link, Service, config, eventually, reading, reading_of_boot};

const TOPIC: &str = "truceline/v1/readings/st01/a";

/// The last message on the `stored` topic of device a, as a subscriber that comes now gets it.
async fn retained(port: u16, wanted: impl Fn(&Stored) -> bool) -> Stored {
    let device = Device::connect(port, "listener");
    device.client.subscribe("truceline/v1/stored/st01/a", QoS::AtLeastOnce).await.unwrap();
    let mut found = None;
    eventually("a stored message", || {
        let inbox = device.inbox.lock().unwrap();
        found = inbox.iter().map(|(_, _, text)| serde_json::from_str(text).unwrap()).rfind(&wanted);
        found.is_some()
    })
    .await;
    device.vanish();
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_told_what_is_durable_and_what_was_rejected() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    for seq in [0, 1, 2, 4] {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    device.publish(TOPIC, reading("a", 3).replace("48.1", "98.1")).await;
    device.publish(TOPIC, reading("a", 4).replace("4.5", "5.5")).await;
    let stored = retained(broker.port, |stored| stored.rejected.len() == 2).await;
    assert_eq!(stored.stored, [(0, 2), (4, 4)]);
    assert_eq!(stored.rejected, [(3, "out_of_range".to_owned()), (4, "conflicting_duplicate".to_owned())]);
    assert!(service.stop().await.is_clean());
    let again = retained(broker.port, |_| true).await;
    assert_eq!(again, stored, "the last message is retained");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_sends_again_is_told_again_and_each_boot_for_itself() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    device.client.subscribe("truceline/v1/stored/st01/a", QoS::AtLeastOnce).await.unwrap();
    let told = |device: &Device| -> Vec<Stored> {
        device.inbox.lock().unwrap().iter().map(|(_, _, text)| serde_json::from_str(text).unwrap()).collect()
    };
    device.publish(TOPIC, reading_of_boot("a", 1, 5)).await;
    eventually("the first boot", || told(&device).iter().any(|stored| stored.boot == 1)).await;
    device.publish(TOPIC, reading_of_boot("a", 2, 0)).await;
    device.publish(TOPIC, reading_of_boot("a", 1, 5)).await;
    eventually("both boots", || told(&device).len() >= 3).await;
    let boots: Vec<u32> = told(&device).iter().map(|stored| stored.boot).collect();
    assert_eq!(boots, [1, 2, 1], "the boot that was heard last comes last");
    assert_eq!(told(&device)[2].stored, [(5, 5)]);
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_journal_cannot_say_what_is_stored_nothing_is_told_and_afterwards_it_is() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let service = Service::connected(config(&broker.url())).await;
    let mut device = Device::connect(broker.port, "a");
    device.client.subscribe("truceline/v1/stored/st01/a", QoS::AtLeastOnce).await.unwrap();
    service.store.mute.store(true, Ordering::SeqCst);
    device.publish(TOPIC, reading("a", 1)).await;
    eventually("a second question", || service.store.questions.load(Ordering::SeqCst) >= 2).await;
    assert!(device.inbox.lock().unwrap().is_empty(), "an empty list would say that nothing is stored");
    service.store.mute.store(false, Ordering::SeqCst);
    let stored = retained(broker.port, |_| true).await;
    assert_eq!(stored.stored, [(1, 1)]);
    let all = device.inbox.lock().unwrap().len();
    assert_eq!(all, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_told_when_the_link_went_is_told_after() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let link = Link::to(broker.port).await;
    let mut service = Service::connected(config(&link.url())).await;
    let mut device = Device::connect(broker.port, "a");
    service.store.hold();
    for seq in 0..10 {
        device.publish(TOPIC, reading("a", seq)).await;
    }
    service.wait("ten in flight", |status| status.in_flight == 10).await;
    link.cut();
    service.store.release();
    let stored = retained(broker.port, |stored| stored.stored == [(0, 9)]).await;
    assert_eq!(stored.boot, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_recorded_when_it_differs_from_the_last_and_not_for_each_subscription() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(dir.path());
    let link = Link::to(broker.port).await;
    let online = r#"{"v":1,"online":true,"boot":12}"#;
    let (state, will) = ("truceline/v1/state/st01/a", r#"{"v":1,"online":false}"#);
    let device = Device::connect_with_will(broker.port, "a", Some((state, will)));
    device.client.publish(state, QoS::AtLeastOnce, true, online).await.unwrap();
    let mut service = Service::connected(config(&link.url())).await;
    let store = service.store.clone();
    let states = || -> Vec<bool> {
        let log = store.log();
        log.iter()
            .filter_map(|(body, _)| match body {
                Body::State(entry) => Some(entry.state.online),
                _ => None,
            })
            .collect()
    };
    eventually("the retained birth message", || states() == [true]).await;
    device.client.publish(state, QoS::AtLeastOnce, true, online).await.unwrap();
    link.cut();
    service.wait("the link to be back", |status| status.connections == 2).await;
    device.vanish();
    eventually("the will", || states().last() == Some(&false)).await;
    assert_eq!(states(), [true, false]);
}
