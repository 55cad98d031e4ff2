//! Sinks: durable cursors over the logs, to InfluxDB and MQTT.
//!
//! A sink reads a log after its own position, delivers, and moves the position only
//! once the other side has confirmed: at least once, whatever stops in between. One
//! that is down falls behind and catches up and holds nothing else back. What can
//! never be delivered goes to its dead letters, so that one bad line stops nothing.

mod backoff;
mod cursors;
mod feed;
mod influx;
mod mqtt;
mod status;
#[cfg(test)]
mod tests;
mod viewer;
mod worker;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use truceline_core::alert::Alert;
use truceline_core::event::Event;
use truceline_core::log::Entry;
use truceline_core::time::Time;

pub use backoff::Delays;
pub use cursors::{Cursors, CursorsError, DeadLetter, Gap, Generation, known_schema};
pub use influx::{InfluxConfig, Logs, start_influx};
pub use mqtt::{MqttConfig, start_mqtt};
pub use status::{SinkState, SinkStatus};
pub use viewer::Form;

/// A fault of a log that a sink reads.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Journal time now.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// The log of readings: the journal. Its methods may block.
pub trait ReadingSource: Send + Sync {
    /// Up to `max` entries after offset `after`, in order.
    ///
    /// # Errors
    /// The log cannot be read.
    fn read(&self, after: u64, max: usize) -> Result<Vec<Entry>, SourceError>;

    /// The last durable offset, told after each commit.
    fn head(&self) -> watch::Receiver<u64>;
}

/// The log of alerts. Its methods may block.
pub trait AlertSource: Send + Sync {
    /// Up to `max` rows after `after_seq`, in order.
    ///
    /// # Errors
    /// The log cannot be read.
    fn read(&self, after_seq: u64, max: usize) -> Result<Vec<AlertRow>, SourceError>;

    /// The last durable `seq`, told after each commit.
    fn head(&self) -> watch::Receiver<u64>;
}

/// A row of the log of alerts.
#[derive(Clone, Debug)]
pub struct AlertRow {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// Journal time at which it was said.
    pub written_at: Time,
    /// The revision, exact.
    pub alert: Alert,
}

/// The log of events. Its methods may block.
pub trait EventSource: Send + Sync {
    /// Up to `max` rows after `after_seq`, in order.
    ///
    /// # Errors
    /// The log cannot be read.
    fn read(&self, after_seq: u64, max: usize) -> Result<Vec<EventRow>, SourceError>;

    /// The last durable `seq`, told after each commit.
    fn head(&self) -> watch::Receiver<u64>;
}

/// A row of the log of events.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// Journal time at which it was said.
    pub written_at: Time,
    /// The revision, exact.
    pub event: Event,
}

/// A sink at work; it ends when its stop token is cancelled.
#[derive(Debug)]
pub struct RunningSink {
    /// Its name in metrics, status and dead letters.
    pub name: &'static str,
    /// How it does.
    pub status: watch::Receiver<SinkStatus>,
    /// Ends after the stop.
    pub task: JoinHandle<()>,
}
