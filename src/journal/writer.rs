//! The one thread that writes: batches that grow with load, one commit each, receipts after it.
//!
//! Indexing and retention are done between batches: at leisure while nothing waits, in larger and
//! rarer pieces under a load that never pauses.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use truceline_core::log::{Append, Body, Receipt};
use truceline_core::time::Span;

use super::counts::Counts;
use super::recent::Recent;
use super::retention::{self, Limits};
use super::room::{LOOK, Room, comes_in};
use super::store::Store;
use super::{JournalConfig, JournalError};

/// Most entries in one commit; more would only make the first of them wait longer.
const MAX_BATCH: usize = 4_000;
/// A tail shorter than this waits for a quiet moment to be indexed.
const SMALL_TAIL: usize = 2_000;
/// No request for so long is a quiet moment.
const QUIET: Duration = Duration::from_millis(250);
/// Entries indexed in one run while nothing waits: a request that comes meanwhile waits for it.
const INDEX_RUN: u64 = 5_000;
/// The tail that is indexed even under load: it bounds memory and the search through it.
const MAX_TAIL: usize = 300_000;
/// Entries indexed in one run under load: many for each device, so that a page is written once for many.
const INDEX_RUN_BUSY: u64 = 150_000;
/// Entries between two runs of retention under load; fewer than a run deletes, so that it keeps up.
const RETIRE_EVERY: u64 = 4_000;
/// Entries between two looks at the size.
const MEASURE_EVERY: u64 = 50_000;

/// Requests held while there is no room; whoever asks next waits in the queue.
const MAX_HELD: usize = 8_192;

/// Where the receipts of one appender go.
pub(super) type Reply = mpsc::Sender<Vec<Receipt>>;

/// What the writer is asked.
pub(super) enum Request {
    /// With the channel of its receipt, if anyone reads it.
    Append(Append, Option<Reply>),
    Retain(Limits),
    Close(Done),
}

type Done = oneshot::Sender<Result<(), String>>;

/// What others may watch.
pub(super) struct Signals {
    pub(super) head: watch::Sender<u64>,
    pub(super) counts: watch::Sender<Counts>,
    pub(super) failed: watch::Sender<Option<String>>,
    pub(super) held: watch::Sender<Option<String>>,
    pub(super) recent: Recent,
}

pub(super) struct Writer {
    store: Store,
    path: PathBuf,
    max_bytes: Option<u64>,
    /// Waits for requests with a time limit; this thread has no other runtime.
    waiter: tokio::runtime::Runtime,
    limits: Limits,
    /// Something may be left to retire.
    retiring: bool,
    retired_at: u64,
    measured_at: u64,
    /// It was told that the file is over its limit and nothing may go.
    over_limit: bool,
    room: Room,
    /// What the entries say of the link to the broker.
    link_up: bool,
}

type Batch = Vec<(Append, Option<Reply>)>;

impl Writer {
    pub(super) fn load(file: Connection, config: &JournalConfig) -> Result<Self, JournalError> {
        let waiter = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| JournalError::Folder { path: config.path.clone(), source })?;
        let store = Store::load(file, config)?;
        Ok(Self {
            retired_at: store.head,
            measured_at: store.head,
            store,
            path: config.path.clone(),
            max_bytes: config.max_bytes,
            waiter,
            limits: Limits { max_bytes: config.max_bytes, ..Limits::default() },
            retiring: false,
            over_limit: false,
            room: Room::new(config.path.parent().map(Path::to_path_buf).unwrap_or_default(), config.reserve_bytes),
            link_up: false,
        })
    }

    pub(super) fn head(&self) -> u64 {
        self.store.head
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.store.counts
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
        self.measure()?;
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
                    Request::Retain(limits) => (self.limits, self.retiring) = (limits, true),
                    Request::Close(done) => closing = Some(done),
                }
                if entries < MAX_BATCH && closing.is_none() {
                    next = requests.try_recv().ok();
                }
            }
            if batch.iter().any(|(append, _)| append.bodies.iter().any(comes_in)) && self.room.is_short() {
                closing = self.hold(&mut batch, closing, requests, signals);
            }
            if !batch.is_empty() {
                self.commit(std::mem::take(&mut batch), signals)?;
            }
            if let Some(done) = closing {
                let result = self.store.file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                let _ = done.send(result.map_err(|error| JournalError::sort(&self.path, error).to_string()));
                break;
            }
            self.work_under_load()?;
        }
        Ok(())
    }

    /// Waits for room with all that is asked meanwhile, in its order, until there is some or the service stops: what is
    /// under way then is bounded and has the reserve.
    ///
    /// We were deaf meanwhile, and the entries say so: nobody's silence may count from that time.
    fn hold(
        &mut self,
        batch: &mut Batch,
        mut closing: Option<Done>,
        requests: &mut mpsc::Receiver<Request>,
        signals: &Signals,
    ) -> Option<Done> {
        let start = Instant::now();
        let why = self.room.why();
        tracing::error!("journal: {why}");
        metrics::gauge!("truceline_journal_held").set(1.0);
        signals.held.send_replace(Some(why));
        let stops = |batch: &Batch| batch.iter().any(|(append, _)| append.bodies.contains(&Body::Service(false)));
        while self.room.is_short() && closing.is_none() && !stops(batch) {
            if batch.len() >= MAX_HELD {
                // Who asks next waits in the queue; there is nothing to do but to look at the disk again.
                std::thread::sleep(LOOK);
                continue;
            }
            let wait = async { tokio::time::timeout(LOOK, requests.recv()).await };
            match self.waiter.block_on(wait) {
                Ok(Some(Request::Append(append, reply))) => batch.push((append, reply)),
                Ok(Some(Request::Retain(limits))) => (self.limits, self.retiring) = (limits, true),
                Ok(Some(Request::Close(done))) => closing = Some(done),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        if let Some(from) = batch.first().map(|(append, _)| append.arrived).filter(|_| self.link_up) {
            let nanos = i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX);
            let told = [(from, false), (from + Span::from_nanos(nanos), true)];
            let told = told.map(|(arrived, up)| (Append { ticket: 0, arrived, bodies: vec![Body::Link(up)] }, None));
            batch.splice(0..0, told);
        }
        tracing::info!(held_ms = start.elapsed().as_millis() as u64, "the journal takes in again");
        metrics::gauge!("truceline_journal_held").set(0.0);
        signals.held.send_replace(None);
        closing
    }

    /// The next request; while none waits, indexes and retires.
    fn next(&mut self, requests: &mut mpsc::Receiver<Request>) -> rusqlite::Result<Option<Request>> {
        loop {
            match requests.try_recv() {
                Ok(request) => return Ok(Some(request)),
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(None),
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            if self.store.tail.len() >= SMALL_TAIL {
                self.index_run(INDEX_RUN)?;
            } else if self.retiring {
                self.retire()?;
            } else {
                let wait = async { tokio::time::timeout(QUIET, requests.recv()).await };
                match self.waiter.block_on(wait) {
                    Ok(request) => return Ok(request),
                    Err(_) if self.index_run(INDEX_RUN)? => {}
                    Err(_) => return Ok(requests.blocking_recv()),
                }
            }
        }
    }

    /// What cannot wait for a pause that may never come.
    fn work_under_load(&mut self) -> rusqlite::Result<()> {
        if self.store.tail.len() > MAX_TAIL {
            self.index_run(INDEX_RUN_BUSY)?;
        }
        if self.store.head - self.measured_at >= MEASURE_EVERY {
            let size = self.measure()?;
            self.retiring |= self.max_bytes.is_some_and(|most| size > most);
        }
        if self.retiring && self.store.head - self.retired_at >= RETIRE_EVERY {
            self.retire()?;
        }
        Ok(())
    }

    fn index_run(&mut self, most: u64) -> rusqlite::Result<bool> {
        let start = Instant::now();
        let worked = self.store.tail.index_run(&mut self.store.file, self.store.head, most)?;
        if worked {
            metrics::histogram!("truceline_journal_index_run_seconds").record(start.elapsed().as_secs_f64());
        }
        metrics::gauge!("truceline_journal_unindexed").set(self.store.tail.len() as f64);
        Ok(worked)
    }

    fn retire(&mut self) -> rusqlite::Result<()> {
        self.retired_at = self.store.head;
        let store = &mut self.store;
        self.retiring = retention::run(&mut store.file, self.limits, &mut store.counts, store.seen.total)?;
        if !self.retiring {
            let size = self.measure()?;
            self.tell_limit(size)?;
        }
        Ok(())
    }

    /// Tells once that the file is over its limit though all that may go has gone.
    fn tell_limit(&mut self, size: u64) -> rusqlite::Result<()> {
        // Before the evaluator's first snapshot nothing may go yet.
        let over = self.limits.floor > 0 && self.max_bytes.is_some_and(|most| size > most);
        metrics::gauge!("truceline_journal_over_limit").set(if over { 1.0 } else { 0.0 });
        if over && !self.over_limit {
            let lasting = retention::lasting(&self.store.file, self.store.seen.total)?;
            tracing::error!(
                "the journal has {size} bytes, more than journal.max_gib, and nothing is left that may be deleted: {lasting} of \
                 them say which readings were stored and hold the terms, which stay; raise journal.max_gib"
            );
        }
        self.over_limit = over;
        Ok(())
    }

    /// Tells the size, and gives it.
    fn measure(&mut self) -> rusqlite::Result<u64> {
        self.measured_at = self.store.head;
        let size = retention::size(&self.store.file)?;
        metrics::gauge!("truceline_journal_bytes").set(size as f64);
        Ok(size)
    }

    fn commit(&mut self, batch: Batch, signals: &Signals) -> rusqlite::Result<()> {
        let start = Instant::now();
        let before = self.store.head;
        self.store.file.execute_batch("BEGIN IMMEDIATE")?;
        let mut replies: Vec<(Reply, Vec<Receipt>)> = Vec::new();
        for (append, reply) in batch {
            self.store.last_arrived = self.store.last_arrived.max(append.arrived.nanos());
            let mut outcomes = Vec::with_capacity(append.bodies.len());
            for body in append.bodies {
                if let Body::Link(up) = body {
                    self.link_up = up;
                }
                outcomes.push(self.store.store(body)?);
            }
            let Some(reply) = reply else { continue };
            let receipt = Receipt { ticket: append.ticket, outcomes };
            match replies.iter_mut().find(|(sender, _)| sender.same_channel(&reply)) {
                Some((_, receipts)) => receipts.push(receipt),
                None => replies.push((reply, vec![receipt])),
            }
        }
        self.store.finish_batch()?;
        self.store.file.execute_batch("COMMIT")?;
        metrics::histogram!("truceline_journal_commit_seconds").record(start.elapsed().as_secs_f64());
        metrics::histogram!("truceline_journal_batch_entries").record((self.store.head - before) as f64);
        self.store.committed();
        signals.recent.add(std::mem::take(&mut self.store.fresh));
        signals.counts.send_replace(self.store.counts.clone());
        signals.head.send_replace(self.store.head);
        for (reply, receipts) in replies {
            // Whoever asked and left needs no answer.
            let _ = reply.blocking_send(receipts);
        }
        Ok(())
    }
}
