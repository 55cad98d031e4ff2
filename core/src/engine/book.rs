//! The book of open alerts: opened once for (rule, subject, zone), extended, revised now and then, ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::finding::{Finding, Follow, PlaceBy};
use super::frame::Frame;
use super::limits::{MAX_BEST_EVIDENCE, MAX_LABELS, MAX_OPEN_ALERTS, REVISION_INTERVAL};
use super::located::{Located, area_m2};
use super::rounding;
use super::terms::Terms;
use super::timers::TimerKey;
use super::words;
use crate::agreement::{Rule, Severity, Status};
use crate::alert::{AgreementRef, Alert, Certainty, CertaintyWord, Evidence, Place, PlaceExtent, Timeliness};
use crate::id::Id;
use crate::time::{Span, Time};

/// What there is at most one open alert for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct AlertKey {
    pub(super) rule: Id,
    pub(super) subject: String,
    pub(super) zone: Option<Id>,
    /// What else tells alerts of one subject apart: a crossing's direction, fire's class, tampering's cause.
    pub(super) facet: String,
    /// Of late readings only: they never become part of what is live.
    pub(super) late: bool,
}

/// A finding is about as probable as the best one from this part of its probability on.
const ABOUT_AS_PROBABLE: f64 = 0.7;
/// What a person took it for is a label of one detection, so it is counted.
const ASSESSED: &str = "assessed:";

/// The open alerts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Book {
    #[serde(with = "super::pairs")]
    open: BTreeMap<AlertKey, OpenAlert>,
}

/// A reading that shows an alert, and how well.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ranked {
    probability: f64,
    evidence: Evidence,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OpenAlert {
    id: Uuid,
    revision: u32,
    category: String,
    severity: Severity,
    probability: f64,
    observed: bool,
    started: Time,
    last: Time,
    detected_at: Time,
    /// Journal time of the latest evidence.
    evident_at: Time,
    cool_down: Option<Span>,
    revised_at: Time,
    told: Option<(Severity, CertaintyWord)>,
    extent: Option<PlaceExtent>,
    extent_time: Time,
    place_by: PlaceBy,
    follow: Follow,
    /// Probability of the finding that the place and the words are of.
    shown: f64,
    line: Option<Id>,
    detections: u64,
    first: Option<Evidence>,
    latest: Option<Evidence>,
    /// The most probable ones, best first.
    best: Vec<Ranked>,
    agreement: AgreementRef,
    status: Status,
    labels: BTreeSet<String>,
    /// Detections by what a person took them for.
    assessed: BTreeMap<String, u64>,
    what: String,
    past: Option<String>,
    details: Map<String, Value>,
}

impl OpenAlert {
    fn certainty(&self) -> Certainty {
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
    fn reaches(&self, time: Time) -> bool {
        self.cool_down.is_none_or(|cool_down| time <= self.last + cool_down)
    }

    /// Whether something at `time` may be part of what this alert is about, seen from both ends.
    fn covers(&self, time: Time) -> bool {
        self.reaches(time) && self.cool_down.is_none_or(|cool_down| time >= self.started - cool_down)
    }

    /// Whether the place and the words are to be those of this finding.
    ///
    /// Of those that are about as probable as the best one it is the one that knows the place best: a vague
    /// report never takes a better place away.
    fn shows(&self, finding: &Finding<'_>) -> bool {
        if self.what.is_empty() {
            return true;
        }
        if finding.follow == Follow::Latest {
            return finding.time >= self.last;
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

    fn take(&mut self, finding: Finding<'_>, terms: &Terms, frame: &mut Frame) {
        if self.shows(&finding) {
            if finding.extent.is_some() {
                self.extent = finding.extent;
                self.extent_time = finding.time;
                self.place_by = finding.place_by;
            }
            self.shown = finding.probability;
            self.what = finding.what;
            self.past = finding.past;
            self.details = finding.details;
        }
        self.probability = self.probability.max(finding.probability);
        self.observed |= finding.observed;
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
            self.add_evidence(finding.probability, evidence);
        }
    }

    fn add_evidence(&mut self, probability: f64, evidence: Evidence) {
        if self.first.is_none() {
            self.first = Some(evidence.clone());
        }
        let place = self.best.partition_point(|ranked| ranked.probability >= probability);
        if place < MAX_BEST_EVIDENCE {
            self.best.truncate(MAX_BEST_EVIDENCE - 1);
            self.best.insert(place, Ranked { probability, evidence: evidence.clone() });
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

    /// What a rule adds, with what the book knows of it.
    fn details(&self) -> Map<String, Value> {
        let mut details = rounding::details(&self.details);
        if !self.assessed.is_empty() {
            details.insert("assessed".to_owned(), self.assessed.iter().map(|(word, n)| (word.clone(), *n)).collect());
        }
        if self.extent.is_some() && self.place_by.is_assumed_range() {
            details.insert("range".to_owned(), "assumed".into());
        }
        details
    }

    /// The sentence for reviewers.
    fn summary(&self, key: &AlertKey, certainty: Certainty, place: Option<&Place>, ended: Option<Time>) -> String {
        let what = match (&self.past, ended) {
            (Some(past), Some(ended)) => &format!("{past} {}", words::second(ended)),
            _ => &self.what,
        };
        let place = place.map(|place| words::place(place, self.place_by, self.detections, self.follow));
        words::summary(what, self.detections, certainty, &place.unwrap_or_default(), key.late)
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

impl Book {
    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.open.values().map(|alert| alert.id).collect()
    }

    /// Takes a finding: it opens an alert or extends the one that is open.
    pub(super) fn report(&mut self, finding: Finding<'_>, terms: &Terms, frame: &mut Frame) {
        let mut key = AlertKey {
            rule: finding.rule.id.clone(),
            subject: finding.subject.clone(),
            zone: finding.zone.clone(),
            facet: finding.facet.to_owned(),
            late: false,
        };
        if finding.late && !self.open.get(&key).is_some_and(|live| live.covers(finding.time)) {
            key.late = true;
        }
        if !key.late {
            self.go_live(&key, finding.time, frame);
        }
        if self.open.get(&key).is_some_and(|open| !open.reaches(finding.time)) {
            self.end(&key, "cool_down", terms, frame);
        }
        if let Some(open) = self.open.get_mut(&key) {
            open.take(finding, terms, frame);
        } else {
            self.make_room(terms, frame);
            let mut alert = open_alert(&key, &finding, terms, frame.now);
            alert.take(finding, terms, frame);
            self.open.insert(key.clone(), alert);
        }
        self.revise(&key, terms, frame);
    }

    /// An open late alert that live evidence goes on with is the same alert, live from here on.
    fn go_live(&mut self, key: &AlertKey, time: Time, frame: &mut Frame) {
        let late = AlertKey { late: true, ..key.clone() };
        if self.open.contains_key(key) || !self.open.get(&late).is_some_and(|open| open.reaches(time)) {
            return;
        }
        frame.timers.disarm(&TimerKey::CoolDown(late.clone()));
        frame.timers.disarm(&TimerKey::Revision(late.clone()));
        if let Some(mut open) = self.open.remove(&late) {
            open.labels.insert("began_late".to_owned());
            // The change is worth a revision of its own at once.
            open.told = None;
            self.open.insert(key.clone(), open);
        }
    }

    /// Says the next revision now if there is reason to, else arms the timer that does.
    fn revise(&mut self, key: &AlertKey, terms: &Terms, frame: &mut Frame) {
        let Some(open) = self.open.get_mut(key) else { return };
        let cool_down = TimerKey::CoolDown(key.clone());
        if let Some(span) = open.cool_down
            && !frame.timers.is_armed(&cool_down)
            && let Some(due) = frame.hearing.after(open.evident_at, span, Span::default())
        {
            frame.timers.arm(cool_down, due);
        }
        let due = open.revised_at + REVISION_INTERVAL;
        if open.told == Some((open.severity, open.certainty().word)) && frame.now < due {
            frame.timers.arm(TimerKey::Revision(key.clone()), due);
        } else {
            frame.timers.disarm(&TimerKey::Revision(key.clone()));
            open.told = Some((open.severity, open.certainty().word));
            open.revised_at = frame.now;
            open.revision += 1;
            let alert = open.alert(key, None, terms, frame);
            frame.say(alert);
        }
    }

    /// A held-back revision is due.
    pub(super) fn revision_due(&mut self, key: &AlertKey, terms: &Terms, frame: &mut Frame) {
        self.revise(key, terms, frame);
    }

    /// A cool-down may be over: there may have been evidence since it was armed, or we were deaf.
    pub(super) fn cool_down_due(&mut self, key: &AlertKey, terms: &Terms, frame: &mut Frame) {
        let Some(open) = self.open.get(key) else { return };
        let Some(span) = open.cool_down else { return };
        match frame.hearing.after(open.evident_at, span, Span::default()) {
            Some(due) if due > frame.now => frame.timers.arm(TimerKey::CoolDown(key.clone()), due),
            Some(_) => self.end(key, "cool_down", terms, frame),
            // While we are deaf nothing cools down; the end of the deafness arms it again.
            None => {}
        }
    }

    /// After a deafness: what did not cool down in it goes on.
    pub(super) fn rearm(&self, frame: &mut Frame) {
        for (key, open) in &self.open {
            let timer = TimerKey::CoolDown(key.clone());
            if let Some(span) = open.cool_down
                && !frame.timers.is_armed(&timer)
                && let Some(due) = frame.hearing.after(open.evident_at, span, Span::default())
            {
                frame.timers.arm(timer, due.max(frame.now));
            }
        }
    }

    /// Ends an alert, if it is open.
    pub(super) fn end(&mut self, key: &AlertKey, reason: &str, terms: &Terms, frame: &mut Frame) {
        let Some(mut open) = self.open.remove(key) else { return };
        frame.timers.disarm(&TimerKey::Revision(key.clone()));
        frame.timers.disarm(&TimerKey::CoolDown(key.clone()));
        open.revision += 1;
        let alert = open.alert(key, Some(reason), terms, frame);
        frame.say(alert);
    }

    /// Ends the alert of a rule, subject, zone and facet, the live one and the late one.
    pub(super) fn resolve(&mut self, rule: &Rule, subject: &str, zone: Option<&Id>, terms: &Terms, frame: &mut Frame) {
        for late in [false, true] {
            let (rule, subject, facet) = (rule.id.clone(), subject.to_owned(), String::new());
            let key = AlertKey { rule, subject, zone: zone.cloned(), facet, late };
            self.end(&key, "resolved", terms, frame);
        }
    }

    /// Ends all alerts for which `ends` holds, in the order of their keys.
    pub(super) fn end_where(
        &mut self,
        reason: &str,
        terms: &Terms,
        frame: &mut Frame,
        ends: impl Fn(&AlertKey, &str, Status) -> bool,
    ) {
        let ending = |(key, open): &(&AlertKey, &OpenAlert)| ends(key, &open.category, open.status);
        let keys: Vec<AlertKey> = self.open.iter().filter(ending).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.end(&key, reason, terms, frame);
        }
    }

    fn make_room(&mut self, terms: &Terms, frame: &mut Frame) {
        while self.open.len() >= MAX_OPEN_ALERTS {
            let oldest = self.open.iter().min_by_key(|(key, open)| (open.evident_at, *key));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.end(&oldest, "limit", terms, frame);
            frame.limits.open_alerts += 1;
        }
    }
}

fn agreement_ref(terms: &Terms) -> AgreementRef {
    AgreementRef { id: terms.agreement.id.clone(), hash: terms.agreement.hash.clone() }
}

fn open_alert(key: &AlertKey, finding: &Finding<'_>, terms: &Terms, now: Time) -> OpenAlert {
    OpenAlert {
        id: alert_id(&terms.agreement.id, key, &finding.opening),
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
        labels: BTreeSet::new(),
        assessed: BTreeMap::new(),
        what: String::new(),
        past: None,
        details: Map::new(),
    }
}

/// UUIDv8 (RFC 9562, 5.8) of what names an alert; each part is preceded by its length.
fn alert_id(agreement: &Id, key: &AlertKey, opening: &str) -> Uuid {
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
