//! Which identities are stored: exact intervals of seq for each boot of each device.
//!
//! A gap is never closed by guess: that would call a reading a duplicate that nobody has
//! stored, and lose it. The intervals outlive retention. Memory is bounded twice: a boot with many
//! gaps is looked up in the file, and boots that were not used for long are read again when they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension, params};

/// One boot of one device, by the device's row.
pub(super) type BootKey = (i64, u32);

/// What is kept in memory; beyond it the file answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Intervals of one boot.
    pub(super) boot: usize,
    /// Intervals of all boots together, and as many boots.
    pub(super) all: usize,
    /// Intervals of all boots of one device, in the file: they stay when retention deletes what they are of.
    pub(super) device: u32,
}

impl Default for Limits {
    /// 300,000 boots with one interval each take about 60 MB.
    fn default() -> Self {
        Self { boot: 64, all: 300_000, device: 1_000_000 }
    }
}

/// The intervals of all boots, the recently used ones in memory.
#[derive(Default)]
pub(super) struct Seen {
    limits: Limits,
    boots: HashMap<BootKey, Boot>,
    /// Boots with something to write, in the order of their first change.
    dirty: Vec<BootKey>,
    /// Intervals in memory, a boot counting as one at least.
    cached: usize,
    round: u64,
    /// Intervals of each device used lately.
    devices: HashMap<i64, u32>,
    /// Intervals of all devices.
    pub(super) total: u64,
}

/// What became of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    Added,
    /// It was there.
    Known,
    /// Its device has all the intervals that it may have; nothing was added.
    Full,
}

/// As [`Inserted`], with what it makes of the number of intervals.
enum Change {
    Added(i64),
    Known,
    Full,
}

struct Boot {
    used: u64,
    /// Whether it is among those to write.
    dirty: bool,
    intervals: Intervals,
}

enum Intervals {
    Memory(Few),
    /// Too many for memory: each question goes to the file.
    File,
}

impl Seen {
    /// As the file has it.
    pub(super) fn load(file: &Connection) -> rusqlite::Result<Self> {
        let kept = file
            .query_row("SELECT value FROM meta WHERE key = 'intervals'", [], |row| row.get::<_, i64>(0))
            .optional()?;
        let total = match kept {
            Some(total) => total,
            None => file.query_row("SELECT count(*) FROM seen", [], |row| row.get(0))?,
        };
        Ok(Self { total: total.cast_unsigned(), ..Self::default() })
    }

    #[cfg(test)]
    fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds `seq` within the caller's transaction.
    pub(super) fn insert(&mut self, file: &Connection, key: BootKey, seq: u64) -> rusqlite::Result<Inserted> {
        let device = match self.devices.entry(key.0) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(count(file, key.0, self.limits.device)?),
        };
        let may_begin = *device < self.limits.device;
        let boot = match self.boots.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let boot = Boot { used: 0, dirty: false, intervals: load(file, key, self.limits.boot)? };
                self.cached += boot.cost();
                place.insert(boot)
            }
        };
        boot.used = self.round;
        let before = boot.cost();
        let (change, in_memory) = match &mut boot.intervals {
            Intervals::File => (insert_in_file(file, key, seq, may_begin)?, false),
            Intervals::Memory(few) => (few.insert(seq, may_begin), true),
        };
        let more = match change {
            Change::Added(more) => more,
            Change::Known => return Ok(Inserted::Known),
            Change::Full => return Ok(Inserted::Full),
        };
        *device = device.saturating_add_signed(more as i32);
        self.total = self.total.saturating_add_signed(more);
        if in_memory && !boot.dirty {
            boot.dirty = true;
            self.dirty.push(key);
        }
        if let Intervals::Memory(few) = &mut boot.intervals
            && few.ranges.len() > self.limits.boot
        {
            few.write(file, key)?;
            boot.intervals = Intervals::File;
            metrics::counter!("truceline_journal_seen_spills_total").increment(1);
        }
        self.cached = (self.cached + boot.cost()).saturating_sub(before);
        Ok(Inserted::Added)
    }

    /// Writes what changed since the last call, within the caller's transaction.
    pub(super) fn write(&mut self, file: &Connection) -> rusqlite::Result<()> {
        for key in std::mem::take(&mut self.dirty) {
            let Some(boot) = self.boots.get_mut(&key) else { continue };
            boot.dirty = false;
            if let Intervals::Memory(few) = &mut boot.intervals {
                few.write(file, key)?;
            }
        }
        self.round += 1;
        file.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('intervals', ?)")?
            .execute([self.total.cast_signed()])?;
        Ok(())
    }

    /// Forgets the least recently used boots beyond the limit; only after a commit.
    pub(super) fn trim(&mut self) {
        if self.devices.len() > self.limits.all {
            self.devices.clear();
        }
        if self.cached <= self.limits.all {
            return;
        }
        let mut by_use: Vec<(u64, BootKey)> = self.boots.iter().map(|(key, boot)| (boot.used, *key)).collect();
        by_use.sort_unstable();
        for (_, key) in by_use {
            if self.cached <= self.limits.all / 2 {
                break;
            }
            if let Some(boot) = self.boots.remove(&key) {
                self.cached = self.cached.saturating_sub(boot.cost());
            }
        }
        metrics::counter!("truceline_journal_seen_trims_total").increment(1);
    }
}

impl Boot {
    fn cost(&self) -> usize {
        match &self.intervals {
            Intervals::Memory(few) => few.ranges.len().max(1),
            Intervals::File => 1,
        }
    }
}

/// The intervals of one boot in memory.
#[derive(Default)]
struct Few {
    /// First and last seq of each, both included; ascending, neither overlapping nor touching.
    ranges: Vec<(u64, u64)>,
    /// First seqs whose row must be written or deleted; one may be here twice.
    dirty: Vec<u64>,
}

impl Few {
    fn insert(&mut self, seq: u64, may_begin: bool) -> Change {
        let next = self.ranges.partition_point(|(lo, _)| *lo <= seq);
        let joins_next = self.ranges.get(next).is_some_and(|(lo, _)| lo - 1 == seq);
        match next.checked_sub(1).and_then(|below| self.ranges.get_mut(below)) {
            Some((_, hi)) if *hi >= seq => Change::Known,
            Some((lo, hi)) if *hi + 1 == seq => {
                *hi = seq;
                let lo = *lo;
                self.touch(lo);
                if joins_next {
                    let (gone, end) = self.ranges.remove(next);
                    if let Some((_, hi)) = self.ranges.get_mut(next - 1) {
                        *hi = end;
                    }
                    self.touch(gone);
                    return Change::Added(-1);
                }
                Change::Added(0)
            }
            _ if joins_next => {
                if let Some((lo, _)) = self.ranges.get_mut(next) {
                    let gone = std::mem::replace(lo, seq);
                    self.touch(gone);
                }
                self.touch(seq);
                Change::Added(0)
            }
            _ if !may_begin => Change::Full,
            _ => {
                self.ranges.insert(next, (seq, seq));
                self.touch(seq);
                Change::Added(1)
            }
        }
    }

    /// As a rule the row that was touched last.
    fn touch(&mut self, lo: u64) {
        if self.dirty.last() != Some(&lo) {
            self.dirty.push(lo);
        }
    }

    fn write(&mut self, file: &Connection, key: BootKey) -> rusqlite::Result<()> {
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for lo in std::mem::take(&mut self.dirty) {
            match self.ranges.binary_search_by_key(&lo, |range| range.0) {
                Ok(index) => put(file, key, lo, self.ranges.get(index).map_or(lo, |range| range.1))?,
                Err(_) => delete(file, key, lo)?,
            }
        }
        Ok(())
    }
}

/// Intervals of a device in the file, as far as they matter.
fn count(file: &Connection, device: i64, most: u32) -> rusqlite::Result<u32> {
    file.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM seen WHERE device = ? LIMIT ?)")?
        .query_row(params![device, most], |row| row.get(0))
}

fn insert_in_file(file: &Connection, key: BootKey, seq: u64, may_begin: bool) -> rusqlite::Result<Change> {
    let below = file
        .prepare_cached("SELECT lo, hi FROM seen WHERE device = ? AND boot = ? AND lo <= ? ORDER BY lo DESC LIMIT 1")?
        .query_row(params![key.0, key.1, seq.cast_signed()], range)
        .optional()?;
    let lo = match below {
        Some((_, hi)) if hi >= seq => return Ok(Change::Known),
        Some((lo, hi)) if hi + 1 == seq => lo,
        _ => seq,
    };
    let begins = lo == seq;
    let above = file
        .prepare_cached("SELECT lo, hi FROM seen WHERE device = ? AND boot = ? AND lo = ?")?
        .query_row(params![key.0, key.1, seq.saturating_add(1).cast_signed()], range)
        .optional()?;
    if begins && above.is_none() && !may_begin {
        return Ok(Change::Full);
    }
    if let Some((gone, _)) = above {
        delete(file, key, gone)?;
    }
    put(file, key, lo, above.map_or(seq, |(_, hi)| hi))?;
    Ok(Change::Added(i64::from(begins) - i64::from(above.is_some())))
}

fn load(file: &Connection, key: BootKey, most: usize) -> rusqlite::Result<Intervals> {
    let mut select =
        file.prepare_cached("SELECT lo, hi FROM seen WHERE device = ? AND boot = ? ORDER BY lo LIMIT ?")?;
    let ranges = select
        .query_map(params![key.0, key.1, most as i64 + 1], range)?
        .collect::<rusqlite::Result<Vec<(u64, u64)>>>()?;
    Ok(if ranges.len() > most { Intervals::File } else { Intervals::Memory(Few { ranges, dirty: Vec::new() }) })
}

fn range(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u64, u64)> {
    Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
}

fn put(file: &Connection, key: BootKey, lo: u64, hi: u64) -> rusqlite::Result<()> {
    file.prepare_cached("INSERT OR REPLACE INTO seen (device, boot, lo, hi) VALUES (?, ?, ?, ?)")?
        .execute(params![key.0, key.1, lo.cast_signed(), hi.cast_signed()])
        .map(drop)
}

fn delete(file: &Connection, key: BootKey, lo: u64) -> rusqlite::Result<()> {
    file.prepare_cached("DELETE FROM seen WHERE device = ? AND boot = ? AND lo = ?")?
        .execute(params![key.0, key.1, lo.cast_signed()])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn table() -> Connection {
        let file = Connection::open_in_memory().expect("opens");
        file.execute_batch(
            "CREATE TABLE seen (device INTEGER, boot INTEGER, lo INTEGER, hi INTEGER, PRIMARY KEY (device, boot, lo))
             WITHOUT ROWID;
             CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;",
        )
        .expect("made");
        file
    }

    /// What the table says of one boot, and that its intervals neither overlap nor touch.
    fn covered(file: &Connection, key: BootKey) -> BTreeSet<u64> {
        let Intervals::Memory(few) = load(file, key, 1_000).expect("reads") else { panic!("few enough") };
        assert!(few.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", few.ranges);
        few.ranges.iter().flat_map(|(lo, hi)| *lo..=*hi).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(i64, u32, u64),
        Commit,
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (0_i64..3, 0_u32..3, 0_u64..40).prop_map(|(device, boot, seq)| Step::Insert(device, boot, seq)),
            2 => Just(Step::Commit),
            1 => Just(Step::Restart),
        ]
    }

    proptest! {
        /// With memory for next to nothing, every answer is that of a plain set.
        #[test]
        fn answers_are_exact_whatever_is_in_memory(
            steps in prop::collection::vec(step(), 0..400), boot in 1_usize..6, all in 1_usize..12,
        ) {
            let file = table();
            let mut seen = Seen::with_limits(Limits { boot, all, device: 1_000 });
            let mut model: BTreeSet<(i64, u32, u64)> = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Insert(device, boot, seq) => {
                        let added = seen.insert(&file, (device, boot), seq).expect("works");
                        prop_assert_eq!(added == Inserted::Added, model.insert((device, boot, seq)));
                    }
                    Step::Commit => {
                        seen.write(&file).expect("writes");
                        seen.trim();
                        prop_assert!(seen.cached <= all, "{} in memory", seen.cached);
                        prop_assert_eq!(seen.cached, seen.boots.values().map(Boot::cost).sum::<usize>());
                    }
                    Step::Restart => {
                        seen.write(&file).expect("writes");
                        seen = Seen::with_limits(Limits { boot, all, device: 1_000 });
                        seen.total = Seen::load(&file).expect("reads").total;
                    }
                }
            }
            seen.write(&file).expect("writes");
            let rows: i64 = file.query_row("SELECT count(*) FROM seen", [], |row| row.get(0)).expect("counts");
            prop_assert_eq!(seen.total, rows.cast_unsigned());
            for device in 0..3 {
                for boot in 0..3 {
                    let expected: BTreeSet<u64> =
                        model.iter().filter(|key| (key.0, key.1) == (device, boot)).map(|key| key.2).collect();
                    prop_assert_eq!(covered(&file, (device, boot)), expected);
                }
            }
        }
    }

    #[test]
    fn a_device_that_sends_every_other_seq_takes_no_more_memory_for_it() {
        let file = table();
        let mut seen = Seen::default();
        for seq in (0..20_000).step_by(2) {
            assert_eq!(seen.insert(&file, (1, 1), seq).expect("works"), Inserted::Added);
        }
        seen.write(&file).expect("writes");
        assert_eq!(seen.cached, 1);
        for seq in 0..20_000 {
            let added = seen.insert(&file, (1, 1), seq).expect("works") == Inserted::Added;
            assert_eq!(added, seq % 2 == 1);
        }
        let rows: i64 = file.query_row("SELECT count(*) FROM seen", [], |row| row.get(0)).expect("counts");
        assert_eq!(rows, 1, "with its gaps filled it is one interval");
    }

    #[test]
    fn a_device_begins_no_more_intervals_than_it_may_and_goes_on_with_those_that_it_has() {
        let file = table();
        let limits = Limits { boot: 2, all: 100, device: 5 };
        let mut seen = Seen::with_limits(limits);
        let insert = |seen: &mut Seen, device, boot, seq| seen.insert(&file, (device, boot), seq).expect("works");
        for boot in 0..2 {
            assert_eq!(insert(&mut seen, 1, boot, 10), Inserted::Added);
        }
        for seq in [20, 30, 40] {
            assert_eq!(insert(&mut seen, 1, 0, seq), Inserted::Added);
        }
        assert_eq!([insert(&mut seen, 1, 0, 50), insert(&mut seen, 1, 7, 1)], [Inserted::Full; 2], "of either sort");
        assert_eq!([insert(&mut seen, 1, 1, 11), insert(&mut seen, 1, 0, 41)], [Inserted::Added; 2]);
        assert_eq!(insert(&mut seen, 1, 0, 30), Inserted::Known);
        assert_eq!(insert(&mut seen, 2, 0, 1), Inserted::Added, "another device has its own");
        seen.write(&file).expect("writes");
        let mut again = Seen::with_limits(limits);
        assert_eq!(insert(&mut again, 1, 0, 50), Inserted::Full);
        for seq in 31..40 {
            assert_eq!(insert(&mut again, 1, 0, seq), Inserted::Added);
        }
        assert_eq!(insert(&mut again, 1, 0, 50), Inserted::Added, "a gap that is filled makes room");
    }
}
