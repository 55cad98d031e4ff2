//! An event: something that a rule covers and permits all the same. Its machine part.
//!
//! What the agreement allows (a corridor, hours, heights, a registered device) raises no alert and is not
//! forgotten either: it is kept as an event, in which whoever reviews can see what was allowed, and by what.

mod viewer;

pub use viewer::ViewerEvent;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::agreement::Status;
use crate::alert::{AgreementRef, Certainty, Evidence, Place, Timeliness};
use crate::id::Id;
use crate::time::Time;

/// [`Event::kind`] of what a rule permits: the only kind until detections are fused.
pub const PERMITTED: &str = "permitted";

/// One revision of an event, as the operations centre sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// UUIDv8 of agreement id, rule, subject, zone, what else parts events of one subject and the identity that
    /// opened it ([`Event::name`]): a replay gives the same, and no alert has it.
    pub id: Uuid,
    /// 1, 2, 3, …
    pub revision: u32,
    /// `permitted`: a rule covers it and permits it.
    pub kind: String,
    /// The id of the rule that permits it.
    pub rule: Id,
    /// The rule's kind.
    pub category: String,
    /// Whom or what it is about, as in [`crate::alert::Alert::subject`].
    pub subject: String,
    /// The zone that it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Id>,
    /// Time of the first reading that belongs to it.
    pub started: Time,
    /// Time of the latest.
    pub last: Time,
    /// When it ended; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// Why it ended, in an alert's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_reason: Option<String>,
    /// Journal time of this revision.
    pub updated_at: Time,
    /// Where; absent where nothing supports a place.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "where")]
    pub place: Option<Place>,
    /// How sure the sensors make it that it happened.
    pub certainty: Certainty,
    /// Detections that belong to it: not things that happened.
    pub detections: u64,
    /// What `detections` means: `at_least` until fused.
    pub count_qualifier: String,
    /// Readings that show it: the first and the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The agreement in force.
    pub agreement: AgreementRef,
    /// `live` or `late`.
    pub timeliness: Timeliness,
    /// For real or an exercise.
    pub status: Status,
    /// Which permission of the rule applied, in words.
    pub permission: String,
    /// Labels such as `notified:demining-3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// One plain sentence that says what was seen, how sure it is and that it is permitted.
    pub summary: String,
    /// Anything that a rule's kind adds, as in [`crate::alert::Alert::details`].
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// The id of the event of an agreement that these name: a UUIDv8 (RFC 9562, 5.8).
    ///
    /// `facet` is what else parts events of one subject, `opening` the identity that opened it.
    pub fn name(agreement: &Id, rule: &Id, subject: &str, zone: Option<&Id>, facet: &str, opening: &str) -> Uuid {
        // No id has a colon, so that nothing that names an alert begins like this.
        const DOMAIN: &str = "truceline:event";
        let zone = zone.map_or("", Id::as_str);
        let mut hash = Sha256::new();
        for part in [DOMAIN, agreement.as_str(), rule.as_str(), subject, zone, facet, opening] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Uuid::new_v8(bytes)
    }
}
