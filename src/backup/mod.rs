//! A copy of all that a service keeps, taken while it runs, and the way back.
//!
//! What follows is copied before what it follows from: the audit's marks and the engine's snapshots, then in one
//! moment the sinks' cursors, the desk and the journal. So nothing in a backup is ahead of its journal, and a
//! service that starts on it judges what is left to judge, as after a crash.

mod copy;
mod error;
mod manifest;
mod restore;
mod take;

pub use error::BackupError;
pub use manifest::{FileCopy, MANIFEST, Manifest};
pub use restore::{Restored, restore};
pub use take::{Take, take};

const JOURNAL: &str = "journal.db";
const DESK: &str = "desk.db";
const SINKS: &str = "sinks.db";
/// The databases, what follows before what it follows from.
const DATABASES: [&str; 3] = [SINKS, DESK, JOURNAL];
/// The audit's marks; there is none before the first audited deed.
const ANCHOR: &str = "audit.anchor";
const SNAPSHOTS: &str = "snapshots";
