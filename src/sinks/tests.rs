//! The loop of every sink, over a log in memory and another side that fails as told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use truceline_core::time::{Span, Time};

use super::cursors::{Place, Step};
use super::worker::{self, Delivered, Delivery, Pace, Setback, Worker};
use super::*;

/// A row: its position, and the second at which it was written.
type Pair = (u64, i64);

#[derive(Clone)]
struct World {
    rows: Arc<Mutex<Vec<Pair>>>,
    head: watch::Sender<u64>,
    clock: Arc<AtomicI64>,
    /// How often the clock was looked at.
    looks: watch::Sender<u64>,
    arrived: Arc<Mutex<Vec<u64>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    attempts: Arc<Mutex<usize>>,
    /// What a probe finds wrong.
    trouble: Arc<Mutex<Option<Setback>>>,
    probes: watch::Sender<u64>,
    /// A row that the log has and cannot give.
    unreadable: Arc<Mutex<Option<u64>>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Unreachable,
    Refused,
    /// Delivers, but the answer is lost.
    Lost,
    GiveUp(u64),
}

struct Log(World);
struct OtherSide(World);

impl Source<Pair> for Log {
    fn read(&self, after: u64, max: usize) -> Result<Vec<Found<Pair>>, SourceError> {
        let bad = *self.0.unreadable.lock().unwrap();
        let found = |row: Pair| match row {
            (position, _) if Some(position) == bad => {
                let (line, error) = ("torn".to_owned(), "no row".to_owned());
                Err(BadRow { position, written_at: row.written_at(), line, error })
            }
            row => Ok(row),
        };
        let rows = self.0.rows.lock().unwrap();
        Ok(rows.iter().filter(|row| row.0 > after).take(max).map(|row| found(*row)).collect())
    }
    fn head(&self) -> watch::Receiver<u64> {
        self.0.head.subscribe()
    }
}

impl Row for Pair {
    fn position(&self) -> u64 {
        self.0
    }
    fn written_at(&self) -> Time {
        Time::from_nanos(self.1 * 1_000_000_000)
    }
}

impl Delivery<Pair> for OtherSide {
    async fn deliver(&mut self, rows: Arc<Vec<Pair>>) -> Result<Delivered, Setback> {
        *self.0.attempts.lock().unwrap() += 1;
        let answer = self.0.answers.lock().unwrap().pop_front();
        let mut delivered = Delivered::default();
        match answer {
            Some(Answer::Unreachable) => return Err(Setback::Unreachable("down".to_owned())),
            Some(Answer::Refused) => return Err(Setback::Refused("no".to_owned())),
            Some(Answer::GiveUp(position)) => {
                delivered.dead_letters.push(DeadLetter { position, line: "line".to_owned(), error: "bad".to_owned() });
            }
            Some(Answer::Lost) | None => {}
        }
        let given_up = delivered.dead_letters.first().map(|letter| letter.position);
        let rows = rows.iter().map(|row| row.0).filter(|position| Some(*position) != given_up);
        self.0.arrived.lock().unwrap().extend(rows);
        if matches!(answer, Some(Answer::Lost)) {
            return Err(Setback::Unreachable("cut".to_owned()));
        }
        Ok(delivered)
    }

    async fn probe(&mut self) -> Result<(), Setback> {
        self.0.probes.send_modify(|probes| *probes += 1);
        self.0.trouble.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl World {
    fn new() -> Self {
        Self {
            rows: Arc::default(),
            head: watch::Sender::new(0),
            clock: Arc::new(AtomicI64::new(1_000)),
            looks: watch::Sender::new(0),
            arrived: Arc::default(),
            answers: Arc::default(),
            attempts: Arc::default(),
            trouble: Arc::default(),
            probes: watch::Sender::new(0),
            unreadable: Arc::default(),
        }
    }

    fn append(&self, positions: std::ops::RangeInclusive<u64>, at: i64) {
        let end = *positions.end();
        self.rows.lock().unwrap().extend(positions.map(|position| (position, at)));
        self.head.send_replace(end);
    }

    fn start(&self, cursors: &Cursors, pace: Pace, generation: Generation) -> (RunningSink, CancellationToken) {
        let (clock, looks) = (Arc::clone(&self.clock), self.looks.clone());
        let stop = CancellationToken::new();
        let sink = worker::start(Worker {
            place: place(generation),
            pace,
            log: Arc::new(Log(self.clone())),
            delivery: OtherSide(self.clone()),
            cursors: cursors.clone(),
            now: Arc::new(move || {
                looks.send_modify(|looks| *looks += 1);
                Time::from_nanos(clock.load(Ordering::SeqCst) * 1_000_000_000)
            }),
            stop: stop.clone(),
        });
        (sink, stop)
    }
}

fn place(generation: Generation) -> Place {
    Place { sink: "test", destination: String::new(), generation }
}

fn pace() -> Pace {
    let delays =
        Delays { first: Duration::from_millis(1), max: Duration::from_millis(4), refused: Duration::from_millis(5) };
    Pace {
        batch: 3,
        hold: Span::default(),
        linger: Duration::ZERO,
        max_lag: None,
        probe_every: Duration::from_secs(600),
        delays,
    }
}

fn cursors() -> (tempfile::TempDir, Cursors) {
    let folder = tempfile::tempdir().unwrap();
    let cursors = Cursors::open(&folder.path().join("sinks.db")).unwrap();
    (folder, cursors)
}

async fn reach(sink: &RunningSink, position: u64) -> SinkStatus {
    let mut status = sink.status.clone();
    let reached = status.wait_for(|status| status.position >= position && status.state == SinkState::CaughtUp);
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("in time").unwrap().clone()
}

#[tokio::test]
async fn each_row_arrives_in_order_and_once_across_restarts() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.append(1..=8, 0);
    let (sink, stop) = world.start(&cursors, pace(), Generation::default());
    reach(&sink, 8).await;
    world.append(9..=10, 0);
    reach(&sink, 10).await;
    stop.cancel();
    sink.task.await.unwrap();
    assert_eq!(sink.status.borrow().state, SinkState::Stopped);
    world.append(11..=12, 0);
    let (sink, _stop) = world.start(&cursors, pace(), Generation::default());
    reach(&sink, 12).await;
    assert_eq!(*world.arrived.lock().unwrap(), (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_not_confirmed_is_sent_again_and_nothing_is_left_out() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.answers.lock().unwrap().extend([Answer::Unreachable, Answer::Lost, Answer::Refused]);
    world.append(1..=4, 0);
    let (sink, _stop) = world.start(&cursors, pace(), Generation::default());
    reach(&sink, 4).await;
    assert_eq!(*world.arrived.lock().unwrap(), [1, 2, 3, 1, 2, 3, 4]);
}

/// Makes each commit of a cursor in the file fail, as on a full disk, or lets it be.
fn deny_commits(folder: &tempfile::TempDir, denied: bool) {
    let file = rusqlite::Connection::open(folder.path().join("sinks.db")).unwrap();
    file.busy_timeout(Duration::from_secs(10)).unwrap();
    file.execute_batch(if denied {
        "CREATE TRIGGER denied BEFORE INSERT ON cursor BEGIN SELECT RAISE(ABORT, 'no room'); END"
    } else {
        "DROP TRIGGER denied"
    })
    .unwrap();
}

#[tokio::test]
async fn whichever_step_of_a_round_fails_no_row_is_left_out_and_the_sink_goes_on() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Step {
        BeforeTheWrite,
        BetweenWriteAndCommit,
        InTheCommit,
    }
    let here = place(Generation::default());
    for step in [Step::BeforeTheWrite, Step::BetweenWriteAndCommit, Step::InTheCommit] {
        for restarts in [false, true] {
            for before in [0, 3, 4, 9] {
                let (folder, cursors) = cursors();
                let world = World::new();
                world.append(1..=before + 1, 0);
                let (sink, stop) = world.start(&cursors, pace(), Generation::default());
                reach(&sink, before + 1).await;
                match step {
                    Step::BeforeTheWrite => world.answers.lock().unwrap().extend([Answer::Unreachable; 4]),
                    Step::BetweenWriteAndCommit => world.answers.lock().unwrap().extend([Answer::Lost; 4]),
                    Step::InTheCommit => deny_commits(&folder, true),
                }
                world.append(before + 2..=before + 9, 0);
                let told = |status: &SinkStatus| match &status.state {
                    SinkState::Unreachable(why) => step != Step::InTheCommit || why.contains("no room"),
                    _ => false,
                };
                let mut status = sink.status.clone();
                let told = tokio::time::timeout(Duration::from_secs(60), status.wait_for(told)).await;
                assert_eq!(
                    told.expect("told in time").unwrap().position,
                    before + 1,
                    "{step:?}: what is not confirmed"
                );
                assert_eq!(cursors.position(&here).unwrap(), before + 1, "{step:?}: the cursor stays");
                if step == Step::InTheCommit {
                    deny_commits(&folder, false);
                }
                let sink = if restarts {
                    stop.cancel();
                    sink.task.await.unwrap();
                    world.start(&cursors, pace(), Generation::default()).0
                } else {
                    sink
                };
                let status = reach(&sink, before + 9).await;
                assert_eq!((status.dead_letters, status.missed), (0, 0), "{step:?}");
                assert_eq!(cursors.position(&here).unwrap(), before + 9);
                let mut first: Vec<u64> = Vec::new();
                for row in world.arrived.lock().unwrap().iter() {
                    if !first.contains(row) {
                        first.push(*row);
                    }
                }
                assert_eq!(first, (1..=before + 9).collect::<Vec<_>>(), "{step:?}: each, and in order");
            }
        }
    }
}

#[tokio::test]
async fn a_row_that_is_given_up_is_kept_as_a_dead_letter_and_stops_nothing() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.answers.lock().unwrap().push_back(Answer::GiveUp(2));
    world.append(1..=5, 0);
    let (sink, _stop) = world.start(&cursors, pace(), Generation::default());
    let status = reach(&sink, 5).await;
    assert_eq!(status.dead_letters, 1);
    assert_eq!(*world.arrived.lock().unwrap(), [1, 3, 4, 5]);
    let letters = cursors.dead_letters("test", 10).unwrap();
    assert_eq!(letters, [DeadLetter { position: 2, line: "line".to_owned(), error: "bad".to_owned() }]);
}

#[tokio::test]
async fn a_row_that_the_log_cannot_give_is_kept_as_a_dead_letter_and_stops_nothing() {
    for bad in 1..=5 {
        let (_folder, cursors) = cursors();
        let world = World::new();
        *world.unreadable.lock().unwrap() = Some(bad);
        world.append(1..=5, 0);
        let (sink, _stop) = world.start(&cursors, pace(), Generation::default());
        let status = reach(&sink, 5).await;
        assert_eq!((status.dead_letters, status.missed), (1, 0));
        assert_eq!(*world.arrived.lock().unwrap(), (1..=5).filter(|row| *row != bad).collect::<Vec<_>>());
        let letters = cursors.dead_letters("test", 10).unwrap();
        assert_eq!(letters, [DeadLetter { position: bad, line: "torn".to_owned(), error: "no row".to_owned() }]);
    }
}

#[tokio::test]
async fn a_refusal_is_told_as_such_until_something_is_delivered() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.answers.lock().unwrap().extend(std::iter::repeat_n(Answer::Refused, 10));
    world.append(1..=1, 0);
    let (sink, _stop) = world.start(&cursors, pace(), Generation::default());
    let mut status = sink.status.clone();
    status.wait_for(|status| status.state == SinkState::Refused("no".to_owned())).await.unwrap();
    assert_eq!(sink.status.borrow().lag_entries, 1);
    reach(&sink, 1).await;
    assert_eq!(*world.attempts.lock().unwrap(), 11);
}

#[tokio::test]
async fn while_it_waits_for_the_next_attempt_it_tells_how_far_behind_it_falls() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.answers.lock().unwrap().extend(std::iter::repeat_n(Answer::Unreachable, 1_000));
    world.append(1..=1, 0);
    let hour = Duration::from_secs(3_600);
    let pace = Pace { delays: Delays { first: hour, max: hour, refused: hour }, ..pace() };
    let (sink, _stop) = world.start(&cursors, pace, Generation::default());
    tell_of(&sink, SinkState::Unreachable("down".to_owned())).await;
    world.append(2..=500, 0);
    let mut status = sink.status.clone();
    let told = status.wait_for(|status| status.lag_entries == 500);
    tokio::time::timeout(Duration::from_secs(60), told).await.expect("in time").unwrap();
    assert_eq!(*world.attempts.lock().unwrap(), 1);
}

async fn tell_of(sink: &RunningSink, state: SinkState) {
    let mut status = sink.status.clone();
    let told = status.wait_for(|status| status.state == state);
    tokio::time::timeout(Duration::from_secs(60), told).await.expect("in time").unwrap();
}

#[tokio::test]
async fn with_nothing_to_deliver_the_other_side_is_found_absent_refusing_and_there() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    *world.trouble.lock().unwrap() = Some(Setback::Unreachable("absent".to_owned()));
    let pace = Pace { probe_every: Duration::from_millis(1), ..pace() };
    let (sink, _stop) = world.start(&cursors, pace, Generation::default());
    let mut seen = sink.status.clone();
    assert_eq!(seen.borrow_and_update().state, SinkState::Starting);
    seen.changed().await.unwrap();
    assert_eq!(seen.borrow().state, SinkState::Unreachable("absent".to_owned()), "never caught up before");
    *world.trouble.lock().unwrap() = Some(Setback::Refused("who?".to_owned()));
    tell_of(&sink, SinkState::Refused("who?".to_owned())).await;
    *world.trouble.lock().unwrap() = None;
    tell_of(&sink, SinkState::CaughtUp).await;
    *world.trouble.lock().unwrap() = Some(Setback::Unreachable("gone".to_owned()));
    tell_of(&sink, SinkState::Unreachable("gone".to_owned())).await;
    *world.trouble.lock().unwrap() = None;
    world.append(1..=2, 0);
    reach(&sink, 2).await;
    assert_eq!(*world.arrived.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn while_rows_wait_out_their_delay_the_other_side_is_probed_too() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.append(1..=1, 1_000);
    let pace = Pace { hold: Span::from_secs(100), probe_every: Duration::from_millis(1), ..pace() };
    let (sink, _stop) = world.start(&cursors, pace, Generation::default());
    tell_of(&sink, SinkState::CaughtUp).await;
    *world.trouble.lock().unwrap() = Some(Setback::Unreachable("gone".to_owned()));
    tell_of(&sink, SinkState::Unreachable("gone".to_owned())).await;
    *world.trouble.lock().unwrap() = None;
    tell_of(&sink, SinkState::CaughtUp).await;
    assert_eq!(*world.arrived.lock().unwrap(), [0_u64; 0]);
}

#[tokio::test]
async fn a_probe_that_succeeds_does_not_hide_that_deliveries_fail() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.answers.lock().unwrap().extend(std::iter::repeat_n(Answer::Refused, 20));
    let pace = Pace { probe_every: Duration::from_millis(1), ..pace() };
    let (sink, _stop) = world.start(&cursors, pace, Generation::default());
    tell_of(&sink, SinkState::CaughtUp).await;
    world.append(1..=1, 0);
    tell_of(&sink, SinkState::Refused("no".to_owned())).await;
    let probed = *world.probes.borrow();
    let mut states = sink.status.clone();
    while world.answers.lock().unwrap().len() > 1 {
        assert!(matches!(states.borrow_and_update().state, SinkState::Refused(_)));
        tokio::task::yield_now().await;
    }
    assert_eq!(*world.probes.borrow(), probed, "the delivery is the probe");
    reach(&sink, 1).await;
}

#[tokio::test]
async fn rows_wait_out_the_delay_and_then_leave() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.append(1..=2, 900);
    world.append(3..=3, 960);
    let (sink, _stop) = world.start(&cursors, Pace { hold: Span::from_secs(100), ..pace() }, Generation::default());
    let status = reach(&sink, 2).await;
    assert_eq!((status.position, status.lag_entries), (2, 1));
    assert_eq!(*world.arrived.lock().unwrap(), [1, 2]);
    world.clock.store(1_059, Ordering::SeqCst);
    let mut looks = world.looks.subscribe();
    let seen = *looks.borrow();
    looks.wait_for(|looks| *looks >= seen + 2).await.unwrap();
    assert_eq!(*world.arrived.lock().unwrap(), [1, 2], "a second too early");
    world.clock.store(1_060, Ordering::SeqCst);
    reach(&sink, 3).await;
    assert_eq!(*world.arrived.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn what_left_the_log_before_it_was_read_is_recorded_as_a_gap() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.append(1..=2, 0);
    world.append(6..=7, 0);
    let (sink, _stop) = world.start(&cursors, pace(), Generation::default());
    let status = reach(&sink, 7).await;
    assert_eq!(status.missed, 3);
    assert_eq!(*world.arrived.lock().unwrap(), [1, 2, 6, 7]);
    assert_eq!(cursors.gaps("test").unwrap(), [Gap { first: 3, last: 5 }]);
}

#[tokio::test]
async fn beyond_the_greatest_lag_the_oldest_are_skipped_and_recorded() {
    let (_folder, cursors) = cursors();
    let world = World::new();
    world.append(1..=20, 0);
    let (sink, _stop) = world.start(&cursors, Pace { max_lag: Some(5), ..pace() }, Generation::default());
    reach(&sink, 20).await;
    assert_eq!(*world.arrived.lock().unwrap(), [16, 17, 18, 19, 20]);
    assert_eq!(cursors.gaps("test").unwrap(), [Gap { first: 1, last: 15 }]);
}

#[test]
fn a_restored_log_is_read_from_where_its_new_life_began() {
    let (_folder, cursors) = cursors();
    let at = Time::from_nanos(0);
    cursors.advance(&place(Generation::default()), &Step { position: 50, ..Step::default() }, at).unwrap();
    let restored = Generation { number: 1, began_after: 30 };
    assert_eq!(cursors.position(&place(restored)).unwrap(), 30);
    cursors.advance(&place(restored), &Step { position: 40, ..Step::default() }, at).unwrap();
    assert_eq!(cursors.position(&place(restored)).unwrap(), 40);
}

#[test]
fn positions_that_a_restored_journal_takes_over_are_gone_on_from() {
    let (_folder, cursors) = cursors();
    let old = Generation { number: 7, began_after: 0 };
    let new = Generation { number: 8, began_after: 0 };
    cursors.advance(&place(old), &Step { position: 90, ..Step::default() }, Time::from_nanos(0)).unwrap();
    assert_eq!(cursors.position(&place(new)).unwrap(), 0, "another journal's positions mean nothing");
    cursors.adopt(8).unwrap();
    assert_eq!(cursors.position(&place(new)).unwrap(), 90);
}

#[test]
fn a_damaged_file_is_set_aside_and_every_sink_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sinks.db");
    let here = place(Generation::default());
    let filled = || {
        let cursors = Cursors::open(&path).unwrap();
        let letter = |position| DeadLetter { position, line: "x".repeat(900), error: String::new() };
        let dead_letters = (0..200).map(letter).collect();
        cursors.advance(&here, &Step { position: 90, dead_letters, gap: None }, Time::from_nanos(0)).unwrap();
    };
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes[..100].fill(7),
        |bytes| {
            let middle = bytes.len() / 2 / 4096 * 4096;
            bytes[middle..middle + 4096].fill(0xa5);
        },
        |bytes| bytes.truncate(bytes.len() / 2),
    ];
    for damage in damages {
        filled();
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let cursors = Cursors::open(&path).expect("a new one");
        assert_eq!(cursors.position(&here).unwrap(), 0);
        assert_eq!(std::fs::read(folder.path().join("sinks.db.damaged")).unwrap(), bytes, "kept for whoever asks");
        drop(cursors);
        assert_eq!(Cursors::open(&path).unwrap().position(&here).unwrap(), 0, "and the new one is sound");
    }
}

#[test]
fn another_destination_begins_at_the_beginning() {
    let (_folder, cursors) = cursors();
    let at = Time::from_nanos(0);
    cursors.advance(&place(Generation::default()), &Step { position: 50, ..Step::default() }, at).unwrap();
    let other = Place { destination: "elsewhere".to_owned(), ..place(Generation::default()) };
    assert_eq!(cursors.position(&other).unwrap(), 0);
}

#[test]
fn waits_double_up_to_the_greatest_and_never_vanish() {
    let delays = Delays::default();
    let mut backoff = backoff::Backoff::default();
    let waits: Vec<Duration> = (0..40).map(|_| backoff.next(&delays, false)).collect();
    assert!(waits[0] >= delays.first / 2 && waits[0] <= delays.first, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= delays.max), "{waits:?}");
    assert!(waits[20..].iter().all(|wait| *wait >= delays.max / 2), "{waits:?}");
    backoff.reset();
    assert!(backoff.next(&delays, true) >= delays.refused);
}
