//! `exclusion_zone` and `withdrawal`: something stays where it should not be.
//!
//! It is there from the threshold on, and gone at half of it or less; between the two it
//! stays what it was. It must be there for the dwell, by reading time; a single report of
//! a patrol is a stay by itself.

use serde_json::Map;

use super::objects::Object;
use crate::agreement::{Rule, RuleKind, WithdrawalDistance};
use crate::engine::book::Book;
use crate::engine::finding::{Follow, in_force, permitted};
use crate::engine::frame::Frame;
use crate::engine::located::Located;
use crate::engine::sighting::Sighting;
use crate::engine::tracks::{Inside, Track};
use crate::id::Id;

pub(super) fn judge(
    sighting: &Sighting<'_>,
    object: &Object,
    mut track: Option<&mut Track>,
    book: &mut Book,
    frame: &mut Frame,
) {
    let located = sighting.located(object.extent);
    for rule in &sighting.terms.agreement.rules {
        match &rule.kind {
            RuleKind::ExclusionZone if counts(rule, object) => {
                let sides = located.on_sides(rule);
                for zone in &rule.areas {
                    let probability = located.in_zone(zone).min(sides);
                    let stay = Stay { rule, zone: Some(zone), probability, distance: None };
                    stay.judge(sighting, object, &located, track.as_deref_mut(), book, frame);
                }
            }
            RuleKind::Withdrawal { distances } => {
                let Some(distance) = distances.iter().find(|distance| fits(distance, object)) else { continue };
                let within = located.within(rule.line.as_ref(), distance.distance_m).unwrap_or(0.0);
                let probability = if within > 0.0 { within.min(located.where_rule_holds(rule)) } else { 0.0 };
                let stay = Stay { rule, zone: None, probability, distance: Some(distance) };
                stay.judge(sighting, object, &located, track.as_deref_mut(), book, frame);
            }
            _ => {}
        }
    }
}

fn counts(rule: &Rule, object: &Object) -> bool {
    rule.classes.is_empty() || object.class.is_some_and(|class| rule.classes.contains(class))
}

/// Whether a weapon is one of these. One of unknown calibre fits only where the calibre does not matter.
fn fits(distance: &WithdrawalDistance, object: &Object) -> bool {
    let calibre = match object.calibre_mm {
        Some(calibre) => {
            distance.calibre_min_mm.is_none_or(|min| min <= calibre)
                && distance.calibre_max_mm.is_none_or(|max| calibre < max)
        }
        None => distance.calibre_min_mm.is_none() && distance.calibre_max_mm.is_none(),
    };
    calibre && object.class.is_some_and(|class| class == distance.class)
}

struct Stay<'a> {
    rule: &'a Rule,
    zone: Option<&'a Id>,
    probability: f64,
    distance: Option<&'a WithdrawalDistance>,
}

impl<'a> Stay<'a> {
    fn judge(
        &self,
        sighting: &Sighting<'a>,
        object: &Object,
        located: &Located<'_>,
        track: Option<&mut Track>,
        book: &mut Book,
        frame: &mut Frame,
    ) {
        let (rule, time) = (self.rule, sighting.time());
        let forbidden = self.probability >= rule.threshold
            && in_force(rule, time)
            && permitted(rule, &sighting.entry.device, object.class(), time, Some(located)).is_none();
        let Some(track) = track else {
            if forbidden {
                self.report(sighting, object, located, time, false, book, frame);
            }
            return;
        };
        if forbidden {
            let restarted = track.restarted;
            let stay = track.inside.entry((rule.id.clone(), self.zone.cloned()));
            let since = stay.or_insert(Inside { since: time }).since;
            if time.since(since) >= rule.dwell {
                self.report(sighting, object, located, since, restarted, book, frame);
            }
        } else if !track.inside.is_empty()
            && self.probability <= rule.threshold / 2.0
            && track.inside.remove(&(rule.id.clone(), self.zone.cloned())).is_some()
        {
            book.resolve(rule, &object.subject, self.zone, sighting.terms, frame);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what is seen, where, since when, and where it is told")]
    fn report(
        &self,
        sighting: &Sighting<'a>,
        object: &Object,
        located: &Located<'_>,
        since: crate::time::Time,
        restarted: bool,
        book: &mut Book,
        frame: &mut Frame,
    ) {
        let rule = self.rule;
        let mut finding = sighting.finding(rule, object.subject.clone(), object.confidence * self.probability);
        finding.zone = self.zone.cloned();
        finding.extent = Some(object.extent);
        finding.place_by = object.place_by;
        finding.follow = Follow::Latest;
        finding.severity = sighting.severity(rule, Some(located), &mut finding.labels);
        if restarted {
            finding.labels.push("track_restarted".to_owned());
        }
        let class = object.class().replace('_', " ");
        finding.details = Map::from_iter([
            ("class".to_owned(), object.class().into()),
            ("since".to_owned(), since.to_string().into()),
            ("place_probability".to_owned(), self.probability.into()),
        ]);
        if let Some(calibre_mm) = object.calibre_mm {
            finding.details.insert("calibre_mm".to_owned(), calibre_mm.into());
        }
        match (self.distance, self.zone) {
            (Some(distance), _) => {
                finding.details.insert("withdrawal_distance_m".to_owned(), distance.distance_m.into());
                let km = distance.distance_m / 1_000.0;
                finding.what = format!("Suspected {class} closer to the line than {km} km");
            }
            (None, Some(zone)) => finding.what = format!("Suspected {class} in zone {zone}"),
            (None, None) => {}
        }
        book.report(finding, sighting.terms, frame);
    }
}
