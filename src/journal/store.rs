//! Bodies into rows: what is stored, what is a duplicate or a conflict, what is only counted.

use rusqlite::{Connection, OptionalExtension, params};
use truceline_core::log::{Body, Entry, MAX_REJECT_BYTES, Outcome, ReadingEntry, RejectEntry};
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, RejectReason};

use super::JournalError;
use super::counts::Counts;
use super::documents;
use super::index::Tail;
use super::names::Names;
use super::row::{self, RejectMeta};
use super::seen::{Inserted, Seen};

/// A word for each kind of entry, in the order of their numbers.
const KINDS: [&str; 9] = ["reading", "reject", "state", "agreement", "registry", "service", "link", "clock", "tick"];

/// The file and all that must agree with it; changes are the caller's transaction's.
pub(super) struct Store {
    pub(super) file: Connection,
    /// Offset of the newest entry.
    pub(super) head: u64,
    /// Its time of arrival in nanoseconds; nothing is stored with an earlier one.
    pub(super) last_arrived: i64,
    pub(super) seen: Seen,
    pub(super) tail: Tail,
    pub(super) counts: Counts,
    /// What this batch stored, in order of offset.
    pub(super) fresh: Vec<Entry>,
    names: Names,
    reject_quota_bytes: u64,
    topic_prefix: String,
    meters: Meters,
    /// Since the start, so that the first of each is told.
    conflicts_not_kept: u64,
    refused: u64,
}

/// Counts of one batch, told to the metrics once and not for each of 100,000 entries a second.
#[derive(Default)]
struct Meters {
    kinds: [u64; KINDS.len()],
    duplicates: u64,
    conflicts: u64,
    over_quota: u64,
}

impl Store {
    pub(super) fn load(file: Connection, config: &super::JournalConfig) -> Result<Self, JournalError> {
        let sort = |source| JournalError::sort(&config.path, source);
        let (head, last_arrived) = newest(&file).map_err(sort)?;
        let tail = Tail::load(&file).map_err(sort)?;
        let counts = Counts::load(&file).map_err(sort)?;
        let seen = Seen::load(&file).map_err(sort)?;
        Ok(Self {
            file,
            head: head.cast_unsigned(),
            last_arrived,
            seen,
            tail,
            counts,
            fresh: Vec::new(),
            names: Names::default(),
            reject_quota_bytes: config.reject_quota_bytes,
            topic_prefix: config.topic_prefix.clone(),
            meters: Meters::default(),
            conflicts_not_kept: 0,
            refused: 0,
        })
    }

    /// Writes what the batch changed beside the entries; the last step before the commit.
    pub(super) fn finish_batch(&mut self) -> rusqlite::Result<()> {
        self.seen.write(&self.file)?;
        self.counts.save(&self.file)?;
        let mut keep = self.file.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")?;
        keep.execute(params!["head", self.head.cast_signed()])?;
        keep.execute(params!["arrived", self.last_arrived])?;
        Ok(())
    }

    /// After the commit: tells the metrics, frees memory.
    pub(super) fn committed(&mut self) {
        self.seen.trim();
        metrics::gauge!("truceline_journal_seen_intervals").set(self.seen.total as f64);
        let meters = std::mem::take(&mut self.meters);
        for (kind, count) in KINDS.into_iter().zip(meters.kinds) {
            if count > 0 {
                metrics::counter!("truceline_journal_entries_total", "kind" => kind).increment(count);
            }
        }
        metrics::counter!("truceline_journal_duplicates_total").increment(meters.duplicates);
        metrics::counter!("truceline_journal_conflicts_total").increment(meters.conflicts);
        metrics::counter!("truceline_journal_rejects_over_quota_total").increment(meters.over_quota);
    }

    /// Stores one body that arrived at `last_arrived`.
    pub(super) fn store(&mut self, body: Body) -> rusqlite::Result<Outcome> {
        match body {
            Body::Reading(reading) => self.store_reading(reading),
            Body::Reject(reject) => self.store_reject(reject),
            other => {
                let offset = self.store_other(&other)?;
                Ok(self.stored(offset, other))
            }
        }
    }

    fn stored(&mut self, offset: u64, body: Body) -> Outcome {
        self.fresh.push(Entry { offset, arrived: Time::from_nanos(self.last_arrived), body });
        Outcome::Stored(offset)
    }

    fn store_reading(&mut self, reading: ReadingEntry) -> rusqlite::Result<Outcome> {
        let device = self.names.device(&self.file, &reading.device, reading.incarnation)?;
        match self.seen.insert(&self.file, (device, reading.boot), reading.seq)? {
            Inserted::Added => {}
            Inserted::Known => return self.store_again(&reading, device),
            Inserted::Full => return self.refuse(&reading),
        }
        let station = self.names.station(&self.file, &reading.station)?;
        let offset = self.next_offset(row::READING);
        self.file
            .prepare_cached(
                "INSERT INTO entry (offset, arrived, kind, station, device, boot, seq, time, note, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                offset.cast_signed(),
                self.last_arrived,
                row::READING,
                station,
                device,
                reading.boot,
                reading.seq.cast_signed(),
                reading.time.nanos(),
                row::note(reading.time_basis, reading.encoding),
                reading.bytes
            ])?;
        self.tail.add((device, reading.boot, reading.seq), offset);
        self.counts.stored += 1;
        Ok(self.stored(offset, Body::Reading(reading)))
    }

    /// A reading whose identity is stored: the same bytes are a duplicate, others a conflict.
    fn store_again(&mut self, reading: &ReadingEntry, device: i64) -> rusqlite::Result<Outcome> {
        let first = self.tail.find(&self.file, (device, reading.boot, reading.seq))?;
        let differs = match first {
            // Retention has deleted the first: nothing is left to compare.
            None => false,
            Some(offset) => self
                .file
                .prepare_cached("SELECT body <> ?2 FROM entry WHERE offset = ?1")?
                .query_row(params![offset.cast_signed(), reading.bytes], |row| row.get::<_, bool>(0))
                .optional()?
                .unwrap_or(false),
        };
        if !differs {
            self.counts.duplicates += 1;
            self.meters.duplicates += 1;
            return Ok(Outcome::Duplicate);
        }
        let first = first.unwrap_or_default();
        let detail = format!("entry {first} has the same device, boot and seq with other bytes");
        let kept = self.store_reject(self.reject(reading, RejectReason::ConflictingDuplicate, detail))?;
        self.meters.conflicts += 1;
        if kept == Outcome::Counted {
            // Nobody judges what is no entry: the alert that it is worth is not raised.
            if self.conflicts_not_kept == 0 {
                tracing::error!(device = %reading.device, "a conflict is only counted and raises no alert: journal.reject_quota_mib is full");
            }
            self.conflicts_not_kept += 1;
            metrics::counter!("truceline_journal_conflicts_over_quota_total").increment(1);
        }
        Ok(Outcome::Conflict)
    }

    /// A reading that begins one interval too many: its device keeps it, and sends it again.
    fn refuse(&mut self, reading: &ReadingEntry) -> rusqlite::Result<Outcome> {
        if self.refused == 0 {
            tracing::error!(
                device = %reading.device,
                "a device has a million gaps and boots: readings that begin another one are refused; find out why it \
                 counts so, then raise its incarnation in the registry"
            );
        }
        self.refused += 1;
        metrics::counter!("truceline_journal_seen_refused_total").increment(1);
        let detail = "the device has too many gaps and boots; its incarnation begins anew".to_owned();
        self.store_reject(self.reject(reading, RejectReason::RateLimited, detail))?;
        Ok(Outcome::Counted)
    }

    fn reject(&self, reading: &ReadingEntry, reason: RejectReason, detail: String) -> RejectEntry {
        RejectEntry {
            // A reading comes on no other topic than this.
            topic: format!("{}/readings/{}/{}", self.topic_prefix, reading.station, reading.device),
            content_type: Some(content_type(reading.encoding).to_owned()),
            station: Some(reading.station.clone()),
            device: Some(reading.device.clone()),
            identity: Some((reading.boot, reading.seq)),
            reason,
            path: None,
            detail,
            size: reading.bytes.len() as u64,
            bytes: reading.bytes.get(..MAX_REJECT_BYTES).unwrap_or(&reading.bytes).to_vec(),
        }
    }

    fn store_reject(&mut self, reject: RejectEntry) -> rusqlite::Result<Outcome> {
        *self.counts.rejects.entry(reject.reason).or_default() += 1;
        let meta = serde_json::to_string(&RejectMeta::of(&reject)).unwrap_or_default();
        let size = (meta.len() + reject.bytes.len()) as u64;
        if self.counts.reject_bytes + size > self.quota(reject.reason) {
            self.meters.over_quota += 1;
            return Ok(Outcome::Counted);
        }
        self.counts.reject_bytes += size;
        let offset = self.next_offset(row::REJECT);
        self.file
            .prepare_cached("INSERT INTO entry (offset, arrived, kind, meta, body) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![offset.cast_signed(), self.last_arrived, row::REJECT, meta, reject.bytes])?;
        Ok(self.stored(offset, Body::Reject(reject)))
    }

    /// The last eighth is kept for what the engine judges, so that junk cannot fill it first.
    fn quota(&self, reason: RejectReason) -> u64 {
        match reason {
            RejectReason::ConflictingDuplicate | RejectReason::BadSignature => self.reject_quota_bytes,
            _ => self.reject_quota_bytes - self.reject_quota_bytes / 8,
        }
    }

    fn store_other(&mut self, body: &Body) -> rusqlite::Result<u64> {
        let (mut station, mut device, mut time, mut note, mut meta) = (None, None, None, None, None);
        let kind = match body {
            Body::State(entry) => {
                station = Some(self.names.station(&self.file, &entry.station)?);
                device = Some(self.names.device(&self.file, &entry.device, 0)?);
                meta = Some(serde_json::to_string(&entry.state).unwrap_or_default());
                row::STATE
            }
            Body::Agreement(document) | Body::Registry(document) => {
                documents::keep(&self.file, document)?;
                meta = Some(document.hash.clone());
                if matches!(body, Body::Agreement(_)) { row::AGREEMENT } else { row::REGISTRY }
            }
            Body::Service(started) => {
                note = Some(i64::from(*started));
                row::SERVICE
            }
            Body::Link(up) => {
                note = Some(i64::from(*up));
                row::LINK
            }
            Body::Clock { offset_ns } => {
                time = Some(*offset_ns);
                row::CLOCK
            }
            Body::Reading(_) | Body::Reject(_) | Body::Tick => row::TICK,
        };
        let offset = self.next_offset(kind);
        self.file
            .prepare_cached(
                "INSERT INTO entry (offset, arrived, kind, station, device, time, note, meta) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![offset.cast_signed(), self.last_arrived, kind, station, device, time, note, meta])?;
        Ok(offset)
    }

    fn next_offset(&mut self, kind: i64) -> u64 {
        if let Some(count) = usize::try_from(kind - 1).ok().and_then(|kind| self.meters.kinds.get_mut(kind)) {
            *count += 1;
        }
        self.head += 1;
        self.head
    }
}

/// What the bytes themselves are, however the message around them was typed.
const fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "application/json",
        Encoding::Cbor => "application/cbor",
        Encoding::Cose => "application/cose",
    }
}

/// Offset and arrival of the newest entry there was.
fn newest(file: &Connection) -> rusqlite::Result<(i64, i64)> {
    let there = file
        .query_row("SELECT offset, arrived FROM entry ORDER BY offset DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    // Retention may have emptied the table: the numbers go on where they were.
    let kept = file
        .query_row(
            "SELECT value, (SELECT value FROM meta WHERE key = 'arrived') FROM meta WHERE key = 'head'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(there.max(kept).unwrap_or((0, i64::MIN)))
}
