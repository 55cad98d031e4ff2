//! The engine over the journal: reads entries in order, hands what the engine says to the alert store.
//!
//! A thread of its own runs the pure engine. It knows neither journal nor desk: it
//! reads a [`Log`], writes to an [`AlertStore`] and, when a timeout is due and nothing
//! arrives, appends through [`Ticks`], so that live time is in the log too. A snapshot
//! is written only of what the store has taken in; after a crash the newest usable one
//! is restored and the log is read from there. An engine without one is rebuilt from
//! what the log still holds.

mod error;
mod machine;
mod ports;
mod replay;
mod run;
mod snapshots;
mod start;
mod status;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use truceline_core::engine::{DeviceStatus, Engine};
use truceline_core::time::Time;

pub use error::{EvaluatorError, PortError};
pub use machine::Machine;
pub use ports::{AlertStore, Log, Ticks};
pub use replay::replay;
pub use status::{EvaluatorStatus, Phase};

/// Questions that may wait for an answer at once.
const MAX_QUESTIONS: usize = 64;

/// What the evaluator is told once.
#[derive(Clone, Debug)]
pub struct EvaluatorConfig {
    /// Folder of the snapshots; made if absent.
    pub snapshots_dir: PathBuf,
    /// Time between two snapshots.
    pub snapshot_every: Duration,
    /// Entries after which one is written earlier.
    pub snapshot_entries: u64,
    /// Most entries taken in before the store commits, at least 1.
    pub batch: usize,
}

impl EvaluatorConfig {
    /// The usual limits, with snapshots in `snapshots_dir`.
    pub fn new(snapshots_dir: PathBuf) -> Self {
        Self { snapshots_dir, snapshot_every: Duration::from_secs(60), snapshot_entries: 1_000_000, batch: 4_000 }
    }
}

/// What the evaluator works with.
pub struct Ports {
    /// The journal, read in offset order.
    pub log: Box<dyn Log>,
    /// Where alerts go.
    pub store: Box<dyn AlertStore>,
    /// How a tick gets into the log.
    pub ticks: Box<dyn Ticks>,
    /// Journal time now.
    pub now: Box<dyn Fn() -> Time + Send>,
}

/// A running evaluator.
#[derive(Debug)]
pub struct Evaluator {
    questions: mpsc::Sender<Question>,
    status: watch::Receiver<EvaluatorStatus>,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<Result<(), EvaluatorError>>>,
}

/// Asks a running evaluator; cheap to clone.
#[derive(Clone, Debug)]
pub struct Inquiry {
    questions: mpsc::Sender<Question>,
}

enum Question {
    Devices(oneshot::Sender<Vec<DeviceStatus>>),
}

impl Evaluator {
    /// Starts the thread; it restores the newest usable snapshot and goes on from there.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(config: EvaluatorConfig, ports: Ports) -> Result<Self, EvaluatorError> {
        Self::start_with::<Engine>(config, ports)
    }

    /// As [`Evaluator::start`], with another machine in the engine's place.
    pub fn start_with<M: Machine>(config: EvaluatorConfig, ports: Ports) -> Result<Self, EvaluatorError> {
        let (questions, asked) = mpsc::channel(MAX_QUESTIONS);
        let (status_sender, status) = watch::channel(EvaluatorStatus::default());
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("evaluator".to_owned())
            .spawn(move || run::run::<M>(&config, ports, asked, &status_sender, stopping))
            .map_err(EvaluatorError::Thread)?;
        Ok(Self { questions, status, stop, thread: Some(thread) })
    }

    /// How far it is.
    pub fn status(&self) -> watch::Receiver<EvaluatorStatus> {
        self.status.clone()
    }

    /// For asking it about devices.
    pub fn inquiry(&self) -> Inquiry {
        Inquiry { questions: self.questions.clone() }
    }

    /// Returns once the evaluator has ended by itself, which only a fault makes it do; its message.
    pub async fn failed(&self) -> String {
        let mut status = self.status.clone();
        loop {
            let phase = status.borrow_and_update().phase.clone();
            match phase {
                Phase::Failed(message) => return message,
                // Nothing to report, ever.
                Phase::Stopped => return std::future::pending().await,
                _ => {}
            }
            if status.changed().await.is_err() && !matches!(status.borrow().phase, Phase::Failed(_) | Phase::Stopped) {
                return EvaluatorError::Panicked.to_string();
            }
        }
    }

    /// Finishes the entry in hand, writes a snapshot and ends the thread. Blocks until it has.
    ///
    /// # Errors
    /// What had made it end before it was asked to.
    pub fn stop(mut self) -> Result<(), EvaluatorError> {
        self.stop.send_replace(true);
        match self.thread.take().map(std::thread::JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(EvaluatorError::Panicked),
            None => Ok(()),
        }
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Inquiry {
    /// All devices registered or heard, by id; `None` while no engine runs.
    pub async fn devices(&self) -> Option<Vec<DeviceStatus>> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question::Devices(answer)).await.ok()?;
        answered.await.ok()
    }
}
