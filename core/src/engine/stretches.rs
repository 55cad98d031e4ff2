//! A line in stretches, and which devices reach which of them. All of it follows from the terms, the registry and
//! where mobile devices are: it is in no snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::disc::Disc;
use super::limits::MAX_STRETCHES;
use super::record::Stand;
use crate::agreement::Validity;
use crate::geometry::{LineIndex, LonLat};
use crate::id::Id;
use crate::time::Time;

/// What two reaches that meet may be apart by in rounding, metres.
const MEET_M: f64 = 0.1;

/// A line's stretches.
#[derive(Debug)]
pub(super) struct Stretches {
    length_m: f64,
    pub(super) stretch_m: f64,
    /// Where each starts, and where the last ends.
    ends: Vec<LonLat>,
    /// The devices that reach each.
    reached: Vec<BTreeSet<Id>>,
    /// What each device reaches, as chainages.
    reach: BTreeMap<Id, Vec<(f64, f64)>>,
    /// Of a rule with areas: in which of them it holds.
    held: Option<Held>,
}

/// The stretches that may reach into a rule's areas as these are from one time to another.
#[derive(Debug)]
struct Held {
    within: Validity,
    stretches: Vec<bool>,
}

/// A stretch is looked at in pieces of about this length to see whether it reaches into an area, metres.
const PIECE_M: f64 = 250.0;
/// At most in so many.
const MOST_PIECES: f64 = 16.0;

impl Stretches {
    pub(super) fn of(line: &LineIndex, stretch_m: f64) -> Self {
        let length_m = line.length_m();
        let stretch_m = stretch_m.max(length_m / MAX_STRETCHES as f64);
        let count = ((length_m / stretch_m - 1e-6).ceil().max(1.0) as usize).min(MAX_STRETCHES);
        let chainages: Vec<f64> = (0..=count).map(|n| (n as f64 * stretch_m).min(length_m)).collect();
        let ends = line.places_at(&chainages);
        Self { length_m, stretch_m, ends, reached: vec![BTreeSet::new(); count], reach: BTreeMap::new(), held: None }
    }

    pub(super) fn count(&self) -> u32 {
        self.reached.len() as u32
    }

    /// Chainages of a stretch's start and end; the last one ends with the line.
    pub(super) fn chainages(&self, stretch: u32) -> (f64, f64) {
        let from = f64::from(stretch) * self.stretch_m;
        let to = if stretch + 1 >= self.count() { self.length_m } else { from + self.stretch_m };
        (from, to)
    }

    /// Whether it is known in which stretches a rule with areas holds at `time`.
    pub(super) fn knows_held(&self, time: Time) -> bool {
        self.held.as_ref().is_some_and(|held| held.within.contains(time))
    }

    /// Finds out in which stretches a rule holds: those of which a piece may be where `reaches` says, as far as that is so.
    pub(super) fn hold(&mut self, line: &LineIndex, within: Validity, reaches: impl Fn(LonLat, f64) -> bool) {
        let pieces = (self.stretch_m / PIECE_M).ceil().clamp(1.0, MOST_PIECES);
        let reach_m = self.stretch_m / pieces / 2.0 + MEET_M;
        let stretches = (0..self.count()).map(|stretch| {
            let (from, to) = self.chainages(stretch);
            // Both ends are looked at too: a line in parts goes on elsewhere.
            let middles = (0..pieces as u32).map(|piece| from + (to - from) * (f64::from(piece) + 0.5) / pieces);
            let places = line.places_at(&[from].into_iter().chain(middles).chain([to]).collect::<Vec<f64>>());
            places.into_iter().any(|place| reaches(place, reach_m))
        });
        self.held = Some(Held { within, stretches: stretches.collect() });
    }

    /// Whether its rule holds in a stretch.
    pub(super) fn holds(&self, stretch: u32) -> bool {
        let held = self.held.as_ref();
        held.is_none_or(|held| held.stretches.get(stretch as usize).copied().unwrap_or(false))
    }

    /// Tells where a device is and how far it senses; `None` takes it out. The stretches that it reaches now or did.
    pub(super) fn place(&mut self, device: &Id, line: &LineIndex, at: Option<(Stand, f64)>) -> BTreeSet<u32> {
        let mut touched: BTreeSet<u32> = self.of_device(device).collect();
        for stretch in &touched {
            if let Some(devices) = self.reached.get_mut(*stretch as usize) {
                devices.remove(device);
            }
        }
        self.reach.remove(device);
        let reach = at.map(|(stand, range_m)| line.chainages_within(stand.position, range_m)).unwrap_or_default();
        if !reach.is_empty() {
            self.reach.insert(device.clone(), reach);
            let now: Vec<u32> = self.of_device(device).collect();
            for stretch in now {
                if let Some(devices) = self.reached.get_mut(stretch as usize) {
                    devices.insert(device.clone());
                }
                touched.insert(stretch);
            }
        }
        touched
    }

    /// The stretches of which a device reaches some part.
    pub(super) fn of_device(&self, device: &Id) -> impl Iterator<Item = u32> {
        let last = self.count().saturating_sub(1);
        let number = move |chainage_m: f64| ((chainage_m / self.stretch_m) as u32).min(last);
        let parts = self.reach.get(device).map_or(&[][..], Vec::as_slice);
        parts.iter().flat_map(move |(from, to)| number(*from)..=number(*to))
    }

    /// The devices that reach some part of a stretch.
    pub(super) fn devices(&self, stretch: u32) -> impl Iterator<Item = &Id> {
        self.reached.get(stretch as usize).into_iter().flatten()
    }

    /// Whether every place of a stretch is in the reach of one of the devices that work.
    pub(super) fn is_covered(&self, stretch: u32, works: impl Fn(&Id) -> bool) -> bool {
        let (from, to) = self.chainages(stretch);
        let mut parts: Vec<(f64, f64)> = Vec::new();
        for device in self.devices(stretch).filter(|device| works(device)) {
            let own = self.reach.get(device).map_or(&[][..], Vec::as_slice);
            if own.iter().any(|(a, b)| *a <= from + MEET_M && *b >= to - MEET_M) {
                return true;
            }
            parts.extend(own.iter().filter(|(a, b)| *b > from && *a < to));
        }
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut covered = from;
        for (a, b) in parts {
            if a > covered + MEET_M {
                return false;
            }
            covered = covered.max(b);
        }
        covered >= to - MEET_M
    }

    /// A disc that holds the stretches from `first` to `last`.
    pub(super) fn disc(&self, first: u32, last: u32) -> Option<Disc> {
        let ends = self.ends.get(first as usize..=(last as usize + 1).min(self.ends.len().saturating_sub(1)))?;
        let (start, rest) = ends.split_first()?;
        // No place of a stretch is farther from the nearer of its ends than half its length.
        let mut disc = Disc::of(*start, self.stretch_m / 2.0);
        for end in rest {
            disc.hold(*end, self.stretch_m / 2.0);
        }
        Some(disc)
    }
}
