//! A place with its uncertainty, against the line, the zones and a rule's terms.
//!
//! A point with a radius is judged by the geometry's closed forms. A disc or sector is
//! judged by a fixed pattern of samples: the position is taken as evenly spread over the
//! area, and across a sector as normally distributed about its bearing.

use std::cell::OnceCell;

use super::ground;
use super::terms::Terms;
use crate::agreement::{Line, Rule};
use crate::alert::{Place, PlaceExtent, ZoneProbability};
use crate::geometry::{LonLat, Side, probability_side_a, probability_within};
use crate::id::Id;
use crate::time::Time;

/// A side is told from this probability on.
pub(super) const SURE: f64 = 0.95;
/// Two-sided 95 % of a normal distribution in standard deviations.
pub(super) const SIGMAS_95_ONE_AXIS: f64 = 1.96;

const RINGS: u32 = 8;
const BEARINGS_OF_DISC: u32 = 24;
const BEARINGS_OF_SECTOR: u32 = 16;

/// A place at a time, under the terms in force.
pub(super) struct Located<'a> {
    pub(super) extent: PlaceExtent,
    time: Time,
    terms: &'a Terms,
    samples: OnceCell<Vec<(LonLat, f64)>>,
    primary_side_a: OnceCell<Option<f64>>,
}

impl<'a> Located<'a> {
    pub(super) fn new(extent: PlaceExtent, time: Time, terms: &'a Terms) -> Self {
        Self { extent, time, terms, samples: OnceCell::new(), primary_side_a: OnceCell::new() }
    }

    /// The line `id`, or the primary one, in the version in force.
    pub(super) fn line(&self, id: Option<&Id>) -> Option<&'a Line> {
        match id {
            Some(id) => self.terms.agreement.line(id, self.time),
            None => self.terms.agreement.primary_line(self.time),
        }
    }

    /// P(side A of the line); `None` without a line in force.
    pub(super) fn side_a(&self, line: Option<&Id>) -> Option<f64> {
        let compute = || {
            let index = &self.line(line)?.index;
            Some(self.mean(|position, hacc_m| probability_side_a(index, position, hacc_m)))
        };
        let primary = self.terms.agreement.lines.first().map(|line| &line.id);
        if line.is_none() || line == primary { *self.primary_side_a.get_or_init(compute) } else { compute() }
    }

    /// P(within a distance of the line); `None` without a line in force.
    pub(super) fn within(&self, line: Option<&Id>, distance_m: f64) -> Option<f64> {
        let index = &self.line(line)?.index;
        Some(self.mean(|position, hacc_m| probability_within(index, distance_m, position, hacc_m)))
    }

    /// P(inside a zone); 0 when no version of it is in force.
    pub(super) fn in_zone(&self, zone: &Id) -> f64 {
        self.mean(|position, hacc_m| {
            self.terms.agreement.zone_probability(zone, self.time, position, hacc_m).unwrap_or(0.0)
        })
    }

    /// P(inside the likeliest of these zones), a lower bound of that for any of them.
    pub(super) fn in_any(&self, zones: &[Id]) -> f64 {
        zones.iter().map(|zone| self.in_zone(zone)).fold(0.0, f64::max)
    }

    /// P(on one of the rule's sides); 1 for a rule that names none.
    pub(super) fn on_sides(&self, rule: &Rule) -> f64 {
        if rule.sides.is_empty() {
            return 1.0;
        }
        let Some(a) = self.side_a(rule.line.as_ref()) else { return 0.0 };
        let of = |side: &Side| match side {
            Side::A => a,
            Side::B => 1.0 - a,
            Side::Undetermined => 0.0,
        };
        rule.sides.iter().map(of).sum::<f64>().min(1.0)
    }

    /// P(where the rule holds): in one of its areas and on one of its sides.
    pub(super) fn where_rule_holds(&self, rule: &Rule) -> f64 {
        let areas = if rule.areas.is_empty() { 1.0 } else { self.in_any(&rule.areas) };
        if areas <= 0.0 { 0.0 } else { areas.min(self.on_sides(rule)) }
    }

    /// All that an alert says of where it is.
    pub(super) fn place(&self, line: Option<&Id>) -> Place {
        let (middle, error_m) = match self.extent {
            PlaceExtent::Point { position, hacc_m } => (Some(position), hacc_m),
            PlaceExtent::Disc { position, radius_m } => (Some(position), radius_m),
            PlaceExtent::Sector { .. } => (None, 0.0),
        };
        let fix = middle.and_then(|middle| Some(self.line(line)?.index.locate(middle)));
        let p_side_a = self.side_a(line);
        let located_side = match p_side_a {
            Some(a) if a >= SURE => Side::A,
            Some(a) if a <= 1.0 - SURE => Side::B,
            _ => Side::Undetermined,
        };
        Place {
            extent: self.extent,
            line_distance_m: fix.map(|fix| fix.distance_m),
            line_distance_error_m: fix.map(|_| error_m),
            chainage_m: fix.map(|fix| fix.chainage_m),
            located_side,
            p_side_a,
            zones: self.zones(),
        }
    }

    fn zones(&self) -> Vec<ZoneProbability> {
        const TOLD: f64 = 0.005;
        if let PlaceExtent::Point { position, hacc_m } = self.extent {
            let found = self.terms.agreement.zones_at(self.time, position, hacc_m);
            return found.into_iter().map(|(id, probability)| ZoneProbability { id, probability }).collect();
        }
        let in_force = self.terms.agreement.zones.iter().filter(|zone| zone.validity.contains(self.time));
        let mut zones: Vec<ZoneProbability> = in_force
            .map(|zone| ZoneProbability { id: zone.id.clone(), probability: self.in_zone(&zone.id) })
            .filter(|zone| zone.probability > TOLD)
            .collect();
        zones.sort_by(|a, b| a.id.cmp(&b.id));
        zones
    }

    /// The mean of a probability over where it may be.
    fn mean(&self, of: impl Fn(LonLat, f64) -> f64) -> f64 {
        if let PlaceExtent::Point { position, hacc_m } = self.extent {
            return of(position, hacc_m);
        }
        let samples = self.samples.get_or_init(|| samples(self.extent));
        samples.iter().map(|(position, weight)| of(*position, 0.0) * weight).sum::<f64>().clamp(0.0, 1.0)
    }
}

/// Positions of a disc or sector with weights that sum to 1.
fn samples(extent: PlaceExtent) -> Vec<(LonLat, f64)> {
    let (from, range_min_m, range_max_m, bearings) = match extent {
        PlaceExtent::Point { position, .. } => return vec![(position, 1.0)],
        PlaceExtent::Disc { position, radius_m } => {
            let step = 360.0 / f64::from(BEARINGS_OF_DISC);
            let bearings = (0..BEARINGS_OF_DISC).map(|i| (f64::from(i) * step, 1.0)).collect::<Vec<_>>();
            (position, 0.0, radius_m, bearings)
        }
        PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m } => {
            let across = |i: u32| 2.0 * (f64::from(i) + 0.5) / f64::from(BEARINGS_OF_SECTOR) - 1.0;
            let one = |i| {
                let sigmas = across(i) * SIGMAS_95_ONE_AXIS;
                (bearing_deg + across(i) * width_deg / 2.0, (-sigmas * sigmas / 2.0).exp())
            };
            (position, range_min_m, range_max_m, (0..BEARINGS_OF_SECTOR).map(one).collect())
        }
    };
    let total: f64 = bearings.iter().map(|(_, weight)| weight).sum::<f64>() * f64::from(RINGS);
    let (min2, max2) = (range_min_m * range_min_m, range_max_m * range_max_m);
    let mut found = Vec::with_capacity(bearings.len() * RINGS as usize);
    for ring in 0..RINGS {
        // Rings of equal area, each sampled at the radius that halves it.
        let range_m = (min2 + (max2 - min2) * (f64::from(ring) + 0.5) / f64::from(RINGS)).sqrt();
        // Turned from ring to ring, so that no spoke lies along a border.
        let turn = if matches!(extent, PlaceExtent::Disc { .. }) { f64::from(ring) * 6.9 } else { 0.0 };
        for (bearing, weight) in &bearings {
            found.push((ground::step(from, bearing + turn, range_m), weight / total));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: LonLat = LonLat { lon: 37.9, lat: 48.1 };

    #[test]
    fn samples_of_a_disc_are_spread_evenly_over_it() {
        let samples = samples(PlaceExtent::Disc { position: FROM, radius_m: 10_000.0 });
        let total: f64 = samples.iter().map(|(_, weight)| weight).sum();
        assert!((total - 1.0).abs() < 1e-12);
        let within = |range: f64| {
            let near = samples.iter().filter(|(at, _)| ground::distance_m(FROM, *at) <= range);
            near.map(|(_, weight)| weight).sum::<f64>()
        };
        assert!((within(7_071.0) - 0.5).abs() < 0.01);
        assert!((within(10_001.0) - 1.0).abs() < 1e-9);
        let north: f64 = samples.iter().filter(|(at, _)| at.lat > FROM.lat).map(|(_, weight)| weight).sum();
        assert!((north - 0.5).abs() < 0.03, "{north}");
    }

    #[test]
    fn samples_of_a_sector_lie_in_it_and_most_near_its_bearing() {
        let sector = PlaceExtent::Sector {
            position: FROM,
            bearing_deg: 90.0,
            width_deg: 40.0,
            range_min_m: 1_000.0,
            range_max_m: 5_000.0,
        };
        let samples = samples(sector);
        assert!(samples.iter().all(|(at, _)| at.lon > FROM.lon));
        let near: f64 = samples
            .iter()
            .filter(|(at, _)| ((at.lat - FROM.lat) / (at.lon - FROM.lon)).abs() < 0.13)
            .map(|(_, weight)| weight)
            .sum();
        assert!(near > 0.55 && near < 0.9, "{near}");
    }
}
