//! The engine, as the evaluator sees it.

use truceline_core::engine::{DeviceStatus, Engine, LimitsHit, Output, SnapshotError};
use truceline_core::log::{Document, Entry};
use truceline_core::time::Time;
use uuid::Uuid;

/// A deterministic machine: entries in, outputs out, its state as bytes. [`Engine`] is the one of the service.
pub trait Machine: Sized + Send + 'static {
    /// One that has seen nothing.
    fn fresh() -> Self;
    /// See [`Engine::handle_entry`].
    fn handle_entry(&mut self, entry: &Entry);
    /// See [`Engine::poll_timeout`].
    fn poll_timeout(&self) -> Option<Time>;
    /// See [`Engine::poll_output`].
    fn poll_output(&mut self) -> Option<Output>;
    /// See [`Engine::offset`].
    fn offset(&self) -> u64;
    /// See [`Engine::devices`].
    fn devices(&self) -> Vec<DeviceStatus>;
    /// See [`Engine::open_alerts`].
    fn open_alerts(&self) -> Vec<Uuid>;
    /// See [`Engine::open_events`].
    fn open_events(&self) -> Vec<Uuid>;
    /// See [`Engine::limits_hit`].
    fn limits_hit(&self) -> LimitsHit;
    /// See [`Engine::snapshot_without_texts`].
    fn snapshot(&self) -> Vec<u8>;
    /// See [`Engine::restore_with`].
    ///
    /// # Errors
    /// The snapshot is of another version, or damaged, or a document that it names is not there.
    fn restore(snapshot: &[u8], documents: &dyn Fn(&str) -> Option<Document>) -> Result<Self, SnapshotError>;

    /// Takes one entry in and hands on all that it caused: the one loop of live run and replay.
    ///
    /// # Errors
    /// What `out` returns; the machine's other outputs stay in it.
    fn feed<E>(&mut self, entry: &Entry, out: &mut dyn FnMut(Output) -> Result<(), E>) -> Result<(), E> {
        self.handle_entry(entry);
        while let Some(output) = self.poll_output() {
            out(output)?;
        }
        Ok(())
    }
}

impl Machine for Engine {
    fn fresh() -> Self {
        Self::new()
    }
    fn handle_entry(&mut self, entry: &Entry) {
        self.handle_entry(entry);
    }
    fn poll_timeout(&self) -> Option<Time> {
        self.poll_timeout()
    }
    fn poll_output(&mut self) -> Option<Output> {
        self.poll_output()
    }
    fn offset(&self) -> u64 {
        self.offset()
    }
    fn devices(&self) -> Vec<DeviceStatus> {
        self.devices()
    }
    fn open_alerts(&self) -> Vec<Uuid> {
        self.open_alerts()
    }
    fn open_events(&self) -> Vec<Uuid> {
        self.open_events()
    }
    fn limits_hit(&self) -> LimitsHit {
        self.limits_hit()
    }
    fn snapshot(&self) -> Vec<u8> {
        self.snapshot_without_texts()
    }
    fn restore(snapshot: &[u8], documents: &dyn Fn(&str) -> Option<Document>) -> Result<Self, SnapshotError> {
        Self::restore_with(snapshot, documents)
    }
}
