//! One open alert: what its findings made of it so far, and how it is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::cluster::{Core, belongs};
use super::flood::{Flood, sort_of};
use super::key::{AlertKey, id_of};
use super::places::Spot;
use super::shelves::Turn;
use super::tally::Tally;
use crate::agreement::{Severity, Status};
use crate::alert::{AgreementRef, Alert, Certainty, CertaintyWord, Evidence, Place, PlaceExtent, Timeliness};
use crate::engine::finding::{Finding, Follow, PlaceBy};
use crate::engine::frame::Frame;
use crate::engine::limits::{MAX_BEST_EVIDENCE, MAX_LABELS};
use crate::engine::located::{Located, area_m2};
use crate::engine::rounding;
use crate::engine::terms::Terms;
use crate::engine::words;
use crate::id::Id;
use crate::time::{Span, Time};

/// A finding is about as probable as the best one from this part of its probability on.
const ABOUT_AS_PROBABLE: f64 = 0.7;
/// What a person took it for is a label of one detection, so it is counted.
const ASSESSED: &str = "assessed:";

/// A reading that shows an alert, and how well.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ranked {
    registered: bool,
    probability: f64,
    evidence: Evidence,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenAlert {
    pub(super) id: Uuid,
    revision: u32,
    pub(super) category: String,
    pub(super) severity: Severity,
    probability: f64,
    observed: bool,
    pub(super) started: Time,
    pub(super) last: Time,
    pub(super) detected_at: Time,
    /// Journal time of the latest evidence.
    pub(super) evident_at: Time,
    pub(super) cool_down: Option<Span>,
    pub(super) revised_at: Time,
    pub(super) told: Option<(Severity, CertaintyWord)>,
    extent: Option<PlaceExtent>,
    extent_time: Time,
    place_by: PlaceBy,
    follow: Follow,
    /// Probability of the finding that the place and the words are of.
    shown: f64,
    line: Option<Id>,
    pub(super) detections: u64,
    first: Option<Evidence>,
    latest: Option<Evidence>,
    /// The most probable ones, best first, those of registered devices before all others.
    best: Vec<Ranked>,
    pub(super) agreement: AgreementRef,
    pub(super) status: Status,
    pub(super) labels: BTreeSet<String>,
    /// Detections by what a person took them for.
    assessed: BTreeMap<String, u64>,
    what: String,
    past: Option<String>,
    details: Map<String, Value>,
    /// The place that opened it: who belongs to a cluster.
    opened_at: Option<PlaceExtent>,
    /// What the other places of a cluster left of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    core: Option<Core>,
    /// The station that opened it.
    opened_by: Option<Id>,
    /// Of clusters and floods.
    tally: Option<Tally>,
    /// Of floods.
    flood: Option<Flood>,
    /// Of events: what permits it, in words.
    permission: Option<String>,
    /// A registered device shows it.
    registered: bool,
    /// The place and the words are of one.
    shown_registered: bool,
    /// Its turn when the shelf looked at it last.
    #[serde(skip)]
    pub(super) queued: Turn,
}

impl OpenAlert {
    pub(super) fn new(key: &AlertKey, finding: &Finding<'_>, terms: &Terms, now: Time) -> Self {
        Self {
            id: id_of(&terms.agreement.id, key, &finding.opening),
            revision: 0,
            category: finding.rule.kind.as_str().to_owned(),
            severity: finding.severity,
            probability: finding.probability,
            observed: finding.observed,
            started: finding.time,
            last: finding.time,
            detected_at: now,
            evident_at: now,
            cool_down: finding.cool_down,
            revised_at: now,
            told: None,
            extent: None,
            extent_time: finding.time,
            place_by: finding.place_by,
            follow: finding.follow,
            shown: finding.probability,
            line: None,
            detections: 0,
            first: None,
            latest: None,
            best: Vec::new(),
            agreement: agreement_ref(terms),
            status: terms.agreement.status,
            labels: key.is_flood().then(|| "flood".to_owned()).into_iter().collect(),
            assessed: BTreeMap::new(),
            what: String::new(),
            past: None,
            details: Map::new(),
            opened_at: finding.extent,
            core: None,
            opened_by: finding.station.cloned(),
            tally: (key.is_flood() || finding.is_clustered()).then(Tally::default),
            permission: finding.permitted.map(|(number, permission)| words::permission(number, permission)),
            flood: key.is_flood().then(|| Flood::new(sort_of(finding))),
            registered: false,
            shown_registered: false,
            queued: Turn::default(),
        }
    }

    /// When it is to go if there are too many.
    pub(super) fn turn(&self) -> Turn {
        (self.registered, self.evident_at)
    }

    /// A cluster, as its neighbours are looked up.
    pub(super) fn spot<'s>(&'s self, key: &'s AlertKey) -> Option<Spot<'s>> {
        let is_cluster = self.tally.is_some() && self.flood.is_none();
        let spot =
            || Spot { late: key.late, subject: &key.subject, place: self.opened_at, station: self.opened_by.as_ref() };
        is_cluster.then(spot)
    }

    pub(super) fn certainty(&self) -> Certainty {
        let probability = rounding::probability(self.probability);
        let word = match probability {
            _ if self.observed => CertaintyWord::Observed,
            p if p > 0.5 => CertaintyWord::Likely,
            p if p > 0.05 => CertaintyWord::Possible,
            _ => CertaintyWord::Unlikely,
        };
        Certainty { probability, word }
    }

    /// Whether something at `time` still belongs to this alert and not to one after it.
    pub(super) fn reaches(&self, time: Time) -> bool {
        self.cool_down.is_none_or(|cool_down| time <= self.last + cool_down)
    }

    /// Whether something at `time` may be part of what this alert is about, seen from both ends.
    pub(super) fn covers(&self, time: Time) -> bool {
        self.reaches(time) && self.cool_down.is_none_or(|cool_down| time >= self.started - cool_down)
    }

    /// How much the place that opened it and a finding's have in common; without a place it is the station's.
    pub(super) fn shared_percent(&self, finding: &Finding<'_>) -> Option<u8> {
        match (self.opened_at, finding.extent) {
            (Some(opened), Some(now)) => belongs(opened, self.core.as_ref(), now),
            _ => (self.opened_by.as_ref() == finding.station).then_some(100),
        }
    }

    /// Whether the place and the words are to be those of this finding.
    ///
    /// Of those that are about as probable as the best one it is the one that knows the place best: a vague
    /// report never takes a better place away, nor one whose device nobody registered that of one that is.
    fn shows(&self, finding: &Finding<'_>) -> bool {
        if self.what.is_empty() {
            return true;
        }
        if finding.follow == Follow::Latest {
            return finding.time >= self.last;
        }
        if finding.registered != self.shown_registered {
            return finding.registered && (finding.extent.is_some() || self.extent.is_none());
        }
        let best = self.probability.max(finding.probability);
        let about = |probability: f64| probability >= ABOUT_AS_PROBABLE * best;
        match (self.extent, finding.extent) {
            (Some(_), None) => false,
            (None, Some(_)) => about(finding.probability),
            _ if !about(self.shown) => true,
            _ if !about(finding.probability) => false,
            (None, None) => finding.probability > self.shown,
            (Some(before), Some(now)) => {
                let (before, now) = (area_m2(before), area_m2(now));
                now < before || (now <= before && finding.probability > self.shown)
            }
        }
    }

    pub(super) fn take(&mut self, finding: Finding<'_>, terms: &Terms, frame: &mut Frame) {
        if self.flood.is_none()
            && finding.is_clustered()
            && let (Some(opened), Some(now)) = (self.opened_at, finding.extent)
        {
            self.core = Core::with(self.core.take(), opened, now);
        }
        if let Some(tally) = &mut self.tally {
            tally.take(&finding, &mut frame.limits);
        }
        if let Some(flood) = &mut self.flood {
            flood.take(&finding, &mut frame.limits);
        }
        if self.shows(&finding) {
            if finding.extent.is_some() {
                self.extent = finding.extent;
                self.extent_time = finding.time;
                self.place_by = finding.place_by;
            }
            self.shown = finding.probability;
            self.shown_registered = finding.registered;
            self.what = finding.what;
            self.past = finding.past;
            self.details = finding.details;
        }
        self.probability = self.probability.max(finding.probability);
        self.observed |= finding.observed;
        self.registered |= finding.registered;
        self.severity = self.severity.max(finding.severity);
        self.started = self.started.min(finding.time);
        self.last = self.last.max(finding.time);
        self.evident_at = frame.now;
        self.cool_down = finding.cool_down;
        self.detections += finding.detections;
        self.line = finding.rule.line.clone();
        if self.agreement.hash != terms.agreement.hash {
            self.agreement = agreement_ref(terms);
        }
        for label in finding.labels {
            if let Some(assessed) = label.strip_prefix(ASSESSED) {
                *self.assessed.entry(assessed.to_owned()).or_default() += 1;
            }
            if self.labels.len() < MAX_LABELS || self.labels.contains(&label) {
                self.labels.insert(label);
            } else {
                frame.limits.labels += 1;
            }
        }
        for evidence in finding.evidence {
            self.add_evidence(finding.registered, finding.probability, evidence);
        }
    }

    fn add_evidence(&mut self, registered: bool, probability: f64, evidence: Evidence) {
        if self.first.is_none() {
            self.first = Some(evidence.clone());
        }
        let before = |ranked: &Ranked| (ranked.registered, ranked.probability) >= (registered, probability);
        let place = self.best.partition_point(before);
        // An event tells its first and its latest only.
        if place < MAX_BEST_EVIDENCE && self.permission.is_none() {
            self.best.truncate(MAX_BEST_EVIDENCE - 1);
            self.best.insert(place, Ranked { registered, probability, evidence: evidence.clone() });
        }
        self.latest = Some(evidence);
    }

    /// First, last and best, each once, in the journal's order.
    fn evidence(&self) -> Vec<Evidence> {
        let best = self.best.iter().map(|ranked| &ranked.evidence);
        let all = self.first.iter().chain(&self.latest).chain(best);
        let by_place: BTreeMap<(u64, u64), &Evidence> = all.map(|one| ((one.offset, one.seq), one)).collect();
        by_place.into_values().cloned().collect()
    }

    pub(super) fn first_and_latest(&self) -> Vec<Evidence> {
        let latest = self.latest.as_ref().filter(|latest| self.first.as_ref() != Some(latest));
        self.first.iter().chain(latest).cloned().collect()
    }

    /// The next revision: an alert, or an event if it is permitted.
    pub(super) fn say(&mut self, key: &AlertKey, ended: Option<&str>, terms: &Terms, frame: &mut Frame) {
        self.revision += 1;
        let alert = self.alert(key, ended, terms, frame);
        match &self.permission {
            Some(permission) => frame.say(self.event(alert, permission)),
            None => frame.say(alert),
        }
    }

    /// What a rule adds, with what the book knows of it.
    fn details(&self) -> Map<String, Value> {
        let mut details = rounding::details(&self.details);
        if !self.assessed.is_empty() {
            details.insert("assessed".to_owned(), self.assessed.iter().map(|(word, n)| (word.clone(), *n)).collect());
        }
        if self.extent.is_some() && self.place_by.is_assumed_range() {
            details.insert("range".to_owned(), "assumed".into());
        }
        if let Some(tally) = self.tally.as_ref().filter(|_| self.detections > 1) {
            tally.tell(&mut details);
        }
        if let Some(flood) = &self.flood {
            flood.tell(&mut details);
        }
        details
    }

    /// The sentence for reviewers.
    fn summary(&self, key: &AlertKey, certainty: Certainty, place: Option<&Place>, ended: Option<Time>) -> String {
        let what = match (&self.flood, &self.past, ended) {
            (Some(flood), _, _) => &flood.what(&self.category),
            (None, Some(past), Some(ended)) => &format!("{past} {}", words::second(ended)),
            _ => &self.what,
        };
        let from = self.tally.as_ref().map_or(String::new(), Tally::from);
        let place = place.map(|place| words::place(place, self.place_by, self.detections, self.follow));
        words::summary(what, (self.detections, &from), certainty, &place.unwrap_or_default(), key.late)
    }

    fn alert(&self, key: &AlertKey, ended: Option<&str>, terms: &Terms, frame: &Frame) -> Alert {
        let now = frame.now;
        let place = self.extent.map(|extent| Located::new(extent, self.extent_time, terms).place(self.line.as_ref()));
        let place = place.map(rounding::place);
        let certainty = self.certainty();
        let timeliness = if key.late { Timeliness::Late } else { Timeliness::Live };
        Alert {
            id: self.id,
            revision: self.revision,
            rule: key.rule.clone(),
            category: self.category.clone(),
            severity: self.severity,
            certainty,
            subject: key.subject.clone(),
            zone: key.zone.clone(),
            started: self.started,
            last: self.last,
            ended: ended.map(|_| now),
            ended_reason: ended.map(str::to_owned),
            detected_at: self.detected_at,
            updated_at: now,
            summary: self.summary(key, certainty, place.as_ref(), ended.map(|_| frame.wall(now))),
            place,
            detections: self.detections,
            count_qualifier: "at_least".to_owned(),
            events: None,
            evidence: self.evidence(),
            agreement: self.agreement.clone(),
            timeliness,
            status: self.status,
            labels: self.labels.iter().cloned().collect(),
            details: self.details(),
        }
    }
}

fn agreement_ref(terms: &Terms) -> AgreementRef {
    AgreementRef { id: terms.agreement.id.clone(), hash: terms.agreement.hash.clone() }
}
