//! Two services with one client id, by mistake.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tempfile::tempdir;

use crate::harness::field::{health, topic};
use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::wait_for;
use crate::oracle::{DEVICES, LIMIT, journalled, part};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_services_with_one_client_id_one_gives_way_says_why_and_no_reading_is_lost_between_them() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut services = ["first", "second"].map(|name| Service::new(&dir.path().join(name), &broker.url(), &[]));
    services[0].start();
    services[1].spawn();
    let devices = Arc::new(Publisher::connect(broker.port, "devices"));
    let publisher = Arc::clone(&devices);
    let publishing = tokio::spawn(async move {
        for tag in 0.. {
            let device = DEVICES[(tag % 3) as usize];
            publisher.publish(tag, &topic(device), health(device, 4, tag).to_string()).await;
            // The rate of the devices.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let clear = |text: &str| text.contains("mqtt.client_id");
    let gives_way = |service: &Service| {
        service.get("/readyz").is_some() && {
            let (ready, why) = part(service, "mqtt");
            !ready && clear(&why)
        }
    };
    let mut who = None;
    wait_for("one to give way", LIMIT, || {
        who = services.iter().position(gives_way);
        who.is_some()
    });
    publishing.abort();
    let who = who.expect("one gave way");
    let log = services[who].log();
    assert!(log.lines().any(|line| line.contains("WARN") && !line.contains("mqtt_alerts") && clear(line)), "{log}");
    assert_eq!(services[who].stop(), Some(0));
    let other = &services[1 - who];
    wait_for("the other to be connected", 2 * LIMIT, || part(other, "mqtt").0);
    devices.publish(1_000_000, &topic("st03-ac01"), health("st03-ac01", 4, 1_000_000).to_string()).await;
    wait_for("the last reading", LIMIT, || journalled(other).contains(&("st03-ac01".to_owned(), 4, 1_000_000)));
    let acked = devices.acked();
    assert!(acked.len() > 100, "{}", acked.len());
    assert_eq!(services[1 - who].stop(), Some(0));
    let mut seqs = BTreeSet::new();
    for service in &services {
        seqs.extend(journalled(service).into_iter().map(|(_, _, seq)| seq));
    }
    let lost: Vec<_> = acked.difference(&seqs).take(10).collect();
    assert!(lost.is_empty(), "acknowledged and in neither journal: {lost:?}");
}
