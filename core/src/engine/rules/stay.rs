//! `exclusion_zone` and `withdrawal`: something stays where it should not be.
//!
//! It is there from the threshold on, and gone when the place alone is at half of it or less: a sensor that is less
//! sure what it sees does not make it leave. Between the two it stays what it was. It must be there for the dwell, by reading time; a single report of
//! a patrol is a stay by itself. `no_flight` judges its own sightings by the same states.

use serde_json::{Map, Value};

use super::objects::Object;
use crate::agreement::{Rule, RuleKind, WithdrawalDistance};
use crate::engine::book::Book;
use crate::engine::finding::{Follow, Permitted, in_force};
use crate::engine::frame::Frame;
use crate::engine::height::Height;
use crate::engine::limits::MAX_TRACK_GAP;
use crate::engine::located::Located;
use crate::engine::past::{Mark, Past, Seen};
use crate::engine::sighting::Sighting;
use crate::engine::terms::Group;
use crate::engine::tracks::{Inside, Track};
use crate::id::Id;
use crate::time::{Span, Time};

/// What a sighting is judged beside.
pub(super) enum Beside<'a> {
    /// Nothing: it stands by itself.
    Nothing,
    /// What is known of its track, of which it is the newest.
    Track(&'a mut Track),
    /// What came late of its track, or lies beside that.
    Past(&'a Past, &'a Seen),
}

impl Beside<'_> {
    pub(super) fn again(&mut self) -> Beside<'_> {
        match self {
            Self::Nothing => Beside::Nothing,
            Self::Track(track) => Beside::Track(track),
            Self::Past(past, seen) => Beside::Past(past, seen),
        }
    }

    /// Whether its track is known to stay anywhere, so that one that is gone ends something.
    fn stays(&self) -> bool {
        matches!(self, Self::Track(track) if !track.inside.is_empty() || !track.permitted.is_empty())
    }
}

/// Judges a sighting under all rules; says under which of them it stays where it should not be.
pub(super) fn judge(
    sighting: &Sighting<'_>,
    object: &Object,
    located: &Located<'_>,
    mut beside: Beside<'_>,
    book: &mut Book,
    frame: &mut Frame,
) -> Vec<Mark> {
    let mut marks = Vec::new();
    for rule in sighting.terms.rules_of(Group::Stay) {
        // What is gone and was not there is the usual case, and says nothing.
        let is_nothing = |probability: f64, sure: f64, beside: &Beside<'_>| {
            sure < rule.threshold && probability <= rule.threshold / 2.0 && !beside.stays()
        };
        match &rule.kind {
            RuleKind::ExclusionZone if counts(rule, object) => {
                for (zone, slot) in rule.areas.iter().zip(&rule.area_slots) {
                    let probability = located.in_zone_on_sides(*slot, rule);
                    let sure = object.counted(rule) * probability;
                    if is_nothing(probability, sure, &beside) {
                        continue;
                    }
                    let tell = |_: &mut Map<String, Value>| format!("Suspected {} in zone {zone}", object.words());
                    let mut stay = Stay::new(rule, Some(zone), probability, &tell);
                    stay.sure = sure;
                    marks.extend(stay.judge(sighting, object, Some(located), beside.again(), book, frame));
                }
            }
            RuleKind::Withdrawal { distances } => {
                let Some(distance) = distances.iter().find(|distance| fits(distance, object)) else { continue };
                let probability = located.within_where_rule_holds(rule, distance.distance_m);
                let sure = object.counted(rule) * probability;
                if is_nothing(probability, sure, &beside) {
                    continue;
                }
                let tell = |details: &mut Map<String, Value>| {
                    details.insert("withdrawal_distance_m".to_owned(), distance.distance_m.into());
                    let km = distance.distance_m / 1_000.0;
                    format!("Suspected {} closer to the line than {km} km", object.words())
                };
                let mut stay = Stay::new(rule, None, probability, &tell);
                stay.sure = sure;
                marks.extend(stay.judge(sighting, object, Some(located), beside.again(), book, frame));
            }
            _ => {}
        }
    }
    marks
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

/// One sighting against one rule and place.
pub(super) struct Stay<'a> {
    pub(super) rule: &'a Rule,
    pub(super) zone: Option<&'a Id>,
    /// What else tells its alert apart; a stay with one has no end but by the cool-down.
    pub(super) facet: &'static str,
    /// P(it is where the rule forbids it).
    pub(super) probability: f64,
    /// What is held against the threshold.
    pub(super) sure: f64,
    /// It is not known to have been there between two sightings that are farther apart.
    pub(super) longest_gap: Span,
    pub(super) height: Option<Height>,
    pub(super) labels: Vec<String>,
    /// What it is, for the summary, and what else is to be told of it: asked only when it is reported, for most stays are not.
    pub(super) tell: Tell<'a>,
}

/// Adds to an alert's details, and gives the words of its summary.
pub(super) type Tell<'a> = &'a dyn Fn(&mut Map<String, Value>) -> String;

impl<'a> Stay<'a> {
    pub(super) fn new(rule: &'a Rule, zone: Option<&'a Id>, probability: f64, tell: Tell<'a>) -> Self {
        Self {
            rule,
            zone,
            facet: "",
            probability,
            sure: probability,
            longest_gap: MAX_TRACK_GAP,
            height: None,
            labels: Vec::new(),
            tell,
        }
    }

    pub(super) fn judge(
        mut self,
        sighting: &Sighting<'a>,
        object: &Object,
        located: Option<&Located<'_>>,
        beside: Beside<'_>,
        book: &mut Book,
        frame: &mut Frame,
    ) -> Option<Mark> {
        let (rule, time) = (self.rule, sighting.time());
        let there = self.sure >= rule.threshold && in_force(rule, time);
        let asked = sighting.asked(object.class(), located, self.height);
        let permission = if there { asked.permitted(rule) } else { None };
        let maybe = if there && permission.is_none() { asked.label(rule) } else { None };
        self.labels.extend(maybe);
        let gone = !there && self.facet.is_empty() && self.probability <= rule.threshold / 2.0;
        let mark = || Mark {
            rule: rule.id.clone(),
            zone: self.zone.cloned(),
            permitted: there.then_some(permission.is_some()),
        };
        let track = match beside {
            Beside::Track(track) => track,
            Beside::Nothing if there => {
                self.report(sighting, object, located, time, permission, false, book, frame);
                return None;
            }
            Beside::Past(past, seen) if there => {
                let mark = mark();
                let (since, until) = past.stay(time, seen, &mark, self.longest_gap);
                if (until + object.lasts).since(since) >= rule.dwell {
                    self.report(sighting, object, located, since, permission, false, book, frame);
                }
                return Some(mark);
            }
            Beside::Nothing | Beside::Past(..) => return (!gone).then(mark),
        };
        let mark = (!gone && sighting.late).then(mark);
        let place = || (rule.id.clone(), self.zone.cloned());
        if there {
            let restarted = track.restarted;
            let stays = if permission.is_some() { &mut track.permitted } else { &mut track.inside };
            let stay = stays.entry(place()).or_insert(Inside { since: time, last: time });
            if time.since(stay.last) > self.longest_gap {
                stay.since = time;
            }
            stay.last = time;
            let since = stay.since;
            if (time + object.lasts).since(since) >= rule.dwell {
                self.report(sighting, object, located, since, permission, restarted, book, frame);
            }
        } else if gone {
            if !track.inside.is_empty() && track.inside.remove(&place()).is_some() {
                book.resolve(rule, &object.subject, self.zone, sighting.terms, frame);
            }
            if !track.permitted.is_empty() && track.permitted.remove(&place()).is_some() {
                book.resolve_permitted(rule, &object.subject, self.zone, sighting.terms, frame);
            }
        }
        mark
    }

    #[expect(clippy::too_many_arguments, reason = "what is seen, where, since when, and where it is told")]
    fn report(
        self,
        sighting: &Sighting<'a>,
        object: &Object,
        located: Option<&Located<'_>>,
        since: Time,
        permission: Option<Permitted<'a>>,
        restarted: bool,
        book: &mut Book,
        frame: &mut Frame,
    ) {
        let rule = self.rule;
        let mut finding = sighting.finding(rule, object.subject.clone(), object.counted(rule) * self.probability);
        finding.permitted = permission;
        finding.zone = self.zone.cloned();
        finding.facet = self.facet;
        finding.extent = located.map(|located| located.extent);
        finding.place_by = object.place_by;
        finding.follow = Follow::Latest;
        finding.labels = self.labels;
        finding.severity = sighting.severity(rule, located, &mut finding.labels);
        if restarted {
            finding.labels.push("track_restarted".to_owned());
        }
        finding.what = (self.tell)(&mut finding.details);
        finding.details.insert("class".to_owned(), object.class().into());
        finding.details.insert("since".to_owned(), since.to_string().into());
        finding.details.insert("place_probability".to_owned(), self.probability.into());
        if let Some(calibre_mm) = object.calibre_mm {
            finding.details.insert("calibre_mm".to_owned(), calibre_mm.into());
        }
        book.report(finding, sighting.terms, frame);
    }
}
