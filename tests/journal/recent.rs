//! The newest entries in memory: the same as the file's, and bounded.

use truceline_core::log::{Body, Document, Entry, Outcome, StateEntry};
use truceline_core::wire::DeviceState;

use crate::bodies::{all, at, open, reading, reject, run};

fn state() -> Body {
    let state = DeviceState {
        v: 1,
        online: true,
        boot: Some(7),
        firmware: Some("2.4.1".to_owned()),
        time: Some(at(3)),
        interval_s: Some(0.1),
        next_by: None,
        reason: Some("sleep".to_owned()),
    };
    Body::State(StateEntry { station: "st01".parse().expect("an id"), device: "a".parse().expect("an id"), state })
}

#[test]
fn memory_gives_what_the_file_gives_from_wherever_one_asks() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let commits = vec![
            vec![Body::Service(true), Body::Agreement(Document::new("terms".to_owned()))],
            vec![Body::Registry(Document::new("devices".to_owned())), Body::Link(true), state()],
            vec![reading("a", 1, 0, "{}"), reject(3), reading("a", 1, 0, "{}"), reading("a", 1, 0, "[]")],
            vec![Body::Clock { offset_ns: -3_600_000_000_000 }, Body::Tick],
            vec![reading("a", 1, 1, "{}"), Body::Link(false)],
        ];
        for (second, bodies) in commits.into_iter().enumerate() {
            journal.append(at(second as i64), bodies).await.expect("appends");
        }
        let entries = all(&journal.reader());
        assert_eq!(entries.len(), 12, "the duplicate is none of them, the conflict is");
        let recent = journal.recent();
        for after in 0..=12 {
            for max in 1..=13 {
                let expected: Vec<Entry> = entries.iter().skip(after).take(max).cloned().collect();
                let found = recent.entries(after as u64, max).expect("all is in memory");
                assert_eq!(found.iter().cloned().collect::<Vec<_>>(), expected, "{max} after {after}");
                assert_eq!(found.len(), expected.len());
            }
        }
        journal.close().await.expect("closes");

        let journal = open(dir.path());
        assert!(journal.recent().entries(11, 10).is_none(), "after a start only the file has it");
        assert!(journal.recent().entries(12, 10).is_some_and(|none| none.is_empty()));
        assert_eq!(journal.append(at(9), vec![Body::Tick]).await.expect("appends"), [Outcome::Stored(13)]);
        assert_eq!(journal.recent().entries(12, 10).expect("in memory").len(), 1);
    });
}

#[test]
fn memory_is_bounded_and_who_is_further_behind_reads_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let recent = journal.recent();
        for commit in 0..20 {
            let bodies = (0..2_000).map(|seq| reading("a", 1, commit * 2_000 + seq, "{}")).collect();
            journal.append(at(1), bodies).await.expect("appends");
        }
        assert!(recent.entries(0, 1).is_none());
        assert_eq!(recent.entries(40_000 - 100, 1_000).expect("in memory").len(), 100);
        // A few large ones push out many small ones.
        let large = "x".repeat(1 << 20);
        for seq in 0..60 {
            journal.append(at(1), vec![reading("b", 1, seq, &large)]).await.expect("appends");
        }
        assert!(recent.entries(40_000, 1).is_none());
        assert!(recent.entries(40_060 - 30, 1).is_some());
    });
}
