//! The agreement as it is in force now: rules in short, lines and zones as GeoJSON.

use serde::Serialize;
use serde_json::{Value, json};
use truceline_core::agreement::{Activity, Agreement, Extent, Line, Rule, Severity, Status, Zone};
use truceline_core::geometry::{LonLat, Side};
use truceline_core::id::Id;
use truceline_core::time::Time;

use super::queries::AgreementNow;

/// The kinds of rule, which are the categories of alerts.
pub(super) const CATEGORIES: [&str; 10] = [
    "no_fire",
    "crossing",
    "exclusion_zone",
    "withdrawal",
    "tamper",
    "silence",
    "no_flight",
    "interference",
    "clock",
    "coverage",
];

#[derive(Serialize)]
pub(super) struct AgreementItem {
    id: Id,
    name: String,
    note: String,
    hash: String,
    status: Status,
    as_of: Time,
    late_after_s: f64,
    rules: Vec<RuleItem>,
    activities: Vec<ActivityItem>,
    /// A FeatureCollection; each feature's `role` is `line` or `zone`.
    geojson: Value,
}

#[derive(Serialize)]
struct RuleItem {
    id: Id,
    kind: &'static str,
    severity: Severity,
    in_force: bool,
    areas: Vec<Id>,
    line: Option<Id>,
    sides: Vec<Side>,
    classes: Vec<String>,
    threshold: f64,
}

#[derive(Serialize)]
struct ActivityItem {
    id: Id,
    kind: String,
    areas: Vec<Id>,
    from: Time,
    to: Time,
    notified_by: String,
    notified_at: Time,
}

impl AgreementItem {
    pub(super) fn new(AgreementNow { agreement, now }: &AgreementNow) -> Self {
        Self {
            id: agreement.id.clone(),
            name: agreement.name.clone(),
            note: agreement.note.clone(),
            hash: agreement.hash.clone(),
            status: agreement.status,
            as_of: *now,
            late_after_s: agreement.late_after.secs_f64(),
            rules: agreement.rules.iter().map(|rule| RuleItem::new(rule, *now)).collect(),
            activities: agreement.activities.iter().filter(|it| it.to > *now).map(ActivityItem::from).collect(),
            geojson: geojson(agreement, *now),
        }
    }
}

impl RuleItem {
    fn new(rule: &Rule, now: Time) -> Self {
        Self {
            id: rule.id.clone(),
            kind: rule.kind.as_str(),
            severity: rule.severity,
            in_force: rule.validity.contains(now),
            areas: rule.areas.clone(),
            line: rule.line.clone(),
            sides: rule.sides.clone(),
            classes: rule.classes.iter().cloned().collect(),
            threshold: rule.threshold,
        }
    }
}

impl From<&Activity> for ActivityItem {
    fn from(activity: &Activity) -> Self {
        Self {
            id: activity.id.clone(),
            kind: activity.kind.clone(),
            areas: activity.areas.clone(),
            from: activity.from,
            to: activity.to,
            notified_by: activity.notified_by.clone(),
            notified_at: activity.notified_at,
        }
    }
}

fn geojson(agreement: &Agreement, now: Time) -> Value {
    let primary = agreement.lines.first().map(|line| &line.id);
    let lines = agreement
        .lines
        .iter()
        .filter(|line| line.validity.contains(now))
        .map(|line| line_feature(line, Some(&line.id) == primary));
    let zones = agreement.zones.iter().filter(|zone| zone.validity.contains(now)).map(zone_feature);
    json!({ "type": "FeatureCollection", "features": lines.chain(zones).collect::<Vec<_>>() })
}

fn line_feature(line: &Line, primary: bool) -> Value {
    let course = line.course();
    let parts: Vec<Value> = course.boundary().parts().iter().map(|part| positions(part)).collect();
    let [side_a, side_b] = &line.side_names;
    json!({
        "type": "Feature",
        "id": format!("line/{}", line.id),
        "properties": { "role": "line", "id": line.id, "primary": primary,
            "control_area": course.area().is_some(), "side_a": side_a, "side_b": side_b },
        "geometry": { "type": "MultiLineString", "coordinates": parts },
    })
}

/// A buffer has no geometry of its own here: it is a distance to a line, and stays one.
fn zone_feature(zone: &Zone) -> Value {
    let (extent, geometry) = match &zone.extent {
        Extent::Area(area) => {
            let polygons: Vec<Value> = area
                .polygons()
                .iter()
                .map(|rings| rings.iter().map(|ring| positions(ring)).collect::<Value>())
                .collect();
            (json!({ "shape": "area" }), json!({ "type": "MultiPolygon", "coordinates": polygons }))
        }
        Extent::Buffer { line, distance_m, side } => {
            (json!({ "shape": "buffer", "line": line, "distance_m": distance_m, "side": side }), Value::Null)
        }
    };
    let mut properties = json!({ "role": "zone", "id": zone.id });
    if let (Value::Object(all), Value::Object(more)) = (&mut properties, extent) {
        all.extend(more);
    }
    json!({ "type": "Feature", "id": format!("zone/{}", zone.id), "properties": properties, "geometry": geometry })
}

fn positions(positions: &[LonLat]) -> Value {
    positions.iter().map(|position| json!([position.lon, position.lat])).collect()
}
