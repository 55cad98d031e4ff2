//! A device's firmware: keeps its readings until the service says that they are stored.
//!
//! A state machine without I/O: readings, the link and `stored` messages go in, what to send comes
//! out. Time is the driver's, as a duration since its start.

use std::collections::BTreeMap;
use std::time::Duration;

use truceline_core::wire::{RejectReason, Stored};

/// Readings in one message.
pub const MAX_BATCH: usize = 100;
/// Readings that are under way at once; the rest waits in flash.
pub const MAX_UNDER_WAY: usize = 1_000;
/// Ranges of given-up readings that are remembered until a health reading tells them: as many as it may hold.
const MAX_DROPPED: usize = 256;
/// Different reasons that are counted; the contract has 15.
const MAX_REASONS: usize = 32;

/// One device's memory.
#[derive(Debug)]
pub struct Firmware {
    boot: u32,
    next_seq: u64,
    flash: BTreeMap<u64, Kept>,
    capacity: usize,
    linked: bool,
    resend_after: Duration,
    under_way: usize,
    dropped: Vec<(u64, u64)>,
    /// Counts for the summary.
    pub counts: Counts,
    /// Rejects by their reason.
    pub reasons: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    sent: Option<Duration>,
    before: bool,
}

/// Readings for one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    seqs: Vec<u64>,
    /// The readings as they were kept, the oldest first.
    pub readings: Vec<Vec<u8>>,
}

/// What a device did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Readings made.
    pub made: u64,
    /// Readings sent for the first time.
    pub sent: u64,
    /// Readings that are in `stored`.
    pub stored: u64,
    /// Readings that the service rejected.
    pub rejected: u64,
    /// Readings sent again.
    pub resent: u64,
    /// Readings given up because the flash was full.
    pub dropped: u64,
}

impl Counts {
    /// Adds another device's.
    pub fn add(&mut self, other: Self) {
        self.made += other.made;
        self.sent += other.sent;
        self.stored += other.stored;
        self.rejected += other.rejected;
        self.resent += other.resent;
        self.dropped += other.dropped;
    }
}

impl Firmware {
    /// A device that has just started, with a flash for `capacity` readings. What is not stored `resend_after` its
    /// sending is sent again.
    pub fn new(boot: u32, capacity: usize, resend_after: Duration) -> Self {
        Self {
            boot,
            next_seq: 0,
            flash: BTreeMap::new(),
            capacity: capacity.max(1),
            linked: false,
            resend_after,
            under_way: 0,
            dropped: Vec::new(),
            counts: Counts::default(),
            reasons: BTreeMap::new(),
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

    /// Keeps a reading, encoded with [`Firmware::next_seq`]; false if the flash is full and it is given up. The oldest
    /// are kept, since they show how it began.
    pub fn keep(&mut self, bytes: Vec<u8>) -> bool {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.counts.made += 1;
        if self.flash.len() < self.capacity {
            self.flash.insert(seq, Kept { bytes, sent: None, before: false });
            return true;
        }
        self.counts.dropped += 1;
        let room = self.dropped.len() < MAX_DROPPED;
        match self.dropped.last_mut() {
            Some((_, to)) if *to + 1 == seq => *to = seq,
            _ if room => self.dropped.push((seq, seq)),
            _ => {}
        }
        false
    }

    /// The readings given up that no kept health reading has told yet, as its `dropped` holds them.
    pub fn dropped(&self) -> Vec<(u32, u64, u64)> {
        self.dropped.iter().map(|(from, to)| (self.boot, *from, *to)).collect()
    }

    /// A health reading with [`Firmware::dropped`] was kept.
    pub fn told_dropped(&mut self) {
        self.dropped.clear();
    }

    /// The link came up or went down; after it went down all that is not stored will be sent again.
    pub fn link(&mut self, up: bool) {
        if self.linked && !up {
            for kept in self.flash.values_mut() {
                kept.sent = None;
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
        for (seq, reason) in &stored.rejected {
            // A good reading that only came too fast: it is kept, and sent again in its turn.
            if reason == RejectReason::RateLimited.as_str() {
                continue;
            }
            if self.forget(*seq) {
                self.counts.rejected += 1;
                if self.reasons.len() < MAX_REASONS || self.reasons.contains_key(reason) {
                    *self.reasons.entry(reason.clone()).or_default() += 1;
                }
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

    /// The next message's readings, the oldest first; `None` when there is nothing to send.
    pub fn poll_send(&mut self, now: Duration) -> Option<Batch> {
        if !self.linked {
            return None;
        }
        let mut batch = Batch::default();
        // Of those sent already there are `under_way`; past the last of them nothing can be due when no more may go.
        let mut waiting = self.under_way;
        for (seq, kept) in &mut self.flash {
            if batch.readings.len() >= MAX_BATCH || (waiting == 0 && self.under_way >= MAX_UNDER_WAY) {
                break;
            }
            match kept.sent {
                None if self.under_way < MAX_UNDER_WAY => self.under_way += 1,
                None => continue,
                Some(sent) => {
                    waiting = waiting.saturating_sub(1);
                    if now.saturating_sub(sent) < self.resend_after {
                        continue;
                    }
                }
            }
            if kept.before {
                self.counts.resent += 1;
            } else {
                self.counts.sent += 1;
            }
            kept.before = true;
            kept.sent = Some(now);
            batch.seqs.push(*seq);
            batch.readings.push(kept.bytes.clone());
        }
        (!batch.seqs.is_empty()).then_some(batch)
    }

    /// A batch could not be handed to the link: its readings wait again.
    pub fn not_sent(&mut self, batch: &Batch) {
        for seq in &batch.seqs {
            if let Some(kept) = self.flash.get_mut(seq)
                && kept.sent.take().is_some()
            {
                self.under_way = self.under_way.saturating_sub(1);
            }
        }
    }

    /// Readings that are not in `stored`.
    pub fn pending(&self) -> usize {
        self.flash.len()
    }
}
