//! `[[zone]]`.

use super::compile::Names;
use super::shapes::Shapes;
use super::versions::{MAX_ZONES, check_overlaps, validity};
use super::{Extent, Validity, Zone};
use crate::geometry::Side;
use crate::id::Id;
use crate::keys::{Keys, Limits, called};

/// Distances are promised to a millimetre up to here.
pub(super) const DISTANCE: Limits = Limits::new(1.0, 300_000.0, "metres from the line");

pub(super) fn read(top: &mut Keys<'_>, names: &Names, shapes: &mut Shapes<'_>) -> Vec<Zone> {
    let mut zones = Vec::new();
    let mut versions: Vec<(Id, Validity)> = Vec::new();
    let tables = top.tables("zone", MAX_ZONES, "each zone as [[zone]] with its keys below");
    for (number, table) in tables.into_iter().enumerate() {
        let mut keys = Keys::new(called("zone", number, table), table);
        keys.require("id", "an id such as id = \"security-zone\"");
        let id = keys.id("id");
        let validity = validity(&mut keys);
        let extent = extent(&mut keys, names, shapes);
        if let Some(id) = id {
            versions.push((id.clone(), validity));
            if let Some(extent) = extent {
                zones.push(Zone { id, validity, extent });
            }
        }
        top.absorb(keys.finish());
    }
    check_overlaps(top, "zone", versions.iter().map(|(id, validity)| (id, *validity)));
    zones
}

fn extent(keys: &mut Keys<'_>, names: &Names, shapes: &mut Shapes<'_>) -> Option<Extent> {
    match (keys.has("file"), keys.has("buffer_of")) {
        (true, false) => {
            for key in ["distance_m", "side"] {
                keys.refuse(key, "belongs to buffer_of; this zone comes from a file, so remove it");
            }
            keys.value("buffer_of");
            Some(Extent::Area(shapes.area(keys)?))
        }
        (false, true) => {
            keys.value("file");
            keys.require("distance_m", "metres from the line, such as distance_m = 15000");
            let line = keys.id("buffer_of");
            if let Some(line) = &line {
                names.check_line(keys, "buffer_of", line);
            }
            let distance_m = keys.number("distance_m", DISTANCE);
            let side = side(keys);
            Some(Extent::Buffer { line: line?, distance_m: distance_m?, side })
        }
        (both, _) => {
            let is = if both { "is there beside buffer_of; a zone has one of the two" } else { "is missing" };
            let message = format!(
                "{is}; write file = \"zone.geojson\" for polygons, or buffer_of = \"LINE\" with distance_m for a strip \
                 along a line"
            );
            keys.fault("file", message);
            for key in ["file", "buffer_of", "distance_m", "side"] {
                keys.value(key);
            }
            None
        }
    }
}

fn side(keys: &mut Keys<'_>) -> Option<Side> {
    match keys.word("side", &["a", "b", "both"])? {
        "a" => Some(Side::A),
        "b" => Some(Side::B),
        _ => None,
    }
}
