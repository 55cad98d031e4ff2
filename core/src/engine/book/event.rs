//! What a rule permits: the same as an alert would be, told as an event.

use super::key::AlertKey;
use super::open::OpenAlert;
use crate::alert::Alert;
use crate::engine::finding::Finding;
use crate::engine::words;
use crate::event::{Event, PERMITTED};

/// The facet of an event's key: a permission of its own is an event of its own, and so is one whose words changed.
pub(super) fn facet(finding: &Finding<'_>) -> String {
    match finding.permitted {
        Some((number, permission)) => {
            format!("{}{}/{}", AlertKey::PERMITTED, words::permission(number, permission), finding.facet)
        }
        None => finding.facet.to_owned(),
    }
}

impl OpenAlert {
    /// An event that says what the alert would have said, and what permitted it.
    pub(super) fn event(&self, alert: Alert, permission: &str) -> Event {
        let seen = alert.summary.strip_prefix("Suspected ").unwrap_or(&alert.summary);
        let seen = words::capital(seen.strip_suffix('.').unwrap_or(seen));
        Event {
            id: alert.id,
            revision: alert.revision,
            kind: PERMITTED.to_owned(),
            rule: alert.rule,
            category: alert.category,
            subject: alert.subject,
            zone: alert.zone,
            started: alert.started,
            last: alert.last,
            ended: alert.ended,
            ended_reason: alert.ended_reason,
            updated_at: alert.updated_at,
            place: alert.place,
            certainty: alert.certainty,
            detections: alert.detections,
            count_qualifier: alert.count_qualifier,
            evidence: self.first_and_latest(),
            agreement: alert.agreement,
            timeliness: alert.timeliness,
            status: alert.status,
            permission: permission.to_owned(),
            labels: alert.labels,
            summary: format!("{seen}; permitted by {permission}."),
            details: alert.details,
        }
    }
}
