//! A row of the alert log as a point of the measurement `alert`.
//!
//! Tags: rule, category. A point's time is the row's milliseconds plus its seq modulo
//! 1,000,000 as nanoseconds, so that all that one moment raised stays apart; in the
//! viewer's form its minute plus seq. The time itself is the field `time_ns`.

use truceline_core::agreement::{Severity, Status};
use truceline_core::alert::{Alert, CertaintyWord, PlaceExtent, Timeliness, ViewerAlert, ViewerPlace};
use truceline_core::geometry::Side;
use truceline_core::time::Time;

use super::line::Line;
use crate::sinks::{AlertRow, Form};

/// The line of one row.
pub(super) fn line_of(row: &AlertRow, form: Form) -> Option<String> {
    let (alert, time) = match form {
        Form::Viewer => {
            let seen = row.alert.viewer_form();
            let time = seen.updated_at.nanos().saturating_add((row.seq % 1_000_000_000) as i64);
            (seen, time)
        }
        Form::Internal => (exact(&row.alert), exact_time(row)),
    };
    let mut line = Line::new("alert").tag("rule", alert.rule.as_str()).tag("category", &alert.category);
    let id = alert.id.to_string();
    line.text("id", id.as_str());
    line.int("revision", i64::from(alert.revision));
    line.int("seq", row.seq as i64);
    line.int("time_ns", alert.updated_at.nanos());
    line.text("state", if alert.ended.is_none() { "open" } else { "ended" });
    line.text("severity", severity(alert.severity));
    line.text("status", if alert.status == Status::Actual { "actual" } else { "exercise" });
    line.text("timeliness", if alert.timeliness == Timeliness::Live { "live" } else { "late" });
    line.float("probability", alert.certainty.probability);
    line.text("certainty", certainty(alert.certainty.word));
    line.text("subject", alert.subject.as_str());
    line.text("zone", alert.zone.as_ref().map(truceline_core::id::Id::as_str));
    line.int("started_ns", alert.started.nanos());
    line.int("last_ns", alert.last.nanos());
    line.int("ended_ns", alert.ended.map(Time::nanos));
    line.text("ended_reason", alert.ended_reason.as_deref());
    line.int("detected_ns", alert.detected_at.nanos());
    line.int("detections", alert.detections as i64);
    let labels = alert.labels.join(" ");
    line.text("labels", labels.as_str());
    line.text("summary", alert.summary.as_str());
    if let Some(place) = &alert.place {
        place_of(&mut line, place);
    }
    line.at(time)
}

fn place_of(line: &mut Line, place: &ViewerPlace) {
    line.float("lat", place.position.lat);
    line.float("lon", place.position.lon);
    line.float("radius_m", place.radius_m);
    line.float("line_distance_m", place.line_distance_m);
    line.float("line_distance_error_m", place.line_distance_error_m);
    line.float("chainage_m", place.chainage_m);
    line.text(
        "located_side",
        match place.located_side {
            Side::A => "a",
            Side::B => "b",
            Side::Undetermined => "undetermined",
        },
    );
}

/// The same fields with their exact values. Of a disc or sector the position is the sensor's.
fn exact(alert: &Alert) -> ViewerAlert {
    let place = alert.place.as_ref().map(|place| {
        let (position, radius_m) = match place.extent {
            PlaceExtent::Point { position, hacc_m } => (position, hacc_m),
            PlaceExtent::Ellipse { position, semi_major_m, .. } => (position, semi_major_m),
            PlaceExtent::Disc { position, radius_m } => (position, radius_m),
            PlaceExtent::Sector { position, range_max_m, .. } => (position, range_max_m),
        };
        ViewerPlace {
            position,
            radius_m,
            line_distance_m: place.line_distance_m,
            line_distance_error_m: place.line_distance_error_m,
            chainage_m: place.chainage_m,
            located_side: place.located_side,
            zones: place.zones.clone(),
        }
    });
    ViewerAlert {
        certainty: alert.certainty,
        subject: alert.subject.clone(),
        started: alert.started,
        last: alert.last,
        ended: alert.ended,
        detected_at: alert.detected_at,
        updated_at: alert.updated_at,
        place,
        summary: alert.summary.clone(),
        ..alert.viewer_form()
    }
}

fn exact_time(row: &AlertRow) -> i64 {
    let millis = row.written_at.nanos().div_euclid(1_000_000);
    millis.saturating_mul(1_000_000).saturating_add((row.seq % 1_000_000) as i64)
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "minor",
        Severity::Moderate => "moderate",
        Severity::Severe => "severe",
        Severity::Extreme => "extreme",
    }
}

const fn certainty(word: CertaintyWord) -> &'static str {
    match word {
        CertaintyWord::Observed => "observed",
        CertaintyWord::Likely => "likely",
        CertaintyWord::Possible => "possible",
        CertaintyWord::Unlikely => "unlikely",
        CertaintyWord::Unknown => "unknown",
    }
}
