//! A row of the event log as a point of the measurement `event`.
//!
//! Tags: rule, category. A point's time is made as that of an alert.

use truceline_core::event::{Event, ViewerEvent};
use truceline_core::id::Id;
use truceline_core::time::Time;

use super::line::Line;
use super::revision::{place, point_time, words};
use crate::sinks::{EventRow, Form};

/// The line of one row.
pub(super) fn line_of(row: &EventRow, form: Form) -> Option<String> {
    let (event, time) = match form {
        Form::Viewer => {
            let seen = row.said.viewer_form();
            let time = point_time::coarse(seen.updated_at, row.seq);
            (seen, time)
        }
        Form::Internal => (exact(&row.said), point_time::exact(row.written_at, row.seq)),
    };
    let mut line = Line::new("event").tag("rule", event.rule.as_str()).tag("category", &event.category);
    let id = event.id.to_string();
    line.text("id", id.as_str());
    line.int("revision", i64::from(event.revision));
    line.int("seq", row.seq as i64);
    line.int("time_ns", event.updated_at.nanos());
    line.text("kind", event.kind.as_str());
    line.text("state", if event.ended.is_none() { "open" } else { "ended" });
    line.text("status", words::status(event.status));
    line.text("timeliness", words::timeliness(event.timeliness));
    line.float("probability", event.certainty.probability);
    line.text("certainty", words::certainty(event.certainty.word));
    line.text("subject", event.subject.as_str());
    line.text("zone", event.zone.as_ref().map(Id::as_str));
    line.int("started_ns", event.started.nanos());
    line.int("last_ns", event.last.nanos());
    line.int("ended_ns", event.ended.map(Time::nanos));
    line.text("ended_reason", event.ended_reason.as_deref());
    line.int("detections", event.detections as i64);
    let labels = event.labels.join(" ");
    line.text("labels", labels.as_str());
    if form == Form::Internal {
        // It may name a device.
        line.text("permission", row.said.permission.as_str());
    }
    line.text("summary", event.summary.as_str());
    if let Some(place) = &event.place {
        place::write(&mut line, place);
    }
    line.at(time)
}

/// The same fields with their exact values.
fn exact(event: &Event) -> ViewerEvent {
    ViewerEvent {
        certainty: event.certainty,
        subject: event.subject.clone(),
        started: event.started,
        last: event.last,
        ended: event.ended,
        updated_at: event.updated_at,
        place: event.place.as_ref().map(place::exact),
        summary: event.summary.clone(),
        ..event.viewer_form()
    }
}
