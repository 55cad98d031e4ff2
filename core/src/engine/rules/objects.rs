//! Tracked objects and watched devices, for the rules about where they are.

use super::crossing::Sides;
use super::stay::Beside;
use super::{crossing, stay};
use crate::agreement::{Rule, RuleKind};
use crate::alert::PlaceExtent;
use crate::engine::book::Book;
use crate::engine::finding::{PlaceBy, in_force};
use crate::engine::frame::Frame;
use crate::engine::past::Seen;
use crate::engine::polar::covering;
use crate::engine::record::Stand;
use crate::engine::sighting::Sighting;
use crate::engine::terms::Group;
use crate::engine::tracks::{Sort, Step, Taken, TrackKey, Tracks};
use crate::engine::trail::FASTEST_MPS;
use crate::registry::Mobility;
use crate::time::Span;
use crate::wire::{Data, ObjectClass, Observation};

/// Faster than this a person has not moved, metres a second.
const FASTEST_PERSON_MPS: f64 = 15.0;
/// The same for vehicles and weapons.
const FASTEST_VEHICLE_MPS: f64 = 60.0;

/// A sensor that says that it is faster still is believed, within bounds.
fn fastest_mps(class: ObjectClass, told_mps: Option<f64>) -> f64 {
    let fastest = match class {
        ObjectClass::Person => FASTEST_PERSON_MPS,
        ObjectClass::Unknown => FASTEST_MPS,
        _ => FASTEST_VEHICLE_MPS,
    };
    told_mps.map_or(fastest, |told| fastest.max(told.min(FASTEST_MPS)))
}

/// One sighting of an object.
pub(super) struct Object {
    pub(super) subject: String,
    /// `None` for a watched device, which is of no class and counts for every one.
    pub(super) class: Option<&'static str>,
    pub(super) calibre_mm: Option<f64>,
    pub(super) confidence: f64,
    /// `None` where nothing supports a place.
    pub(super) extent: Option<PlaceExtent>,
    pub(super) place_by: PlaceBy,
    /// For so long it is known to have been there from the sighting's time on.
    pub(super) lasts: Span,
}

impl Object {
    pub(super) fn class(&self) -> &'static str {
        self.class.unwrap_or("device")
    }

    /// How probably it is what the rule is about: the sensor's confidence in the class, where the rule goes by classes.
    pub(super) fn counted(&self, rule: &Rule) -> f64 {
        let by_class =
            !rule.classes.is_empty() || matches!(rule.kind, RuleKind::Withdrawal { .. } | RuleKind::NoFlight { .. });
        if by_class { self.confidence } else { 1.0 }
    }

    /// The class for people.
    pub(super) fn words(&self) -> String {
        self.class().replace('_', " ")
    }

    pub(super) fn stand(&self) -> Option<Stand> {
        self.extent.and_then(covering)
    }
}

/// Judges a tracked object or a weapon that a patrol reports.
pub(in crate::engine) fn judge(sighting: &Sighting<'_>, tracks: &mut Tracks, book: &mut Book, frame: &mut Frame) {
    match &sighting.reading.data {
        Data::ObjectTrack(seen) => {
            if !wanted(sighting, Group::Crossing) && !wanted(sighting, Group::Stay) {
                return;
            }
            let class = seen.class.as_str();
            let Some((extent, place_by)) = sighting.extent_of_object(class, &seen.place) else { return };
            let entry = sighting.entry;
            let object = Object {
                subject: format!("track:{}/{}/{}", entry.device, entry.boot, seen.track),
                class: Some(class),
                calibre_mm: seen.calibre_mm,
                confidence: seen.confidence.unwrap_or(1.0),
                extent: Some(extent),
                place_by,
                lasts: Span::default(),
            };
            let key = TrackKey::new(&entry.device, entry.boot, Sort::Object, seen.track.clone());
            let fastest_mps = fastest_mps(seen.class, seen.speed_mps);
            let step = sighting.step(object.stand(), fastest_mps);
            follow(sighting, &object, &key, &step, tracks, book, frame);
        }
        Data::PatrolReport(report) if report.observation == Observation::Weapon => {
            let Some(weapon) = &report.weapon else { return };
            let class = weapon.class.map_or("unknown", ObjectClass::as_str);
            let Some((extent, place_by)) = sighting.extent_of_report(class, report) else { return };
            let object = Object {
                subject: format!("patrol:{}", sighting.entry.device),
                class: Some(class),
                calibre_mm: weapon.calibre_mm,
                confidence: super::no_fire::confidence_of(report.means),
                extent: Some(extent),
                place_by,
                lasts: Span::default(),
            };
            stay::judge(sighting, &object, &sighting.located(extent), Beside::Nothing, book, frame);
        }
        _ => {}
    }
}

/// Judges the position of a mobile device that is registered to be watched.
pub(in crate::engine) fn judge_watched(
    sighting: &Sighting<'_>,
    tracks: &mut Tracks,
    book: &mut Book,
    frame: &mut Frame,
) {
    let watched = sighting.device.is_some_and(|device| device.watched && device.mobility == Mobility::Mobile);
    if !watched || !wanted(sighting, Group::Crossing) {
        return;
    }
    let device = &sighting.entry.device;
    let key = TrackKey::itself(device);
    let Some(stand) = sighting.stand else {
        tracks.heard(&key, sighting.time(), frame.now);
        return;
    };
    let object = Object {
        subject: format!("device:{device}"),
        class: None,
        calibre_mm: None,
        confidence: 1.0,
        extent: Some(PlaceExtent::Point { position: stand.position, hacc_m: stand.hacc_m }),
        place_by: PlaceBy::Sensor,
        lasts: Span::default(),
    };
    let fastest_mps = sighting.device.and_then(|device| device.max_speed_mps).unwrap_or(FASTEST_MPS);
    // The record has looked whether it can have come there.
    let step = Step { worth: Some(sighting.worth), ..sighting.step(Some(stand), fastest_mps) };
    follow(sighting, &object, &key, &step, tracks, book, frame);
}

/// Judges a sighting of a track: against what is known of it, and beside what came late of it.
fn follow(
    sighting: &Sighting<'_>,
    object: &Object,
    key: &TrackKey,
    step: &Step,
    tracks: &mut Tracks,
    book: &mut Book,
    frame: &mut Frame,
) {
    // A device that is watched is judged for crossings only.
    let stays = object.class.is_some();
    let Step { time, late, stand, fastest_mps, .. } = *step;
    let rank = sighting.rank(frame.now);
    let (sides, stays, anew) = match tracks.take(key, step, rank, &mut frame.limits) {
        Taken::Newest(track, anew) => {
            let edge = track.is_edge(step);
            let Some(extent) = object.extent else { return };
            let located = sighting.located(extent);
            let sides = crossing::judge(sighting, object, &located, (fastest_mps, edge), track, book, frame);
            let unsure = track.sure.is_empty() && wanted(sighting, Group::Crossing);
            let marks = if stays {
                stay::judge(sighting, object, &located, Beside::Track(track), book, frame)
            } else {
                Vec::new()
            };
            if !late && !(edge && (unsure || !sides.fresh.is_empty())) {
                return;
            }
            (sides, marks, anew)
        }
        Taken::Earlier => {
            let sides = crossing::sides(sighting, object);
            let mut seen = Seen { stand, fastest_mps, anew: false, sure: sides.sure, stays: Vec::new() };
            let Some(past) = tracks.past.of(key, time, &seen, rank, &mut frame.limits) else { return };
            crossing::judge_beside(sighting, object, (past, &seen, &sides.fresh), book, frame);
            if stays && let Some(extent) = object.extent {
                let located = sighting.located(extent);
                seen.stays = stay::judge(sighting, object, &located, Beside::Past(past, &seen), book, frame);
            }
            tracks.past.keep(key, time, seen, rank, &mut frame.limits);
            return;
        }
        Taken::Nothing => return,
    };
    let Sides { mut sure, fresh } = sides;
    if !late {
        // What is seen live is judged by its track; here it is an end that what comes late may go up to.
        sure.retain(|(rule, _)| fresh.contains(rule));
    }
    let seen = Seen { stand, fastest_mps, anew, sure, stays };
    if let Some(past) = tracks.past.of(key, time, &seen, rank, &mut frame.limits) {
        crossing::judge_beside(sighting, object, (past, &seen, &fresh), book, frame);
        tracks.past.keep(key, time, seen, rank, &mut frame.limits);
    }
}

pub(super) fn wanted(sighting: &Sighting<'_>, group: Group) -> bool {
    sighting.terms.rules_of(group).any(|rule| in_force(rule, sighting.time()))
}
