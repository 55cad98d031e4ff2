//! What points are held against: an agreement, one line, or one control area.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use truceline_core::agreement::{Agreement, Line, Validity};
use truceline_core::geometry::{Course, ShapeFault, read_geojson};
use truceline_core::time::{Span, Time};

use super::answer::Answer;
use super::points::Point;
use crate::cli::Failure;
use crate::cli::failure::say;
use crate::config::{load_agreement, unreadable};

/// A GeoJSON file is at most this large.
const MAX_GEOJSON_BYTES: u64 = 64 << 20;

/// What points are held against.
pub(super) struct Against {
    terms: Terms,
    /// The accuracy of points that have none; 0: they are exact.
    hacc_m: f64,
}

enum Terms {
    /// With the time of points that have none.
    Agreement(Box<Agreement>, Time),
    Course(Box<Course>),
}

impl Against {
    /// An agreement's folder; points without a time are as of `at`, or of the newest version.
    pub(super) fn agreement(dir: &Path, at: Option<Time>, hacc_m: f64) -> Result<Self, Failure> {
        let agreement = load_agreement(dir).map_err(Failure::config)?;
        let time = match at {
            Some(time) if agreement.primary_line(time).is_none() && !agreement.lines.is_empty() => {
                return Err(Failure::usage(format!("--at {time}: no version of the primary line is in force then")));
            }
            Some(time) => time,
            None => newest_version(&agreement),
        };
        Ok(Self { terms: Terms::Agreement(Box::new(agreement), time), hacc_m })
    }

    /// A GeoJSON file with one line or one control area.
    pub(super) fn line(file: &Path, hacc_m: f64) -> Result<Self, Failure> {
        let fault = |what: String| Failure::config([format!("{}: {what}", file.display())]);
        if file.is_dir() {
            return Err(fault(
                "is a folder; name a GeoJSON file, or an agreement's folder with --agreement".to_owned(),
            ));
        }
        let mut text = String::new();
        let read = File::open(file).and_then(|file| file.take(MAX_GEOJSON_BYTES + 1).read_to_string(&mut text));
        match read {
            Ok(length) if length as u64 > MAX_GEOJSON_BYTES => {
                return Err(fault(format!("is larger than {} MiB; simplify it", MAX_GEOJSON_BYTES >> 20)));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(fault("is not UTF-8; name a GeoJSON file".to_owned()));
            }
            Err(error) => return Err(fault(unreadable(&error, "a GeoJSON file"))),
        }
        let (terms, repairs) = Self::shape(&text).map_err(|faults| {
            Failure::config(faults.into_iter().map(|fault| format!("{}: {fault}", file.display())))
        })?;
        for repair in repairs {
            say(format_args!("repaired: {}: {repair}", file.display()));
        }
        Ok(Self { terms, hacc_m })
    }

    /// The shape and what was repaired in it.
    fn shape(text: &str) -> Result<(Terms, Vec<ShapeFault>), Vec<ShapeFault>> {
        let (shape, repairs) = read_geojson(text)?;
        let course = Course::new(shape).map_err(|fault| vec![fault])?;
        Ok((Terms::Course(Box::new(course)), repairs))
    }

    /// Where the point is.
    pub(super) fn locate(&self, point: &Point) -> Answer {
        let hacc_m = point.hacc_m.filter(|hacc_m| *hacc_m > 0.0).unwrap_or(self.hacc_m);
        match &self.terms {
            Terms::Course(course) => Answer::against(point.position, hacc_m, Some(course), Vec::new()),
            Terms::Agreement(agreement, without_time) => {
                let time = point.time.unwrap_or(*without_time);
                let zones = agreement.zones_at(time, point.position, hacc_m);
                let course = agreement.primary_line(time).map(Line::course);
                let answer = Answer::against(point.position, hacc_m, course.as_deref(), zones);
                match agreement.nearest_zone_boundary(time, point.position) {
                    Some(nearest) => answer.near(&nearest.zone.id, nearest.fix.signed_m),
                    None => answer,
                }
            }
        }
    }

    /// An agreement may have zones alone.
    pub(super) fn has_no_line(&self) -> bool {
        matches!(&self.terms, Terms::Agreement(agreement, _) if agreement.lines.is_empty())
    }

    /// The time of points without one, where another time would mean another version of the primary line or of a zone.
    pub(super) fn left_out(&self) -> Option<Time> {
        let Terms::Agreement(agreement, time) = &self.terms else { return None };
        let primary = agreement.lines.first().map(|line| &line.id);
        let lines = agreement.lines.iter().filter(|line| Some(&line.id) == primary).map(|line| line.validity);
        let mut validities = lines.chain(agreement.zones.iter().map(|zone| zone.validity));
        validities.any(|validity| !validity.contains(*time)).then_some(*time)
    }
}

/// A time in the newest version of the primary line, or of a zone.
fn newest_version(agreement: &Agreement) -> Time {
    let within = |validity: Validity| validity.from.or(validity.to.map(|to| to - Span::from_nanos(1)));
    let lines = agreement.lines.iter().map(|line| line.validity);
    let zones = agreement.zones.iter().map(|zone| zone.validity);
    lines.filter_map(within).max().or_else(|| zones.filter_map(within).max()).unwrap_or_default()
}

#[cfg(test)]
impl Against {
    /// For tests: what a GeoJSON text holds.
    pub(super) fn of(text: &str, hacc_m: f64) -> Self {
        Self { terms: Self::shape(text).unwrap().0, hacc_m }
    }
}
