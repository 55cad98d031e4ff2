//! A device's firmware: keeps its readings until the service says that they are stored.
//!
//! A state machine without I/O: readings, the link and `stored` messages go in, what to send comes
//! out. Time is the driver's, as a duration since its start.

use std::collections::BTreeMap;
use std::time::Duration;

use truceline_core::wire::Stored;

/// Readings in one message.
pub const MAX_BATCH: usize = 100;
/// Readings that are under way at once; the rest waits in flash.
const MAX_UNDER_WAY: usize = 1_000;
/// Readings that the flash holds; the oldest are kept, since they show how it began.
const FLASH: usize = 100_000;

/// One device's memory.
#[derive(Debug)]
pub struct Firmware {
    boot: u32,
    next_seq: u64,
    flash: BTreeMap<u64, Kept>,
    linked: bool,
    resend_after: Duration,
    under_way: usize,
    /// Counts for the summary.
    pub counts: Counts,
}

#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    sent: Option<Duration>,
}

/// What a device did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Readings made.
    pub made: u64,
    /// Readings that are in `stored`.
    pub stored: u64,
    /// Readings that the service rejected.
    pub rejected: u64,
    /// Readings sent again.
    pub resent: u64,
    /// Readings given up because the flash was full.
    pub dropped: u64,
}

impl Firmware {
    /// A device that has just started; what is not stored `resend_after` its sending is sent again.
    pub fn new(boot: u32, resend_after: Duration) -> Self {
        Self {
            boot,
            next_seq: 0,
            flash: BTreeMap::new(),
            linked: false,
            resend_after,
            under_way: 0,
            counts: Counts::default(),
        }
    }

    /// This start's number.
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// The number that the next reading gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Keeps a reading, encoded with [`Firmware::next_seq`].
    pub fn keep(&mut self, bytes: Vec<u8>) {
        self.counts.made += 1;
        if self.flash.len() >= FLASH {
            self.counts.dropped += 1;
        } else {
            self.flash.insert(self.next_seq, Kept { bytes, sent: None });
        }
        self.next_seq += 1;
    }

    /// The link came up or went down; after it went down all that is not stored will be sent again.
    pub fn link(&mut self, up: bool) {
        if self.linked && !up {
            for kept in self.flash.values_mut() {
                if kept.sent.take().is_some() {
                    self.counts.resent += 1;
                }
            }
            self.under_way = 0;
        }
        self.linked = up;
    }

    /// The service says what is durable; other boots do not concern this one.
    pub fn stored(&mut self, stored: &Stored) {
        if stored.boot != self.boot {
            return;
        }
        for (from, to) in &stored.stored {
            let there: Vec<u64> = self.flash.range(*from..=*to.max(from)).map(|(seq, _)| *seq).collect();
            for seq in there {
                self.forget(seq);
                self.counts.stored += 1;
            }
        }
        for (seq, _) in &stored.rejected {
            if self.forget(*seq) {
                self.counts.rejected += 1;
            }
        }
    }

    fn forget(&mut self, seq: u64) -> bool {
        let Some(kept) = self.flash.remove(&seq) else { return false };
        if kept.sent.is_some() {
            self.under_way = self.under_way.saturating_sub(1);
        }
        true
    }

    /// The next message's readings, the oldest first; empty when there is nothing to send.
    pub fn poll_send(&mut self, now: Duration) -> Vec<Vec<u8>> {
        if !self.linked {
            return Vec::new();
        }
        let mut batch = Vec::new();
        for kept in self.flash.values_mut() {
            if batch.len() >= MAX_BATCH {
                break;
            }
            match kept.sent {
                None if self.under_way < MAX_UNDER_WAY => self.under_way += 1,
                Some(sent) if now.saturating_sub(sent) >= self.resend_after => self.counts.resent += 1,
                _ => continue,
            }
            kept.sent = Some(now);
            batch.push(kept.bytes.clone());
        }
        batch
    }

    /// Readings that are not in `stored`.
    pub fn pending(&self) -> usize {
        self.flash.len()
    }
}
