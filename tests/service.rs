//! The main job, end to end: real Mosquitto, the real program, as its user runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::field::{explosion, health, libfaketime, reading, stored, topic};
use harness::mosquitto::Mosquitto;
use harness::publisher::Publisher;
use harness::service::{Service, run};
use harness::{rounds, wait_for};
use serde_json::{Value, json};
use truceline::desk::Desk;
use truceline::journal::Reader;
use truceline_core::log::Body;
use truceline_core::wire::Encoding;

const LIMIT: Duration = Duration::from_secs(30);

/// How many starts of the service were followed by a reading.
fn lives_with_readings(data_dir: &Path) -> usize {
    let reader = Reader::open(&data_dir.join("journal.db")).expect("the journal");
    let (mut lives, mut waiting, mut after) = (0, false, 0);
    loop {
        let entries = reader.entries(after, 10_000, usize::MAX).expect("reads");
        let Some(last) = entries.last() else { return lives };
        after = last.offset;
        for entry in entries {
            match entry.body {
                Body::Service(true) => waiting = true,
                Body::Reading(_) if waiting => {
                    waiting = false;
                    lives += 1;
                }
                _ => {}
            }
        }
    }
}

/// Whether this life of the service has stored a reading.
fn takes_in(service: &Service) -> bool {
    let metrics = service.get("/metrics").map(|(_, text)| text).unwrap_or_default();
    metrics.lines().any(|line| line.strip_prefix("truceline_intake_readings_total ").is_some_and(|count| count != "0"))
}

fn replay_equals_live(service: &Service) -> usize {
    let (live, replayed) = (service.said_log(), service.replayed());
    let differing = live.lines().zip(replayed.lines()).find(|(a, b)| a != b);
    assert!(differing.is_none(), "replay differs from live:\n{differing:#?}");
    assert!(replayed.starts_with(&live), "the live log has more lines than the replay");
    // The replay also judges what the stop itself wrote, and a tick that came in its last moment: the service judges these
    // at its next start.
    let reader = Reader::open(&service.data_dir.join("journal.db")).expect("the journal");
    for line in replayed[live.len()..].lines() {
        let said: Value = serde_json::from_str(line).expect("JSON");
        let offset = said["offset"].as_u64().expect("an offset");
        let cause = reader.entries(offset - 1, 1, usize::MAX).expect("reads").pop().expect("the entry");
        let of_the_stop = matches!(cause.body, Body::Link(false) | Body::Service(false) | Body::Tick);
        assert!(of_the_stop, "the live run did not say {line}");
    }
    live.lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_over_mqtt_becomes_a_stored_visible_alert_and_the_device_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let device = Publisher::connect(broker.port, "device");
    for filter in ["truceline/v1/stored/#", "truceline/v1/alerts/#"] {
        device.client.subscribe(filter, rumqttc::v5::mqttbytes::QoS::AtLeastOnce).await.expect("subscribed");
    }
    device.publish(0, &topic("st02-ac01"), explosion("st02-ac01", 7, 0).to_string()).await;
    device.publish(1, &topic("st02-ac01"), "this is not a reading").await;
    let bad = reading("st02-ac01", 7, 1, "acoustic_detection", &json!({"class": "explosion"}));
    device.publish(2, &topic("st02-ac01"), json!([health("st02-ac01", 7, 2), bad]).to_string()).await;
    wait_for("the alert", LIMIT, || service.api("/api/v1/stats")["alerts"]["total"] == 1);

    let alerts = service.all("/api/v1/alerts");
    assert_eq!(alerts[0]["category"], "no_fire");
    assert_eq!(alerts[0]["detections"], 1);
    assert_eq!(alerts[0]["count_qualifier"], "at_least");
    assert_ne!(alerts[0]["where"]["shape"], "point", "a lone detection is not placed at its sensor");
    wait_for("the readings", LIMIT, || service.api("/api/v1/stats")["readings"]["stored"] == 2);
    let rejects = service.all("/api/v1/rejects");
    let reasons: BTreeSet<_> = rejects.iter().map(|reject| reject["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons, BTreeSet::from(["missing_field", "undecodable"]));
    assert!(rejects.iter().any(|reject| reject["path"] == "data.confidence"));
    let readings = service.all("/api/v1/readings?device=st02-ac01");
    assert_eq!(readings.len(), 2);
    assert_eq!(readings[0]["reading"]["kind"], "health");

    let told = |what: &str| -> Option<Value> {
        let received = device.received();
        let (_, payload) = received.iter().rev().find(|(topic, _)| topic.starts_with(what))?;
        serde_json::from_slice(payload).ok()
    };
    wait_for("the `stored` message", LIMIT, || {
        told("truceline/v1/stored/st02/st02-ac01").is_some_and(|stored| {
            stored["boot"] == 7
                && stored["stored"] == json!([[0, 0], [2, 2]])
                && stored["rejected"] == json!([[1, "missing_field"]])
        })
    });
    wait_for("the alert over MQTT", LIMIT, || told("truceline/v1/alerts/").is_some());
    let viewers = told("truceline/v1/alerts/").expect("an alert").to_string();
    assert!(!viewers.contains("st02-ac01"), "viewers are not told which sensor: {viewers}");

    let page = service.get("/").expect("the page");
    assert!(page.0 == 200 && page.1.contains("<html"));
    let metrics = service.get("/metrics").expect("metrics").1;
    assert!(metrics.contains("truceline_journal_entries_total"), "{metrics}");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert!(replay_equals_live(&service) >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_readings_under_one_number_raise_tamper_and_the_second_is_kept_as_its_evidence() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let device = Publisher::connect(broker.port, "device");
    let other = reading("st02-ac01", 5, 0, "health", &json!({"battery_pct": 7})).to_string();
    device.publish(0, &topic("st02-ac01"), health("st02-ac01", 5, 0).to_string()).await;
    device.publish(1, &topic("st02-ac01"), other.clone()).await;
    wait_for("the alert", LIMIT, || service.api("/api/v1/stats")["alerts"]["total"] == 1);
    let alerts = service.all("/api/v1/alerts?category=tamper");
    let cited = alerts[0]["evidence"][0].clone();
    assert_eq!(cited["kind"], "reject");
    let rejects = service.all("/api/v1/rejects");
    assert_eq!(rejects[0]["reason"], "conflicting_duplicate");
    assert_eq!(rejects[0]["topic"], topic("st02-ac01"));
    let metrics = service.get("/metrics").expect("metrics").1;
    assert!(!metrics.contains("truceline_desk_evidence_missing_total 1"), "{metrics}");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let desk = Desk::open(&service.data_dir.join("desk.db")).expect("the desk");
    let kept = desk.evidence(cited["offset"].as_u64().expect("an offset")).expect("reads").expect("kept");
    assert_eq!((kept.encoding, kept.bytes), (Encoding::Json, other.into_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_mid_stream_loses_nothing_stores_nothing_twice_and_changes_no_alert() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[("EVALUATOR__SNAPSHOT_EVERY_S", "1")]);
    service.start();
    let publisher = Publisher::connect(broker.port, "devices");
    let publishing = async {
        let mut tag = 0_u64;
        loop {
            let device = ["st02-ac01", "st02-ac02", "st01-ac01"][(tag % 3) as usize];
            let value = if tag % 50 < 3 { explosion(device, 9, tag) } else { health(device, 9, tag) };
            publisher.publish(tag, &topic(device), value.to_string()).await;
            tag += 1;
            if tag.is_multiple_of(20) {
                // The rate of the devices: 20 readings in 5 ms.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let killing = async {
        let mut random = fastrand::Rng::with_seed(42);
        for round in 0..rounds(20, 100) {
            // Every other life is one that takes readings in, however long its start takes here.
            let born = Instant::now();
            while round % 2 == 1 && !tokio::task::block_in_place(|| takes_in(&service)) {
                assert!(born.elapsed() < LIMIT, "it stores nothing:\n{}", service.log());
                // Polling interval of a condition.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // When it dies is chance: that is what is tried.
            tokio::time::sleep(Duration::from_millis(random.u64(5..700))).await;
            tokio::task::block_in_place(|| {
                service.kill();
                service.spawn();
            });
        }
    };
    tokio::select! {
        () = killing => {}
        () = publishing => {}
    }
    service.wait_ready();
    let mut acked = BTreeSet::new();
    wait_for("the last acknowledgements", LIMIT, || {
        let before = std::mem::replace(&mut acked, publisher.acked());
        before.len() == acked.len()
            && publisher.client.try_publish("x", rumqttc::v5::mqttbytes::QoS::AtMostOnce, false, "").is_ok()
    });
    assert!(acked.len() > 1_000, "only {} readings were published", acked.len());
    wait_for("all that the broker acknowledged to be stored", Duration::from_secs(60), || {
        stored(&service.data_dir).len() >= acked.len()
    });
    let lag = || service.api("/api/v1/stats")["lag"]["evaluator"].as_u64();
    wait_for("the evaluator", LIMIT, || lag() == Some(0));
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let found = stored(&service.data_dir);
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "stored twice: {twice:?}");
    let seqs: BTreeSet<u64> = found.keys().map(|(_, _, seq)| *seq).collect();
    let lost: Vec<_> = acked.difference(&seqs).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
    let busy = lives_with_readings(&service.data_dir);
    assert!(busy >= rounds(20, 100) / 2, "only {busy} lives stored readings before they were killed");
    let lines = replay_equals_live(&service);
    assert!(lines > 3, "the run had {lines} alert revisions");
    println!("{} readings acknowledged and stored once, {lines} alert revisions equal their replay", acked.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_equals_live_with_clock_steps_link_loss_and_a_new_agreement_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut broker = Mosquitto::start(&dir.path().join("broker"));
    let agreement = dir.path().join("agreement");
    let copied = Command::new("cp").arg("-r").arg("config/agreements/example").arg(&agreement).status();
    assert!(copied.expect("cp").success());
    let offset = dir.path().join("clock");
    std::fs::write(&offset, "+0").expect("written");
    let mut service = Service::new(dir.path(), &broker.url(), &[("AGREEMENT__DIR", &agreement.display().to_string())]);
    service.set("LD_PRELOAD", &libfaketime());
    service.set("FAKETIME_TIMESTAMP_FILE", &offset.display().to_string());
    service.set("FAKETIME_NO_CACHE", "1");
    // The kernel's monotonic clock does not step either.
    service.set("DONT_FAKE_MONOTONIC", "1");
    service.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    service.start();
    let mut tag = 0;
    let total = |service: &Service| service.api("/api/v1/stats")["readings"]["stored"].as_u64().expect("a number");
    let mut expected = 0;
    for step in ["+0", "+3600", "+0", "link", "agreement", "bad agreement"] {
        match step {
            "link" => {
                broker.stop();
                wait_for("the loss to be noticed", LIMIT, || {
                    service.get("/readyz").is_some_and(|(status, body)| status == 503 && body.contains("mqtt"))
                });
                broker.start_again();
                service.wait_ready();
            }
            "agreement" => {
                let terms = agreement.join("agreement.toml");
                let text =
                    std::fs::read_to_string(&terms).expect("read").replacen("name = \"", "name = \"Changed: ", 1);
                std::fs::write(&terms, text).expect("written");
                let before = service.api("/api/v1/agreement")["hash"].clone();
                service.reload();
                wait_for("the new agreement", LIMIT, || service.api("/api/v1/agreement")["hash"] != before);
            }
            "bad agreement" => {
                let before = service.api("/api/v1/agreement")["hash"].clone();
                std::fs::write(agreement.join("agreement.toml"), "id = 7\n").expect("written");
                service.reload();
                wait_for("the fault in the log", LIMIT, || service.log().contains("what was in force stays in force"));
                assert_eq!(service.api("/api/v1/agreement")["hash"], before);
            }
            offset_s => {
                let stepped = service.log().matches("the wall clock has stepped").count();
                let same = std::fs::read_to_string(&offset).expect("read") == offset_s;
                std::fs::write(&offset, offset_s).expect("written");
                wait_for("the step to be noticed", LIMIT, || {
                    same || service.log().matches("the wall clock has stepped").count() > stepped
                });
            }
        }
        let publisher = Publisher::connect(broker.port, "devices");
        for device in ["st02-ac01", "st03-ac01", "st02-ac02"] {
            publisher.publish(tag, &topic(device), explosion(device, 3, tag).to_string()).await;
            tag += 1;
        }
        expected += 3;
        wait_for("the readings", LIMIT, || total(&service) == expected);
    }
    wait_for("the evaluator", LIMIT, || service.api("/api/v1/stats")["lag"]["evaluator"] == 0);
    let silent = service.all("/api/v1/alerts?category=silence");
    assert!(silent.is_empty(), "an hour's step of our own clock silences nobody: {silent:?}");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let kinds: BTreeSet<&str> = {
        let reader = Reader::open(&service.data_dir.join("journal.db")).expect("the journal");
        let entries = reader.entries(0, 100_000, usize::MAX).expect("reads");
        let word = |body: &Body| match body {
            Body::Clock { offset_ns } if offset_ns.abs() > 3_000_000_000_000 => "clock",
            Body::Link(false) => "link",
            Body::Agreement(_) => "agreement",
            _ => "other",
        };
        let agreements = entries.iter().filter(|entry| matches!(entry.body, Body::Agreement(_))).count();
        assert_eq!(agreements, 2, "the bad one is not among them");
        entries.iter().map(|entry| word(&entry.body)).collect()
    };
    assert_eq!(kinds, BTreeSet::from(["agreement", "clock", "link", "other"]));
    assert!(replay_equals_live(&service) >= 2);
}

#[test]
fn without_a_broker_it_starts_and_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = format!("mqtt://127.0.0.1:{}", harness::free_port());
    let mut service = Service::new(dir.path(), &broker, &[]);
    service.spawn();
    wait_for("an answer", LIMIT, || service.get("/healthz").is_some_and(|(status, _)| status == 200));
    wait_for("the reason", LIMIT, || {
        service
            .get("/readyz")
            .is_some_and(|(status, body)| status == 503 && body.contains("mqtt") && body.contains("refused"))
    });
    wait_for("the sink's own reason", LIMIT, || service.log().contains("mqtt_alerts"));
    let log = service.log();
    let (sink, intake): (Vec<&str>, Vec<&str>) =
        log.lines().filter(|line| line.contains("refused")).partition(|line| line.contains("mqtt_alerts"));
    assert_eq!((intake.len(), sink.len()), (1, 1), "each part once in the log:\n{log}");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn faulty_configuration_and_agreement_end_with_78_and_every_fault() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("truceline.toml");
    std::fs::write(&file, "[mqtt]\nurl = 'nowhere'\nreceive_maximum = 1\n[htp]\n").expect("written");
    let output = run(&["run", "--config", &file.display().to_string()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    for part in [
        "mqtt.url: 'nowhere'",
        "mqtt.receive_maximum: 1",
        "htp: there is no such key; did you mean 'http'?",
        "3 faults",
    ] {
        assert!(told.contains(part), "'{part}' is not in:\n{told}");
    }
    let agreement = dir.path().join("agreement");
    std::fs::create_dir(&agreement).expect("a folder");
    std::fs::write(
        agreement.join("agreement.toml"),
        "id = 'x'\nname = 'X'\ncolour = 1\n[[line]]\nid = 'l'\nfile = 'none.geojson'\n",
    )
    .expect("written");
    let mut service =
        Service::new(dir.path(), "mqtt://127.0.0.1:1", &[("AGREEMENT__DIR", &agreement.display().to_string())]);
    service.spawn();
    assert_eq!(service.wait(), Some(78));
    let log = service.log();
    assert!(log.contains("colour") && log.contains("none.geojson"), "{log}");
}

#[test]
fn wrong_use_ends_with_64_and_help_with_0() {
    for arguments in [&["fly"][..], &["run", "--speed"], &["replay"], &[]] {
        assert_eq!(run(arguments).status.code(), Some(64), "{arguments:?}");
    }
    for command in ["run", "demo", "check", "where", "replay", "export", "backup", "restore"] {
        let output = run(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(output.stdout.len() > 200, "{command}: a help that helps");
    }
}

#[test]
fn a_desk_of_another_journal_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut service = Service::new(dir.path(), "mqtt://127.0.0.1:1", &[]);
    service.spawn();
    wait_for("an answer", LIMIT, || service.get("/healthz").is_some());
    assert_eq!(service.stop(), Some(0));
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(service.data_dir.join(name));
    }
    for _ in 0..2 {
        service.spawn();
        assert_eq!(service.wait(), Some(74), "{}", service.log());
        assert!(service.log().contains("belongs to another journal"), "{}", service.log());
    }
    let reader = Reader::open(&service.data_dir.join("journal.db")).expect("the journal");
    assert_eq!(reader.head().expect("reads"), 0, "nothing was appended");
    std::fs::remove_file(service.data_dir.join("desk.db")).expect("removed");
    service.spawn();
    wait_for("an answer", LIMIT, || service.get("/healthz").is_some());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn two_services_on_one_data_folder_are_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut first = Service::new(dir.path(), "mqtt://127.0.0.1:1", &[]);
    first.spawn();
    wait_for("an answer", LIMIT, || first.get("/healthz").is_some());
    let mut second = Service::new(dir.path(), "mqtt://127.0.0.1:1", &[]);
    second.spawn();
    assert_eq!(second.wait(), Some(74));
    assert!(second.log().contains("is in use by another truceline"), "{}", second.log());
}

#[test]
fn a_second_service_on_a_taken_port_ends_without_throwing_the_first_out_of_its_session() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut first = Service::new(&dir.path().join("first"), &broker.url(), &[]);
    first.start();
    let port = format!("127.0.0.1:{}", first.port);
    let mut second = Service::new(&dir.path().join("second"), &broker.url(), &[("HTTP__LISTEN", &port)]);
    second.spawn();
    assert_eq!(second.wait(), Some(1));
    assert!(second.log().contains("cannot be listened on"), "{}", second.log());
    assert_eq!(first.stop(), Some(0));
    assert_eq!(first.log().matches("connected to the broker").count(), 1, "{}", first.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_service_and_nothing_is_acknowledged_that_is_not_stored() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.file_limit_kib = Some(8 * 1024);
    service.start();
    let publisher = Publisher::connect(broker.port, "devices");
    let note = "x".repeat(1_900);
    let mut tag = 0;
    while service.get("/healthz").is_some() && tag < 20_000 {
        for _ in 0..100 {
            let report = json!({"observation": "other", "means": "saw", "note": note});
            publisher
                .publish(tag, &topic("st01-pt01"), reading("st01-pt01", 1, tag, "patrol_report", &report).to_string())
                .await;
            tag += 1;
        }
    }
    assert_eq!(service.wait(), Some(74), "{}", service.log());
    let log = service.log();
    assert!(log.contains("cannot be written") && log.contains("free space"), "{log}");
    // With room again, the broker sends what was not acknowledged: all is there, once.
    let all = publisher.acked();
    service.file_limit_kib = None;
    service.start();
    publisher.wait_acked(usize::try_from(tag).expect("small"));
    wait_for("all to be stored", Duration::from_secs(60), || stored(&service.data_dir).len() as u64 >= tag);
    assert_eq!(service.stop(), Some(0));
    assert!(stored(&service.data_dir).values().all(|count| *count == 1));
    assert!(all.len() > 500);
}

/// While another program has its file locked nothing can be committed, and nothing is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_journal_stands_still_ends_in_ten_seconds_and_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let publisher = Publisher::connect(broker.port, "devices");
    let send = async |tag| publisher.publish(tag, &topic("st01-gw01"), health("st01-gw01", 1, tag).to_string()).await;
    send(1).await;
    wait_for("the first reading", LIMIT, || service.api("/api/v1/stats")["readings"]["stored"] == 1);
    let lock = rusqlite::Connection::open(service.data_dir.join("journal.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    send(2).await;
    wait_for("the second to wait", LIMIT, || service.counted("truceline_intake_in_flight") == 1);
    let start = std::time::Instant::now();
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let (took, log) = (start.elapsed(), service.log());
    assert!(took < Duration::from_secs(10), "{took:?}:\n{log}");
    assert!(log.contains("messages without the journal's answer"), "{log}");
    assert!(log.contains("did not stop in time and is left behind part=\"journal\""), "{log}");
    drop(lock);
    service.start();
    wait_for("the second reading", LIMIT, || service.api("/api/v1/stats")["readings"]["stored"] == 2);
    assert_eq!(service.stop(), Some(0), "{}", service.log());
}
