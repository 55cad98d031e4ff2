//! What was understood, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use truceline_core::agreement::{Agreement, Extent, Status, warnings};
use truceline_core::geometry::{Area, Side};
use truceline_core::registry::{Mobility, Registry};
use truceline_core::time::Time;

use super::{strip, words};

/// Everything that `check` says when there is no fault.
#[derive(Serialize)]
pub(super) struct Report {
    /// A configuration was checked and has no fault.
    configuration: bool,
    agreement: Option<Terms>,
    devices: Option<Devices>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct Terms {
    id: String,
    name: String,
    note: String,
    hash: String,
    status: Status,
    late_after_s: f64,
    lines: Vec<LineTerms>,
    zones: Vec<ZoneTerms>,
    rules: Vec<RuleTerms>,
    activities: Vec<ActivityTerms>,
}

#[derive(Serialize)]
struct LineTerms {
    id: String,
    valid_from: Option<Time>,
    valid_to: Option<Time>,
    side_a: String,
    side_b: String,
    length_m: f64,
    /// Of a control area; the length is then its boundary's.
    area_m2: Option<f64>,
    parts: usize,
    vertices: usize,
    #[serde(skip)]
    validity: Option<String>,
}

#[derive(Serialize)]
struct ZoneTerms {
    id: String,
    valid_from: Option<Time>,
    valid_to: Option<Time>,
    #[serde(flatten)]
    extent: ZoneExtent,
    #[serde(skip)]
    validity: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ZoneExtent {
    Area {
        area_m2: f64,
        polygons: usize,
        vertices: usize,
    },
    /// Its area is an estimate, within some percent.
    Buffer {
        buffer_of: String,
        distance_m: f64,
        side: Option<Side>,
        area_about_m2: Option<f64>,
    },
}

#[derive(Serialize)]
struct RuleTerms {
    id: String,
    kind: &'static str,
    severity: String,
    words: String,
}

#[derive(Serialize)]
struct ActivityTerms {
    id: String,
    kind: String,
    areas: Vec<String>,
    from: Time,
    to: Time,
    notified_by: String,
    notified_at: Time,
}

#[derive(Serialize)]
struct Devices {
    enforced: bool,
    count: usize,
    stations: Vec<StationDevices>,
}

#[derive(Serialize)]
struct StationDevices {
    station: String,
    devices: usize,
    fixed: usize,
    mobile: usize,
    /// Devices by the kinds that they may send.
    kinds: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Warning {
    place: String,
    message: String,
}

impl Report {
    pub(super) fn new(configuration: bool, agreement: Option<&Agreement>, registry: Option<&Registry>) -> Self {
        let warnings = agreement.map(|agreement| warnings(agreement, registry)).unwrap_or_default();
        Self {
            configuration,
            agreement: agreement.map(terms),
            devices: registry.map(devices),
            warnings: warnings
                .into_iter()
                .map(|warning| Warning { place: warning.place, message: warning.message })
                .collect(),
        }
    }
}

fn terms(agreement: &Agreement) -> Terms {
    let lines = agreement.lines.iter().map(|line| (line, line.course())).map(|(line, course)| LineTerms {
        id: line.id.to_string(),
        valid_from: line.validity.from,
        valid_to: line.validity.to,
        side_a: line.side_names[0].clone(),
        side_b: line.side_names[1].clone(),
        length_m: course.boundary().length_m(),
        area_m2: course.area().map(Area::square_m),
        parts: course.boundary().parts().len(),
        vertices: course.boundary().parts().iter().map(Vec::len).sum(),
        validity: words::validity(line.validity),
    });
    let zones = agreement.zones.iter().map(|zone| ZoneTerms {
        id: zone.id.to_string(),
        valid_from: zone.validity.from,
        valid_to: zone.validity.to,
        extent: match &zone.extent {
            Extent::Area(area) => ZoneExtent::Area {
                area_m2: area.square_m(),
                polygons: area.polygons().len(),
                // A ring's last position is its first again.
                vertices: area.polygons().iter().flatten().map(|ring| ring.len().saturating_sub(1)).sum(),
            },
            Extent::Buffer { line, distance_m, side } => {
                let area_about_m2 = strip::square_m(agreement, zone);
                ZoneExtent::Buffer { buffer_of: line.to_string(), distance_m: *distance_m, side: *side, area_about_m2 }
            }
        },
        validity: words::validity(zone.validity),
    });
    let rules = agreement.rules.iter().map(|rule| RuleTerms {
        id: rule.id.to_string(),
        kind: rule.kind.as_str(),
        severity: format!("{:?}", rule.severity).to_lowercase(),
        words: words::rule(agreement, rule),
    });
    let activities = agreement.activities.iter().map(|activity| ActivityTerms {
        id: activity.id.to_string(),
        kind: activity.kind.clone(),
        areas: activity.areas.iter().map(ToString::to_string).collect(),
        from: activity.from,
        to: activity.to,
        notified_by: activity.notified_by.clone(),
        notified_at: activity.notified_at,
    });
    Terms {
        id: agreement.id.to_string(),
        name: agreement.name.clone(),
        note: agreement.note.clone(),
        hash: agreement.hash.clone(),
        status: agreement.status,
        late_after_s: agreement.late_after.secs_f64(),
        lines: lines.collect(),
        zones: zones.collect(),
        rules: rules.collect(),
        activities: activities.collect(),
    }
}

fn devices(registry: &Registry) -> Devices {
    let mut stations: BTreeMap<String, StationDevices> = BTreeMap::new();
    for device in registry.devices.values() {
        let station = device.station.to_string();
        let entry = stations.entry(station.clone()).or_insert_with(|| StationDevices {
            station,
            devices: 0,
            fixed: 0,
            mobile: 0,
            kinds: BTreeMap::new(),
        });
        entry.devices += 1;
        match device.mobility {
            Mobility::Fixed => entry.fixed += 1,
            Mobility::Mobile => entry.mobile += 1,
        }
        for kind in &device.kinds {
            *entry.kinds.entry(kind.clone()).or_default() += 1;
        }
        if device.kinds.is_empty() {
            *entry.kinds.entry("any kind".to_owned()).or_default() += 1;
        }
    }
    Devices { enforced: registry.enforced, count: registry.devices.len(), stations: stations.into_values().collect() }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.configuration {
            writeln!(f, "Configuration: no fault.")?;
        }
        if let Some(terms) = &self.agreement {
            terms.fmt(f)?;
        } else if self.configuration {
            let follows = "Agreement: agreement.dir names none. The last one stays in force; while there never was one, \
                           readings are stored and nothing is judged.";
            wrapped(f, "", follows)?;
        }
        if let Some(devices) = &self.devices {
            devices.fmt(f)?;
        } else if self.configuration {
            let follows = "Devices: devices.file names none. The last registry stays in force; while there never was one, \
                           every device is accepted, and nobody notices its silence.";
            wrapped(f, "", follows)?;
        }
        if !self.warnings.is_empty() {
            writeln!(f, "\nWarnings")?;
            for Warning { place, message } in &self.warnings {
                wrapped(f, "  ", &format!("{place}: {message}"))?;
            }
        }
        Ok(())
    }
}

/// The lines that are shown, each with how many versions are left out after it: of many, the first and the last are.
fn shown(lines: &[LineTerms]) -> Vec<(&LineTerms, usize)> {
    const ALL: usize = 10;
    let versions = lines.chunk_by(|a, b| a.id == b.id);
    let few = versions.flat_map(|versions| match versions {
        [first, between @ .., last] if versions.len() > ALL => vec![(first, between.len()), (last, 0)],
        versions => versions.iter().map(|line| (line, 0)).collect(),
    });
    few.collect()
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Actual => "actual: alerts are for real",
            Status::Exercise => "exercise: every alert says so",
        };
        writeln!(f, "Agreement '{}': {}", self.id, self.name)?;
        if !self.note.is_empty() {
            wrapped(f, "  ", self.note.trim())?;
        }
        writeln!(f, "  {status}; a reading is late after {} s; version {:.12}", self.late_after_s, self.hash)?;
        writeln!(f, "\nLines{}", if self.lines.is_empty() { ": none" } else { "" })?;
        let width = widest(self.lines.iter().map(|line| &line.id));
        for (line, between) in shown(&self.lines) {
            writeln!(
                f,
                "  {:width$}  {}{:.1} km, {} vertices{}; side a ({}) is '{}', side b is '{}'{}",
                line.id,
                line.area_m2.map_or(String::new(), |area_m2| format!("{} of control, boundary ", square_km(area_m2))),
                line.length_m / 1_000.0,
                line.vertices,
                match (line.parts, line.area_m2) {
                    (1, _) => String::new(),
                    (parts, None) => format!(" in {parts} parts"),
                    (parts, Some(_)) => format!(" in {parts} rings"),
                },
                if line.area_m2.is_some() { "inside" } else { "left" },
                line.side_a,
                line.side_b,
                in_force(line.validity.as_ref()),
            )?;
            if between > 0 {
                writeln!(f, "  {:width$}  and {between} more versions in between", "")?;
            }
        }
        writeln!(f, "\nZones{}", if self.zones.is_empty() { ": none" } else { "" })?;
        let width = widest(self.zones.iter().map(|zone| &zone.id));
        for zone in &self.zones {
            let extent = match &zone.extent {
                ZoneExtent::Area { area_m2, polygons, vertices } => {
                    let parts = if *polygons == 1 { String::new() } else { format!(" in {polygons} polygons") };
                    format!("{}{parts}, {vertices} vertices", square_km(*area_m2))
                }
                ZoneExtent::Buffer { buffer_of, distance_m, side, area_about_m2 } => {
                    let sides = match side {
                        Some(Side::A) => "on side a",
                        Some(Side::B) => "on side b",
                        _ => "on both sides",
                    };
                    let about = area_about_m2.map_or(String::new(), |area| format!("; about {}", square_km(area)));
                    format!("within {} of line {buffer_of}, {sides}{about}", words::metres(*distance_m))
                }
            };
            writeln!(f, "  {:width$}  {extent}{}", zone.id, in_force(zone.validity.as_ref()))?;
        }
        writeln!(f, "\nRules{}", if self.rules.is_empty() { ": none" } else { "" })?;
        for rule in &self.rules {
            wrapped(f, "  ", &format!("{} ({}, {}): {}.", rule.id, rule.kind, rule.severity, rule.words))?;
        }
        if !self.activities.is_empty() {
            writeln!(f, "\nNotified activities")?;
        }
        for activity in &self.activities {
            let areas = activity.areas.join(", ");
            wrapped(
                f,
                "  ",
                &format!(
                    "{} ({}): in {areas}, {} to {}; notified by {} at {}.",
                    activity.id, activity.kind, activity.from, activity.to, activity.notified_by, activity.notified_at
                ),
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enforced = if self.enforced { "; others are rejected" } else { "; others are accepted too" };
        writeln!(f, "\nDevices: {} at {} stations{enforced}", self.count, self.stations.len())?;
        let width = widest(self.stations.iter().map(|station| &station.station));
        for station in &self.stations {
            let kinds: Vec<String> = station.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let mobile = if station.mobile == 0 { String::new() } else { format!(" ({} mobile)", station.mobile) };
            wrapped(
                f,
                "  ",
                &format!("{:width$}  {}{mobile}: {}", station.station, station.devices, kinds.join(", ")),
            )?;
        }
        Ok(())
    }
}

fn in_force(validity: Option<&String>) -> String {
    validity.map_or(String::new(), |validity| format!("; in force {validity}"))
}

fn widest<'a>(ids: impl Iterator<Item = &'a String>) -> usize {
    ids.map(String::len).max().unwrap_or(0)
}

fn square_km(square_m: f64) -> String {
    let km = square_m / 1e6;
    if km < 0.1 {
        format!("{square_m:.0} m²")
    } else if km < 100.0 {
        format!("{km:.2} km²")
    } else {
        format!("{km:.0} km²")
    }
}

/// A paragraph of at most 100 columns, its further lines indented by two more.
fn wrapped(f: &mut fmt::Formatter<'_>, indent: &str, text: &str) -> fmt::Result {
    let mut line = indent.to_owned();
    let mut fresh = true;
    for word in text.split(' ') {
        if !fresh && line.chars().count() + 1 + word.chars().count() > 100 {
            writeln!(f, "{}", line.trim_end())?;
            line = format!("{indent}  ");
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    writeln!(f, "{}", line.trim_end())
}
