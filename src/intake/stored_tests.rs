//! What devices are told and when, by examples and against a slow model.

use proptest::prelude::*;
use truceline_core::log::{Decoded, ReadingEntry};
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, TimeBasis};

use super::*;

const INTERVAL: Duration = Duration::from_secs(10);

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn reading(device: &str, boot: u32, seq: u64) -> About {
    About::of(&[Body::Reading(ReadingEntry {
        station: id("st01"),
        device: id(device),
        incarnation: 0,
        boot,
        seq,
        time: Time::from_nanos(0),
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: Vec::new(),
        decoded: Decoded::default(),
    })])
}

fn board() -> StoredBoard {
    StoredBoard::new(INTERVAL, 1000)
}

fn boots(due: &[Due]) -> Vec<u32> {
    due.iter().map(|due| due.subject.boot).collect()
}

#[test]
fn the_first_message_after_a_quiet_time_goes_within_a_second_and_the_next_after_the_interval() {
    let mut board = board();
    let start = Instant::now();
    board.note(&reading("a", 1, 1), &[Outcome::Stored(1)], start);
    assert_eq!(boots(&board.take_due(start + Duration::from_secs(1), 50)), [1]);
    let sent = start + Duration::from_secs(1);
    board.note(&reading("a", 1, 2), &[Outcome::Stored(2)], sent);
    assert!(board.take_due(sent + Duration::from_millis(9_999), 50).is_empty());
    assert_eq!(boots(&board.take_due(sent + INTERVAL, 50)), [1]);
    assert!(board.take_due(sent + 3 * INTERVAL, 50).is_empty(), "nothing new happened");
}

#[test]
fn a_duplicate_is_told_again() {
    let mut board = board();
    let start = Instant::now();
    board.note(&reading("a", 1, 1), &[Outcome::Duplicate], start);
    assert_eq!(boots(&board.take_due(start + INTERVAL, 50)), [1]);
}

#[test]
fn several_boots_are_told_one_by_one_and_the_one_heard_last_comes_last() {
    let mut board = board();
    let start = Instant::now();
    for boot in [7, 3, 9, 7] {
        board.note(&reading("a", boot, 1), &[Outcome::Stored(1)], start);
    }
    assert_eq!(boots(&board.take_due(start + INTERVAL, 50)), [3, 9, 7]);
}

#[test]
fn a_conflict_is_told_as_a_conflicting_duplicate() {
    let mut board = board();
    let start = Instant::now();
    board.note(&reading("a", 1, 4712), &[Outcome::Conflict], start);
    let due = board.take_due(start + INTERVAL, 50);
    assert_eq!(due[0].rejected, [(4712, RejectReason::ConflictingDuplicate)]);
    let message = due[0].message(vec![(0, 4711)]);
    assert_eq!(
        serde_json::to_string(&message).unwrap(),
        r#"{"v":1,"boot":1,"stored":[[0,4711]],"rejected":[[4712,"conflicting_duplicate"]]}"#
    );
}

#[test]
fn the_newest_ranges_and_rejects_are_told_and_no_more_than_the_contract_allows() {
    let mut board = board();
    let start = Instant::now();
    for seq in 0..100 {
        board.note(&reading("a", 1, seq), &[Outcome::Conflict], start);
    }
    let due = board.take_due(start + INTERVAL, 50);
    let message = due[0].message((0..100).map(|n| (10 * n, 10 * n + 5)).collect());
    assert_eq!((message.stored.len(), message.stored[0], message.stored[31]), (32, (680, 685), (990, 995)));
    assert_eq!((message.rejected.len(), message.rejected[0].0, message.rejected[31].0), (32, 68, 99));
}

#[test]
fn beyond_its_devices_the_board_refuses_until_some_have_been_told() {
    let mut board = StoredBoard::new(INTERVAL, 2);
    let start = Instant::now();
    let note = |board: &mut StoredBoard, device: &str| board.note(&reading(device, 1, 1), &[Outcome::Stored(1)], start);
    assert_eq!((note(&mut board, "a"), note(&mut board, "b"), note(&mut board, "c")), (0, 0, 1));
    assert_eq!(board.take_due(start + INTERVAL, 50).len(), 2);
    assert_eq!(note(&mut board, "c"), 0);
}

#[test]
fn who_is_strange_is_told_nothing_and_what_came_too_fast_is_told_until_it_is_stored() {
    let mut board = board();
    let start = Instant::now();
    let reject = |reason| About {
        from: Some((id("st01"), id("a"))),
        bodies: vec![Told::Reject { reason, identity: Some((1, 7)) }],
    };
    for reason in [RejectReason::TopicMismatch, RejectReason::UnknownDevice] {
        board.note(&reject(reason), &[Outcome::Stored(1)], start);
    }
    assert!(board.take_due(start + INTERVAL, 50).is_empty());
    board.note(&reject(RejectReason::RateLimited), &[Outcome::Stored(1)], start);
    let rejected = |board: &mut StoredBoard, intervals: u32, ranges: &[(u64, u64)]| {
        board.take_due(start + intervals * INTERVAL, 50)[0].message(ranges.to_vec()).rejected
    };
    assert_eq!(rejected(&mut board, 1, &[(0, 6), (8, 9)]), [(7, "rate_limited".to_owned())]);
    board.note(&reading("a", 1, 7), &[Outcome::Stored(2)], start + INTERVAL);
    assert_eq!(rejected(&mut board, 2, &[(0, 9)]), []);
    board.note(&reject(RejectReason::OutOfRange), &[Outcome::Stored(3)], start + 2 * INTERVAL);
    board.note(&reading("a", 1, 7), &[Outcome::Duplicate], start + 2 * INTERVAL);
    assert_eq!(rejected(&mut board, 3, &[(0, 9)]), [(7, "out_of_range".to_owned())]);
    // One gap too many: it was not stored.
    board.note(&reading("a", 1, 12), &[Outcome::Counted], start + 3 * INTERVAL);
    let told = [(7, "out_of_range".to_owned()), (12, "rate_limited".to_owned())];
    assert_eq!(rejected(&mut board, 4, &[(0, 9)]), told);
}

#[test]
fn of_more_boots_than_can_wait_the_oldest_is_dropped_and_counted() {
    let mut board = board();
    let start = Instant::now();
    let note = |board: &mut StoredBoard, boot| board.note(&reading("a", boot, 1), &[Outcome::Stored(1)], start);
    assert_eq!((1..=9).map(|boot| note(&mut board, boot)).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(boots(&board.take_due(start + INTERVAL, 50)), [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(note(&mut board, 1), 0, "one that was told makes room");
}

#[test]
fn a_message_that_the_broker_refused_is_due_again_after_its_pause_and_not_before() {
    let mut board = board();
    let start = Instant::now();
    board.note(&reading("a", 1, 1), &[Outcome::Stored(1)], start);
    let due = board.take_due(start + INTERVAL, 50);
    let (refused, pause) = (start + INTERVAL, 6 * INTERVAL);
    board.again_after(&due[0].subject, refused, pause);
    board.note(&reading("a", 1, 2), &[Outcome::Stored(2)], refused);
    assert!(board.take_due(refused + Duration::from_millis(59_999), 50).is_empty());
    assert_eq!(boots(&board.take_due(refused + pause, 50)), [1]);
    assert!(!board.has_waiting());
}

#[test]
fn what_the_broker_did_not_confirm_is_known_when_the_connection_is_gone() {
    let mut deliveries = Deliveries::default();
    let subject = |boot| Subject { station: id("st01"), device: id("a"), boot };
    for boot in 1..=4 {
        deliveries.queued(subject(boot));
    }
    for packet in 1..=3 {
        deliveries.written(packet);
    }
    assert_eq!(deliveries.confirmed(2), Some(subject(2)));
    assert_eq!(deliveries.confirmed(2), None);
    assert_eq!(deliveries.lost(), [subject(1), subject(3), subject(4)]);
    assert_eq!(deliveries.len(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Note { device: usize, boot: u32 },
    Wait { millis: u64 },
    Take { at_most: usize, fails: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..3, 0_u32..3).prop_map(|(device, boot)| Step::Note { device, boot }),
        3 => (0_u64..15_000).prop_map(|millis| Step::Wait { millis }),
        3 => (1_usize..5, prop::bool::weighted(0.2)).prop_map(|(at_most, fails)| Step::Take { at_most, fails }),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #[test]
    fn no_device_is_told_more_often_than_the_interval_and_none_is_forgotten(steps in steps()) {
        let devices = [id("a"), id("b"), id("c")];
        let mut board = board();
        let mut now = Instant::now();
        let mut told: BTreeMap<Id, Instant> = BTreeMap::new();
        let mut owed: BTreeSet<(Id, u32)> = BTreeSet::new();
        let mut seq = 0;
        let check = |board: &mut StoredBoard, now: Instant, at_most: usize, told: &mut BTreeMap<Id, Instant>,
                     owed: &mut BTreeSet<(Id, u32)>| {
            let due = board.take_due(now, at_most);
            for one in &due {
                let device = one.subject.device.clone();
                assert!(told.get(&device).is_none_or(|last| *last == now || now - *last >= INTERVAL));
                assert!(owed.remove(&(device.clone(), one.subject.boot)), "told without news");
                told.insert(device, now);
            }
            due
        };
        for step in steps {
            match step {
                Step::Note { device, boot } => {
                    seq += 1;
                    board.note(&reading(devices[device].as_str(), boot, seq), &[Outcome::Stored(seq)], now);
                    owed.insert((devices[device].clone(), boot));
                }
                Step::Wait { millis } => now += Duration::from_millis(millis),
                Step::Take { at_most, fails } => {
                    let due = check(&mut board, now, at_most, &mut told, &mut owed);
                    for one in due.iter().filter(|_| fails) {
                        board.again(&one.subject, now);
                        owed.insert((one.subject.device.clone(), one.subject.boot));
                    }
                    // A device whose message failed is told the rest after the interval, so no more at this instant.
                    now += Duration::from_millis(1);
                }
            }
        }
        now += 2 * INTERVAL;
        check(&mut board, now, usize::MAX, &mut told, &mut owed);
        prop_assert!(owed.is_empty(), "never told: {owed:?}");
    }
}
