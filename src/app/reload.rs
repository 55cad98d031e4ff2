//! Reading agreement and devices again: the one path for the signal and the API.
//!
//! Files of hundreds of days take seconds to read and check. So all of it is done on a thread that may block, one
//! reload at a time, while the service goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use tokio::sync::mpsc;
use truceline_core::log::{Append, Outcome, Receipt};

use super::clock::Clock;
use super::deeds;
use super::terms::{self, Loaded, Refused, Terms, TermsError};
use crate::config::Config;
use crate::desk::Desk;
use crate::http::{ReloadAnswer, ReloadFault, ReloadReport};
use crate::journal::{Appender, Journal, JournalError, Reader};

/// Reads agreement and devices again; cheap to share.
pub(super) struct Reloader {
    config: Config,
    reader: Reader,
    desk: Desk,
    clock: Arc<Clock>,
    terms: Arc<Terms>,
    /// Whoever holds it reloads; `None` once the service stops.
    journal: Mutex<Option<Writing>>,
    /// Told before the wait for a reload's end, so that a stop is never behind a queue of them.
    stopping: AtomicBool,
}

struct Writing {
    appender: Appender,
    receipts: mpsc::Receiver<Vec<Receipt>>,
}

impl Reloader {
    pub(super) fn new(config: Config, journal: &Journal, desk: &Desk, clock: &Arc<Clock>, terms: &Arc<Terms>) -> Self {
        let (appender, receipts) = journal.appender(1);
        Self {
            config,
            reader: journal.reader(),
            desk: desk.clone(),
            clock: Arc::clone(clock),
            terms: Arc::clone(terms),
            journal: Mutex::new(Some(Writing { appender, receipts })),
            stopping: AtomicBool::new(false),
        }
    }

    /// Reads again unless a reload is under way; blocks until it is in force or refused. `None` once the service stops.
    ///
    /// # Errors
    /// A store failed; what was in force stays in force.
    pub(super) fn try_reload(&self, by: &str) -> Option<Result<ReloadAnswer, String>> {
        match self.journal.try_lock() {
            Ok(mut journal) => self.reload(by, journal.as_mut()),
            Err(TryLockError::Poisoned(poisoned)) => self.reload(by, poisoned.into_inner().as_mut()),
            Err(TryLockError::WouldBlock) => Some(Ok(ReloadAnswer::Busy)),
        }
    }

    /// As [`Reloader::try_reload`], but waits for the one under way, which may have read older files.
    pub(super) fn reload_after_others(&self, by: &str) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // What became of it is in the log and in the audit.
        let _ = self.reload(by, journal.as_mut());
    }

    /// Ends the reload under way and admits no other; blocks until then.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn reload(&self, by: &str, journal: Option<&mut Writing>) -> Option<Result<ReloadAnswer, String>> {
        let journal = journal.filter(|_| !self.stopping.load(Ordering::SeqCst))?;
        let (answer, result) = match terms::load(&self.config, &self.reader, self.terms.agreement().as_deref()) {
            Ok(loaded) => self.put_in_force(by, loaded, journal),
            Err(TermsError::Storage(error)) => (Err(error.to_string()), "failed"),
            Err(TermsError::Faulty(refused)) => (Ok(self.refuse(by, refused)), "refused"),
        };
        if let Err(error) = &answer {
            tracing::error!("reload: {error}; what was in force stays in force");
        }
        metrics::counter!("truceline_app_reloads_total", "result" => result).increment(1);
        Some(answer)
    }

    fn refuse(&self, by: &str, refused: Refused) -> ReloadAnswer {
        for fault in &refused.faults {
            tracing::error!("reload: {fault}");
        }
        tracing::error!("reload: {} faults; what was in force stays in force", refused.faults.len());
        if let Err(error) = deeds::refused(&self.desk, self.clock.wall(), by, &refused) {
            not_audited(&error);
        }
        let told = |fault: terms::Fault| ReloadFault { file: fault.file, place: fault.place, message: fault.message };
        ReloadAnswer::Faulty(refused.faults.into_iter().map(told).collect())
    }

    fn put_in_force(
        &self,
        by: &str,
        loaded: Loaded,
        journal: &mut Writing,
    ) -> (Result<ReloadAnswer, String>, &'static str) {
        let changed = !loaded.bodies.is_empty();
        let from = if changed {
            let append = Append { ticket: 0, arrived: self.clock.journal(), bodies: loaded.bodies.clone() };
            match journal.append(append) {
                Ok(outcomes) => first_offset(&outcomes),
                Err(error) => return (Err(error.to_string()), "failed"),
            }
        } else {
            u64::MAX
        };
        for words in &loaded.words {
            tracing::info!("reload: {words}");
        }
        let (agreement, registry) = (loaded.agreement_change.clone(), loaded.registry_change.clone());
        // It is in the journal and so in force, whatever becomes of the audit, which a later telling makes up for.
        self.terms.take(loaded);
        if let Err(error) = deeds::in_force(&self.desk, &self.reader, self.clock.wall(), by, from) {
            not_audited(&error);
        }
        let result = if changed { "changed" } else { "unchanged" };
        (Ok(ReloadAnswer::Done(ReloadReport { changed, agreement, registry })), result)
    }
}

fn not_audited(error: &dyn std::fmt::Display) {
    metrics::counter!("truceline_app_audit_errors_total", "why" => "write").increment(1);
    tracing::error!("reload: the audit: {error}");
}

impl Writing {
    fn append(&mut self, append: Append) -> Result<Vec<Outcome>, JournalError> {
        self.appender.append_blocking(append)?;
        let receipts = self.receipts.blocking_recv().ok_or(JournalError::Stopped)?;
        receipts.into_iter().next().map(|receipt| receipt.outcomes).ok_or(JournalError::Stopped)
    }
}

/// Where what was appended begins.
pub(super) fn first_offset(outcomes: &[Outcome]) -> u64 {
    let offset = |outcome: &Outcome| if let Outcome::Stored(offset) = outcome { Some(*offset) } else { None };
    outcomes.iter().filter_map(offset).min().unwrap_or(u64::MAX)
}
