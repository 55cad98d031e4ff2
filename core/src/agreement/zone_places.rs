//! The zones by id and by place, so that thousands of them are not gone through for every position.

use std::collections::BTreeMap;

use super::{Extent, Zone};
use crate::geometry::{LineFix, LonLat, Spread, ZoneIndex};
use crate::id::Id;
use crate::time::Time;

/// Numbers are places in the agreement's list of zones; every method takes that same list.
#[derive(Debug)]
pub(super) struct ZonePlaces {
    by_id: BTreeMap<Id, Vec<usize>>,
    /// Zones that are polygons, all versions.
    areas: ZoneIndex,
    /// Zones along a line: where these are follows the line's version in force.
    buffers: Vec<usize>,
}

/// The boundary nearest to a position.
#[derive(Clone, Copy, Debug)]
pub struct ZoneBoundary<'a> {
    /// Whose it is.
    pub zone: &'a Zone,
    /// Where the position is against it: `signed_m` is positive inside the zone, `foot` is the boundary's nearest place.
    pub fix: LineFix,
}

impl ZonePlaces {
    pub(super) fn of(zones: &[Zone]) -> Self {
        let mut by_id: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
        let mut areas = Vec::new();
        let mut buffers = Vec::new();
        for (number, zone) in zones.iter().enumerate() {
            by_id.entry(zone.id.clone()).or_default().push(number);
            match &zone.extent {
                Extent::Area(area) => areas.push((number, area)),
                Extent::Buffer { .. } => buffers.push(number),
            }
        }
        Self { by_id, areas: ZoneIndex::new(areas), buffers }
    }

    pub(super) fn zone<'a>(&self, zones: &'a [Zone], id: &Id, time: Time) -> Option<&'a Zone> {
        let mut versions = self.by_id.get(id)?.iter().filter_map(|number| zones.get(*number));
        versions.find(|zone| zone.validity.contains(time))
    }

    pub(super) fn in_reach<'a>(&self, zones: &'a [Zone], time: Time, spread: &Spread) -> Vec<&'a Zone> {
        let mut numbers = self.buffers.clone();
        let reach_m = spread.reach_m();
        if reach_m > 0.0 {
            self.areas.visit_near(spread.middle(), reach_m, |number| numbers.push(number));
        } else {
            self.areas.visit_holding(spread.middle(), |number| numbers.push(number));
        }
        numbers.sort_unstable();
        let in_force = |zone: &&Zone| zone.validity.contains(time);
        numbers.into_iter().filter_map(|number| zones.get(number)).filter(in_force).collect()
    }

    pub(super) fn nearest_boundary<'a>(
        &self,
        zones: &'a [Zone],
        time: Time,
        position: LonLat,
    ) -> Option<ZoneBoundary<'a>> {
        let found = self.areas.nearest_boundary(position, |number| {
            let zone = zones.get(number).filter(|zone| zone.validity.contains(time))?;
            match &zone.extent {
                Extent::Area(area) => Some(area),
                Extent::Buffer { .. } => None,
            }
        })?;
        Some(ZoneBoundary { zone: zones.get(found.number)?, fix: found.fix })
    }
}
