//! `[[line]]`.

use super::shapes::{Found, Shapes};
use super::versions::{MAX_VERSIONS, check_overlaps, validity};
use super::{Line, Validity};
use crate::id::Id;
use crate::keys::{Keys, called};
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

pub(super) fn read(top: &mut Keys<'_>, shapes: &mut Shapes<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut versions: Vec<(Id, Validity)> = Vec::new();
    let tables = top.tables("line", MAX_VERSIONS, "each line as [[line]] with its keys below");
    for (number, table) in tables.into_iter().enumerate() {
        let mut keys = Keys::new(called("line", number, table), table);
        keys.require("id", "an id such as id = \"main\"");
        keys.require("file", "the name of a GeoJSON file, such as file = \"line.geojson\"");
        let id = keys.id("id");
        let validity = validity(&mut keys);
        let side_a = keys.text("side_a").unwrap_or_else(|| "side A".to_owned());
        let side_b = keys.text("side_b").unwrap_or_else(|| "side B".to_owned());
        if side_a == side_b {
            keys.fault("side_b", format!("'{side_b}' is side A's name too; name the sides apart"));
        }
        let course = shapes.course(&mut keys);
        if let Some(id) = id {
            versions.push((id.clone(), validity));
            if let Some(Found { held, spare }) = course {
                lines.push(Line {
                    validity,
                    side_names: [side_a, side_b],
                    print: held.print(id.as_str()),
                    recent: shapes.recent(),
                    id,
                    held,
                    spare,
                });
            }
        }
        top.absorb(keys.finish());
    }
    check_overlaps(top, "line", versions.iter().map(|(id, validity)| (id, *validity)));
    lines
}
