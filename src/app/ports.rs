//! How the parts see one another: each part's own traits, on the other parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use truceline_core::engine::Output;
use truceline_core::id::Id;
use truceline_core::log::{Append, Body, Document, Entries, Entry};
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, encoding_of};
use uuid::Uuid;

use crate::desk::{self, Desk};
use crate::journal::{Appender, JournalError, Reader, Recent};
use crate::{evaluator, intake, sinks};

/// Bytes of entries read at once: bounds memory where each is large.
const READ_BYTES: usize = 32 << 20;

/// The journal as intake's store.
pub(super) struct JournalStore(pub(super) Appender);

impl intake::Store for JournalStore {
    async fn append(&self, append: Append) -> Result<(), intake::StoreClosed> {
        self.0.append(append).await.map_err(|_| intake::StoreClosed)
    }
}

/// The journal as the source of `stored`.
pub(super) struct JournalRanges(pub(super) Reader);

impl intake::StoredRanges for JournalRanges {
    fn ranges(&self, device: &Id, boot: u32) -> Result<Vec<(u64, u64)>, intake::LookupError> {
        Ok(self.0.ranges(device, boot)?)
    }
}

/// The journal as a log to read.
#[derive(Clone)]
pub(super) struct JournalLog {
    pub(super) reader: Reader,
    pub(super) recent: Recent,
    pub(super) head: watch::Receiver<u64>,
}

impl JournalLog {
    /// From memory for whoever follows closely, else from the file.
    fn entries(&self, after: u64, max: usize) -> Result<Entries, JournalError> {
        match self.recent.entries(after, max) {
            Some(entries) => Ok(entries),
            None => Ok(self.reader.entries(after, max, READ_BYTES)?.into()),
        }
    }
}

impl evaluator::Log for JournalLog {
    fn entries(&self, after: u64, max: usize) -> Result<Entries, evaluator::PortError> {
        Ok(Self::entries(self, after, max)?)
    }

    fn document(&self, hash: &str) -> Result<Option<Document>, evaluator::PortError> {
        Ok(self.reader.document(hash)?)
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }
}

impl sinks::Source<Entry> for JournalLog {
    fn read(&self, after: u64, max: usize) -> Result<Vec<sinks::Found<Entry>>, sinks::SourceError> {
        Ok(Self::entries(self, after, max)?.iter().cloned().map(Ok).collect())
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }
}

/// The desk as the evaluator's alert store; it looks up in the journal what alerts cite.
pub(super) struct DeskStore {
    pub(super) desk: Desk,
    pub(super) reader: Reader,
}

impl evaluator::AlertStore for DeskStore {
    fn cursor(&self) -> Result<u64, evaluator::PortError> {
        Ok(self.desk.cursor()?)
    }

    fn apply(&self, outputs: &[Output], through: u64) -> Result<(), evaluator::PortError> {
        let find = |offset| Ok(self.reader.entry(offset)?.and_then(|entry| cited(entry.body)));
        Ok(self.desk.apply(outputs, through, &find)?)
    }

    fn end_unknown(&self, open_in_engine: &BTreeSet<Uuid>, at: Time) -> Result<(), evaluator::PortError> {
        let ended = self.desk.end_unknown(open_in_engine, at)?;
        if ended > 0 {
            tracing::warn!(ended, "open alerts and events that the rebuilt engine does not know have ended");
        }
        Ok(())
    }
}

/// The bytes that an alert keeps: a reading's, or those of a reject that raised it.
fn cited(body: Body) -> Option<(Encoding, Vec<u8>)> {
    match body {
        Body::Reading(reading) => Some((reading.encoding, reading.bytes)),
        Body::Reject(reject) => {
            let encoding = encoding_of(reject.content_type.as_deref(), &reject.bytes);
            Some((encoding.unwrap_or(Encoding::Json), reject.bytes))
        }
        _ => None,
    }
}

/// Ticks into the journal. Their receipts are not waited for: the tick comes back through the log.
pub(super) struct JournalTicks(pub(super) Appender);

impl evaluator::Ticks for JournalTicks {
    fn append_tick(&self, at: Time) -> Result<(), evaluator::PortError> {
        Ok(self.0.append_blocking(Append { ticket: 0, arrived: at, bodies: vec![Body::Tick] })?)
    }
}

/// The desk's log as a sink's source.
pub(super) struct DeskLog(pub(super) Desk);

impl sinks::Source<sinks::AlertRow> for DeskLog {
    fn read(&self, after: u64, max: usize) -> Result<Vec<sinks::Found<sinks::AlertRow>>, sinks::SourceError> {
        Ok(self.0.log(after, max)?.into_iter().map(found).collect())
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.0.head()
    }
}

impl sinks::Source<sinks::EventRow> for DeskLog {
    fn read(&self, after: u64, max: usize) -> Result<Vec<sinks::Found<sinks::EventRow>>, sinks::SourceError> {
        Ok(self.0.event_log(after, max)?.into_iter().map(found).collect())
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.0.event_head()
    }
}

fn found<T>(row: desk::LogRow<T>) -> sinks::Found<sinks::Revision<T>> {
    let desk::LogRow { seq, written_at, json, .. } = row;
    match row.said {
        Ok(said) => Ok(sinks::Revision { seq, written_at, said }),
        Err(error) => Err(sinks::BadRow { position: seq, written_at, line: json, error }),
    }
}

/// All logs, as sinks read them.
pub(super) fn logs(journal: &JournalLog, desk: &Desk) -> sinks::Logs {
    let desk = Arc::new(DeskLog(desk.clone()));
    sinks::Logs { readings: Arc::new(journal.clone()), alerts: Arc::clone(&desk) as _, events: desk }
}
