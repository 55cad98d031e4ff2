//! `tamper`: a registered device was moved, opened, struck or imitated.
//!
//! Each of these is an alert of its own, and none claims intent. Moved: it reports to be farther from where it was surveyed than the rule's distance and
//! the combined 95 % radii of both positions, in at least two consecutive readings and for
//! the dwell. Where an `interference` rule holds, many fixed devices that are displaced at one time are told by
//! that rule and not one by one. In a registered maintenance window it is labelled and lowered, not hidden.

use serde_json::Map;

use crate::agreement::{Rule, RuleKind};
use crate::alert::{Evidence, PlaceExtent};
use crate::engine::book::{AlertKey, Book};
use crate::engine::finding::{Finding, Follow, PlaceBy, in_force, step_down};
use crate::engine::frame::Frame;
use crate::engine::record::{Moved, Record};
use crate::engine::rules::interference::{self, AllRegions, Displaced};
use crate::engine::rules::place::{self, Holds};
use crate::engine::sighting::{POSITION_DOUBTFUL, Sighting, reported, surveyed};
use crate::engine::terms::{Group, Roll, Terms, in_maintenance};
use crate::engine::trail::Verdict;
use crate::engine::words;
use crate::geometry;
use crate::id::Id;
use crate::log::RejectEntry;
use crate::registry::Mobility;
use crate::time::Time;
use crate::wire::{Data, Enclosure, RejectReason};

/// Readings in a row that must say that a device was moved.
const LEAST_READINGS: u32 = 2;
/// A position lies outside its 95 % radius by chance as often as this.
const OUTSIDE: f64 = 0.05;
/// Positions of one receiver err together, so no number of them makes it surer than this.
const SUREST: f64 = 0.999;
/// Nor than this where the position itself is not believed.
const DOUBTFUL: f64 = 0.5;

/// How probably somebody used a device's name where its readings contradict each other or their signature:
/// a fault of the device looks the same.
const IMITATED: f64 = 0.5;

/// Judges a reading of a registered device; `newest` says that no reading with a later time came before.
pub(in crate::engine) fn judge(
    sighting: &Sighting<'_>,
    newest: bool,
    record: &mut Record,
    regions: &mut AllRegions,
    book: &mut Book,
    frame: &mut Frame,
) {
    let Some(device) = sighting.device else { return };
    let mut moved = Vec::new();
    for rule in sighting.terms.rules_of(Group::Tamper) {
        let RuleKind::Tamper { displacement_m, shock_g } = rule.kind else { continue };
        if !in_force(rule, sighting.time()) {
            continue;
        }
        let holds = place::holds(rule, Some(device), Some(record), sighting.time(), sighting.terms);
        if holds == Holds::No {
            continue;
        }
        let rule = (rule, holds);
        if let Data::Health(health) = &sighting.reading.data {
            if health.enclosure == Some(Enclosure::Open) {
                report(sighting, rule, "opened", 1.0, None, &[], book, frame);
            }
            if let (Some(limit), Some(shock)) = (shock_g, health.shock_g)
                && shock >= limit
            {
                report(sighting, rule, "struck", 1.0, Some(("shock_g", shock)), &[], book, frame);
            }
        }
        let (rule, _) = rule;
        let stands = device.mobility == Mobility::Fixed || device.watched;
        if !stands || !newest {
            continue;
        }
        let (Some(survey), Some(now_at)) = (surveyed(device), reported(sighting.reading, Some(device))) else {
            continue;
        };
        let distance_m = geometry::distance_m(survey.position, now_at.position);
        if distance_m <= displacement_m + survey.hacc_m.hypot(now_at.hacc_m) {
            if record.moved.remove(&rule.id).is_some() && record.moved.is_empty() {
                interference::in_place(sighting, regions, book, frame);
            }
            continue;
        }
        let so_far = record.moved.entry(rule.id.clone()).or_insert(Moved { since: sighting.time(), readings: 0 });
        so_far.readings = so_far.readings.saturating_add(1);
        if so_far.readings >= LEAST_READINGS && sighting.time().since(so_far.since) >= rule.dwell {
            let chance = OUTSIDE.powi(i32::try_from(so_far.readings.min(8)).unwrap_or(8));
            let surest = if sighting.worth == Verdict::Doubted { DOUBTFUL } else { SUREST };
            moved.push(((rule, holds), distance_m, (1.0 - chance).min(surest)));
        }
    }
    if moved.is_empty() {
        return;
    }
    let many = match device.mobility {
        Mobility::Fixed => interference::displaced(sighting, record, regions, book, frame),
        Mobility::Mobile => Displaced::Alone,
    };
    for (rule, distance_m, probability) in moved {
        let key = moved_key(rule.0, &sighting.entry.device, sighting.late);
        let labels: &[&str] = match many {
            Displaced::Alone => &[],
            Displaced::Told => {
                book.end(&key, "folded", sighting.terms, frame);
                continue;
            }
            // Those that came before it have told it; its own alert would be one of very many.
            Displaced::Many if !book.is_open(&key) => continue,
            Displaced::Many => &["many_displaced"],
        };
        report(sighting, rule, "moved", probability, Some(("displacement_m", distance_m)), labels, book, frame);
    }
}

/// What there is at most one alert for that a device was moved.
pub(in crate::engine) fn moved_key(rule: &Rule, device: &Id, late: bool) -> AlertKey {
    AlertKey { rule: rule.id.clone(), subject: format!("device:{device}"), zone: None, facet: "moved".to_owned(), late }
}

#[expect(clippy::too_many_arguments, reason = "what is told, of whom, by which rule, and where it is told")]
fn report<'a>(
    sighting: &Sighting<'a>,
    (rule, holds): (&'a Rule, Holds),
    cause: &'static str,
    probability: f64,
    figure: Option<(&str, f64)>,
    labels: &[&str],
    book: &mut Book,
    frame: &mut Frame,
) {
    let device = &sighting.entry.device;
    let mut finding = sighting.finding(rule, format!("device:{device}"), probability);
    finding.observed = cause != "moved";
    finding.follow = Follow::Latest;
    finding.facet = cause;
    // A device that was moved is where it says it is, not where it was surveyed.
    let (stand, by) = match cause {
        "moved" => (reported(sighting.reading, sighting.device), PlaceBy::Itself),
        _ => (sighting.stand, PlaceBy::Registry),
    };
    finding.extent = stand.map(|stand| PlaceExtent::Point { position: stand.position, hacc_m: stand.hacc_m });
    finding.place_by = by;
    if sighting.in_maintenance {
        finding.labels.push("maintenance".to_owned());
        finding.severity = step_down(rule.severity);
    }
    if cause == "moved" && sighting.worth == Verdict::Doubted {
        finding.labels.push(POSITION_DOUBTFUL.to_owned());
    }
    finding.labels.push(format!("tamper:{cause}"));
    finding.labels.extend(holds.label());
    finding.labels.extend(labels.iter().map(|label| (*label).to_owned()));
    finding.what = match (cause, figure) {
        ("moved", Some((_, distance_m))) => {
            format!("Device {device} reports a position about {} from where it was surveyed", words::about(distance_m))
        }
        ("struck", Some((_, shock))) => format!("Device {device} reports a shock of {shock:.1} g"),
        _ => format!("Device {device} reports that its enclosure is open"),
    };
    finding.details = Map::from_iter([("cause".to_owned(), cause.into())]);
    if let Some((name, value)) = figure {
        finding.details.insert(name.to_owned(), value.into());
    }
    book.report(finding, sighting.terms, frame);
}

/// Judges a reject: somebody may be using a registered device's name.
pub(in crate::engine) fn judge_reject(
    reject: &RejectEntry,
    terms: &Terms,
    roll: &Roll,
    record: Option<&Record>,
    book: &mut Book,
    frame: &mut Frame,
) {
    let cause = match reject.reason {
        RejectReason::ConflictingDuplicate => "imitated",
        RejectReason::BadSignature => "bad_signature",
        _ => return,
    };
    let Some(id) = &reject.device else { return };
    let Some(device) = roll.device(id) else { return };
    let wall = frame.wall(frame.now);
    for rule in terms.rules_of(Group::Tamper) {
        let holds = place::holds(rule, Some(device), record, wall, terms);
        if !in_force(rule, wall) || holds == Holds::No {
            continue;
        }
        let evidence = reject.identity.map(|(boot, seq)| Evidence {
            offset: frame.offset,
            device: id.clone(),
            boot,
            seq,
            time: wall,
            kind: "reject".to_owned(),
        });
        let mut labels = vec![format!("tamper:{cause}")];
        labels.extend(holds.label());
        let mut severity = rule.severity;
        if in_maintenance(device, wall) {
            labels.push("maintenance".to_owned());
            severity = step_down(severity);
        }
        let what = if cause == "imitated" {
            format!("Two different readings of device {id} bear the same number")
        } else {
            format!("A reading in the name of device {id} has a bad signature")
        };
        let finding = Finding {
            rule,
            subject: format!("device:{id}"),
            station: None,
            registered: true,
            zone: None,
            facet: cause,
            opening: opening(reject, wall),
            time: wall,
            late: false,
            probability: IMITATED,
            observed: false,
            severity,
            cool_down: Some(rule.cool_down),
            extent: surveyed(device).map(|stand| PlaceExtent::Point { position: stand.position, hacc_m: stand.hacc_m }),
            place_by: PlaceBy::Registry,
            follow: Follow::Latest,
            detections: 1,
            evidence: evidence.into_iter().collect(),
            labels,
            what,
            past: None,
            details: Map::from_iter([("cause".to_owned(), cause.into())]),
            permitted: None,
        };
        book.report(finding, terms, frame);
    }
}

fn opening(reject: &RejectEntry, wall: Time) -> String {
    let device = reject.device.as_ref().map_or("", |id| id.as_str());
    match reject.identity {
        Some((boot, seq)) => format!("{device}/{boot}/{seq}/{wall}"),
        None => format!("{device}/{wall}"),
    }
}
