//! The intake through the embedded broker.

use rumqttc::v5::mqttbytes::QoS;
use truceline::broker::{Broker, BrokerConfig, BrokerError};
use truceline_core::log::Body;
use truceline_core::wire::Stored;

use crate::rig::{Device, Service, config, eventually, reading};

async fn start() -> Broker {
    Broker::start(BrokerConfig { listen: "127.0.0.1:0".parse().unwrap(), allow_remote: false }).await.unwrap()
}

fn url(broker: &Broker) -> String {
    format!("mqtt://{}", broker.local_addr())
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_go_through_the_embedded_broker_and_stored_comes_back() {
    let broker = start().await;
    let service = Service::connected(config(&url(&broker))).await;
    let mut device = Device::connect(broker.local_addr().port(), "a");
    for seq in 0..2000 {
        device.publish("truceline/v1/readings/st01/a", reading("a", seq)).await;
    }
    device.settled().await;
    eventually("all readings", || service.store.durable() == 2000).await;
    let listener = Device::connect(broker.local_addr().port(), "listener");
    listener.client.subscribe("truceline/v1/stored/st01/a", QoS::AtLeastOnce).await.unwrap();
    eventually("stored", || {
        let inbox = listener.inbox.lock().unwrap();
        inbox.iter().any(|(_, _, text)| serde_json::from_str::<Stored>(text).unwrap().stored == [(0, 1999)])
    })
    .await;
    let late = Device::connect(broker.local_addr().port(), "late");
    late.client.subscribe("truceline/v1/stored/st01/a", QoS::AtLeastOnce).await.unwrap();
    eventually("the retained message", || late.inbox.lock().unwrap().iter().any(|(_, retained, _)| *retained)).await;
    assert!(service.stop().await.is_clean());
    drop((device, listener, late));
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_the_service_is_away_is_kept_for_it() {
    let broker = start().await;
    let first = Service::connected(config(&url(&broker))).await;
    assert!(first.stop().await.is_clean());
    let mut device = Device::connect(broker.local_addr().port(), "a");
    for seq in 0..5000 {
        device.publish("truceline/v1/readings/st01/a", reading("a", seq)).await;
    }
    device.settled().await;
    let second = Service::connected(config(&url(&broker))).await;
    eventually("the backlog", || second.store.durable() == 5000).await;
    assert_eq!(second.store.seqs(), (0..5000).collect::<Vec<_>>());
    assert!(second.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_vanishes_leaves_its_will() {
    let broker = start().await;
    let service = Service::connected(config(&url(&broker))).await;
    let (state, will) = ("truceline/v1/state/st01/a", r#"{"v":1,"online":false}"#);
    let device = Device::connect_with_will(broker.local_addr().port(), "a", Some((state, will)));
    device.client.publish(state, QoS::AtLeastOnce, true, r#"{"v":1,"online":true,"boot":3}"#).await.unwrap();
    let online = || -> Vec<bool> {
        let log = service.store.log();
        log.iter()
            .filter_map(|(body, _)| match body {
                Body::State(entry) => Some(entry.state.online),
                _ => None,
            })
            .collect()
    };
    eventually("the birth message", || online() == [true]).await;
    device.vanish();
    eventually("the will", || online() == [true, false]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_topics_go_nowhere() {
    let broker = start().await;
    let listener = Device::connect(broker.local_addr().port(), "listener");
    listener.client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
    listener.client.subscribe("truceline/v1/alerts/+/+", QoS::AtLeastOnce).await.unwrap();
    let device = Device::connect(broker.local_addr().port(), "a");
    device.client.publish("elsewhere", QoS::AtLeastOnce, false, "1").await.unwrap();
    device.client.publish("truceline/v1/readings/st01/a", QoS::AtLeastOnce, false, "2").await.unwrap();
    device.client.publish("truceline/v1/alerts/rule/alert", QoS::AtLeastOnce, false, "3").await.unwrap();
    eventually("what is subscribed", || !listener.inbox.lock().unwrap().is_empty()).await;
    let texts: Vec<String> = listener.inbox.lock().unwrap().iter().map(|(_, _, text)| text.clone()).collect();
    assert_eq!(texts, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_can_reach_is_refused() {
    let config = BrokerConfig { listen: "0.0.0.0:0".parse().unwrap(), allow_remote: false };
    assert!(matches!(Broker::start(config).await, Err(BrokerError::NotLoopback(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let broker = start().await;
    let second = Broker::start(BrokerConfig { listen: broker.local_addr(), allow_remote: false }).await;
    let Err(error) = second else { panic!("two brokers on one port") };
    assert!(error.to_string().contains(&broker.local_addr().to_string()), "{error}");
}
