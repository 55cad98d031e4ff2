//! The zones by id and by place, so that thousands of them are not gone through for every position.

use std::collections::{BTreeMap, BTreeSet};

use super::{Extent, Zone};
use crate::geometry::{LineFix, LonLat, Spread, ZoneIndex};
use crate::id::Id;
use crate::time::Time;

/// Numbers are places in the agreement's list of zones; every method takes that same list.
#[derive(Debug)]
pub(super) struct ZonePlaces {
    /// The slot of each id: its number in the order of ids.
    slots: BTreeMap<Id, u32>,
    /// The places of each slot's versions.
    versions: Vec<Vec<usize>>,
    /// The slot of each place.
    slot_of: Vec<u32>,
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
        let ids: BTreeSet<&Id> = zones.iter().map(|zone| &zone.id).collect();
        let slots: BTreeMap<Id, u32> = (0..).zip(ids).map(|(slot, id)| (id.clone(), slot)).collect();
        let slot_of: Vec<u32> = zones.iter().filter_map(|zone| slots.get(&zone.id).copied()).collect();
        let mut versions = vec![Vec::new(); slots.len()];
        let mut areas = Vec::new();
        let mut buffers = Vec::new();
        for (number, zone) in zones.iter().enumerate() {
            versions[slot_of[number] as usize].push(number);
            match &zone.extent {
                Extent::Area(area) => areas.push((number, area)),
                Extent::Buffer { .. } => buffers.push(number),
            }
        }
        Self { slots, versions, slot_of, areas: ZoneIndex::new(areas), buffers }
    }

    /// The slots of zones that are there.
    pub(super) fn slots(&self, ids: &[Id]) -> Vec<u32> {
        ids.iter().filter_map(|id| self.slots.get(id).copied()).collect()
    }

    pub(super) fn zone<'a>(&self, zones: &'a [Zone], id: &Id, time: Time) -> Option<&'a Zone> {
        self.zone_of(zones, *self.slots.get(id)?, time)
    }

    pub(super) fn zone_of<'a>(&self, zones: &'a [Zone], slot: u32, time: Time) -> Option<&'a Zone> {
        let versions = self.versions.get(slot as usize)?;
        versions.iter().filter_map(|number| zones.get(*number)).find(|zone| zone.validity.contains(time))
    }

    /// The places of the zones in force that may be within a distance of a position; those along a line always.
    fn places_near(&self, zones: &[Zone], time: Time, (middle, reach_m): (LonLat, f64)) -> Vec<usize> {
        let mut numbers = self.buffers.clone();
        if reach_m > 0.0 {
            self.areas.visit_near(middle, reach_m, |number| numbers.push(number));
        } else {
            self.areas.visit_holding(middle, |number| numbers.push(number));
        }
        numbers.retain(|number| zones.get(*number).is_some_and(|zone| zone.validity.contains(time)));
        numbers
    }

    /// The slots of the zones in force that what is within a distance of a position may be in, ascending.
    pub(super) fn slots_near(&self, zones: &[Zone], time: Time, circle: (LonLat, f64)) -> Vec<u32> {
        let places = self.places_near(zones, time, circle).into_iter();
        let mut slots: Vec<u32> = places.filter_map(|place| self.slot_of.get(place).copied()).collect();
        slots.sort_unstable();
        slots
    }

    pub(super) fn in_reach<'a>(&self, zones: &'a [Zone], time: Time, spread: &Spread) -> Vec<&'a Zone> {
        let mut places = self.places_near(zones, time, (spread.middle(), spread.reach_m()));
        places.sort_unstable();
        places.into_iter().filter_map(|number| zones.get(number)).collect()
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
