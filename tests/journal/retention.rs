//! What is deleted, and what never.

use truceline::journal::{Journal, JournalConfig};
use truceline_core::log::{Body, Document, Outcome};
use truceline_core::time::Span;

use crate::bodies::{LONG, all, at, path, reading, reject, run};
use crate::harness::wait_for;

#[test]
fn retention_deletes_what_is_old_but_nothing_above_the_floor_nor_the_terms() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(path(dir.path()));
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
        wait_for("retention to reach the floor", LONG, || first() == [1, 31]);
        journal.retain(at(100), u64::MAX >> 1).await.expect("asked");
        wait_for("retention to reach its age", LONG, || first() == [1, 51]);
        // What was deleted is still known as stored.
        let outcomes = journal.append(at(101), vec![reading("d1", 1, 1, "other")]).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Duplicate]);
        assert_eq!(reader.ranges(&"d1".parse().expect("an id"), 1).expect("reads"), [(1, 100)]);
    });
}

#[test]
fn a_journal_that_is_too_large_loses_its_oldest_also_while_it_is_written_to() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(path(dir.path()));
        let most = 8 << 20;
        config.max_bytes = Some(most);
        let journal = Journal::open(config).expect("opens");
        journal.append(at(1), vec![Body::Registry(Document::new("devices".to_owned()))]).await.expect("appends");
        journal.retain(at(1), u64::MAX >> 1).await.expect("asked");
        let reader = journal.reader();
        for batch in 0..100_u64 {
            let bodies = (0..1_000).map(|seq| reading("d1", 1, batch * 1_000 + seq, &"x".repeat(300))).collect();
            journal.append(at(1), bodies).await.expect("appends");
        }
        // Nothing is asked again: what was written since is measured and deleted by itself.
        let size = || std::fs::metadata(path(dir.path())).map_or(0, |file| file.len());
        assert!(size() < 100_000 * 300, "30 MB were written, {} are kept", size());
        let first = reader.first().expect("reads").expect("some are kept");
        assert!(first > 10_000, "the oldest kept is {first}");
        assert_eq!(*journal.head().borrow(), 100_001);
        assert_eq!(reader.latest_registry().expect("reads").expect("kept").text, "devices");
        assert_eq!(reader.entries(0, 1, 1).expect("reads")[0].offset, 1, "the terms are kept");
        assert_eq!(reader.ranges(&"d1".parse().expect("an id"), 1).expect("reads"), [(0, 99_999)]);
        journal.close().await.expect("closes");
    });
}

#[test]
fn rejects_that_are_deleted_make_room_for_others() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(path(dir.path()));
        config.reject_quota_bytes = 3_000;
        config.retention = Some(Span::from_secs(1));
        let journal = Journal::open(config).expect("opens");
        let outcomes = journal.append(at(1), vec![reject(1_800), reject(1_800)]).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Stored(1), Outcome::Counted]);
        journal.retain(at(100), 2).await.expect("asked");
        let reader = journal.reader();
        wait_for("the reject to go", LONG, || reader.first().expect("reads").is_none());
        assert_eq!(journal.append(at(101), vec![reject(1_800)]).await.expect("appends"), [Outcome::Stored(2)]);
        assert!(journal.counts().borrow().reject_bytes < 3_000);
        journal.close().await.expect("closes");
    });
}

#[test]
fn offsets_and_arrivals_go_on_when_everything_was_deleted() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let config = JournalConfig { retention: Some(Span::from_secs(1)), ..JournalConfig::new(path(dir.path())) };
        let journal = Journal::open(config.clone()).expect("opens");
        journal.append(at(50), vec![Body::Tick, Body::Tick]).await.expect("appends");
        journal.retain(at(100), 3).await.expect("asked");
        let reader = journal.reader();
        wait_for("all to go", LONG, || reader.first().expect("reads").is_none());
        journal.close().await.expect("closes");
        let journal = Journal::open(config).expect("opens");
        assert_eq!(*journal.head().borrow(), 2);
        assert_eq!(journal.append(at(7), vec![Body::Tick]).await.expect("appends"), [Outcome::Stored(3)]);
        assert_eq!(all(&journal.reader())[0].arrived, at(50));
        journal.close().await.expect("closes");
    });
}

/// Which readings were stored is never forgotten: where that alone is too large, no reading is deleted for it.
#[test]
fn a_limit_that_deleting_cannot_meet_does_not_delete_everything() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(path(dir.path()));
        config.max_bytes = Some(1 << 20);
        let journal = Journal::open(config).expect("opens");
        let (readings, body) = (40_000_u64, "x".repeat(200));
        for batch in 0..40 {
            let bodies = (0..readings / 40).map(|n| reading("d1", 1, 2 * (batch * 1_000 + n), &body)).collect();
            journal.append(at(1), bodies).await.expect("appends");
        }
        journal.retain(at(1), u64::MAX >> 1).await.expect("asked");
        let reader = journal.reader();
        let first = || reader.first().expect("reads").unwrap_or(u64::MAX);
        wait_for("the oldest to go and the rest to stay", LONG, || {
            let before = first();
            // What must not happen takes a while not to happen: a run takes milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(500));
            before > 1 && first() == before
        });
        assert!(first() < readings - 2_000, "the oldest kept is {}", first());
        journal.close().await.expect("closes");
    });
}
