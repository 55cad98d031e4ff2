//! What was found out of a place before.
//!
//! A fixed sensor that tells no bearing hears all around, and so always from the same disc: how probably that is
//! in a zone or on a side changes only with the terms. Remembering it is most of what a detection
//! costs. It is no state: what is forgotten is found out again, to the same bits.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::agreement::Agreement;
use crate::geometry::LonLat;
use crate::time::Time;

/// Places that are remembered; beyond it all are forgotten and it begins anew.
const MAX_PLACES: usize = 16_384;
/// Answers of all those places together, 16 bytes each, likewise: a wide disc may reach thousands of zones.
const MAX_ANSWERS: usize = 1_000_000;

/// What was asked of one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// P(side A) of the primary line, once it was asked for.
    pub(super) side_a: Option<f64>,
    /// P(inside) of every zone that it may be in, by slot, ascending; `None` until it was asked for.
    pub(super) zones: Option<Vec<(u32, Option<f64>)>>,
    /// P(where the rule holds) by the rule's number.
    pub(super) rules: Vec<(u32, f64)>,
}

impl Answers {
    fn count(&self) -> usize {
        self.zones.as_ref().map_or(0, Vec::len) + self.rules.len()
    }
}

/// A disc under the versions in force in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PlaceKey {
    lon: u64,
    lat: u64,
    radius: u64,
    stretch: usize,
}

/// The places that are remembered, for one agreement.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When some version of a line or a zone comes into force or goes out of it, in order.
    seams: Vec<Time>,
    places: RefCell<Places>,
}

#[derive(Debug, Default)]
struct Places {
    by_key: BTreeMap<PlaceKey, Answers>,
    answers: usize,
}

impl Known {
    pub(super) fn of(agreement: &Agreement) -> Self {
        let lines = agreement.lines.iter().map(|line| line.validity);
        let zones = agreement.zones.iter().map(|zone| zone.validity);
        let mut seams: Vec<Time> =
            lines.chain(zones).flat_map(|validity| [validity.from, validity.to]).flatten().collect();
        seams.sort_unstable();
        seams.dedup();
        Self { seams, places: RefCell::default() }
    }

    pub(super) fn key(&self, position: LonLat, radius_m: f64, time: Time) -> PlaceKey {
        PlaceKey {
            lon: position.lon.to_bits(),
            lat: position.lat.to_bits(),
            radius: radius_m.to_bits(),
            stretch: self.seams.partition_point(|seam| *seam <= time),
        }
    }

    /// Takes out what is known of a place; [`Known::keep`] puts it back.
    pub(super) fn take(&self, key: &PlaceKey) -> Answers {
        let mut places = self.places.borrow_mut();
        let answers = places.by_key.get_mut(key).map(std::mem::take).unwrap_or_default();
        places.answers -= answers.count();
        answers
    }

    pub(super) fn keep(&self, key: PlaceKey, answers: Answers) {
        let mut places = self.places.borrow_mut();
        let is_new = !places.by_key.contains_key(&key);
        if places.answers + answers.count() > MAX_ANSWERS || (is_new && places.by_key.len() >= MAX_PLACES) {
            *places = Places::default();
        }
        places.answers += answers.count();
        if let Some(before) = places.by_key.insert(key, answers) {
            places.answers -= before.count();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_places_are_remembered_than_there_is_room_for() {
        let known = Known::default();
        for number in 0..MAX_PLACES * 2 {
            let key = known.key(LonLat { lon: 0.0, lat: 0.0 }, number as f64, Time::from_nanos(0));
            known.keep(key, Answers::default());
            assert!(known.places.borrow().by_key.len() <= MAX_PLACES);
        }
    }

    #[test]
    fn no_more_answers_are_remembered_than_there_is_room_for() {
        let known = Known::default();
        for number in 0..300 {
            let key = known.key(LonLat { lon: 0.0, lat: 0.0 }, f64::from(number % 200), Time::from_nanos(0));
            let zones = known.take(&key).zones.unwrap_or_else(|| vec![(0, None); 10_000]);
            known.keep(key, Answers { zones: Some(zones), ..Answers::default() });
            let places = known.places.borrow();
            assert_eq!(places.answers, places.by_key.values().map(Answers::count).sum::<usize>());
            assert!(places.answers <= MAX_ANSWERS);
        }
    }

    #[test]
    fn what_is_known_of_a_place_is_given_back_for_that_place_and_stretch_of_time_alone() {
        let known = Known { seams: vec![Time::from_nanos(5)], places: RefCell::default() };
        let here = LonLat { lon: 1.0, lat: 2.0 };
        let key = |radius_m: f64, nanos: i64| known.key(here, radius_m, Time::from_nanos(nanos));
        known.keep(key(7.0, 4), Answers { side_a: Some(0.25), ..Answers::default() });
        assert_eq!(known.take(&key(7.0, 5)).side_a, None);
        assert_eq!(known.take(&key(8.0, 4)).side_a, None);
        assert_eq!(known.take(&key(7.0, 0)).side_a, Some(0.25));
    }
}
