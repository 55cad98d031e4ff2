//! A row of the alert log as a point of the measurement `alert`.
//!
//! Tags: rule, category. A point's time is the row's milliseconds plus its seq modulo
//! 1,000,000 as nanoseconds, so that all that one moment raised stays apart; in the
//! viewer's form its minute plus seq. The time itself is the field `time_ns`.

use truceline_core::agreement::Severity;
use truceline_core::alert::{Alert, ViewerAlert};
use truceline_core::time::Time;

use super::line::Line;
use super::revision::{place, point_time, words};
use crate::sinks::{AlertRow, Form};

/// The line of one row.
pub(super) fn line_of(row: &AlertRow, form: Form) -> Option<String> {
    let (alert, time) = match form {
        Form::Viewer => {
            let seen = row.said.viewer_form();
            let time = point_time::coarse(seen.updated_at, row.seq);
            (seen, time)
        }
        Form::Internal => (exact(&row.said), point_time::exact(row.written_at, row.seq)),
    };
    let mut line = Line::new("alert").tag("rule", alert.rule.as_str()).tag("category", &alert.category);
    let id = alert.id.to_string();
    line.text("id", id.as_str());
    line.int("revision", i64::from(alert.revision));
    line.int("seq", row.seq as i64);
    line.int("time_ns", alert.updated_at.nanos());
    line.text("state", if alert.ended.is_none() { "open" } else { "ended" });
    line.text("severity", severity(alert.severity));
    line.text("status", words::status(alert.status));
    line.text("timeliness", words::timeliness(alert.timeliness));
    line.float("probability", alert.certainty.probability);
    line.text("certainty", words::certainty(alert.certainty.word));
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
        place::write(&mut line, place);
    }
    line.at(time)
}

/// The same fields with their exact values.
fn exact(alert: &Alert) -> ViewerAlert {
    ViewerAlert {
        certainty: alert.certainty,
        subject: alert.subject.clone(),
        started: alert.started,
        last: alert.last,
        ended: alert.ended,
        detected_at: alert.detected_at,
        updated_at: alert.updated_at,
        place: alert.place.as_ref().map(place::exact),
        summary: alert.summary.clone(),
        ..alert.viewer_form()
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "minor",
        Severity::Moderate => "moderate",
        Severity::Severe => "severe",
        Severity::Extreme => "extreme",
    }
}
