//! Which identities are stored: exact intervals of seq for each boot of each device.
//!
//! A gap is never closed by guess: that would call a reading a duplicate that nobody has
//! stored, and lose it. The intervals outlive retention.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, params};

/// Intervals kept in memory, over all boots; the rest is read again from the file when needed.
const MAX_CACHED: usize = 500_000;

/// One boot of one device, by the device's row.
pub(super) type BootKey = (i64, u32);

#[derive(Default)]
struct Boot {
    /// First to last seq of each interval, both included; neither overlapping nor touching.
    intervals: BTreeMap<u64, u64>,
    /// First seqs whose row must be written or deleted.
    dirty: BTreeSet<u64>,
    used: u64,
}

/// The intervals of all boots, the recently used ones in memory.
#[derive(Default)]
pub(super) struct Seen {
    boots: HashMap<BootKey, Boot>,
    dirty: BTreeSet<BootKey>,
    cached: usize,
    round: u64,
}

impl Seen {
    /// Adds `seq`; false if it was there.
    pub(super) fn insert(&mut self, file: &Connection, key: BootKey, seq: u64) -> rusqlite::Result<bool> {
        let round = self.round;
        if !self.boots.contains_key(&key) {
            let boot = load(file, key)?;
            self.cached += boot.intervals.len();
            self.boots.insert(key, boot);
        }
        let Some(boot) = self.boots.get_mut(&key) else { return Ok(false) };
        boot.used = round;
        let before = boot.intervals.len();
        let added = boot.insert(seq);
        self.cached = self.cached + boot.intervals.len() - before.min(self.cached);
        if added {
            self.dirty.insert(key);
        }
        Ok(added)
    }

    /// Writes what changed since the last call, within the caller's transaction.
    pub(super) fn write(&mut self, file: &Connection) -> rusqlite::Result<()> {
        let mut upsert =
            file.prepare_cached("INSERT OR REPLACE INTO seen (device, boot, lo, hi) VALUES (?, ?, ?, ?)")?;
        let mut delete = file.prepare_cached("DELETE FROM seen WHERE device = ? AND boot = ? AND lo = ?")?;
        for key in std::mem::take(&mut self.dirty) {
            let Some(boot) = self.boots.get_mut(&key) else { continue };
            for lo in std::mem::take(&mut boot.dirty) {
                match boot.intervals.get(&lo) {
                    Some(hi) => upsert.execute(params![key.0, key.1, lo.cast_signed(), hi.cast_signed()])?,
                    None => delete.execute(params![key.0, key.1, lo.cast_signed()])?,
                };
            }
        }
        self.round += 1;
        Ok(())
    }

    /// Forgets the least recently used boots beyond the limit; only after a commit.
    pub(super) fn trim(&mut self) {
        if self.cached <= MAX_CACHED {
            return;
        }
        let mut by_use: Vec<(u64, BootKey)> = self.boots.iter().map(|(key, boot)| (boot.used, *key)).collect();
        by_use.sort_unstable();
        for (_, key) in by_use {
            if self.cached <= MAX_CACHED / 2 {
                break;
            }
            if let Some(boot) = self.boots.remove(&key) {
                self.cached = self.cached.saturating_sub(boot.intervals.len());
            }
        }
        metrics::counter!("truceline_journal_seen_trims_total").increment(1);
    }
}

impl Boot {
    fn insert(&mut self, seq: u64) -> bool {
        let below = self.intervals.range(..=seq).next_back().map(|(lo, hi)| (*lo, *hi));
        if below.is_some_and(|(_, hi)| hi >= seq) {
            return false;
        }
        let mut lo = seq;
        let mut hi = seq;
        if let Some((start, end)) = below
            && end + 1 == seq
        {
            lo = start;
        }
        if let Some(end) = self.intervals.remove(&(seq + 1)) {
            hi = end;
            self.dirty.insert(seq + 1);
        }
        self.intervals.insert(lo, hi);
        self.dirty.insert(lo);
        true
    }
}

fn load(file: &Connection, key: BootKey) -> rusqlite::Result<Boot> {
    let mut select = file.prepare_cached("SELECT lo, hi FROM seen WHERE device = ? AND boot = ?")?;
    let mut rows = select.query(params![key.0, key.1])?;
    let mut boot = Boot::default();
    while let Some(row) = rows.next()? {
        boot.intervals.insert(row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned());
    }
    Ok(boot)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn intervals_are_exactly_the_set_of_what_was_inserted(seqs in prop::collection::vec(0_u64..60, 0..200)) {
            let mut boot = Boot::default();
            let mut model = BTreeSet::new();
            for seq in seqs {
                prop_assert_eq!(boot.insert(seq), model.insert(seq));
            }
            let covered: BTreeSet<u64> = boot.intervals.iter().flat_map(|(lo, hi)| *lo..=*hi).collect();
            prop_assert_eq!(covered, model);
            let ends: Vec<_> = boot.intervals.iter().collect();
            prop_assert!(ends.windows(2).all(|pair| *pair[0].1 + 1 < *pair[1].0), "touching intervals are one");
        }
    }
}
