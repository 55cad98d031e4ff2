//! One connection to the broker, for publishing; it ends with its first fault.
//!
//! A clean session and no state kept beyond it: what was not acknowledged is
//! published anew by whoever holds it, through a new connection.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::MqttConfig;
use crate::sinks::worker::Setback;

/// For a connection, and for the acknowledgement of what was published.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest packet taken from the broker; it sends this session acknowledgements only.
const MAX_PACKET_BYTES: u32 = 65_536;

/// What to publish.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

enum News {
    Connected,
    Acknowledged,
    Ended(Setback),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    client: AsyncClient,
    news: mpsc::Receiver<News>,
    poller: JoinHandle<()>,
    broker: String,
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
        // Room for an acknowledgement of each message and what else may be told.
        let (tell, news) = mpsc::channel(in_flight + 4);
        let poller = tokio::spawn(poll(events, tell, broker.clone()));
        let mut session = Self { client, news, poller, broker };
        match session.next().await? {
            News::Ended(setback) => Err(setback),
            News::Connected | News::Acknowledged => Ok(session),
        }
    }

    /// Whether the connection still stands, as far as is known.
    pub(super) fn is_alive(&self) -> bool {
        !self.poller.is_finished()
    }

    /// Publishes the messages, no more than fit in flight; returns once each is acknowledged.
    pub(super) async fn publish(&mut self, messages: Vec<Message>) -> Result<(), Setback> {
        let mut waiting = messages.len();
        for Message { topic, payload } in messages {
            let properties =
                PublishProperties { content_type: Some("application/json".to_owned()), ..Default::default() };
            // The channel has room for all of them; waiting for it could wait for ourselves.
            self.client
                .try_publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties)
                .map_err(|fault| Setback::Unreachable(format!("cannot publish to {}: {fault}", self.broker)))?;
        }
        while waiting > 0 {
            match self.next().await? {
                News::Acknowledged => waiting -= 1,
                News::Connected => {}
                News::Ended(setback) => return Err(setback),
            }
        }
        Ok(())
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
            Ok(Event::Incoming(Packet::ConnAck(_))) => News::Connected,
            Ok(Event::Incoming(Packet::PubAck(ack))) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => News::Acknowledged,
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
