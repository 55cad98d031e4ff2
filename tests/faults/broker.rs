//! The broker dies, forgets, or is replaced.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tempfile::tempdir;

use crate::fleet::Fleet;
use crate::harness::mosquitto::Mosquitto;
use crate::harness::service::Service;
use crate::harness::{rounds, wait_for};
use crate::oracle::{DEVICES, LIMIT, all_is_stored, nothing_comes_again, part, told_is_stored};
use crate::proxy::{Flow, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_of_the_broker_loses_nothing_that_devices_send_again_until_it_is_in_stored() {
    let dir = tempdir().unwrap();
    let mut broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let fleet = Arc::new(Fleet::of(broker.port, &DEVICES));
    let recording = fleet.record_on(1);
    let kills = rounds(3, 20);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..kills {
        let before = fleet.told().len();
        wait_for("devices to be told more", LIMIT, || fleet.told().len() > before);
        // When it dies is chance: that is what is tried.
        tokio::time::sleep(Duration::from_millis(random.u64(5..500))).await;
        broker.kill();
        if round % 2 == 1 {
            wait_for("the service to notice", LIMIT, || !part(&service, "mqtt").0);
        }
        broker.start_again();
        told_is_stored(&fleet, &service);
    }
    recording.abort();
    all_is_stored(&fleet, &mut service, broker.port).await;
    assert!(fleet.connections() as usize > kills, "the devices noticed {} of {kills}", fleet.connections() - 1);
    nothing_comes_again(&mut service, broker.port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_broker_forgot_is_subscribed_anew_and_devices_send_again_what_it_held() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let link = Proxy::to(broker.port).await;
    let mut service = Service::new(dir.path(), &link.url(), &[]);
    service.start();
    let fleet = Fleet::of(broker.port, &DEVICES);
    fleet.record(30);
    wait_for("the first readings", LIMIT, || fleet.is_done());
    link.set(Flow::Refused);
    link.cut();
    wait_for("the loss to be noticed", LIMIT, || !part(&service, "mqtt").0);
    // These wait at the broker, in the session that is forgotten now.
    fleet.record(50);
    forget_session(broker.port, "truceline").await;
    link.set(Flow::Open);
    wait_for("the link", LIMIT, || part(&service, "mqtt").0);
    fleet.record(50);
    all_is_stored(&fleet, &mut service, broker.port).await;
    nothing_comes_again(&mut service, broker.port).await;
}

/// Ends a session as its owner would: a clean start, and no expiry.
async fn forget_session(port: u16, client_id: &str) {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
    options.set_clean_start(true);
    let (client, mut eventloop) = AsyncClient::new(options, 10);
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => client.disconnect().await.expect("queued"),
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_broker_in_place_of_the_old_one_is_subscribed_to_and_nothing_is_lost_or_doubled() {
    let dir = tempdir().unwrap();
    let mut broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let fleet = Fleet::of(broker.port, &DEVICES);
    for _ in 0..rounds(2, 5) {
        fleet.record(50);
        let before = fleet.told().len();
        wait_for("some to be told", LIMIT, || fleet.told().len() > before);
        fleet.record(50);
        broker.kill();
        std::fs::remove_dir_all(dir.path().join("broker")).expect("removed");
        broker.start_again();
        fleet.record(50);
        wait_for("all to be told", LIMIT, || fleet.is_done());
        told_is_stored(&fleet, &service);
    }
    all_is_stored(&fleet, &mut service, broker.port).await;
    nothing_comes_again(&mut service, broker.port).await;
}
