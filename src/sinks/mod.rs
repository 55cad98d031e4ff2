//! Sinks: durable cursors over the logs, to InfluxDB and MQTT.
//!
//! A sink reads a log after its own position, delivers, and moves the position only
//! once the other side has confirmed: at least once, whatever stops in between. One
//! that is down falls behind and catches up and holds nothing else back. What can
//! never be delivered goes to its dead letters, so that one bad line stops nothing.

mod backoff;
mod cursors;
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

/// A log that sinks read. Its methods may block.
pub trait Source<R>: Send + Sync {
    /// Up to `max` rows after a position, in order; what cannot be read of them alone is among them as such.
    ///
    /// # Errors
    /// The log cannot be read.
    fn read(&self, after: u64, max: usize) -> Result<Vec<Found<R>>, SourceError>;

    /// The last durable position, told after each commit.
    fn head(&self) -> watch::Receiver<u64>;
}

/// What a log holds at a position.
pub type Found<R> = Result<R, BadRow>;

/// A row that is there and cannot be read, now or later: it becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its position.
    pub position: u64,
    /// Journal time at which it was written.
    pub written_at: Time,
    /// What is there.
    pub line: String,
    /// Why that is nothing to send.
    pub error: String,
}

/// A row of a log.
pub trait Row: Send + Sync + 'static {
    /// Its position.
    fn position(&self) -> u64;

    /// Journal time from which a delay counts; never decreasing along the log.
    fn written_at(&self) -> Time;
}

/// A row of the log of alerts or of that of events.
#[derive(Clone, Debug)]
pub struct Revision<T> {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// Journal time at which it was said.
    pub written_at: Time,
    /// The revision, exact.
    pub said: T,
}

/// A revision of an alert.
pub type AlertRow = Revision<Alert>;
/// A revision of an event.
pub type EventRow = Revision<Event>;

impl<R: Row> Row for Found<R> {
    fn position(&self) -> u64 {
        self.as_ref().map_or_else(|bad| bad.position, Row::position)
    }

    fn written_at(&self) -> Time {
        self.as_ref().map_or_else(|bad| bad.written_at, Row::written_at)
    }
}

impl Row for Entry {
    fn position(&self) -> u64 {
        self.offset
    }

    fn written_at(&self) -> Time {
        self.arrived
    }
}

impl<T: Send + Sync + 'static> Row for Revision<T> {
    fn position(&self) -> u64 {
        self.seq
    }

    fn written_at(&self) -> Time {
        self.written_at
    }
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
