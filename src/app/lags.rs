//! How far the parts are behind, found out when somebody asks: a part that stands still cannot tell it of itself.

use std::sync::Arc;

use tokio::sync::watch;

use super::clock::Clock;
use crate::evaluator::EvaluatorStatus;
use crate::journal::{Queue, Recent};

/// What tells it.
pub(super) struct Lags {
    pub(super) head: watch::Receiver<u64>,
    pub(super) recent: Recent,
    pub(super) queue: Queue,
    pub(super) evaluator: watch::Receiver<EvaluatorStatus>,
    pub(super) clock: Arc<Clock>,
}

/// Entries durable and not judged, and for how many seconds the oldest of them has been there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lag {
    pub(super) entries: u64,
    pub(super) seconds: f64,
}

impl Lags {
    /// The evaluator's.
    pub(super) fn evaluator(&self) -> Lag {
        let (offset, judged) = {
            let status = self.evaluator.borrow();
            (status.offset, status.arrived)
        };
        let entries = self.head.borrow().saturating_sub(offset);
        if entries == 0 {
            return Lag { entries, seconds: 0.0 };
        }
        // Further behind than the memory goes, the last judged one is near enough.
        let oldest = self.recent.arrived_after(offset).or(judged);
        let seconds = oldest.map_or(0.0, |oldest| self.clock.journal().since(oldest).secs_f64().max(0.0));
        Lag { entries, seconds }
    }

    /// Sets the gauges; before each rendering.
    pub(super) fn tell(&self) {
        let lag = self.evaluator();
        metrics::gauge!("truceline_evaluator_lag_entries").set(lag.entries as f64);
        metrics::gauge!("truceline_evaluator_lag_seconds").set(lag.seconds);
        metrics::gauge!("truceline_journal_queue_depth").set(self.queue.depth() as f64);
    }
}

#[cfg(test)]
mod tests {
    use truceline_core::log::Body;

    use super::*;
    use crate::journal::{Journal, JournalConfig};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_evaluator_that_stands_still_falls_behind_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(JournalConfig::new(folder.path().join("journal.db"))).unwrap();
        let clock = Arc::new(Clock::start(None));
        let (status, evaluator) = watch::channel(EvaluatorStatus::default());
        let lags = Lags {
            head: journal.head(),
            recent: journal.recent(),
            queue: journal.queue(),
            evaluator,
            clock: Arc::clone(&clock),
        };
        assert_eq!(lags.evaluator(), Lag { entries: 0, seconds: 0.0 });
        let hour_ago = clock.journal() - truceline_core::time::Span::from_secs(3_600);
        journal.append(hour_ago, vec![Body::Tick; 3]).await.unwrap();
        journal.append(clock.journal(), vec![Body::Tick]).await.unwrap();
        let lag = lags.evaluator();
        assert!(lag.entries == 4 && (3_600.0..3_700.0).contains(&lag.seconds), "{lag:?}");
        status.send_modify(|status| (status.offset, status.arrived) = (3, Some(hour_ago)));
        let lag = lags.evaluator();
        assert!(lag.entries == 1 && lag.seconds < 100.0, "by the oldest that waits, not by the last judged: {lag:?}");
        journal.close().await.unwrap();
        assert_eq!(lags.queue.depth(), 0);
    }
}
