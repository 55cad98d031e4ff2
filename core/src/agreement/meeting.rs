//! Whether terms ever meet: in time, at an hour of the day, at a place.

use super::kinds::KindTerms;
use super::{Agreement, Extent, Hours, Permission, Rule, Validity};
use crate::geometry::{LonLat, Side, boundaries_cross};
use crate::id::Id;
use crate::time::{NANOS_PER_SECOND, Span, Time};

/// Vertices of a zone, and middles between them, that are tried in another one.
const MOST_TRIED: usize = 400;

/// How far inside an edge's middle is tried, in degrees: about a decimetre.
const INWARD_DEG: f64 = 1e-6;

/// When both are in force.
pub(super) fn both(a: Validity, b: Validity) -> Option<Validity> {
    let from = a.from.max(b.from);
    let to = match (a.to, b.to) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    match (from, to) {
        (Some(from), Some(to)) if from >= to => None,
        _ => Some(Validity { from, to }),
    }
}

/// Whether some time of day is in both; no hours are all hours.
pub(super) fn hours_meet(a: &[Hours], b: &[Hours]) -> bool {
    let spans = |hours: &[Hours]| -> Vec<(u32, u32)> {
        let halves = |hours: &Hours| {
            if hours.from_s < hours.to_s {
                vec![(hours.from_s, hours.to_s)]
            } else {
                vec![(hours.from_s, 86_400), (0, hours.to_s)]
            }
        };
        hours.iter().flat_map(halves).collect()
    };
    a.is_empty()
        || b.is_empty()
        || spans(a).iter().any(|(from, to)| spans(b).iter().any(|(start, end)| from < end && start < to))
}

/// Whether some of these hours are in a time; no hours are all hours, and in a day all come.
pub(super) fn hours_in(hours: &[Hours], validity: Validity) -> bool {
    let (Some(from), Some(to)) = (validity.from, validity.to) else { return true };
    let second = |nanos: i64| nanos.div_euclid(NANOS_PER_SECOND).rem_euclid(86_400) as u32;
    let (from_s, last_s) = (second(from.nanos()), second(to.nanos() - 1));
    // A second less than a day reaches round to the second that it began in.
    to.since(from) >= Span::from_secs(86_399) || hours_meet(hours, &[Hours { from_s, to_s: last_s + 1 }])
}

impl Agreement {
    /// Whether a version of line `id` is in force at some time of `within`.
    pub(super) fn has_line(&self, id: &Id, within: Validity) -> bool {
        self.lines.iter().any(|line| line.id == *id && both(line.validity, within).is_some())
    }

    /// Whether a version of zone `id`, and the line that it goes along, are in force at some time of `within`.
    pub(super) fn has_zone(&self, id: &Id, within: Validity) -> bool {
        self.zones.iter().filter(|zone| zone.id == *id).any(|zone| {
            let Some(within) = both(zone.validity, within) else { return false };
            match &zone.extent {
                Extent::Area(_) => true,
                Extent::Buffer { line, .. } => self.has_line(line, within),
            }
        })
    }

    /// The first zones of the two that have a place in common at some time of `within`: their boundaries, or the lines
    /// that they go along, cross, or a place of the one is in the other; the same one twice where both name it.
    pub(super) fn common_zones<'z>(&self, a: &'z [Id], b: &'z [Id], within: Validity) -> Option<(&'z Id, &'z Id)> {
        let named = a.iter().find_map(|zone| Some((zone, b.iter().find(|other| *other == zone)?)));
        named.or_else(|| {
            let pairs = a.iter().flat_map(|one| b.iter().map(move |other| (one, other)));
            pairs.into_iter().find(|(one, other)| self.zones_meet(one, other, within))
        })
    }

    /// The boundary of an area, or the line that a strip goes along.
    fn edges(&self, extent: &Extent, at: Time) -> Vec<Vec<LonLat>> {
        match extent {
            Extent::Area(area) => area.polygons().iter().flatten().cloned().collect(),
            Extent::Buffer { line, .. } => {
                self.line(line, at).map(|line| line.course().boundary().parts().to_vec()).unwrap_or_default()
            }
        }
    }

    fn zones_meet(&self, a: &Id, b: &Id, within: Validity) -> bool {
        let versions = |id: &Id| self.zones.iter().filter(|zone| zone.id == *id).collect::<Vec<_>>();
        for one in versions(a) {
            for other in versions(b) {
                let when = both(one.validity, other.validity).and_then(|when| both(when, within));
                let Some(when) = when else { continue };
                // Any time of it: of lines that move in between, one version is tried.
                let at = when.from.or(when.to.map(|to| to - Span::from_nanos(1))).unwrap_or_default();
                let meet = match (&one.extent, &other.extent) {
                    (Extent::Buffer { line, side, .. }, Extent::Buffer { line: same, side: other_side, .. })
                        if line == same =>
                    {
                        !matches!((side, other_side), (Some(a), Some(b)) if a != b)
                    }
                    (one, other) => {
                        let within = |id: &Id, places: Vec<LonLat>| {
                            places
                                .into_iter()
                                .any(|place| self.zone_probability(id, at, place, 0.0).is_some_and(|p| p > 0.9))
                        };
                        let (edges, others) = (self.edges(one, at), self.edges(other, at));
                        boundaries_cross(&edges, &others) == Some(true)
                            || within(b, places(one, other))
                            || within(a, places(other, one))
                    }
                };
                if meet {
                    return true;
                }
            }
        }
        false
    }
}

/// Places just inside an area's boundary, and for a strip its vertices, which on an area's boundary would be in
/// that too; of a strip none: the other zone's are tried in it.
fn places(extent: &Extent, tried_in: &Extent) -> Vec<LonLat> {
    let Extent::Area(area) = extent else { return Vec::new() };
    let mut places = Vec::new();
    for ring in area.polygons().iter().flatten() {
        for pair in ring.windows(2) {
            let [from, to] = pair else { continue };
            let step = (to.lon - from.lon + 540.0).rem_euclid(360.0) - 180.0;
            if matches!(tried_in, Extent::Buffer { .. }) {
                places.push(*from);
            }
            // An area that has the boundary of another, or a part of it, is told by what is inside only.
            let rise = to.lat - from.lat;
            let scale = INWARD_DEG / step.hypot(rise).max(INWARD_DEG);
            let (lon, lat) = (from.lon + step / 2.0, f64::midpoint(from.lat, to.lat));
            let beside = [scale, -scale].into_iter().filter_map(|scale| {
                LonLat::new((lon - rise * scale + 540.0).rem_euclid(360.0) - 180.0, lat + step * scale)
            });
            places.extend(beside.filter(|place| area.contains(*place)));
        }
    }
    let every = places.len().div_ceil(MOST_TRIED).max(1);
    places.into_iter().step_by(every).collect()
}

/// Why a rule raises nothing, or less than it says: what it names is never in force with it.
pub(super) fn never_with(agreement: &Agreement, rule: &Rule) -> Vec<String> {
    let mut found = Vec::new();
    let goes_by_line = !rule.sides.is_empty() || KindTerms::of(rule.kind.as_str()).is_some_and(KindTerms::needs_line);
    let line = rule.line.as_ref().filter(|_| goes_by_line);
    if let Some(line) = line.filter(|line| !agreement.has_line(line, rule.validity)) {
        found.push(format!("no version of line '{line}' is in force while it is: it raises nothing"));
        return found;
    }
    if !hours_in(&rule.hours, rule.validity) {
        found.push("its hours never fall into the time in which it is in force: it raises nothing".to_owned());
    }
    let (some, none): (Vec<&Id>, Vec<&Id>) =
        rule.areas.iter().partition(|area| agreement.has_zone(area, rule.validity));
    for area in &none {
        let follows = if some.is_empty() { "it raises nothing" } else { "it does not hold there" };
        found.push(format!("zone '{area}' is never in force while it is: {follows}"));
    }
    let on_other_side = |area: &&Id| {
        agreement.zones.iter().filter(|zone| zone.id == **area).all(|zone| match &zone.extent {
            Extent::Buffer { line, side: Some(side), .. } => {
                Some(line) == rule.line.as_ref() && !rule.sides.contains(side) && *side != Side::Undetermined
            }
            _ => false,
        })
    };
    if none.is_empty() && !rule.areas.is_empty() && !rule.sides.is_empty() && some.iter().all(on_other_side) {
        found.push("its areas lie on the other side of the line than its sides: it raises nothing".to_owned());
    }
    found
}

/// Why a permission of a rule never applies.
pub(super) fn never_permits(agreement: &Agreement, rule: &Rule, permission: &Permission) -> Option<String> {
    let Some(when) = both(rule.validity, permission.validity) else {
        return Some("the rule is not in force in its time".to_owned());
    };
    if !permission.areas.is_empty() && !permission.areas.iter().any(|area| agreement.has_zone(area, when)) {
        return Some("none of its areas is in force in its time".to_owned());
    }
    if !hours_in(&permission.hours, when) {
        return Some("its hours never fall into its time".to_owned());
    }
    if !hours_meet(&rule.hours, &permission.hours) {
        return Some("the rule does not hold in its hours".to_owned());
    }
    let counts = |class: &String| rule.classes.is_empty() || rule.classes.contains(class);
    if !permission.classes.is_empty() && !permission.classes.iter().any(counts) {
        return Some("the rule counts none of its classes".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_fall_into_a_time_that_has_some_of_them() {
        let night = [Hours { from_s: 22 * 3_600, to_s: 6 * 3_600 }];
        let within = |from: &str, to: &str| {
            let time = |text: &str| format!("2026-11-{text}:00Z").parse().ok();
            hours_in(&night, Validity { from: time(from), to: time(to) })
        };
        assert!(!within("24T06:00", "24T22:00") && !within("24T08:00", "24T09:00"));
        assert!(within("24T05:59", "24T22:00") && within("24T06:00", "24T22:01"));
        assert!(within("24T20:00", "25T04:00") && within("24T07:00", "25T07:00"));
        assert!(hours_in(&[], Validity::default()));
    }

    #[test]
    fn hours_meet_where_some_time_of_day_is_in_both() {
        let hours = |from: u32, to: u32| vec![Hours { from_s: from * 3_600, to_s: to * 3_600 }];
        for (a, b, meet) in [
            (hours(6, 18), hours(17, 19), true),
            (hours(6, 18), hours(18, 6), false),
            (hours(22, 6), hours(5, 7), true),
            (hours(22, 6), hours(23, 24), true),
            (Vec::new(), hours(1, 2), true),
        ] {
            assert_eq!(hours_meet(&a, &b), meet, "{a:?} {b:?}");
            assert_eq!(hours_meet(&b, &a), meet, "{a:?} {b:?}");
        }
    }
}
