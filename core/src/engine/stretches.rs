//! A line in stretches, and which devices reach which of them. All of it follows from the terms, the registry and
//! where mobile devices are: it is in no snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::disc::Disc;
use super::limits::MAX_STRETCHES;
use super::record::Stand;
use crate::geometry::{LineIndex, LonLat};
use crate::id::Id;

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
}

impl Stretches {
    pub(super) fn of(line: &LineIndex, stretch_m: f64) -> Self {
        let length_m = line.length_m();
        let stretch_m = stretch_m.max(length_m / MAX_STRETCHES as f64);
        let count = ((length_m / stretch_m - 1e-6).ceil().max(1.0) as usize).min(MAX_STRETCHES);
        let chainages: Vec<f64> = (0..=count).map(|n| (n as f64 * stretch_m).min(length_m)).collect();
        let ends = line.places_at(&chainages);
        Self { length_m, stretch_m, ends, reached: vec![BTreeSet::new(); count], reach: BTreeMap::new() }
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
