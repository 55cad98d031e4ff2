//! Reporters by where they are and by their region, those first that have reported longest.

use std::collections::{BTreeMap, BTreeSet};

use crate::geometry::LonLat;
use crate::id::Id;
use crate::time::Time;

/// A cell of a grid over space, about as wide as a rule's distance.
pub(super) type Cell = [i32; 3];

/// Reporters with since when each has reported.
type Spots = BTreeSet<(Time, Id)>;

/// Reporters of a cell and a region, or of none.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid(BTreeMap<(Cell, Option<u64>), Spots>);

impl Grid {
    pub(super) fn insert(&mut self, place: (Cell, Option<u64>), spot: (Time, Id)) {
        self.0.entry(place).or_default().insert(spot);
    }

    pub(super) fn remove(&mut self, place: (Cell, Option<u64>), spot: &(Time, Id)) {
        if let Some(here) = self.0.get_mut(&place) {
            here.remove(spot);
            if here.is_empty() {
                self.0.remove(&place);
            }
        }
    }

    /// Those of no region in a cell.
    pub(super) fn free(&self, cell: Cell) -> impl Iterator<Item = &(Time, Id)> {
        self.0.get(&(cell, None)).into_iter().flatten()
    }

    /// The regions that have members in a cell, with these, the oldest first.
    pub(super) fn regions(&self, cell: Cell) -> impl Iterator<Item = (u64, &Spots)> {
        let all = self.0.range((cell, Some(0))..=(cell, Some(u64::MAX)));
        all.filter_map(|((_, region), members)| Some(((*region)?, members)))
    }
}

/// The cell of a position, in a grid over space: poles and the antimeridian are like any other place.
pub(super) fn cell(position: LonLat, radius_m: f64) -> Cell {
    const SPHERE_M: f64 = 6_371_000.0;
    // On a sphere a distance comes out at most 0.7 % larger than on the ellipsoid.
    let width_m = radius_m * 1.02;
    let ((sin_lat, cos_lat), (sin_lon, cos_lon)) =
        (position.lat.to_radians().sin_cos(), position.lon.to_radians().sin_cos());
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat].map(|part| (part * SPHERE_M / width_m).floor() as i32)
}

/// A cell and those around it, its own first.
pub(super) fn around([x, y, z]: Cell) -> impl Iterator<Item = Cell> {
    const STEPS: [i32; 3] = [0, -1, 1];
    STEPS.into_iter().flat_map(move |dx| {
        STEPS.into_iter().flat_map(move |dy| STEPS.into_iter().map(move |dz| [x + dx, y + dy, z + dz]))
    })
}
