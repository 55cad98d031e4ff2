//! The book of open alerts: opened once for (rule, subject, zone), extended, revised now and then, ended.
//!
//! Five thousand explosions in an hour are not to be five thousand alerts, nor is one shot to be lost
//! among them. Two layers see to that:
//!
//! - **Clusters.** What is heard at one place is one alert, whoever hears it: fire of one rule and class whose place
//!   overlaps the place that opened an alert, within the cool-down, belongs to it (`cluster`). The alert
//!   is named by the station that opened it. It counts by quarter of an hour, station and device, and tells
//!   the circle that holds all the places (`tally`). Only the opening place counts for who belongs to it,
//!   so two hot spots stay two alerts and a front line is not swallowed by a chain of overlaps.
//! - **A budget of new alerts** for each sort: rule, class, direction, severity, live or late, of registered devices or of
//!   others (`budget`). What
//!   would open beyond it goes into one flood alert of that sort (`flood`), which counts and names what
//!   is in it, and ends when nothing more comes and the budget has room again. When there is room while it
//!   is open, the next to be reported has an alert of its own again: what goes on longest is the likeliest to. A sort
//!   never uses up the budget of another: gunfire is not hidden by explosions, nor a tank by cars, nor what is severe
//!   by what a notified activity lowered, nor what a registered device tells by ids that somebody made up.
//!
//! Only kinds whose subjects are made by what is seen have a budget. Silence, coverage, clock, tamper and interference
//! have none: they are about registered devices, stations and stretches, of which there is a number, they are grouped
//! by rules of their own, and they say how far all the rest can be believed.
//!
//! What a rule permits goes the same way as what it forbids, as an event instead of an alert (`event`): opened once,
//! clustered, extended, ended. Events have their own limit (`shelves`) and no budget: nobody is called by them. Their number
//! costs nothing: a finding is compared with its neighbours (`places`), and who is to go next is known.

mod budget;
mod cluster;
mod event;
mod flood;
mod key;
mod open;
mod places;
mod shelves;
mod tally;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use budget::{Budgets, is_budgeted};
use flood::flood_key;
pub(super) use key::AlertKey;
use open::OpenAlert;
use shelves::Shelves;

use super::finding::Finding;
use super::frame::Frame;
use super::limits::{MAX_OPEN_ALERTS, MAX_OPEN_EVENTS, REVISION_INTERVAL};
use super::terms::Terms;
use super::timers::TimerKey;
use super::words;
use crate::agreement::{Rule, Status};
use crate::id::Id;
use crate::time::{Span, Time};

/// The open alerts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Book {
    open: Shelves,
    budgets: Budgets,
}

impl Book {
    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.open.alert_ids()
    }

    pub(super) fn event_ids(&self) -> Vec<Uuid> {
        self.open.event_ids()
    }

    pub(super) fn is_open(&self, key: &AlertKey) -> bool {
        self.open.contains_key(key)
    }

    /// Takes a finding: it opens an alert or extends the one that is open.
    pub(super) fn report(&mut self, finding: Finding<'_>, terms: &Terms, frame: &mut Frame) {
        let mut key = self.key_of(&finding, terms, frame);
        if !key.is_permitted() && !self.open.contains_key(&key) && is_budgeted(&finding.rule.kind) {
            let flood = flood_key(&finding, key.late);
            let flooded = self.open.contains_key(&flood);
            if !self.budgets.allow(&flood, flooded, frame.now, terms.agreement.flood, &mut frame.limits) {
                key = flood;
            }
        }
        if let Some(open) = self.open.get_mut(&key) {
            open.take(finding, terms, frame);
        } else {
            self.make_room(&key, terms, frame);
            let mut alert = OpenAlert::new(&key, &finding, terms, frame.now);
            alert.take(finding, terms, frame);
            self.open.insert(key.clone(), alert);
        }
        self.revise(&key, terms, frame);
    }

    /// The key of the open alert that a finding belongs to, or one that is free.
    ///
    /// What is late joins what was live at its time, else what is late; what is live goes on with what began late.
    fn key_of(&mut self, finding: &Finding<'_>, terms: &Terms, frame: &mut Frame) -> AlertKey {
        let live = AlertKey {
            rule: finding.rule.id.clone(),
            subject: finding.subject.clone(),
            zone: finding.zone.clone(),
            facet: event::facet(finding),
            late: false,
        };
        let late = AlertKey { late: true, ..live.clone() };
        let time = finding.time;
        if finding.late {
            let joined = self.fitting(&live, finding, |open| open.covers(time));
            return joined.unwrap_or_else(|| self.going_on(&late, finding, terms, frame));
        }
        match self.fitting(&live, finding, |_| true) {
            // The best of all is the best of those that reach.
            Some(best) if self.open.get(&best).is_some_and(|open| open.reaches(time)) => return best,
            Some(_) => {}
            None => {
                if let Some(began) = self.fitting(&late, finding, |open| open.reaches(time)) {
                    return self.go_live(&began, frame);
                }
            }
        }
        self.going_on(&live, finding, terms, frame)
    }

    /// The key of the open alert that a finding goes on with. One that is over by its time ends, and the key is free.
    fn going_on(&mut self, base: &AlertKey, finding: &Finding<'_>, terms: &Terms, frame: &mut Frame) -> AlertKey {
        if let Some(open) = self.fitting(base, finding, |open| open.reaches(finding.time)) {
            return open;
        }
        while let Some(over) = self.fitting(base, finding, |_| true) {
            self.end(&over, "cool_down", terms, frame);
        }
        let subject =
            if finding.is_clustered() { self.open.with(base).free_subject(base) } else { base.subject.clone() };
        AlertKey { subject, ..base.clone() }
    }

    /// Of the open alerts for which `fits` holds the one that a finding belongs to by its subject, or by its place:
    /// then that with which it has most in common, the first opened of equal ones.
    fn fitting(&self, base: &AlertKey, finding: &Finding<'_>, fits: impl Fn(&OpenAlert) -> bool) -> Option<AlertKey> {
        if !finding.is_clustered() {
            return self.open.get(base).filter(|open| fits(open)).map(|_| base.clone());
        }
        let mut best: Option<(Reverse<u8>, Time, AlertKey)> = None;
        self.open.with(base).near(base, finding, |key, open| {
            let shared = if fits(open) { open.shared_percent(finding) } else { None };
            let one = shared.map(|shared| (Reverse(shared), open.detected_at, key));
            best = best.take().into_iter().chain(one).min();
        });
        best.map(|(_, _, key)| key)
    }

    /// An open late alert that live evidence goes on with is the same alert, live from here on.
    fn go_live(&mut self, late: &AlertKey, frame: &mut Frame) -> AlertKey {
        frame.timers.disarm(&TimerKey::cool_down(late));
        frame.timers.disarm(&TimerKey::revision(late));
        let live = AlertKey { late: false, ..late.clone() };
        if let Some(mut open) = self.open.remove(late) {
            open.labels.insert("began_late".to_owned());
            // The change is worth a revision of its own at once.
            open.told = None;
            self.open.insert(live.clone(), open);
        }
        live
    }

    /// Says the next revision now if there is reason to, else arms the timer that does.
    fn revise(&mut self, key: &AlertKey, terms: &Terms, frame: &mut Frame) {
        let Some(open) = self.open.get_mut(key) else { return };
        let cool_down = TimerKey::cool_down(key);
        if let Some(span) = open.cool_down
            && !frame.timers.is_armed(&cool_down)
            && let Some(due) = frame.hearing.after(open.evident_at, span, Span::default())
        {
            frame.timers.arm(cool_down, due);
        }
        let due = open.revised_at + REVISION_INTERVAL;
        if open.told == Some((open.severity, open.certainty().word)) && frame.now < due {
            frame.timers.arm(TimerKey::revision(key), due);
        } else {
            frame.timers.disarm(&TimerKey::revision(key));
            open.told = Some((open.severity, open.certainty().word));
            open.revised_at = frame.now;
            open.say(key, None, terms, frame);
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
        let due = frame.hearing.after(open.evident_at, span, Span::default());
        // A flood has not passed while one more subject would go into it.
        let free = self.budgets.free_from(key, terms.agreement.flood);
        match due.map(|due| free.map_or(due, |free| due.max(free))) {
            Some(due) if due > frame.now => frame.timers.arm(TimerKey::cool_down(key), due),
            Some(_) => self.end(key, "cool_down", terms, frame),
            // While we are deaf nothing cools down; the end of the deafness arms it again.
            None => {}
        }
    }

    /// After a deafness: what did not cool down in it goes on.
    pub(super) fn rearm(&self, frame: &mut Frame) {
        for (key, open) in self.open.iter() {
            let timer = TimerKey::cool_down(key);
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
        frame.timers.disarm(&TimerKey::revision(key));
        frame.timers.disarm(&TimerKey::cool_down(key));
        open.say(key, Some(reason), terms, frame);
    }

    /// Ends the alert of a rule, subject, zone and facet, the live one and the late one.
    pub(super) fn resolve(&mut self, rule: &Rule, subject: &str, zone: Option<&Id>, terms: &Terms, frame: &mut Frame) {
        for late in [false, true] {
            let (rule, subject, facet) = (rule.id.clone(), subject.to_owned(), String::new());
            let key = AlertKey { rule, subject, zone: zone.cloned(), facet, late };
            self.end(&key, "resolved", terms, frame);
        }
    }

    /// Ends the events of a rule, subject and zone, whatever permitted them.
    pub(super) fn resolve_permitted(
        &mut self,
        rule: &Rule,
        subject: &str,
        zone: Option<&Id>,
        terms: &Terms,
        frame: &mut Frame,
    ) {
        for (number, permission) in (1..).zip(&rule.permitted) {
            let facet = format!("{}{}/", AlertKey::PERMITTED, words::permission(number, permission));
            for late in [false, true] {
                let (rule, subject, facet) = (rule.id.clone(), subject.to_owned(), facet.clone());
                let key = AlertKey { rule, subject, zone: zone.cloned(), facet, late };
                self.end(&key, "resolved", terms, frame);
            }
        }
    }

    /// Ends all alerts and events for which `ends` holds, in the order of their keys.
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

    /// Forgets how many alerts were opened, when what follows is another matter: an exercise, or no longer one.
    pub(super) fn forget_budgets(&mut self) {
        self.budgets.forget();
    }

    /// Ends what no registered device shows, and of such what had evidence longest ago, as long as there are as many
    /// alerts, or events, as there may be.
    fn make_room(&mut self, key: &AlertKey, terms: &Terms, frame: &mut Frame) {
        let permitted = key.is_permitted();
        let most = if permitted { MAX_OPEN_EVENTS } else { MAX_OPEN_ALERTS };
        while self.open.with(key).len() >= most {
            let Some(first) = self.open.with_mut(key).first_to_go() else { return };
            self.end(&first, "limit", terms, frame);
            *(if permitted { &mut frame.limits.open_events } else { &mut frame.limits.open_alerts }) += 1;
        }
    }
}
