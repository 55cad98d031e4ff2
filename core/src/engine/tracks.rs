//! Tracked objects and watched devices: where each was last, and what each rule knows of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{EVICTED_PART, LimitsHit, MAX_HEARD_GAP, MAX_TRACK_GAP, MAX_TRACKS, MAX_TRACKS_PER_DEVICE};
use super::past::{Pasts, Seen};
use super::record::Stand;
use super::trail::{Trail, Verdict};
use super::way::Way;
use crate::alert::Evidence;
use crate::geometry::Side;
use crate::id::Id;
use crate::time::{Span, Time};

/// Which track: a sensor's name for an object counts within one boot and one sort.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Named", into = "Named")]
pub(super) struct TrackKey {
    /// The device's id as a number, first in the order: two devices are mostly told apart without a look at their names.
    print: u64,
    device: Id,
    boot: u32,
    sort: Sort,
    name: String,
}

/// A track's key as it is written down.
#[derive(Serialize, Deserialize)]
struct Named {
    device: Id,
    boot: u32,
    sort: Sort,
    name: String,
}

impl From<Named> for TrackKey {
    fn from(Named { device, boot, sort, name }: Named) -> Self {
        Self::new(&device, boot, sort, name)
    }
}

impl From<TrackKey> for Named {
    fn from(TrackKey { device, boot, sort, name, .. }: TrackKey) -> Self {
        Self { device, boot, sort, name }
    }
}

/// What a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Sort {
    /// The device itself, which is watched.
    Itself,
    /// What moves on the ground.
    Object,
    /// A UAV.
    Flyer,
    /// What is heard to fly; its class is the name.
    Heard,
}

impl TrackKey {
    /// That of an object which a device calls by a name.
    pub(super) fn new(device: &Id, boot: u32, sort: Sort, name: String) -> Self {
        // FNV-1a; two devices with one number are told apart by their ids.
        let print = device.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |print: u64, byte| {
            (print ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { print, device: device.clone(), boot, sort, name }
    }

    /// That of a watched device, whatever its boot; the first of the device's.
    pub(super) fn itself(device: &Id) -> Self {
        Self::new(device, 0, Sort::Itself, String::new())
    }

    /// Between two sightings that are farther apart it is not known to have stayed where it was.
    pub(super) fn longest_gap(&self) -> Span {
        if self.sort == Sort::Heard { MAX_HEARD_GAP } else { MAX_TRACK_GAP }
    }
}

/// What is kept longest: what a registered device tells, since whoever may publish can make up others; of equal ones
/// what arrived last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Rank {
    pub(super) registered: bool,
    pub(super) arrived: Time,
}

/// A sighting, as far as its track goes by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Reading time.
    pub(super) time: Time,
    pub(super) late: bool,
    pub(super) stand: Option<Stand>,
    /// Faster than this it cannot have moved.
    pub(super) fastest_mps: f64,
    /// What its place is worth, if that is known already.
    pub(super) worth: Option<Verdict>,
}

/// What follows from a sighting.
pub(super) enum Taken<'a> {
    /// It is the newest of its track; whether it is not the same object, or not the same place, as before.
    Newest(&'a mut Track, bool),
    /// It came late, or after its track was lost, and lies before what is known.
    Earlier,
    /// Nothing: it is neither newer nor from a time in which its track was lost, was seen live, or its position is doubted.
    Nothing,
}

/// What is known of one track.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Track {
    rank: Rank,
    /// Reading time of its newest sighting.
    time: Time,
    /// Until when it is known to be the same one: its latest sighting that was believed, of a watched device
    /// whatever was heard since at short intervals.
    known: Time,
    /// Since when it was seen without a gap.
    began: Time,
    /// It was lost and came back: what was made meanwhile may still come.
    returned: bool,
    /// Since when it was seen live.
    live_from: Option<Time>,
    trail: Trail,
    /// It was lost for too long, or jumped, and started anew.
    pub(super) restarted: bool,
    /// Under each crossing rule: where it surely was last.
    #[serde(with = "super::pairs")]
    pub(super) sure: BTreeMap<Id, Sure>,
    /// Under each rule and zone: since when it is where it should not be.
    #[serde(with = "super::pairs")]
    pub(super) inside: BTreeMap<(Id, Option<Id>), Inside>,
    /// The same of where it is permitted all the same.
    #[serde(with = "super::pairs")]
    pub(super) permitted: BTreeMap<(Id, Option<Id>), Inside>,
}

/// A position that was surely on one side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sure {
    pub(super) side: Side,
    pub(super) probability: f64,
    /// How probably it is what the rule is about, as well as that was seen on this side.
    pub(super) counted: f64,
    /// That is sure enough to have crossed to this side.
    pub(super) certain: bool,
    pub(super) time: Time,
    pub(super) stand: Stand,
    /// What was seen of it since.
    pub(super) way: Way,
    /// The line that it was sure of.
    pub(super) line: u64,
    pub(super) evidence: Evidence,
    /// Where it was first seen on the other side, while it has not been there for the rule's dwell.
    pub(super) entered: Option<Box<Entered>>,
}

/// The first sighting on the other side, and the way up to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entered {
    pub(super) sure: Sure,
    pub(super) way: Way,
}

/// A stay where the rule forbids it, by reading time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Inside {
    pub(super) since: Time,
    /// Its latest sighting there.
    pub(super) last: Time,
}

/// All tracks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tracks {
    #[serde(with = "super::pairs")]
    by_key: BTreeMap<TrackKey, Track>,
    pub(super) past: Pasts,
}

impl Track {
    /// Whether what is sighted now may lie beside what comes late: its side is not known since it was lost, or came late.
    pub(super) fn is_edge(&self, step: &Step) -> bool {
        step.late || self.sure.is_empty() || step.time.since(self.began) <= MAX_TRACK_GAP
    }

    /// The ends of what was seen of it, beside which what comes late may lie.
    fn ends(&self, fastest_mps: f64) -> BTreeMap<Time, Seen> {
        let seen = |stand| Seen { stand, fastest_mps, anew: false, sure: Vec::new(), stays: Vec::new() };
        let mut ends = BTreeMap::new();
        if let Some((time, stand)) = self.trail.last() {
            ends.insert(time, seen(Some(stand)));
        }
        for (rule, sure) in &self.sure {
            let end = ends.entry(sure.time).or_insert_with(|| seen(Some(sure.stand)));
            end.sure.push((rule.clone(), sure.clone()));
        }
        ends
    }
}

impl Tracks {
    /// Takes a sighting in.
    pub(super) fn take(&mut self, key: &TrackKey, step: &Step, rank: Rank, limits: &mut LimitsHit) -> Taken<'_> {
        let Step { time, late, stand, fastest_mps, worth } = *step;
        if !self.by_key.contains_key(key) {
            self.make_room(key, limits);
            let track = Track {
                rank,
                time,
                known: time,
                began: time,
                returned: false,
                live_from: (!late).then_some(time),
                trail: Trail::from(time, stand),
                restarted: false,
                sure: BTreeMap::new(),
                inside: BTreeMap::new(),
                permitted: BTreeMap::new(),
            };
            return Taken::Newest(self.by_key.entry(key.clone()).or_insert(track), false);
        }
        let Some(track) = self.by_key.get_mut(key) else { return Taken::Nothing };
        track.rank = rank;
        if time <= track.time {
            let unseen = track.live_from.is_none_or(|live| time < live);
            return if (late || track.returned) && unseen { Taken::Earlier } else { Taken::Nothing };
        }
        track.time = time;
        let lost = time.since(track.known) > MAX_TRACK_GAP;
        if lost {
            for (time, seen) in track.ends(fastest_mps) {
                self.past.keep(key, time, seen, rank, limits);
            }
            if let Some(live) = track.live_from.take() {
                self.past.was_live(key, (live, track.known), rank, limits);
            }
            (track.began, track.returned) = (time, true);
        }
        let verdict = match worth {
            _ if lost => Verdict::Restarted,
            Some(worth) => worth,
            None => stand.map_or(Verdict::Believed, |stand| track.trail.take(time, stand, fastest_mps)),
        };
        if lost || worth.is_some() {
            track.trail = Trail::from(time, stand);
        }
        match verdict {
            Verdict::Believed => {}
            Verdict::Restarted => {
                track.restarted = true;
                track.sure.clear();
                track.inside.clear();
                track.permitted.clear();
            }
            Verdict::Doubted => {
                limits.doubted_positions += 1;
                return Taken::Nothing;
            }
        }
        track.known = track.known.max(time);
        if !late {
            track.live_from = track.live_from.or(Some(time));
        }
        Taken::Newest(track, verdict == Verdict::Restarted && !lost)
    }

    /// A watched device was heard and said nothing that can be believed of where it is: it is still the same device.
    pub(super) fn heard(&mut self, key: &TrackKey, time: Time, now: Time) {
        let Some(track) = self.by_key.get_mut(key) else { return };
        if time > track.known && time.since(track.known) <= MAX_TRACK_GAP {
            (track.known, track.rank.arrived) = (time, now);
        }
    }

    fn make_room(&mut self, key: &TrackKey, limits: &mut LimitsHit) {
        let first = TrackKey::itself(&key.device);
        let own = || self.by_key.range(&first..).take_while(|(other, _)| other.device == key.device);
        if own().count() >= MAX_TRACKS_PER_DEVICE {
            let mut own: Vec<(Rank, TrackKey)> = own().map(|(key, track)| (track.rank, key.clone())).collect();
            own.sort_unstable();
            self.forget(own.into_iter().take(MAX_TRACKS_PER_DEVICE / EVICTED_PART), limits);
        }
        if self.by_key.len() >= MAX_TRACKS {
            let mut all: Vec<(Rank, TrackKey)> =
                self.by_key.iter().map(|(key, track)| (track.rank, key.clone())).collect();
            all.sort_unstable();
            self.forget(all.into_iter().take(MAX_TRACKS / EVICTED_PART), limits);
        }
    }

    fn forget(&mut self, first: impl Iterator<Item = (Rank, TrackKey)>, limits: &mut LimitsHit) {
        for (_, key) in first {
            self.by_key.remove(&key);
            self.past.forget(&key);
            limits.tracks += 1;
        }
    }
}
