//! A log as the loop sees it, whatever its rows are.

use std::sync::Arc;

use tokio::sync::watch;
use truceline_core::log::Entry;
use truceline_core::time::Time;

use super::{AlertRow, AlertSource, EventRow, EventSource, ReadingSource, SourceError};

/// A log with rows of one type.
pub(super) trait Feed: Send + Sync + 'static {
    type Row: Send + Sync + 'static;
    fn read(&self, after: u64, max: usize) -> Result<Vec<Self::Row>, SourceError>;
    fn head(&self) -> watch::Receiver<u64>;
    fn position(row: &Self::Row) -> u64;
    /// Journal time from which a delay counts; never decreasing along the log.
    fn written_at(row: &Self::Row) -> Time;
}

pub(super) struct Readings(pub(super) Arc<dyn ReadingSource>);

impl Feed for Readings {
    type Row = Entry;
    fn read(&self, after: u64, max: usize) -> Result<Vec<Entry>, SourceError> {
        self.0.read(after, max)
    }
    fn head(&self) -> watch::Receiver<u64> {
        self.0.head()
    }
    fn position(row: &Entry) -> u64 {
        row.offset
    }
    fn written_at(row: &Entry) -> Time {
        row.arrived
    }
}

pub(super) struct Alerts(pub(super) Arc<dyn AlertSource>);

impl Feed for Alerts {
    type Row = AlertRow;
    fn read(&self, after: u64, max: usize) -> Result<Vec<AlertRow>, SourceError> {
        self.0.read(after, max)
    }
    fn head(&self) -> watch::Receiver<u64> {
        self.0.head()
    }
    fn position(row: &AlertRow) -> u64 {
        row.seq
    }
    fn written_at(row: &AlertRow) -> Time {
        row.written_at
    }
}

pub(super) struct Events(pub(super) Arc<dyn EventSource>);

impl Feed for Events {
    type Row = EventRow;
    fn read(&self, after: u64, max: usize) -> Result<Vec<EventRow>, SourceError> {
        self.0.read(after, max)
    }
    fn head(&self) -> watch::Receiver<u64> {
        self.0.head()
    }
    fn position(row: &EventRow) -> u64 {
        row.seq
    }
    fn written_at(row: &EventRow) -> Time {
        row.written_at
    }
}
