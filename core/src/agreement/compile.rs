//! From the files to validated, indexed terms.

use std::borrow::Cow;
use std::collections::BTreeSet;

use toml::{Table, Value};

use super::shapes::Shapes;
use super::zone_places::ZonePlaces;
use super::{Agreement, Bundle, FloodTerms, Status, activities, lines, rules, zones};
use crate::id::Id;
use crate::keys::{KeyFault, Keys, Limits};
use crate::time::Span;

/// One fault of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}: {place}: {message}")]
pub struct AgreementFault {
    /// The file.
    pub file: String,
    /// The key's path, or ring and vertex with its coordinate.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Seconds after its time from which a reading is late, unless the agreement says otherwise.
const LATE_AFTER_S: f64 = 300.0;

/// Checks everything and indexes the geometry; returns all faults.
///
/// The same bundle always gives the same terms or the same faults in the same order.
///
/// # Errors
/// All that is wrong with the terms, in the file's order, and then with the GeoJSON files.
pub fn compile(bundle: &Bundle) -> Result<Agreement, Vec<AgreementFault>> {
    compile_after(Cow::Borrowed(bundle), None)
}

/// As [`compile`], with the same result; files of lines that `before` has as well are not read again. Of a bundle that is
/// given away each text is dropped once it is read, so that hundreds of days are never held as text and as shapes.
///
/// # Errors
/// As [`compile`].
pub fn compile_after(bundle: Cow<'_, Bundle>, before: Option<&Agreement>) -> Result<Agreement, Vec<AgreementFault>> {
    let table = terms(&bundle).map_err(|message| {
        vec![AgreementFault { file: Bundle::TERMS.to_owned(), place: "the file".to_owned(), message }]
    })?;
    if bundle.geometry_bytes() > Bundle::MAX_BYTES {
        return Err(vec![too_large()]);
    }
    let (names, hash) = (Names::of(&table), bundle.hash());
    let mut shapes = Shapes::new(bundle, before.map(|before| &before.read_lines));
    let mut keys = Keys::new("", &table);
    keys.require("id", "an id such as id = \"my-agreement\"; alerts carry it");
    let id = keys.id("id");
    let name = keys.text("name");
    let note = keys.text("note").unwrap_or_default();
    let status = match keys.word("status", &["actual", "exercise"]) {
        Some("exercise") => Status::Exercise,
        _ => Status::Actual,
    };
    let late_after_s = keys.number("late_after_s", Limits::new(1.0, 2_592_000.0, "seconds")).unwrap_or(LATE_AFTER_S);
    let flood = flood(&mut keys);
    let (lines, daily) = lines::read(&mut keys, &mut shapes);
    let zones = zones::read(&mut keys, &names, &mut shapes);
    let mut rules = rules::read(&mut keys, &names);
    let mut activities = activities::read(&mut keys, &names);
    let mut faults: Vec<AgreementFault> = keys.finish().into_iter().map(in_terms).collect();
    let (of_files, repairs, read_lines) = shapes.end();
    faults.extend(of_files);
    let placed = ZonePlaces::of(&zones);
    for (number, rule) in (0..).zip(&mut rules) {
        (rule.number, rule.area_slots) = (number, placed.slots(&rule.areas));
        for permission in &mut rule.permitted {
            permission.area_slots = placed.slots(&permission.areas);
        }
    }
    for activity in &mut activities {
        activity.area_slots = placed.slots(&activity.areas);
    }
    match id {
        Some(id) if faults.is_empty() => Ok(Agreement {
            name: name.unwrap_or_else(|| id.to_string()),
            id,
            note,
            hash,
            status,
            late_after: Span::from_secs_f64(late_after_s),
            flood,
            versions: lines::by_time(&lines),
            daily,
            lines,
            placed,
            zones,
            rules,
            activities,
            repairs,
            read_lines,
        }),
        _ => Err(faults),
    }
}

/// The GeoJSON files together have more than [`Bundle::MAX_BYTES`].
fn too_large() -> AgreementFault {
    let message = format!(
        "are together larger than {} MiB; write fewer decimals, simplify, or move the oldest files away",
        Bundle::MAX_BYTES >> 20
    );
    AgreementFault { file: Bundle::TERMS.to_owned(), place: "the GeoJSON files".to_owned(), message }
}

/// One new alert of a sort in ten minutes on average, six at once.
fn flood(keys: &mut Keys<'_>) -> FloodTerms {
    const ALERTS: u32 = 6;
    const WINDOW_S: f64 = 3_600.0;
    let most = Limits::new(2.0, 1_000.0, "alerts");
    let alerts = keys.whole("flood_alerts", most).unwrap_or(ALERTS);
    let window_s = keys.number("flood_window_s", Limits::new(60.0, 604_800.0, "seconds")).unwrap_or(WINDOW_S);
    FloodTerms { alerts: alerts as usize, window: Span::from_secs_f64(window_s) }
}

fn terms(bundle: &Bundle) -> Result<Table, String> {
    let text = bundle.files.get(Bundle::TERMS).ok_or("there is none; write one beside its GeoJSON files")?;
    if text.len() > Bundle::MAX_TERMS_BYTES {
        return Err(format!("is larger than {} MiB; split the agreement", Bundle::MAX_TERMS_BYTES >> 20));
    }
    text.parse().map_err(|error: toml::de::Error| format!("is not TOML: {}", error.to_string().trim_end()))
}

fn in_terms(fault: KeyFault) -> AgreementFault {
    AgreementFault { file: Bundle::TERMS.to_owned(), place: fault.place, message: fault.message }
}

/// The ids that may be referred to, as they are written: a line or zone that has a fault is not unknown as well.
#[derive(Debug)]
pub(super) struct Names {
    /// The first line's id.
    pub primary_line: Option<Id>,
    pub lines: BTreeSet<Id>,
    pub zones: BTreeSet<Id>,
}

impl Names {
    fn of(table: &Table) -> Self {
        let ids = |section: &str| -> Vec<Id> {
            let entries = table.get(section).and_then(Value::as_array);
            entries
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.get("id").and_then(Value::as_str)?.parse().ok())
                .collect()
        };
        let lines = ids("line");
        Self {
            primary_line: lines.first().cloned(),
            lines: lines.into_iter().collect(),
            zones: ids("zone").into_iter().collect(),
        }
    }

    /// Adds a fault of `key` for every id that is no zone.
    pub(super) fn check_zones(&self, keys: &mut Keys<'_>, key: &str, ids: &[Id]) {
        for id in ids.iter().filter(|id| !self.zones.contains(*id)) {
            keys.fault(key, unknown(id, "zone", &self.zones));
        }
    }

    /// Adds a fault of `key` if `id` is no line.
    pub(super) fn check_line(&self, keys: &mut Keys<'_>, key: &str, id: &Id) {
        if !self.lines.contains(id) {
            keys.fault(key, unknown(id, "line", &self.lines));
        }
    }
}

fn unknown(id: &Id, sort: &str, known: &BTreeSet<Id>) -> String {
    if known.is_empty() {
        return format!("there is no {sort} '{id}'; add it as [[{sort}]]");
    }
    let known: Vec<&str> = known.iter().map(Id::as_str).take(20).collect();
    format!("there is no {sort} '{id}'; add it as [[{sort}]], or use one of: {}", known.join(", "))
}
