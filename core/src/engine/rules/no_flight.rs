//! `no_flight`: a UAV or an aircraft is where it should not fly.
//!
//! A UAV that a sensor tracks is its track; what is heard is of the station, each class an
//! alert of its own, anywhere within the class's range; a person's report stands by itself.
//! Held against the threshold is the probability that it is such a thing, is where the rule
//! holds, and is at a height at which it holds. A height that nobody knows excludes nothing,
//! and permits nothing.

use serde_json::{Map, Value};

use super::objects::{Object, wanted};
use super::stay::{Beside, Stay};
use crate::agreement::RuleKind;
use crate::alert::PlaceExtent;
use crate::engine::book::Book;
use crate::engine::finding::PlaceBy;
use crate::engine::frame::Frame;
use crate::engine::height::Height;
use crate::engine::limits::MAX_TRACK_GAP;
use crate::engine::past::{Mark, Seen};
use crate::engine::sighting::Sighting;
use crate::engine::terms::Group;
use crate::engine::tracks::{Sort, Step, Taken, TrackKey, Tracks};
use crate::time::Span;
use crate::wire::{Data, Detection, Observation, PatrolReport, SoundClass, UavClass, UavDetection};

/// Faster than this a multirotor has not moved, metres a second.
const FASTEST_MULTIROTOR_MPS: f64 = 60.0;
/// The same for what has wings, or may have.
const FASTEST_WINGED_MPS: f64 = 250.0;

/// A speed that a sensor tells is believed up to this, metres a second.
const FASTEST_TOLD_MPS: f64 = 700.0;

/// One sighting of what flies.
struct Flyer {
    object: Object,
    height: Option<Height>,
    /// `None`: a report that stands by itself.
    step: Option<(TrackKey, Step)>,
    facet: &'static str,
    what: String,
}

pub(in crate::engine) fn judge(sighting: &Sighting<'_>, tracks: &mut Tracks, book: &mut Book, frame: &mut Frame) {
    let flying = Group::Flight;
    let flyer = match &sighting.reading.data {
        Data::UavDetection(seen) if wanted(sighting, flying) => tracked(sighting, seen),
        Data::AcousticDetection(heard) | Data::SeismicDetection(heard) if wanted(sighting, flying) => {
            self::heard(sighting, heard)
        }
        Data::PatrolReport(report) if wanted(sighting, flying) => observed(sighting, report),
        _ => None,
    };
    let Some(flyer) = flyer else { return };
    let step = flyer.step.as_ref();
    let Some((key, step)) = step else {
        judge_beside(sighting, &flyer, Beside::Nothing, book, frame);
        return;
    };
    let Step { time, late, stand, fastest_mps, .. } = *step;
    let rank = sighting.rank(frame.now);
    let mut seen = Seen { stand, fastest_mps, anew: false, sure: Vec::new(), stays: Vec::new() };
    match tracks.take(key, step, rank, &mut frame.limits) {
        Taken::Newest(track, anew) => {
            seen.anew = anew;
            seen.stays = judge_beside(sighting, &flyer, Beside::Track(track), book, frame);
            if !late {
                return;
            }
        }
        Taken::Earlier => {
            let Some(past) = tracks.past.of(key, time, &seen, rank, &mut frame.limits) else { return };
            seen.stays = judge_beside(sighting, &flyer, Beside::Past(past, &seen), book, frame);
        }
        Taken::Nothing => return,
    }
    tracks.past.keep(key, time, seen, rank, &mut frame.limits);
}

/// Judges what flies under all rules, beside what is known of it.
fn judge_beside(
    sighting: &Sighting<'_>,
    flyer: &Flyer,
    mut beside: Beside<'_>,
    book: &mut Book,
    frame: &mut Frame,
) -> Vec<Mark> {
    let Flyer { object, height, facet, what, .. } = flyer;
    let (height, facet) = (*height, *facet);
    let longest_gap = flyer.step.as_ref().map_or(MAX_TRACK_GAP, |(key, _)| key.longest_gap());
    let mut marks = Vec::new();
    let located = object.extent.map(|extent| sighting.located(extent));
    for rule in sighting.terms.rules_of(Group::Flight) {
        let RuleKind::NoFlight { min_alt_agl_m, max_alt_agl_m } = rule.kind else { continue };
        if !rule.classes.is_empty() && !rule.classes.contains(object.class()) {
            continue;
        }
        let there = match &located {
            _ if rule.areas.is_empty() && rule.sides.is_empty() => 1.0,
            Some(located) => located.where_rule_holds(rule),
            None => continue,
        };
        let so_high = height.map_or(1.0, |height| height.probability_within(min_alt_agl_m, max_alt_agl_m));
        let probability = there * so_high;
        let zone = if let [only] = rule.areas.as_slice() { Some(only) } else { None };
        let tell = |details: &mut Map<String, Value>| {
            let place = zone.map(|zone| format!(" in zone {zone}")).unwrap_or_default();
            let Some(Height { alt_agl_m, error_m }) = height else { return format!("{what}{place}, height unknown") };
            details.insert("alt_agl_m".to_owned(), alt_agl_m.into());
            details.insert("alt_error_m".to_owned(), error_m.into());
            format!("{what}{place}, {alt_agl_m:.0} ± {error_m:.0} m above ground")
        };
        let mut stay = Stay::new(rule, zone, probability, &tell);
        (stay.sure, stay.facet, stay.longest_gap, stay.height) =
            (object.confidence * probability, facet, longest_gap, height);
        if height.is_none() {
            stay.labels.push("height_unknown".to_owned());
        }
        marks.extend(stay.judge(sighting, object, located.as_ref(), beside.again(), book, frame));
    }
    marks
}

fn tracked(sighting: &Sighting<'_>, seen: &UavDetection) -> Option<Flyer> {
    let class = seen.class.as_str();
    let (extent, place_by) = sighting.extent_of_object(class, &seen.place)?;
    let entry = sighting.entry;
    let fastest = match seen.class {
        UavClass::Multirotor => FASTEST_MULTIROTOR_MPS,
        UavClass::FixedWing | UavClass::Unknown => FASTEST_WINGED_MPS,
    };
    let words = match seen.class {
        UavClass::Multirotor => "multirotor UAV",
        UavClass::FixedWing => "fixed-wing UAV",
        UavClass::Unknown => "UAV",
    };
    let object = Object {
        subject: format!("track:{}/{}/{}", entry.device, entry.boot, seen.track),
        class: Some(class),
        calibre_mm: None,
        confidence: seen.confidence.unwrap_or(1.0),
        extent: Some(extent),
        place_by,
        lasts: Span::default(),
    };
    let key = TrackKey::new(&entry.device, entry.boot, Sort::Flyer, seen.track.clone());
    let told = seen.speed_mps.unwrap_or(0.0).min(FASTEST_TOLD_MPS);
    let step = sighting.step(object.stand(), fastest.max(told));

    let height = seen.alt_agl_m.map(|alt_agl_m| Height::told(alt_agl_m, seen.place.range_m, seen.place.bearing_sd_deg));
    Some(Flyer { object, height, step: Some((key, step)), facet: "", what: format!("Suspected {words}") })
}

fn heard(sighting: &Sighting<'_>, detection: &Detection) -> Option<Flyer> {
    let flies = [SoundClass::Aircraft, SoundClass::Helicopter, SoundClass::Uav, SoundClass::Missile];
    if !flies.contains(&detection.class) {
        return None;
    }
    let class = detection.class.as_str();
    let bearing = detection.bearing_deg.zip(detection.bearing_sd_deg);
    let place = sighting.extent_of_bearing(class, bearing);
    let entry = sighting.entry;
    let key = TrackKey::new(&entry.device, entry.boot, Sort::Heard, class.to_owned());
    let lasts = Span::from_secs_f64(detection.duration_ms.unwrap_or(0.0) / 1_000.0);
    let what = format!("Suspected {} heard by station {}", words(class), sighting.station);
    Some(Flyer {
        object: around(format!("station:{}", sighting.station), class, detection.confidence, place, lasts),
        height: None,
        step: Some((key, sighting.step(None, FASTEST_WINGED_MPS))),
        facet: class,
        what,
    })
}

fn observed(sighting: &Sighting<'_>, report: &PatrolReport) -> Option<Flyer> {
    if report.observation != Observation::Uav {
        return None;
    }
    let class = SoundClass::Uav.as_str();
    let place = sighting.extent_of_report(class, report).or_else(|| sighting.extent_around_observer(class));
    let subject = format!("patrol:{}", sighting.entry.device);
    Some(Flyer {
        object: around(subject, class, super::no_fire::confidence_of(report.means), place, Span::default()),
        height: None,
        step: None,
        facet: "",
        what: format!("Suspected {} reported by a patrol", words(class)),
    })
}

fn words(class: &str) -> &str {
    if class == "uav" { "UAV" } else { class }
}

/// What is somewhere within a sector or a disc, or where nothing supports a place.
fn around(
    subject: String,
    class: &'static str,
    confidence: f64,
    place: Option<(PlaceExtent, PlaceBy)>,
    lasts: Span,
) -> Object {
    let (extent, place_by) = (place.map(|(extent, _)| extent), place.map_or(PlaceBy::Sensor, |(_, by)| by));
    Object { subject, class: Some(class), calibre_mm: None, confidence, extent, place_by, lasts }
}
