//! The journal: one append-only, durable sequence of entries.
//!
//! One thread writes; its commit, with fsync, is the durability boundary, and receipts are sent
//! only after it. Readers have connections of their own. A reading's identity (device incarnation,
//! boot, seq) is stored once, whatever happens.

mod appender;
mod counts;
mod damage;
mod documents;
mod error;
mod index;
mod life;
mod lists;
mod names;
mod reader;
mod recent;
mod retention;
mod room;
mod row;
mod schema;
mod seen;
mod store;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use truceline_core::log::{Append, Body, Outcome, Receipt};
use truceline_core::time::{Span, Time};

pub use appender::Appender;
use appender::Channels;
pub use counts::Counts;
pub use damage::Salvage;
pub use error::JournalError;
pub use life::{Summary, begin_new_life, known_schema};
pub use lists::{Page, ReadingFilter, RejectFilter};
pub use reader::Reader;
pub use recent::Recent;
use writer::{Request, Signals, Writer};

/// Requests that may wait for the writer; whoever asks next is held up until it has caught up.
const QUEUE: usize = 8_192;

/// Where the journal is and what it keeps.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// The file.
    pub path: PathBuf,
    /// Readings older than this, by arrival, are deleted; `None`: never.
    pub retention: Option<Span>,
    /// Greatest size in bytes; `None`: none.
    pub max_bytes: Option<u64>,
    /// Bytes of rejects that are kept; more are only counted.
    pub reject_quota_bytes: u64,
    /// Bytes of the disk that stay free: with less no readings are taken in; 0: it is written until it is full.
    pub reserve_bytes: u64,
    /// First levels of the topics that readings come on, such as `truceline/v1`.
    pub topic_prefix: String,
}

impl JournalConfig {
    /// A journal at `path` of readings under `truceline/v1` that keeps everything, and 256 MiB of rejects.
    pub fn new(path: PathBuf) -> Self {
        let topic_prefix = "truceline/v1".to_owned();
        Self { path, retention: None, max_bytes: None, reject_quota_bytes: 256 << 20, reserve_bytes: 0, topic_prefix }
    }
}

/// The queue to the writer. A writer that stands still could not tell how full it is.
#[derive(Clone)]
pub struct Queue(mpsc::WeakSender<Request>);

impl Queue {
    /// Requests that wait.
    pub fn depth(&self) -> usize {
        self.0.upgrade().map_or(0, |requests| requests.max_capacity() - requests.capacity())
    }
}

/// The open journal.
pub struct Journal {
    requests: mpsc::Sender<Request>,
    channels: Channels,
    config: JournalConfig,
    identity: u64,
    reader: Reader,
    recent: Recent,
    head: watch::Receiver<u64>,
    counts: watch::Receiver<Counts>,
    failed: watch::Receiver<Option<String>>,
    held: watch::Receiver<Option<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens or makes the journal and starts its writer.
    pub fn open(config: JournalConfig) -> Result<Self, JournalError> {
        let folder = |source| JournalError::Folder { path: config.path.clone(), source };
        if let Some(parent) = config.path.parent() {
            std::fs::create_dir_all(parent).map_err(folder)?;
        }
        let lock_path = config.path.with_extension("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(folder)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(config.path.clone())),
            Err(TryLockError::Error(source)) => return Err(folder(source)),
        }
        let file = schema::open_writer(&config.path)?;
        let identity = schema::identity(&file).map_err(|source| JournalError::sort(&config.path, source))?;
        let writer = Writer::load(file, &config)?;
        let (head_sender, head) = watch::channel(writer.head());
        let (counts_sender, counts) = watch::channel(writer.counts().clone());
        let (failed_sender, failed) = watch::channel(None);
        let (held_sender, held) = watch::channel(None);
        let recent = Recent::after(writer.head());
        let signals = Signals {
            head: head_sender,
            counts: counts_sender,
            failed: failed_sender,
            held: held_sender,
            recent: recent.clone(),
        };
        let (requests, queue) = mpsc::channel(QUEUE);
        let channels = Channels::new();
        let ends = channels.clone();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let end = catch_unwind(AssertUnwindSafe(|| writer.run(queue, &signals)));
                if end.is_err() {
                    // Without a word of it everyone would wait for receipts for ever.
                    let told = "the journal's writer broke off; what it had not committed was not acknowledged";
                    signals.failed.send_replace(Some(told.to_owned()));
                }
                ends.close();
                // Not before the file is closed: the next service may open it from here on.
                drop::<File>(lock);
            })
            .map_err(folder)?;
        let reader = Reader::new(config.path.clone());
        Ok(Self {
            requests,
            channels,
            config,
            identity,
            reader,
            recent,
            head,
            counts,
            failed,
            held,
            thread: Some(thread),
        })
    }

    /// Tells this journal from every other: what follows from one journal must not be held against another.
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// A way to append, and its receipts, which end when the writer stops.
    ///
    /// `window` is how many commits' receipts may wait for its user. Whoever does not take receipts while he waits for the
    /// queue must give the most requests that he has open at once: with fewer he would wait for the writer and the
    /// writer for him. Whoever takes them all the time may give less, and holds the writer up only while he is slower.
    pub fn appender(&self, window: usize) -> (Appender, mpsc::Receiver<Vec<Receipt>>) {
        let (sender, receiver) = self.channels.open(window);
        (Appender::new(self.requests.clone(), sender), receiver)
    }

    /// Appends and waits until it is durable.
    pub async fn append(&self, arrived: Time, bodies: Vec<Body>) -> Result<Vec<Outcome>, JournalError> {
        let (appender, mut receipts) = self.appender(1);
        appender.append(Append { ticket: 0, arrived, bodies }).await?;
        drop(appender);
        let receipts = receipts.recv().await.ok_or(JournalError::Stopped)?;
        receipts.into_iter().next().map(|receipt| receipt.outcomes).ok_or(JournalError::Stopped)
    }

    /// The queue to the writer, to be looked at from outside.
    pub fn queue(&self) -> Queue {
        Queue(self.requests.downgrade())
    }

    /// Reads on connections of its own.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// The newest entries, in memory.
    pub fn recent(&self) -> Recent {
        self.recent.clone()
    }

    /// Offset of the newest durable entry.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Counts since the journal began.
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.clone()
    }

    /// Says what is wrong once the writer has failed; nothing that it had not committed was receipted.
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.clone()
    }

    /// Says why readings are not taken in for now, while that is so: there is too little room on the disk.
    pub fn held(&self) -> watch::Receiver<Option<String>> {
        self.held.clone()
    }

    /// Deletes, when there is time, what is too old or too much at journal time `now`, but nothing at or above `floor`.
    pub async fn retain(&self, now: Time, floor: u64) -> Result<(), JournalError> {
        let limits = retention::Limits {
            before: self.config.retention.map(|age| (now - age).nanos()),
            max_bytes: self.config.max_bytes,
            floor,
        };
        self.requests.send(Request::Retain(limits)).await.map_err(|_| JournalError::Stopped)
    }

    /// Commits what waits, writes the log back into the file, and closes it.
    pub async fn close(mut self) -> Result<(), JournalError> {
        let (done, closed) = oneshot::channel();
        self.requests.send(Request::Close(done)).await.map_err(|_| JournalError::Stopped)?;
        let result = match closed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(detail)) => Err(JournalError::Disk { path: self.config.path.clone(), detail }),
            Err(_) => Err(JournalError::Stopped),
        };
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        result
    }
}
