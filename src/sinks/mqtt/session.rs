//! One connection to the broker, for publishing; it ends with its first fault.
//!
//! A clean session and no state kept beyond it: what was not acknowledged is
//! published anew by whoever holds it, through a new connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::MqttConfig;
use crate::sinks::cursors::DeadLetter;
use crate::sinks::worker::Setback;

/// For a connection, and for the acknowledgement of what was published.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest packet taken from the broker; it sends this session acknowledgements only.
const MAX_PACKET_BYTES: u32 = 65_536;

/// What a PUBLISH has beside topic and payload: header, packet's number, properties.
const OVERHEAD_BYTES: usize = 64;

/// What to publish.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Where it is in the log.
    pub(super) position: u64,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

impl Message {
    fn dead_letter(&self, error: String) -> DeadLetter {
        let line = format!("{} {}", self.topic, String::from_utf8_lossy(&self.payload));
        DeadLetter { position: self.position, line, error }
    }
}

enum News {
    /// With the largest packet that the broker takes, if it says so.
    Connected(Option<u32>),
    /// This packet left, in the order of publishing.
    Sent(u16),
    /// The broker has this packet, or will never take it: why.
    Settled(u16, Option<String>),
    Ended(Setback),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    client: AsyncClient,
    news: mpsc::Receiver<News>,
    poller: JoinHandle<()>,
    broker: String,
    largest: Option<u32>,
}

impl Session {
    /// Connects; at most `in_flight` messages may then be published at once.
    pub(super) async fn connect(config: &MqttConfig, in_flight: usize) -> Result<Self, Setback> {
        let broker = format!("{}:{}", config.host, config.port);
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options.set_transport(config.transport.clone());
        options.set_keep_alive(config.keep_alive.max(Duration::from_secs(5)));
        options.set_clean_start(true);
        options.set_connection_timeout(PATIENCE.as_secs());
        options.set_max_packet_size(Some(MAX_PACKET_BYTES));
        let limit = u16::try_from(in_flight).unwrap_or(u16::MAX);
        options.set_outgoing_inflight_upper_limit(limit);
        let mut network = rumqttc::NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(PATIENCE.as_secs());
        options.set_network_options(network);
        if let Some((username, password)) = &config.login {
            options.set_credentials(username, password);
        }
        let (client, events) = AsyncClient::new(options, in_flight);
        // Room for the departure and the acknowledgement of each message, and what else may be told.
        let (tell, news) = mpsc::channel(2 * in_flight + 4);
        let poller = tokio::spawn(poll(events, tell, broker.clone()));
        let mut session = Self { client, news, poller, broker, largest: None };
        match session.next().await? {
            News::Ended(setback) => return Err(setback),
            News::Connected(largest) => session.largest = largest,
            News::Sent(_) | News::Settled(..) => {}
        }
        Ok(session)
    }

    /// Whether the connection still stands, as far as is known.
    pub(super) fn is_alive(&self) -> bool {
        !self.poller.is_finished()
    }

    /// Publishes the messages, no more than fit in flight; returns once each is acknowledged, or will never be taken: then
    /// it is among those returned.
    pub(super) async fn publish(&mut self, messages: &[Message]) -> Result<Vec<DeadLetter>, Setback> {
        let mut refused = Vec::new();
        // Published and not known to have left; left and not acknowledged.
        let (mut leaving, mut under_way) = (VecDeque::new(), BTreeMap::new());
        for message in messages {
            let size = message.topic.len() + message.payload.len() + OVERHEAD_BYTES;
            if let Some(largest) = self.largest.filter(|largest| size > *largest as usize) {
                // The broker would end the connection, each time anew.
                refused.push(message.dead_letter(format!("{} takes packets up to {largest} bytes", self.broker)));
                continue;
            }
            let properties =
                PublishProperties { content_type: Some("application/json".to_owned()), ..Default::default() };
            let Message { topic, payload, .. } = message.clone();
            // The channel has room for all of them; waiting for it could wait for ourselves.
            self.client
                .try_publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties)
                .map_err(|fault| Setback::Unreachable(format!("cannot publish to {}: {fault}", self.broker)))?;
            leaving.push_back(message);
        }
        while !leaving.is_empty() || !under_way.is_empty() {
            match self.next().await? {
                News::Sent(packet) => under_way.extend(leaving.pop_front().map(|message| (packet, message))),
                News::Settled(packet, fault) => {
                    let message = under_way.remove(&packet);
                    refused.extend(message.zip(fault).map(|(message, fault)| message.dead_letter(fault)));
                }
                News::Connected(_) => {}
                News::Ended(setback) => return Err(setback),
            }
        }
        Ok(refused)
    }

    async fn next(&mut self) -> Result<News, Setback> {
        match timeout(PATIENCE, self.news.recv()).await {
            Ok(Some(news)) => Ok(news),
            Ok(None) => Err(Setback::Unreachable(format!("the connection to {} ended", self.broker))),
            Err(_) => Err(Setback::Unreachable(format!("{} acknowledges nothing", self.broker))),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

/// Polls until the first fault. It alone touches the event loop and never waits for the client.
async fn poll(mut events: EventLoop, tell: mpsc::Sender<News>, broker: String) {
    loop {
        let news = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                News::Connected(ack.properties.and_then(|properties| properties.max_packet_size))
            }
            Ok(Event::Outgoing(Outgoing::Publish(packet))) => News::Sent(packet),
            Ok(Event::Incoming(Packet::PubAck(ack))) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => News::Settled(ack.pkid, None),
                // About this message and no other.
                reason @ (PubAckReason::PayloadFormatInvalid | PubAckReason::TopicNameInvalid) => {
                    News::Settled(ack.pkid, Some(format!("the broker {broker} refuses it: {reason:?}")))
                }
                reason => News::Ended(Setback::Refused(format!(
                    "the broker {broker} refuses alerts ({reason:?}); allow this client to write below the alerts topic"
                ))),
            },
            Ok(Event::Incoming(Packet::Disconnect(bye))) => News::Ended(Setback::Unreachable(format!(
                "the broker {broker} ended the connection ({:?})",
                bye.reason_code
            ))),
            Ok(_) => continue,
            Err(ConnectionError::ConnectionRefused(code)) => News::Ended(refused(&broker, code)),
            Err(fault) => News::Ended(Setback::Unreachable(format!("the broker {broker} is not reached: {fault}"))),
        };
        let ends = matches!(news, News::Ended(_));
        if tell.send(news).await.is_err() || ends {
            return;
        }
    }
}

fn refused(broker: &str, code: ConnectReturnCode) -> Setback {
    match code {
        ConnectReturnCode::BadUserNamePassword
        | ConnectReturnCode::NotAuthorized
        | ConnectReturnCode::Banned
        | ConnectReturnCode::BadAuthenticationMethod
        | ConnectReturnCode::ClientIdentifierNotValid => {
            Setback::Refused(format!("the broker {broker} refuses the connection: {code:?}"))
        }
        _ => Setback::Unreachable(format!("the broker {broker} refuses the connection for now: {code:?}")),
    }
}
