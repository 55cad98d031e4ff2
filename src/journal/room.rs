//! Free space on the journal's disk. Readings are not taken in before the disk is full but a reserve earlier: whatever else
//! is being written then has the room to end well, and nothing need ever be given up.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use truceline_core::log::Body;

/// Between two looks; a writer at full speed fills some 10 MB in it.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// Whether there is room.
pub(super) struct Room {
    folder: PathBuf,
    reserve: u64,
    looked: Option<Instant>,
    short: bool,
}

impl Room {
    /// `reserve` bytes of the disk that has `folder` are to stay free; 0: nobody looks.
    pub(super) fn new(folder: PathBuf, reserve: u64) -> Self {
        Self { folder, reserve, looked: None, short: false }
    }

    /// Whether there is less free than the reserve. Once there is, until there is a quarter more than it.
    pub(super) fn is_short(&mut self) -> bool {
        if self.reserve == 0 || self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return self.short;
        }
        self.looked = Some(Instant::now());
        // A disk that does not tell shows what it has when it is written to.
        let Some(free) = self.free() else { return self.short };
        metrics::gauge!("truceline_journal_disk_free_bytes").set(free as f64);
        let wanted = if self.short { self.reserve + self.reserve / 4 } else { self.reserve };
        self.short = free < wanted;
        self.short
    }

    /// What is told.
    pub(super) fn why(&self) -> String {
        let mib = |bytes: u64| bytes >> 20;
        format!(
            "the disk of {} has {} MiB free, less than the reserve of {} MiB: readings are not taken in until there is room, the \
             broker holds them; free space, or lower journal.reserve_mib",
            self.folder.display(),
            self.free().map_or(0, mib),
            mib(self.reserve)
        )
    }

    fn free(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.folder).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Whether a body comes from outside, in any number: the few of the service's own have the reserve.
pub(super) const fn comes_in(body: &Body) -> bool {
    matches!(body, Body::Reading(_) | Body::Reject(_) | Body::State(_))
}
