//! What the service and those who control it did, into the audit.
//!
//! An agreement or registry is in the audit after it is in the journal. A crash between the two leaves one that
//! is in force and not told of: the next start finds that the audit's last hash is another and tells it then.

use serde_json::{Value, json};
use truceline_core::audit::{AuditEntry, Deed};
use truceline_core::engine::ENGINE_VERSION;
use truceline_core::time::Time;

use super::terms::{Fault, Loaded, Refused};
use crate::desk::{Desk, DeskError};
use crate::http::Change;

/// Most faults of a refused file that the audit holds.
const MAX_FAULTS: usize = 5;

fn record(desk: &Desk, at: Time, actor: &str, action: &str, subject: &str, detail: Value) -> Result<(), DeskError> {
    let (actor, action, subject) = (actor.to_owned(), action.to_owned(), subject.to_owned());
    let AuditEntry { seq, action, hash, .. } = desk.audit(at, Deed { actor, action, subject, detail })?;
    // A copy of the newest hash outside the file shows a chain whose end was cut off.
    tracing::info!(seq, action, hash, "audit");
    Ok(())
}

/// The service started or stopped.
pub(super) fn service(desk: &Desk, at: Time, started: bool) -> Result<(), DeskError> {
    let action = if started { "service_started" } else { "service_stopped" };
    let detail = json!({ "version": env!("CARGO_PKG_VERSION"), "engine_version": ENGINE_VERSION });
    record(desk, at, "service", action, "truceline", detail)
}

/// What is in force after a start or a reload, as far as the audit does not know it.
pub(super) fn in_force(desk: &Desk, at: Time, by: &str, loaded: &Loaded) -> Result<(), DeskError> {
    let id = loaded.agreement_id.as_deref().unwrap_or_default();
    put_in_force(desk, at, by, "agreement_in_force", id, &loaded.agreement_change)?;
    put_in_force(desk, at, by, "registry_in_force", "devices", &loaded.registry_change)
}

fn put_in_force(
    desk: &Desk,
    at: Time,
    by: &str,
    action: &str,
    subject: &str,
    change: &Change,
) -> Result<(), DeskError> {
    let Some(after) = &change.after else { return Ok(()) };
    let told = desk.audited(action)?.and_then(|entry| {
        let detail: Value = serde_json::from_str(&entry.detail).ok()?;
        detail["after"].as_str().map(str::to_owned)
    });
    // What changed just now is told, also if it is what the audit knew last: a change between may have been missed.
    let changed = change.before.clone().filter(|before| before != after);
    if changed.is_none() && told.as_ref() == Some(after) {
        return Ok(());
    }
    let before = changed.or(told);
    record(desk, at, by, action, subject, json!({ "before": before, "after": after }))
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
