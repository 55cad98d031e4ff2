//! What is no fault of an agreement and yet may not be meant.

use super::meeting::{both, hours_meet, never_permits, never_with};
use super::versions::{Seam, seams};
use super::{Agreement, Extent, Rule, RuleKind, Validity};
use crate::geometry::{Area, LonLat};
use crate::id::Id;
use crate::registry::{Device, Registry};
use crate::time::Span;

/// An activity over a wider zone than this, in metres, is warned of.
pub const WIDE_ACTIVITY_M: f64 = 20_000.0;
/// An activity longer than this is warned of.
pub const LONG_ACTIVITY: Span = Span::from_secs(7 * 86_400);

/// A device that stands farther from the primary line, in metres, is warned of.
pub const FAR_DEVICE_M: f64 = 500_000.0;

/// Something that may not be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct AgreementWarning {
    /// The line, zone, rule or activity; of what was repaired, the file, polygon, ring, vertex and its coordinate.
    pub place: String,
    /// What follows from it, and what to do if it is not meant.
    pub message: String,
}

/// All that may not be meant: what was repaired in the GeoJSON files, and then in the file's order lines, zones, rules, activities; with a registry also
/// where the two do not go together.
pub fn warnings(agreement: &Agreement, registry: Option<&Registry>) -> Vec<AgreementWarning> {
    let mut found = agreement.repairs.clone();
    let mut warn = |place: String, message: String| found.push(AgreementWarning { place, message });
    let lines = seams(agreement.lines.iter().map(|line| (&line.id, line.validity)));
    let zones = seams(agreement.zones.iter().map(|zone| (&zone.id, zone.validity)));
    for (sort, seams) in [("line", lines), ("zone", zones)] {
        let told = |seam: &Seam| {
            sort == "line" && agreement.daily.iter().any(|daily| daily.id == seam.id && daily.tells(seam.end))
        };
        for seam in seams.iter().filter(|seam| seam.is_gap() && !told(seam)) {
            warn(format!("{sort} '{}'", seam.id), gap(seam));
        }
    }
    for daily in &agreement.daily {
        for message in daily.warnings() {
            warn(format!("line '{}'", daily.id), message);
        }
    }
    for (id, places) in &agreement.versions {
        let lines: Vec<&super::Line> = places.iter().filter_map(|place| agreement.lines.get(*place)).collect();
        let mut equal = lines.windows(2).filter_map(|pair| match pair {
            [before, after] if before.has_course_of(after) => after.validity.from,
            _ => None,
        });
        if let Some(first) = equal.next() {
            let more = equal.count();
            let and = if more == 0 { String::new() } else { format!(", and {more} more like it") };
            warn(
                format!("line '{id}'"),
                format!("the version from {first} equals the one before{and}: was its file copied or not updated?"),
            );
        }
    }
    if agreement.lines.is_empty() {
        warn("the file".to_owned(), "there is no line: nothing has a side or a distance".to_owned());
    }
    if agreement.rules.is_empty() {
        warn("the file".to_owned(), "there is no rule: readings are stored and nothing is judged".to_owned());
    }
    for (number, rule) in agreement.rules.iter().enumerate() {
        let place = format!("rule '{}'", rule.id);
        for (hidden, by) in hidden_distances(rule) {
            warn(
                place.clone(),
                format!("distances number {hidden} is never used: number {by} before it fits the same weapons"),
            );
        }
        for never in never_with(agreement, rule) {
            warn(place.clone(), never);
        }
        for (number, permission) in rule.permitted.iter().enumerate() {
            if let Some(why) = never_permits(agreement, rule, permission) {
                warn(place.clone(), format!("permitted number {} never applies: {why}", number + 1));
            }
        }
        if let Some(gap) = phase_gap(agreement, rule) {
            warn(place.clone(), gap);
        }
        let before = agreement.rules.iter().take(number);
        for (other, where_) in before.filter_map(|other| Some((other, overlap(agreement, rule, other)?))) {
            let message = match where_ {
                Shared::All => format!(
                    "it has the kind, areas, sides and classes of rule '{}' at the same time: each incident raises two \
                     alerts",
                    other.id
                ),
                Shared::Places(own, its) => format!(
                    "its zone '{own}' and zone '{its}' of rule '{}', which has its kind, sides and classes at the same \
                     time, overlap: each incident in both raises two alerts",
                    other.id
                ),
            };
            warn(place.clone(), message);
        }
    }
    activity_warnings(agreement, &mut warn);
    if let Some(registry) = registry {
        registry_warnings(agreement, registry, &mut warn);
    }
    found
}

fn registry_warnings(agreement: &Agreement, registry: &Registry, warn: &mut impl FnMut(String, String)) {
    for rule in &agreement.rules {
        let place = format!("rule '{}'", rule.id);
        if let Some(message) = assumed_ranges(rule, registry) {
            warn(place.clone(), message);
        }
        for device in rule.permitted.iter().flat_map(|permission| &permission.devices) {
            if !registry.devices.contains_key(device) {
                warn(place.clone(), format!("it permits device '{device}', which the registry does not have"));
            }
        }
        let without = match rule.kind {
            RuleKind::Silence { .. } if registry.devices.values().all(|device| device.interval_s.is_none()) => {
                "interval_s: nobody can be silent"
            }
            RuleKind::NoFire if !sends(registry, &["acoustic_detection", "seismic_detection", "patrol_report"]) => {
                "a kind that hears fire: it can raise nothing"
            }
            RuleKind::Crossing | RuleKind::ExclusionZone | RuleKind::Withdrawal { .. }
                if !sends(registry, &["object_track"]) && !registry.devices.values().any(|device| device.watched) =>
            {
                "object_track among its kinds: it can raise nothing"
            }
            _ => continue,
        };
        warn(place, format!("no device of the registry has {without}"));
    }
    if let Some(message) = far_devices(agreement, registry) {
        warn("the registry".to_owned(), message);
    }
}

/// Devices whose range for what the rule counts is assumed, where the rule asks for places.
fn assumed_ranges(rule: &Rule, registry: &Registry) -> Option<String> {
    if !matches!(rule.kind, RuleKind::NoFire) || (rule.areas.is_empty() && rule.sides.is_empty()) {
        return None;
    }
    let hears =
        |device: &Device| ["acoustic_detection", "seismic_detection"].iter().any(|kind| device.kinds.contains(*kind));
    let knows = |device: &Device| rule.classes.iter().any(|class| device.range_m.contains_key(class));
    let devices: Vec<&Id> =
        registry.devices.iter().filter(|(_, device)| hears(device) && !knows(device)).map(|(id, _)| id).collect();
    (!devices.is_empty()).then(|| {
        format!(
            "it asks where fire was, and {} no range_m for {}: a range is assumed, which alerts say; register what the \
             sensor can hear",
            have(&devices),
            rule.classes.iter().cloned().collect::<Vec<_>>().join(", ")
        )
    })
}

/// Devices that stand far from every version of the primary line.
fn far_devices(agreement: &Agreement, registry: &Registry) -> Option<String> {
    let primary = &agreement.lines.first()?.id;
    let placed = registry.devices.iter().filter_map(|(id, device)| Some((id, device.position?)));
    let mut far: Vec<(&Id, LonLat)> = placed.collect();
    for line in agreement.lines.iter().filter(|line| line.id == *primary) {
        if far.is_empty() {
            break;
        }
        // One version after another: each may have to be indexed for this.
        let course = line.course();
        far.retain(|(_, position)| course.locate(*position).distance_m > FAR_DEVICE_M);
    }
    let devices: Vec<&Id> = far.into_iter().map(|(id, _)| id).collect();
    (!devices.is_empty()).then(|| {
        format!(
            "{} a position more than {:.0} km from line '{primary}'; are lat and lon swapped?",
            have(&devices),
            FAR_DEVICE_M / 1_000.0
        )
    })
}

/// `device 'a' has`, or `7 devices ('a', 'b', 'c' and others) have`.
fn have(devices: &[&Id]) -> String {
    const NAMED: usize = 3;
    if let [one] = devices {
        return format!("device '{one}' has");
    }
    let named: Vec<String> = devices.iter().take(NAMED).map(|id| format!("'{id}'")).collect();
    let others = if devices.len() > NAMED { " and others" } else { "" };
    format!("{} devices ({}{others}) have", devices.len(), named.join(", "))
}

fn sends(registry: &Registry, kinds: &[&str]) -> bool {
    let mut devices = registry.devices.values();
    devices.any(|device| device.kinds.is_empty() || kinds.iter().any(|kind| device.kinds.contains(*kind)))
}

fn gap(seam: &Seam) -> String {
    format!("{}: in between there is none, and rules that refer to it hold nowhere", seam.told())
}

/// Pairs of places in the list, from 1, whose first is hidden by its second.
fn hidden_distances(rule: &Rule) -> Vec<(usize, usize)> {
    let RuleKind::Withdrawal { distances } = &rule.kind else { return Vec::new() };
    let mut hidden = Vec::new();
    for (number, own) in distances.iter().enumerate() {
        let by = distances.iter().take(number).position(|before| {
            before.class == own.class
                && before.calibre_min_mm.is_none_or(|min| own.calibre_min_mm.is_some_and(|own| own >= min))
                && before.calibre_max_mm.is_none_or(|max| own.calibre_max_mm.is_some_and(|own| own <= max))
        });
        if let Some(by) = by {
            hidden.push((number + 1, by + 1));
        }
    }
    hidden
}

/// Of a rule that goes on with what another one was about: the time between the two in which none holds.
fn phase_gap(agreement: &Agreement, rule: &Rule) -> Option<String> {
    let from = rule.validity.from?;
    let same = |other: &&Rule| {
        other.id != rule.id
            && other.kind.as_str() == rule.kind.as_str()
            && (&other.areas, &other.line, &other.sides, &other.classes, &other.hours)
                == (&rule.areas, &rule.line, &rule.sides, &rule.classes, &rule.hours)
    };
    let phases = || agreement.rules.iter().filter(same);
    let ended = phases().filter_map(|other| Some((other.validity.to.filter(|to| *to < from)?, &other.id))).max();
    let (to, other) = ended?;
    let between = Validity { from: Some(to), to: Some(from) };
    let goes_on = phases().any(|other| both(other.validity, between).is_some());
    (!goes_on).then(|| {
        format!(
            "it begins at {from}, and rule '{other}', which has its kind, areas, sides and classes, ends at {to}: \
             in between none holds"
        )
    })
}

/// What two rules have in common that makes two alerts of one incident.
enum Shared<'r> {
    /// An area that both name, or everywhere.
    All,
    /// Two zones that overlap.
    Places(&'r Id, &'r Id),
}

fn overlap<'r>(agreement: &Agreement, a: &'r Rule, b: &'r Rule) -> Option<Shared<'r>> {
    let when = both(a.validity, b.validity)?;
    let same = a.kind.as_str() == b.kind.as_str()
        && a.line == b.line
        && (a.sides.is_empty() || b.sides.is_empty() || a.sides.iter().any(|side| b.sides.contains(side)))
        && (a.classes.is_empty() || b.classes.is_empty() || !a.classes.is_disjoint(&b.classes))
        && hours_meet(&a.hours, &b.hours);
    if !same {
        return None;
    }
    if a.areas.is_empty() || b.areas.is_empty() {
        return Some(Shared::All);
    }
    let (own, its) = agreement.common_zones(&a.areas, &b.areas, when)?;
    Some(if own == its { Shared::All } else { Shared::Places(own, its) })
}

fn activity_warnings(agreement: &Agreement, warn: &mut impl FnMut(String, String)) {
    for activity in &agreement.activities {
        let place = format!("activity '{}'", activity.id);
        let length = activity.to.since(activity.from);
        if length > LONG_ACTIVITY {
            warn(
                place.clone(),
                format!(
                    "it lasts {:.1} days, more than {}: it lowers the severity of all alerts there for so long",
                    length.secs_f64() / 86_400.0,
                    LONG_ACTIVITY.secs_f64() / 86_400.0
                ),
            );
        }
        for zone in agreement.zones.iter().filter(|zone| activity.areas.contains(&zone.id)) {
            let width = match &zone.extent {
                Extent::Buffer { .. } => Some(format!("zone '{}' runs along a whole line", zone.id)),
                Extent::Area(area) => {
                    let width_m = width_m(area);
                    (width_m > WIDE_ACTIVITY_M)
                        .then(|| format!("zone '{}' is about {:.0} km wide", zone.id, width_m / 1_000.0))
                }
            };
            if let Some(width) = width {
                warn(
                    place.clone(),
                    format!("{width}: it lowers the severity of all alerts there; give it a zone of its own"),
                );
            }
        }
        if activity.notified_at > activity.from {
            warn(place, "it was notified after its start: it only labels alerts as late_notice".to_owned());
        }
    }
}

/// Diagonal of the area's box in metres, by a sphere: enough for a warning.
fn width_m(area: &Area) -> f64 {
    const DEGREE_M: f64 = 111_195.0;
    let vertices: Vec<LonLat> = area.polygons().iter().flatten().flatten().copied().collect();
    let Some(first) = vertices.first() else { return 0.0 };
    let (mut east, mut west, mut south, mut north) = (0.0_f64, 0.0_f64, first.lat, first.lat);
    for vertex in &vertices {
        let step = (vertex.lon - first.lon + 540.0).rem_euclid(360.0) - 180.0;
        (west, east) = (west.min(step), east.max(step));
        (south, north) = (south.min(vertex.lat), north.max(vertex.lat));
    }
    let middle = f64::midpoint(south, north).to_radians();
    ((east - west) * middle.cos()).hypot(north - south) * DEGREE_M
}
