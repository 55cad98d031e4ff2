//! The agreement and the registry in force, with what the engine looks up in them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::agreement::{Agreement, Bundle, Hours, Line, Rule, RuleKind, compile_after};
use crate::id::Id;
use crate::log::Document;
use crate::registry::{Device, Registry, parse_registry};
use crate::time::{NANOS_PER_SECOND, Time};

/// The agreement in force.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) document: Document,
    pub(super) agreement: Agreement,
    /// The places in its list of the rules of each group, in the file's order.
    groups: [Vec<usize>; Group::COUNT],
}

/// Rules that look at the same readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Fire,
    Crossing,
    /// Exclusion zones and withdrawal.
    Stay,
    Flight,
    Tamper,
    Interference,
    Clock,
    Silence,
    Coverage,
}

impl Group {
    const COUNT: usize = Self::Coverage as usize + 1;

    const fn of(kind: &RuleKind) -> Self {
        match kind {
            RuleKind::NoFire => Self::Fire,
            RuleKind::Crossing => Self::Crossing,
            RuleKind::ExclusionZone | RuleKind::Withdrawal { .. } => Self::Stay,
            RuleKind::NoFlight { .. } => Self::Flight,
            RuleKind::Tamper { .. } => Self::Tamper,
            RuleKind::Interference { .. } => Self::Interference,
            RuleKind::Clock { .. } => Self::Clock,
            RuleKind::Silence { .. } => Self::Silence,
            RuleKind::Coverage { .. } => Self::Coverage,
        }
    }
}

impl Terms {
    /// `None` if the document does not compile. What `before` has as well is not read again.
    pub(super) fn of(document: &Document, before: Option<&Self>) -> Option<Self> {
        let bundle = Bundle::from_document(document).ok()?;
        let agreement = compile_after(Cow::Owned(bundle), before.map(|before| &before.agreement)).ok()?;
        let mut groups: [Vec<usize>; Group::COUNT] = Default::default();
        for (place, rule) in agreement.rules.iter().enumerate() {
            groups[Group::of(&rule.kind) as usize].push(place);
        }
        Some(Self { document: document.clone(), agreement, groups })
    }

    /// The line `id`, or the primary one, as it is at `time`, with what tells it from another course; changed terms may keep their line.
    pub(super) fn line(&self, id: Option<&Id>, time: Time) -> Option<(&Line, u64)> {
        let lines = &self.agreement.lines;
        let id = id.or_else(|| lines.first().map(|line| &line.id))?;
        let line = self.agreement.line(id, time)?;
        Some((line, line.print()))
    }

    pub(super) fn rule(&self, id: &Id) -> Option<&Rule> {
        self.agreement.rules.iter().find(|rule| rule.id == *id)
    }

    /// The rules of a group, in the file's order.
    pub(super) fn rules_of(&self, group: Group) -> impl Iterator<Item = &Rule> {
        self.groups[group as usize].iter().filter_map(|place| self.agreement.rules.get(*place))
    }

    pub(super) fn has(&self, group: Group) -> bool {
        !self.groups[group as usize].is_empty()
    }

    /// The rules that judge coverage.
    pub(super) fn coverage_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules_of(Group::Coverage)
    }

    /// The rules that judge silence.
    pub(super) fn silence_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules_of(Group::Silence)
    }
}

/// Whether the time of day is within one of these hours; none given: always.
pub(super) fn within_hours(hours: &[Hours], time: Time) -> bool {
    let second = (time.nanos().div_euclid(NANOS_PER_SECOND)).rem_euclid(86_400) as u32;
    let within = |hours: &Hours| {
        if hours.from_s <= hours.to_s {
            (hours.from_s..hours.to_s).contains(&second)
        } else {
            second >= hours.from_s || second < hours.to_s
        }
    };
    hours.is_empty() || hours.iter().any(within)
}

/// The registry in force.
#[derive(Debug, Default)]
pub(super) struct Roll {
    pub(super) document: Option<Document>,
    pub(super) registry: Registry,
    /// The devices of each station whose silence can be judged, by id.
    pub(super) timed: BTreeMap<Id, Vec<Id>>,
}

impl Roll {
    /// `None` if the document is not a registry.
    pub(super) fn of(document: &Document) -> Option<Self> {
        let registry = parse_registry(&document.text).ok()?;
        let mut timed: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for (id, device) in &registry.devices {
            if device.interval_s.is_some() {
                timed.entry(device.station.clone()).or_default().push(id.clone());
            }
        }
        Some(Self { document: Some(document.clone()), registry, timed })
    }

    pub(super) fn device(&self, id: &Id) -> Option<&Device> {
        self.registry.devices.get(id)
    }
}

/// Whether `wall` is in one of the device's maintenance windows.
pub(super) fn in_maintenance(device: &Device, wall: Time) -> bool {
    device.maintenance.iter().any(|window| window.contains(wall))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_day_may_span_midnight() {
        let night = [Hours { from_s: 22 * 3600, to_s: 6 * 3600 }];
        let at = |text: &str| within_hours(&night, text.parse().unwrap());
        assert!(at("2026-11-24T23:00:00Z") && at("2026-11-24T05:59:59Z"));
        assert!(!at("2026-11-24T06:00:00Z") && !at("2026-11-24T12:00:00Z"));
        assert!(within_hours(&[], Time::from_nanos(-1)));
    }
}
