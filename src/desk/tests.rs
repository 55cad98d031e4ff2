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
fn a_row_that_is_no_alert_hides_no_other() {
    let (folder, desk) = open();
    let outputs =
        [output(1, 0, alert(1, 1, false)), output(2, 0, alert(2, 1, false)), output(3, 0, alert(3, 1, false))];
    desk.apply(&outputs, 4, &none).unwrap();
    let file = Connection::open(folder.path().join("desk.db")).unwrap();
    file.execute("UPDATE alert_log SET json = '{\"torn' WHERE seq = 2", []).unwrap();
    let rows = desk.log(0, 100).unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.seq, row.said.is_ok())).collect::<Vec<_>>(),
        [(1, true), (2, false), (3, true)]
    );
    let why = rows[1].said.as_ref().unwrap_err();
    assert!(why.contains(&id(2).to_string()) && rows[1].json == "{\"torn", "{why}");
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
    assert_eq!(history.iter().map(|row| row.said.as_ref().unwrap().revision).collect::<Vec<_>>(), [1, 2, 3, 4]);
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

mod deciding {
    use truceline_core::review::{Act, Outcome, Person, Role, Stage};

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_nanos(1_750_000_000_000_000_000 + seconds * 1_000_000_000)
    }

    fn person(name: &str, role: Role) -> Person {
        Person { name: name.to_owned(), role }
    }

    fn reason() -> String {
        "heard by nobody else".to_owned()
    }

    fn dismiss() -> Act {
        Act::Conclude { outcome: Outcome::Dismissed, reason: reason() }
    }

    fn add(desk: &Desk, name: &str, role: Role) {
        let change = Change::Add { name: name.to_owned(), role, password: "hash".to_owned() };
        desk.change_people("cli", at(0), change).unwrap();
    }

    fn audited(desk: &Desk) -> Vec<String> {
        let entries = desk.audit_log(None, 1_000).unwrap();
        entries.into_iter().map(|entry| format!("{} {} {}", entry.actor, entry.action, entry.subject)).collect()
    }

    #[test]
    fn a_review_is_there_after_a_restart_with_its_steps_and_its_audit() {
        let (folder, desk) = open();
        desk.apply(&[output(3, 0, alert(1, 1, false))], 3, &none).unwrap();
        let one = person("one", Role::Analyst);
        let review = desk.act(id(1), 0, &one, at(1), Act::Take {}).unwrap();
        assert_eq!((review.revision, review.stage), (1, Stage::UnderReview));
        let stale = desk.act(id(1), 0, &one, at(2), dismiss());
        assert!(matches!(stale, Err(ActError::Refused(_))), "{stale:?}");
        let review = desk.act(id(1), 1, &one, at(3), dismiss()).unwrap();
        drop(desk);
        let desk = Desk::open(&folder.path().join("desk.db")).unwrap();
        assert_eq!(desk.review(id(1)).unwrap(), review);
        let steps = desk.review_steps(id(1), 0, 10).unwrap();
        assert_eq!(steps.iter().map(|step| step.n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(audited(&desk), [format!("one review {}", id(1)), format!("one review {}", id(1))]);
        assert!(matches!(desk.verify_audit(Vec::new()).unwrap(), AuditState::Holds { entries: 2, .. }));
        assert!(matches!(desk.act(id(9), 0, &one, at(4), Act::Take {}), Err(ActError::NoAlert(_))));
    }

    #[test]
    fn new_evidence_opens_a_closed_review_once_however_often_it_is_applied() {
        let (_folder, desk) = open();
        let one = person("one", Role::Analyst);
        desk.apply(&[output(3, 0, alert(1, 1, false))], 3, &none).unwrap();
        desk.act(id(1), 0, &one, at(1), Act::Take {}).unwrap();
        desk.act(id(1), 1, &one, at(2), dismiss()).unwrap();
        // The model's alerts have as many detections as revisions.
        for _ in 0..2 {
            desk.apply(&[output(4, 0, alert(1, 2, false))], 4, &none).unwrap();
        }
        let review = desk.review(id(1)).unwrap();
        assert_eq!((review.stage, review.revision, review.new_evidence), (Stage::Suspected, 3, true));
        desk.apply(&[output(5, 0, alert(2, 1, false))], 5, &none).unwrap();
        assert_eq!(desk.review(id(2)).unwrap().revision, 0, "what nobody reviewed has no review");
    }

    #[test]
    fn what_an_act_names_has_to_be_there() {
        let (_folder, desk) = open();
        desk.apply(&[output(3, 0, alert(1, 1, false)), output(3, 1, alert(2, 1, false))], 3, &none).unwrap();
        add(&desk, "root", Role::Admin);
        add(&desk, "ana", Role::Analyst);
        add(&desk, "vic", Role::Viewer);
        let one = person("ana", Role::Analyst);
        let refused = |act| match desk.act(id(1), 0, &one, at(1), act) {
            Err(ActError::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        };
        let supersede = |by| Act::Supersede { by, reason: reason() };
        assert!(refused(supersede(id(1))).contains("itself"));
        assert!(refused(supersede(id(9))).contains("there is no alert"));
        assert!(refused(Act::Assign { to: Some("nobody".into()) }).contains("nobody"));
        assert!(refused(Act::Assign { to: Some("vic".into()) }).contains("viewer"));
        assert_eq!(audited(&desk).len(), 3, "what is refused leaves no entry");
        desk.act(id(1), 0, &one, at(1), Act::Assign { to: Some("ana".into()) }).unwrap();
        desk.act(id(1), 1, &one, at(1), supersede(id(2))).unwrap();
    }

    #[test]
    fn a_file_is_stored_once_by_its_hash() {
        let (_folder, desk) = open();
        desk.apply(&[output(3, 0, alert(1, 1, false)), output(3, 1, alert(2, 1, false))], 3, &none).unwrap();
        let one = person("one", Role::Analyst);
        let upload = Upload { name: "crater.jpg".into(), media_type: "image/jpeg".into(), bytes: vec![7; 9] };
        for alert in [id(1), id(2)] {
            assert_eq!(desk.attach(alert, &one, at(1), upload.clone()).unwrap().attachments, 1);
        }
        let steps = desk.review_steps(id(2), 0, 9).unwrap();
        let truceline_core::review::Done::Attached(file) = &steps[0].done else { panic!("{steps:?}") };
        assert_eq!(file.size, 9);
        assert_eq!(desk.attached(&file.sha256).unwrap(), Some(vec![7; 9]));
        let large = Upload { bytes: vec![0; (10 << 20) + 1], ..upload };
        assert!(matches!(desk.attach(id(1), &one, at(2), large), Err(ActError::Refused(_))));
    }

    #[test]
    fn the_last_admin_stays() {
        let (_folder, desk) = open();
        add(&desk, "root", Role::Admin);
        let change = |change| desk.change_people("root", at(1), change);
        let disable = |name: &str| Change::SetDisabled { name: name.to_owned(), disabled: true };
        let demote = |name: &str| Change::SetRole { name: name.to_owned(), role: Role::Analyst };
        assert!(matches!(change(disable("root")), Err(PeopleError::LastAdmin(_))));
        assert!(matches!(change(demote("root")), Err(PeopleError::LastAdmin(_))));
        add(&desk, "other", Role::Admin);
        change(demote("root")).unwrap();
        assert!(matches!(change(disable("other")), Err(PeopleError::LastAdmin(_))));
        assert!(matches!(change(disable("nobody")), Err(PeopleError::Unknown(_))));
        let again = Change::Add { name: "root".into(), role: Role::Admin, password: "x".into() };
        assert!(matches!(change(again), Err(PeopleError::Taken(_))));
    }

    #[test]
    fn a_session_ends_by_time_by_sign_out_and_by_every_change_of_its_person() {
        let (_folder, desk) = open();
        add(&desk, "root", Role::Admin);
        add(&desk, "ana", Role::Analyst);
        let hash = |n: u8| [n; 32];
        let begin = |n| desk.begin_session("ana", hash(n), "csrf", at(0), at(100)).unwrap();
        let there = |n, now| desk.session(&hash(n), at(now)).unwrap();
        begin(1);
        assert_eq!(there(1, 99).map(|caller| (caller.name, caller.role)), Some(("ana".into(), Role::Analyst)));
        assert_eq!(there(1, 100), None, "it is over");
        assert_eq!(there(2, 0), None, "another secret");
        desk.end_session("ana", hash(1), at(5)).unwrap();
        assert_eq!(there(1, 6), None);
        for change in [
            Change::SetRole { name: "ana".into(), role: Role::Supervisor },
            Change::SetPassword { name: "ana".into(), password: "new".into() },
            Change::SetDisabled { name: "ana".into(), disabled: true },
        ] {
            begin(3);
            assert!(there(3, 7).is_some());
            desk.change_people("root", at(7), change.clone()).unwrap();
            assert_eq!(there(3, 7), None, "{change:?}");
        }
        assert!(desk.person("ana").unwrap().is_none(), "who is disabled does not sign in");
        let told = audited(&desk);
        assert!(told.contains(&"ana signed_in ana".to_owned()) && told.contains(&"ana signed_out ana".to_owned()));
    }

    #[test]
    fn only_so_many_sessions_of_one_person_are_open() {
        let (_folder, desk) = open();
        add(&desk, "ana", Role::Admin);
        for n in 0..20_u8 {
            desk.begin_session("ana", [n; 32], "csrf", at(i64::from(n)), at(1_000)).unwrap();
        }
        let open: Vec<u8> = (0..20).filter(|n| desk.session(&[*n; 32], at(30)).unwrap().is_some()).collect();
        assert_eq!(open, (10..20).collect::<Vec<u8>>());
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked() {
        let (_folder, desk) = open();
        let token = |id: &str| TokenRow {
            id: id.to_owned(),
            name: "grafana".into(),
            role: Role::Viewer,
            made_by: String::new(),
            made_at: at(0),
            expires_at: at(100),
            revoked_at: None,
        };
        for n in 1..=2 {
            let change = Change::AddToken { token: token(&format!("t{n}")), hash: [n; 32] };
            desk.change_people("root", at(0), change).unwrap();
        }
        let caller = desk.token(&[1; 32], at(99)).unwrap().unwrap();
        assert_eq!((caller.name.as_str(), caller.role, caller.csrf), ("token:t1", Role::Viewer, None));
        assert!(desk.token(&[1; 32], at(100)).unwrap().is_none());
        desk.change_people("root", at(5), Change::RevokeToken { id: "t2".into() }).unwrap();
        assert!(desk.token(&[2; 32], at(6)).unwrap().is_none());
        assert_eq!(desk.tokens().unwrap().len(), 2);
    }
}
