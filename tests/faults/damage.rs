//! A damaged page of the journal: found, told with its offsets, the rest readable; and what is read is what was there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tempfile::tempdir;
use truceline::journal::Reader;
use truceline_core::log::Body;

use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::{Service, run};
use crate::harness::wait_for;
use crate::oracle::{LIMIT, publish, readings};

const PAGE: usize = 4_096;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_of_the_journal_is_told_with_its_offsets_and_the_export_goes_past_it() {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    publish(&devices, 0, 3_000).await;
    wait_for("the readings", LIMIT, || readings(&service) == 3_000);
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let journal = service.data_dir.join("journal.db");
    let mut there = BTreeMap::new();
    for entry in Reader::open(&journal).unwrap().entries(0, usize::MAX, usize::MAX).unwrap() {
        if let Body::Reading(reading) = entry.body {
            there.insert(entry.offset, reading.seq);
        }
    }
    let export = || {
        let output = run(&["export", "readings", "--data-dir", &service.data_dir.display().to_string()]);
        let lines = String::from_utf8(output.stdout).unwrap();
        let seqs: BTreeSet<u64> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["reading"]["seq"].as_u64().unwrap())
            .collect();
        (output.status.code(), seqs, String::from_utf8(output.stderr).unwrap(), lines)
    };
    let (code, seqs, said, _) = export();
    assert_eq!((code, seqs.len(), said.as_str()), (Some(0), 3_000, ""));

    // A page of the table's leaves: it holds the text of readings.
    let mut bytes = std::fs::read(&journal).unwrap();
    let holds = |page: &&[u8]| page[0] == 0x0d && page.windows(11).any(|word| word == b"battery_pct");
    let leaves: Vec<usize> =
        bytes.chunks_exact(PAGE).enumerate().filter(|(_, page)| holds(page)).map(|(number, _)| number).collect();
    let damaged = leaves[leaves.len() / 2];
    bytes[damaged * PAGE..(damaged + 1) * PAGE].fill(0xa5);
    std::fs::write(&journal, bytes).unwrap();

    let (code, seqs, said, lines) = export();
    assert_eq!(code, Some(65), "{said}");
    let (_, told) = said.split_once(": entries ").expect(&said);
    let mut numbers = told.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
    let (first, last) = (numbers.next().unwrap(), numbers.next().unwrap());
    let lost: BTreeSet<u64> = there.range(first..=last).map(|(_, seq)| *seq).collect();
    assert!((1..100).contains(&lost.len()), "{said}");
    let all: BTreeSet<u64> = (0..3_000).collect();
    assert_eq!(seqs, all.difference(&lost).copied().collect::<BTreeSet<u64>>(), "what is not named is there: {said}");

    // The export is the replay's input.
    let kept = dir.path().join("kept.jsonl");
    std::fs::write(&kept, lines).unwrap();
    let agreement = ["--agreement", "config/agreements/example", "--devices", "config/devices/example.toml"];
    let output = run(&[&["replay"], &agreement[..], &[kept.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Who must have each entry says that it has not, and how to go on.
    let output = run(&["replay", "--from-journal", journal.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.contains("is damaged") && said.contains("truceline export readings"), "{said}");
}
