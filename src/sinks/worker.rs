//! The loop of every sink: read after the position, wait out the delay, deliver, move on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use truceline_core::time::{Span, Time};

use super::backoff::{Backoff, Delays};
use super::cursors::{Cursors, DeadLetter, Gap, Place, Step};
use super::{BadRow, Found, Now, Row, RunningSink, SinkState, SinkStatus, Source};

/// Longest sleep without a look at the journal's clock, which may run faster than ours.
const MAX_SLEEP: Duration = Duration::from_millis(500);
/// Between two looks whether the other side is still there, while nothing is delivered.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(30);

/// How rows get to the other side.
pub(super) trait Delivery<R>: Send + 'static {
    /// Returns once every row is confirmed by the other side or given up.
    fn deliver(&mut self, rows: Arc<Vec<R>>) -> impl Future<Output = Result<Delivered, Setback>> + Send;

    /// Finds out, changing nothing, whether the other side is there and lets us in.
    fn probe(&mut self) -> impl Future<Output = Result<(), Setback>> + Send;
}

/// What became of the rows.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Confirmed.
    pub(super) sent: u64,
    /// Given up.
    pub(super) dead_letters: Vec<DeadLetter>,
}

/// Why nothing was delivered for sure; the same rows are tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setback {
    /// No answer, or none of use, this time.
    Unreachable(String),
    /// Refused for a reason that waiting does not cure.
    Refused(String),
}

/// A sink's own numbers.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Most rows of one delivery.
    pub(super) batch: usize,
    /// Rows leave no earlier than this after they were written.
    pub(super) hold: Span,
    /// After a delivery that left nothing due: time for more to gather.
    pub(super) linger: Duration,
    /// Rows further behind the head than this are skipped and recorded as a gap.
    pub(super) max_lag: Option<u64>,
    /// Time without a delivery after which the other side is probed.
    pub(super) probe_every: Duration,
    pub(super) delays: Delays,
}

pub(super) struct Worker<R, D> {
    pub(super) place: Place,
    pub(super) pace: Pace,
    pub(super) log: Arc<dyn Source<R>>,
    pub(super) delivery: D,
    pub(super) cursors: Cursors,
    pub(super) now: Now,
    pub(super) stop: CancellationToken,
}

/// Starts a sink's task.
pub(super) fn start<R: Row, D: Delivery<R>>(worker: Worker<R, D>) -> RunningSink {
    let (status, told) = watch::channel(SinkStatus::default());
    let name = worker.place.sink;
    let task = tokio::spawn(async move {
        let stop = worker.stop.clone();
        let mut running = Running { worker, status, backoff: Backoff::default(), contact: None, owes: false };
        // What is under way when the stop comes is sent again after the next start.
        tokio::select! {
            () = running.work() => {}
            () = stop.cancelled() => {}
        }
        running.status.send_modify(|status| status.state = SinkState::Stopped);
    });
    RunningSink { name, status: told, task }
}

struct Running<R, D> {
    worker: Worker<R, D>,
    status: watch::Sender<SinkStatus>,
    backoff: Backoff,
    /// When the other side last confirmed something; `None` before the first time and after a probe that failed.
    contact: Option<Instant>,
    /// The last delivery failed: the next one tells more than a probe, which may succeed where it does not.
    owes: bool,
}

impl<R: Row, D: Delivery<R>> Running<R, D> {
    async fn work(&mut self) {
        let mut head = self.worker.log.head();
        let mut position = loop {
            let (cursors, place) = (self.worker.cursors.clone(), self.worker.place.clone());
            match blocking(move || cursors.position(&place)).await {
                Ok(position) => break position,
                Err(fault) => self.fail(&Setback::Unreachable(fault), (0, &mut head)).await,
            }
        };
        loop {
            let end = *head.borrow_and_update();
            self.tell(|status| {
                status.position = position;
                status.lag_entries = end.saturating_sub(position);
            });
            if let Err(setback) = self.keep_contact().await {
                self.fail(&setback, (position, &mut head)).await;
                continue;
            }
            if end <= position {
                self.tell(|status| {
                    status.state = SinkState::CaughtUp;
                    status.lag_seconds = 0.0;
                });
                match tokio::time::timeout(self.worker.pace.probe_every, head.changed()).await {
                    // Something was written, or it is time for the next probe.
                    Ok(Ok(())) | Err(_) => {}
                    // The log's owner is gone: nothing more will come.
                    Ok(Err(_)) => return std::future::pending().await,
                }
                continue;
            }
            match self.round(position, end).await {
                Ok(next) => {
                    position = next;
                    if !self.backoff.is_fresh() {
                        tracing::info!(sink = self.worker.place.sink, "delivers again");
                    }
                    self.backoff.reset();
                    self.tell(|status| status.state = SinkState::CatchingUp);
                }
                Err(setback) => self.fail(&setback, (position, &mut head)).await,
            }
        }
    }

    /// Probes the other side unless it confirmed something lately.
    async fn keep_contact(&mut self) -> Result<(), Setback> {
        if self.owes || self.contact.is_some_and(|at| at.elapsed() < self.worker.pace.probe_every) {
            return Ok(());
        }
        let was_there = self.contact.take().is_some();
        self.worker.delivery.probe().await?;
        self.contact = Some(Instant::now());
        if !was_there {
            tracing::info!(sink = self.worker.place.sink, "reached");
            self.backoff.reset();
            self.tell(|status| status.state = SinkState::CatchingUp);
        }
        Ok(())
    }

    /// One batch; the position after it.
    async fn round(&mut self, position: u64, end: u64) -> Result<u64, Setback> {
        if let Some(behind) = self.worker.pace.max_lag.map(|lag| end.saturating_sub(lag)).filter(|to| *to > position) {
            self.advance(Step {
                position: behind,
                gap: Some(Gap { first: position + 1, last: behind }),
                ..Step::default()
            })
            .await?;
            return Ok(behind);
        }
        let batch = self.worker.pace.batch;
        let log = Arc::clone(&self.worker.log);
        let mut rows = blocking(move || log.read(position, batch)).await.map_err(Setback::Unreachable)?;
        let Some(first) = rows.first() else {
            return Err(Setback::Unreachable(format!("the log ends at {end}, yet gives nothing after {position}")));
        };
        let (first_position, written_at) = (first.position(), first.written_at());
        // What is missing further on begins the next round.
        let unbroken = rows.iter().zip(first_position..).take_while(|(row, at)| row.position() == *at).count();
        rows.truncate(unbroken);
        let gap = (first_position > position + 1).then(|| Gap { first: position + 1, last: first_position - 1 });
        self.wait_until_due(written_at).await?;
        let due = (self.worker.now)() - self.worker.pace.hold;
        let read = rows.len();
        rows.truncate(rows.partition_point(|row| row.written_at() <= due).max(1));
        let last = rows.last().map_or(position, Row::position);
        let more_is_due = rows.len() == read && last < end;
        let count = rows.len() as u64;
        let mut bad = Vec::new();
        let keep = |row: Found<R>| row.map_err(|row| bad.push(row)).ok();
        let rows: Vec<R> = rows.into_iter().filter_map(keep).collect();
        let mut delivered = Delivered::default();
        if !rows.is_empty() {
            let outcome = self.worker.delivery.deliver(Arc::new(rows)).await;
            self.owes = outcome.is_err();
            delivered = outcome?;
        }
        let unreadable =
            bad.into_iter().map(|BadRow { position, line, error, .. }| DeadLetter { position, line, error });
        delivered.dead_letters.extend(unreadable);
        let sink = self.worker.place.sink;
        if delivered.sent > 0 {
            self.contact = Some(Instant::now());
            let late = (self.worker.now)().since(written_at + self.worker.pace.hold).secs_f64().max(0.0);
            metrics::histogram!("truceline_sink_delivery_seconds", "sink" => sink).record(late);
        }
        metrics::counter!("truceline_sink_sent_total", "sink" => sink).increment(delivered.sent);
        tracing::debug!(sink, rows = count, sent = delivered.sent, through = last, "delivered");
        self.advance(Step { position: last, dead_letters: delivered.dead_letters, gap }).await?;
        if !more_is_due {
            tokio::time::sleep(self.worker.pace.linger).await;
        }
        Ok(last)
    }

    /// Returns once a row written at `written_at` may leave.
    async fn wait_until_due(&mut self, written_at: Time) -> Result<(), Setback> {
        loop {
            self.keep_contact().await?;
            let left = (written_at + self.worker.pace.hold).since((self.worker.now)());
            self.tell(|status| {
                let late = left.secs_f64() < 0.0;
                // A trouble lasts until something was delivered.
                if !matches!(status.state, SinkState::Unreachable(_) | SinkState::Refused(_)) {
                    status.state = if late { SinkState::CatchingUp } else { SinkState::CaughtUp };
                }
                status.lag_seconds = (-left.secs_f64()).max(0.0);
            });
            match u64::try_from(left.nanos()) {
                Ok(nanos) if nanos > 0 => tokio::time::sleep(Duration::from_nanos(nanos).min(MAX_SLEEP)).await,
                _ => return Ok(()),
            }
        }
    }

    async fn advance(&mut self, step: Step) -> Result<(), Setback> {
        let sink = self.worker.place.sink;
        let dead = step.dead_letters.len() as u64;
        let missed = step.gap.map_or(0, |gap| gap.last - gap.first + 1);
        if let Some(letter) = step.dead_letters.first() {
            tracing::warn!(
                sink,
                dead,
                position = letter.position,
                error = letter.error,
                "given up; kept as dead letters"
            );
        }
        if let Some(gap) = step.gap {
            tracing::error!(sink, first = gap.first, last = gap.last, "rows left the log before they were delivered");
        }
        let (cursors, place, at) = (self.worker.cursors.clone(), self.worker.place.clone(), (self.worker.now)());
        let crowded_out = blocking(move || cursors.advance(&place, &step, at)).await.map_err(Setback::Unreachable)?;
        metrics::counter!("truceline_sink_dead_letters_total", "sink" => sink).increment(dead);
        metrics::counter!("truceline_sink_dead_letters_dropped_total", "sink" => sink).increment(crowded_out);
        metrics::counter!("truceline_sink_missed_total", "sink" => sink).increment(missed);
        self.tell(|status| {
            status.dead_letters += dead;
            status.missed += missed;
        });
        Ok(())
    }

    /// Tells the setback, once in the log for each new sort of it, and waits; how far behind it falls is told meanwhile.
    async fn fail(&mut self, setback: &Setback, (position, head): (u64, &mut watch::Receiver<u64>)) {
        let sink = self.worker.place.sink;
        metrics::counter!("truceline_sink_errors_total", "sink" => sink).increment(1);
        let (state, refused) = match setback.clone() {
            Setback::Unreachable(why) => (SinkState::Unreachable(why), false),
            Setback::Refused(why) => (SinkState::Refused(why), true),
        };
        let sort = std::mem::discriminant::<SinkState>;
        let is_new = self.backoff.is_fresh() || sort(&self.status.borrow().state) != sort(&state);
        let wait = self.backoff.next(&self.worker.pace.delays, refused);
        if is_new {
            tracing::warn!(sink, ?setback, "cannot deliver; tried again until it can");
        } else {
            tracing::debug!(sink, ?setback, ?wait, "still cannot deliver");
        }
        self.tell(|status| status.state = state);
        let over = Instant::now() + wait;
        loop {
            let end = *head.borrow_and_update();
            self.tell(|status| status.lag_entries = end.saturating_sub(position));
            match tokio::time::timeout_at(over, head.changed()).await {
                Ok(Ok(())) => {}
                // The log's owner is gone: its last word stands.
                Ok(Err(_)) => return tokio::time::sleep_until(over).await,
                Err(_) => return,
            }
        }
    }

    fn tell(&self, change: impl FnOnce(&mut SinkStatus)) {
        let sink = self.worker.place.sink;
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            metrics::gauge!("truceline_sink_lag_entries", "sink" => sink).set(status.lag_entries as f64);
            metrics::gauge!("truceline_sink_lag_seconds", "sink" => sink).set(status.lag_seconds);
            *status != before
        });
    }
}

/// Runs what blocks off the async threads; its fault as text.
async fn blocking<T: Send + 'static, E: ToString + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|fault| fault.to_string()),
        Err(fault) => Err(fault.to_string()),
    }
}
