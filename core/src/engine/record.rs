//! What is known of each device that is registered or was heard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{EVICTED_PART, LimitsHit, MAX_ABSENCE, MAX_UNKNOWN_DEVICES, REPORT_STANDS};
use super::rules::clock::ClockWatch;
use super::trail::{Trail, Verdict};
use crate::geometry::LonLat;
use crate::id::Id;
use crate::time::Time;
use crate::wire::{Data, DeviceState, Fix, Reading, Suspicion};

/// Where something stands and its 95 % radius.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stand {
    pub(super) position: LonLat,
    pub(super) hacc_m: f64,
}

/// One device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that a device or the registry says")]
pub(super) struct Record {
    pub(super) station: Id,
    pub(super) registered: bool,
    /// Journal time from which its silence counts: its latest arrival, its registration or its station's return.
    pub(super) counted_from: Time,
    pub(super) last_heard: Option<Time>,
    pub(super) last_time: Option<Time>,
    /// Where it reported to be.
    pub(super) trail: Trail,
    /// The latest position that it reported is not believed.
    pub(super) doubtful: bool,
    /// Reading time of its own report that satellite reception is disturbed, if it has not taken that back.
    disturbed: Option<Time>,
    pub(super) battery_pct: Option<f64>,
    pub(super) readings: u64,
    /// Wall time by which it said it would be heard.
    pub(super) next_by: Option<Time>,
    /// It said that it is under maintenance until then.
    pub(super) in_maintenance: bool,
    /// It said that it does not sense: asleep, or gone by its last will.
    pub(super) absence: Option<Absence>,
    /// Its enclosure was open when it last said.
    pub(super) opened: bool,
    /// The interval that it told, seconds.
    pub(super) interval_s: Option<f64>,
    /// Under each tamper rule: since when it reports to be elsewhere.
    #[serde(with = "super::pairs")]
    pub(super) moved: BTreeMap<Id, Moved>,
    /// Its GNSS clock against its uptime.
    pub(super) gnss_clock: Option<Box<GnssClock>>,
    /// What each clock rule knows of its clock.
    pub(super) clocks: Vec<(Id, ClockWatch)>,
}

/// Why a device said that it does not sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Absence {
    Asleep,
    Offline,
}

/// A GNSS clock against the time since the boot, which nothing from outside can shift.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct GnssClock {
    pub(super) boot: u32,
    /// When the boot was, by the clock before it leapt.
    pub(super) booted: Time,
    /// Since when it has been off.
    pub(super) leapt: Option<Time>,
}

/// Consecutive readings that place a device away from where it was surveyed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) since: Time,
    pub(super) readings: u32,
}

impl Record {
    fn new(station: Id, registered: bool, now: Time) -> Self {
        Self {
            station,
            registered,
            counted_from: now,
            last_heard: None,
            last_time: None,
            trail: Trail::default(),
            doubtful: false,
            disturbed: None,
            battery_pct: None,
            readings: 0,
            next_by: None,
            in_maintenance: false,
            absence: None,
            opened: false,
            interval_s: None,
            moved: BTreeMap::new(),
            gnss_clock: None,
            clocks: Vec::new(),
        }
    }

    pub(super) fn heard(&mut self, now: Time) {
        self.last_heard = Some(now);
        self.counted_from = now;
    }

    /// The latest believed one of the positions that it reported.
    pub(super) fn stand(&self) -> Option<Stand> {
        self.trail.stand()
    }

    /// Takes in where a reading says that the device is, and says whether that can be believed: nothing moves
    /// faster than it can, and a receiver that says itself that it is disturbed is taken at its word.
    pub(super) fn take_position(
        &mut self,
        reading: &Reading,
        stand: Option<Stand>,
        time: Time,
        newest: bool,
        fastest_mps: f64,
    ) -> Verdict {
        let own = match &reading.data {
            Data::GnssStatus(status) => {
                let disturbed = status.jamming != Suspicion::None || status.spoofing != Suspicion::None;
                if newest {
                    self.disturbed = disturbed.then_some(time);
                }
                disturbed
            }
            _ => false,
        };
        let stands = |since: Time| time.since(since).nanos().saturating_abs() < REPORT_STANDS.nanos();
        let surveyed = reading.position.is_some_and(|position| position.fix == Fix::Surveyed);
        let disturbed = (own || self.disturbed.is_some_and(stands)) && !surveyed;
        let verdict = match stand {
            None => Verdict::Believed,
            Some(_) if disturbed => Verdict::Doubted,
            Some(stand) if newest => self.trail.take(time, stand, fastest_mps),
            Some(stand) if self.trail.allows(time, stand, fastest_mps) => Verdict::Believed,
            Some(_) => Verdict::Doubted,
        };
        if newest {
            self.doubtful = disturbed || self.trail.is_doubtful();
        }
        verdict
    }

    /// What a clock rule knows of its clock.
    pub(super) fn clock(&mut self, rule: &Id) -> &mut ClockWatch {
        let place = self.clocks.iter().position(|(known, _)| known == rule).unwrap_or_else(|| {
            // Most agreements have one such rule, and there are many devices.
            self.clocks.reserve_exact(1);
            self.clocks.push((rule.clone(), ClockWatch::default()));
            self.clocks.len() - 1
        });
        &mut self.clocks[place].1
    }

    /// Takes in what a device says of itself; a last will is the broker's word that it is gone.
    pub(super) fn told(&mut self, state: &DeviceState, wall: Time) {
        self.next_by = state.next_by.map(|next_by| next_by.min(wall + MAX_ABSENCE));
        self.in_maintenance = state.reason.as_deref() == Some("maintenance");
        self.absence = match state.reason.as_deref() {
            Some("sleep") => Some(Absence::Asleep),
            _ if !state.online => Some(Absence::Offline),
            _ => None,
        };
        if state.online {
            // Longer than a day would be a way to have silence not judged.
            self.interval_s = state.interval_s.filter(|interval| (0.1..=86_400.0).contains(interval));
        }
    }
}

/// All devices.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    #[serde(with = "super::pairs")]
    pub(super) by_id: BTreeMap<Id, Record>,
    unknown: usize,
}

impl Records {
    /// The record of a device, made if there is none.
    pub(super) fn of(&mut self, device: &Id, station: &Id, now: Time, limits: &mut LimitsHit) -> &mut Record {
        if self.unknown >= MAX_UNKNOWN_DEVICES && !self.by_id.contains_key(device) {
            self.forget_unknown(limits);
        }
        self.by_id.entry(device.clone()).or_insert_with(|| {
            self.unknown += 1;
            Record::new(station.clone(), false, now)
        })
    }

    fn forget_unknown(&mut self, limits: &mut LimitsHit) {
        let unknown = self.by_id.iter().filter(|(_, record)| !record.registered);
        let mut oldest: Vec<(Option<Time>, Id)> = unknown.map(|(id, record)| (record.last_heard, id.clone())).collect();
        oldest.sort_unstable();
        for (_, id) in oldest.into_iter().take(MAX_UNKNOWN_DEVICES / EVICTED_PART) {
            self.by_id.remove(&id);
            self.unknown -= 1;
            limits.unknown_devices += 1;
        }
    }

    /// Makes the registered ones those of the registry; what was heard of a device stays.
    pub(super) fn register<'a>(&mut self, registered: impl Iterator<Item = (&'a Id, &'a Id)>, now: Time) {
        let mut before = std::mem::take(&mut self.by_id);
        let mut records: Vec<(Id, Record)> = Vec::with_capacity(registered.size_hint().0);
        for (device, station) in registered {
            let mut record = before.remove(device).unwrap_or_else(|| Record::new(station.clone(), false, now));
            if !record.registered {
                record.registered = true;
                record.counted_from = now;
            }
            record.station.clone_from(station);
            records.push((device.clone(), record));
        }
        for (device, mut record) in before {
            record.registered = false;
            record.moved.clear();
            records.push((device, record));
        }
        // Made of all at once, the map's nodes are full; filled in order they would be half empty.
        self.by_id = records.into_iter().collect();
        self.unknown = self.by_id.values().filter(|record| !record.registered).count();
    }
}
