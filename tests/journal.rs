//! The journal: durable once, whatever dies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreadable_literal)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use harness::rounds;
use proptest::prelude::*;
use truceline::journal::{Journal, JournalConfig, JournalError, Reader, ReadingFilter, RejectFilter};
use truceline_core::log::{Append, Body, Document, Entry, Outcome, ReadingEntry, RejectEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, RejectReason, TimeBasis};

fn reading(device: &str, boot: u32, seq: u64, text: &str) -> Body {
    Body::Reading(ReadingEntry {
        station: "st01".parse().expect("an id"),
        device: device.parse().expect("an id"),
        incarnation: 1,
        boot,
        seq,
        time: Time::from_nanos(seq.cast_signed().saturating_mul(1_000_000_000)),
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: text.as_bytes().to_vec(),
    })
}

fn reject(size: usize) -> Body {
    Body::Reject(RejectEntry {
        topic: "truceline/v1/readings/x".to_owned(),
        content_type: None,
        station: None,
        device: None,
        identity: None,
        reason: RejectReason::Undecodable,
        path: None,
        detail: String::new(),
        bytes: vec![7; size],
        size: size as u64,
    })
}

fn open(dir: &Path) -> Journal {
    Journal::open(JournalConfig::new(dir.join("journal.db"))).expect("opens")
}

fn all(reader: &Reader) -> Vec<Entry> {
    reader.entries(0, usize::MAX >> 1, usize::MAX).expect("reads")
}

fn at(seconds: i64) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn every_sort_of_entry_comes_back_as_it_went_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let bodies = vec![
        Body::Service(true),
        Body::Agreement(Document::new("terms".to_owned())),
        Body::Registry(Document::new("devices".to_owned())),
        Body::Link(true),
        reading("st01-ac01", 4_000_000_000, (1 << 53) - 1, "{}"),
        reject(3),
        Body::Clock { offset_ns: -3_600_000_000_000 },
        Body::Tick,
        Body::Link(false),
        Body::Service(false),
    ];
    run(async {
        let journal = open(dir.path());
        let outcomes = journal.append(at(5), bodies.clone()).await.expect("appends");
        assert_eq!(outcomes, (1..=10).map(Outcome::Stored).collect::<Vec<_>>());
        journal.close().await.expect("closes");
        let journal = open(dir.path());
        let entries = all(&journal.reader());
        assert_eq!(entries.iter().map(|entry| entry.body.clone()).collect::<Vec<_>>(), bodies);
        assert!(entries.iter().all(|entry| entry.arrived == at(5)));
        assert_eq!(*journal.head().borrow(), 10);
        let terms = journal.reader().latest_agreement().expect("reads").expect("there");
        assert_eq!(terms.text, "terms");
    });
}

#[test]
fn arrival_never_decreases_also_over_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        journal.append(at(100), vec![Body::Tick]).await.expect("appends");
        journal.append(at(40), vec![Body::Tick]).await.expect("appends");
        journal.close().await.expect("closes");
        let journal = open(dir.path());
        journal.append(at(7), vec![Body::Tick]).await.expect("appends");
        let arrived: Vec<_> = all(&journal.reader()).iter().map(|entry| entry.arrived).collect();
        assert_eq!(arrived, [at(100), at(100), at(100)]);
    });
}

#[test]
fn other_bytes_under_a_stored_identity_are_a_conflict_and_kept_as_a_reject() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let bodies = vec![reading("d1", 1, 1, "a"), reading("d1", 1, 1, "a"), reading("d1", 1, 1, "b")];
        let outcomes = journal.append(at(1), bodies.clone()).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Stored(1), Outcome::Duplicate, Outcome::Conflict]);
        journal.close().await.expect("closes");
        // The same after a restart, when the first is found by the file and not from memory.
        let journal = open(dir.path());
        let outcomes = journal.append(at(1), bodies).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Duplicate, Outcome::Conflict]);
        let page = journal.reader().rejects(&RejectFilter { limit: 10, ..Default::default() }).expect("reads");
        assert_eq!(page.items.len(), 2);
        let Body::Reject(reject) = &page.items[0].body else { panic!("a reject") };
        assert_eq!((reject.reason, reject.identity), (RejectReason::ConflictingDuplicate, Some((1, 1))));
        assert_eq!(reject.bytes, b"b");
        assert_eq!(journal.counts().borrow().duplicates, 3);
    });
}

#[test]
fn rejects_beyond_the_quota_are_counted_and_not_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(dir.path().join("journal.db"));
        config.reject_quota_bytes = 3_000;
        let journal = Journal::open(config).expect("opens");
        let outcomes = journal.append(at(1), vec![reject(1_000), reject(1_000), reject(1_000), reject(9)]).await;
        let outcomes = outcomes.expect("appends");
        assert_eq!(outcomes[2], Outcome::Counted);
        assert_eq!(outcomes[3], Outcome::Stored(3), "offsets have no gap");
        assert_eq!(journal.counts().borrow().rejects_total(), 4);
    });
}

#[test]
fn a_second_service_on_the_same_journal_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let _first = open(dir.path());
    let second = Journal::open(JournalConfig::new(dir.path().join("journal.db")));
    assert!(matches!(second, Err(JournalError::InUse(_))));
}

#[test]
fn a_newer_file_and_a_file_of_something_else_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("journal.db");
    rusqlite::Connection::open(&path).and_then(|file| file.execute_batch("PRAGMA user_version = 99")).expect("made");
    assert!(matches!(Journal::open(JournalConfig::new(path)), Err(JournalError::Newer { found: 99, .. })));
    let path = dir.path().join("other.db");
    rusqlite::Connection::open(&path).and_then(|file| file.execute_batch("CREATE TABLE x (y)")).expect("made");
    assert!(matches!(Journal::open(JournalConfig::new(path)), Err(JournalError::Damaged { .. })));
    let path = dir.path().join("text.db");
    std::fs::write(&path, "no database at all, but long enough to have a header".repeat(9)).expect("written");
    assert!(matches!(Journal::open(JournalConfig::new(path)), Err(JournalError::Damaged { .. })));
}

#[test]
fn a_damaged_page_is_told_and_the_rest_can_be_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("journal.db");
    run(async {
        let journal = open(dir.path());
        let bodies = (0..2_000).map(|seq| reading("d1", 1, seq, &"x".repeat(300))).collect();
        journal.append(at(1), bodies).await.expect("appends");
        journal.close().await.expect("closes");
    });
    let reader = Reader::open(&path).expect("opens");
    assert!(reader.verify().expect("verifies").is_empty());
    drop(reader);
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&path, bytes).expect("written");
    let reader = Reader::open(&path).expect("opens");
    let told = match reader.verify() {
        Ok(lines) => !lines.is_empty(),
        Err(error) => matches!(error, JournalError::Damaged { .. }),
    };
    assert!(told, "the damage is found");
    let readable = (0..2_000).filter(|offset| matches!(reader.entry(*offset), Ok(Some(_)))).count();
    assert!((1_000..2_000).contains(&readable), "{readable} of 2000 can still be read");
}

#[test]
fn retention_deletes_what_is_old_but_nothing_above_the_floor_nor_the_terms() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(dir.path().join("journal.db"));
        config.retention = Some(Span::from_secs(50));
        let journal = Journal::open(config).expect("opens");
        journal.append(at(1), vec![Body::Agreement(Document::new("terms".to_owned()))]).await.expect("appends");
        for second in 1..=100 {
            journal.append(at(second), vec![reading("d1", 1, second.cast_unsigned(), "x")]).await.expect("appends");
        }
        journal.retain(at(100), 31).await.expect("asked");
        journal.append(at(100), vec![Body::Tick]).await.expect("appends");
        let reader = journal.reader();
        let first = || all(&reader).into_iter().map(|entry| entry.offset).take(2).collect::<Vec<_>>();
        harness::wait_for("retention to reach the floor", std::time::Duration::from_secs(20), || first() == [1, 31]);
        journal.retain(at(100), u64::MAX >> 1).await.expect("asked");
        harness::wait_for("retention to reach its age", std::time::Duration::from_secs(20), || first() == [1, 51]);
        // What was deleted is still known as stored.
        let outcomes = journal.append(at(101), vec![reading("d1", 1, 1, "other")]).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Duplicate]);
        assert_eq!(reader.ranges(&"d1".parse().expect("an id"), 1).expect("reads"), [(1, 100)]);
    });
}

#[test]
fn lists_are_the_same_before_and_after_indexing() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        for seq in 0..300_u64 {
            let device = ["d1", "d2", "d3"][(seq % 3) as usize];
            journal.append(at(1), vec![reading(device, 1, 299 - seq, "{}")]).await.expect("appends");
        }
        let reader = journal.reader();
        for device in [None, Some("d2"), Some("absent")] {
            let filter = ReadingFilter {
                device: device.map(|name| name.parse().expect("an id")),
                from: Some(at(20)),
                to: Some(at(200)),
                limit: 7,
                ..Default::default()
            };
            let mut paged = Vec::new();
            let mut before = None;
            loop {
                let page = reader.readings(&ReadingFilter { before, ..filter.clone() }).expect("reads");
                paged.extend(page.items.iter().map(|entry| entry.offset));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            let mut plain: Vec<u64> = all(&reader)
                .iter()
                .filter(|entry| match &entry.body {
                    Body::Reading(reading) => {
                        device.is_none_or(|device| reading.device.as_str() == device)
                            && (at(20)..at(200)).contains(&reading.time)
                    }
                    _ => false,
                })
                .map(|entry| entry.offset)
                .collect();
            plain.reverse();
            assert_eq!(paged, plain, "{device:?}");
        }
    });
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(u8, u8, u8, bool)>),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec((0_u8..3, 0_u8..2, 0_u8..12, prop::bool::weighted(0.9)), 1..12).prop_map(Step::Append),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("TRUCELINE_LONG").is_some() { 500 } else { 40 }, ..ProptestConfig::default() })]

    #[test]
    fn outcomes_equal_those_of_a_plain_map(steps in prop::collection::vec(step(), 1..25)) {
        let dir = tempfile::tempdir().expect("a folder");
        run(async {
            let mut journal = open(dir.path());
            let mut model: BTreeMap<(u8, u8, u8), bool> = BTreeMap::new();
            let mut head = 0;
            for step in steps {
                let Step::Append(items) = step else {
                    journal.close().await.expect("closes");
                    journal = open(dir.path());
                    continue;
                };
                let expected: Vec<Outcome> = items.iter().map(|(device, boot, seq, plain)| {
                    match model.get(&(*device, *boot, *seq)) {
                        Some(first) if first == plain => Outcome::Duplicate,
                        Some(_) => { head += 1; Outcome::Conflict }
                        None => { model.insert((*device, *boot, *seq), *plain); head += 1; Outcome::Stored(head) }
                    }
                }).collect();
                let bodies = items.iter().map(|(device, boot, seq, plain)| {
                    reading(&format!("d{device}"), (*boot).into(), (*seq).into(), if *plain { "a" } else { "b" })
                }).collect();
                assert_eq!(journal.append(at(1), bodies).await.expect("appends"), expected);
            }
            let offsets: Vec<u64> = all(&journal.reader()).iter().map(|entry| entry.offset).collect();
            assert_eq!(offsets, (1..=head).collect::<Vec<_>>(), "offsets have no gap");
        });
    }
}

const CHILD: &str = "TRUCELINE_TEST_JOURNAL_CHILD";

/// Not a test of its own: the process that `what_is_receipted_survives_kill_9` kills.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    run(async {
        let journal = open(Path::new(&dir));
        let (appender, mut receipts) = journal.appender(10_000);
        let start = *journal.head().borrow();
        tokio::spawn(async move {
            for seq in start.. {
                let bodies = vec![reading("d1", 1, seq, &"x".repeat(300)), reading("d1", 1, seq / 2, &"x".repeat(300))];
                if appender.append(Append { ticket: seq, arrived: at(1), bodies }).await.is_err() {
                    break;
                }
            }
        });
        while let Some(receipts) = receipts.recv().await {
            let mut lines = String::new();
            for receipt in receipts {
                let _ = writeln!(lines, "receipt {}", receipt.ticket);
            }
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(lines.as_bytes());
            let _ = out.flush();
        }
    });
}

#[test]
fn what_is_receipted_survives_kill_9_and_is_there_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut receipted = BTreeSet::new();
    for round in 0..rounds(5, 60) {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child_that_appends_until_it_is_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let wanted = 100 + (round * 7919) % 3_000;
        let mut got = 0;
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(seq) = line.strip_prefix("receipt ") {
                receipted.insert(seq.parse::<u64>().expect("a number"));
                got += 1;
            }
            if got == wanted {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("ended");
        assert!(got >= wanted, "the child ended by itself after {got} of {wanted}");
        let journal = open(dir.path());
        let mut stored = BTreeMap::new();
        for entry in all(&journal.reader()) {
            let Body::Reading(reading) = entry.body else { panic!("only readings were appended") };
            *stored.entry(reading.seq).or_insert(0) += 1;
        }
        assert!(stored.values().all(|count| *count == 1), "nothing is there twice");
        let lost: Vec<_> = receipted.iter().filter(|seq| !stored.contains_key(seq)).collect();
        assert!(lost.is_empty(), "lost after their receipt: {lost:?}");
    }
    assert!(receipted.len() > 400);
}

#[test]
fn a_full_disk_stops_the_journal_and_nothing_is_receipted_that_is_not_stored() {
    let dir = tempfile::tempdir().expect("a folder");
    let mount = dir.path().join("small");
    std::fs::create_dir(&mount).expect("a folder");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(&mount).status();
    assert!(mounted.is_ok_and(|status| status.success()), "a small tmpfs needs root");
    let stored = run(async {
        let journal = open(&mount);
        let (appender, mut receipts) = journal.appender(10_000);
        let mut failed = journal.failed();
        let mut stored = 0_u64;
        for seq in 0.. {
            let bodies = vec![reading("d1", 1, seq, &"x".repeat(30_000))];
            if appender.append(Append { ticket: seq, arrived: at(1), bodies }).await.is_err() {
                break;
            }
            match receipts.recv().await {
                Some(batch) => stored += batch.len() as u64,
                None => break,
            }
            if failed.borrow().is_some() {
                break;
            }
            assert!(seq < 1_000, "3 MiB hold 30 MiB");
            // With the writer gone no receipt will come for what was asked last.
            if tokio::time::timeout(std::time::Duration::from_millis(1), failed.changed()).await.is_ok() {
                break;
            }
        }
        drop(receipts);
        harness::wait_for("the journal to say what is wrong", std::time::Duration::from_secs(20), || {
            failed.borrow().is_some()
        });
        let told = failed.borrow().clone().expect("told");
        assert!(told.contains("cannot be written") && told.contains("free space"), "{told}");
        stored
    });
    let reader = Reader::open(&mount.join("journal.db")).expect("still readable");
    let there = all(&reader).len() as u64;
    drop(reader);
    let _ = Command::new("umount").arg("-l").arg(&mount).status();
    assert!(stored > 10 && there >= stored, "{stored} were receipted, {there} are there");
}
