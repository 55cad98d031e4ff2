//! `crossing`: a track is surely on one side of the line, and later surely on the other.
//!
//! Between two sure sides nothing is claimed, so wandering along the line within the
//! positions' accuracy is no crossing. Each crossing is counted once, in its direction;
//! there and back are two alerts. `sides` of the rule are the sides crossed into.

use serde_json::Map;

use super::objects::Object;
use crate::agreement::{Rule, RuleKind};
use crate::alert::PlaceExtent;
use crate::engine::book::Book;
use crate::engine::finding::{Follow, after_activities, in_force, permitted};
use crate::engine::frame::Frame;
use crate::engine::ground;
use crate::engine::located::SURE;
use crate::engine::sighting::Sighting;
use crate::engine::tracks::{Sure, Track};
use crate::engine::words;
use crate::geometry::Side;
use crate::time::Span;

/// From which probability on a side is sure: the rule's threshold, unless that would call both sides sure.
fn sure_from(rule: &Rule) -> f64 {
    if rule.threshold > 0.5 { rule.threshold } else { SURE }
}

pub(super) fn judge(sighting: &Sighting<'_>, object: &Object, track: &mut Track, book: &mut Book, frame: &mut Frame) {
    let (Some(stand), Some(extent)) = (object.stand(), object.extent) else { return };
    let time = sighting.time();
    let located = sighting.located(extent);
    for rule in sighting.terms.agreement.rules.iter().filter(|rule| rule.kind == RuleKind::Crossing) {
        let counted = rule.classes.is_empty() || object.class.is_none_or(|class| rule.classes.contains(class));
        if !counted {
            continue;
        }
        let Some((line, print)) = sighting.terms.line(rule.line.as_ref(), time) else { continue };
        if track.sure.get(&rule.id).is_some_and(|sure| sure.line != print) {
            // The line moved, not the object.
            track.sure.remove(&rule.id);
        }
        let Some(a) = located.side_a(rule.line.as_ref()) else { continue };
        let (side, probability) = if a >= 0.5 { (Side::A, a) } else { (Side::B, 1.0 - a) };
        if probability < sure_from(rule) {
            continue;
        }
        let distance_m = line.course().locate(stand.position).distance_m;
        let evidence = sighting.evidence();
        let here = Sure { side, probability, time, stand, distance_m, line: print, evidence };
        let Some(before) = track.sure.insert(rule.id.clone(), here.clone()) else { continue };
        if before.side != side {
            report(sighting, object, track.restarted, rule, (&before, &here), book, frame);
        }
    }
}

fn report<'a>(
    sighting: &Sighting<'a>,
    object: &Object,
    restarted: bool,
    rule: &'a Rule,
    (before, after): (&Sure, &Sure),
    book: &mut Book,
    frame: &mut Frame,
) {
    let way = before.distance_m + after.distance_m;
    let part = if way > 0.0 { before.distance_m / way } else { 0.5 };
    let gap = after.time.since(before.time);
    // To the millisecond: an interpolation is no better.
    let into_gap = Span::from_secs_f64((gap.secs_f64() * part * 1_000.0).round() / 1_000.0);
    let crossed_at = before.time + into_gap.min(gap);
    let position = ground::between(before.stand.position, after.stand.position, part);
    let extent = PlaceExtent::Point { position, hacc_m: before.stand.hacc_m.max(after.stand.hacc_m) };
    let located = sighting.located(extent);
    let area = if rule.areas.is_empty() { 1.0 } else { located.in_any(&rule.areas) };
    let into = rule.sides.is_empty() || rule.sides.contains(&after.side);
    if !in_force(rule, crossed_at) || !into || area < rule.threshold {
        return;
    }
    let probability = object.confidence * before.probability * after.probability;
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
    finding.place_by = object.place_by;
    finding.follow = Follow::Latest;
    finding.evidence.insert(0, before.evidence.clone());
    finding.permitted = permitted(rule, &sighting.entry.device, object.class(), crossed_at, Some(&located), None);
    let agreement = &sighting.terms.agreement;
    finding.severity = after_activities(agreement, rule.severity, crossed_at, Some(&located), &mut finding.labels);
    if restarted {
        finding.labels.push("track_restarted".to_owned());
    }
    let who = object.class.map_or("watched device".to_owned(), |class| class.replace('_', " "));
    // To the second: the time is interpolated between two sightings.
    let second = words::second(crossed_at);
    finding.what = format!("Suspected crossing of the line by {} {words} at {second}", words::a(&who));
    finding.details = Map::from_iter([
        ("direction".to_owned(), direction.into()),
        ("crossed_at".to_owned(), crossed_at.to_string().into()),
        ("not_before".to_owned(), before.time.to_string().into()),
        ("not_after".to_owned(), after.time.to_string().into()),
        ("class".to_owned(), object.class().into()),
    ]);
    book.report(finding, sighting.terms, frame);
}
