//! The session's state and what each event does to it; nothing here waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, Packet, PubAck, PubAckReason, Publish, PublishProperties, SubAck, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, Event};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;
use tracing::{debug, info, warn};
use truceline_core::log::{Append, Body, Outcome, Receipt};
use truceline_core::registry::Registry;
use truceline_core::time::{Span, Time};

use super::config::{IntakeConfig, MAX_UNCONFIRMED, REQUEST_QUEUE};
use super::judge::{Judge, Message};
use super::link::{Backoff, HELD, LinkFault, RIVAL, Rivalry};
use super::meters::Meters;
use super::pressure::Pressure;
use super::rate::RateLimit;
use super::stored::{About, Deliveries, Due, MAX_DEVICES, StoredBoard, Told};
use super::topic::Topics;
use super::window::Window;
use super::{Clock, IntakeError, IntakeStatus, LookupError};

/// Acknowledgements handed to the client and not written; half of its queue is left for the rest.
const MAX_UNWRITTEN: usize = REQUEST_QUEUE / 2;
/// A connection that lived this long shows that nobody else uses our client id.
const ALONE: Duration = Duration::from_secs(120);

/// What a reading or reject that is under way takes beside its bytes, its topic and its words included: a message of
/// 1 kB may be 500 of them.
const BODY_BYTES: usize = 1024;

/// A `stored` message that the broker refused is not sent again before so long: as a rule its access list is to be mended.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// What is durable of a boot, as far as the store can say.
pub(crate) type Ranges = Result<Vec<(u64, u64)>, LookupError>;
/// A message that is due, and what it is to say.
pub(crate) type Answer = (Due, Ranges);

/// What a message that is under way remembers.
pub(crate) struct UnderWay {
    about: About,
    arrived: Time,
}

/// Everything of the session but the connection itself.
pub(crate) struct Session {
    pub(crate) topics: Topics,
    pub(crate) client: AsyncClient,
    pub(crate) window: Window<UnderWay>,
    pub(crate) board: StoredBoard,
    pub(crate) deliveries: Deliveries,
    pub(crate) meters: Meters,
    /// The stop has begun: nothing is taken any more.
    pub(crate) draining: bool,
    /// Acknowledgements handed to the client and not written yet.
    pub(crate) unwritten: usize,
    pub(crate) connected: bool,
    /// The message whose acknowledgement is timed, one at a time: its packet id and arrival.
    timed: Option<(u16, Instant)>,
    judge: Judge,
    forward: mpsc::Sender<Append>,
    clock: Clock,
    registry: watch::Receiver<Arc<Registry>>,
    status: watch::Sender<IntakeStatus>,
    backoff: Backoff,
    takeovers: Backoff,
    rivalry: Rivalry,
    /// The broker confirmed our subscriptions, to this process.
    subscribed: bool,
    /// The store was told that the link is up.
    linked_at: Option<Instant>,
    /// The last fault that was logged in this outage.
    logged: Option<String>,
    /// When it was said that `stored` messages cannot be sent; `None` once one could.
    stored_fault: Option<Instant>,
    pressure: Pressure,
    /// So many messages under way are as many as the broker sends without an acknowledgement, or as are let in.
    full_at: usize,
}

impl Session {
    pub(crate) fn new(
        config: &IntakeConfig,
        client: AsyncClient,
        forward: mpsc::Sender<Append>,
        clock: Clock,
        registry: watch::Receiver<Arc<Registry>>,
        status: watch::Sender<IntakeStatus>,
    ) -> Self {
        let topics = Topics::new(&config.topic_prefix);
        let limit = config.rate_limit_per_s.map(|rate| RateLimit::new(rate, config.rate_limit_burst));
        let horizon = Span::from_secs(i64::try_from(config.horizon.as_secs()).unwrap_or(i64::MAX));
        Self {
            judge: Judge::new(topics.clone(), horizon, limit),
            topics,
            client,
            window: Window::new(config.limits()),
            board: StoredBoard::new(config.stored_interval, MAX_DEVICES),
            deliveries: Deliveries::default(),
            meters: Meters::new(),
            draining: false,
            unwritten: 0,
            connected: false,
            timed: None,
            forward,
            clock,
            registry,
            status,
            backoff: Backoff::new(config.backoff_min, config.backoff_max),
            takeovers: Backoff::new(config.takeover_pause, config.takeover_pause.saturating_mul(2)),
            rivalry: Rivalry::new(config.rival_after),
            subscribed: false,
            linked_at: None,
            logged: None,
            stored_fault: None,
            pressure: Pressure::default(),
            full_at: config.in_flight_messages.min(config.receive_maximum.into()),
        }
    }

    /// Takes what the connection brought.
    pub(crate) fn on_event(&mut self, event: Event) -> Result<Option<LinkFault>, IntakeError> {
        match event {
            Event::Incoming(Packet::Publish(publish)) => self.on_publish(&publish)?,
            Event::Outgoing(Outgoing::PubAck(packet)) => {
                if let Some((_, arrived)) = self.timed.take_if(|(timed, _)| *timed == packet) {
                    self.meters.acknowledged.record(arrived.elapsed());
                }
                self.unwritten = self.unwritten.saturating_sub(1);
                self.meters.acks.increment(1);
            }
            Event::Incoming(Packet::ConnAck(ack)) => return self.on_connected(ack.session_present),
            Event::Incoming(Packet::SubAck(ack)) => return self.on_subscribed(&ack),
            Event::Outgoing(Outgoing::Publish(packet)) => self.deliveries.written(packet),
            Event::Incoming(Packet::PubAck(ack)) => self.on_confirmed(&ack),
            _ => {}
        }
        Ok(None)
    }

    fn on_connected(&mut self, session_present: bool) -> Result<Option<LinkFault>, IntakeError> {
        self.window.connected();
        self.connected = true;
        self.unwritten = 0;
        if session_present && self.subscribed {
            self.link_up()?;
            return Ok(None);
        }
        self.subscribed = false;
        let filters = self.topics.filters().map(|path| Filter::new(path, QoS::AtLeastOnce));
        Ok(self.client.try_subscribe_many(filters).err().map(|_| LinkFault::NotSubscribed))
    }

    fn on_subscribed(&mut self, ack: &SubAck) -> Result<Option<LinkFault>, IntakeError> {
        if let Some(refusal) =
            ack.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(QoS::AtLeastOnce)))
        {
            return Ok(Some(LinkFault::SubscriptionRefused(format!("{refusal:?}"))));
        }
        self.subscribed = true;
        self.link_up()?;
        Ok(None)
    }

    /// The connection is gone. Returns how long to wait before the next one.
    pub(crate) fn on_lost(&mut self, fault: &LinkFault) -> Result<Duration, IntakeError> {
        self.window.disconnected();
        self.connected = false;
        self.unwritten = 0;
        self.timed = None;
        self.meters.reconnects.increment(1);
        let now = Instant::now();
        for subject in self.deliveries.lost() {
            self.board.again(&subject, now);
        }
        let held = self.linked_at.map(|since| since.elapsed());
        self.link_down()?;
        if held.is_some_and(|held| held >= HELD) {
            self.backoff.reset();
        }
        let mut pause = self.backoff.next(fastrand::f64());
        let takeover = self.rivalry.ended(held, fault);
        if takeover {
            if held.is_some_and(|held| held >= ALONE) {
                self.takeovers.reset();
            }
            pause = pause.max(self.takeovers.next(fastrand::f64()));
        }
        let text = if takeover && !fault.is_takeover() { RIVAL.to_owned() } else { fault.to_string() };
        if self.logged.as_ref() == Some(&text) {
            debug!("{text}; next attempt in {pause:?}");
        } else {
            warn!("{text}; next attempt in {pause:?}, and from now on until it succeeds");
            self.logged = Some(text.clone());
        }
        let wall = (self.clock)().wall;
        self.status.send_modify(|status| {
            if status.connected || status.since.is_none() {
                status.since = Some(wall);
            }
            status.connected = false;
            status.taken_over |= takeover;
            status.last_error = Some(text);
        });
        Ok(pause)
    }

    /// A message came. While draining it is left to the broker, which sends it again.
    pub(crate) fn on_publish(&mut self, publish: &Publish) -> Result<(), IntakeError> {
        if self.draining {
            return Ok(());
        }
        if self.connected {
            // A resumed session may bring its backlog before it confirms the subscriptions.
            self.link_up()?;
        }
        self.meters.messages.increment(1);
        let topic = String::from_utf8_lossy(&publish.topic);
        let content_type = publish.properties.as_ref().and_then(|properties| properties.content_type.as_deref());
        let message = Message { topic: &topic, content_type, payload: &publish.payload };
        let now = (self.clock)();
        let bodies = self.judge.judge(message, &self.registry.borrow(), now);
        // Whatever the quality of service, it is acknowledged as the protocol asks: at 0 not at all.
        let packet = (publish.qos != QoS::AtMostOnce).then_some(publish.pkid);
        if self.timed.is_none() && self.connected {
            self.timed = packet.map(|packet| (packet, Instant::now()));
        }
        if bodies.is_empty() {
            self.window.pass(packet);
            self.note_pressure();
            return Ok(());
        }
        let bytes = publish.payload.len() + bodies.len() * BODY_BYTES;
        self.request(packet, bytes, now.journal, bodies)
    }

    fn request(
        &mut self,
        packet: Option<u16>,
        bytes: usize,
        arrived: Time,
        bodies: Vec<Body>,
    ) -> Result<(), IntakeError> {
        let under_way = UnderWay { about: About::of(&bodies), arrived };
        let ticket = self.window.admit(packet, bytes, under_way);
        self.note_pressure();
        let append = Append { ticket, arrived, bodies };
        self.forward.try_send(append).map_err(|error| match error {
            TrySendError::Full(_) => IntakeError::QueueFull,
            TrySendError::Closed(_) => IntakeError::StoreClosed,
        })
    }

    fn note_pressure(&mut self) {
        if self.window.in_flight() >= self.full_at || !self.window.is_open() {
            self.pressure.full();
        }
    }

    /// The store answered.
    pub(crate) fn on_receipts(&mut self, receipts: Vec<Receipt>) -> Result<(), IntakeError> {
        let (now, time) = (Instant::now(), (self.clock)().journal);
        let (mut readings, mut duplicates) = (0, 0);
        for receipt in receipts {
            let under_way =
                self.window.committed(receipt.ticket).map_err(|fault| IntakeError::OutOfOrder(fault.to_string()))?;
            self.meters.commit.record(time.since(under_way.arrived).secs_f64());
            for (told, outcome) in under_way.about.outcomes(&receipt.outcomes) {
                match (told, outcome) {
                    (Told::Reading { .. }, Outcome::Duplicate) => duplicates += 1,
                    (Told::Reading { .. }, Outcome::Conflict) => {
                        self.meters.reject(truceline_core::wire::RejectReason::ConflictingDuplicate);
                    }
                    (Told::Reading { .. }, Outcome::Counted) => {
                        self.meters.reject(truceline_core::wire::RejectReason::RateLimited);
                    }
                    (Told::Reading { .. }, _) => readings += 1,
                    (Told::Reject { reason, .. }, _) => self.meters.reject(reason),
                    (Told::Other, _) => {}
                }
            }
            let refused = self.board.note(&under_way.about, &receipt.outcomes, now);
            self.meters.stored_refused.increment(refused as u64);
        }
        self.meters.readings.increment(readings);
        self.meters.duplicates.increment(duplicates);
        Ok(())
    }

    /// Hands due acknowledgements to the client, as many as it takes.
    pub(crate) fn pump_acks(&mut self) {
        while self.unwritten < MAX_UNWRITTEN
            && let Some(packet) = self.window.next_ack()
        {
            let publish = Publish { qos: QoS::AtLeastOnce, pkid: packet, ..Publish::default() };
            if self.client.try_ack(&publish).is_err() {
                break;
            }
            self.window.ack_taken();
            self.unwritten += 1;
        }
    }

    /// How many `stored` messages may be sent now: none before the link is up.
    pub(crate) fn stored_room(&self) -> usize {
        if self.linked_at.is_some() { MAX_UNCONFIRMED.saturating_sub(self.deliveries.len()) } else { 0 }
    }

    /// Sends `stored` messages, or notes that they are due again.
    pub(crate) fn send_stored(&mut self, answers: Vec<Answer>) {
        for (due, ranges) in answers {
            let ranges = match ranges {
                Ok(ranges) => ranges,
                // To say that less is stored than is would be wrong, and it is retained.
                Err(error) => {
                    self.meters.stored_not_read.increment(1);
                    self.tell_stored_fault(&format!(
                        "what is stored cannot be looked up, devices are told later: {error}"
                    ));
                    self.board.again(&due.subject, Instant::now());
                    continue;
                }
            };
            if !self.connected || !self.try_send_stored(&due, ranges) {
                self.board.again(&due.subject, Instant::now());
                continue;
            }
            self.meters.stored_published.increment(1);
            self.deliveries.queued(due.subject);
        }
    }

    fn try_send_stored(&self, due: &Due, ranges: Vec<(u64, u64)>) -> bool {
        let Ok(payload) = serde_json::to_vec(&due.message(ranges)) else { return false };
        let topic = self.topics.stored(&due.subject.station, &due.subject.device);
        let properties =
            PublishProperties { content_type: Some("application/json".to_owned()), ..PublishProperties::default() };
        self.client.try_publish_with_properties(topic, QoS::AtLeastOnce, true, payload, properties).is_ok()
    }

    fn on_confirmed(&mut self, ack: &PubAck) {
        let Some(subject) = self.deliveries.confirmed(ack.pkid) else { return };
        if matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
            self.stored_fault = None;
            return;
        }
        self.meters.stored_not_taken.increment(1);
        self.board.again_after(&subject, Instant::now(), REFUSED_PAUSE);
        self.tell_stored_fault(&format!(
            "the broker refuses 'stored' ({:?}), that of device {} and maybe others; allow this user to write the stored \
             topics: each is sent again after a minute",
            ack.reason, subject.device
        ));
    }

    /// Once, until a message was taken again: each device would say the same.
    fn tell_stored_fault(&mut self, text: &str) {
        if self.stored_fault.replace(Instant::now()).is_none() {
            warn!("{text}");
        }
    }

    /// Stops taking messages; the link counts as down from here on.
    pub(crate) fn begin_drain(&mut self) -> Result<(), IntakeError> {
        self.draining = true;
        self.link_down()
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn is_drained(&self) -> bool {
        let acks = self.window.pending_acks() + self.unwritten;
        self.draining && self.window.in_flight() == 0 && (acks == 0 || !self.connected)
    }

    /// Brings status and gauges up to date.
    pub(crate) fn report(&mut self) {
        self.meters.stored_waiting.set(self.board.waiting() as f64);
        self.meters.stored_unconfirmed.set(self.deliveries.len() as f64);
        let (in_flight, pending_acks) = (self.window.in_flight(), self.window.pending_acks() + self.unwritten);
        self.meters.in_flight.set(in_flight as f64);
        self.meters.pending_acks.set(pending_acks as f64);
        self.meters.connected.set(if self.linked_at.is_some() { 1.0 } else { 0.0 });
        self.note_pressure();
        let full_since = self.pressure.look(Instant::now());
        self.meters.full.set(if full_since.is_some() { 1.0 } else { 0.0 });
        let alone = self.linked_at.is_some_and(|since| since.elapsed() >= ALONE);
        self.status.send_if_modified(|status| {
            let mut next = status.clone();
            next.in_flight = in_flight;
            next.pending_acks = pending_acks;
            next.full_since = full_since;
            if alone && next.taken_over {
                next.taken_over = false;
                next.last_error = None;
            }
            let changed = next != *status;
            *status = next;
            changed
        });
    }

    fn link_up(&mut self) -> Result<(), IntakeError> {
        if self.linked_at.is_some() || self.draining {
            return Ok(());
        }
        self.linked_at = Some(Instant::now());
        self.logged = None;
        info!("connected to the broker and subscribed");
        let wall = (self.clock)().wall;
        self.status.send_modify(|status| {
            status.connected = true;
            status.connections += 1;
            status.since = Some(wall);
            // A rival is gone only when it has not been seen for a while.
            if !status.taken_over {
                status.last_error = None;
            }
        });
        let arrived = (self.clock)().journal;
        self.request(None, 0, arrived, vec![Body::Link(true)])
    }

    fn link_down(&mut self) -> Result<(), IntakeError> {
        if self.linked_at.take().is_none() {
            return Ok(());
        }
        let arrived = (self.clock)().journal;
        self.request(None, 0, arrived, vec![Body::Link(false)])
    }
}
