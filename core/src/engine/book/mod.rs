//! The book of open alerts: opened once for (rule, subject, zone), extended, revised now and then, ended.

mod key;
mod open;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use key::AlertKey;
use open::OpenAlert;

use super::finding::Finding;
use super::frame::Frame;
use super::limits::{MAX_OPEN_ALERTS, REVISION_INTERVAL};
use super::terms::Terms;
use super::timers::TimerKey;
use crate::agreement::{Rule, Status};
use crate::id::Id;
use crate::time::{Span, Time};

/// The open alerts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Book {
    #[serde(with = "super::pairs")]
    open: BTreeMap<AlertKey, OpenAlert>,
}

impl Book {
    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.open.values().map(|alert| alert.id).collect()
    }

    pub(super) fn is_open(&self, key: &AlertKey) -> bool {
        self.open.contains_key(key)
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
            let mut alert = OpenAlert::new(&key, &finding, terms, frame.now);
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
