//! `no_fire`: an explosion, launch or gunfire where the rule holds.
//!
//! A lone detection is never placed at its sensor: it is anywhere in the sector of its
//! bearing, or all around, out to the class's range. The subject is the station that heard it
//! first: what is heard at one place is one alert, whoever hears it, and its count of detections
//! says nothing of how many shots there were. Each class is an alert of its own: gunfire is
//! not to be lost in the count of explosions.

use serde_json::Map;

use crate::agreement::Rule;
use crate::alert::PlaceExtent;
use crate::engine::book::Book;
use crate::engine::finding::{PlaceBy, in_force};
use crate::engine::frame::Frame;
use crate::engine::sighting::Sighting;
use crate::engine::sustained::Sustained;
use crate::engine::terms::Group;
use crate::time::Span;
use crate::wire::{Assessment, Data, Detection, Means, Observation, PatrolReport};

/// Classes of a rule that names none.
const DEFAULT_CLASSES: [&str; 3] = ["explosion", "gunfire", "launch"];

/// How far a person's report is to be believed, by how the person knows.
pub(super) const fn confidence_of(means: Means) -> f64 {
    match means {
        Means::Saw | Means::Recorded => 0.95,
        Means::Imagery => 0.9,
        Means::Heard => 0.8,
        Means::Reported => 0.5,
    }
}

/// What was fired, as far as the reading says.
struct Fire {
    class: &'static str,
    confidence: f64,
    place: Option<(PlaceExtent, PlaceBy)>,
    label: Option<String>,
    heard: &'static str,
}

pub(in crate::engine) fn judge(sighting: &Sighting<'_>, fires: &mut Sustained, book: &mut Book, frame: &mut Frame) {
    let rules = sighting.terms.rules_of(Group::Fire);
    let mut rules = rules.filter(|rule| in_force(rule, sighting.time())).peekable();
    if rules.peek().is_none() {
        return;
    }
    let fire = match &sighting.reading.data {
        Data::AcousticDetection(detection) | Data::SeismicDetection(detection) => Some(heard(sighting, detection)),
        Data::PatrolReport(report) => observed(sighting, report),
        _ => None,
    };
    let Some(fire) = fire else { return };
    let located = fire.place.map(|(extent, _)| sighting.located(extent));
    for rule in rules {
        if !counts(rule, fire.class) {
            continue;
        }
        let unbounded = rule.areas.is_empty() && rule.sides.is_empty();
        let place_probability = match &located {
            _ if unbounded => 1.0,
            Some(located) => located.where_rule_holds(rule),
            None => continue,
        };
        let probability = fire.confidence * place_probability;
        if probability < rule.threshold {
            continue;
        }
        let mut finding = sighting.finding(rule, format!("station:{}", sighting.station), probability);
        let asked = sighting.asked(fire.class, located.as_ref(), None);
        finding.permitted = asked.permitted(rule);
        if finding.permitted.is_none() {
            finding.labels.extend(asked.label(rule));
        }
        finding.facet = fire.class;
        if let [only] = rule.areas.as_slice() {
            finding.zone = Some(only.clone());
        }
        if let Some((extent, by)) = fire.place {
            (finding.extent, finding.place_by) = (Some(extent), by);
        }
        finding.labels.extend(fire.label.clone());
        finding.severity = sighting.severity(rule, located.as_ref(), &mut finding.labels);
        finding.what = format!("Suspected {} {} station {}", fire.class, fire.heard, sighting.station);
        finding.details = Map::from_iter([
            ("class".to_owned(), fire.class.into()),
            ("confidence".to_owned(), fire.confidence.into()),
            ("place_probability".to_owned(), place_probability.into()),
            ("device".to_owned(), sighting.entry.device.as_str().into()),
        ]);
        if rule.dwell == Span::default() {
            book.report(finding, sighting.terms, frame);
            continue;
        }
        for finding in fires.take(finding, frame.now, &mut frame.limits) {
            book.report(finding, sighting.terms, frame);
        }
    }
}

fn counts(rule: &Rule, class: &str) -> bool {
    if rule.classes.is_empty() { DEFAULT_CLASSES.contains(&class) } else { rule.classes.contains(class) }
}

fn heard(sighting: &Sighting<'_>, detection: &Detection) -> Fire {
    let class = detection.class.as_str();
    let bearing = detection.bearing_deg.zip(detection.bearing_sd_deg);
    Fire {
        class,
        confidence: detection.confidence,
        place: sighting.extent_of_bearing(class, bearing),
        label: None,
        heard: "sensed by",
    }
}

fn observed(sighting: &Sighting<'_>, report: &PatrolReport) -> Option<Fire> {
    let class = match report.observation {
        Observation::Explosion => "explosion",
        Observation::Shot | Observation::Burst | Observation::MuzzleFlash => "gunfire",
        Observation::Projectile => "launch",
        _ => return None,
    };
    // What the patrol takes it for does not hide it; a person decides.
    let label = match report.assessment {
        Some(word @ (Assessment::LiveFireExercise | Assessment::ControlledDetonation)) => {
            Some(format!("assessed:{}", word.as_str()))
        }
        _ => None,
    };
    let place = sighting.extent_of_report(class, report).or_else(|| sighting.extent_around_observer(class));
    Some(Fire { class, confidence: confidence_of(report.means), place, label, heard: "observed by" })
}
