//! The MQTT session: readings in, acknowledged only once they are durable.
//!
//! A message is decoded and judged in line ([`judge`]), handed to the store, and
//! acknowledged to the broker after the store's receipt, in arrival order and only on
//! the connection that brought it ([`window`]). Whatever cannot be accepted is handed to
//! the store as a reject, so that every message frees its place. After the commit the
//! device is told on its `stored` topic ([`stored`]).
//!
//! This part knows no journal: it asks a [`Store`] and reads receipts from a channel.
//! It knows no clock: [`Clock`] gives the time. Nothing here waits for the client in the
//! task that polls it, which would deadlock, and nothing waits for the store there
//! either, so receipts are always taken.
//!
//! Bounds: messages and bytes between arrival and receipt (reading pauses at the limit;
//! if that lasts longer than the keep-alive the broker ends the connection and sends
//! again what was not acknowledged), acknowledgements that are due, `stored` messages
//! on their way, devices remembered.

mod config;
mod generations;
mod judge;
mod link;
mod meters;
mod pressure;
mod rate;
mod run;
mod session;
mod status;
mod stored;
mod tls;
mod topic;
mod window;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use truceline_core::id::Id;
use truceline_core::log::{Append, Receipt};
use truceline_core::registry::Registry;
use truceline_core::time::Time;

pub use config::{IntakeConfig, IntakeConfigError, Login};
pub use run::Intake;
pub use status::{IntakeStatus, Leftovers};
pub use tls::TlsError;

/// Where messages are made durable. Receipts come back by [`Parts::receipts`], one for
/// each request and in the order of the requests.
pub trait Store: Send + Sync + 'static {
    /// Hands one request over; waits while the store is busy.
    ///
    /// # Errors
    /// [`StoreClosed`] when the store takes nothing any more; the intake stops then.
    fn append(&self, append: Append) -> impl Future<Output = Result<(), StoreClosed>> + Send;
}

/// The store takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is closed")]
pub struct StoreClosed;

/// What is durable of a device's boot.
pub trait StoredRanges: Send + Sync + 'static {
    /// The durable ranges of `seq`, both ends included, ascending. May block.
    ///
    /// # Errors
    /// They cannot be read; the device is told later.
    fn ranges(&self, device: &Id, boot: u32) -> Result<Vec<(u64, u64)>, LookupError>;
}

/// Why the store cannot be asked.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// The time, as the application tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Journal time: never decreasing.
    pub journal: Time,
    /// Wall time.
    pub wall: Time,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What the session needs from outside.
pub struct Parts<S, R> {
    /// Makes messages durable.
    pub store: S,
    /// The store's answers.
    pub receipts: mpsc::Receiver<Vec<Receipt>>,
    /// What the `stored` messages say.
    pub ranges: R,
    /// The time.
    pub clock: Clock,
    /// The registry in force.
    pub registry: watch::Receiver<Arc<Registry>>,
    /// Cancelled to stop.
    pub stop: CancellationToken,
    /// Told how the session is doing.
    pub status: watch::Sender<IntakeStatus>,
}

/// Why the intake ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The store takes nothing any more, or its answers ended.
    #[error("the intake stops because the store is closed; nothing was acknowledged that is not stored")]
    StoreClosed,
    /// The store broke its promise to answer in order.
    #[error("the intake stops because {0}")]
    OutOfOrder(String),
    /// More is under way to the store than the window lets in: a defect.
    #[error("the intake stops because its queue to the store is full although the window bounds it")]
    QueueFull,
}
