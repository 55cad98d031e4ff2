//! `crossing`: a track is surely on one side of the line, and later surely on the other.
//!
//! Between two sure sides nothing is claimed, so wandering along the line within the
//! positions' accuracy is no crossing. Each crossing is counted once, in its direction;
//! there and back are two alerts. Under a rule with a dwell it is told once the object has been on the other side for so
//! long, as of when it came there; what turns back before is none. `sides` of the rule are the sides crossed into.
//!
//! That it crossed is as sure as the sides are. Where and when is known between two sightings only: the place is as
//! wide as the way that it may have taken meanwhile (`way`), and when that is long no moment is named.

use serde_json::Map;

use super::objects::Object;
use crate::agreement::Rule;
use crate::alert::PlaceExtent;
use crate::engine::book::Book;
use crate::engine::finding::{Asked, Follow, IN_AREA, PlaceBy, after_activities, in_force};
use crate::engine::frame::Frame;
use crate::engine::ground;
use crate::engine::located::{Located, SURE};
use crate::engine::past::{Past, Seen};
use crate::engine::record::Stand;
use crate::engine::sighting::Sighting;
use crate::engine::terms::Group;
use crate::engine::tracks::{Entered, Sure, Track};
use crate::engine::way::{STEADY, Way};
use crate::engine::words;
use crate::geometry::{Course, Side};
use crate::id::Id;
use crate::time::Span;

/// Label of a crossing whose moment is not known.
const BETWEEN_SIGHTINGS: &str = "between_sightings";
/// Label of a crossing that was found among sightings which came late, under a rule with a dwell.
const DWELL_NOT_JUDGED: &str = "dwell_not_judged";
/// Label of a crossing where the line is no more, and the sides are told apart by its continuation.
const PAST_LINE_END: &str = "past_line_end";
/// Halvings of the straight way to find where it meets the line: to less than a millimetre of a kilometre.
const HALVINGS: usize = 24;

/// The sides that are sure of a sighting.
#[derive(Default)]
pub(super) struct Sides {
    pub(super) sure: Vec<(Id, Sure)>,
    /// The rules to which the sighting is to be judged beside what came late.
    pub(super) fresh: Vec<Id>,
}

/// From which probability on a side is sure: the rule's threshold, unless that would call both sides sure.
fn sure_from(rule: &Rule) -> f64 {
    if rule.threshold > 0.5 { rule.threshold } else { SURE }
}

/// The side that is sure, under a rule that counts the object.
fn sure(
    sighting: &Sighting<'_>,
    object: &Object,
    stand: Stand,
    located: &Located<'_>,
    rule: &Rule,
) -> Option<(Sure, bool)> {
    let counted = rule.classes.is_empty() || object.class.is_none_or(|class| rule.classes.contains(class));
    if !counted {
        return None;
    }
    let time = sighting.time();
    let (_, line) = sighting.terms.line(rule.line.as_ref(), time)?;
    let a = located.side_a(rule.line.as_ref())?;
    let (side, probability) = if a >= 0.5 { (Side::A, a) } else { (Side::B, 1.0 - a) };
    let way = Way::from(time, stand);
    let counted = object.counted(rule);
    let certain = counted * probability >= sure_from(rule);
    let sure = Sure {
        side,
        probability,
        counted,
        certain,
        time,
        stand,
        way,
        line,
        evidence: sighting.evidence(),
        entered: None,
    };
    Some((sure, probability >= sure_from(rule)))
}

fn rules<'a>(sighting: &Sighting<'a>) -> impl Iterator<Item = &'a Rule> {
    sighting.terms.rules_of(Group::Crossing)
}

/// Judges the newest sighting of a track. Of one at an edge of what was seen it says the sides that are sure, and under
/// which rules none was known before.
pub(super) fn judge(
    sighting: &Sighting<'_>,
    object: &Object,
    located: &Located<'_>,
    (fastest_mps, edge): (f64, bool),
    track: &mut Track,
    book: &mut Book,
    frame: &mut Frame,
) -> Sides {
    let mut sides = Sides::default();
    let Some(stand) = object.stand() else { return sides };
    let time = sighting.time();
    for rule in rules(sighting) {
        let Some((mut here, is_sure)) = sure(sighting, object, stand, located, rule) else { continue };
        if track.sure.get(&rule.id).is_some_and(|sure| sure.line != here.line) {
            // The line moved, not the object.
            track.sure.remove(&rule.id);
        }
        if let Some(before) = track.sure.get_mut(&rule.id) {
            before.way.step(time, stand, fastest_mps);
            // One that is not sure to be what the rule is about waits until it is.
            let waits = before.side != here.side && !here.certain;
            if !is_sure || waits {
                before.way.passes(stand);
                continue;
            }
            if before.side == here.side {
                if edge && here.certain && !before.certain {
                    sides.fresh.push(rule.id.clone());
                }
                // What it is does not change when it is seen less well.
                here.counted = here.counted.max(before.counted);
                here.certain |= before.certain;
            } else if rule.dwell > Span::default() {
                let first = || Box::new(Entered { sure: here.clone(), way: before.way });
                let entered = before.entered.get_or_insert_with(first);
                if time.since(entered.sure.time) < rule.dwell {
                    before.way.passes(stand);
                    if edge {
                        // What comes late goes up to it, and does not tell this crossing before its time.
                        sides.sure.push((rule.id.clone(), here));
                    }
                    continue;
                }
            }
        } else if !is_sure {
            continue;
        }
        if edge {
            sides.sure.push((rule.id.clone(), here.clone()));
        }
        let Some(before) = track.sure.insert(rule.id.clone(), here.clone()) else {
            sides.fresh.push(rule.id.clone());
            continue;
        };
        if before.side != here.side {
            let labels: &[&str] = if track.restarted { &["track_restarted"] } else { &[] };
            match &before.entered {
                Some(entered) => {
                    let before = Sure { way: entered.way, entered: None, ..before.clone() };
                    report(sighting, object, labels, rule, (&before, &entered.sure), book, frame);
                }
                None => report(sighting, object, labels, rule, (&before, &here), book, frame),
            }
        }
    }
    sides
}

/// The sides that are sure of a sighting that is not the newest of its track, and surely of what the rule is about: what
/// comes before it may still come, so there is no telling what waits for what.
pub(super) fn sides(sighting: &Sighting<'_>, object: &Object) -> Sides {
    let mut sides = Sides { fresh: rules(sighting).map(|rule| rule.id.clone()).collect(), ..Sides::default() };
    let (Some(stand), Some(extent)) = (object.stand(), object.extent) else { return sides };
    let located = sighting.located(extent);
    for rule in rules(sighting) {
        if let Some((here, true)) = sure(sighting, object, stand, &located, rule)
            && here.certain
        {
            sides.sure.push((rule.id.clone(), here));
        }
    }
    sides
}

/// Judges a sighting among those that are beside it in time.
pub(super) fn judge_beside(
    sighting: &Sighting<'_>,
    object: &Object,
    (past, seen, fresh): (&Past, &Seen, &[Id]),
    book: &mut Book,
    frame: &mut Frame,
) {
    for rule in rules(sighting).filter(|rule| fresh.contains(&rule.id)) {
        for (before, after) in past.crossings(sighting.time(), seen, &rule.id) {
            let labels: &[&str] = if rule.dwell > Span::default() { &[DWELL_NOT_JUDGED] } else { &[] };
            report(sighting, object, labels, rule, (&before, &after), book, frame);
        }
    }
}

/// Where a straight way meets the line, as a part of it.
fn meets(course: &Course, before: &Sure, after: &Sure) -> f64 {
    let (mut from, mut to) = (0.0, 1.0);
    let on_a = |part: f64| {
        let place = ground::between(before.stand.position, after.stand.position, part);
        course.locate(place).signed_m >= 0.0
    };
    let began_on_a = before.side == Side::A;
    if on_a(from) != began_on_a || on_a(to) == began_on_a {
        return 0.5;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(from, to);
        *(if on_a(middle) == began_on_a { &mut from } else { &mut to }) = middle;
    }
    f64::midpoint(from, to)
}

fn report<'a>(
    sighting: &Sighting<'a>,
    object: &Object,
    labels: &[&str],
    rule: &'a Rule,
    (before, after): (&Sure, &Sure),
    book: &mut Book,
    frame: &mut Frame,
) {
    let Some((line, _)) = sighting.terms.line(rule.line.as_ref(), after.time) else { return };
    let course = line.course();
    let part = meets(&course, before, after);
    let gap = after.time.since(before.time);
    // To the millisecond: an interpolation is no better.
    let into_gap = Span::from_secs_f64((gap.secs_f64() * part * 1_000.0).round() / 1_000.0);
    let crossed_at = before.time + into_gap.min(gap);
    let position = ground::between(before.stand.position, after.stand.position, part);
    let extent = PlaceExtent::Point { position, hacc_m: before.way.radius_m(position) };
    let located = Located::new(extent, after.time, sighting.terms);
    let area = if rule.areas.is_empty() { 1.0 } else { located.in_any(&rule.area_slots) };
    let into = rule.sides.is_empty() || rule.sides.contains(&after.side);
    let steady = gap <= STEADY;
    let held =
        if steady { in_force(rule, crossed_at) } else { in_force(rule, before.time) || in_force(rule, after.time) };
    if !held || !into || area < IN_AREA {
        return;
    }
    let probability = after.counted * before.probability * after.probability * area;
    let mut finding = sighting.finding(rule, object.subject.clone(), probability);
    let (direction, words) = match after.side {
        Side::A => ("b_to_a", "from side B to side A"),
        _ => ("a_to_b", "from side A to side B"),
    };
    finding.facet = direction;
    if let [only] = rule.areas.as_slice() {
        finding.zone = Some(only.clone());
    }
    finding.extent = Some(extent);
    finding.place_by = PlaceBy::Between;
    finding.follow = Follow::Latest;
    finding.time = after.time;
    for evidence in [&after.evidence, &before.evidence] {
        if !finding.evidence.contains(evidence) {
            finding.evidence.insert(0, evidence.clone());
        }
    }
    let when = if steady { (crossed_at, crossed_at) } else { (before.time, after.time) };
    let asked =
        Asked { device: &sighting.entry.device, class: object.class(), when, located: Some(&located), height: None };
    finding.permitted = asked.permitted(rule);
    if finding.permitted.is_none() {
        finding.labels.extend(asked.label(rule));
    }
    let agreement = &sighting.terms.agreement;
    finding.severity = after_activities(agreement, rule.severity, crossed_at, Some(&located), &mut finding.labels);
    finding.labels.extend(labels.iter().map(|label| (*label).to_owned()));
    let fix = course.locate(position);
    // At an area's boundary nothing ends.
    let past_end = matches!(*course, Course::Line(_)) && fix.beyond_end != 0;
    let where_ = if past_end { ", past the end of the line," } else { "" };
    if past_end {
        finding.labels.push(PAST_LINE_END.to_owned());
    }
    let who = object.class.map_or("watched device".to_owned(), |class| class.replace('_', " "));
    // To the second: the time is interpolated between two sightings.
    let second = words::second;
    let when = if steady {
        format!("at {}", second(crossed_at))
    } else {
        finding.labels.push(BETWEEN_SIGHTINGS.to_owned());
        format!("between {} and {}", second(before.time), second(after.time))
    };
    finding.what = format!("Suspected crossing of the line{where_} by {} {words} {when}", words::a(&who));
    finding.details = Map::from_iter([
        ("direction".to_owned(), direction.into()),
        ("not_before".to_owned(), before.time.to_string().into()),
        ("not_after".to_owned(), after.time.to_string().into()),
        ("class".to_owned(), object.class().into()),
    ]);
    if steady {
        finding.details.insert("crossed_at".to_owned(), crossed_at.to_string().into());
    }
    if past_end {
        finding.details.insert("past_end_m".to_owned(), fix.distance_m.into());
    }
    book.report(finding, sighting.terms, frame);
}
