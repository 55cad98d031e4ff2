//! The desk beside a plain model of it, and over restarts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use truceline_core::agreement::Severity;
use truceline_core::alert::{Alert, Evidence};
use truceline_core::engine::Output;
use truceline_core::event::Event;
use truceline_core::time::Time;
use truceline_core::wire::Encoding;
use uuid::Uuid;

use super::apply::Found;
use super::*;

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn alert(number: u8, revision: u32, ended: bool) -> Alert {
    let second = i64::from(number) * 1_000 + i64::from(revision);
    let time = Time::from_nanos(second * 1_000_000_000);
    serde_json::from_value(serde_json::json!({
        "id": id(number), "revision": revision, "rule": if number.is_multiple_of(2) { "even" } else { "odd" },
        "category": "no_fire", "severity": if number < 4 { "minor" } else { "severe" },
        "certainty": {"probability": 0.1 + 0.2, "word": "likely"},
        "subject": format!("device:d{number}"), "started": Time::from_nanos(i64::from(number) * 1_000_000_000_000),
        "last": time, "ended": if ended { Some(time) } else { None }, "detected_at": time, "updated_at": time,
        "detections": revision, "count_qualifier": "at_least", "events": null,
        "agreement": {"id": "test", "hash": "0"}, "timeliness": "live", "status": "actual", "summary": "",
    }))
    .unwrap()
}

fn output(offset: u64, n: u32, alert: Alert) -> Output {
    Output { offset, n, said: alert.into() }
}

#[allow(clippy::unnecessary_wraps)] // other look-ups fail
fn none(_: u64) -> Found {
    Ok(None)
}

fn open() -> (tempfile::TempDir, Desk) {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(&folder.path().join("desk.db")).unwrap();
    (folder, desk)
}

fn log_json(desk: &Desk) -> Vec<String> {
    desk.log(0, 100_000).unwrap().into_iter().map(|row| row.json).collect()
}

#[test]
fn what_was_applied_is_there_after_a_restart() {
    let (folder, desk) = open();
    let head = desk.head();
    desk.apply(&[output(3, 0, alert(1, 1, false)), output(3, 1, alert(2, 1, false))], 5, &none).unwrap();
    assert_eq!(*head.borrow(), 2);
    drop(desk);
    let desk = Desk::open(&folder.path().join("desk.db")).unwrap();
    assert_eq!(desk.cursor().unwrap(), 5);
    assert_eq!(*desk.head().borrow(), 2);
    assert_eq!(desk.alert(id(2)).unwrap().unwrap().revision, 1);
    assert_eq!(desk.counts().unwrap(), Counts { open: 2, total: 2 });
}

#[test]
fn the_log_holds_the_very_text_that_the_engine_alert_has() {
    let (_folder, desk) = open();
    let said = alert(1, 1, false);
    desk.apply(&[output(1, 0, said.clone())], 1, &none).unwrap();
    assert_eq!(log_json(&desk), [serde_json::to_string(&said).unwrap()]);
}

#[test]
fn a_rebuilt_engine_ends_what_it_does_not_know_and_counts_on() {
    let (_folder, desk) = open();
    let outputs =
        [output(1, 0, alert(1, 1, false)), output(2, 0, alert(1, 2, false)), output(2, 1, alert(2, 1, false))];
    desk.apply(&outputs, 4, &none).unwrap();
    let at = Time::from_nanos(i64::MAX / 2);
    assert_eq!(desk.end_unknown(&BTreeSet::from([id(1)]), at).unwrap(), 1);
    assert_eq!(desk.end_unknown(&BTreeSet::from([id(1)]), at).unwrap(), 0, "a second time there is nothing to end");
    let ended = desk.alert(id(2)).unwrap().unwrap();
    assert_eq!((ended.revision, ended.ended, ended.ended_reason.as_deref()), (2, Some(at), Some("engine_changed")));
    // The rebuilt engine says revisions 1 and 3 of an alert that then has two and three here.
    desk.apply(&[output(5, 0, alert(1, 1, false)), output(6, 0, alert(1, 3, true))], 6, &none).unwrap();
    let history = desk.history(id(1)).unwrap();
    assert_eq!(history.iter().map(|row| row.alert.revision).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(desk.counts().unwrap(), Counts { open: 0, total: 2 });
    assert_eq!(desk.log(0, 100).unwrap().iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn cited_readings_are_copied_once_and_kept() {
    let (_folder, desk) = open();
    let mut first = alert(1, 1, false);
    first.evidence = vec![Evidence {
        offset: 7,
        device: "d1".parse().unwrap(),
        boot: 1,
        seq: 2,
        time: first.started,
        kind: "health".into(),
    }];
    let mut second = first.clone();
    second.revision = 2;
    let asked = std::cell::Cell::new(0);
    let find = |offset| {
        asked.set(asked.get() + 1);
        Ok((offset == 7).then(|| (Encoding::Cbor, vec![1, 2, 3])))
    };
    desk.apply(&[output(8, 0, first)], 8, &find).unwrap();
    desk.apply(&[output(9, 0, second)], 9, &find).unwrap();
    assert_eq!(asked.get(), 1);
    let kept = desk.evidence(7).unwrap().unwrap();
    assert_eq!((kept.encoding, kept.bytes), (Encoding::Cbor, vec![1, 2, 3]));
    assert_eq!(desk.evidence(8).unwrap(), None);
}

#[test]
fn where_a_look_up_fails_nothing_is_taken_in_and_the_next_attempt_keeps_the_evidence() {
    let (_folder, desk) = open();
    let mut said = alert(1, 1, false);
    said.evidence = vec![Evidence {
        offset: 7,
        device: "d1".parse().unwrap(),
        boot: 1,
        seq: 2,
        time: said.started,
        kind: "reject".into(),
    }];
    let failing = |_| Err("the disk does not answer".into());
    let error = desk.apply(&[output(8, 0, said.clone())], 8, &failing).unwrap_err();
    assert!(matches!(error, DeskError::Cited { offset: 7, .. }), "{error}");
    assert_eq!((desk.cursor().unwrap(), *desk.head().borrow()), (0, 0));
    desk.apply(&[output(8, 0, said)], 8, &|_| Ok(Some((Encoding::Json, vec![9])))).unwrap();
    assert_eq!(desk.evidence(7).unwrap().unwrap().bytes, [9]);
}

#[test]
fn lists_filter_and_page_from_the_latest_opened() {
    let (_folder, desk) = open();
    let outputs: Vec<Output> = (0..8).map(|number| output(1, number.into(), alert(number, 1, number == 5))).collect();
    desk.apply(&outputs, 1, &none).unwrap();
    let numbers = |filter: &AlertFilter| {
        let page = desk.alerts(filter).unwrap();
        (page.items.iter().map(|alert| alert.id.as_u128() - 1).collect::<Vec<_>>(), page.next)
    };
    let first = AlertFilter { limit: 3, ..AlertFilter::default() };
    let (items, next) = numbers(&first);
    assert_eq!(items, [7, 6, 5]);
    assert_eq!(numbers(&AlertFilter { cursor: next, ..first.clone() }).0, [4, 3, 2]);
    let all = AlertFilter { limit: 100, ..AlertFilter::default() };
    assert_eq!(numbers(&all), ((0..8).rev().collect(), None));
    assert_eq!(numbers(&AlertFilter { state: Some(AlertState::Ended), ..all.clone() }).0, [5]);
    assert_eq!(
        numbers(&AlertFilter { state: Some(AlertState::Open), rule: Some("odd".into()), ..all.clone() }).0,
        [7, 3, 1]
    );
    assert_eq!(numbers(&AlertFilter { severity: Some(Severity::Severe), ..all.clone() }).0, [7, 6, 5, 4]);
    let at = |second: i64| Some(Time::from_nanos(second * 1_000_000_000));
    assert_eq!(numbers(&AlertFilter { from: at(6_001), ..all.clone() }).0, [7, 6]);
    assert_eq!(numbers(&AlertFilter { to: at(2_000), ..all }).0, [1, 0]);
}

fn event(number: u8, revision: u32, ended: bool) -> Event {
    let mut json = serde_json::to_value(alert(number, revision, ended)).unwrap();
    json["id"] = Uuid::from_u128(1_000 + u128::from(number)).to_string().into();
    json["kind"] = "permitted".into();
    json["permission"] = "permission 1".into();
    serde_json::from_value(json).unwrap()
}

#[test]
fn events_have_a_log_of_their_own_under_the_same_numbering() {
    let (_folder, desk) = open();
    let say = |offset, n, event: Event| Output { offset, n, said: event.into() };
    let outputs = [
        say(1, 0, event(1, 1, false)),
        output(1, 1, alert(2, 1, false)),
        say(1, 2, event(2, 1, false)),
        say(2, 0, event(1, 2, true)),
    ];
    desk.apply(&outputs, 2, &none).unwrap();
    desk.apply(&outputs, 2, &none).unwrap();
    let log = desk.event_log(0, 100).unwrap();
    assert_eq!(
        log.iter().map(|row| (row.seq, row.offset, row.n)).collect::<Vec<_>>(),
        [(1, 1, 0), (2, 1, 2), (3, 2, 0)]
    );
    assert_eq!(desk.event_counts().unwrap(), Counts { open: 1, total: 2 });
    assert_eq!((*desk.head().borrow(), *desk.event_head().borrow()), (1, 3));
    let filter = EventFilter { limit: 1, ..EventFilter::default() };
    let first = desk.events(&filter).unwrap();
    assert_eq!(first.items, [event(2, 1, false)]);
    let second = desk.events(&EventFilter { cursor: first.next, ..filter.clone() }).unwrap();
    assert_eq!((second.items, second.next), (vec![event(1, 2, true)], None));
    let of_subject = EventFilter { subject: Some("device:d2".to_owned()), limit: 9, ..filter.clone() };
    assert_eq!(desk.events(&of_subject).unwrap().items.len(), 1);
    let open_ones = EventFilter { state: Some(AlertState::Open), zone: Some("none".to_owned()), ..filter };
    assert!(desk.events(&open_ones).unwrap().items.is_empty());
    // A rebuilt engine knows the alert and not the event.
    let at = Time::from_nanos(i64::MAX / 2);
    assert_eq!(desk.end_unknown(&BTreeSet::from([id(2)]), at).unwrap(), 1);
    let ended = desk.event(Uuid::from_u128(1_002)).unwrap().unwrap();
    assert_eq!((ended.revision, ended.ended_reason.as_deref()), (2, Some("engine_changed")));
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let (folder, desk) = open();
    drop(desk);
    let path = folder.path().join("desk.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = Desk::open(&path).unwrap_err();
    assert!(matches!(error, DeskError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn a_desk_that_cannot_be_written_says_so_and_keeps_nothing_half() {
    let (_folder, desk) = open();
    desk.inner.writer.lock().unwrap().pragma_update(None, "query_only", true).unwrap();
    let error = desk.apply(&[output(1, 0, alert(1, 1, false))], 1, &none).unwrap_err();
    assert!(matches!(error, DeskError::Write { .. }), "{error}");
    assert_eq!(desk.cursor().unwrap(), 0);
    assert_eq!(*desk.head().borrow(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(10), ..ProptestConfig::default() })]

    /// However a run is cut into batches, and however often parts of it are said again
    /// after restarts, the log is what one uninterrupted run gives.
    #[test]
    fn saying_it_again_changes_nothing(
        said in prop::collection::vec((0_u8..6, any::<bool>(), 0_u64..3), 1..40),
        cuts in prop::collection::vec((0_usize..40, 0_usize..40, any::<bool>()), 1..12),
    ) {
        let mut revisions: BTreeMap<u8, u32> = BTreeMap::new();
        let (mut offset, mut n) = (1, 0);
        let mut outputs = Vec::new();
        for (number, ended, step) in said {
            let revision = revisions.entry(number).or_insert(0);
            *revision += 1;
            n = if step == 0 { n + 1 } else { 0 };
            offset += step;
            outputs.push(output(offset, n, alert(number, *revision, ended)));
        }
        let (folder, mut desk) = open();
        let mut reached = 0;
        for (back, ahead, restart) in cuts.into_iter().chain([(40, 40, true)]) {
            if restart {
                drop(desk);
                desk = Desk::open(&folder.path().join("desk.db")).unwrap();
            }
            // From somewhere at or before what is applied, as from an older snapshot, to somewhere after.
            let from = reached - back.min(reached);
            let through = outputs[(reached + ahead).min(outputs.len() - 1)].offset;
            let batch: Vec<Output> =
                outputs[from..].iter().filter(|output| output.offset <= through).cloned().collect();
            desk.apply(&batch, through, &none).unwrap();
            reached = outputs.partition_point(|output| output.offset <= desk.cursor().unwrap());
        }
        let expected: Vec<String> =
            outputs.iter().map(|output| serde_json::to_string(output.said.alert().unwrap()).unwrap()).collect();
        prop_assert_eq!(log_json(&desk), expected);
        let seqs: Vec<u64> = desk.log(0, 1_000).unwrap().iter().map(|row| row.seq).collect();
        prop_assert_eq!(seqs, (1..=outputs.len() as u64).collect::<Vec<_>>());
    }
}
