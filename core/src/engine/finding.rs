//! What a rule says to the book: one piece of evidence that it seems to be broken.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::height::Height;
use super::located::Located;
use super::terms::within_hours;
use crate::agreement::{Agreement, Permission, Rule, RuleKind, Severity, Validity};
use crate::alert::{Evidence, PlaceExtent};
use crate::id::Id;
use crate::time::{Span, Time};

/// An activity applies to what is in its area at least as probably as not, and so does a rule to a crossing.
pub(super) const IN_AREA: f64 = 0.5;
/// A permission applies to what is in its areas at least as probably as this: an alert about what was permitted costs a
/// look, while a violation that is taken for permitted calls nobody.
pub const PERMITTED_FROM: f64 = 0.8;
/// From this probability on what is not taken for permitted says that it may be.
const MAYBE_PERMITTED_FROM: f64 = 0.05;
const DAY: Span = Span::from_secs(86_400);
/// Label of what a permission may apply to.
pub(super) const MAYBE_PERMITTED: &str = "maybe_permitted";

/// Which findings an alert's place and details are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Follow {
    /// The best placed of the most probable ones: what happened once.
    Best,
    /// The latest: what moves or lasts.
    Latest,
}

/// Whose word a place is, for the sentence that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PlaceBy {
    /// A sensor's.
    Sensor,
    /// Between two positions that a sensor told.
    Between,
    /// A sensor's, out to a range that nobody registered.
    SensorAssumedRange,
    /// A person's.
    Observer,
    /// A person's, out to a range that nobody told.
    ObserverAssumedRange,
    /// The device's that the alert is about.
    Itself,
    /// Several devices', which all stand in it; what they report comes from elsewhere.
    Devices,
    /// The registry's: where a device or a station stands. There is nothing to tell of it.
    Registry,
}

impl PlaceBy {
    pub(super) const fn is_assumed_range(self) -> bool {
        matches!(self, Self::SensorAssumedRange | Self::ObserverAssumedRange)
    }
}

/// One piece of evidence.
#[derive(Debug)]
pub(super) struct Finding<'a> {
    pub(super) rule: &'a Rule,
    pub(super) subject: String,
    /// Whose sensor or person it is from; none of what is not heard.
    pub(super) station: Option<&'a Id>,
    /// The registry knows the device that it is from; whoever may publish can make up others.
    pub(super) registered: bool,
    pub(super) zone: Option<Id>,
    pub(super) facet: &'static str,
    /// What names the alert that it opens.
    pub(super) opening: String,
    /// Reading time.
    pub(super) time: Time,
    pub(super) late: bool,
    pub(super) probability: f64,
    /// The sensor itself says so.
    pub(super) observed: bool,
    pub(super) severity: Severity,
    /// `None`: the alert ends by what is heard, not by what is not.
    pub(super) cool_down: Option<Span>,
    pub(super) extent: Option<PlaceExtent>,
    pub(super) place_by: PlaceBy,
    pub(super) follow: Follow,
    pub(super) detections: u64,
    pub(super) evidence: Vec<Evidence>,
    pub(super) labels: Vec<String>,
    /// What was seen, for the summary; no place, no probability.
    pub(super) what: String,
    /// What was, up to a time that is put after it, for the summary of an alert that ended; without it as before.
    pub(super) past: Option<String>,
    pub(super) details: Map<String, Value>,
    /// The rule allows it: it is told as an event.
    pub(super) permitted: Option<Permitted<'a>>,
}

impl Finding<'_> {
    /// Whether what is at one place is one alert, whoever tells it.
    pub(super) fn is_clustered(&self) -> bool {
        self.rule.kind == RuleKind::NoFire
    }
}

/// Whether the rule is in force at `time`, by its validity and hours.
pub(super) fn in_force(rule: &Rule, time: Time) -> bool {
    rule.validity.contains(time) && within_hours(&rule.hours, time)
}

/// When next after `time` the rule may come into force or go out of it.
pub(super) fn next_change(rule: &Rule, time: Time) -> Option<Time> {
    let Validity { from, to } = rule.validity;
    let hours = rule.hours.iter().flat_map(|hours| [hours.from_s, hours.to_s]).map(|second| next_at(second, time));
    from.into_iter().chain(to).filter(|change| *change > time).chain(hours).min()
}

/// When next after `time` it is this second of a day.
fn next_at(second: u32, time: Time) -> Time {
    let midnight = Time::from_nanos(time.nanos() - time.nanos().rem_euclid(DAY.nanos()));
    let today = midnight + Span::from_secs(i64::from(second));
    if today > time { today } else { today + DAY }
}

/// When next after `time` the rule comes into force; `None` if it is, or never will be.
pub(super) fn next_start(rule: &Rule, time: Time) -> Option<Time> {
    let mut at = time;
    // Each step is an end of its validity or of its hours: within a day of its start it holds.
    for _ in 0..2 * rule.hours.len() + 4 {
        if in_force(rule, at) {
            return (at > time).then_some(at);
        }
        at = next_change(rule, at)?;
    }
    None
}

/// What a rule allows all the same: one of its permissions, with its number, from 1.
pub(super) type Permitted<'a> = (usize, &'a Permission);

/// What is asked of a permission.
pub(super) struct Asked<'a> {
    pub(super) device: &'a Id,
    pub(super) class: &'a str,
    /// When: the first and the last moment that are possible.
    pub(super) when: (Time, Time),
    pub(super) located: Option<&'a Located<'a>>,
    pub(super) height: Option<Height>,
}

impl Asked<'_> {
    /// Whether a permission holds but for its times, its areas with this probability.
    ///
    /// What is permitted up to a height is permitted only where the height is known, with its error, to be below.
    fn holds(&self, permission: &Permission, probability: f64) -> bool {
        (permission.devices.is_empty() || permission.devices.contains(self.device))
            && (permission.classes.is_empty() || permission.classes.contains(self.class))
            && permission.max_alt_agl_m.is_none_or(|max| self.height.is_some_and(|height| height.surely_up_to(max)))
            && (permission.areas.is_empty()
                || self.located.is_some_and(|located| located.in_any(&permission.area_slots) >= probability))
    }

    /// The first of the rule's permissions that allows this all the same, at all moments that are possible.
    pub(super) fn permitted<'a>(&self, rule: &'a Rule) -> Option<Permitted<'a>> {
        let allows =
            |permission: &Permission| throughout(permission, self.when) && self.holds(permission, PERMITTED_FROM);
        (1..).zip(&rule.permitted).find(|(_, permission)| allows(permission))
    }

    /// The label of what none allows, if one may.
    pub(super) fn label(&self, rule: &Rule) -> Option<String> {
        let may = rule
            .permitted
            .iter()
            .any(|permission| sometime(permission, self.when) && self.holds(permission, MAYBE_PERMITTED_FROM));
        may.then(|| MAYBE_PERMITTED.to_owned())
    }
}

/// Whether the permission's times hold from one moment to another.
fn throughout(permission: &Permission, (from, to): (Time, Time)) -> bool {
    let Permission { hours, validity, .. } = permission;
    // What holds for a day holds for ever.
    let last = to.min(from + DAY);
    let mut at = from;
    let held = hours.is_empty() || {
        // One of the hours goes on where another ends.
        while at == from || at < last {
            let now = hours.iter().filter(|one| within_hours(&[**one], at));
            let Some(end) = now.map(|one| next_at(one.to_s, at)).max() else { break };
            at = end;
        }
        at > from && at >= last
    };
    held && validity.contains(from) && validity.contains(to)
}

/// Whether the permission's times hold at any moment from one to another.
fn sometime(permission: &Permission, (from, to): (Time, Time)) -> bool {
    let Permission { hours, validity, .. } = permission;
    let first = validity.from.map_or(from, |start| start.max(from));
    let possible = |at: Time| at <= to && validity.contains(at);
    let starts = || hours.iter().any(|one| possible(next_at(one.from_s, first)));
    possible(first) && (within_hours(hours, first) || starts())
}

/// What the notified activities make of a finding: they lower its severity by a step and label it; one that
/// was notified after its start only labels it as such.
pub(super) fn after_activities(
    agreement: &Agreement,
    severity: Severity,
    time: Time,
    located: Option<&Located<'_>>,
    labels: &mut Vec<String>,
) -> Severity {
    let mut lowered = severity;
    for activity in &agreement.activities {
        let then = activity.from <= time && time < activity.to;
        if !then || !located.is_some_and(|located| located.in_any(&activity.area_slots) >= IN_AREA) {
            continue;
        }
        if activity.notified_at > activity.from {
            labels.push("late_notice".to_owned());
        } else {
            labels.push(format!("notified:{}", activity.id));
            lowered = step_down(severity);
        }
    }
    lowered
}

/// One step less severe.
pub(super) const fn step_down(severity: Severity) -> Severity {
    match severity {
        Severity::Extreme => Severity::Severe,
        Severity::Severe => Severity::Moderate,
        Severity::Moderate | Severity::Minor => Severity::Minor,
    }
}
