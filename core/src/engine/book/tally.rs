//! What many detections of one alert add up to: how many in which quarter of an hour, from whom, over what area.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::alert::PlaceExtent;
use crate::engine::finding::Finding;
use crate::engine::limits::{LimitsHit, MAX_QUARTERS, MAX_SOURCES};
use crate::engine::{ground, rounding};
use crate::geometry::{LonLat, destination, distance_m};
use crate::id::Id;
use crate::time::{NANOS_PER_SECOND, Time};

/// Half the way around the Earth: no place is larger, metres.
const ANYWHERE_M: f64 = 20_000_000.0;
const QUARTER_NANOS: i64 = 900 * NANOS_PER_SECOND;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    quarters: Quarters,
    /// Detections by station and device, those of registered ones first.
    #[serde(with = "crate::engine::pairs")]
    sources: BTreeMap<Source, u64>,
    /// Detections of devices beyond the limit.
    of_others: u64,
    span: Option<Circle>,
}

/// Who detected: a device of a station.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Source {
    unregistered: bool,
    station: Id,
    device: Id,
}

impl Tally {
    pub(super) fn take(&mut self, finding: &Finding<'_>, limits: &mut LimitsHit) {
        self.quarters.add(finding.time, finding.detections);
        if let (Some(station), Some(evidence)) = (finding.station, finding.evidence.last()) {
            let unregistered = !finding.registered;
            let source = Source { unregistered, station: station.clone(), device: evidence.device.clone() };
            self.count(source, finding.detections, limits);
        }
        if let Some(extent) = finding.extent {
            let around = Circle::around(extent);
            self.span = Some(self.span.map_or(around, |span| span.and(around)));
        }
    }

    fn count(&mut self, source: Source, detections: u64, limits: &mut LimitsHit) {
        if let Some(counted) = self.sources.get_mut(&source) {
            *counted += detections;
            return;
        }
        if self.sources.len() < MAX_SOURCES {
            self.sources.insert(source, detections);
            return;
        }
        limits.sources += 1;
        // Nobody is pushed out by ids that somebody made up.
        match self.sources.last_entry() {
            Some(last) if !source.unregistered && last.key().unregistered => {
                self.of_others += last.remove();
                self.sources.insert(source, detections);
            }
            _ => self.of_others += detections,
        }
    }

    /// Whose the detections are, for the sentence: nothing for one station.
    ///
    /// Stations that only unregistered devices name are not counted with the others: anybody can name any number of them.
    pub(super) fn from(&self) -> String {
        let stations = |unregistered: bool| {
            let sources = self.sources.keys().filter(|source| source.unregistered == unregistered);
            let mut stations: Vec<&Id> = sources.map(|source| &source.station).collect();
            stations.dedup();
            stations.len()
        };
        match (stations(false), stations(true)) {
            (0, 0 | 1) | (1, 0) => String::new(),
            (0, others) => format!(" of {others} stations that are not registered"),
            (known, 0) => format!(" of {known} stations"),
            (1, _) => " of 1 station and of unregistered devices".to_owned(),
            (known, _) => format!(" of {known} stations and of unregistered devices"),
        }
    }

    pub(super) fn tell(&self, details: &mut Map<String, Value>) {
        details.insert("quarters".to_owned(), self.quarters.told());
        let mut stations: BTreeMap<(bool, &Id), (u64, u64)> = BTreeMap::new();
        for (source, detections) in &self.sources {
            let (devices, sum) = stations.entry((source.unregistered, &source.station)).or_default();
            *devices += 1;
            *sum += detections;
        }
        let told = stations.into_iter().map(|((unregistered, station), (devices, detections))| {
            let mut told = json!({"station": station.as_str(), "devices": devices, "detections": detections});
            if unregistered {
                told["registered"] = false.into();
            }
            told
        });
        details.insert("sources".to_owned(), told.collect());
        if self.of_others > 0 {
            details.insert("detections_of_other_devices".to_owned(), self.of_others.into());
        }
        if let Some(span) = self.span {
            details.insert("span".to_owned(), span.told());
        }
    }
}

/// Detections by quarter of an hour of their own time: the newest quarters, and one count of all before them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Quarters {
    /// Number of the first one since 1970.
    first: i64,
    counts: VecDeque<u64>,
    earlier: u64,
}

impl Quarters {
    fn add(&mut self, time: Time, detections: u64) {
        let quarter = time.nanos().div_euclid(QUARTER_NANOS);
        if self.counts.is_empty() {
            self.first = quarter;
        }
        let most = MAX_QUARTERS as i64;
        let newest = (self.first + self.counts.len() as i64 - 1).max(quarter);
        if quarter <= newest - most {
            self.earlier += detections;
            return;
        }
        while self.first <= newest - most {
            match self.counts.pop_front() {
                Some(count) => {
                    self.earlier += count;
                    self.first += 1;
                }
                None => self.first = quarter,
            }
        }
        while self.first > quarter {
            self.counts.push_front(0);
            self.first -= 1;
        }
        let place = usize::try_from(quarter - self.first).unwrap_or_default();
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += detections;
        }
    }

    fn told(&self) -> Value {
        let from = Time::from_nanos(self.first.saturating_mul(QUARTER_NANOS));
        json!({"from": from.to_string(), "detections": self.counts, "earlier": self.earlier})
    }
}

/// A circle that holds all of some places.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Circle {
    position: LonLat,
    radius_m: f64,
}

impl Circle {
    pub(super) fn around(extent: PlaceExtent) -> Self {
        match extent {
            PlaceExtent::Point { position, hacc_m } => Self { position, radius_m: hacc_m.min(ANYWHERE_M) },
            PlaceExtent::Ellipse { position, semi_major_m, .. } => {
                Self { position, radius_m: semi_major_m.min(ANYWHERE_M) }
            }
            PlaceExtent::Disc { position, radius_m } => Self { position, radius_m: radius_m.min(ANYWHERE_M) },
            PlaceExtent::Sector { position, bearing_deg, width_deg, range_max_m, .. } => {
                let range_max_m = range_max_m.min(ANYWHERE_M);
                let (sin, cos) = (width_deg / 2.0).to_radians().sin_cos();
                // The smallest circle about a sector goes through its corners: all three of a narrow one, the two
                // outer ones of a wide one; that of more than half a disc is the disc's.
                let (ahead_m, radius_m) = match width_deg {
                    width if width <= 90.0 => (range_max_m / (2.0 * cos), range_max_m / (2.0 * cos)),
                    width if width <= 180.0 => (range_max_m * cos, range_max_m * sin),
                    _ => (0.0, range_max_m),
                };
                Self { position: destination(position, bearing_deg, ahead_m), radius_m }
            }
        }
    }

    /// A circle that holds both.
    fn and(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let apart_m = distance_m(self.position, other.position);
        if apart_m + other.radius_m <= self.radius_m {
            return self;
        }
        if apart_m + self.radius_m <= other.radius_m {
            return other;
        }
        let radius_m = (apart_m + self.radius_m + other.radius_m) / 2.0;
        let part = if apart_m > 0.0 { (radius_m - self.radius_m) / apart_m } else { 0.0 };
        let position = ground::between(self.position, other.position, part);
        // The step in longitude and latitude is no geodesic: what holds is measured again.
        let holds_m = |circle: Self| distance_m(position, circle.position) + circle.radius_m;
        Self { position, radius_m: holds_m(self).max(holds_m(other)) }
    }

    pub(super) fn told(self) -> Value {
        let LonLat { lon, lat } = rounding::position(self.position);
        json!({"lat": lat, "lon": lon, "radius_m": rounding::metres(self.radius_m)})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(quarter: i64) -> Time {
        Time::from_nanos(quarter * QUARTER_NANOS + 7)
    }

    proptest! {
        #[test]
        fn quarters_are_the_newest_and_nothing_is_lost(
            added in prop::collection::vec((-400..400i64, 1..9u64), 1..200),
        ) {
            let mut quarters = Quarters::default();
            let mut plain: BTreeMap<i64, u64> = BTreeMap::new();
            for (quarter, detections) in &added {
                quarters.add(at(*quarter), *detections);
                *plain.entry(*quarter).or_default() += detections;
            }
            let newest = *plain.keys().max().unwrap();
            prop_assert!(quarters.counts.len() <= MAX_QUARTERS);
            let all: u64 = added.iter().map(|(_, detections)| detections).sum();
            prop_assert_eq!(quarters.counts.iter().sum::<u64>() + quarters.earlier, all);
            for (i, count) in quarters.counts.iter().enumerate() {
                let quarter = quarters.first + i as i64;
                prop_assert!(quarter > newest - MAX_QUARTERS as i64 && quarter <= newest);
                // Those that came when their quarter was still among the newest.
                prop_assert!(*count <= plain.get(&quarter).copied().unwrap_or(0));
            }
        }

        #[test]
        fn a_span_holds_every_place(
            places in prop::collection::vec((0.0..360.0f64, 0.0..30e3f64, 0.0..360.0f64, 1.0..360.0f64), 1..12),
        ) {
            let here = LonLat { lon: 38.0, lat: 48.0 };
            let mut span: Option<Circle> = None;
            let mut corners = Vec::new();
            for (way, apart_m, bearing_deg, width_deg) in places {
                let position = destination(here, way, apart_m);
                let (range_min_m, range_max_m) = (0.0, 15e3);
                let extent = PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m };
                let around = Circle::around(extent);
                span = Some(span.map_or(around, |span| span.and(around)));
                corners.push(position);
                for part in [-0.5, -0.3, 0.0, 0.2, 0.5] {
                    corners.push(destination(position, bearing_deg + part * width_deg, range_max_m));
                }
            }
            let span = span.unwrap();
            for corner in corners {
                prop_assert!(distance_m(span.position, corner) <= span.radius_m * 1.001 + 1.0);
            }
        }
    }
}
