//! What the service and those who control it did, into the audit.
//!
//! An agreement or registry is in the audit after it is in the journal. A crash between the two leaves one that
//! is in force and not told of. So each deed of this sort names its entry of the journal, and whoever tells the next
//! one first tells all entries after the last that was told.

use serde_json::{Value, json};
use truceline_core::agreement::Bundle;
use truceline_core::audit::{AuditEntry, Deed};
use truceline_core::engine::ENGINE_VERSION;
use truceline_core::time::Time;

use super::terms::{Fault, Refused};
use crate::desk::{AuditState, Desk, DeskError};
use crate::journal::{JournalError, Reader};

/// Most faults of a refused file that the audit holds.
const MAX_FAULTS: usize = 5;

/// Why something is not in the audit.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeedError {
    /// The desk did not take it.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The journal cannot be asked for it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn record(desk: &Desk, at: Time, actor: &str, action: &str, subject: &str, detail: Value) -> Result<(), DeskError> {
    let (actor, action, subject) = (actor.to_owned(), action.to_owned(), subject.to_owned());
    let entry: AuditEntry = desk.audit(at, Deed { actor, action, subject, detail })?;
    // A mark outside the folder, to hold the audit against when somebody had the whole folder in hand.
    tracing::info!(action = entry.action, mark = %entry.mark(), "audit");
    Ok(())
}

/// The service starts: the audit that it finds is looked through, and what is wrong with it becomes part of it.
pub(super) fn started(desk: &Desk, at: Time) -> Result<(), DeskError> {
    let mut detail = versions();
    match desk.verify_audit(Vec::new())? {
        AuditState::Holds { entries, anchored, .. } => {
            detail["audit"] = json!({ "entries": entries, "marks": anchored });
        }
        AuditState::Broken(broken) => {
            metrics::counter!("truceline_app_audit_errors_total", "why" => "broken").increment(1);
            tracing::error!("{broken}; keep the data folder as it is for whoever looks into it: the service goes on");
            detail["audit"] = json!({ "broken": broken.to_string() });
        }
    }
    record(desk, at, "service", "service_started", "truceline", detail)
}

/// The service stops.
pub(super) fn stopped(desk: &Desk, at: Time) -> Result<(), DeskError> {
    record(desk, at, "service", "service_stopped", "truceline", versions())
}

fn versions() -> Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "engine_version": ENGINE_VERSION })
}

/// Tells all that is in force by the journal and not in the audit yet. Entries from `from` on were put there by `by`,
/// those before by a run that did not come to tell them.
pub(super) fn in_force(desk: &Desk, journal: &Reader, at: Time, by: &str, from: u64) -> Result<(), DeedError> {
    let mut told = Told::of(desk, "agreement_in_force")?;
    let mut told_registry = Told::of(desk, "registry_in_force")?;
    let entries = journal.put_in_force_after(told.through.min(told_registry.through))?;
    for (told, is_agreement) in [(&mut told, true), (&mut told_registry, false)] {
        told.find(entries.iter().filter(|entry| entry.1 == is_agreement));
    }
    for (offset, is_agreement, hash) in entries {
        let told = if is_agreement { &mut told } else { &mut told_registry };
        if told.through >= offset {
            continue;
        }
        let mut detail = json!({ "before": told.hash, "after": hash, "offset": offset });
        if offset < from {
            detail["recovered"] = true.into();
        }
        let subject = if is_agreement { agreement_id(journal, &hash)? } else { "devices".to_owned() };
        record(desk, at, by, told.action, &subject, detail)?;
        told.hash = Some(hash);
    }
    Ok(())
}

/// The last of one sort that the audit knows.
struct Told {
    action: &'static str,
    hash: Option<String>,
    /// The journal's entry; 0 where it is not known.
    through: u64,
}

impl Told {
    fn of(desk: &Desk, action: &'static str) -> Result<Self, DeskError> {
        let detail: Value = match desk.audited(action)? {
            Some(entry) => serde_json::from_str(&entry.detail).unwrap_or_default(),
            None => Value::Null,
        };
        let hash = detail["after"].as_str().map(str::to_owned);
        Ok(Self { action, hash, through: detail["offset"].as_u64().unwrap_or(0) })
    }

    /// An older version told no offset: then the newest entry of that hash is the last told.
    fn find<'e>(&mut self, mut entries: impl DoubleEndedIterator<Item = &'e (u64, bool, String)>) {
        if self.through == 0
            && let Some(hash) = &self.hash
        {
            self.through = entries.rfind(|(_, _, other)| other == hash).map_or(0, |(offset, _, _)| *offset);
        }
    }
}

fn agreement_id(journal: &Reader, hash: &str) -> Result<String, JournalError> {
    let id = |terms: String| terms.parse::<toml::Table>().ok()?.get("id")?.as_str().map(str::to_owned);
    Ok(journal.file_of_agreement(hash, Bundle::TERMS)?.and_then(id).unwrap_or_default())
}

/// Files that were refused.
pub(super) fn refused(desk: &Desk, at: Time, by: &str, refused: &Refused) -> Result<(), DeskError> {
    for (of_registry, action) in [(false, "agreement_refused"), (true, "registry_refused")] {
        let faults: Vec<&Fault> = refused.faults.iter().filter(|fault| fault.of_registry == of_registry).collect();
        let Some(first) = faults.first() else { continue };
        let shown: Vec<String> = faults.iter().take(MAX_FAULTS).map(ToString::to_string).collect();
        let hash = refused.agreement_hash.as_deref().filter(|_| !of_registry);
        let detail = json!({ "hash": hash, "faults": faults.len(), "first_faults": shown });
        record(desk, at, by, action, &first.file, detail)?;
    }
    Ok(())
}
