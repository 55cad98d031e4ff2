//! Small builders: bodies, times, an open journal.

use std::path::Path;
use std::time::Duration;

use truceline::journal::{Journal, JournalConfig, JournalError, Reader};
use truceline_core::log::{Body, Decoded, Entry, ReadingEntry, RejectEntry};
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, RejectReason, TimeBasis};

/// How long a condition may take on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn reading(device: &str, boot: u32, seq: u64, text: &str) -> Body {
    Body::Reading(ReadingEntry {
        station: "st01".parse().expect("an id"),
        device: device.parse().expect("an id"),
        incarnation: 1,
        boot,
        seq,
        time: Time::from_nanos(seq.cast_signed().saturating_mul(1_000_000_000)),
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: text.as_bytes().to_vec(),
        decoded: Decoded::default(),
    })
}

pub(crate) fn reject(size: usize) -> Body {
    Body::Reject(RejectEntry {
        topic: "truceline/v1/readings/x".to_owned(),
        content_type: None,
        station: None,
        device: None,
        identity: None,
        reason: RejectReason::Undecodable,
        path: None,
        detail: String::new(),
        bytes: vec![7; size],
        size: size as u64,
    })
}

pub(crate) fn open(dir: &Path) -> Journal {
    let mut opened = None;
    // A child that another test has just forked holds the lock that we let go, until its exec.
    crate::harness::wait_for("the journal to open", LONG, || {
        match Journal::open(JournalConfig::new(dir.join("journal.db"))) {
            Err(JournalError::InUse(_)) => false,
            other => {
                opened = Some(other.expect("opens"));
                true
            }
        }
    });
    opened.expect("opens")
}

pub(crate) fn all(reader: &Reader) -> Vec<Entry> {
    reader.entries(0, usize::MAX >> 1, usize::MAX).expect("reads")
}

pub(crate) fn at(seconds: i64) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

pub(crate) fn path(dir: &Path) -> std::path::PathBuf {
    dir.join("journal.db")
}

/// How many readings the index holds, looked up behind the journal's back.
pub(crate) fn indexed(dir: &Path) -> i64 {
    rusqlite::Connection::open(path(dir))
        .and_then(|file| file.query_row("SELECT count(*) FROM by_time", [], |row| row.get(0)))
        .expect("counted")
}
