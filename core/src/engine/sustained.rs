//! Fire under a rule with a dwell: it is told once one station has sensed it for so long.
//!
//! It goes on while no more than the rule's cool-down lies between two detections, by their own time. What was sensed
//! before it is told is not lost: it is told with it, counted, from the first on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::finding::{Finding, PlaceBy};
use super::limits::{EVICTED_PART, LimitsHit, MAX_SUSTAINED};
use crate::agreement::Severity;
use crate::alert::{Evidence, PlaceExtent};
use crate::id::Id;
use crate::time::Time;

/// Whose fire, as far as it is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    rule: Id,
    station: Option<Id>,
    class: String,
    late: bool,
    permitted: bool,
    /// What anybody may make up does not make what a registered device senses last longer.
    registered: bool,
}

/// Fire that goes on, by reading time.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fire {
    since: Time,
    until: Time,
    /// Journal time of the latest.
    arrived: Time,
    /// What was sensed and is not told; none once it is.
    waiting: Option<Waiting>,
}

/// The first detection, and how many there were.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    detections: u64,
    opening: String,
    time: Time,
    probability: f64,
    severity: Severity,
    extent: Option<PlaceExtent>,
    place_by: PlaceBy,
    evidence: Vec<Evidence>,
    labels: Vec<String>,
    what: String,
    details: Map<String, Value>,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sustained {
    #[serde(with = "super::pairs")]
    by_key: BTreeMap<Key, Fire>,
}

impl Waiting {
    fn of(finding: &Finding<'_>) -> Self {
        Self {
            detections: 0,
            opening: finding.opening.clone(),
            time: finding.time,
            probability: finding.probability,
            severity: finding.severity,
            extent: finding.extent,
            place_by: finding.place_by,
            evidence: finding.evidence.clone(),
            labels: finding.labels.clone(),
            what: finding.what.clone(),
            details: finding.details.clone(),
        }
    }

    /// What waited, as a finding of the same fire as `last`.
    fn finding<'a>(self, last: &Finding<'a>) -> Finding<'a> {
        Finding {
            rule: last.rule,
            subject: last.subject.clone(),
            station: last.station,
            registered: last.registered,
            zone: last.zone.clone(),
            facet: last.facet,
            opening: self.opening,
            time: self.time,
            late: last.late,
            probability: self.probability,
            observed: last.observed,
            severity: self.severity,
            cool_down: last.cool_down,
            extent: self.extent,
            place_by: self.place_by,
            follow: last.follow,
            detections: self.detections,
            evidence: self.evidence,
            labels: self.labels,
            what: self.what,
            past: None,
            details: self.details,
            permitted: last.permitted,
        }
    }
}

impl Sustained {
    /// Takes a detection in; says what is to be told now: nothing, or this one and what waited.
    pub(super) fn take<'a>(&mut self, finding: Finding<'a>, now: Time, limits: &mut LimitsHit) -> Vec<Finding<'a>> {
        let (rule, time) = (finding.rule, finding.time);
        let key = Key {
            rule: rule.id.clone(),
            station: finding.station.cloned(),
            class: finding.facet.to_owned(),
            late: finding.late,
            permitted: finding.permitted.is_some(),
            registered: finding.registered,
        };
        let fresh = || Fire { since: time, until: time, arrived: now, waiting: Some(Waiting::of(&finding)) };
        if !self.by_key.contains_key(&key) {
            self.make_room(limits);
        }
        let fire = self.by_key.entry(key).or_insert_with(fresh);
        let goes_on = time.since(fire.until) <= rule.cool_down && fire.since.since(time) <= rule.cool_down;
        if !goes_on {
            *fire = fresh();
        }
        fire.arrived = now;
        (fire.since, fire.until) = (fire.since.min(time), fire.until.max(time));
        let is_first = fire.waiting.as_ref().is_some_and(|waiting| waiting.opening == finding.opening);
        if fire.until.since(fire.since) < rule.dwell {
            if let Some(waiting) = &mut fire.waiting {
                if time < waiting.time {
                    *waiting = Waiting { detections: waiting.detections, ..Waiting::of(&finding) };
                }
                waiting.detections += finding.detections;
            }
            return Vec::new();
        }
        let waited = fire.waiting.take().filter(|waiting| !is_first && waiting.detections > 0);
        // The latest opens the alert: from the first on, it would seem to have cooled down meanwhile.
        let waited = waited.map(|waiting| waiting.finding(&finding));
        std::iter::once(finding).chain(waited).collect()
    }

    /// The terms changed: what waited under a rule that is no more of this sort is dropped.
    pub(super) fn keep(&mut self, is_there: impl Fn(&Id) -> bool) {
        self.by_key.retain(|key, _| is_there(&key.rule));
    }

    fn make_room(&mut self, limits: &mut LimitsHit) {
        if self.by_key.len() < MAX_SUSTAINED {
            return;
        }
        let mut all: Vec<(bool, Time, Key)> =
            self.by_key.iter().map(|(key, fire)| (key.registered, fire.arrived, key.clone())).collect();
        all.sort_unstable();
        for (_, _, key) in all.into_iter().take(MAX_SUSTAINED / EVICTED_PART) {
            self.by_key.remove(&key);
            limits.sustained += 1;
        }
    }
}
