//! What a flood alert knows of the subjects in it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cluster::shared_percent;
use super::key::{AlertKey, FLOOD, numbered};
use super::tally::Circle;
use crate::alert::PlaceExtent;
use crate::engine::finding::Finding;
use crate::engine::limits::{LimitsHit, MAX_FLOOD_SUBJECTS, MAX_FLOOD_SUBJECTS_TOLD};
use crate::id::Id;
use crate::time::Time;

/// What the sort of devices that nobody registered ends with; no class bears this name.
const UNREGISTERED: &str = "unregistered";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Flood {
    /// The sort, for people: `explosion`, `a_to_b/tank`.
    sort: String,
    /// In the order in which they came.
    members: Vec<Member>,
    /// Detections of subjects beyond the limit.
    of_others: u64,
}

/// What would have been an alert of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Member {
    subject: String,
    zone: Option<Id>,
    /// The place that opened it.
    place: Option<PlaceExtent>,
    detections: u64,
    first: Time,
    last: Time,
}

/// The sort of a finding, for whose budget it counts: its class, what else parts alerts of one subject, and whether the
/// registry knows its device.
pub(super) fn sort_of(finding: &Finding<'_>) -> String {
    let class = finding.details.get("class").and_then(Value::as_str).unwrap_or_default();
    let class = if finding.facet == class { "" } else { class };
    let registered = if finding.registered { "" } else { UNREGISTERED };
    let parts = [finding.facet, class, registered];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// The key of the flood alert into which a finding goes if it may not have one of its own.
///
/// Severity is part of it: what a notified activity lowered must not use up the budget of what it did not.
pub(super) fn flood_key(finding: &Finding<'_>, late: bool) -> AlertKey {
    let (rule, sort) = (&finding.rule.id, sort_of(finding));
    let facet = format!("{FLOOD}{sort}/{:?}", finding.severity);
    let zone = match finding.rule.areas.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let of = if sort.is_empty() { String::new() } else { format!("/{sort}") };
    AlertKey { rule: rule.clone(), facet, zone, late, subject: format!("flood:{rule}{of}") }
}

impl Flood {
    pub(super) fn new(sort: String) -> Self {
        Self { sort, members: Vec::new(), of_others: 0 }
    }

    pub(super) fn take(&mut self, finding: &Finding<'_>, limits: &mut LimitsHit) {
        let fits = |member: &Member| {
            if member.zone != finding.zone {
                return None;
            }
            match (finding.is_clustered(), member.place, finding.extent) {
                (true, Some(opened), Some(now)) => shared_percent(opened, now),
                _ => (member.subject == finding.subject).then_some(100),
            }
        };
        let mut best: Option<(u8, usize)> = None;
        for (i, member) in self.members.iter().enumerate() {
            if let Some(percent) = fits(member)
                && best.is_none_or(|(most, _)| percent > most)
            {
                best = Some((percent, i));
                // None has more in common, and of equal ones it is the first.
                if percent == 100 {
                    break;
                }
            }
        }
        if let Some(member) = best.and_then(|(_, i)| self.members.get_mut(i)) {
            member.detections += finding.detections;
            member.first = member.first.min(finding.time);
            member.last = member.last.max(finding.time);
        } else if self.members.len() < MAX_FLOOD_SUBJECTS {
            let taken = |name: &str| self.members.iter().any(|one| one.subject == name && one.zone == finding.zone);
            self.members.push(Member {
                subject: numbered(&finding.subject, taken),
                zone: finding.zone.clone(),
                place: finding.extent,
                detections: finding.detections,
                first: finding.time,
                last: finding.time,
            });
        } else {
            limits.flood_subjects += 1;
            self.of_others += finding.detections;
        }
    }

    /// The beginning of the summary.
    pub(super) fn what(&self, category: &str) -> String {
        let things = match category {
            "no_fire" => "fire",
            "crossing" => "crossings of the line",
            "no_flight" => "flights",
            _ => "objects where they should not be",
        };
        let sort = if self.sort.is_empty() { String::new() } else { format!(" ({})", self.sort.replace('_', " ")) };
        let least = if self.of_others > 0 { "at least " } else { "" };
        let count = self.members.len();
        format!("Flood of suspected {things}{sort}, {least}{count} subjects that have no alert of their own")
    }

    pub(super) fn tell(&self, details: &mut Map<String, Value>) {
        let mut most: Vec<&Member> = self.members.iter().collect();
        // Of equal ones the first to come stays first.
        most.sort_by_key(|member| std::cmp::Reverse(member.detections));
        most.truncate(MAX_FLOOD_SUBJECTS_TOLD);
        let told: u64 = most.iter().map(|member| member.detections).sum();
        let all: u64 = self.members.iter().map(|member| member.detections).sum();
        let told_not = all - told + self.of_others;
        let one = |member: &Member| {
            let mut one = Map::from_iter([
                ("subject".to_owned(), member.subject.as_str().into()),
                ("detections".to_owned(), member.detections.into()),
                ("first".to_owned(), member.first.to_string().into()),
                ("last".to_owned(), member.last.to_string().into()),
            ]);
            if let Some(zone) = &member.zone {
                one.insert("zone".to_owned(), zone.as_str().into());
            }
            if let Some(place) = member.place {
                one.insert("around".to_owned(), Circle::around(place).told());
            }
            Value::Object(one)
        };
        let listed: Vec<Value> = most.into_iter().map(one).collect();
        details.insert(
            "flood".to_owned(),
            json!({
                "sort": self.sort,
                "subjects": self.members.len(),
                "subjects_at_least": self.of_others > 0,
                "most": listed,
                "detections_of_others": told_not,
            }),
        );
    }
}
