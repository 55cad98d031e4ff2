//! What the engine keeps at most, and how often a limit made it forget something.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// Devices that are heard but not registered; beyond it those heard longest ago are forgotten.
pub const MAX_UNKNOWN_DEVICES: usize = 20_000;
/// Tracks of all devices together; beyond it a sixteenth is forgotten at once: those first that no registered device
/// shows, then those that arrived longest ago.
pub const MAX_TRACKS: usize = 50_000;
/// Tracks of one device; beyond it the sixteenth that arrived longest ago is forgotten.
pub const MAX_TRACKS_PER_DEVICE: usize = 256;
/// Sightings of one track that are kept since they came late, or lie beside what may come late: a week, one every ten
/// minutes. Beyond it what lies between two that say the same is forgotten, then the oldest by their own time; what comes
/// from before those is not judged.
pub const MAX_LATE_SIGHTINGS_PER_TRACK: usize = 1_100;
/// The same of all tracks together; beyond it a sixteenth is forgotten, track by track: those first that no registered
/// device shows, then those that arrived longest ago. What comes from before their last is not judged.
pub const MAX_LATE_SIGHTINGS: usize = 100_000;
/// Times in which one track was seen live that are remembered; beyond it the oldest is forgotten, and what comes late from
/// before its end is not judged.
pub const MAX_LIVE_RUNS: usize = 64;
/// Open alerts; beyond it the one that had evidence longest ago ends with `limit`, those first that no registered device
/// shows.
pub const MAX_OPEN_ALERTS: usize = 20_000;
/// Open events of what is permitted, about 5 KB each; beyond it one ends as of the alerts.
pub const MAX_OPEN_EVENTS: usize = 10_000;
/// Readings kept as evidence of an alert beside the first and the last: the most probable.
pub const MAX_BEST_EVIDENCE: usize = 50;
/// Quarters of an hour that an alert counts apart, the newest; what is before them is one count.
pub const MAX_QUARTERS: usize = 96;
/// Devices whose detections an alert counts apart, registered ones before others; those of more are one count.
pub const MAX_SOURCES: usize = 64;
/// Fires under rules of fire with a dwell, by rule, station and class; beyond it a sixteenth is forgotten: those first that
/// no registered device senses, then those sensed longest ago.
pub const MAX_SUSTAINED: usize = 4_096;
/// Subjects that a flood alert knows; the detections of more are one count.
pub const MAX_FLOOD_SUBJECTS: usize = 256;
/// Subjects that a flood alert tells: those with the most detections.
pub const MAX_FLOOD_SUBJECTS_TOLD: usize = 32;
/// Sorts of alerts whose openings are counted; beyond it the one that opened none for longest is forgotten.
pub const MAX_BUDGETS: usize = 1_024;
/// Labels of one alert; more are not added.
pub const MAX_LABELS: usize = 16;
/// Times of our own deafness that are remembered; beyond it the two oldest are joined, the time between them
/// counting as deaf too: rather a late alert of silence than a false one.
pub const MAX_DEAF_PERIODS: usize = 256;
/// An alert is revised at most this often when it is only extended, by journal time.
pub const REVISION_INTERVAL: Span = Span::from_secs(10);
/// A track with a longer gap between two sightings starts anew: what happened between is not known.
pub const MAX_TRACK_GAP: Span = Span::from_secs(600);
/// Between two sounds that are farther apart an aircraft is not known to have been there.
pub const MAX_HEARD_GAP: Span = Span::from_secs(60);
/// A device cannot announce a longer absence than this.
pub const MAX_ABSENCE: Span = Span::from_secs(31 * 86_400);
/// Devices of one rule that report disturbed satellite reception; beyond it those whose reports ended first are
/// forgotten.
pub const MAX_REPORTERS: usize = 20_000;
/// A report of disturbed satellite reception stands so long after the last sign, unless the device says otherwise.
pub const REPORT_STANDS: Span = Span::from_secs(900);
/// Distances that are looked at to find enough devices within a distance of one another. It bites only where there are
/// some hundred of them that are neither all close to one of them nor six times as many as are wanted.
pub const CLIQUE_STEPS: usize = 50_000;
/// Stretches of one line under one rule; on a line that would have more they are longer.
pub const MAX_STRETCHES: usize = 20_000;
/// Devices that an alert of coverage names.
pub const MAX_NAMED_DEVICES: usize = 20;

/// When a limit bites, this part of what is there goes at once, so that a flood does not search at every entry.
pub(super) const EVICTED_PART: usize = 16;

/// How often each limit made the engine forget something, since it was fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsHit {
    /// Unregistered devices forgotten.
    pub unknown_devices: u64,
    /// Tracks forgotten.
    pub tracks: u64,
    /// Sightings that came late and were forgotten, or not judged, since what was beside them was forgotten; and times
    /// of being seen live that were forgotten.
    pub late_sightings: u64,
    /// Alerts ended with `limit`.
    pub open_alerts: u64,
    /// Events ended with `limit`.
    pub open_events: u64,
    /// Counts of opened alerts forgotten.
    pub budgets: u64,
    /// Times that a detection's device was not counted apart in an alert.
    pub sources: u64,
    /// Times that a subject was not told apart in a flood alert.
    pub flood_subjects: u64,
    /// Labels not added.
    pub labels: u64,
    /// Times of deafness joined.
    pub deaf_periods: u64,
    /// Readings whose stored bytes could not be decoded, and so were not judged.
    pub undecodable: u64,
    /// Fires forgotten that had not lasted for a rule's dwell, or had and are told.
    pub sustained: u64,
    /// Devices forgotten that reported disturbed satellite reception.
    pub reporters: u64,
    /// Times that whether devices are within a distance of one another was given up to find out.
    pub region_searches: u64,
    /// Reported positions of devices and objects that were not believed.
    pub doubted_positions: u64,
    /// Agreements or registries of the journal that are not valid, and so were not taken.
    pub documents: u64,
}
