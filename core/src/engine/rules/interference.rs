//! `interference`: devices of a region report that satellite navigation is disturbed.
//!
//! Signs of it are a receiver's own monitor (jamming, spoofing), a fixed device that reports to be
//! elsewhere, a GNSS clock that leaps against the uptime, and, only beside others, a fix that is lost.
//! When enough devices within the rule's distance of one another have reported for the dwell, that is one
//! alert of the region, which grows as devices near it join. Its place is a disc that holds the devices:
//! where the cause is, nothing here estimates.
//!
//! Many fixed devices that are displaced together were hardly all carried off: their displacement is then
//! the region's evidence and not tampering, as long as the region's alert is open.

use std::collections::BTreeMap;

use serde_json::Map;

use crate::agreement::{Rule, RuleKind};
use crate::alert::PlaceExtent;
use crate::engine::book::{AlertKey, Book};
use crate::engine::finding::{Follow, PlaceBy, in_force};
use crate::engine::frame::Frame;
use crate::engine::limits::REPORT_STANDS;
use crate::engine::record::{GnssClock, Record};
use crate::engine::regions::{Regions, Sign, Source, Strength, Wanted};
use crate::engine::rules::place::{self, Holds};
use crate::engine::sighting::Sighting;
use crate::engine::terms::{Group, Terms};
use crate::id::Id;
use crate::time::Span;
use crate::wire::{ClockSource, Data, Fix, Reading, Suspicion};

/// (rule, late) to who reports and in which regions.
pub(in crate::engine) type AllRegions = BTreeMap<(Id, bool), Regions>;

/// Satellites that a fix takes at least.
const LEAST_SATELLITES: u8 = 4;
/// A GNSS clock that differs from the uptime by more than this leapt.
const LEAP: Span = Span::from_secs(1);
/// Devices that an alert lists.
const TOLD_DEVICES: usize = 50;

/// Whether a device's displacement is one of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Displaced {
    /// It is a matter of this device.
    Alone,
    /// Enough are displaced together, and no alert says so yet.
    Many,
    /// Enough are, and an alert of interference is open for it.
    Told,
}

fn wanted(rule: &Rule) -> Option<Wanted> {
    let RuleKind::Interference { min_devices, radius_m } = rule.kind else { return None };
    Some(Wanted { devices: min_devices as usize, radius_m, dwell: rule.dwell })
}

fn key(rule: &Rule, region: &Id, late: bool) -> AlertKey {
    AlertKey { rule: rule.id.clone(), subject: subject(region), zone: None, facet: String::new(), late }
}

fn subject(region: &Id) -> String {
    format!("region:{region}")
}

/// What a reading says, by source: a sign with its strength, or that all is well.
fn signs(reading: &Reading, record: &mut Record) -> Vec<(Source, Option<Strength>)> {
    let mut signs = Vec::new();
    if let Data::GnssStatus(status) = &reading.data {
        let of = |suspicion| match suspicion {
            Suspicion::None => None,
            Suspicion::Suspected => Some(Strength::Suspected),
            Suspicion::Confirmed => Some(Strength::Confirmed),
        };
        signs.push((Source::Receiver, of(status.jamming).max(of(status.spoofing))));
    }
    if let Some(position) = &reading.position {
        let few = position.satellites.is_some_and(|satellites| satellites < LEAST_SATELLITES);
        match position.fix {
            Fix::Surveyed => {}
            Fix::None => signs.push((Source::NoFix, Some(Strength::Weak))),
            Fix::TwoD | Fix::ThreeD => signs.push((Source::NoFix, few.then_some(Strength::Weak))),
        }
        // A device that never had a fix has not lost it.
        if record.stand().is_none() {
            signs.retain(|(source, _)| *source != Source::NoFix);
        }
    }
    if let Some(leapt) = clock_leapt(reading, record) {
        signs.push((Source::Clock, leapt.then_some(Strength::Suspected)));
    }
    signs
}

/// Whether a GNSS clock is off what it was by the uptime; what it shows for long is believed again.
fn clock_leapt(reading: &Reading, record: &mut Record) -> Option<bool> {
    if reading.clock.source != ClockSource::Gnss {
        return None;
    }
    let booted = reading.time - Span::from_secs_f64(reading.uptime_ms? / 1_000.0);
    let known = record.gnss_clock.as_deref().copied().filter(|clock| clock.boot == reading.boot);
    let mut clock = known.unwrap_or(GnssClock { boot: reading.boot, booted, leapt: None });
    let off = booted.since(clock.booted).nanos().saturating_abs() > LEAP.nanos();
    let since = clock.leapt.unwrap_or(reading.time);
    let leapt = off && reading.time.since(since) < REPORT_STANDS;
    if leapt {
        clock.leapt = Some(since);
    } else {
        // Slow drift of the oscillator that counts the uptime is followed.
        clock = GnssClock { boot: reading.boot, booted, leapt: None };
    }
    match &mut record.gnss_clock {
        Some(known) => **known = clock,
        none => *none = Some(Box::new(clock)),
    }
    Some(leapt)
}

/// Judges what a reading says of satellite reception.
pub(in crate::engine) fn judge(
    sighting: &Sighting<'_>,
    record: &mut Record,
    regions: &mut AllRegions,
    book: &mut Book,
    frame: &mut Frame,
) {
    if !sighting.terms.has(Group::Interference) {
        return;
    }
    let signs = signs(sighting.reading, record);
    if signs.is_empty() {
        return;
    }
    for rule in sighting.terms.rules_of(Group::Interference) {
        let Some(wanted) = wanted(rule) else { continue };
        for (source, strength) in &signs {
            match strength {
                Some(strength) => {
                    if take_sign(sighting, record, rule, wanted, (*source, *strength), regions, frame) {
                        join(sighting, rule, wanted, *source, regions, book, frame);
                    }
                }
                None => deny(sighting, rule, wanted, *source, regions, book, frame),
            }
        }
    }
}

/// A fixed device reports to be elsewhere: whether it is one of many.
pub(in crate::engine) fn displaced(
    sighting: &Sighting<'_>,
    record: &Record,
    regions: &mut AllRegions,
    book: &mut Book,
    frame: &mut Frame,
) -> Displaced {
    let mut many = Displaced::Alone;
    let device = &sighting.entry.device;
    for rule in sighting.terms.rules_of(Group::Interference) {
        let Some(wanted) = wanted(rule) else { continue };
        let sign = (Source::Displaced, Strength::Suspected);
        if !take_sign(sighting, record, rule, wanted, sign, regions, frame) {
            continue;
        }
        join(sighting, rule, wanted, Source::Displaced, regions, book, frame);
        let place = (rule.id.clone(), sighting.late);
        let Some(here) = regions.get_mut(&place) else { continue };
        if !here.many_displaced(device, sighting.time(), wanted, &mut frame.limits) {
            continue;
        }
        let told = here.region_of(device).is_some();
        many = if told || many == Displaced::Told { Displaced::Told } else { Displaced::Many };
    }
    many
}

/// A fixed device reports to be where it was surveyed.
pub(in crate::engine) fn in_place(
    sighting: &Sighting<'_>,
    regions: &mut AllRegions,
    book: &mut Book,
    frame: &mut Frame,
) {
    for rule in sighting.terms.rules_of(Group::Interference) {
        let Some(wanted) = wanted(rule) else { continue };
        deny(sighting, rule, wanted, Source::Displaced, regions, book, frame);
    }
}

/// The terms changed: what was gathered under a rule that is gone or measures otherwise is dropped.
pub(in crate::engine) fn terms_changed(terms: &Terms, regions: &mut AllRegions, book: &mut Book, frame: &mut Frame) {
    regions.retain(|(id, late), here| {
        let rule = terms.rule(id);
        let same = rule.and_then(wanted).is_some_and(|wanted| wanted.radius_m.to_bits() == here.radius_m().to_bits());
        if let (false, Some(rule)) = (same, rule) {
            for region in here.all() {
                book.end(&key(rule, &region.device, *late), "agreement_changed", terms, frame);
            }
        }
        same
    });
}

/// Enters a sign, if the rule holds where the device is; whether it did.
fn take_sign(
    sighting: &Sighting<'_>,
    record: &Record,
    rule: &Rule,
    wanted: Wanted,
    (source, strength): (Source, Strength),
    regions: &mut AllRegions,
    frame: &mut Frame,
) -> bool {
    if !in_force(rule, sighting.time()) {
        return false;
    }
    let Some(stand) = sighting.stand.or(record.stand()) else { return false };
    if place::holds_at(rule, Some(stand), sighting.time(), sighting.terms) == Holds::No {
        return false;
    }
    let here =
        regions.entry((rule.id.clone(), sighting.late)).or_insert_with(|| Regions::new(wanted.radius_m, sighting.late));
    let sign = Sign {
        device: &sighting.entry.device,
        position: stand.position,
        hacc_m: stand.hacc_m,
        source,
        strength,
        time: sighting.time(),
        evidence: sighting.evidence(),
    };
    here.sign(sign, &mut frame.limits);
    true
}

/// Puts the device of a sign into its region and tells the book.
fn join(
    sighting: &Sighting<'_>,
    rule: &Rule,
    wanted: Wanted,
    source: Source,
    regions: &mut AllRegions,
    book: &mut Book,
    frame: &mut Frame,
) {
    let (late, time, device) = (sighting.late, sighting.time(), &sighting.entry.device);
    let Some(here) = regions.get_mut(&(rule.id.clone(), late)) else { return };
    here.keep(|region| {
        // What came late may be part of an alert that is live.
        book.is_open(&key(rule, region, late)) || (late && book.is_open(&key(rule, region, false)))
    });
    here.drop_ended(time);
    here.tidy(device, time);
    let joined = here.join(device, time, wanted, &mut frame.limits);
    let Some(number) = joined.region else { return };
    for merged in &joined.merged {
        book.end(&key(rule, merged, late), "folded", sighting.terms, frame);
    }
    let newcomers: Vec<Id> = match here.region(number) {
        // Too few now: what they still say keeps no alert open.
        Some(region) if region.members() < wanted.devices => return,
        Some(region) if joined.opened => region.ids().cloned().collect(),
        Some(_) => vec![device.clone()],
        None => return,
    };
    let (mut detections, mut evidence) = (0, Vec::new());
    for id in &newcomers {
        let (count, told) = here.take_uncounted(id);
        detections += count;
        evidence.extend(told);
    }
    evidence.sort_by_key(|one| (one.offset, one.seq));
    let holds = |id: &Id| place::holds_at(rule, here.stand_of(id), time, sighting.terms);
    let surely = if place::is_bounded(rule) { newcomers.iter().map(holds).min() } else { None };
    let Some(region) = here.region_mut(number) else { return };
    let members = region.members();
    let strength = region.strength(wanted.devices);
    let mut finding = sighting.finding(rule, subject(&region.device), strength.probability());
    finding.detections = detections;
    finding.evidence = evidence;
    finding.follow = Follow::Latest;
    finding.place_by = PlaceBy::Devices;
    finding.extent = Some(PlaceExtent::Disc { position: region.disc.middle, radius_m: region.disc.radius_m });
    finding.labels = labels(sighting, source);
    finding.labels.extend(surely.and_then(Holds::label));
    finding.what = format!("At least {members} devices report that satellite navigation is disturbed");
    finding.past = Some("Devices of a region reported that satellite navigation is disturbed, until".to_owned());
    finding.details = Map::from_iter([
        ("place_of".to_owned(), "devices".into()),
        ("since".to_owned(), region.since.to_string().into()),
        ("devices_reporting".to_owned(), members.into()),
        ("devices_joined".to_owned(), region.joined.into()),
        ("devices_displaced".to_owned(), region.displaced().len().into()),
        ("devices".to_owned(), region.ids().take(TOLD_DEVICES).map(Id::as_str).collect::<Vec<_>>().into()),
    ]);
    let many = region.displaced().len() >= wanted.devices;
    let folded: Vec<Id> = if many && !region.folding { region.displaced().cloned().collect() } else { Vec::new() };
    region.folding = many;
    if many {
        finding.labels.push("many_displaced".to_owned());
    }
    book.report(finding, sighting.terms, frame);
    for device in &folded {
        fold(device, late, sighting.terms, book, frame);
    }
}

/// Ends the alerts that a device was moved: it is one of many.
pub(in crate::engine) fn fold(device: &Id, late: bool, terms: &Terms, book: &mut Book, frame: &mut Frame) {
    for rule in terms.rules_of(Group::Tamper) {
        book.end(&super::tamper::moved_key(rule, device, late), "folded", terms, frame);
    }
}

/// A device says that all is well; its region's alert ends when half of the least number are left, or fewer.
fn deny(
    sighting: &Sighting<'_>,
    rule: &Rule,
    wanted: Wanted,
    source: Source,
    regions: &mut AllRegions,
    book: &mut Book,
    frame: &mut Frame,
) {
    let (late, time, device) = (sighting.late, sighting.time(), &sighting.entry.device);
    let Some(here) = regions.get_mut(&(rule.id.clone(), late)) else { return };
    let region = here.region_of(device);
    here.denial(device, source, time);
    // Of late ones others may still tell of the time before.
    let Some(number) = region.filter(|_| !late) else { return };
    here.drop_ended(time);
    let Some(region) = here.region(number) else { return };
    if region.members() * 2 <= wanted.devices {
        let key = key(rule, &region.device, late);
        here.dissolve(number);
        book.end(&key, "resolved", sighting.terms, frame);
    }
}

fn labels(sighting: &Sighting<'_>, source: Source) -> Vec<String> {
    let said = |word: &str| format!("interference:{word}");
    match (source, &sighting.reading.data) {
        (Source::Receiver, Data::GnssStatus(status)) => [("jamming", status.jamming), ("spoofing", status.spoofing)]
            .into_iter()
            .filter(|(_, suspicion)| *suspicion != Suspicion::None)
            .map(|(word, _)| said(word))
            .collect(),
        (Source::Receiver, _) => Vec::new(),
        (Source::Displaced, _) => vec![said("displaced")],
        (Source::Clock, _) => vec![said("clock_leap")],
        (Source::NoFix, _) => vec![said("no_fix")],
    }
}
