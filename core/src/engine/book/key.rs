//! What tells one open alert from another, and what names it for good.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::Event;
use crate::id::Id;

/// What there is at most one open alert for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::engine) struct AlertKey {
    pub(in crate::engine) rule: Id,
    /// What else tells alerts of one subject apart: a crossing's direction, fire's class, tampering's cause.
    pub(in crate::engine) facet: String,
    pub(in crate::engine) zone: Option<Id>,
    /// Of late readings only: they never become part of what is live.
    pub(in crate::engine) late: bool,
    pub(in crate::engine) subject: String,
}

/// What the facet of a flood alert begins with; that of no other does.
pub(super) const FLOOD: &str = "flood/";

impl AlertKey {
    /// What the facet of an event begins with; that of no alert does.
    pub(super) const PERMITTED: &str = "permitted/";

    /// Whether it is of something permitted: an event.
    pub(super) fn is_permitted(&self) -> bool {
        self.facet.starts_with(Self::PERMITTED)
    }

    pub(super) fn is_flood(&self) -> bool {
        self.facet.starts_with(FLOOD)
    }

    /// What it has in common with those that differ in nothing but the subject and in live or late.
    pub(super) fn in_common(&self) -> Self {
        Self { subject: String::new(), late: false, ..self.clone() }
    }
}

/// The subject, or with the least number behind it that makes it one that is not taken.
pub(super) fn numbered(subject: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = subject.to_owned();
    let mut number = 2;
    while taken(&name) {
        name = format!("{subject}/{number}");
        number += 1;
    }
    name
}

/// UUIDv8 (RFC 9562, 5.8) of what names an alert or an event; each part is preceded by its length.
pub(super) fn id_of(agreement: &Id, key: &AlertKey, opening: &str) -> Uuid {
    if key.is_permitted() {
        return Event::name(agreement, &key.rule, &key.subject, key.zone.as_ref(), &key.facet, opening);
    }
    let zone = key.zone.as_ref().map_or("", Id::as_str);
    let mut hash = Sha256::new();
    for part in [agreement.as_str(), key.rule.as_str(), &key.subject, zone, &key.facet, opening] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Uuid::new_v8(bytes)
}
