//! The one thread that writes: batches that grow with load, one commit each, receipts after it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot, watch};
use truceline_core::id::Id;
use truceline_core::log::{Append, Body, Outcome, ReadingEntry, Receipt, RejectEntry};
use truceline_core::wire::RejectReason;

use super::counts::Counts;
use super::index::Tail;
use super::retention::{self, Limits};
use super::row::{self, RejectMeta};
use super::seen::Seen;
use super::{JournalConfig, JournalError};

/// Most entries in one commit; more would only make the first of them wait longer.
const MAX_BATCH: usize = 4_000;
/// Entries indexed in one run while nothing else is to do.
const INDEX_RUN: u64 = 5_000;
/// The tail that is indexed even under load: it bounds memory and the search through it.
const MAX_TAIL: usize = 200_000;

/// What the writer is asked.
pub(super) enum Request {
    Append(Append, mpsc::Sender<Vec<Receipt>>),
    Retain(Limits),
    Close(oneshot::Sender<()>),
}

/// What others may watch.
pub(super) struct Signals {
    pub(super) head: watch::Sender<u64>,
    pub(super) counts: watch::Sender<Counts>,
    pub(super) failed: watch::Sender<Option<String>>,
}

pub(super) struct Writer {
    file: Connection,
    path: PathBuf,
    config: JournalConfig,
    head: u64,
    last_arrived: i64,
    seen: Seen,
    tail: Tail,
    counts: Counts,
    stations: HashMap<Id, i64>,
    devices: HashMap<(Id, u32), i64>,
    retain: Option<Limits>,
}

impl Writer {
    pub(super) fn load(file: Connection, config: JournalConfig) -> Result<Self, JournalError> {
        let path = config.path.clone();
        let sort = |source| JournalError::sort(&path, source);
        let last: Option<(i64, i64)> = file
            .query_row("SELECT offset, arrived FROM entry ORDER BY offset DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(sort)?;
        // Retention may have emptied the table: the numbers go on where they were.
        let kept: Option<(i64, i64)> = file
            .query_row(
                "SELECT value, (SELECT value FROM meta WHERE key = 'arrived') FROM meta WHERE key = 'head'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(sort)?;
        let (head, last_arrived) = last.max(kept).unwrap_or((0, i64::MIN));
        let tail = Tail::load(&file).map_err(sort)?;
        let counts = Counts::load(&file).map_err(sort)?;
        Ok(Self {
            file,
            config,
            head: head.cast_unsigned(),
            last_arrived,
            seen: Seen::default(),
            tail,
            counts,
            stations: HashMap::new(),
            devices: HashMap::new(),
            retain: None,
            path,
        })
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Runs until it is closed, all askers are gone, or a commit fails.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>, signals: &Signals) {
        if let Err(error) = self.serve(&mut requests, signals) {
            let error = JournalError::sort(&self.path, error);
            tracing::error!("journal: {error}");
            signals.failed.send_replace(Some(error.to_string()));
        }
    }

    fn serve(&mut self, requests: &mut mpsc::Receiver<Request>, signals: &Signals) -> rusqlite::Result<()> {
        let mut batch = Vec::new();
        while let Some(first) = self.next(requests)? {
            let mut next = Some(first);
            let mut entries = 0;
            let mut closing = None;
            while let Some(request) = next.take() {
                match request {
                    Request::Append(append, reply) => {
                        entries += append.bodies.len();
                        batch.push((append, reply));
                    }
                    Request::Retain(limits) => self.retain = Some(limits),
                    Request::Close(done) => closing = Some(done),
                }
                if entries < MAX_BATCH && closing.is_none() {
                    next = requests.try_recv().ok();
                }
            }
            if !batch.is_empty() {
                self.commit(std::mem::take(&mut batch), signals)?;
            }
            metrics::gauge!("truceline_journal_queue_depth").set(requests.len() as f64);
            if let Some(done) = closing {
                self.file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
                let _ = done.send(());
                break;
            }
        }
        Ok(())
    }

    /// The next request; while none waits, indexes and retires.
    fn next(&mut self, requests: &mut mpsc::Receiver<Request>) -> rusqlite::Result<Option<Request>> {
        if self.tail.len() > MAX_TAIL {
            self.index_run()?;
        }
        loop {
            match requests.try_recv() {
                Ok(request) => return Ok(Some(request)),
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(None),
                Err(mpsc::error::TryRecvError::Empty) => {
                    if !self.index_run()? && !self.retire()? {
                        return Ok(requests.blocking_recv());
                    }
                }
            }
        }
    }

    fn index_run(&mut self) -> rusqlite::Result<bool> {
        let worked = self.tail.index_run(&mut self.file, self.head, INDEX_RUN)?;
        metrics::gauge!("truceline_journal_unindexed").set(self.tail.len() as f64);
        Ok(worked)
    }

    fn retire(&mut self) -> rusqlite::Result<bool> {
        let Some(limits) = self.retain else { return Ok(false) };
        let (deleted, reject_bytes) = retention::run(&mut self.file, limits)?;
        if deleted == 0 {
            self.retain = None;
            metrics::gauge!("truceline_journal_bytes").set(retention::size(&self.file)? as f64);
            return Ok(false);
        }
        if reject_bytes > 0 {
            self.counts.reject_bytes = self.counts.reject_bytes.saturating_sub(reject_bytes);
            self.counts.save(&self.file)?;
        }
        Ok(true)
    }

    fn commit(&mut self, batch: Vec<(Append, mpsc::Sender<Vec<Receipt>>)>, signals: &Signals) -> rusqlite::Result<()> {
        let start = Instant::now();
        let before = self.head;
        self.file.execute_batch("BEGIN IMMEDIATE")?;
        let mut replies: Vec<(mpsc::Sender<Vec<Receipt>>, Vec<Receipt>)> = Vec::new();
        for (append, reply) in batch {
            self.last_arrived = self.last_arrived.max(append.arrived.nanos());
            let mut outcomes = Vec::with_capacity(append.bodies.len());
            for body in append.bodies {
                outcomes.push(self.store(body)?);
            }
            let receipt = Receipt { ticket: append.ticket, outcomes };
            match replies.iter_mut().find(|(sender, _)| sender.same_channel(&reply)) {
                Some((_, receipts)) => receipts.push(receipt),
                None => replies.push((reply, vec![receipt])),
            }
        }
        self.seen.write(&self.file)?;
        self.counts.save(&self.file)?;
        let mut keep = self.file.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")?;
        keep.execute(params!["head", self.head.cast_signed()])?;
        keep.execute(params!["arrived", self.last_arrived])?;
        drop(keep);
        self.file.execute_batch("COMMIT")?;
        metrics::histogram!("truceline_journal_commit_seconds").record(start.elapsed().as_secs_f64());
        metrics::histogram!("truceline_journal_batch_entries").record((self.head - before) as f64);
        self.seen.trim();
        signals.counts.send_replace(self.counts.clone());
        signals.head.send_replace(self.head);
        for (reply, receipts) in replies {
            // Whoever asked and left needs no answer.
            let _ = reply.blocking_send(receipts);
        }
        Ok(())
    }

    fn store(&mut self, body: Body) -> rusqlite::Result<Outcome> {
        match body {
            Body::Reading(reading) => self.store_reading(&reading),
            Body::Reject(reject) => self.store_reject(&reject),
            other => self.store_other(&other).map(Outcome::Stored),
        }
    }

    fn store_reading(&mut self, reading: &ReadingEntry) -> rusqlite::Result<Outcome> {
        let device = self.device_row(&reading.device, reading.incarnation)?;
        if !self.seen.insert(&self.file, (device, reading.boot), reading.seq)? {
            return self.store_again(reading, device);
        }
        let station = self.station_row(&reading.station)?;
        let offset = self.head + 1;
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
        self.head = offset;
        self.tail.add((device, reading.boot, reading.seq), offset);
        self.counts.stored += 1;
        metrics::counter!("truceline_journal_entries_total", "kind" => "reading").increment(1);
        Ok(Outcome::Stored(offset))
    }

    /// A reading whose identity is stored: the same bytes are a duplicate, others a conflict.
    fn store_again(&mut self, reading: &ReadingEntry, device: i64) -> rusqlite::Result<Outcome> {
        let first = self.tail.find(&self.file, (device, reading.boot, reading.seq))?;
        let same = match first {
            // Retention has deleted the first: nothing is left to compare.
            None => true,
            Some(offset) => self
                .file
                .prepare_cached("SELECT body = ?2 FROM entry WHERE offset = ?1")?
                .query_row(params![offset.cast_signed(), reading.bytes], |row| row.get::<_, bool>(0))
                .optional()?
                .unwrap_or(true),
        };
        if same {
            self.counts.duplicates += 1;
            metrics::counter!("truceline_journal_duplicates_total").increment(1);
            return Ok(Outcome::Duplicate);
        }
        let first = first.unwrap_or_default();
        self.store_reject(&RejectEntry {
            topic: String::new(),
            content_type: None,
            station: Some(reading.station.clone()),
            device: Some(reading.device.clone()),
            identity: Some((reading.boot, reading.seq)),
            reason: RejectReason::ConflictingDuplicate,
            path: None,
            detail: format!("entry {first} has the same device, boot and seq with other bytes"),
            size: reading.bytes.len() as u64,
            bytes: reading.bytes.clone(),
        })?;
        Ok(Outcome::Conflict)
    }

    fn store_reject(&mut self, reject: &RejectEntry) -> rusqlite::Result<Outcome> {
        *self.counts.rejects.entry(reject.reason).or_default() += 1;
        let meta = serde_json::to_string(&RejectMeta::of(reject)).unwrap_or_default();
        let size = (meta.len() + reject.bytes.len()) as u64;
        if self.counts.reject_bytes + size > self.config.reject_quota_bytes {
            metrics::counter!("truceline_journal_rejects_over_quota_total").increment(1);
            return Ok(Outcome::Counted);
        }
        self.counts.reject_bytes += size;
        let offset = self.head + 1;
        self.file
            .prepare_cached("INSERT INTO entry (offset, arrived, kind, meta, body) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![offset.cast_signed(), self.last_arrived, row::REJECT, meta, reject.bytes])?;
        self.head = offset;
        metrics::counter!("truceline_journal_entries_total", "kind" => "reject").increment(1);
        Ok(Outcome::Stored(offset))
    }

    fn store_other(&mut self, body: &Body) -> rusqlite::Result<u64> {
        let (mut station, mut device, mut time, mut note, mut meta) = (None, None, None, None, None);
        let kind = match body {
            Body::State(entry) => {
                station = Some(self.station_row(&entry.station)?);
                device = Some(self.device_row(&entry.device, 0)?);
                meta = Some(serde_json::to_string(&entry.state).unwrap_or_default());
                row::STATE
            }
            Body::Agreement(document) | Body::Registry(document) => {
                self.file
                    .prepare_cached("INSERT OR IGNORE INTO document (hash, text) VALUES (?, ?)")?
                    .execute(params![document.hash, document.text])?;
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
        let offset = self.head + 1;
        self.file
            .prepare_cached(
                "INSERT INTO entry (offset, arrived, kind, station, device, time, note, meta) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![offset.cast_signed(), self.last_arrived, kind, station, device, time, note, meta])?;
        self.head = offset;
        metrics::counter!("truceline_journal_entries_total", "kind" => row::kind_word(body)).increment(1);
        Ok(offset)
    }

    fn station_row(&mut self, station: &Id) -> rusqlite::Result<i64> {
        if let Some(row) = self.stations.get(station) {
            return Ok(*row);
        }
        self.file.prepare_cached("INSERT OR IGNORE INTO station (name) VALUES (?)")?.execute([station.as_str()])?;
        let row = self
            .file
            .prepare_cached("SELECT id FROM station WHERE name = ?")?
            .query_row([station.as_str()], |row| row.get(0))?;
        remember(&mut self.stations, station.clone(), row);
        Ok(row)
    }

    fn device_row(&mut self, device: &Id, incarnation: u32) -> rusqlite::Result<i64> {
        let key = (device.clone(), incarnation);
        if let Some(row) = self.devices.get(&key) {
            return Ok(*row);
        }
        self.file
            .prepare_cached("INSERT OR IGNORE INTO device (name, incarnation) VALUES (?, ?)")?
            .execute(params![device.as_str(), incarnation])?;
        let row = self
            .file
            .prepare_cached("SELECT id FROM device WHERE name = ? AND incarnation = ?")?
            .query_row(params![device.as_str(), incarnation], |row| row.get(0))?;
        remember(&mut self.devices, key, row);
        Ok(row)
    }
}

/// Rows of names kept in memory; beyond it they are read again.
const MAX_NAMES: usize = 200_000;

fn remember<K: std::hash::Hash + Eq>(names: &mut HashMap<K, i64>, name: K, row: i64) {
    if names.len() >= MAX_NAMES {
        names.clear();
    }
    names.insert(name, row);
}
