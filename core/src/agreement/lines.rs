//! `[[line]]`.

use super::days::{Daily, DayPattern, DayPatternError, MAX_AGE_DAYS};
use super::shapes::{Found, Shapes};
use super::versions::{MAX_VERSIONS, check_overlaps, validity};
use super::{Line, Validity};
use crate::id::Id;
use crate::keys::{Keys, Limits, called};
use std::collections::BTreeMap;

/// The places of each line's versions, by time.
pub(super) fn by_time(lines: &[Line]) -> BTreeMap<Id, Vec<usize>> {
    let mut versions: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        versions.entry(line.id.clone()).or_default().push(place);
    }
    for places in versions.values_mut() {
        places.sort_by_key(|place| lines.get(*place).and_then(|line| line.validity.from));
    }
    versions
}

/// The lines, and what is to be said of those whose versions are files by day.
pub(super) fn read(top: &mut Keys<'_>, shapes: &mut Shapes<'_>) -> (Vec<Line>, Vec<Daily>) {
    let (mut lines, mut daily) = (Vec::new(), Vec::new());
    let mut versions: Vec<(Id, Validity)> = Vec::new();
    let tables = top.tables("line", MAX_VERSIONS, "each line as [[line]] with its keys below");
    for (number, table) in tables.into_iter().enumerate() {
        let mut keys = Keys::new(called("line", number, table), table);
        keys.require("id", "an id such as id = \"main\"");
        let id = keys.id("id");
        let found = if keys.has("days") {
            by_day(&mut keys, shapes, id.clone(), &mut daily, MAX_VERSIONS.saturating_sub(versions.len()))
        } else {
            vec![single(&mut keys, shapes)]
        };
        let side_a = keys.text("side_a").unwrap_or_else(|| "side A".to_owned());
        let side_b = keys.text("side_b").unwrap_or_else(|| "side B".to_owned());
        if side_a == side_b {
            keys.fault("side_b", format!("'{side_b}' is side A's name too; name the sides apart"));
        }
        for (validity, course) in found {
            let Some(id) = &id else { break };
            versions.push((id.clone(), validity));
            if let Some(Found { held, spare }) = course {
                lines.push(Line {
                    validity,
                    side_names: [side_a.clone(), side_b.clone()],
                    print: held.print(id.as_str()),
                    recent: shapes.recent(),
                    id: id.clone(),
                    held,
                    spare,
                });
            }
        }
        top.absorb(keys.finish());
    }
    check_overlaps(top, "line", versions.iter().map(|(id, validity)| (id, *validity)));
    (lines, daily)
}

/// One version, from a file.
fn single(keys: &mut Keys<'_>, shapes: &mut Shapes<'_>) -> (Validity, Option<Found>) {
    keys.require("file", "the name of a GeoJSON file, such as file = \"line.geojson\"");
    keys.refuse(
        "max_age_days",
        "belongs to days; this version is in force as valid_from and valid_to say, so remove it",
    );
    (validity(keys), shapes.course(keys))
}

/// The versions that files by day are, at most so many.
fn by_day(
    keys: &mut Keys<'_>,
    shapes: &mut Shapes<'_>,
    id: Option<Id>,
    daily: &mut Vec<Daily>,
    most: usize,
) -> Vec<(Validity, Option<Found>)> {
    for key in ["file", "valid_from", "valid_to"] {
        keys.refuse(key, "does not go with days: each of its files is in force from its own day on; remove it");
    }
    let max_age_days = keys.whole("max_age_days", Limits::new(1.0, 366.0, "days")).unwrap_or(MAX_AGE_DAYS);
    let Some(text) = keys.text("days") else { return Vec::new() };
    let pattern: DayPattern = match text.parse() {
        Ok(pattern) => pattern,
        Err(error) => {
            keys.fault("days", DayPatternError::to_string(&error));
            return Vec::new();
        }
    };
    let Some(id) = id else { return Vec::new() };
    let Some((found, days)) = Daily::of(id, &pattern, max_age_days, shapes.names()) else {
        keys.fault("days", format!("there is no file with a date like '{text}'; add some, or correct the pattern"));
        return Vec::new();
    };
    if days.len() > most {
        let message = format!(
            "it has {} files; an agreement has at most {MAX_VERSIONS} versions of lines: move the oldest files away",
            days.len()
        );
        keys.fault("days", message);
        return Vec::new();
    }
    daily.push(found);
    days.into_iter().map(|day| (day.validity, shapes.course_in(&day.file))).collect()
}
