//! The loop that polls the connection, and the stop.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use truceline_core::log::{Append, Receipt};

use super::config::{MAX_UNCONFIRMED, REQUEST_QUEUE};
use super::link::LinkFault;
use super::session::{Answer, Ranges, Session};
use super::stored::{Due, Subject};
use super::{IntakeConfig, IntakeConfigError, IntakeError, Leftovers, Parts, Store, StoreClosed, StoredRanges};

/// How often `stored` messages, status and the stop are looked after.
const TICK: Duration = Duration::from_millis(100);
/// Requests beyond the window's limit that the queue to the store can hold: link changes
/// and what was read before a connection broke.
const QUEUE_MARGIN: usize = 64;
/// Requests taken from the queue to the store at once.
const FORWARDED: usize = 256;

/// What is asked of the store, and the asking.
struct Lookup {
    due: Vec<Due>,
    running: JoinHandle<Vec<Ranges>>,
}

/// A session that was checked and can run.
pub struct Intake {
    config: IntakeConfig,
    options: MqttOptions,
}

impl Intake {
    /// Checks the configuration and reads the password and certificates.
    ///
    /// # Errors
    /// The first fault, with what to do.
    pub fn new(config: IntakeConfig) -> Result<Self, IntakeConfigError> {
        let options = config.options()?;
        Ok(Self { config, options })
    }

    /// Runs until [`Parts::stop`] is cancelled and what was taken is stored and
    /// acknowledged, or the stop's deadline has passed.
    ///
    /// # Errors
    /// Only the store's: the broker may come and go.
    pub async fn run<S: Store, R: StoredRanges>(self, parts: Parts<S, R>) -> Result<Leftovers, IntakeError> {
        let Parts { store, receipts, ranges, clock, registry, stop, status } = parts;
        let (client, mut eventloop) = AsyncClient::new(self.options, REQUEST_QUEUE);
        let (forward, requests) = mpsc::channel(self.config.in_flight_messages.saturating_add(QUEUE_MARGIN));
        let forwarder = tokio::spawn(forward_all(store, requests));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut driver = Driver {
            session: Session::new(&self.config, client, forward, clock, registry, status),
            receipts,
            ranges: Arc::new(ranges),
            forwarder,
            tick,
            stop,
            stop_deadline: self.config.stop_deadline,
            give_up_at: None,
            lookup: None,
            paused: false,
        };
        driver.run(&mut eventloop).await
    }
}

/// Hands requests to the store, one after the other, so that the polling task never waits for it.
async fn forward_all<S: Store>(store: S, mut requests: mpsc::Receiver<Append>) -> Result<(), StoreClosed> {
    let mut waiting = Vec::new();
    while requests.recv_many(&mut waiting, FORWARDED).await > 0 {
        for append in waiting.drain(..) {
            store.append(append).await?;
        }
    }
    Ok(())
}

/// What ended a wait for the connection.
enum Turn {
    Event(Box<Event>),
    Lost(LinkFault),
    Stopped,
}

struct Driver<R> {
    session: Session,
    receipts: mpsc::Receiver<Vec<Receipt>>,
    ranges: Arc<R>,
    forwarder: JoinHandle<Result<(), StoreClosed>>,
    tick: Interval,
    stop: CancellationToken,
    stop_deadline: Duration,
    /// When a stop that has begun is given up.
    give_up_at: Option<Instant>,
    lookup: Option<Lookup>,
    paused: bool,
}

impl<R: StoredRanges> Driver<R> {
    async fn run(&mut self, eventloop: &mut EventLoop) -> Result<Leftovers, IntakeError> {
        loop {
            match self.turn(eventloop).await? {
                Turn::Event(event) => {
                    if let Some(fault) = self.take_events(*event, eventloop)? {
                        self.lost(eventloop, &fault).await?;
                    }
                }
                Turn::Lost(fault) => self.lost(eventloop, &fault).await?,
                Turn::Stopped => break,
            }
            if self.has_stopped() {
                break;
            }
        }
        let mut leftovers = Leftovers {
            unanswered: self.session.window.in_flight(),
            unwritten_acks: self.session.window.pending_acks() + self.session.unwritten,
            unconfirmed: false,
        };
        if self.session.connected
            && let Err(fault) = self.say_goodbye(eventloop).await
        {
            warn!("the broker did not confirm the last acknowledgements: {fault}");
            leftovers.unconfirmed = true;
        }
        self.forwarder.abort();
        if leftovers.is_clean() {
            info!("the intake stopped; all that was taken is stored and acknowledged");
        } else {
            warn!(
                "the intake stopped before all was drained: {} messages without the journal's answer, {} \
                 acknowledgements not written, confirmed by the broker: {}; the broker sends them again",
                leftovers.unanswered, leftovers.unwritten_acks, !leftovers.unconfirmed
            );
        }
        self.session.report();
        Ok(leftovers)
    }

    /// Takes one event, and those that the client read with it, as far as the window lets in.
    fn take_events(&mut self, first: Event, eventloop: &mut EventLoop) -> Result<Option<LinkFault>, IntakeError> {
        let mut next = Some(first);
        while let Some(event) = next {
            if let Some(fault) = self.session.on_event(event)? {
                return Ok(Some(fault));
            }
            let open = self.session.draining || self.session.window.is_open();
            next = if open { eventloop.state.events.pop_front() } else { None };
        }
        Ok(None)
    }

    /// Waits for the connection's next event. The poll is kept alive meanwhile: dropped in
    /// the middle of a write it could lose an acknowledgement.
    async fn turn(&mut self, eventloop: &mut EventLoop) -> Result<Turn, IntakeError> {
        let mut poll = pin!(eventloop.poll());
        loop {
            self.session.pump_acks();
            self.look_up(MAX_UNCONFIRMED / 2);
            if self.session.window.is_overrun() {
                return Ok(Turn::Lost(LinkFault::Overrun));
            }
            if self.has_stopped() {
                return Ok(Turn::Stopped);
            }
            let open = self.session.draining || self.session.window.is_open();
            if !open && !self.paused {
                self.session.meters.paused.increment(1);
            }
            self.paused = !open;
            tokio::select! {
                biased;
                kept = self.keep_house() => kept?,
                event = &mut poll, if open => {
                    return Ok(match event {
                        Ok(event) => Turn::Event(Box::new(event)),
                        Err(error) => Turn::Lost(error.into()),
                    });
                }
            }
        }
    }

    /// Ends the connection's epoch and waits before the next attempt.
    async fn lost(&mut self, eventloop: &mut EventLoop, fault: &LinkFault) -> Result<(), IntakeError> {
        let leftovers = std::mem::take(&mut eventloop.state.events);
        eventloop.clean();
        // What was on its way is known to the board and due again; the client's own copies
        // would arrive later than newer ones. A collision would block it for good.
        eventloop.pending.clear();
        eventloop.state.collision = None;
        let pause = self.session.on_lost(fault)?;
        for event in leftovers {
            // Anything else is sent again by the broker; quality of service 0 is not.
            if let Event::Incoming(Packet::Publish(publish)) = event
                && publish.qos == QoS::AtMostOnce
            {
                self.session.on_publish(&publish)?;
            }
        }
        let until = tokio::time::Instant::now() + pause;
        let mut waited = pin!(sleep_until(until));
        while !self.has_stopped() {
            tokio::select! {
                biased;
                kept = self.keep_house() => kept?,
                () = &mut waited, if !self.session.draining => break,
            }
        }
        Ok(())
    }

    /// Does one thing of all that goes on beside the connection. Dropping it loses nothing.
    async fn keep_house(&mut self) -> Result<(), IntakeError> {
        tokio::select! {
            biased;
            receipts = self.receipts.recv() => {
                self.session.on_receipts(receipts.ok_or(IntakeError::StoreClosed)?)
            }
            answers = next_answers(&mut self.lookup) => {
                self.session.send_stored(answers);
                Ok(())
            }
            _ = self.tick.tick() => self.on_tick(),
        }
    }

    fn on_tick(&mut self) -> Result<(), IntakeError> {
        if self.forwarder.is_finished() {
            return Err(IntakeError::StoreClosed);
        }
        self.session.report();
        if self.stop.is_cancelled() {
            if self.give_up_at.is_none() {
                self.give_up_at = Some(Instant::now() + self.stop_deadline);
                self.session.begin_drain()?;
            }
            return Ok(());
        }
        self.look_up(1);
        Ok(())
    }

    /// Asks for the ranges of devices that are due to be told, if `least` messages may be sent.
    fn look_up(&mut self, least: usize) {
        if self.lookup.is_some() || self.session.draining || !self.session.board.has_waiting() {
            return;
        }
        let room = self.session.stored_room();
        if room < least {
            return;
        }
        let due = self.session.board.take_due(Instant::now(), room);
        if due.is_empty() {
            return;
        }
        let ranges = Arc::clone(&self.ranges);
        let subjects: Vec<Subject> = due.iter().map(|due| due.subject.clone()).collect();
        let running = tokio::task::spawn_blocking(move || {
            subjects.iter().map(|subject| ranges.ranges(&subject.device, subject.boot)).collect()
        });
        self.lookup = Some(Lookup { due, running });
    }

    fn has_stopped(&self) -> bool {
        self.session.is_drained() || self.give_up_at.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// A question that the broker answers after the last acknowledgement shows that it has
    /// read them all; a connection closed without that loses those still in its buffers.
    ///
    /// The question is to end a subscription that does not exist. A ping would do, but the
    /// client sends pings of its own and takes two at a time for a dead connection.
    async fn say_goodbye(&mut self, eventloop: &mut EventLoop) -> Result<(), String> {
        // The session's end is worth a second even when the deadline has passed.
        let least = Instant::now() + Duration::from_secs(1);
        let deadline = self.give_up_at.map_or(least, |deadline| deadline.max(least));
        let client = self.session.client.clone();
        let question = self.session.topics.unused();
        let goodbye = async {
            client.try_unsubscribe(question).map_err(|error| error.to_string())?;
            poll_until(eventloop, |event| matches!(event, Event::Incoming(Packet::UnsubAck(_)))).await?;
            client.try_disconnect().map_err(|error| error.to_string())?;
            poll_until(eventloop, |event| matches!(event, Event::Outgoing(Outgoing::Disconnect))).await
        };
        timeout_at(deadline.into(), goodbye).await.unwrap_or_else(|_| Err("it does not answer".to_owned()))
    }
}

async fn poll_until(eventloop: &mut EventLoop, wanted: impl Fn(&Event) -> bool) -> Result<(), String> {
    loop {
        if wanted(&eventloop.poll().await.map_err(|error| LinkFault::from(error).to_string())?) {
            return Ok(());
        }
    }
}

/// Waits for the lookup that runs, if one does.
async fn next_answers(lookup: &mut Option<Lookup>) -> Vec<Answer> {
    let Some(Lookup { running, .. }) = lookup else { return std::future::pending().await };
    let mut answers = running.await.unwrap_or_default().into_iter();
    let due = lookup.take().map_or_else(Vec::new, |lookup| lookup.due);
    // One that broke off has fewer answers, and what has none is asked again.
    due.into_iter().map(|due| (due, answers.next().unwrap_or_else(|| Err("the question broke off".into())))).collect()
}
