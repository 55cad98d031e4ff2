//! Who reports that satellite reception is disturbed, and the regions in which enough devices do.
//!
//! A report stands from a device's first sign until it says otherwise, at most [`REPORT_STANDS`]
//! after the latest. A region opens where enough devices within the rule's distance of one another
//! have each reported for the dwell; whoever reports within that distance of a member joins it, and
//! regions that meet are one: the older goes on. All by reading time. What is asked of neighbours
//! goes through a grid of cells as wide as the distance.

mod agree;
mod grid;
mod report;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::disc::Disc;
use super::limits::{EVICTED_PART, LimitsHit, MAX_REPORTERS, REPORT_STANDS};
use super::record::Stand;
use crate::alert::Evidence;
use crate::geometry::{LonLat, distance_m};
use crate::id::Id;
use crate::time::{Span, Time};
use agree::agree;
use grid::{Cell, Grid, around, cell};
use report::Report;
pub(super) use report::{Source, Strength};
use standing::Standing;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reporter {
    position: LonLat,
    hacc_m: f64,
    cell: Cell,
    region: Option<u64>,
    /// Since when it has reported without a break.
    from: Time,
    reports: BTreeMap<Source, Report>,
}

impl Reporter {
    fn end(&self) -> Option<Time> {
        self.reports.values().map(Report::end).max()
    }

    fn stands_at(&self, time: Time) -> bool {
        self.reports.values().any(|report| report.stands_at(time))
    }

    fn is_displaced_at(&self, time: Time) -> bool {
        self.reports.get(&Source::Displaced).is_some_and(|report| report.stands_at(time))
    }
}

/// A region in which enough devices reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Region {
    /// The device that reported first when it opened: the region's name.
    pub(super) device: Id,
    /// Since when enough have reported.
    pub(super) since: Time,
    /// Holds every device that ever belonged to it.
    pub(super) disc: Disc,
    /// Devices that joined it.
    pub(super) joined: u64,
    /// Its members by the least strength of their reports.
    levels: [Standing; 3],
    displaced: Standing,
    /// The alerts of its displaced members were folded into its own.
    pub(super) folding: bool,
}

impl Region {
    /// Members whose reports stand.
    pub(super) fn members(&self) -> usize {
        self.levels[0].ends.len()
    }

    /// Their ids, in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &Id> {
        self.levels[0].ends.keys()
    }

    /// The members that stand still and report to be elsewhere, in order.
    pub(super) fn displaced(&self) -> impl ExactSizeIterator<Item = &Id> {
        self.displaced.ends.keys()
    }

    /// The greatest strength that at least so many members report.
    pub(super) fn strength(&self, least: usize) -> Strength {
        let reached = |strength: &Strength| self.levels[*strength as usize].ends.len() >= least;
        Strength::ALL.into_iter().rev().find(reached).unwrap_or(Strength::Weak)
    }
}

/// What a rule asks of a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) devices: usize,
    pub(super) radius_m: f64,
    pub(super) dwell: Span,
}

/// One sign of a device.
#[derive(Debug)]
pub(super) struct Sign<'a> {
    pub(super) device: &'a Id,
    pub(super) position: LonLat,
    /// 95 % radius of that, metres.
    pub(super) hacc_m: f64,
    pub(super) source: Source,
    pub(super) strength: Strength,
    pub(super) time: Time,
    pub(super) evidence: Evidence,
}

/// Where a report belongs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Joined {
    pub(super) region: Option<u64>,
    /// It opened just now.
    pub(super) opened: bool,
    /// Younger regions that became part of it.
    pub(super) merged: Vec<Id>,
}

/// The reporters and regions of one rule, live or late.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(super) struct Regions {
    radius_m: f64,
    /// Late readings: they come device by device, each from long ago to now.
    late: bool,
    #[serde(with = "super::pairs")]
    reporters: BTreeMap<Id, Reporter>,
    #[serde(with = "super::pairs")]
    known: BTreeMap<u64, Region>,
    opened: u64,
    /// Reporters by cell and region, those first that have reported longest.
    #[serde(skip)]
    grid: Grid,
}

#[derive(Deserialize)]
struct Stored {
    radius_m: f64,
    late: bool,
    #[serde(with = "super::pairs")]
    reporters: BTreeMap<Id, Reporter>,
    #[serde(with = "super::pairs")]
    known: BTreeMap<u64, Region>,
    opened: u64,
}

impl From<Stored> for Regions {
    fn from(stored: Stored) -> Self {
        let Stored { radius_m, late, reporters, known, opened } = stored;
        let mut grid = Grid::default();
        for (id, reporter) in &reporters {
            grid.insert((reporter.cell, reporter.region), (reporter.from, id.clone()));
        }
        Self { radius_m, late, reporters, known, opened, grid }
    }
}

impl Regions {
    pub(super) fn new(radius_m: f64, late: bool) -> Self {
        Self { radius_m, late, ..Self::default() }
    }

    pub(super) fn radius_m(&self) -> f64 {
        self.radius_m
    }

    pub(super) fn region(&self, number: u64) -> Option<&Region> {
        self.known.get(&number)
    }

    pub(super) fn region_mut(&mut self, number: u64) -> Option<&mut Region> {
        self.known.get_mut(&number)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Region> {
        self.known.values()
    }

    /// The region that a device is a member of.
    pub(super) fn region_of(&self, device: &Id) -> Option<u64> {
        self.reporters.get(device)?.region
    }

    /// Where a device that reports is taken to be.
    pub(super) fn stand_of(&self, device: &Id) -> Option<Stand> {
        self.reporters.get(device).map(|reporter| Stand { position: reporter.position, hacc_m: reporter.hacc_m })
    }

    /// Lets go of the regions whose alerts are not open any more.
    pub(super) fn keep(&mut self, mut is_open: impl FnMut(&Id) -> bool) {
        let closed: Vec<u64> =
            self.known.iter().filter(|(_, region)| !is_open(&region.device)).map(|(n, _)| *n).collect();
        for number in closed {
            self.dissolve(number);
        }
    }

    /// Forgets a region; its members report on as if there had been none.
    pub(super) fn dissolve(&mut self, number: u64) {
        let Some(region) = self.known.remove(&number) else { return };
        for device in region.ids() {
            self.assign(device, None);
        }
    }

    /// Takes in a sign.
    pub(super) fn sign(&mut self, sign: Sign<'_>, limits: &mut LimitsHit) {
        let Sign { device, position, hacc_m, source, strength, time, evidence } = sign;
        if !self.reporters.contains_key(device) && self.reporters.len() >= MAX_REPORTERS {
            self.evict(limits);
        }
        let cell = cell(position, self.radius_m);
        let reporter = self.reporters.entry(device.clone()).or_insert_with(|| Reporter {
            position,
            hacc_m,
            cell,
            region: None,
            from: time,
            reports: BTreeMap::new(),
        });
        // While it reports, where it is cannot be had from it: it stays where it was believed to be.
        let moves = !reporter.stands_at(time) && reporter.region.is_none();
        let report = reporter.reports.get_mut(&source);
        match report {
            Some(report) if report.from - REPORT_STANDS <= time && time < report.end() => {
                report.from = report.from.min(time);
                report.uncounted += 1;
                if time >= report.last {
                    (report.last, report.strength, report.evidence) = (time, strength, evidence);
                }
            }
            Some(report) if time < report.from => {}
            _ => {
                let report = Report { from: time, last: time, denied: None, strength, uncounted: 1, evidence };
                reporter.reports.insert(source, report);
            }
        }
        let to = moves.then_some((position, hacc_m, cell));
        self.refresh(device, time, to);
    }

    /// A device says by one source that all is well.
    pub(super) fn denial(&mut self, device: &Id, source: Source, time: Time) {
        let Some(report) = self.reporters.get_mut(device).and_then(|reporter| reporter.reports.get_mut(&source)) else {
            return;
        };
        if time < report.last || report.denied.is_some_and(|denied| denied <= time) {
            return;
        }
        report.denied = Some(time);
        self.refresh(device, time, None);
    }

    /// Takes those out of their regions whose reports have ended.
    pub(super) fn drop_ended(&mut self, time: Time) {
        let mut ended = Vec::new();
        for region in self.known.values_mut() {
            ended.extend(region.levels[0].drop_ended(time));
            region.levels[1].drop_ended(time);
            region.levels[2].drop_ended(time);
            region.displaced.drop_ended(time);
        }
        for device in ended {
            self.assign(&device, None);
        }
    }

    /// Signs of a device that no alert has counted, and the latest evidence of each source; counts them.
    pub(super) fn take_uncounted(&mut self, device: &Id) -> (u64, Vec<Evidence>) {
        let Some(reporter) = self.reporters.get_mut(device) else { return (0, Vec::new()) };
        let mut taken = (0, Vec::new());
        for report in reporter.reports.values_mut().filter(|report| report.uncounted > 0) {
            taken.0 += report.uncounted;
            report.uncounted = 0;
            taken.1.push(report.evidence.clone());
        }
        taken
    }

    /// Puts a device that just gave a sign into its region: the one it is in, those it touches, or one that opens.
    pub(super) fn join(&mut self, device: &Id, time: Time, wanted: Wanted, limits: &mut LimitsHit) -> Joined {
        let Some(reporter) = self.reporters.get(device) else { return Joined::default() };
        if reporter.region.is_some() {
            return Joined { region: reporter.region, ..Joined::default() };
        }
        let touched = self.touched(reporter);
        if let Some(oldest) = touched.first().copied() {
            self.enter(device, oldest);
            let merged = touched.into_iter().skip(1).filter_map(|younger| self.merge(younger, oldest)).collect();
            return Joined { region: Some(oldest), opened: false, merged };
        }
        let begins = reporter.reports.iter().any(|(source, report)| source.begins() && report.stands_at(time));
        if !begins || reporter.from > time - wanted.dwell {
            return Joined::default();
        }
        let position = reporter.position;
        let most = 6 * wanted.devices.saturating_sub(1);
        let near = self.neighbours(device, time, wanted.dwell, most, |_| true);
        let positions: Vec<LonLat> = near.iter().map(|(_, at)| *at).collect();
        if !agree(position, positions, wanted, limits) {
            return Joined::default();
        }
        let region = self.open(device, near.into_iter().map(|(id, _)| id));
        Joined { region: Some(region), opened: true, merged: Vec::new() }
    }

    /// Whether enough devices within the distance of one another report to be elsewhere, this one among them.
    pub(super) fn many_displaced(&self, device: &Id, time: Time, wanted: Wanted, limits: &mut LimitsHit) -> bool {
        let Some(reporter) = self.reporters.get(device) else { return false };
        if let Some(region) = reporter.region.and_then(|number| self.known.get(&number)) {
            return region.displaced.ends.len() >= wanted.devices;
        }
        let most = 6 * wanted.devices.saturating_sub(1);
        let near = self.neighbours(device, time, Span::default(), most, |reporter| reporter.is_displaced_at(time));
        let positions = near.into_iter().map(|(_, at)| at).collect();
        agree(reporter.position, positions, wanted, limits)
    }

    /// Devices of no region within the distance that have reported for the dwell; no more than `most` of them.
    fn neighbours(
        &self,
        device: &Id,
        time: Time,
        dwell: Span,
        most: usize,
        counts: impl Fn(&Reporter) -> bool,
    ) -> Vec<(Id, LonLat)> {
        let mut found = Vec::new();
        let Some(own) = self.reporters.get(device) else { return found };
        for cell in around(own.cell) {
            for (from, id) in self.grid.free(cell) {
                if *from > time - dwell || found.len() >= most {
                    break;
                }
                let Some(other) = self.reporters.get(id).filter(|_| id != device) else { continue };
                if other.stands_at(time) && counts(other) && distance_m(own.position, other.position) <= self.radius_m {
                    found.push((id.clone(), other.position));
                }
            }
        }
        found
    }

    /// The regions that have a member within the distance, the oldest first.
    fn touched(&self, reporter: &Reporter) -> BTreeSet<u64> {
        let mut touched = BTreeSet::new();
        for cell in around(reporter.cell) {
            for (number, members) in self.grid.regions(cell) {
                if touched.contains(&number) {
                    continue;
                }
                let near = |other: &Reporter| distance_m(reporter.position, other.position) <= self.radius_m;
                if members.iter().filter_map(|(_, id)| self.reporters.get(id)).any(near) {
                    touched.insert(number);
                }
            }
        }
        touched
    }

    fn open(&mut self, device: &Id, near: impl Iterator<Item = Id>) -> u64 {
        self.opened += 1;
        let number = self.opened;
        let mut members: Vec<(Time, Id)> = Vec::new();
        for id in near.chain([device.clone()]) {
            if let Some(reporter) = self.reporters.get(&id) {
                members.push((reporter.from, id));
            }
        }
        members.sort_unstable();
        // A name that a region with members bears is not given again: the two would be one alert.
        let borne = |id: &Id| self.known.values().any(|region| region.device == *id && region.members() > 0);
        let named = members.iter().find(|(_, id)| !borne(id)).or(members.first());
        let first = named.map_or_else(|| device.clone(), |(_, id)| id.clone());
        let since = members.first().map_or_else(Time::default, |(from, _)| *from);
        // One of this name whose members have all fallen silent is gone on with.
        self.known.retain(|_, region| region.device != first || region.members() > 0);
        let disc = self.reporters.get(&first).map_or_else(
            || Disc::of(LonLat { lon: 0.0, lat: 0.0 }, 0.0),
            |reporter| Disc::of(reporter.position, reporter.hacc_m),
        );
        let region = Region {
            device: first,
            since,
            disc,
            joined: 0,
            levels: Default::default(),
            displaced: Standing::default(),
            folding: false,
        };
        self.known.insert(number, region);
        for (_, id) in members {
            self.enter(&id, number);
        }
        number
    }

    fn enter(&mut self, device: &Id, number: u64) {
        self.assign(device, Some(number));
        if let (Some(region), Some(reporter)) = (self.known.get_mut(&number), self.reporters.get(device)) {
            region.joined += 1;
            region.disc.hold(reporter.position, reporter.hacc_m);
            stand(region, device, reporter);
        }
    }

    /// Makes a region part of another; its name, if it was there.
    fn merge(&mut self, younger: u64, older: u64) -> Option<Id> {
        let gone = self.known.remove(&younger)?;
        for device in gone.ids() {
            self.assign(device, Some(older));
            if let (Some(region), Some(reporter)) = (self.known.get_mut(&older), self.reporters.get(device)) {
                stand(region, device, reporter);
            }
        }
        if let Some(region) = self.known.get_mut(&older) {
            region.joined += gone.joined;
            region.since = region.since.min(gone.since);
            region.disc.hold(gone.disc.middle, gone.disc.radius_m);
        }
        Some(gone.device)
    }

    fn assign(&mut self, device: &Id, region: Option<u64>) {
        let Some(reporter) = self.reporters.get_mut(device) else { return };
        let spot = (reporter.from, device.clone());
        self.grid.remove((reporter.cell, reporter.region), &spot);
        reporter.region = region;
        self.grid.insert((reporter.cell, region), spot);
    }

    /// Brings grid and region in line with what a device's reports are now.
    fn refresh(&mut self, device: &Id, time: Time, to: Option<(LonLat, f64, Cell)>) {
        let Some(reporter) = self.reporters.get_mut(device) else { return };
        let before = ((reporter.cell, reporter.region), (reporter.from, device.clone()));
        let standing = reporter.reports.values().filter(|report| report.stands_at(time));
        reporter.from = standing.map(|report| report.from).min().unwrap_or(reporter.from);
        if let Some((position, hacc_m, cell)) = to {
            (reporter.position, reporter.hacc_m, reporter.cell) = (position, hacc_m, cell);
        }
        let spot = (reporter.from, device.clone());
        let place = (reporter.cell, reporter.region);
        if before != (place, spot.clone()) {
            self.grid.remove(before.0, &before.1);
        }
        self.grid.insert(place, spot);
        if let Some(region) = reporter.region.and_then(|number| self.known.get_mut(&number)) {
            stand(region, device, reporter);
        }
    }

    /// Forgets the reporters of no region whose reports ended first.
    fn evict(&mut self, limits: &mut LimitsHit) {
        let free = self.reporters.iter().filter(|(_, reporter)| reporter.region.is_none());
        let mut oldest: Vec<(Option<Time>, Id)> = free.map(|(id, reporter)| (reporter.end(), id.clone())).collect();
        if oldest.is_empty() {
            let all = self.reporters.iter();
            oldest = all.map(|(id, reporter)| (reporter.end(), id.clone())).collect();
        }
        oldest.sort_unstable();
        for (_, id) in oldest.into_iter().take(MAX_REPORTERS / EVICTED_PART) {
            self.forget(&id);
            limits.reporters += 1;
        }
    }

    fn forget(&mut self, device: &Id) {
        let Some(reporter) = self.reporters.remove(device) else { return };
        self.grid.remove((reporter.cell, reporter.region), &(reporter.from, device.clone()));
        if let Some(region) = reporter.region.and_then(|number| self.known.get_mut(&number)) {
            region.levels.iter_mut().for_each(|level| level.set(device, None));
            region.displaced.set(device, None);
        }
    }

    /// Forgets reporters of no region around a device whose reports ended long before `time`.
    ///
    /// Late ones stay: the store of another device may still go back to their time.
    pub(super) fn tidy(&mut self, device: &Id, time: Time) {
        let Some(own) = self.reporters.get(device).filter(|_| !self.late) else { return };
        let mut ended = Vec::new();
        for cell in around(own.cell) {
            for (from, id) in self.grid.free(cell) {
                if *from + REPORT_STANDS + REPORT_STANDS > time {
                    break;
                }
                let end = self.reporters.get(id).and_then(Reporter::end);
                if end.is_none_or(|end| end + REPORT_STANDS < time) {
                    ended.push(id.clone());
                }
            }
        }
        for id in ended {
            self.forget(&id);
        }
    }
}

/// Enters a member's reports into its region.
fn stand(region: &mut Region, device: &Id, reporter: &Reporter) {
    for (level, strength) in region.levels.iter_mut().zip(Strength::ALL) {
        let strong = reporter.reports.values().filter(|report| report.strength >= strength);
        level.set(device, strong.map(Report::end).max());
    }
    region.displaced.set(device, reporter.reports.get(&Source::Displaced).map(Report::end));
}
