//! What becomes of each body.

use std::collections::BTreeMap;

use proptest::prelude::*;
use truceline::journal::{Journal, JournalConfig, RejectFilter};
use truceline_core::log::{Append, Body, Document, Outcome};
use truceline_core::wire::{Encoding, RejectReason};

use crate::bodies::{LONG, all, at, indexed, open, path, reading, reject, run};
use crate::harness::wait_for;

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
        // And once it is found by the index.
        wait_for("the first to be indexed", LONG, || indexed(dir.path()) == 1);
        let bodies = vec![reading("d1", 1, 1, "a"), reading("d1", 1, 1, "b")];
        let outcomes = journal.append(at(1), bodies).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Conflict]);
        let page = journal.reader().rejects(&RejectFilter { limit: 10, ..Default::default() }).expect("reads");
        assert_eq!(page.items.len(), 3);
        let Body::Reject(reject) = &page.items[0].body else { panic!("a reject") };
        assert_eq!((reject.reason, reject.identity), (RejectReason::ConflictingDuplicate, Some((1, 1))));
        assert_eq!(reject.bytes, b"b");
        assert_eq!(journal.counts().borrow().duplicates, 4);
    });
}

#[test]
fn a_conflict_keeps_its_topic_its_content_type_its_size_and_no_more_than_64_kib() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(path(dir.path()));
        config.topic_prefix = "truceline-exercise/v1".to_owned();
        let journal = Journal::open(config).expect("opens");
        let Body::Reading(mut long) = reading("d1", 1, 1, &"long".repeat(20_000)) else { unreachable!() };
        long.encoding = Encoding::Cbor;
        let bodies = vec![reading("d1", 1, 1, "a"), Body::Reading(long.clone()), reading("d1", 1, 1, "b")];
        let outcomes = journal.append(at(9), bodies).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Stored(1), Outcome::Conflict, Outcome::Conflict]);
        let entries = all(&journal.reader());
        let kept: Vec<_> = entries
            .iter()
            .filter_map(|entry| match &entry.body {
                Body::Reject(reject) => Some((entry.arrived, reject)),
                _ => None,
            })
            .collect();
        let [(arrived, cut), (_, whole)] = kept[..] else { panic!("two rejects") };
        assert_eq!(arrived, at(9));
        assert_eq!(cut.topic, "truceline-exercise/v1/readings/st01/d1");
        assert_eq!(cut.content_type.as_deref(), Some("application/cbor"));
        assert_eq!((cut.size, &cut.bytes[..]), (80_000, &long.bytes[..64 << 10]));
        assert_eq!((whole.content_type.as_deref(), whole.size), (Some("application/json"), 1));
        assert_eq!(whole.bytes, b"b");
    });
}

#[test]
fn rejects_beyond_the_quota_are_counted_and_not_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let mut config = JournalConfig::new(path(dir.path()));
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
fn junk_cannot_fill_the_place_of_rejects_that_raise_an_alert() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let config = JournalConfig { reject_quota_bytes: 8_000, ..JournalConfig::new(path(dir.path())) };
        let journal = Journal::open(config).expect("opens");
        let mut bodies = vec![reject(500); 20];
        bodies.push(reading("d1", 1, 1, "a"));
        bodies.push(reading("d1", 1, 1, "b"));
        let outcomes = journal.append(at(1), bodies).await.expect("appends");
        assert_eq!(outcomes[19], Outcome::Counted);
        assert_eq!(outcomes[21], Outcome::Conflict);
        let filter = RejectFilter { reason: Some(RejectReason::ConflictingDuplicate), limit: 9, ..Default::default() };
        assert_eq!(journal.reader().rejects(&filter).expect("reads").items.len(), 1);
        journal.close().await.expect("closes");
    });
}

#[test]
fn a_reading_sent_a_hundred_thousand_times_is_stored_once() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        for _ in 0..10 {
            journal.append(at(1), vec![reading("d1", 1, 1, "a"); 10_000]).await.expect("appends");
        }
        assert_eq!(*journal.head().borrow(), 1);
        assert_eq!(journal.counts().borrow().duplicates, 99_999);
        journal.close().await.expect("closes");
        let journal = open(dir.path());
        assert_eq!(journal.counts().borrow().duplicates, 99_999, "counts are kept");
        assert_eq!(journal.append(at(1), vec![reading("d1", 1, 1, "a")]).await.expect("appends"), [Outcome::Duplicate]);
        journal.close().await.expect("closes");
    });
}

#[test]
fn another_unit_with_the_same_device_id_has_identities_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let unit = |incarnation| {
            let Body::Reading(mut body) = reading("d1", 7, 1, "a") else { unreachable!() };
            body.incarnation = incarnation;
            Body::Reading(body)
        };
        let outcomes = journal.append(at(1), vec![unit(0), unit(1), unit(0)]).await.expect("appends");
        assert_eq!(outcomes, [Outcome::Stored(1), Outcome::Stored(2), Outcome::Duplicate]);
        let reader = journal.reader();
        let device = "d1".parse().expect("an id");
        assert_eq!(reader.boots(&device, 10).expect("reads"), [7]);
        assert_eq!(reader.ranges(&device, 7).expect("reads"), [(1, 1)]);
        journal.close().await.expect("closes");
    });
}

#[test]
fn receipts_come_in_the_order_of_their_requests_and_after_the_commit() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let (first, mut of_first) = journal.appender(1_000);
        let (second, mut of_second) = journal.appender(1_000);
        for ticket in 0..500_u64 {
            let body = |device| vec![reading(device, 1, ticket, "a")];
            first.append(Append { ticket, arrived: at(1), bodies: body("d1") }).await.expect("appends");
            second.append(Append { ticket, arrived: at(1), bodies: body("d2") }).await.expect("appends");
        }
        let reader = journal.reader();
        for receipts in [&mut of_first, &mut of_second] {
            let mut next = 0;
            while next < 500 {
                for receipt in receipts.recv().await.expect("receipts") {
                    assert_eq!(receipt.ticket, next);
                    let Outcome::Stored(offset) = receipt.outcomes[0] else { panic!("stored") };
                    let entry = reader.entry(offset).expect("reads").expect("another connection sees it");
                    assert!(matches!(entry.body, Body::Reading(reading) if reading.seq == next));
                    next += 1;
                }
            }
        }
        journal.close().await.expect("closes");
        assert!(of_first.recv().await.is_none(), "receipts end with the journal");
        assert!(first.append(Append { ticket: 0, arrived: at(1), bodies: vec![] }).await.is_err());
    });
}

#[test]
fn requests_are_taken_though_nobody_reads_their_receipts() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let (ticks, receipts) = journal.appender(1);
        drop(receipts);
        // Another channel is opened meanwhile, which clears away those that nobody reads.
        journal.append(at(1), vec![Body::Tick]).await.expect("appends");
        for ticket in 0..10 {
            ticks.append(Append { ticket, arrived: at(1), bodies: vec![Body::Tick] }).await.expect("appends");
        }
        journal.append(at(1), vec![Body::Tick]).await.expect("appends");
        assert_eq!(*journal.head().borrow(), 12);
        journal.close().await.expect("closes");
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
