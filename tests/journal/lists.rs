//! Lists equal a plain look through all entries, whatever part of them is indexed.

use proptest::prelude::*;
use truceline::journal::{Page, Reader, ReadingFilter, RejectFilter};
use truceline_core::log::{Body, ReadingEntry};
use truceline_core::time::Time;
use truceline_core::wire::RejectReason;

use crate::bodies::{LONG, all, at, indexed, open, reading, reject, run};
use crate::harness::wait_for;

/// All pages of a list, as offsets.
fn paged(mut page: impl FnMut(Option<u64>) -> Page) -> Vec<u64> {
    let mut offsets = Vec::new();
    let mut before = None;
    loop {
        let found = page(before);
        offsets.extend(found.items.iter().map(|entry| entry.offset));
        let Some(next) = found.next else { return offsets };
        assert!(Some(next) != before, "a cursor goes on");
        before = Some(next);
    }
}

/// The reference: every entry looked at; of one device by reading time, of all by arrival.
fn plain(reader: &Reader, filter: &ReadingFilter) -> Vec<u64> {
    let wanted = |reading: &ReadingEntry| {
        filter.device.as_ref().is_none_or(|device| *device == reading.device)
            && filter.station.as_ref().is_none_or(|station| *station == reading.station)
            && filter.from.is_none_or(|from| from <= reading.time)
            && filter.to.is_none_or(|to| reading.time < to)
    };
    let mut found: Vec<(Time, u64)> = all(reader)
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Reading(reading) if wanted(&reading) => Some((reading.time, entry.offset)),
            _ => None,
        })
        .collect();
    match filter.device {
        Some(_) => found.sort_unstable(),
        None => found.sort_unstable_by_key(|place| place.1),
    }
    found.into_iter().rev().map(|place| place.1).collect()
}

/// A reading of one of three devices at two stations, the second unit of a device with odd boots.
fn some_reading(device: u8, seq: u64, second: i64) -> Body {
    let Body::Reading(mut reading) = reading(&format!("d{device}"), 1, seq, "{}") else { unreachable!() };
    reading.station = format!("st0{}", device % 2).parse().expect("an id");
    reading.incarnation = u32::from(seq.is_multiple_of(5));
    reading.time = at(second);
    Body::Reading(reading)
}

#[derive(Clone, Debug)]
struct Ask {
    device: Option<u8>,
    station: Option<u8>,
    from: Option<i64>,
    to: Option<i64>,
    limit: usize,
}

fn ask() -> impl Strategy<Value = Ask> {
    use prop::option::of;
    (of(0_u8..4), of(0_u8..2), of(0_i64..40), of(0_i64..40), 1_usize..9)
        .prop_map(|(device, station, from, to, limit)| Ask { device, station, from, to, limit })
}

fn check(reader: &Reader, asks: &[Ask]) {
    for ask in asks {
        let filter = ReadingFilter {
            device: ask.device.map(|device| format!("d{device}").parse().expect("an id")),
            station: ask.station.map(|station| format!("st0{station}").parse().expect("an id")),
            from: ask.from.map(at),
            to: ask.to.map(at),
            limit: ask.limit,
            ..Default::default()
        };
        let pages = paged(|before| {
            let page = reader.readings(&ReadingFilter { before, ..filter.clone() }).expect("reads");
            assert!(page.items.len() <= ask.limit);
            page
        });
        assert_eq!(pages, plain(reader, &filter), "{ask:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("TRUCELINE_LONG").is_some() { 100 } else { 8 }, ..ProptestConfig::default()
    })]

    #[test]
    fn lists_are_those_of_a_full_look_before_and_after_indexing(
        first in prop::collection::vec((0_u8..3, 0_i64..40), 0..40),
        second in prop::collection::vec((0_u8..3, 0_i64..40), 0..40),
        asks in prop::collection::vec(ask(), 1..12),
    ) {
        let dir = tempfile::tempdir().expect("a folder");
        run(async {
            let journal = open(dir.path());
            let reader = journal.reader();
            let mut seq = 0;
            let mut bodies = |items: &[(u8, i64)]| {
                let numbered = items.iter().map(|(device, second)| { seq += 1; some_reading(*device, seq, *second) });
                numbered.collect::<Vec<_>>()
            };
            // All in the index, all but the last in the index, all again.
            journal.append(at(1), bodies(&first)).await.expect("appends");
            check(&reader, &asks);
            wait_for("all to be indexed", LONG, || indexed(dir.path()) == first.len() as i64);
            check(&reader, &asks);
            journal.append(at(2), bodies(&second)).await.expect("appends");
            check(&reader, &asks);
            journal.close().await.expect("closes");
        });
    }
}

#[test]
fn a_page_ends_after_a_bounded_look_and_its_cursor_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        // Rows that are no readings: one query looks through so many offsets, and a page through some of those.
        let ticks = 600_000;
        journal.append(at(1), vec![some_reading(1, 1, 1)]).await.expect("appends");
        for _ in 0..ticks / 100_000 {
            journal.append(at(1), vec![Body::Tick; 100_000]).await.expect("appends");
        }
        let reader = journal.reader();
        let first = reader.readings(&ReadingFilter { limit: 10, ..Default::default() }).expect("reads");
        assert!(first.items.is_empty() && first.next.is_some(), "600,000 rows are more than one page looks at");
        assert_eq!(
            paged(|before| {
                reader.readings(&ReadingFilter { before, limit: 10, ..Default::default() }).expect("reads")
            }),
            [1]
        );
        journal.close().await.expect("closes");
    });
}

#[test]
fn rejects_are_listed_by_reason_and_device() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let of = |reason, device: Option<&str>| {
            let Body::Reject(mut body) = reject(3) else { unreachable!() };
            body.reason = reason;
            body.device = device.map(|device| device.parse().expect("an id"));
            Body::Reject(body)
        };
        let bodies = vec![
            of(RejectReason::Undecodable, None),
            of(RejectReason::OutOfRange, Some("d1")),
            of(RejectReason::OutOfRange, Some("d2")),
            of(RejectReason::BadSignature, Some("d1")),
        ];
        journal.append(at(1), bodies).await.expect("appends");
        let reader = journal.reader();
        let list = |reason, device: Option<&str>| {
            paged(|before| {
                let device = device.map(|device| device.parse().expect("an id"));
                reader.rejects(&RejectFilter { reason, device, before, limit: 1 }).expect("reads")
            })
        };
        assert_eq!(list(None, None), [4, 3, 2, 1]);
        assert_eq!(list(Some(RejectReason::OutOfRange), None), [3, 2]);
        assert_eq!(list(None, Some("d1")), [4, 2]);
        assert_eq!(list(Some(RejectReason::OutOfRange), Some("d1")), [2]);
        assert_eq!(list(Some(RejectReason::Unsigned), None), [0_u64; 0]);
        journal.close().await.expect("closes");
    });
}
