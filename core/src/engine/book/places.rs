//! Where clusters were opened: a finding is compared with those whose places can meet its own, not with all that are open.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{beyond_m, reach};
use super::key::numbered;
use crate::alert::PlaceExtent;
use crate::geometry::LonLat;
use crate::id::Id;

/// Cells are in space, so that poles and the antimeridian are like any other place.
type Cell = [i32; 3];

/// A mean radius of the Earth, metres.
const SPHERE_M: f64 = 6_371_000.0;
/// On a sphere a distance comes out at most 0.7 % larger than on the ellipsoid.
const LONGER: f64 = 1.01;

/// A cluster among those of one rule, facet and zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) late: bool,
    pub(super) subject: &'a str,
    /// The place that opened it.
    pub(super) place: Option<PlaceExtent>,
    /// The station that opened it.
    pub(super) station: Option<&'a Id>,
}

/// The open clusters of one rule, facet and zone, live and late.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// By how far their places reach, in powers of two of a metre; the cells are as wide.
    classes: BTreeMap<u32, BTreeSet<(Cell, bool, String)>>,
    /// Those of each station; false: without a place.
    stations: BTreeMap<Id, BTreeSet<(bool, bool, String)>>,
    /// The numbers that are behind each subject; it itself is number 1.
    numbers: BTreeMap<String, BTreeSet<u32>>,
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    pub(super) fn insert(&mut self, spot: Spot<'_>) {
        let subject = || spot.subject.to_owned();
        if let Some(place) = spot.place {
            let (class, cell) = class_and_cell(place);
            self.classes.entry(class).or_default().insert((cell, spot.late, subject()));
        }
        if let Some(station) = spot.station {
            self.stations.entry(station.clone()).or_default().insert((spot.place.is_some(), spot.late, subject()));
        }
        let (stem, number) = stem_and_number(spot.subject);
        self.numbers.entry(stem.to_owned()).or_default().insert(number);
    }

    pub(super) fn remove(&mut self, spot: Spot<'_>) {
        let subject = || spot.subject.to_owned();
        if let Some(place) = spot.place {
            let (class, cell) = class_and_cell(place);
            remove_of(&mut self.classes, &class, &(cell, spot.late, subject()));
        }
        if let Some(station) = spot.station {
            remove_of(&mut self.stations, station, &(spot.place.is_some(), spot.late, subject()));
        }
        let (stem, number) = stem_and_number(spot.subject);
        remove_of(&mut self.numbers, &stem.to_owned(), &number);
    }

    /// The subject, or with the least number behind it that makes it one that is not taken.
    pub(super) fn free(&self, subject: &str) -> String {
        numbered(subject, |name| {
            let (stem, number) = stem_and_number(name);
            self.numbers.get(stem).is_some_and(|taken| taken.contains(&number))
        })
    }

    /// All live, or late, ones that may have something in common with what a station has at a place, and maybe others.
    ///
    /// Where either has no place, it is their station that they have in common.
    pub(super) fn near(
        &self,
        late: bool,
        place: Option<PlaceExtent>,
        station: Option<&Id>,
        mut each: impl FnMut(&str),
    ) {
        let of_station = station.and_then(|station| self.stations.get(station));
        for (_, of_late, subject) in of_station.into_iter().flatten().filter(|spot| place.is_none() || !spot.0) {
            if *of_late == late {
                each(subject);
            }
        }
        let Some((position, range_m)) = place.map(reach) else { return };
        for (class, spots) in &self.classes {
            let width_m = f64::from(1 << class);
            let apart_m = (range_m + beyond_m(range_m) + width_m + beyond_m(width_m)) * LONGER;
            let from = in_space(position).map(|part| ((part - apart_m) / width_m).floor() as i32);
            let to = in_space(position).map(|part| ((part + apart_m) / width_m).floor() as i32);
            let rows = (0..2).map(|i| (i64::from(to[i]) - i64::from(from[i]) + 1) as usize).product::<usize>();
            if rows >= spots.len() {
                let within = |cell: &Cell| (0..3).all(|i| from[i] <= cell[i] && cell[i] <= to[i]);
                spots.iter().filter(|spot| spot.1 == late && within(&spot.0)).for_each(|spot| each(&spot.2));
                continue;
            }
            for (x, y) in (from[0]..=to[0]).flat_map(|x| (from[1]..=to[1]).map(move |y| (x, y))) {
                let row = spots.range(([x, y, from[2]], false, String::new())..);
                let row = row.take_while(|spot| spot.0 <= [x, y, to[2]]);
                row.filter(|spot| spot.1 == late).for_each(|spot| each(&spot.2));
            }
        }
    }
}

fn remove_of<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

fn stem_and_number(subject: &str) -> (&str, u32) {
    let numbered = subject.rsplit_once('/').and_then(|(stem, number)| Some((stem, number.parse().ok()?)));
    numbered.unwrap_or((subject, 1))
}

fn class_and_cell(place: PlaceExtent) -> (u32, Cell) {
    let (position, range_m) = reach(place);
    let class = (range_m.ceil() as u32).next_power_of_two().trailing_zeros();
    (class, in_space(position).map(|part| (part / f64::from(1 << class)).floor() as i32))
}

fn in_space(position: LonLat) -> [f64; 3] {
    let ((sin_lat, cos_lat), (sin_lon, cos_lon)) =
        (position.lat.to_radians().sin_cos(), position.lon.to_radians().sin_cos());
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat].map(|part| part * SPHERE_M)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cluster::belongs;
    use super::*;
    use crate::geometry::destination;

    fn places() -> impl Strategy<Value = Vec<(PlaceExtent, bool)>> {
        let origin = prop_oneof![Just((38.0, 48.0)), Just((179.99, 0.01)), Just((10.0, 89.95)), Just((-60.0, -33.0))];
        let range = prop_oneof![1.0..50.0f64, 500.0..30e3f64, 1e5..3e5f64];
        let one = (0.0..360.0f64, 0.0..1.0f64, range, any::<bool>());
        (origin, 10.0..200e3f64, prop::collection::vec(one, 1..40)).prop_map(|((lon, lat), spread_m, all)| {
            let place = |(way, part, radius_m, late)| {
                let position = destination(LonLat { lon, lat }, way, part * spread_m);
                (PlaceExtent::Disc { position, radius_m }, late)
            };
            all.into_iter().map(place).collect()
        })
    }

    proptest! {
        #[test]
        fn whatever_has_something_in_common_is_near(all in places(), gone in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
            let names: Vec<String> = (0..all.len()).map(|i| format!("station:s{i}")).collect();
            let spot = |i: usize| Spot { late: all[i].1, subject: &names[i], place: Some(all[i].0), station: None };
            let mut places = Places::default();
            for i in 0..all.len() {
                places.insert(spot(i));
            }
            let gone: BTreeSet<usize> = gone.iter().map(|gone| gone.index(all.len())).collect();
            for i in &gone {
                places.remove(spot(*i));
            }
            for (asked, late) in &all {
                let mut near = BTreeSet::new();
                places.near(*late, Some(*asked), None, |subject| {
                    near.insert(subject.to_owned());
                });
                for (i, (other, of_late)) in all.iter().enumerate() {
                    let is_near = near.contains(&names[i]);
                    let open = !gone.contains(&i) && late == of_late;
                    prop_assert!(!is_near || open);
                    prop_assert!(is_near || !open || belongs(*other, None, *asked).is_none(), "{} at {:?}", i, asked);
                }
            }
            for i in (0..all.len()).filter(|i| !gone.contains(i)) {
                places.remove(spot(i));
            }
            prop_assert!(places.is_empty() && places.classes.is_empty() && places.stations.is_empty());
        }
    }

    #[test]
    fn the_least_number_that_is_free_is_taken() {
        let mut places = Places::default();
        let spot = |subject| Spot { late: false, subject, place: None, station: None };
        for expected in ["station:a", "station:a/2", "station:a/3"] {
            assert_eq!(places.free("station:a"), expected);
            places.insert(spot(expected));
        }
        places.remove(spot("station:a/2"));
        assert_eq!(places.free("station:a"), "station:a/2");
        places.remove(spot("station:a"));
        assert_eq!(places.free("station:a"), "station:a");
        assert_eq!(places.free("station:b"), "station:b");
    }
}
