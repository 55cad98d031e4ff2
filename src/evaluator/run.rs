//! The loop: restore, catch up, wait, tick.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use truceline_core::engine::{LimitsHit, Output};
use truceline_core::log::{Body, Entries};
use truceline_core::time::Time;

use super::snapshots::Snapshots;
use super::start::begin;
use super::{EvaluatorConfig, EvaluatorError, EvaluatorStatus, Machine, Phase, Ports, Question};

/// Longest wait without a look at the clock: a journal clock may run faster than the thread's.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// Least time between two ticks, so that many timeouts in a row become one entry.
const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// A tick not back by then is taken for lost; a second one does no harm.
const TICK_PATIENCE: Duration = Duration::from_secs(30);

/// Runs until told to stop or a port fails; tells the end in `status`.
pub(super) fn run<M: Machine>(
    config: &EvaluatorConfig,
    ports: Ports,
    questions: mpsc::Receiver<Question>,
    status: &watch::Sender<EvaluatorStatus>,
    stopping: watch::Receiver<bool>,
) -> Result<(), EvaluatorError> {
    let result = begin::<M>(config, &ports).and_then(|beginning| {
        let head = ports.log.head();
        let mut runner = Runner {
            machine: beginning.machine,
            config,
            ports,
            snapshots: beginning.snapshots,
            rebuilding_to: beginning.rebuilding_to,
            head,
            questions,
            stopping,
            status,
            timers: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(EvaluatorError::Timers)?,
            arrived: None,
            tick: None,
            last_tick: None,
            snapshot_at: Instant::now(),
            snapshot_offset: 0,
            snapshot_failed: false,
            limits_hit: LimitsHit::default(),
        };
        runner.snapshot_offset = runner.machine.offset();
        runner.work()
    });
    status.send_modify(|status| {
        status.phase = match &result {
            Ok(()) => Phase::Stopped,
            Err(error) => Phase::Failed(error.to_string()),
        };
    });
    result
}

struct Runner<'a, M> {
    machine: M,
    config: &'a EvaluatorConfig,
    ports: Ports,
    snapshots: Snapshots,
    /// The store's cursor that a rebuilt engine has yet to reach.
    rebuilding_to: Option<u64>,
    head: watch::Receiver<u64>,
    questions: mpsc::Receiver<Question>,
    stopping: watch::Receiver<bool>,
    status: &'a watch::Sender<EvaluatorStatus>,
    timers: tokio::runtime::Runtime,
    /// Arrival of the last entry taken in.
    arrived: Option<Time>,
    /// When the tick was appended that has not come back yet.
    tick: Option<Instant>,
    last_tick: Option<Instant>,
    snapshot_at: Instant,
    snapshot_offset: u64,
    /// The last one could not be written: the next is tried when its time has come, however many entries there are.
    snapshot_failed: bool,
    limits_hit: LimitsHit,
}

impl<M: Machine> Runner<'_, M> {
    fn work(&mut self) -> Result<(), EvaluatorError> {
        while !*self.stopping.borrow_and_update() {
            self.answer_all();
            let after = self.machine.offset();
            let head = *self.head.borrow_and_update();
            let mut entries = Entries::default();
            if head > after {
                entries = self
                    .ports
                    .log
                    .entries(after, self.config.batch.max(1))
                    .map_err(|source| EvaluatorError::Log { after, source })?;
            }
            entries = self.finish_rebuild_before(entries)?;
            if entries.is_empty() {
                self.tell(Phase::AtHead);
                self.tick_if_due()?;
                self.snapshot_if_due()?;
                self.wait();
            } else {
                self.take_in(&entries)?;
                self.tell(Phase::CatchingUp);
                self.snapshot_if_due()?;
            }
        }
        self.snapshot()
    }

    /// Judges the entries; the store commits what they caused.
    fn take_in(&mut self, entries: &Entries) -> Result<(), EvaluatorError> {
        let started = Instant::now();
        let mut outputs: Vec<Output> = Vec::new();
        for entry in entries.iter() {
            let Ok(()) = self.machine.feed(entry, &mut |output| {
                outputs.push(output);
                Ok::<(), std::convert::Infallible>(())
            });
            if matches!(entry.body, Body::Tick) {
                self.tick = None;
            }
            self.arrived = Some(entry.arrived);
        }
        metrics::counter!("truceline_evaluator_entries_total").increment(entries.len() as u64);
        metrics::counter!("truceline_evaluator_outputs_total").increment(outputs.len() as u64);
        metrics::histogram!("truceline_evaluator_batch_seconds").record(started.elapsed().as_secs_f64());
        if let Some(oldest) = entries.iter().next() {
            let age = (self.ports.now)().since(oldest.arrived).secs_f64().max(0.0);
            metrics::histogram!("truceline_evaluator_judged_seconds").record(age);
        }
        // Entries that caused nothing need no commit of their own: a replay judges them alike.
        if outputs.is_empty() { Ok(()) } else { self.store(&outputs) }
    }

    fn store(&self, outputs: &[Output]) -> Result<(), EvaluatorError> {
        let through = self.machine.offset();
        self.ports.store.apply(outputs, through).map_err(|source| EvaluatorError::Store { through, source })
    }

    /// Lets a rebuilt engine come exactly to the store's cursor, then ends what it does not know.
    fn finish_rebuild_before(&mut self, entries: Entries) -> Result<Entries, EvaluatorError> {
        let Some(cursor) = self.rebuilding_to else { return Ok(entries) };
        let below = entries.up_to(cursor);
        if !below.is_empty() {
            return Ok(below);
        }
        let open = self.machine.open_alerts().into_iter().chain(self.machine.open_events()).collect();
        self.ports
            .store
            .end_unknown(&open, (self.ports.now)())
            .map_err(|source| EvaluatorError::Store { through: cursor, source })?;
        self.rebuilding_to = None;
        Ok(entries)
    }

    fn tick_if_due(&mut self) -> Result<(), EvaluatorError> {
        let Some(due) = self.machine.poll_timeout() else { return Ok(()) };
        let now = (self.ports.now)();
        let waits = self.tick.is_some_and(|at| at.elapsed() < TICK_PATIENCE)
            || self.last_tick.is_some_and(|at| at.elapsed() < TICK_INTERVAL);
        if due > now || waits {
            return Ok(());
        }
        self.ports.ticks.append_tick(now).map_err(|source| EvaluatorError::Tick { due, source })?;
        self.tick = Some(Instant::now());
        self.last_tick = self.tick;
        metrics::counter!("truceline_evaluator_ticks_total").increment(1);
        Ok(())
    }

    fn snapshot_if_due(&mut self) -> Result<(), EvaluatorError> {
        let new = self.machine.offset().saturating_sub(self.snapshot_offset);
        let many = new >= self.config.snapshot_entries && !self.snapshot_failed;
        let due = self.snapshot_at.elapsed() >= self.config.snapshot_every || many;
        if due && new > 0 { self.snapshot() } else { Ok(()) }
    }

    /// Commits how far the log is judged, then writes a snapshot of no more than that.
    ///
    /// One that cannot be written costs a longer replay and no data: it is told and tried again later.
    fn snapshot(&mut self) -> Result<(), EvaluatorError> {
        let offset = self.machine.offset();
        // Before a rebuild is complete a restart must rebuild again.
        if offset == self.snapshot_offset || self.rebuilding_to.is_some() {
            return Ok(());
        }
        self.store(&[])?;
        self.snapshot_at = Instant::now();
        let saved = self.snapshots.save(offset, &self.machine.snapshot());
        self.snapshot_failed = saved.is_err();
        match saved {
            Ok(bytes) => {
                self.snapshot_offset = offset;
                metrics::gauge!("truceline_evaluator_snapshot_bytes").set(bytes as f64);
            }
            Err(error) => {
                metrics::counter!("truceline_evaluator_snapshot_errors_total").increment(1);
                let path = self.snapshots.path(offset);
                tracing::error!(path = %path.display(), %error, "a snapshot could not be written; free space in its folder");
            }
        }
        metrics::histogram!("truceline_evaluator_snapshot_seconds").record(self.snapshot_at.elapsed().as_secs_f64());
        let floor = self.snapshots.floor();
        self.status.send_modify(|status| status.retention_floor = floor);
        Ok(())
    }

    /// Returns when there may be something to do.
    fn wait(&mut self) {
        let now = (self.ports.now)();
        let until_due = self.machine.poll_timeout().map_or(MAX_WAIT, |due| {
            let nanos = u64::try_from(due.since(now).nanos()).unwrap_or(0);
            Duration::from_nanos(nanos).clamp(Duration::from_millis(1), MAX_WAIT)
        });
        let until_tick = self.last_tick.map_or(Duration::ZERO, |at| TICK_INTERVAL.saturating_sub(at.elapsed()));
        // A tick under way brings its own wake-up through the head.
        let limit = if self.tick.is_some() { MAX_WAIT } else { until_due.max(until_tick) };
        let asked = self.timers.block_on(async {
            tokio::select! {
                question = self.questions.recv(), if !self.questions.is_closed() => question,
                // Once the other end is gone it would be ready each time: nothing comes from there any more.
                Ok(()) = self.head.changed() => None,
                Ok(()) = self.stopping.changed() => None,
                () = tokio::time::sleep(limit) => None,
            }
        });
        if let Some(question) = asked {
            self.answer(question);
        }
    }

    fn answer_all(&mut self) {
        while let Ok(question) = self.questions.try_recv() {
            self.answer(question);
        }
    }

    fn answer(&self, question: Question) {
        match question {
            // Whoever asked may have gone.
            Question::Devices(answer) => drop(answer.send(self.machine.devices())),
        }
    }

    fn tell(&mut self, phase: Phase) {
        self.tell_limits();
        let offset = self.machine.offset();
        metrics::gauge!("truceline_evaluator_offset").set(offset as f64);
        let retention_floor = self.snapshots.floor();
        let next = EvaluatorStatus { phase, offset, arrived: self.arrived, retention_floor };
        self.status.send_if_modified(|status| {
            let changed = *status != next;
            *status = next;
            changed
        });
    }

    /// Each time a limit made the engine forget something; the first time of each also in the log.
    fn tell_limits(&mut self) {
        let hit = self.machine.limits_hit();
        if hit == self.limits_hit {
            return;
        }
        let (before, now) = (by_name(&self.limits_hit), by_name(&hit));
        for ((limit, now), (_, before)) in now.into_iter().zip(before) {
            metrics::counter!("truceline_evaluator_limit_hits_total", "limit" => limit).absolute(now);
            if before == 0 && now > 0 {
                tracing::warn!(limit, times = now, "the engine came to a limit of its own and forgot something");
            }
        }
        self.limits_hit = hit;
    }
}

fn by_name(hit: &LimitsHit) -> [(&'static str, u64); 16] {
    [
        ("unknown_devices", hit.unknown_devices),
        ("tracks", hit.tracks),
        ("late_sightings", hit.late_sightings),
        ("open_alerts", hit.open_alerts),
        ("open_events", hit.open_events),
        ("budgets", hit.budgets),
        ("sources", hit.sources),
        ("flood_subjects", hit.flood_subjects),
        ("labels", hit.labels),
        ("deaf_periods", hit.deaf_periods),
        ("undecodable", hit.undecodable),
        ("sustained", hit.sustained),
        ("reporters", hit.reporters),
        ("region_searches", hit.region_searches),
        ("doubted_positions", hit.doubted_positions),
        ("documents", hit.documents),
    ]
}
