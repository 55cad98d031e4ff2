//! What the intake counts.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use truceline_core::wire::RejectReason;

/// Handles of the metrics, looked up once.
pub(crate) struct Meters {
    pub(crate) messages: Counter,
    pub(crate) readings: Counter,
    pub(crate) duplicates: Counter,
    rejects: Vec<Counter>,
    pub(crate) acks: Counter,
    pub(crate) reconnects: Counter,
    pub(crate) paused: Counter,
    pub(crate) stored_published: Counter,
    pub(crate) stored_refused: Counter,
    pub(crate) stored_not_read: Counter,
    pub(crate) stored_not_taken: Counter,
    pub(crate) stored_waiting: Gauge,
    pub(crate) stored_unconfirmed: Gauge,
    pub(crate) acknowledged: Histogram,
    pub(crate) connected: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) pending_acks: Gauge,
    pub(crate) full: Gauge,
    pub(crate) commit: Histogram,
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe_counter!("truceline_intake_messages_total", "Messages received");
        describe_counter!("truceline_intake_readings_total", "Readings made durable");
        describe_counter!("truceline_intake_duplicates_total", "Readings that were durable before");
        describe_counter!("truceline_intake_rejects_total", "Messages or readings not accepted, by reason");
        describe_counter!("truceline_intake_acks_total", "Acknowledgements written to the broker");
        describe_counter!("truceline_intake_reconnects_total", "Connections lost or not made");
        describe_counter!("truceline_intake_paused_total", "Times that reading paused because too much was in flight");
        describe_counter!("truceline_intake_stored_published_total", "Stored messages sent to devices");
        describe_counter!(
            "truceline_intake_stored_refused_total",
            "Notes for stored messages dropped because too many devices, or boots of one, waited"
        );
        describe_counter!(
            "truceline_intake_stored_failed_total",
            "Stored messages put off because the journal did not answer or the broker refused them"
        );
        describe_counter!(
            "truceline_intake_strangers_refused_total",
            "Messages of new devices that are not registered and too many"
        );
        describe_gauge!("truceline_intake_stored_waiting", "Devices that wait for their stored message");
        describe_gauge!("truceline_intake_stored_unconfirmed", "Stored messages that the broker has not confirmed");
        describe_histogram!("truceline_intake_ack_seconds", "Time from a message's arrival to its acknowledgement");
        describe_gauge!("truceline_intake_connected", "1 while connected and subscribed");
        describe_gauge!("truceline_intake_in_flight", "Messages without an answer of the journal");
        describe_gauge!("truceline_intake_full", "1 while as many messages wait for the journal as may");
        describe_gauge!("truceline_intake_pending_acks", "Acknowledgements due and not yet written");
        describe_histogram!("truceline_intake_commit_seconds", "Time from a message's arrival to its commit");
        Self {
            messages: counter!("truceline_intake_messages_total"),
            readings: counter!("truceline_intake_readings_total"),
            duplicates: counter!("truceline_intake_duplicates_total"),
            rejects: RejectReason::ALL
                .iter()
                .map(|reason| counter!("truceline_intake_rejects_total", "reason" => reason.as_str()))
                .collect(),
            acks: counter!("truceline_intake_acks_total"),
            reconnects: counter!("truceline_intake_reconnects_total"),
            paused: counter!("truceline_intake_paused_total"),
            stored_published: counter!("truceline_intake_stored_published_total"),
            stored_refused: counter!("truceline_intake_stored_refused_total"),
            stored_not_read: counter!("truceline_intake_stored_failed_total", "why" => "journal"),
            stored_not_taken: counter!("truceline_intake_stored_failed_total", "why" => "broker"),
            stored_waiting: gauge!("truceline_intake_stored_waiting"),
            stored_unconfirmed: gauge!("truceline_intake_stored_unconfirmed"),
            acknowledged: histogram!("truceline_intake_ack_seconds"),
            connected: gauge!("truceline_intake_connected"),
            in_flight: gauge!("truceline_intake_in_flight"),
            pending_acks: gauge!("truceline_intake_pending_acks"),
            full: gauge!("truceline_intake_full"),
            commit: histogram!("truceline_intake_commit_seconds"),
        }
    }

    pub(crate) fn reject(&self, reason: RejectReason) {
        let place = RejectReason::ALL.iter().position(|known| *known == reason);
        if let Some(counter) = place.and_then(|place| self.rejects.get(place)) {
            counter.increment(1);
        }
    }
}
