//! Whether a rule about devices holds where one is: where it is registered to be, else where it was last believed to be.
//!
//! What is surely elsewhere is not judged. What may be elsewhere is, and its alert says so: rather an alert too many than
//! a device that nobody looks at because it told no place.

use crate::agreement::Rule;
use crate::alert::PlaceExtent;
use crate::engine::located::{Located, SURE};
use crate::engine::record::{Record, Stand};
use crate::engine::sighting::surveyed;
use crate::engine::terms::Terms;
use crate::registry::Device;
use crate::time::Time;

/// Label of what is told though it may be outside of the rule's areas or on another side.
const PLACE_UNDETERMINED: &str = "place_undetermined";

/// Whether a rule holds where something is, the surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Holds {
    /// Surely not.
    No,
    /// Neither is sure, or nothing is known of the place.
    Perhaps,
    /// Surely.
    Yes,
}

impl Holds {
    /// What an alert says of it.
    pub(in crate::engine) fn label(self) -> Option<String> {
        (self == Self::Perhaps).then(|| PLACE_UNDETERMINED.to_owned())
    }
}

/// Whether it matters where something is.
pub(in crate::engine) fn is_bounded(rule: &Rule) -> bool {
    !rule.areas.is_empty() || !rule.sides.is_empty()
}

/// Whether a rule holds where a device is.
pub(in crate::engine) fn holds(
    rule: &Rule,
    device: Option<&Device>,
    record: Option<&Record>,
    time: Time,
    terms: &Terms,
) -> Holds {
    // A place that its device does not believe any more says nothing of where it is.
    let reported = || record.filter(|record| !record.doubtful).and_then(Record::stand);
    holds_at(rule, device.and_then(surveyed).or_else(reported), time, terms)
}

/// Whether a rule holds at a place; of none nothing is known.
pub(in crate::engine) fn holds_at(rule: &Rule, stand: Option<Stand>, time: Time, terms: &Terms) -> Holds {
    if !is_bounded(rule) {
        return Holds::Yes;
    }
    let Some(Stand { position, hacc_m }) = stand else { return Holds::Perhaps };
    let probability = Located::new(PlaceExtent::Point { position, hacc_m }, time, terms).where_rule_holds(rule);
    if probability >= SURE {
        Holds::Yes
    } else if probability <= 1.0 - SURE {
        Holds::No
    } else {
        Holds::Perhaps
    }
}

/// When next after `time` a version of one of the rule's areas, or of a line that it goes by, comes or ends.
pub(in crate::engine) fn next_version(rule: &Rule, time: Time, terms: &Terms) -> Option<Time> {
    versions(rule, terms).filter(|change| *change > time).min()
}

/// When last, up to `time`, one did.
pub(in crate::engine) fn last_version(rule: &Rule, time: Time, terms: &Terms) -> Option<Time> {
    versions(rule, terms).filter(|change| *change <= time).max()
}

fn versions<'a>(rule: &'a Rule, terms: &'a Terms) -> impl Iterator<Item = Time> + 'a {
    let agreement = &terms.agreement;
    let zones = agreement.zones.iter().filter(|zone| rule.areas.contains(&zone.id));
    let along = move |id| {
        let strips = agreement.zones.iter().filter(|zone| rule.areas.contains(&zone.id));
        strips.into_iter().any(|zone| zone.extent.line() == Some(id))
    };
    let by_side = move |id| !rule.sides.is_empty() && rule.line.as_ref() == Some(id);
    let lines = agreement.lines.iter().filter(move |line| by_side(&line.id) || along(&line.id));
    let validities = zones.map(|zone| zone.validity).chain(lines.map(|line| line.validity));
    validities.flat_map(|validity| [validity.from, validity.to]).flatten()
}
