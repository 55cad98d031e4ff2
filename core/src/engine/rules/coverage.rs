//! `coverage`: a stretch of the line has had no working sensor in range for too long.
//!
//! A device works that was heard within its intervals, is not asleep, gone, under maintenance or open, is not a mobile
//! one whose position is doubted (it may be anywhere), and has a registered range for one of the rule's classes. A stretch is covered when every place of it is in the range of
//! a device that works, less what is not known of the device's place. All goes by arrival. While we are deaf nothing
//! begins or ceases to work; that time does not count for the dwell, and is told as our own.
//!
//! A rule with areas is about the stretches that reach into one; what is blind elsewhere is known, and not told.
//!
//! Blind stretches next to one another are one alert, which grows and shrinks with them. What was one may
//! fall into several: the largest goes on with the alert; and several may become one: the oldest goes on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::agreement::{Line, Rule, RuleKind, Validity};
use crate::alert::PlaceExtent;
use crate::engine::Engine;
use crate::engine::finding::{in_force, next_change};
use crate::engine::located::Located;
use crate::engine::record::{Absence, Record, Stand};
use crate::engine::rules::place;
use crate::engine::runs::{Run, fit};
use crate::engine::sighting::{assumed_range_m, surveyed};
use crate::engine::stretches::Stretches;
use crate::engine::terms::{Terms, in_maintenance};
use crate::engine::timers::TimerKey;
use crate::geometry::distance_m;
use crate::id::Id;
use crate::registry::{Device, Mobility};
use crate::time::{Span, Time};

/// A mobile device's reach is that of the place where it was until it has moved by more than this, metres.
const MOVED_M: f64 = 100.0;

/// What is known of a line under one rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::engine) struct Watch {
    /// What its stretches are of; none while no version of the line is in force.
    shape: Option<Shape>,
    /// The devices that work.
    pub(in crate::engine) working: BTreeSet<Id>,
    /// Where mobile devices are taken to be.
    #[serde(with = "crate::engine::pairs")]
    stands: BTreeMap<Id, Stand>,
    /// Blind stretches.
    #[serde(with = "crate::engine::pairs")]
    pub(in crate::engine) blind: BTreeMap<u32, Blind>,
    /// Those that have been so for too long.
    pub(in crate::engine) told: BTreeSet<u32>,
    /// The alerts.
    pub(in crate::engine) runs: Vec<Run>,
}

/// Since when a stretch is blind, by journal time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Blind {
    /// As it is told: with our own deafness, if nobody was heard after that.
    since: Time,
    /// As the dwell counts.
    counted_from: Time,
}

/// A line's course and how it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Shape {
    print: u64,
    stretch_m: f64,
}

impl Watch {
    fn blind_since(&self, first: u32, last: u32) -> Option<Time> {
        self.blind.range(first..=last).map(|(_, blind)| blind.since).min()
    }
}

/// By rule.
pub(in crate::engine) type AllWatches = BTreeMap<Id, Watch>;
/// By rule; what is not here is made when it is wanted.
pub(in crate::engine) type AllStretches = BTreeMap<Id, Stretches>;

/// How far a device senses any of the rule's classes, metres, less what is not known of its place.
fn reach_m(rule: &Rule, device: &Device, stand: Stand) -> Option<f64> {
    let RuleKind::Coverage { assumed_ranges, .. } = rule.kind else { return None };
    let range = |class: &String| match device.range_m.get(class) {
        None if assumed_ranges => Some(assumed_range_m(class)),
        registered => registered.copied(),
    };
    let widest = rule.classes.iter().filter_map(range).fold(0.0, f64::max);
    let moves_m = if device.mobility == Mobility::Mobile { MOVED_M } else { 0.0 };
    Some(widest - stand.hacc_m - moves_m).filter(|reach_m| *reach_m > 0.0)
}

impl Engine {
    /// The terms or the registry changed: all is looked at anew.
    pub(in crate::engine) fn survey_coverage(&mut self) {
        self.frame.timers.retain(|key| !matches!(key, TimerKey::Coverage { .. } | TimerKey::Working { .. }));
        self.stretches.clear();
        let Some(terms) = self.terms.clone() else { return };
        self.watches.retain(|id, _| terms.rule(id).is_some_and(|rule| matches!(rule.kind, RuleKind::Coverage { .. })));
        for rule in terms.coverage_rules() {
            self.survey(rule, "agreement_changed", &terms);
        }
    }

    /// The wall clock stepped or we hear again: who works, and what is due, is looked at anew.
    pub(in crate::engine) fn recheck_coverage(&mut self) {
        let Some(terms) = self.terms.clone() else { return };
        for rule in terms.coverage_rules() {
            self.coverage_due(&rule.id);
            let Some((mut watch, mut map)) = self.take_watch(rule, &terms) else { continue };
            for device in self.roll.clone().registry.devices.keys() {
                self.look_at(rule, device, &mut watch, &mut map);
            }
            self.tell_again(rule, &watch, &map, &terms);
            self.settle(rule, watch, map, &terms);
        }
    }

    /// A rule, its line or a stretch of it may have come to be due.
    pub(in crate::engine) fn coverage_due(&mut self, rule: &Id) {
        let Some(terms) = self.terms.clone() else { return };
        let Some(rule) = terms.rule(rule) else { return };
        if self.watches.get(&rule.id).is_none_or(|watch| watch.shape != self.shape(rule, &terms)) {
            self.stretches.remove(&rule.id);
            self.survey(rule, "line_changed", &terms);
        } else if let Some((watch, map)) = self.take_watch(rule, &terms) {
            self.settle(rule, watch, map, &terms);
        }
    }

    /// A device may work from now on or not any more.
    pub(in crate::engine) fn working_due(&mut self, rule: &Id, device: &Id) {
        let Some(terms) = self.terms.clone() else { return };
        let Some(rule) = terms.rule(rule) else { return };
        let Some((mut watch, mut map)) = self.take_watch(rule, &terms) else { return };
        let changed = self.look_at(rule, device, &mut watch, &mut map);
        self.put_back(rule, watch, map, changed, &terms);
    }

    /// A device was heard, or said something of itself; its record says so already.
    pub(in crate::engine) fn coverage_heard(&mut self, device: &Id) {
        if self.watches.is_empty() {
            return;
        }
        let Some(terms) = self.terms.clone() else { return };
        let (Some(registered), Some(record)) = (self.roll.device(device), self.records.by_id.get(device)) else {
            return;
        };
        let plain = registered.mobility == Mobility::Fixed
            && record.absence.is_none()
            && !record.opened
            && !record.in_maintenance;
        for rule in terms.coverage_rules() {
            if plain && self.watches.get(&rule.id).is_some_and(|watch| watch.working.contains(device)) {
                continue;
            }
            let Some((mut watch, mut map)) = self.take_watch(rule, &terms) else { continue };
            let moved = self.follow(rule, device, &mut watch, &mut map, &terms);
            let changed = self.look_at(rule, device, &mut watch, &mut map) || moved;
            self.put_back(rule, watch, map, changed, &terms);
        }
    }

    fn shape(&self, rule: &Rule, terms: &Terms) -> Option<Shape> {
        let RuleKind::Coverage { stretch_m, .. } = rule.kind else { return None };
        let (_, print) = terms.line(rule.line.as_ref(), self.frame.wall(self.frame.now))?;
        Some(Shape { print, stretch_m })
    }

    /// A rule's watch and stretches, out of their places while they are worked on.
    fn take_watch(&mut self, rule: &Rule, terms: &Terms) -> Option<(Watch, Stretches)> {
        let watch = self.watches.remove(&rule.id)?;
        let map = self.stretches.remove(&rule.id).or_else(|| self.map(rule, &watch, terms));
        if map.is_none() {
            self.watches.insert(rule.id.clone(), watch.clone());
        }
        Some((watch, map?))
    }

    fn put_back(&mut self, rule: &Rule, watch: Watch, map: Stretches, changed: bool, terms: &Terms) {
        if changed {
            self.settle(rule, watch, map, terms);
        } else {
            self.watches.insert(rule.id.clone(), watch);
            self.stretches.insert(rule.id.clone(), map);
        }
    }

    /// The line's stretches and who reaches them.
    fn map(&self, rule: &Rule, watch: &Watch, terms: &Terms) -> Option<Stretches> {
        let shape = watch.shape?;
        // Versions may come back to a course that was before.
        let of_shape = |line: &&Line| line.print() == shape.print && rule.line.as_ref() == Some(&line.id);
        let line = terms.agreement.lines.iter().find(of_shape);
        let course = line?.course();
        let index = course.boundary();
        let mut map = Stretches::of(index, shape.stretch_m);
        for (id, device) in &self.roll.registry.devices {
            let stand = match device.mobility {
                Mobility::Fixed => surveyed(device),
                Mobility::Mobile => watch.stands.get(id).copied(),
            };
            if let Some((stand, reach_m)) = stand.and_then(|stand| Some((stand, reach_m(rule, device, stand)?))) {
                map.place(id, index, Some((stand, reach_m)));
            }
        }
        Some(map)
    }

    /// Cuts the line that is in force now, and looks at every device and stretch.
    fn survey(&mut self, rule: &Rule, reason: &str, terms: &Terms) {
        let mut watch = self.watches.remove(&rule.id).unwrap_or_default();
        let shape = self.shape(rule, terms);
        if watch.shape != shape {
            for run in std::mem::take(&mut watch.runs) {
                self.end_run(rule, &run, reason, terms);
            }
            watch.blind.clear();
            watch.told.clear();
            watch.shape = shape;
        }
        let roll = self.roll.clone();
        let devices = &roll.registry.devices;
        watch.working.retain(|id| devices.contains_key(id));
        let mobile = devices.iter().filter(|(_, device)| device.mobility == Mobility::Mobile);
        let stand = |id: &Id| self.records.by_id.get(id).and_then(Record::stand);
        watch.stands = mobile.filter_map(|(id, _)| Some((id.clone(), stand(id)?))).collect();
        let Some(mut map) = self.map(rule, &watch, terms) else {
            // Without a line there is nothing to cover until one is in force.
            self.arm_coverage(rule, None, terms);
            self.watches.insert(rule.id.clone(), watch);
            return;
        };
        for id in devices.keys() {
            let (works, next) = self.works(rule, id, watch.working.contains(id));
            self.arm_working(rule, id, next);
            if works.is_ok() {
                watch.working.insert(id.clone());
            } else {
                watch.working.remove(id);
            }
        }
        Self::look_over(0..map.count(), self.blind_now(), &mut watch, &mut map);
        self.settle(rule, watch, map, terms);
    }

    /// Follows a mobile device; whether a stretch became blind or covered by that.
    fn follow(&self, rule: &Rule, id: &Id, watch: &mut Watch, map: &mut Stretches, terms: &Terms) -> bool {
        let Some(device) = self.roll.device(id).filter(|device| device.mobility == Mobility::Mobile) else {
            return false;
        };
        let Some(stand) = self.records.by_id.get(id).and_then(Record::stand) else { return false };
        let stays = |before: &Stand| {
            distance_m(before.position, stand.position) + stand.hacc_m <= MOVED_M + before.hacc_m
                && before.hacc_m <= stand.hacc_m + MOVED_M
        };
        if watch.stands.get(id).is_some_and(stays) {
            return false;
        }
        let Some((line, _)) = terms.line(rule.line.as_ref(), self.frame.wall(self.frame.now)) else { return false };
        watch.stands.insert(id.clone(), stand);
        let at = reach_m(rule, device, stand).map(|reach_m| (stand, reach_m));
        let touched = map.place(id, line.course().boundary(), at);
        Self::look_over(touched, self.blind_now(), watch, map)
    }

    /// Looks whether a device works; whether a stretch became blind or covered by that.
    fn look_at(&mut self, rule: &Rule, device: &Id, watch: &mut Watch, map: &mut Stretches) -> bool {
        let was = watch.working.contains(device);
        let (works, next) = self.works(rule, device, was);
        self.arm_working(rule, device, next);
        if works.is_ok() == was {
            return false;
        }
        if was {
            watch.working.remove(device);
        } else {
            watch.working.insert(device.clone());
        }
        let touched: Vec<u32> = map.of_device(device).collect();
        Self::look_over(touched, self.ceased(device), watch, map)
    }

    /// Looks whether stretches are covered, and if not, since when; whether one became blind or covered.
    fn look_over(
        stretches: impl IntoIterator<Item = u32>,
        blind: Blind,
        watch: &mut Watch,
        map: &mut Stretches,
    ) -> bool {
        let mut changed = false;
        for stretch in stretches {
            if map.is_covered(stretch, |device| watch.working.contains(device)) {
                changed |= watch.blind.remove(&stretch).is_some();
                watch.told.remove(&stretch);
            } else {
                let known = watch.blind.len();
                watch.blind.entry(stretch).or_insert(blind);
                changed |= watch.blind.len() > known;
            }
        }
        changed
    }

    const fn blind_now(&self) -> Blind {
        Blind { since: self.frame.now, counted_from: self.frame.now }
    }

    /// Since when is blind what a device covered that works no more: since our own deafness began, if it was not heard
    /// after that.
    fn ceased(&self, device: &Id) -> Blind {
        let last = self.records.by_id.get(device).and_then(|record| record.last_heard);
        match (last, self.frame.hearing.last_period()) {
            (Some(last), Some((from, _))) if last < from => Blind { since: from, ..self.blind_now() },
            _ => self.blind_now(),
        }
    }

    /// Whether a device works, or why not, and the journal time at which that may change without a word from it.
    pub(in crate::engine) fn works(&self, rule: &Rule, id: &Id, was: bool) -> (Result<(), &'static str>, Option<Time>) {
        let RuleKind::Coverage { intervals, grace, .. } = rule.kind else { return (Err("not_judged"), None) };
        let (Some(device), Some(record)) = (self.roll.device(id), self.records.by_id.get(id)) else {
            return (Err("not_registered"), None);
        };
        let Some(interval_s) = self.interval_s(id) else { return (Err("no_interval"), None) };
        if self.frame.hearing.is_deaf() {
            return (if was { Ok(()) } else { Err("own_outage") }, None);
        }
        let Some(last_heard) = record.last_heard else { return (Err("never_heard"), None) };
        let (now, wall) = (self.frame.now, self.frame.wall(self.frame.now));
        let hearing = &self.frame.hearing;
        let allowed = Span::from_secs_f64(intervals * interval_s);
        let Some(mut due) = hearing.after(last_heard, allowed, grace) else { return (Err("own_outage"), None) };
        if let (true, Some(end)) = (was, hearing.last_end()) {
            // The grace is for those that worked when we went deaf.
            due = due.max(end + grace);
        }
        if due <= now {
            return (Err("silent"), None);
        }
        match record.absence {
            Some(Absence::Asleep) => return (Err("asleep"), None),
            Some(Absence::Offline) => return (Err("offline"), None),
            None => {}
        }
        if record.opened {
            return (Err("open"), None);
        }
        if record.doubtful && device.mobility == Mobility::Mobile {
            return (Err("position_doubtful"), None);
        }
        if in_maintenance(device, wall) {
            let end = device.maintenance.iter().filter(|window| window.contains(wall)).map(|window| window.to).max();
            return (Err("maintenance"), end.map(|end| self.frame.journal(end)));
        }
        if record.in_maintenance && record.next_by.is_none_or(|next_by| wall < next_by) {
            return (Err("maintenance"), record.next_by.map(|next_by| self.frame.journal(next_by)));
        }
        let windows = device.maintenance.iter().map(|window| window.from).filter(|from| *from > wall);
        let window = windows.min().map(|from| self.frame.journal(from));
        (Ok(()), Some(window.map_or(due, |window| window.min(due))))
    }

    fn arm_working(&mut self, rule: &Rule, device: &Id, next: Option<Time>) {
        let key = TimerKey::Working { rule: rule.id.clone(), device: device.clone() };
        match next {
            Some(next) => self.frame.timers.arm(key, next.max(self.frame.now)),
            None => self.frame.timers.disarm(&key),
        }
    }

    /// Arms the rule's own timer: for a stretch, for the rule's hours, and for the line's versions.
    fn arm_coverage(&mut self, rule: &Rule, stretch: Option<Time>, terms: &Terms) {
        let wall = self.frame.wall(self.frame.now);
        let versions = terms.agreement.lines.iter().filter(|line| rule.line.as_ref() == Some(&line.id));
        let ends = versions.flat_map(|line| [line.validity.from, line.validity.to]).flatten();
        let areas = place::next_version(rule, wall, terms);
        let change = ends.filter(|end| *end > wall).chain(next_change(rule, wall)).chain(areas).min();
        let due = stretch.into_iter().chain(change.map(|change| self.frame.journal(change))).min();
        let key = TimerKey::Coverage { rule: rule.id.clone() };
        match due {
            Some(due) => self.frame.timers.arm(key, due.max(self.frame.now)),
            None => self.frame.timers.disarm(&key),
        }
    }

    /// The journal time at which a stretch has been blind for too long; `None` while we are deaf.
    fn blind_due(&self, rule: &Rule, since: Time) -> Option<Time> {
        let RuleKind::Coverage { grace, .. } = rule.kind else { return None };
        let hearing = &self.frame.hearing;
        if hearing.is_deaf() {
            return None;
        }
        let due = hearing.after(since, rule.dwell, grace)?;
        Some(hearing.last_end().map_or(due, |end| due.max(end + grace)))
    }

    /// Looks in which stretches a rule with areas holds, unless that is known.
    fn hold(&self, rule: &Rule, map: &mut Stretches, terms: &Terms) {
        let wall = self.frame.wall(self.frame.now);
        if rule.areas.is_empty() || map.knows_held(wall) {
            return;
        }
        let Some((line, _)) = terms.line(rule.line.as_ref(), wall) else { return };
        let course = line.course();
        let from = place::last_version(rule, wall, terms);
        let within = Validity { from, to: place::next_version(rule, wall, terms) };
        map.hold(course.boundary(), within, |position, radius_m| {
            // Of what only touches an area nothing is left out.
            Located::new(PlaceExtent::Disc { position, radius_m }, wall, terms).in_any(&rule.area_slots) > 0.0
        });
    }

    /// Brings the alerts in line with what is blind, and arms the timer for what will be.
    fn settle(&mut self, rule: &Rule, mut watch: Watch, mut map: Stretches, terms: &Terms) {
        let now = self.frame.now;
        self.hold(rule, &mut map, terms);
        watch.told.retain(|stretch| map.holds(*stretch));
        let holds = in_force(rule, self.frame.wall(now));
        let mut next: Option<Time> = None;
        if holds {
            let mut known: Option<(Time, Option<Time>)> = None;
            let Watch { blind, told, .. } = &mut watch;
            for (stretch, Blind { counted_from, .. }) in blind.iter() {
                if told.contains(stretch) || !map.holds(*stretch) {
                    continue;
                }
                let due = match known {
                    Some((same, due)) if same == *counted_from => due,
                    _ => self.blind_due(rule, *counted_from),
                };
                known = Some((*counted_from, due));
                match due {
                    Some(due) if due <= now => drop(told.insert(*stretch)),
                    due => next = next.into_iter().chain(due).min(),
                }
            }
        } else {
            watch.told.clear();
        }
        let book = &self.book;
        watch.runs.retain(|run| book.is_open(&run.key(rule)));
        let fitted = fit(std::mem::take(&mut watch.runs), &watch.told);
        for (run, reason) in fitted.ended {
            let somewhere = (run.first..=run.last).any(|stretch| map.holds(stretch));
            let reason = if holds && somewhere { reason } else { "not_in_force" };
            if self.frame.hearing.deaf_within(run.since, now) > Span::default() {
                self.tell_run(rule, &run, &watch, &map, terms);
            }
            self.end_run(rule, &run, reason, terms);
        }
        watch.runs = fitted.kept;
        for place in fitted.changed {
            let Some(mut run) = watch.runs.get(place).cloned() else { continue };
            run.since = watch.blind_since(run.first, run.last).unwrap_or(now);
            self.tell_run(rule, &run, &watch, &map, terms);
            if let Some(kept) = watch.runs.get_mut(place) {
                *kept = run;
            }
        }
        for (first, last) in fitted.fresh {
            let since = watch.blind_since(first, last).unwrap_or(now);
            let line = rule.line.as_ref().map_or("", Id::as_str);
            let taken = |subject: &str| watch.runs.iter().any(|run| run.subject == subject);
            let names = (first..=last).map(|stretch| format!("stretch:{line}/{stretch}"));
            // One that shrank may still bear the name of where it began.
            let again = (2..).map(|time| format!("stretch:{line}/{first}/{time}"));
            let Some(subject) = names.chain(again).find(|subject| !taken(subject)) else { continue };
            let run = Run { subject, opened: now, since, first, last };
            self.tell_run(rule, &run, &watch, &map, terms);
            watch.runs.push(run);
        }
        self.arm_coverage(rule, next, terms);
        self.watches.insert(rule.id.clone(), watch);
        self.stretches.insert(rule.id.clone(), map);
    }

    /// After a deafness: the alerts that are open tell of it.
    fn tell_again(&mut self, rule: &Rule, watch: &Watch, map: &Stretches, terms: &Terms) {
        for run in &watch.runs {
            if self.book.is_open(&run.key(rule)) {
                self.tell_run(rule, run, watch, map, terms);
            }
        }
    }
}
