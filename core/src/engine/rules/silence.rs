//! `silence`: a registered device, or its whole station, is not heard for too long.
//!
//! It goes by arrival. Time in which we were deaf does not count, nor the grace after it; an
//! announced absence and maintenance windows postpone. Once a device is overdue and its
//! station was heard since, the device is silent. If the station was not, the device is held
//! back for at most as long again, for it may be the station that is down: when all its
//! devices are overdue, that is one alert, and those of its devices fold into it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::agreement::{Rule, RuleKind};
use crate::alert::PlaceExtent;
use crate::engine::Engine;
use crate::engine::book::AlertKey;
use crate::engine::finding::{Finding, Follow, PlaceBy, in_force, next_start};
use crate::engine::ground;
use crate::engine::record::Stand;
use crate::engine::rules::place::{self, Holds};
use crate::engine::sighting::surveyed;
use crate::engine::terms::Terms;
use crate::engine::timers::TimerKey;
use crate::engine::words;
use crate::geometry::{LonLat, distance_m};
use crate::id::Id;
use crate::time::{Span, Time};

/// A station is told as one only if so many of its devices are judged.
const LEAST_DEVICES: usize = 2;
/// Between the last deadline of a station and the judgement of those held back for it.
const AFTER_LAST: Span = Span::from_secs(1);

/// The devices of one station that are overdue under one rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::engine) struct Overdue {
    /// Each overdue device, and whether an alert of its own is open.
    #[serde(with = "crate::engine::pairs")]
    devices: BTreeMap<Id, Standing>,
    /// The station's alert is open.
    station: bool,
    /// It will be when the rule comes into force.
    #[serde(default)]
    untold: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    /// Judged at this journal time, unless something happens before.
    Held(Time),
    /// Its alert is open.
    Silent,
    /// Silent while the rule does not hold: told when it does.
    Untold,
    /// Part of its station's alert.
    Folded,
}

/// (rule, station) to what is overdue.
pub(in crate::engine) type AllOverdue = BTreeMap<(Id, Id), Overdue>;

fn device_key(rule: &Rule, device: &Id) -> AlertKey {
    AlertKey {
        rule: rule.id.clone(),
        subject: format!("device:{device}"),
        zone: None,
        facet: String::new(),
        late: false,
    }
}

fn station_key(rule: &Rule, station: &Id) -> AlertKey {
    AlertKey {
        rule: rule.id.clone(),
        subject: format!("station:{station}"),
        zone: None,
        facet: String::new(),
        late: false,
    }
}

impl Engine {
    /// Whether a device is overdue under any rule, for its status.
    pub(in crate::engine) fn is_overdue(&self, station: &Id, device: &Id) -> bool {
        let here = self.overdue.iter().filter(|((_, of), _)| of == station);
        here.into_iter().any(|(_, overdue)| match overdue.devices.get(device) {
            Some(Standing::Silent | Standing::Untold | Standing::Folded) => true,
            Some(Standing::Held(_)) | None => false,
        })
    }

    /// Arms every device under every rule anew: the terms, the registry, the wall clock or our hearing changed.
    pub(in crate::engine) fn rearm_silence(&mut self) {
        self.frame.timers.retain(|key| !matches!(key, TimerKey::Silence { .. }));
        let Some(terms) = self.terms.clone() else { return };
        let roll = self.roll.clone();
        for overdue in self.overdue.values_mut() {
            overdue.devices.retain(|_, standing| !matches!(standing, Standing::Held(_)));
        }
        self.overdue.retain(|_, overdue| overdue.station || !overdue.devices.is_empty());
        for rule in terms.silence_rules() {
            for (device, _) in roll.timed.values().flatten().filter_map(|id| Some((id, roll.device(id)?))) {
                self.arm_silence(rule, device);
            }
        }
    }

    /// Arms a device that told another interval or absence.
    pub(in crate::engine) fn rearm_device(&mut self, device: &Id) {
        let Some(terms) = self.terms.clone() else { return };
        for rule in terms.silence_rules() {
            self.arm_silence(rule, device);
        }
    }

    /// Arms one device under one rule, unless it is overdue.
    fn arm_silence(&mut self, rule: &Rule, device: &Id) {
        let Some(station) = self.roll.device(device).map(|device| &device.station) else { return };
        if let Some(overdue) = self.overdue.get(&(rule.id.clone(), station.clone()))
            && let Some(standing) = overdue.devices.get(device)
        {
            if *standing == Standing::Untold || (*standing == Standing::Folded && overdue.untold) {
                self.wait_for_rule(rule, device);
            }
            return;
        }
        if let Some(due) = self.deadline(rule, device) {
            let due = due.max(self.frame.now);
            self.frame.timers.arm(TimerKey::Silence { rule: rule.id.clone(), device: device.clone() }, due);
        }
    }

    /// Asks again when the rule holds.
    fn wait_for_rule(&mut self, rule: &Rule, device: &Id) {
        let wall = self.frame.wall(self.frame.now);
        let start = if in_force(rule, wall) { Some(wall) } else { next_start(rule, wall) };
        if let Some(start) = start {
            let key = TimerKey::Silence { rule: rule.id.clone(), device: device.clone() };
            self.frame.timers.arm(key, self.frame.journal(start).max(self.frame.now));
        }
    }

    /// Whether a rule holds where a device is.
    fn holds_for(&self, rule: &Rule, device: &Id, terms: &Terms) -> Holds {
        let wall = self.frame.wall(self.frame.now);
        place::holds(rule, self.roll.device(device), self.records.by_id.get(device), wall, terms)
    }

    /// The devices of a station whose silence a rule judges, by id.
    fn judged(&self, rule: &Rule, station: &Id, terms: &Terms) -> Vec<Id> {
        let timed = self.roll.timed.get(station).into_iter().flatten();
        timed.filter(|device| self.holds_for(rule, device, terms) > Holds::No).cloned().collect()
    }

    /// Asks again when other versions of the rule's areas or of its line are in force.
    fn wait_for_place(&mut self, rule: &Rule, device: &Id, terms: &Terms) {
        if let Some(change) = place::next_version(rule, self.frame.wall(self.frame.now), terms) {
            let key = TimerKey::Silence { rule: rule.id.clone(), device: device.clone() };
            self.frame.timers.arm(key, self.frame.journal(change).max(self.frame.now));
        }
    }

    /// How long a device may be silent under a rule.
    fn allowed(&self, rule: &Rule, device: &Id) -> Option<Span> {
        let RuleKind::Silence { intervals, .. } = rule.kind else { return None };
        Some(Span::from_secs_f64(intervals * self.interval_s(device)?))
    }

    /// A device's interval, seconds: what it told, but no longer than registered, for no device may put off its own alarm.
    pub(in crate::engine) fn interval_s(&self, device: &Id) -> Option<f64> {
        let registered = self.roll.device(device)?.interval_s?;
        let told = self.records.by_id.get(device).and_then(|record| record.interval_s);
        Some(told.map_or(registered, |told| told.min(registered)))
    }

    /// The journal time from which on a device is overdue, as far as is known now; `None` while we are deaf.
    fn deadline(&self, rule: &Rule, device: &Id) -> Option<Time> {
        let RuleKind::Silence { grace, .. } = rule.kind else { return None };
        if self.frame.hearing.is_deaf() {
            return None;
        }
        let allowed = self.allowed(rule, device)?;
        let record = self.records.by_id.get(device)?;
        let mut due = self.frame.hearing.after(record.counted_from, allowed, grace)?;
        if let Some(end) = self.frame.hearing.last_end() {
            due = due.max(end + grace);
        }
        if let Some(next_by) = record.next_by {
            due = due.max(self.frame.journal(next_by) + grace);
        }
        for window in &self.roll.device(device)?.maintenance {
            if window.contains(self.frame.wall(due)) {
                due = due.max(self.frame.journal(window.to) + allowed);
            }
        }
        Some(due)
    }

    /// A device may be overdue.
    pub(in crate::engine) fn silence_due(&mut self, rule: &Id, device: &Id) {
        let Some(terms) = self.terms.clone() else { return };
        let Some(rule) = terms.rule(rule) else { return };
        let Some(due) = self.deadline(rule, device) else { return };
        let now = self.frame.now;
        if due > now {
            self.frame.timers.arm(TimerKey::Silence { rule: rule.id.clone(), device: device.clone() }, due);
            return;
        }
        let roll = self.roll.clone();
        let Some(station) = roll.device(device).map(|device| &device.station) else { return };
        let place = (rule.id.clone(), station.clone());
        let known = self.overdue.get(&place).is_some_and(|overdue| overdue.devices.contains_key(device));
        if !known && self.holds_for(rule, device, &terms) == Holds::No {
            self.wait_for_place(rule, device, &terms);
            return;
        }
        let judged = self.judged(rule, station, &terms);
        let all = judged.as_slice();
        let overdue = self.overdue.entry(place.clone()).or_default();
        let hold = match overdue.devices.get(device) {
            Some(Standing::Untold) => {
                self.device_is_silent(rule, device, &terms);
                return;
            }
            Some(Standing::Folded) if overdue.untold => {
                self.station_is_silent(rule, station, &terms);
                return;
            }
            Some(Standing::Silent | Standing::Folded) => return,
            Some(Standing::Held(until)) => Some(*until),
            None => None,
        };
        overdue.devices.insert(device.clone(), Standing::Held(now));
        if all.len() >= LEAST_DEVICES && all.iter().all(|id| overdue.devices.contains_key(id)) {
            self.station_is_silent(rule, station, &terms);
            return;
        }
        let until = match hold {
            Some(until) => until,
            None => self.held_until(rule, device, station, all),
        };
        if until <= now {
            self.device_is_silent(rule, device, &terms);
            return;
        }
        if let Some(overdue) = self.overdue.get_mut(&place) {
            overdue.devices.insert(device.clone(), Standing::Held(until));
        }
        self.frame.timers.arm(TimerKey::Silence { rule: rule.id.clone(), device: device.clone() }, until);
    }

    /// Until when an overdue device is held back because its station may be down; now if it is not.
    fn held_until(&self, rule: &Rule, device: &Id, station: &Id, all: &[Id]) -> Time {
        let now = self.frame.now;
        let (Some(record), Some(allowed)) = (self.records.by_id.get(device), self.allowed(rule, device)) else {
            return now;
        };
        if all.len() < LEAST_DEVICES {
            return now;
        }
        let RuleKind::Silence { intervals, .. } = rule.kind else { return now };
        let one_interval = Span::from_secs_f64(allowed.secs_f64() / intervals.max(1.0));
        let alive_since = record.counted_from + one_interval;
        let heard_since = |id: &Id| {
            let heard = self.records.by_id.get(id).and_then(|record| record.last_heard);
            id != device && heard.is_some_and(|heard| heard > alive_since)
        };
        let of_station = self.roll.registry.devices.iter().filter(|(_, other)| other.station == *station);
        if of_station.map(|(id, _)| id).any(heard_since) {
            return now;
        }
        let overdue = self.overdue.get(&(rule.id.clone(), station.clone()));
        let waiting = all.iter().filter(|id| !overdue.is_some_and(|overdue| overdue.devices.contains_key(*id)));
        let last = waiting.filter_map(|id| self.deadline(rule, id)).max();
        last.map_or(now, |last| (last + AFTER_LAST).min(now + allowed))
    }

    fn device_is_silent(&mut self, rule: &Rule, device: &Id, terms: &Terms) {
        let Some(registered) = self.roll.device(device).cloned() else { return };
        let wall = self.frame.wall(self.frame.now);
        let holds = in_force(rule, wall);
        if let Some(overdue) = self.overdue.get_mut(&(rule.id.clone(), registered.station.clone())) {
            overdue.devices.insert(device.clone(), if holds { Standing::Silent } else { Standing::Untold });
        }
        if !holds {
            self.wait_for_rule(rule, device);
            return;
        }
        let Some(record) = self.records.by_id.get(device) else { return };
        let Some(interval_s) = self.interval_s(device) else { return };
        let since = record.last_heard.unwrap_or(record.counted_from);
        let told = words::second(self.frame.wall(since));
        let what = match record.last_heard {
            Some(_) => format!("Device {device} has not been heard since {told} (expected every {interval_s} s)"),
            None => format!("Device {device} was never heard (since {told}, expected every {interval_s} s)"),
        };
        let stand = surveyed(&registered).or(record.stand());
        let mut details = Map::from_iter([
            ("last_heard".to_owned(), record.last_heard.map(|heard| self.frame.wall(heard).to_string()).into()),
            ("interval_s".to_owned(), interval_s.into()),
        ]);
        details.insert("station".to_owned(), registered.station.as_str().into());
        let finding = Finding {
            labels: self.holds_for(rule, device, terms).label().into_iter().collect(),
            opening: opening(record.last_heard, record.counted_from),
            extent: stand.map(|stand| PlaceExtent::Point { position: stand.position, hacc_m: stand.hacc_m }),
            what,
            past: Some(format!("Device {device} (expected every {interval_s} s) was not heard from {told} to")),
            details,
            ..silence(rule, format!("device:{device}"), self.frame.wall(since), wall)
        };
        self.book.report(finding, terms, &mut self.frame);
    }

    fn station_is_silent(&mut self, rule: &Rule, station: &Id, terms: &Terms) {
        let (now, wall) = (self.frame.now, self.frame.wall(self.frame.now));
        let Some(overdue) = self.overdue.get_mut(&(rule.id.clone(), station.clone())) else { return };
        let holds = in_force(rule, wall);
        (overdue.station, overdue.untold) = (true, !holds);
        let devices: Vec<Id> = overdue.devices.keys().cloned().collect();
        let silent = std::mem::take(&mut overdue.devices);
        overdue.devices = devices.iter().map(|id| (id.clone(), Standing::Folded)).collect();
        for (device, _) in silent.iter().filter(|(_, standing)| **standing == Standing::Silent) {
            self.book.end(&device_key(rule, device), "folded", terms, &mut self.frame);
        }
        for device in &devices {
            self.frame.timers.disarm(&TimerKey::Silence { rule: rule.id.clone(), device: device.clone() });
        }
        if !holds {
            if let Some(first) = devices.first() {
                self.wait_for_rule(rule, first);
            }
            return;
        }
        let records = || devices.iter().filter_map(|id| self.records.by_id.get(id));
        let last_heard = records().filter_map(|record| record.last_heard).max();
        let counted_from = records().map(|record| record.counted_from).max().unwrap_or(now);
        let since = last_heard.unwrap_or(counted_from);
        let told = words::second(self.frame.wall(since));
        let count = devices.len();
        let stands = devices.iter().filter_map(|id| surveyed(self.roll.device(id)?));
        let holds = devices.iter().map(|device| self.holds_for(rule, device, terms)).max();
        let finding = Finding {
            labels: holds.and_then(Holds::label).into_iter().collect(),
            opening: opening(last_heard, counted_from),
            extent: middle(&stands.collect::<Vec<_>>()),
            what: match last_heard {
                Some(_) => format!("Station {station} has not been heard since {told}, none of its {count} devices"),
                None => format!("Station {station} was never heard (since {told}), none of its {count} devices"),
            },
            past: Some(format!("Station {station}, with its {count} devices, was not heard from {told} to")),
            details: Map::from_iter([
                ("last_heard".to_owned(), last_heard.map(|heard| self.frame.wall(heard).to_string()).into()),
                ("devices".to_owned(), devices.iter().map(Id::as_str).collect::<Vec<_>>().into()),
            ]),
            ..silence(rule, format!("station:{station}"), self.frame.wall(since), wall)
        };
        self.book.report(finding, terms, &mut self.frame);
    }

    /// A device was heard just now; its record says so already.
    pub(in crate::engine) fn silence_broken(&mut self, station: &Id, device: &Id) {
        if self.overdue.is_empty() {
            return;
        }
        let Some(terms) = self.terms.clone() else { return };
        for rule in terms.silence_rules() {
            let place = (rule.id.clone(), station.clone());
            let Some(mut overdue) = self.overdue.remove(&place) else { continue };
            if overdue.station {
                self.book.end(&station_key(rule, station), "resolved", &terms, &mut self.frame);
                // The others have as long as ever to come back with it.
                self.count_anew(overdue.devices.keys());
                for other in overdue.devices.keys() {
                    self.arm_silence(rule, other);
                }
                continue;
            }
            if overdue.devices.remove(device) == Some(Standing::Silent) {
                self.book.end(&device_key(rule, device), "resolved", &terms, &mut self.frame);
            }
            let held: Vec<Id> = overdue
                .devices
                .iter()
                .filter(|(_, standing)| matches!(standing, Standing::Held(_)))
                .map(|(id, _)| id.clone())
                .collect();
            if !overdue.devices.is_empty() {
                self.overdue.insert(place, overdue);
            }
            self.arm_silence(rule, device);
            // The station is up, so they are silent themselves.
            for other in held {
                self.frame.timers.disarm(&TimerKey::Silence { rule: rule.id.clone(), device: other.clone() });
                self.device_is_silent(rule, &other, &terms);
            }
        }
    }

    /// The silence of these devices counts from now on.
    fn count_anew<'a>(&mut self, devices: impl Iterator<Item = &'a Id>) {
        for device in devices {
            if let Some(record) = self.records.by_id.get_mut(device) {
                record.counted_from = self.frame.now;
            }
        }
    }

    /// Drops all that is overdue, its alerts having ended: what is silent under other terms is told anew.
    pub(in crate::engine) fn forget_overdue(&mut self) {
        for overdue in std::mem::take(&mut self.overdue).values() {
            self.count_anew(overdue.devices.keys());
        }
    }

    /// The registry or the terms changed: drops what is overdue of rules and devices that are no longer judged.
    ///
    /// Silence that ends so counts anew: should it be judged again, it is another alert.
    pub(in crate::engine) fn prune_overdue(&mut self, reason: &str) {
        let Some(terms) = self.terms.clone() else { return };
        for ((rule_id, station), mut overdue) in std::mem::take(&mut self.overdue) {
            let Some(rule) = terms.rule(&rule_id).filter(|rule| matches!(rule.kind, RuleKind::Silence { .. })) else {
                self.count_anew(overdue.devices.keys());
                continue;
            };
            let timed = self.judged(rule, &station, &terms);
            if overdue.station
                && !(timed.len() >= LEAST_DEVICES && timed.iter().all(|id| overdue.devices.contains_key(id)))
            {
                self.book.end(&station_key(rule, &station), reason, &terms, &mut self.frame);
                self.count_anew(overdue.devices.keys());
                continue;
            }
            let gone: Vec<Id> = overdue.devices.keys().filter(|id| !timed.contains(id)).cloned().collect();
            for device in gone {
                if overdue.devices.remove(&device) == Some(Standing::Silent) {
                    self.book.end(&device_key(rule, &device), reason, &terms, &mut self.frame);
                }
            }
            if !overdue.devices.is_empty() {
                self.overdue.insert((rule_id, station), overdue);
            }
        }
    }
}

/// What names an alert of silence: what was heard last, and from when on silence counted where that is later.
fn opening(last_heard: Option<Time>, counted_from: Time) -> String {
    match last_heard {
        Some(heard) if heard >= counted_from => heard.to_string(),
        Some(heard) => format!("{heard}/{counted_from}"),
        None => format!("never/{counted_from}"),
    }
}

/// A finding of silence, from what was heard last until now.
fn silence(rule: &Rule, subject: String, since: Time, wall: Time) -> Finding<'_> {
    Finding {
        rule,
        subject,
        station: None,
        registered: true,
        zone: None,
        facet: "",
        opening: String::new(),
        time: since.min(wall),
        late: false,
        probability: 1.0,
        observed: true,
        severity: rule.severity,
        cool_down: None,
        extent: None,
        place_by: PlaceBy::Registry,
        follow: Follow::Latest,
        detections: 0,
        evidence: Vec::new(),
        labels: Vec::new(),
        what: String::new(),
        past: None,
        details: Map::new(),
        permitted: None,
    }
}

/// The mean of some positions, with a radius that holds them all.
fn middle(stands: &[Stand]) -> Option<PlaceExtent> {
    let (first, rest) = stands.split_first()?;
    let mut position: LonLat = first.position;
    for (count, stand) in rest.iter().enumerate() {
        position = ground::between(position, stand.position, 1.0 / (count as f64 + 2.0));
    }
    let reach = |stand: &Stand| distance_m(position, stand.position) + stand.hacc_m;
    Some(PlaceExtent::Point { position, hacc_m: stands.iter().map(reach).fold(0.0, f64::max) })
}
