//! The index by device, built off the hot path in sorted runs.
//!
//! An index that each commit keeps up to date costs more with every row that is there: each
//! device's newest row lies on another page. So entries wait in a tail that is looked through
//! directly, and go into the index many at a time.

use std::collections::{HashMap, VecDeque};

use rusqlite::{Connection, OptionalExtension, params};

use super::row::READING;

/// A reading's identity, by the device's row.
pub(super) type Identity = (i64, u32, u64);

/// Readings that are stored and not indexed yet.
#[derive(Default)]
pub(super) struct Tail {
    /// In order of offset.
    readings: VecDeque<(Identity, u64)>,
    /// The first `mapped` of them by identity: most are indexed before anyone asks for one.
    offsets: HashMap<Identity, u64>,
    mapped: usize,
    /// All readings up to here are indexed.
    through: u64,
}

impl Tail {
    /// Reads where the index ends, and what is behind it.
    pub(super) fn load(file: &Connection) -> rusqlite::Result<Self> {
        let through: Option<i64> =
            file.query_row("SELECT value FROM meta WHERE key = 'indexed_through'", [], |row| row.get(0)).optional()?;
        let mut tail = Self { through: through.unwrap_or(0).cast_unsigned(), ..Self::default() };
        let mut select =
            file.prepare("SELECT device, boot, seq, offset FROM entry WHERE offset > ? AND kind = ? ORDER BY offset")?;
        let mut rows = select.query(params![tail.through.cast_signed(), READING])?;
        while let Some(row) = rows.next()? {
            let identity = (row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.cast_unsigned());
            tail.add(identity, row.get::<_, i64>(3)?.cast_unsigned());
        }
        Ok(tail)
    }

    pub(super) fn add(&mut self, identity: Identity, offset: u64) {
        self.readings.push_back((identity, offset));
    }

    pub(super) fn len(&self) -> usize {
        self.readings.len()
    }

    /// Where a stored reading is; `None` once retention has deleted it.
    pub(super) fn find(&mut self, file: &Connection, identity: Identity) -> rusqlite::Result<Option<u64>> {
        self.offsets.extend(self.readings.range(self.mapped..).copied());
        self.mapped = self.readings.len();
        if let Some(offset) = self.offsets.get(&identity) {
            return Ok(Some(*offset));
        }
        let (device, boot, seq) = identity;
        file.prepare_cached("SELECT offset FROM by_seq WHERE device = ? AND boot = ? AND seq = ?")?
            .query_row(params![device, boot, seq.cast_signed()], |row| row.get::<_, i64>(0))
            .optional()
            .map(|offset| offset.map(i64::cast_unsigned))
    }

    /// Indexes up to `most` entries of the tail in one transaction; false if there was nothing to do.
    pub(super) fn index_run(&mut self, file: &mut Connection, head: u64, most: u64) -> rusqlite::Result<bool> {
        if self.through >= head {
            return Ok(false);
        }
        let to = head.min(self.through + most);
        let transaction = file.transaction()?;
        let range = params![self.through.cast_signed(), to.cast_signed(), READING];
        let chosen = "FROM entry WHERE offset > ?1 AND offset <= ?2 AND kind = ?3";
        let by_seq = format!(
            "INSERT OR IGNORE INTO by_seq SELECT device, boot, seq, offset {chosen} ORDER BY device, boot, seq"
        );
        let by_time =
            format!("INSERT OR IGNORE INTO by_time SELECT device, time, offset {chosen} ORDER BY device, time, offset");
        transaction.prepare_cached(&by_seq)?.execute(range)?;
        transaction.prepare_cached(&by_time)?.execute(range)?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('indexed_through', ?)")?
            .execute([to.cast_signed()])?;
        transaction.commit()?;
        self.through = to;
        let indexed = self.readings.partition_point(|(_, offset)| *offset <= to);
        for (identity, _) in self.readings.drain(..indexed) {
            self.offsets.remove(&identity);
        }
        self.mapped = self.mapped.saturating_sub(indexed);
        Ok(true)
    }
}
