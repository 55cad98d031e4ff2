//! A backup taken of a service under load, and what is left when it is restored elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use harness::mosquitto::Mosquitto;
use harness::publisher::Publisher;
use harness::service::{Service, run};
use harness::{rounds, wait_for};
use serde_json::{Value, json};
use truceline::journal::Reader;
use truceline_core::log::{Body, Entry};
use truceline_core::time::Time;

const LIMIT: Duration = Duration::from_secs(60);

#[allow(clippy::disallowed_methods)] // devices have clocks of their own
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Time::from_nanos(i64::try_from(since.as_nanos()).expect("before 2262"))
}

/// Mostly health, now and then an explosion heard near the line.
fn reading(device: &str, seq: u64) -> String {
    let (kind, data) = if seq % 50 == 7 {
        let data =
            json!({"class": "explosion", "confidence": 0.9, "bearing_deg": (seq % 360) as f64, "bearing_sd_deg": 4.0});
        ("acoustic_detection", data)
    } else {
        ("health", json!({"battery_pct": 90}))
    };
    json!({
        "v": 1, "device": device, "boot": 1, "seq": seq, "time": now().to_string(),
        "clock": {"source": "gnss", "uncertainty_ms": 5}, "kind": kind, "data": data,
    })
    .to_string()
}

fn entries(data_dir: &Path) -> Vec<Entry> {
    Reader::open(&data_dir.join("journal.db")).expect("the journal").entries(0, usize::MAX, usize::MAX).expect("reads")
}

/// How often each identity is there.
fn stored(entries: &[Entry]) -> BTreeMap<(String, u64), u32> {
    let mut found = BTreeMap::new();
    for entry in entries {
        if let Body::Reading(reading) = &entry.body {
            *found.entry((reading.device.to_string(), reading.seq)).or_default() += 1;
        }
    }
    found
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a command; its exit code and all that it said.
fn command(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

fn manifest(backup: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(backup.join("manifest.json")).expect("a manifest")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_under_load_holds_everything_up_to_its_head_once_and_judges_on() {
    for _ in 0..rounds(1, 10) {
        let dir = tempfile::tempdir().expect("a folder");
        let broker = Mosquitto::start(&dir.path().join("broker"));
        let mut service = Service::new(dir.path(), &broker.url(), &[("EVALUATOR__SNAPSHOT_EVERY_S", "1")]);
        service.start();
        let publisher = Arc::new(Publisher::connect(broker.port, "devices"));
        let stop = Arc::new(AtomicBool::new(false));
        let publishing = {
            let (publisher, stop) = (Arc::clone(&publisher), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    for device in ["st01-ac01", "st02-ac01"] {
                        let topic = format!("truceline/v1/readings/{}/{device}", &device[..4]);
                        publisher.publish(sent, &topic, reading(device, sent / 2)).await;
                        sent += 1;
                    }
                }
                sent
            })
        };
        let stats = |service: &Service| service.api("/api/v1/stats")["readings"]["stored"].as_u64().unwrap_or(0);
        wait_for("a first load", LIMIT, || stats(&service) > 3_000);
        let backup = dir.path().join("backup");
        let (code, said) = command(&["backup", path(&backup), "--data-dir", path(&service.data_dir)]);
        assert_eq!(code, Some(0), "{said}");
        let head = manifest(&backup)["head"].as_u64().expect("a head");
        let taken = stats(&service);
        wait_for("more after the backup", LIMIT, || stats(&service) > taken + 1_000);
        service.kill();
        let original = entries(&service.data_dir);
        assert!(original.last().expect("entries").offset > head + 500, "the service went on meanwhile");

        let mut restored = Service::new(&dir.path().join("elsewhere"), &broker.url(), &[]);
        let (code, said) = command(&["restore", path(&backup), "--into", path(&restored.data_dir)]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("do not send it again") && said.contains(&format!("to entry {head}")), "{said}");
        let before: Vec<Entry> = original.iter().filter(|entry| entry.offset <= head).cloned().collect();
        assert_eq!(before.last().expect("entries").offset, head);
        assert!(entries(&restored.data_dir) == before, "what is restored is what was there up to its head");

        restored.start();
        let again = restored.api("/api/v1/stats")["readings"]["stored"].as_u64().unwrap_or(0);
        wait_for("readings after the restore", LIMIT, || stats(&restored) > again + 1_000);
        stop.store(true, Ordering::Relaxed);
        let sent = publishing.await.expect("published");
        publisher.wait_acked(usize::try_from(sent).expect("small"));
        let original = stored(&original);
        let identity = |seq: u64| {
            let device = if seq.is_multiple_of(2) { "st01-ac01" } else { "st02-ac01" };
            (device.to_owned(), seq / 2)
        };
        // What only the original stored was acknowledged after the backup: nothing else may be missing.
        // What waits at the broker by then is as much as the publisher was faster than the service.
        wait_for("all that the broker held", 4 * LIMIT, || {
            let there = stored(&entries(&restored.data_dir));
            (0..sent).map(identity).all(|identity| there.contains_key(&identity) || original.contains_key(&identity))
        });
        wait_for("all to be judged", LIMIT, || restored.api("/api/v1/stats")["lag"]["evaluator"].as_u64() == Some(0));
        assert_eq!(restored.stop(), Some(0), "{}", restored.log());
        let whole = stored(&entries(&restored.data_dir));
        assert!(whole.values().all(|count| *count == 1), "nothing twice");
        assert!(!restored.alert_log().is_empty(), "there were alerts");
        assert_eq!(restored.said_log(), restored.replayed(), "the logs are what a replay says");
        let (code, said) = command(&["export", "audit", "--data-dir", path(&restored.data_dir)]);
        assert!(code == Some(0) && said.contains("backup_restored"), "{said}");
        let (code, said) = command(&["export", "audit", "--verify", "--data-dir", path(&restored.data_dir)]);
        assert_eq!(code, Some(0), "{said}");
    }
}

/// A service that has run and is stopped, and a backup of it.
fn stopped(dir: &Path) -> Service {
    let mut service = Service::new(dir, "mqtt://127.0.0.1:1", &[]);
    service.spawn();
    wait_for("an answer", LIMIT, || service.get("/healthz").is_some());
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let (code, said) = command(&["backup", path(&dir.join("backup")), "--data-dir", path(&service.data_dir)]);
    assert_eq!(code, Some(0), "{said}");
    service
}

#[test]
fn a_restored_journal_is_another_one_and_the_rest_follows_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = stopped(dir.path());
    let was = Reader::open(&service.data_dir.join("journal.db")).expect("opens").summary().expect("reads");
    let mut restored = Service::new(&dir.path().join("elsewhere"), "mqtt://127.0.0.1:1", &[]);
    let (code, said) = command(&["restore", path(&dir.path().join("backup")), "--into", path(&restored.data_dir)]);
    assert_eq!(code, Some(0), "{said}");
    let is = Reader::open(&restored.data_dir.join("journal.db")).expect("opens").summary().expect("reads");
    assert_ne!(is.identity, was.identity);
    assert_eq!((is.head, is.arrived), (was.head, was.arrived));
    // The desk belongs to it, or the start would be refused.
    restored.spawn();
    wait_for("an answer", LIMIT, || restored.get("/healthz").is_some());
    assert_eq!(restored.stop(), Some(0), "{}", restored.log());
}

#[test]
fn a_folder_that_is_not_empty_or_in_use_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut service = stopped(dir.path());
    let backup = dir.path().join("backup");
    let (code, said) = command(&["restore", path(&backup), "--into", path(&service.data_dir)]);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("is not empty"), "{said}");
    service.spawn();
    wait_for("an answer", LIMIT, || service.get("/healthz").is_some());
    let (code, said) = command(&["restore", path(&backup), "--into", path(&service.data_dir)]);
    assert!(code == Some(65) && said.contains("is in use by a running truceline"), "{said}");
    assert_eq!(service.stop(), Some(0));
    let (code, said) = command(&["backup", path(&backup), "--data-dir", path(&service.data_dir)]);
    assert!(code == Some(65) && said.contains("is not empty"), "{said}");
    let (code, said) = command(&["backup", path(&dir.path().join("b")), "--data-dir", path(&dir.path().join("none"))]);
    assert!(code == Some(65) && said.contains("is not there"), "{said}");
}

#[test]
fn a_backup_that_was_altered_or_not_finished_restores_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    stopped(dir.path());
    let backup = dir.path().join("backup");
    let into = dir.path().join("into");
    let refused = |word: &str| {
        let (code, said) = command(&["restore", path(&backup), "--into", path(&into)]);
        assert!(code == Some(65) && said.contains(word), "{word}: {code:?} {said}");
        let left = fs::read_dir(&into).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{word}: nothing is left behind");
    };
    let names: Vec<String> = manifest(&backup)["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| file["name"].as_str().expect("a name").to_owned())
        .collect();
    assert!(names.len() >= 4 && names.iter().any(|name| name.starts_with("snapshots/")), "{names:?}");
    for name in names {
        let file = backup.join(&name);
        let whole = fs::read(&file).expect("read");
        let mut other = whole.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        fs::write(&file, &other).expect("written");
        refused("SHA-256");
        fs::write(&file, &whole[..middle]).expect("written");
        refused("bytes, not");
        fs::remove_file(&file).expect("removed");
        refused("it is not there");
        fs::write(&file, &whole).expect("written");
    }
    let text = fs::read_to_string(backup.join("manifest.json")).expect("read");
    for (altered, word) in [
        (text.replace("\"format\": 1", "\"format\": 9"), "has format 9"),
        (text.replace("\"journal.db\"", "\"../journal.db\""), "outside the backup"),
        (text.replace("\"schema\": ", "\"schema\": 9"), "newer program"),
        (text[..text.len() / 2].to_owned(), "cannot be read"),
    ] {
        fs::write(backup.join("manifest.json"), altered).expect("written");
        refused(word);
    }
    fs::remove_file(backup.join("manifest.json")).expect("removed");
    refused("written last");
    fs::write(backup.join("manifest.json"), text).expect("written");
    let (code, said) = command(&["restore", path(&backup), "--into", path(&into)]);
    assert_eq!(code, Some(0), "{said}");
}

/// What is named as done is on the disk by then: a loss of power right after a backup takes nothing of it.
#[test]
fn each_file_and_folder_of_a_backup_is_durable_before_its_manifest_names_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = stopped(dir.path());
    let (backup, calls) = (dir.path().join("second"), dir.path().join("calls"));
    let status = std::process::Command::new("strace")
        .args(["-f", "-y", "-s", "500", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", path(&calls)])
        .args([env!("CARGO_BIN_EXE_truceline"), "backup", path(&backup), "--data-dir", path(&service.data_dir)])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("strace; `make setup` installs it").success());
    let calls = fs::read_to_string(&calls).expect("the calls");
    let (before, after) = calls.split_once("manifest.json\"").expect("the manifest gets its name last");
    let synced = |calls: &str, of: &Path| {
        calls.lines().any(|call| call.contains("sync(") && call.contains(&format!("<{}>", of.display())))
    };
    let files = manifest(&backup)["files"].as_array().expect("files").clone();
    let files = files.iter().map(|file| backup.join(file["name"].as_str().expect("a name")));
    for written in files.chain([backup.join("snapshots"), backup.join("manifest.tmp")]) {
        assert!(
            synced(before, &written),
            "{} is not durable before the manifest names it:\n{calls}",
            written.display()
        );
    }
    for folder in [&backup, dir.path()] {
        assert!(synced(after, folder), "{} is not durable in the end:\n{calls}", folder.display());
    }
}
