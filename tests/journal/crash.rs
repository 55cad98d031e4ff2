//! kill -9 while it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use truceline_core::log::{Append, Body};

use crate::bodies::{all, at, open, reading, run};
use crate::harness::rounds;

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

/// The runs without a gap in ascending numbers.
fn runs(seqs: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for seq in seqs {
        match runs.last_mut() {
            Some((_, hi)) if *hi + 1 == *seq => *hi = *seq,
            _ => runs.push((*seq, *seq)),
        }
    }
    runs
}

#[test]
fn what_is_receipted_survives_kill_9_and_is_there_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut receipted = BTreeSet::new();
    for round in 0..rounds(5, 100) {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "crash::child_that_appends_until_it_is_killed", "--nocapture"])
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
        for (entry, offset) in all(&journal.reader()).into_iter().zip(1..) {
            assert_eq!(entry.offset, offset, "offsets have no gap");
            let Body::Reading(reading) = entry.body else { panic!("only readings were appended") };
            *stored.entry(reading.seq).or_insert(0) += 1;
        }
        assert!(stored.values().all(|count| *count == 1), "nothing is there twice");
        let lost: Vec<_> = receipted.iter().filter(|seq| !stored.contains_key(seq)).collect();
        assert!(lost.is_empty(), "lost after their receipt: {lost:?}");
        assert_eq!(journal.counts().borrow().stored, stored.len() as u64);
        let seqs: Vec<u64> = stored.into_keys().collect();
        assert_eq!(journal.reader().ranges(&"d1".parse().expect("an id"), 1).expect("reads"), runs(&seqs));
        run(journal.close()).expect("closes");
    }
    assert!(receipted.len() > 400);
}
