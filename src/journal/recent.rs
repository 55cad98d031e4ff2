//! The newest entries, in memory: whoever follows the head closely gets them without the file, readings decoded.
//!
//! Only what is committed is here. It is a copy of the file's end, bounded; who is behind it reads the file.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use truceline_core::log::{Entries, Entry};
use truceline_core::time::Time;

use super::reader::size;

/// Entries kept.
const MAX_ENTRIES: usize = 32_768;
/// Bytes kept, about.
const MAX_BYTES: usize = 48 << 20;
/// What an entry takes beside its bytes: a decoded reading, ids, the rest of the row.
const ENTRY_BYTES: usize = 1_000;

/// The newest entries; cheap to clone.
#[derive(Clone)]
pub struct Recent(Arc<Mutex<Ring>>);

struct Ring {
    commits: VecDeque<Commit>,
    /// The offset before the oldest that is here.
    before: u64,
    entries: usize,
    bytes: usize,
}

struct Commit {
    entries: Arc<[Entry]>,
    bytes: usize,
}

impl Recent {
    /// Nothing yet, of a journal with this head.
    pub(super) fn after(head: u64) -> Self {
        let ring = Ring { commits: VecDeque::new(), before: head, entries: 0, bytes: 0 };
        Self(Arc::new(Mutex::new(ring)))
    }

    /// Adds what one commit made durable, and forgets the oldest beyond the limits.
    pub(super) fn add(&self, fresh: Vec<Entry>) {
        if fresh.is_empty() {
            return;
        }
        let bytes = fresh.iter().map(|entry| ENTRY_BYTES + size(&entry.body)).sum();
        let commit = Commit { entries: fresh.into(), bytes };
        let mut forgotten = Vec::new();
        let Ok(mut ring) = self.0.lock() else { return };
        ring.entries += commit.entries.len();
        ring.bytes += commit.bytes;
        ring.commits.push_back(commit);
        while ring.entries > MAX_ENTRIES || ring.bytes > MAX_BYTES {
            let Some(oldest) = ring.commits.pop_front() else { break };
            ring.entries -= oldest.entries.len();
            ring.bytes -= oldest.bytes;
            ring.before = oldest.entries.last().map_or(ring.before, |entry| entry.offset);
            forgotten.push(oldest);
        }
        metrics::gauge!("truceline_journal_recent_entries").set(ring.entries as f64);
        metrics::gauge!("truceline_journal_recent_bytes").set(ring.bytes as f64);
        // Memory is given back without the lock.
        drop(ring);
        drop(forgotten);
    }

    /// Up to `max` entries after an offset, in order; `None` if the first of them is no longer here.
    pub fn entries(&self, after: u64, max: usize) -> Option<Entries> {
        let ring = self.0.lock().ok()?;
        if after < ring.before {
            metrics::counter!("truceline_journal_recent_misses_total").increment(1);
            return None;
        }
        let mut found = Entries::default();
        // Commits are in order: the first that ends after the offset holds what comes next.
        let first = ring.commits.partition_point(|commit| commit.newest() <= after);
        for commit in ring.commits.range(first..) {
            let start = commit.entries.partition_point(|entry| entry.offset <= after);
            found.add(&commit.entries, start..commit.entries.len().min(start + (max - found.len())));
            if found.len() >= max {
                break;
            }
        }
        Some(found)
    }

    /// When the first entry after an offset arrived, if it is here.
    pub fn arrived_after(&self, after: u64) -> Option<Time> {
        let ring = self.0.lock().ok()?;
        if after < ring.before {
            return None;
        }
        let first = ring.commits.partition_point(|commit| commit.newest() <= after);
        let commit = ring.commits.get(first)?;
        commit.entries.get(commit.entries.partition_point(|entry| entry.offset <= after)).map(|entry| entry.arrived)
    }
}

impl Commit {
    fn newest(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.offset)
    }
}
