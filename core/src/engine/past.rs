//! What was sighted before the newest sighting of a track: stores that come late, in parts, in any order.
//!
//! A sighting goes to its place in time. A crossing follows from it where it makes two neighbours lie on different
//! sides that did not before: so each crossing is told once, whatever comes first, and none is made up over a time in
//! which nobody saw the track. What was seen live is not kept here but for the ends of each live run, so that a store can go on from
//! it and up to it; what comes late from within a live run is not judged.
//!
//! It is bounded: beyond a number what lies between two sightings that say the same is forgotten, then those that are
//! oldest by their own time, and what is older than they were is not judged any more.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use serde::{Deserialize, Serialize};

use super::limits::{
    EVICTED_PART, LimitsHit, MAX_LATE_SIGHTINGS, MAX_LATE_SIGHTINGS_PER_TRACK, MAX_LIVE_RUNS, MAX_TRACK_GAP,
};
use super::record::Stand;
use super::tracks::{Rank, Sure, TrackKey};
use super::trail;
use super::way::Way;
use crate::geometry::Side;
use crate::id::Id;
use crate::time::{Span, Time};

/// One sighting, as far as its track goes by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) stand: Option<Stand>,
    pub(super) fastest_mps: f64,
    /// It is not the same object, or not the same place, as what was before.
    pub(super) anew: bool,
    /// The sides that are sure, by crossing rule.
    pub(super) sure: Vec<(Id, Sure)>,
    /// Where it should not be, or neither surely is nor surely is not.
    pub(super) stays: Vec<Mark>,
}

/// A sighting under a rule about where something stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) rule: Id,
    pub(super) zone: Option<Id>,
    /// Whether it is permitted there; `None` if it is neither there nor gone.
    pub(super) permitted: Option<bool>,
}

/// The past of one track.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Past {
    rank: Rank,
    #[serde(with = "super::pairs")]
    seen: BTreeMap<Time, Seen>,
    /// From when to when it was seen live.
    live: Vec<(Time, Time)>,
    /// What is not younger is not judged: what was there is forgotten.
    floor: Option<Time>,
}

/// A sighting whose side is sure, and where it was seen on the way there.
type Neighbour = (Sure, Vec<(Time, Stand)>);

/// That of all tracks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pasts {
    #[serde(with = "super::pairs")]
    by_key: BTreeMap<TrackKey, Past>,
    count: usize,
}

impl Seen {
    /// Whether it can be the same object that was seen at `before`.
    fn follows(&self, time: Time, before: (&Time, &Self)) -> bool {
        let (then, seen) = before;
        let reached = self.stand.zip(seen.stand).is_none_or(|(now, last)| {
            trail::reaches((*then, last), (time, now), self.fastest_mps.max(seen.fastest_mps))
        });
        !self.anew && time.since(*then) <= MAX_TRACK_GAP && reached
    }

    fn sure_of(&self, rule: &Id) -> Option<&Sure> {
        self.sure.iter().find(|(known, _)| known == rule).map(|(_, sure)| sure)
    }

    /// Whether two sightings say the same to every rule.
    fn says_as(&self, other: &Self) -> bool {
        self.stays == other.stays && self.anew == other.anew && self.sides().eq(other.sides())
    }

    fn sides(&self) -> impl Iterator<Item = (&Id, Side, u64, bool)> {
        self.sure.iter().map(|(rule, sure)| (rule, sure.side, sure.line, sure.certain))
    }
}

impl Past {
    fn before(&self, time: Time) -> Option<(&Time, &Seen)> {
        self.seen.range(..time).next_back()
    }

    fn after(&self, time: Time) -> Option<(&Time, &Seen)> {
        self.seen.range((Excluded(time), Unbounded)).next()
    }

    /// Whether two sightings that follow one another are of one object.
    fn linked(&self, before: (&Time, &Seen), after: (&Time, &Seen)) -> bool {
        let live = || self.live.iter().any(|(from, to)| from <= before.0 && after.0 <= to);
        after.1.follows(*after.0, before) || live()
    }

    /// Whether its neighbours in time are known to be one object without it.
    fn bridged(&self, time: Time) -> bool {
        self.before(time).zip(self.after(time)).is_some_and(|(before, after)| self.linked(before, after))
    }

    /// Whether a sighting is to be judged: it is none of a time that was seen live, and not forgotten, and not one that
    /// cannot be between those that are known.
    fn takes(&self, time: Time, seen: &Seen, limits: &mut LimitsHit) -> bool {
        if self.seen.contains_key(&time) || self.live.iter().any(|(from, to)| (*from..=*to).contains(&time)) {
            return false;
        }
        if self.floor.is_some_and(|floor| time <= floor) {
            limits.late_sightings += 1;
            return false;
        }
        let fits = self.before(time).is_some_and(|before| seen.follows(time, before))
            && self.after(time).is_some_and(|(then, after)| after.follows(*then, (&time, seen)));
        if self.bridged(time) && !fits {
            limits.doubted_positions += 1;
            return false;
        }
        true
    }

    /// The last before a sighting whose side is certain, and the first after it, if it is the same object as far as
    /// anybody saw; each with the way from there or to there. After it also one that is on its side and only sure: the
    /// track was judged by that, live. And the first after it that is certain, whatever is between.
    fn neighbours(&self, time: Time, seen: &Seen, rule: &Id) -> ([Option<Neighbour>; 2], Option<&Sure>) {
        let mut found = [None, None];
        let (mut last, mut way) = ((time, seen), Vec::new());
        for (then, earlier) in self.seen.range(..time).rev() {
            if !self.linked((then, earlier), (&last.0, last.1)) {
                break;
            }
            if let Some(sure) = earlier.sure_of(rule).filter(|sure| sure.certain) {
                way.reverse();
                found[0] = Some((sure.clone(), way));
                break;
            }
            way.extend(earlier.stand.map(|stand| (*then, stand)));
            last = (*then, earlier);
        }
        let side = seen.sure_of(rule).or(found[0].as_ref().map(|(before, _)| before)).map(|sure| sure.side);
        let (mut last, mut way) = ((time, seen), Vec::new());
        for (then, later) in self.seen.range((Excluded(time), Unbounded)) {
            if !self.linked((&last.0, last.1), (then, later)) {
                break;
            }
            if let Some(sure) = later.sure_of(rule) {
                if found[1].is_none() && (sure.certain || Some(sure.side) == side) {
                    found[1] = Some((sure.clone(), std::mem::take(&mut way)));
                }
                if sure.certain {
                    return (found, Some(sure));
                }
            }
            way.extend(later.stand.map(|stand| (*then, stand)));
            last = (*then, later);
        }
        (found, None)
    }

    /// The crossings of a rule's line that follow from a sighting, each from a sure side to the other.
    pub(super) fn crossings(&self, time: Time, seen: &Seen, rule: &Id) -> Vec<(Sure, Sure)> {
        let ([before, after], certain) = self.neighbours(time, seen, rule);
        let differ = |a: &Sure, b: &Sure| a.side != b.side && a.line == b.line && b.certain;
        let known = before.as_ref().zip(certain).is_some_and(|((before, _), certain)| differ(before, certain));
        if known && self.bridged(time) {
            return Vec::new();
        }
        let walk = |from: &Sure, way: &[(Time, Stand)], to: &Sure| {
            let mut from = from.clone();
            from.way = Way::from(from.time, from.stand);
            for (time, stand) in way {
                from.way.step(*time, *stand, seen.fastest_mps);
                from.way.passes(*stand);
            }
            from.way.step(to.time, to.stand, seen.fastest_mps);
            (from, to.clone())
        };
        match (before, seen.sure_of(rule), after) {
            (Some((before, mut way)), None, Some((after, rest))) if differ(&before, &after) => {
                way.extend(seen.stand.map(|stand| (time, stand)));
                way.extend(rest);
                vec![walk(&before, &way, &after)]
            }
            (before, Some(here), after) => {
                let into =
                    before.filter(|(before, _)| differ(before, here)).map(|(before, way)| walk(&before, &way, here));
                let out = after.filter(|(after, _)| differ(here, after)).map(|(after, way)| walk(here, &way, &after));
                into.into_iter().chain(out).collect()
            }
            _ => Vec::new(),
        }
    }

    /// From when to when a stay lasts that a sighting is of.
    pub(super) fn stay(&self, time: Time, seen: &Seen, mark: &Mark, longest_gap: Span) -> (Time, Time) {
        let same = |other: &&Mark| other.rule == mark.rule && other.zone == mark.zone;
        let (mut since, mut last) = (time, (time, seen));
        for (then, earlier) in self.seen.range(..time).rev() {
            let Some(known) = earlier.stays.iter().find(same) else { break };
            if since.since(*then) > longest_gap || !last.1.follows(last.0, (then, earlier)) {
                break;
            }
            if known == mark {
                since = *then;
            }
            last = (*then, earlier);
        }
        let (mut until, mut last) = (time, (time, seen));
        for (then, later) in self.seen.range((Excluded(time), Unbounded)) {
            let Some(known) = later.stays.iter().find(same) else { break };
            if then.since(until) > longest_gap || !later.follows(*then, (&last.0, last.1)) {
                break;
            }
            if known == mark {
                until = *then;
            }
            last = (*then, later);
        }
        (since, until)
    }

    /// Forgets what says least: first what lies between two that say the same, then the oldest.
    fn shrink(&mut self, longest_gap: Span, limits: &mut LimitsHit) {
        let times: Vec<Time> = self.seen.keys().copied().collect();
        for time in times {
            self.thin(time, longest_gap);
        }
        while self.seen.len() > MAX_LATE_SIGHTINGS_PER_TRACK - MAX_LATE_SIGHTINGS_PER_TRACK / EVICTED_PART {
            let Some((oldest, _)) = self.seen.pop_first() else { return };
            self.floor = self.floor.max(Some(oldest));
            limits.late_sightings += 1;
        }
    }

    /// Forgets a sighting between two that say the same and are known to be one object, and one stay, without it.
    fn thin(&mut self, time: Time, longest_gap: Span) {
        let says_nothing = self.seen.get(&time).is_some_and(|seen| {
            self.before(time).zip(self.after(time)).is_some_and(|((from, before), (to, after))| {
                before.says_as(seen) && after.says_as(seen) && to.since(*from) <= longest_gap
            })
        });
        if says_nothing && self.bridged(time) {
            self.seen.remove(&time);
        }
    }

    /// Forgets all that was seen, but not that it was judged; says how many sightings that were.
    fn empty(&mut self) -> usize {
        let newest = self.seen.last_key_value().map(|(time, _)| *time);
        let live = self.live.last().map(|(_, end)| *end);
        self.floor = self.floor.max(newest).max(live);
        self.live.clear();
        std::mem::take(&mut self.seen).len()
    }
}

impl Pasts {
    /// The past of a track, if a sighting of then is to be judged.
    pub(super) fn of(
        &mut self,
        key: &TrackKey,
        time: Time,
        seen: &Seen,
        rank: Rank,
        limits: &mut LimitsHit,
    ) -> Option<&Past> {
        let past = self.touch(key, rank, limits);
        if past.takes(time, seen, limits) { Some(past) } else { None }
    }

    /// Keeps a sighting.
    pub(super) fn keep(&mut self, key: &TrackKey, time: Time, seen: Seen, rank: Rank, limits: &mut LimitsHit) {
        let past = self.touch(key, rank, limits);
        if past.floor.is_some_and(|floor| time <= floor) || past.seen.contains_key(&time) {
            return;
        }
        past.seen.insert(time, seen);
        let many = past.seen.len();
        if many > MAX_LATE_SIGHTINGS_PER_TRACK {
            past.shrink(key.longest_gap(), limits);
        }
        let forgotten = many - past.seen.len();
        self.count = self.count + 1 - forgotten;
    }

    /// It was seen live all this time.
    pub(super) fn was_live(&mut self, key: &TrackKey, run: (Time, Time), rank: Rank, limits: &mut LimitsHit) {
        let past = self.touch(key, rank, limits);
        if past.live.len() >= MAX_LIVE_RUNS {
            let (_, end) = past.live.remove(0);
            past.floor = past.floor.max(Some(end));
            limits.late_sightings += 1;
        }
        past.live.push(run);
    }

    /// Its track is forgotten.
    pub(super) fn forget(&mut self, key: &TrackKey) {
        self.count -= self.by_key.remove(key).map_or(0, |past| past.seen.len());
    }

    fn touch(&mut self, key: &TrackKey, rank: Rank, limits: &mut LimitsHit) -> &mut Past {
        self.make_room(key, limits);
        let past = self.by_key.entry(key.clone()).or_default();
        past.rank = rank;
        past
    }

    /// Empties the pasts of other tracks: there are no more pasts than tracks, so none has to go as a whole.
    fn make_room(&mut self, key: &TrackKey, limits: &mut LimitsHit) {
        if self.count < MAX_LATE_SIGHTINGS {
            return;
        }
        let mut first: Vec<(Rank, TrackKey)> = self
            .by_key
            .iter()
            .filter(|(other, past)| *other != key && !past.seen.is_empty())
            .map(|(key, past)| (past.rank, key.clone()))
            .collect();
        first.sort_unstable();
        for (_, key) in first {
            if self.count <= MAX_LATE_SIGHTINGS - MAX_LATE_SIGHTINGS / EVICTED_PART {
                break;
            }
            let forgotten = self.by_key.get_mut(&key).map_or(0, Past::empty);
            self.count -= forgotten;
            limits.late_sightings += forgotten as u64;
        }
    }
}
