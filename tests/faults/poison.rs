//! Input that nobody should send: the counts are exact, rejects are kept with their reasons, memory stays bounded.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::field::{health, reading, topic};
use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::{rounds, wait_for};
use crate::oracle::{LIMIT, journalled, readings};

const DEVICE: &str = "st02-ac01";
/// Most memory that the service may hold.
const MEMORY_MIB: u64 = 512;

fn duplicates(service: &Service) -> u64 {
    service.api("/api/v1/stats")["readings"]["duplicates"].as_u64().expect("a number")
}

fn rejects(service: &Service) -> BTreeMap<String, u64> {
    let stats = service.api("/api/v1/stats");
    let by_reason = stats["rejects_by_reason"].as_object().unwrap_or_else(|| panic!("{stats}")).clone();
    by_reason
        .into_iter()
        .filter_map(|(reason, count)| Some((reason, count.as_u64().filter(|count| *count > 0)?)))
        .collect()
}

/// Kept rejects by reason.
fn kept(service: &Service) -> BTreeMap<String, u64> {
    let mut kept = BTreeMap::new();
    for reject in service.all("/api/v1/rejects") {
        *kept.entry(reject["reason"].as_str().expect("a reason").to_owned()).or_default() += 1;
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_5_percent_garbage_and_20_percent_duplicates_is_counted_exactly() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    let mut random = fastrand::Rng::with_seed(3);
    let (mut good, mut twice, mut bad, mut tag) = (Vec::<String>::new(), 0, BTreeMap::<String, u64>::new(), 0);
    for _ in 0..rounds(2_000, 50_000) {
        let payload = match random.u32(0..100) {
            0..5 => {
                let (payload, reason): (Vec<u8>, &str) = match random.u32(0..6) {
                    0 => ((0..random.usize(1..400)).map(|_| random.u8(..)).chain([0xff]).collect(), "undecodable"),
                    1 => (Vec::new(), "undecodable"),
                    2 => ([b"[".repeat(10_000), b"1".to_vec()].concat(), "undecodable"),
                    3 => (health(DEVICE, 2, 0).to_string().into_bytes()[..90].to_vec(), "undecodable"),
                    4 => (health("st02-ac02", 2, 0).to_string().into_bytes(), "topic_mismatch"),
                    _ => (reading(DEVICE, 2, 1 << 60, "health", &json!({})).to_string().into_bytes(), "out_of_range"),
                };
                *bad.entry(reason.to_owned()).or_default() += 1;
                payload
            }
            5..25 if !good.is_empty() => {
                twice += 1;
                good[random.usize(..good.len())].clone().into_bytes()
            }
            _ => {
                good.push(health(DEVICE, 2, good.len() as u64).to_string());
                good[good.len() - 1].clone().into_bytes()
            }
        };
        devices.publish(tag, &topic(DEVICE), payload).await;
        tag += 1;
    }
    devices.wait_acked(tag as usize);
    wait_for("all to be judged", LIMIT, || service.counted("truceline_intake_messages_total") == tag);
    wait_for("all good ones", LIMIT, || readings(&service) == good.len() as u64);
    wait_for("all duplicates", LIMIT, || duplicates(&service) == twice);
    wait_for("all rejects", LIMIT, || rejects(&service).values().sum::<u64>() == bad.values().sum::<u64>());
    assert_eq!(rejects(&service), bad);
    assert_eq!(kept(&service), bad);
    assert!(service.peak_mib() < MEMORY_MIB, "{} MiB", service.peak_mib());
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert_eq!(journalled(&service).len(), good.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_mebibyte_are_rejected_kept_in_part_and_hold_up_nothing() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    devices.publish(0, &topic(DEVICE), vec![b' '; 1 << 20]).await;
    devices.publish(1, &topic(DEVICE), vec![b'['; (1 << 20) + 1]).await;
    // One reading of a mebibyte is within the limit, and kept as it came.
    let mut large = reading(DEVICE, 2, 0, "health", &json!({"battery_pct": 9}));
    large["padding"] = Value::String("x".repeat((1 << 20) - large.to_string().len() - r#","padding":"""#.len()));
    let large = large.to_string();
    assert_eq!(large.len(), 1 << 20);
    devices.publish(2, &topic(DEVICE), large).await;
    devices.publish(3, &topic(DEVICE), health(DEVICE, 2, 1).to_string()).await;
    wait_for("the reading after them", LIMIT, || readings(&service) == 2);
    assert_eq!(kept(&service), BTreeMap::from([("too_large".to_owned(), 1), ("undecodable".to_owned(), 1)]));
    for reject in service.all("/api/v1/rejects") {
        assert!(reject["size"].as_u64().is_some_and(|size| size >= 1 << 20), "{}", reject["size"]);
    }
    assert!(service.peak_mib() < MEMORY_MIB, "{} MiB", service.peak_mib());
    assert_eq!(service.stop(), Some(0), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_sends_one_reading_for_ever_has_it_stored_once_and_its_neighbour_goes_on() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    let same = health(DEVICE, 2, 0).to_string();
    let times = rounds(5_000, 100_000) as u64;
    for tag in 0..times {
        devices.publish(tag, &topic(DEVICE), same.clone()).await;
    }
    devices.publish(times, &topic("st01-ac01"), health("st01-ac01", 2, 0).to_string()).await;
    wait_for("the neighbour's reading", 2 * LIMIT, || readings(&service) == 2);
    assert_eq!(duplicates(&service), times - 1);
    assert!(service.peak_mib() < MEMORY_MIB, "{} MiB", service.peak_mib());
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert_eq!(journalled(&service).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_500_readings_in_a_batch_the_250_good_ones_are_stored_and_each_bad_one_is_rejected_for_itself() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    let batch: Vec<Value> = (0..500)
        .map(|seq| {
            let mut item = health(DEVICE, 2, seq);
            match seq % 10 {
                1 => item["data"]["battery_pct"] = json!(900),
                3 => item["v"] = json!(2),
                5 => item["kind"] = json!("horoscope"),
                7 => item["device"] = json!("st02-ac02"),
                9 => drop(item.as_object_mut().expect("an object").remove("clock")),
                _ => {}
            }
            item
        })
        .collect();
    devices.publish(0, &topic(DEVICE), Value::Array(batch).to_string()).await;
    wait_for("the good ones", LIMIT, || readings(&service) == 250);
    let reasons = ["out_of_range", "unsupported_version", "unknown_kind", "topic_mismatch", "missing_field"];
    assert_eq!(kept(&service), reasons.map(|reason| (reason.to_owned(), 50)).into());
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert!(journalled(&service).iter().all(|(_, _, seq)| seq % 2 == 0));
}
