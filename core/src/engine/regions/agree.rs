//! Whether enough devices are within a distance of one another.

use super::Wanted;
use crate::engine::limits::{CLIQUE_STEPS, LimitsHit};
use crate::geometry::{LonLat, distance_m};

/// Whether enough of these, all within the distance of `own`, are within it of one another, `own` among them.
pub(super) fn agree(own: LonLat, mut near: Vec<LonLat>, wanted: Wanted, limits: &mut LimitsHit) -> bool {
    let least = wanted.devices.saturating_sub(1);
    if least == 0 {
        return true;
    }
    if near.len() < least {
        return false;
    }
    // A sixth of a disc is nowhere wider than the disc's radius: of six times as many, enough are in one.
    if near.len() >= 6 * least {
        return true;
    }
    near.sort_by(|a, b| distance_m(own, *a).total_cmp(&distance_m(own, *b)));
    if near.get(least - 1).is_some_and(|at| distance_m(own, *at) <= wanted.radius_m / 2.0) {
        return true;
    }
    let mut steps = CLIQUE_STEPS;
    let found = clique(&near, least, wanted.radius_m, &mut steps);
    if steps == 0 {
        limits.region_searches += 1;
    }
    found
}

/// Whether so many of these are within a distance of one another; gives up when the steps are used up.
fn clique(near: &[LonLat], least: usize, radius_m: f64, steps: &mut usize) -> bool {
    if least == 0 {
        return true;
    }
    for (place, first) in near.iter().enumerate() {
        let rest = near.get(place + 1..).unwrap_or_default();
        if rest.len() + 1 < least {
            return false;
        }
        if *steps < rest.len() {
            *steps = 0;
            return false;
        }
        *steps -= rest.len();
        let with: Vec<LonLat> = rest.iter().copied().filter(|at| distance_m(*first, *at) <= radius_m).collect();
        if clique(&with, least - 1, radius_m, steps) {
            return true;
        }
    }
    false
}
