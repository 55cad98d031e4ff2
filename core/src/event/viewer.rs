//! An event as viewers and InfluxDB get it: no finer than an alert in that form.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Event;
use crate::agreement::Status;
use crate::alert::{AgreementRef, Certainty, Timeliness, ViewerPlace, coarse};
use crate::id::Id;
use crate::time::Time;

/// One revision of an event, coarsened. Its fields are those of [`Event`] where it has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewerEvent {
    /// As in [`Event::id`].
    pub id: Uuid,
    /// As in [`Event::revision`].
    pub revision: u32,
    /// As in [`Event::kind`].
    pub kind: String,
    /// The rule's id.
    pub rule: Id,
    /// The rule's kind.
    pub category: String,
    /// Only the sort of what it is about: `station`, `device`, `track` or `patrol`.
    pub subject: String,
    /// The zone that it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Id>,
    /// Time of the first reading, rounded down to the minute like all times here.
    pub started: Time,
    /// Time of the latest.
    pub last: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_reason: Option<String>,
    /// When it was revised.
    pub updated_at: Time,
    /// Where, to about a kilometre.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "where")]
    pub place: Option<ViewerPlace>,
    /// Probability to one decimal, and its CAP word.
    pub certainty: Certainty,
    /// Detections: not things that happened.
    pub detections: u64,
    /// What `detections` means.
    pub count_qualifier: String,
    /// The agreement in force.
    pub agreement: AgreementRef,
    /// `live` or `late`.
    pub timeliness: Timeliness,
    /// For real or an exercise.
    pub status: Status,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// One plain sentence without exact numbers.
    pub summary: String,
}

impl Event {
    /// What may leave for viewers and InfluxDB. The permission's words are not in it: they may name a device.
    pub fn viewer_form(&self) -> ViewerEvent {
        let place = self.place.as_ref().map(coarse::place);
        ViewerEvent {
            id: self.id,
            revision: self.revision,
            kind: self.kind.clone(),
            rule: self.rule.clone(),
            category: self.category.clone(),
            subject: coarse::subject(&self.subject),
            zone: self.zone.clone(),
            started: coarse::minute(self.started),
            last: coarse::minute(self.last),
            ended: self.ended.map(coarse::minute),
            ended_reason: self.ended_reason.clone(),
            updated_at: coarse::minute(self.updated_at),
            summary: summary(self, place.as_ref()),
            place,
            certainty: coarse::certainty(self.certainty),
            detections: self.detections,
            count_qualifier: self.count_qualifier.clone(),
            agreement: self.agreement.clone(),
            timeliness: self.timeliness,
            status: self.status,
            labels: self.labels.clone(),
        }
    }
}

fn summary(event: &Event, place: Option<&ViewerPlace>) -> String {
    let what = match event.category.as_str() {
        "no_fire" => "Fire that the rule permits",
        "crossing" => "A crossing of the line that the rule permits",
        "exclusion_zone" => "An object in a zone, where the rule permits it",
        "withdrawal" => "A weapon near the line, where the rule permits it",
        "no_flight" => "A flight that the rule permits",
        _ => "Something that the rule permits",
    };
    let zone = event.zone.as_ref().map(|zone| format!(", zone {zone}")).unwrap_or_default();
    let side = if event.category == "crossing" { "" } else { coarse::side_words(event.place.as_ref(), place) };
    let sure = coarse::certainty_words(event.certainty.word);
    let late = if event.timeliness == Timeliness::Late { ", reported late" } else { "" };
    format!("{what}{zone}{side}; {sure}{late}.")
}
