//! The engine: entries in, alerts out; sans-IO.
//!
//! Feed it every entry of the journal in order with [`Engine::handle_entry`]; it first
//! fires all its timeouts up to the entry's arrival. [`Engine::poll_timeout`] says when
//! the next is due; [`Engine::poll_output`] gives what it has to say. The same entries
//! give the same outputs, from a fresh engine or from one restored from a snapshot.

use crate::alert::Alert;
use crate::id::Id;
use crate::log::Entry;
use crate::time::Time;

/// Changes whenever another output may follow from the same entries.
pub const ENGINE_VERSION: u32 = 1;

/// What the engine says.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Offset of the entry that caused it.
    pub offset: u64,
    /// Count within the entry's outputs, from 0. (offset, n) is unique.
    pub n: u32,
    /// A new revision of an alert.
    pub alert: Alert,
}

/// What is known of a device now.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DeviceStatus {
    /// Its id.
    pub device: Id,
    /// Its station.
    pub station: Id,
    /// In the registry.
    pub registered: bool,
    /// Journal time of its latest arrival.
    pub last_heard: Option<Time>,
    /// Latest time by its own clock.
    pub last_time: Option<Time>,
    /// Latest position: surveyed for a fixed device, else reported.
    pub position: Option<crate::geometry::LonLat>,
    /// 95 % radius of that.
    pub hacc_m: Option<f64>,
    /// `ok`, `silent`, `maintenance`, `never_heard`.
    pub state: String,
    /// Battery, when last told.
    pub battery_pct: Option<f64>,
    /// Readings accepted since the registry or the journal knew it.
    pub readings: u64,
}

/// The engine.
#[derive(Debug, Default)]
pub struct Engine {}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Of another engine version: rebuild from the journal.
    #[error("the snapshot is of engine version {0}, this is {ENGINE_VERSION}")]
    OtherVersion(u32),
    /// Damaged.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(String),
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fires the timeouts due by the entry's arrival, then takes the entry in.
    pub fn handle_entry(&mut self, entry: &Entry) {
        let _ = entry;
        todo!()
    }

    /// When the next timeout is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        todo!()
    }

    /// The next thing it has to say.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }

    /// Offset of the last entry taken in; 0 at first.
    pub fn offset(&self) -> u64 {
        todo!()
    }

    /// All devices registered or heard, by id.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        todo!()
    }

    /// Ids of the alerts that are open.
    pub fn open_alerts(&self) -> Vec<uuid::Uuid> {
        todo!()
    }

    /// All its state. Only between entries, when [`Engine::poll_output`] has nothing more.
    pub fn snapshot(&self) -> Vec<u8> {
        todo!()
    }

    /// An engine in the state of a snapshot.
    pub fn restore(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let _ = snapshot;
        todo!()
    }
}
