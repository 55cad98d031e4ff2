//! A disc on the ground that grows to hold what it is told to.

use serde::{Deserialize, Serialize};

use super::ground::between;
use crate::geometry::{LonLat, distance_m};

/// A disc; it need not be the smallest that holds all that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Disc {
    pub(super) middle: LonLat,
    pub(super) radius_m: f64,
}

impl Disc {
    pub(super) const fn of(middle: LonLat, radius_m: f64) -> Self {
        Self { middle, radius_m }
    }

    /// Grows to hold a disc around `at` as well (Ritter 1990: the middle moves towards what lies outside).
    pub(super) fn hold(&mut self, at: LonLat, radius_m: f64) {
        let apart_m = distance_m(self.middle, at);
        if apart_m + radius_m <= self.radius_m {
            return;
        }
        if apart_m + self.radius_m <= radius_m {
            *self = Self::of(at, radius_m);
            return;
        }
        let part = (f64::midpoint(apart_m + radius_m, self.radius_m) - self.radius_m) / apart_m;
        let middle = between(self.middle, at, part);
        // The way there is not quite a geodesic: both are held whatever it is.
        let own_m = distance_m(self.middle, middle) + self.radius_m;
        *self = Self::of(middle, own_m.max(distance_m(middle, at) + radius_m));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_disc_holds_all_that_it_was_told_to(
            places in prop::collection::vec((-180.0..180.0f64, -80.0..80.0f64, 0.0..5_000.0f64), 1..12),
            around in (-179.0..179.0f64, -75.0..75.0f64),
        ) {
            // Within some 100 km of one another, as regions are.
            let near: Vec<(LonLat, f64)> = places
                .iter()
                .map(|(lon, lat, r)| (LonLat { lon: around.0 + lon / 180.0, lat: around.1 + lat / 80.0 }, *r))
                .collect();
            let mut disc = Disc::of(near[0].0, near[0].1);
            for (at, radius_m) in &near {
                disc.hold(*at, *radius_m);
            }
            for (at, radius_m) in &near {
                prop_assert!(distance_m(disc.middle, *at) + radius_m <= disc.radius_m + 0.01);
            }
            let widest = near.iter().flat_map(|(a, r)| near.iter().map(move |(b, s)| distance_m(*a, *b) + r + s));
            prop_assert!(disc.radius_m <= widest.fold(0.0, f64::max) + 1.0);
        }
    }
}
