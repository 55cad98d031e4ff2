//! SIGTERM: what is taken is drained within its deadline, and what is not is named.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::tempdir;
use truceline_core::time::{Span, Time};

use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::{rounds, wait_for};
use crate::oracle::{LIMIT, journalled, nothing_comes_again, publish, readings};
use crate::proxy::{Flow, Proxy};

/// What the service promises.
const DEADLINE: Duration = Duration::from_secs(10);
/// The other parts, once the intake has used up its deadline.
const REST: Duration = Duration::from_secs(2);
const DRAINED: &str = "all that was taken is stored and acknowledged";

/// The time between the last two lines of the log that hold these words.
fn between(log: &str, first: &str, second: &str) -> Span {
    let time = |words: &str| -> Time {
        let line = log.lines().rfind(|line| line.contains(words)).unwrap_or_else(|| panic!("no '{words}' in:\n{log}"));
        line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("no time in '{line}'"))
    };
    time(second).since(time(first))
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_drains_in_time_and_the_next_start_takes_up_where_it_stopped() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Arc::new(Publisher::connect(broker.port, "devices"));
    let publisher = Arc::clone(&devices);
    let publishing = tokio::spawn(async move { publish(&publisher, 0, u64::MAX).await });
    wait_for("the load", LIMIT, || readings(&service) > 500);
    let start = Instant::now();
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert!(start.elapsed() < DEADLINE, "{:?}", start.elapsed());
    publishing.abort();
    let drained = between(&service.log(), "stopping", DRAINED);
    assert!(drained.nanos() >= 0 && drained.secs_f64() < DEADLINE.as_secs_f64(), "{drained:?}:\n{}", service.log());
    let before = journalled(&service).len() as u64;
    service.start();
    // What the publisher had queued when the service was gone goes on to the broker.
    let mut sent = 0;
    wait_for("the broker to have all", LIMIT, || {
        std::mem::replace(&mut sent, devices.acked().len() as u64) == devices.acked().len() as u64
            && devices.client.try_publish("x", rumqttc::v5::mqttbytes::QoS::AtMostOnce, false, "").is_ok()
    });
    // What the broker takes from here on it may still hold when the service stops again.
    let acked = devices.acked();
    wait_for("the rest", LIMIT, || readings(&service) >= acked.len() as u64);
    assert_eq!(service.counted("truceline_intake_duplicates_total"), 0, "what was stored came again");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let found: std::collections::BTreeSet<u64> = journalled(&service).into_iter().map(|(_, _, seq)| seq).collect();
    assert!(found.len() as u64 > before);
    assert!(acked.is_subset(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_over_a_stalled_link_ends_at_its_deadline_and_says_that_the_broker_did_not_confirm() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let link = Proxy::to(broker.port).await;
    let mut service = Service::new(dir.path(), &link.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    publish(&devices, 0, 300).await;
    wait_for("the readings", LIMIT, || readings(&service) == 300);
    link.set(Flow::Stalled);
    let start = Instant::now();
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let log = service.log();
    assert!(start.elapsed() < DEADLINE + REST, "{:?}:\n{log}", start.elapsed());
    assert!(log.contains("did not confirm the last acknowledgements"), "{log}");
    assert!(log.contains("stopped before all was drained") && log.contains("the broker sends them again"), "{log}");
    link.set(Flow::Open);
    service.start();
    publish(&devices, 300, 301).await;
    wait_for("the one after", LIMIT, || readings(&service) == 301);
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert_eq!(journalled(&service).len(), 301);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_leaves_right_after_its_last_acknowledgement_of_a_backlog_gets_none_of_it_again() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    assert_eq!(service.stop(), Some(0));
    let devices = Publisher::connect(broker.port, "devices");
    let total = rounds(10_000, 100_000) as u64;
    publish(&devices, 0, total).await;
    devices.wait_acked(total as usize);
    service.start();
    wait_for("the backlog", 5 * LIMIT, || readings(&service) == total);
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert!(service.log().contains(DRAINED), "{}", service.log());
    nothing_comes_again(&mut service, broker.port).await;
    assert_eq!(journalled(&service).len() as u64, total + 1);
}
