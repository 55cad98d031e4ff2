//! The desk: alerts, events and their logs, durable, in a SQLite file of their own.
//!
//! What the engine says comes in by [`Desk::apply`] under (offset, n). The desk holds
//! how far the journal has been judged and ignores what is at or below it, so that a
//! replay after a crash changes nothing. Readers have their own connections and never
//! hold back the writer. What people decide about an alert (`reviews`) stands beside
//! these tables and touches none of them: the alerts' log is the machine's part alone.
//!
//! All methods block on the disk; call them from a blocking thread.

mod anchor;
mod apply;
mod audit;
mod error;
mod events;
mod life;
mod log;
mod people;
mod read;
mod readers;
mod reviews;
mod schema;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::watch;
use truceline_core::alert::Alert;
use truceline_core::event::Event;

pub use audit::AuditState;
pub use error::DeskError;
pub use events::EventFilter;
pub use life::judged_to;
pub use log::LogRow;
pub use people::{Caller, Change, MAX_PEOPLE, MAX_SESSIONS, PeopleError, PersonRow, TokenRow};
pub use read::{AlertFilter, AlertState, Counts, EvidenceBytes, Page};
pub use reviews::{ActError, Upload};
pub use schema::known_schema;

use readers::Readers;

/// The alerts' store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Readers,
    head: watch::Sender<u64>,
    event_head: watch::Sender<u64>,
}

impl Desk {
    /// Opens the desk's file, made or brought to this version's schema if need be.
    ///
    /// # Errors
    /// The file cannot be opened or written, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, DeskError> {
        let writer = schema::open(path)?;
        Self::with(path, writer, Readers::new(path))
    }

    /// Opens a desk to read only, whether or not a service runs on it; what would write fails.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, or another version wrote it.
    pub fn open_to_read(path: &Path) -> Result<Self, DeskError> {
        let fault = |source| DeskError::Open { path: path.to_path_buf(), source };
        let (readers, connection) = Readers::of_any(path).map_err(fault)?;
        schema::check(path, &connection)?;
        Self::with(path, connection, readers)
    }

    fn with(path: &Path, writer: Connection, readers: Readers) -> Result<Self, DeskError> {
        let head = log::head::<Alert>(&writer).map_err(|source| error::reading(path, source))?;
        let event_head = log::head::<Event>(&writer).map_err(|source| error::reading(path, source))?;
        let inner = Inner {
            path: path.to_path_buf(),
            writer: Mutex::new(writer),
            readers,
            head: watch::Sender::new(head),
            event_head: watch::Sender::new(event_head),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The highest `seq` of the alert log; told after each commit that added to it.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.inner.head.subscribe()
    }

    /// The highest `seq` of the event log; told after each commit that added to it.
    pub fn event_head(&self) -> watch::Receiver<u64> {
        self.inner.event_head.subscribe()
    }

    fn write<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, DeskError>) -> Result<T, DeskError> {
        // A panic while the lock was held rolled its transaction back: the connection is good.
        let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut writer)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DeskError> {
        self.inner.readers.with(work)
    }
}
