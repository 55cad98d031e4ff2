//! `clock`: a device's clock is wrong by more than its readings may be.
//!
//! Three things show it, each an alert of its own. Ahead: a live reading is dated after its
//! arrival; the way here takes time too, so the clock is ahead by at least that. Jumped: between two
//! readings of one boot the clock and the uptime went on differently, or a reading that was made after
//! another is dated before it. Unsure: the device itself tells a standard deviation that is too large.
//!
//! A reading that was long on its way proves nothing: a clock that is behind, and keeps its rate, looks
//! like a slow link. Arrival is by our own clock, which is taken as right. All times here
//! are of arrival, since the reading's own is what is in question.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::agreement::{Rule, RuleKind};
use crate::alert::{Evidence, PlaceExtent};
use crate::engine::book::Book;
use crate::engine::finding::{Finding, Follow, PlaceBy, in_force, step_down};
use crate::engine::frame::Frame;
use crate::engine::height::below;
use crate::engine::located::SIGMAS_95_ONE_AXIS;
use crate::engine::record::Record;
use crate::engine::rules::place::{self, Holds};
use crate::engine::sighting::{Sighting, surveyed};
use crate::engine::terms::{Group, Roll, Terms, in_maintenance};
use crate::log::RejectEntry;
use crate::registry::Mobility;
use crate::time::Time;
use crate::wire::{Data, FUTURE_ALLOWED, Reading, RejectReason};

/// What an uptime counter is off at most, as a part of the time: 200 ppm, a cheap quartz in the cold.
const UPTIME_DRIFT: f64 = 2e-4;
/// How sure what the readings' own numbers show is: they may be garbled, or our own clock wrong.
const SHOWN: f64 = 0.95;

/// So many live readings in a row with lower numbers are what the others are measured against from then on.
const OUTRANKED: u32 = 3;

/// What one rule knows of one device's clock.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::engine) struct ClockWatch {
    /// A reading whose time agreed with what was known.
    anchor: Option<Stamp>,
    /// Live readings in a row that were numbered before it.
    outranked: u32,
    /// Since when it seems so.
    ahead: Option<Time>,
    jumped: Option<Time>,
    unsure: Option<Time>,
}

/// When a reading was made, by each of the device's counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Stamp {
    boot: u32,
    seq: u64,
    time: Time,
    uptime_ms: Option<f64>,
    sd_ms: f64,
}

impl Stamp {
    /// `None` for readings whose time is not that of their making: an onset may be told later, a person writes later.
    fn of(reading: &Reading) -> Option<Self> {
        matches!(reading.data, Data::Health(_) | Data::GnssStatus(_) | Data::Weather(_)).then(|| Self {
            boot: reading.boot,
            seq: reading.seq,
            time: reading.time,
            uptime_ms: reading.uptime_ms,
            sd_ms: reading.clock.uncertainty_or_default_ms(),
        })
    }

    /// By how many ms the clock moved against the device's other counts since `before`, beyond what both
    /// readings say that it may be wrong; 0 when it need not have moved.
    fn moved_since(&self, before: &Self) -> f64 {
        let by_clock_ms = self.time.since(before.time).secs_f64() * 1_000.0;
        let allowed_ms = SIGMAS_95_ONE_AXIS * self.sd_ms.hypot(before.sd_ms);
        match self.uptime_ms.zip(before.uptime_ms) {
            Some((now_ms, then_ms)) => {
                let by_uptime_ms = now_ms - then_ms;
                let moved_ms = by_clock_ms - by_uptime_ms;
                let left_ms = moved_ms.abs() - allowed_ms - UPTIME_DRIFT * by_uptime_ms.abs();
                left_ms.max(0.0) * moved_ms.signum()
            }
            // Made after it and dated before it.
            None => (by_clock_ms + allowed_ms).min(0.0),
        }
    }
}

/// Whether something has been so for the dwell; `None` says nothing of it.
fn holds(since: &mut Option<Time>, is_so: Option<bool>, wall: Time, rule: &Rule) -> bool {
    match is_so {
        Some(true) => wall.since(*since.get_or_insert(wall)) >= rule.dwell,
        Some(false) => {
            *since = None;
            false
        }
        None => false,
    }
}

/// Over the limit it is so, at half of it or less it is not, between the two it is what it was.
fn over(value: f64, limit: f64) -> Option<bool> {
    if value > limit {
        Some(true)
    } else if value <= limit / 2.0 {
        Some(false)
    } else {
        None
    }
}

/// Judges the clock that a reading was dated by.
pub(in crate::engine) fn judge(sighting: &Sighting<'_>, record: &mut Record, book: &mut Book, frame: &mut Frame) {
    // Whoever may publish can make up ids; alerts about each would bury those about devices that there are.
    if sighting.device.is_none() {
        return;
    }
    let reading = sighting.reading;
    let wall = frame.wall(frame.now);
    let live = wall.since(reading.time) <= sighting.terms.agreement.late_after;
    let by_person = matches!(
        reading.data,
        Data::PatrolReport(_) | Data::AccessReport(_) | Data::SiteInspection(_) | Data::HazardReport(_)
    );
    for rule in sighting.terms.rules_of(Group::Clock) {
        let RuleKind::Clock { max_error_ms } = rule.kind else { continue };
        if !in_force(rule, wall) {
            continue;
        }
        let holds_there = place::holds(rule, sighting.device, Some(record), wall, sighting.terms);
        if holds_there == Holds::No {
            continue;
        }
        let watch = record.clock(&rule.id);
        if live && !by_person {
            let ahead_ms = reading.time.since(wall).secs_f64() * 1_000.0;
            if holds(&mut watch.ahead, over(ahead_ms, max_error_ms), wall, rule) {
                report(sighting, (rule, holds_there), wall, "ahead", ahead_ms, SHOWN, book, frame);
            }
        }
        if let Some(sd_ms) = reading.clock.uncertainty_ms.filter(|_| live) {
            let probability = if sd_ms > 0.0 { 2.0 * below(-max_error_ms / sd_ms) } else { 0.0 };
            let is_so = if probability >= rule.threshold { Some(true) } else { over(probability, rule.threshold) };
            if holds(&mut watch.unsure, is_so, wall, rule) {
                report(sighting, (rule, holds_there), wall, "unsure", sd_ms, probability, book, frame);
            }
        }
        if let Some(moved_ms) = jump(watch, reading, live, max_error_ms, wall, rule) {
            report(sighting, (rule, holds_there), wall, "jumped", moved_ms, SHOWN, book, frame);
        }
    }
}

/// The jump of a clock in ms, once when it has lasted for the dwell: then its new time is what is known.
fn jump(
    watch: &mut ClockWatch,
    reading: &Reading,
    live: bool,
    max_error_ms: f64,
    wall: Time,
    rule: &Rule,
) -> Option<f64> {
    let stamp = Stamp::of(reading)?;
    let Some(anchor) = watch.anchor.filter(|anchor| anchor.boot == stamp.boot) else {
        if live {
            (watch.anchor, watch.jumped) = (Some(stamp), None);
        }
        return None;
    };
    if stamp.seq <= anchor.seq {
        // One number that is far too high is not to end the judgement of all that follows.
        watch.outranked += u32::from(live);
        if watch.outranked >= OUTRANKED {
            (watch.anchor, watch.jumped, watch.outranked) = (Some(stamp), None, 0);
        }
        return None;
    }
    watch.outranked = 0;
    let moved_ms = stamp.moved_since(&anchor);
    // A clock that stepped back makes a live reading look late; otherwise a late one is of a store.
    if !live && moved_ms >= 0.0 {
        return None;
    }
    let is_so = over(moved_ms.abs(), max_error_ms);
    let jumped = holds(&mut watch.jumped, is_so, wall, rule);
    if jumped || is_so == Some(false) {
        (watch.anchor, watch.jumped) = (Some(stamp), None);
    }
    jumped.then_some(moved_ms)
}

fn what(device: &str, cause: &str, error_ms: f64) -> String {
    let seconds = error_ms.abs() / 1_000.0;
    match cause {
        "ahead" => format!("The clock of device {device} is ahead by at least {seconds:.3} s"),
        "unsure" => {
            format!("Device {device} says that its clock is uncertain by {seconds:.3} s (one standard deviation)")
        }
        _ => {
            let way = if error_ms < 0.0 { "back" } else { "forward" };
            format!("The clock of device {device} jumped {way} by at least {seconds:.3} s")
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "what is told, of whom, by which rule, and where it is told")]
fn report<'a>(
    sighting: &Sighting<'a>,
    (rule, holds_there): (&'a Rule, Holds),
    wall: Time,
    cause: &'static str,
    error_ms: f64,
    probability: f64,
    book: &mut Book,
    frame: &mut Frame,
) {
    let device = &sighting.entry.device;
    let mut finding = sighting.finding(rule, format!("device:{device}"), probability);
    (finding.time, finding.late) = (wall, false);
    finding.facet = cause;
    finding.follow = Follow::Latest;
    finding.place_by = PlaceBy::Registry;
    let fixed = sighting.device.filter(|device| device.mobility == Mobility::Fixed);
    finding.extent =
        fixed.and_then(surveyed).map(|stand| PlaceExtent::Point { position: stand.position, hacc_m: stand.hacc_m });
    if sighting.in_maintenance {
        finding.labels.push("maintenance".to_owned());
        finding.severity = step_down(rule.severity);
    }
    finding.labels.push(format!("clock:{cause}"));
    finding.labels.extend(holds_there.label());
    finding.what = what(device.as_str(), cause, error_ms);
    finding.details = details(rule, cause, error_ms);
    let source = serde_json::to_value(sighting.reading.clock.source).unwrap_or_default();
    finding.details.insert("clock_source".to_owned(), source);
    book.report(finding, sighting.terms, frame);
}

fn details(rule: &Rule, cause: &str, error_ms: f64) -> Map<String, serde_json::Value> {
    let mut details =
        Map::from_iter([("cause".to_owned(), cause.into()), ("clock_error_ms".to_owned(), error_ms.into())]);
    if let RuleKind::Clock { max_error_ms } = rule.kind {
        details.insert("max_error_ms".to_owned(), max_error_ms.into());
    }
    details
}

/// Judges a reading that was refused because it was dated too far ahead.
pub(in crate::engine) fn judge_reject(
    reject: &RejectEntry,
    terms: &Terms,
    roll: &Roll,
    record: Option<&mut Record>,
    book: &mut Book,
    frame: &mut Frame,
) {
    let (Some(id), Some(record), RejectReason::TimeInFuture) = (&reject.device, record, reject.reason) else { return };
    let wall = frame.wall(frame.now);
    let device = roll.device(id);
    if device.is_none() {
        return;
    }
    let ahead_ms = FUTURE_ALLOWED.secs_f64() * 1_000.0;
    for rule in terms.rules_of(Group::Clock) {
        let RuleKind::Clock { max_error_ms } = rule.kind else { continue };
        let holds_there = place::holds(rule, device, Some(record), wall, terms);
        if holds_there == Holds::No {
            continue;
        }
        let watch = record.clock(&rule.id);
        if !in_force(rule, wall) || !holds(&mut watch.ahead, over(ahead_ms, max_error_ms), wall, rule) {
            continue;
        }
        let (boot, seq) = reject.identity.unwrap_or_default();
        let mut labels = vec!["clock:ahead".to_owned()];
        labels.extend(holds_there.label());
        let mut severity = rule.severity;
        if device.is_some_and(|device| in_maintenance(device, wall)) {
            labels.push("maintenance".to_owned());
            severity = step_down(severity);
        }
        let evidence =
            Evidence { offset: frame.offset, device: id.clone(), boot, seq, time: wall, kind: "reject".to_owned() };
        let fixed = device.filter(|device| device.mobility == Mobility::Fixed).and_then(surveyed);
        let finding = Finding {
            rule,
            subject: format!("device:{id}"),
            zone: None,
            facet: "ahead",
            station: None,
            registered: true,
            permitted: None,
            opening: format!("{id}/{boot}/{seq}/{wall}"),
            time: wall,
            late: false,
            probability: SHOWN,
            observed: false,
            severity,
            cool_down: Some(rule.cool_down),
            extent: fixed.map(|stand| PlaceExtent::Point { position: stand.position, hacc_m: stand.hacc_m }),
            place_by: PlaceBy::Registry,
            follow: Follow::Latest,
            detections: 1,
            evidence: reject.identity.map(|_| evidence).into_iter().collect(),
            labels,
            what: what(id.as_str(), "ahead", ahead_ms),
            past: None,
            details: details(rule, "ahead", ahead_ms),
        };
        book.report(finding, terms, frame);
    }
}
