//! What must be in the journal, and how it is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fleet::{Fleet, Identity};
use crate::harness::field::{health, stored, topic};
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::wait_for;

/// How long a condition may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);
/// A device that sends nothing else.
pub const MARKER: &str = "st03-ac01";
/// Devices of the example registry that send health readings.
pub const DEVICES: [&str; 3] = ["st02-ac01", "st02-ac02", "st01-ac01"];

/// What the journal holds; each of it once.
pub fn journalled(service: &Service) -> BTreeSet<Identity> {
    let found = stored(&service.data_dir);
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "stored twice: {twice:?}");
    found.into_keys().collect()
}

/// Whatever devices were told is in the journal.
pub fn told_is_stored(fleet: &Fleet, service: &Service) {
    let told = fleet.told();
    let found = journalled(service);
    let lost: Vec<_> = told.difference(&found).take(10).collect();
    assert!(lost.is_empty(), "told to be stored and not in the journal: {lost:?}");
}

/// All that the fleet made is told and in the journal, and nothing else is; the service is stopped.
pub async fn all_is_stored(fleet: &Fleet, service: &mut Service, broker: u16) {
    wait_for("all readings to be in `stored`", 2 * LIMIT, || fleet.is_done());
    // Comes after all that the devices sent again.
    mark(service, broker, 0).await;
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let (mut made, found) = (fleet.made(), journalled(service));
    assert_eq!(made, fleet.told());
    made.insert((MARKER.to_owned(), 99, 0));
    assert_eq!(made.symmetric_difference(&found).count(), 0, "{} made, {} stored", made.len(), found.len());
}

/// Publishes a health reading for each number, of the devices in turn and of boot 4.
pub async fn publish(devices: &Publisher, from: u64, to: u64) {
    for tag in from..to {
        let device = DEVICES[(tag % 3) as usize];
        devices.publish(tag, &topic(device), health(device, 4, tag).to_string()).await;
    }
}

/// Publishes a marker, and waits until it is stored.
pub async fn mark(service: &Service, broker: u16, seq: u64) {
    let before = readings(service);
    let publisher = Publisher::connect(broker, "marker");
    publisher.publish(0, &topic(MARKER), health(MARKER, 99, seq).to_string()).await;
    wait_for("the marker", LIMIT, || readings(service) > before);
}

/// The broker has nothing left for the service: a marker is all that comes to the next start.
pub async fn nothing_comes_again(service: &mut Service, broker: u16) {
    service.start();
    mark(service, broker, 1).await;
    assert_eq!(service.counted("truceline_intake_messages_total"), 1, "messages came that were acknowledged before");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
}

/// How many readings are stored.
pub fn readings(service: &Service) -> u64 {
    service.api("/api/v1/stats")["readings"]["stored"].as_u64().expect("a number")
}

/// What `/readyz` says of a part.
pub fn part(service: &Service, name: &str) -> (bool, String) {
    let text = service.get("/readyz").expect("an answer").1;
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let parts = answer["parts"].as_array().expect("parts");
    let part = parts.iter().find(|part| part["part"] == name).expect("the part");
    (part["ready"] == true, part["why"].as_str().unwrap_or_default().to_owned())
}
