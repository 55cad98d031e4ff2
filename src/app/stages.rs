//! The time between two stages, seen from outside: when the first one's mark passed a place in a log, and when the
//! second one's did.
//!
//! The parts tell their marks anyway, so no part times another one's work and no reading carries a time of its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::evaluator::EvaluatorStatus;
use crate::sinks::SinkStatus;

/// Marks remembered of a stage that the next one has not reached; beyond it batches go untimed.
const MOST: usize = 1_024;
/// The histogram of all these stages.
const METRIC: &str = "truceline_app_stage_seconds";

/// Times from a commit of the journal until all of it is judged, and what it caused is on the desk.
pub(super) fn time_desk(journal: watch::Receiver<u64>, evaluator: watch::Receiver<EvaluatorStatus>) {
    let histogram = metrics::histogram!(METRIC, "stage" => "commit_to_desk");
    tokio::spawn(follow(journal, evaluator, |status| status.offset, move |took| histogram.record(took)));
}

/// Times from a commit of the desk until its alerts are on the stream; what they are held back for is not counted.
pub(super) fn time_stream(desk: watch::Receiver<u64>, sink: watch::Receiver<SinkStatus>, held: Duration) {
    let histogram = metrics::histogram!(METRIC, "stage" => "desk_to_stream");
    let record = move |took: Duration| histogram.record(took.saturating_sub(held));
    tokio::spawn(follow(desk, sink, |status| status.position, record));
}

/// Runs until one of the two stages is gone.
async fn follow<T>(
    mut first: watch::Receiver<u64>,
    mut second: watch::Receiver<T>,
    position: impl Fn(&T) -> u64,
    record: impl Fn(Duration),
) {
    let mut marks = Marks::default();
    loop {
        tokio::select! {
            changed = first.changed() => {
                if changed.is_err() {
                    return;
                }
                let place = *first.borrow_and_update();
                marks.enter(place, Instant::now());
            }
            changed = second.changed(), if !marks.0.is_empty() => {
                if changed.is_err() {
                    return;
                }
            }
        }
        let reached = position(&second.borrow_and_update());
        marks.leave(reached, Instant::now(), &record);
    }
}

/// When places of a log were passed by the first stage, oldest first.
#[derive(Default)]
struct Marks(VecDeque<(u64, Instant)>);

impl Marks {
    fn enter(&mut self, place: u64, now: Instant) {
        if self.0.len() < MOST {
            self.0.push_back((place, now));
        }
    }

    fn leave(&mut self, reached: u64, now: Instant, record: impl Fn(Duration)) {
        while let Some((_, entered)) = self.0.front().copied().filter(|(place, _)| *place <= reached) {
            self.0.pop_front();
            record(now.saturating_duration_since(entered));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn a_batch_is_timed_once_when_the_second_stage_has_passed_its_end_and_not_before() {
        let (first, first_seen) = watch::channel(0);
        let (second, second_seen) = watch::channel(0);
        let times = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&times);
        let running =
            tokio::spawn(follow(first_seen, second_seen, |at| *at, move |took| into.lock().unwrap().push(took)));
        let settle = || async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        };
        first.send_replace(10);
        settle().await;
        second.send_replace(9);
        settle().await;
        assert!(times.lock().unwrap().is_empty());
        first.send_replace(20);
        settle().await;
        second.send_replace(15);
        settle().await;
        assert_eq!(times.lock().unwrap().len(), 1);
        second.send_replace(25);
        settle().await;
        assert_eq!(times.lock().unwrap().len(), 2);
        drop(first);
        running.await.unwrap();
    }

    #[test]
    fn a_second_stage_that_never_comes_costs_no_more_than_the_limit() {
        let (mut marks, now) = (Marks::default(), Instant::now());
        for place in 0..2 * MOST as u64 {
            marks.enter(place, now);
        }
        assert_eq!(marks.0.len(), MOST);
        marks.leave(u64::MAX, now, |_| {});
        assert!(marks.0.is_empty());
    }
}
