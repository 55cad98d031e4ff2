//! Alerts over MQTT 5: each change, at least once, in the viewer's form.
//!
//! Topic `{prefix}/alerts/{rule}/{alert}`, QoS 1, not retained. The payload is the
//! JSON of a [`truceline_core::alert::ViewerAlert`]: coarsened, without evidence or persons.
//! (id, revision) names a change: a subscriber that has seen it drops the double.

mod session;

use std::sync::Arc;
use std::time::Duration;

use rumqttc::Transport;
use tokio_util::sync::CancellationToken;
use truceline_core::time::Span;

use super::cursors::{DeadLetter, Place};
use super::worker::{self, Delivered, Delivery, Pace, Setback, Worker};
use super::{AlertRow, Cursors, Delays, Now, RunningSink, Source};
use session::{Message, Session};

/// Messages under way at once.
const IN_FLIGHT: usize = 64;

/// The broker and the form.
#[derive(Clone)]
pub struct MqttConfig {
    /// The broker's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TCP or TLS.
    pub transport: Transport,
    /// The session's name; must differ from the intake's.
    pub client_id: String,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// First levels of every topic, such as `truceline/v1`.
    pub topic_prefix: String,
    /// Between signs of life on a quiet link.
    pub keep_alive: Duration,
    /// An alert's change leaves no earlier than this after it was written.
    pub viewer_delay: Duration,
    /// Waits between attempts.
    pub delays: Delays,
}

/// Starts the loop. Must be called within a Tokio runtime; a broker that is absent is tried until it is there.
pub fn start_mqtt(
    config: &MqttConfig,
    generation: super::Generation,
    alerts: Arc<dyn Source<AlertRow>>,
    cursors: &Cursors,
    now: &Now,
    stop: &CancellationToken,
) -> RunningSink {
    worker::start(Worker {
        place: Place { sink: "mqtt_alerts", destination: String::new(), generation },
        pace: Pace {
            batch: IN_FLIGHT,
            hold: Span::from_nanos(i64::try_from(config.viewer_delay.as_nanos()).unwrap_or(i64::MAX)),
            linger: Duration::from_millis(20),
            max_lag: None,
            probe_every: worker::PROBE_EVERY,
            delays: config.delays,
        },
        log: alerts,
        delivery: Publisher { prefix: config.topic_prefix.clone(), config: config.clone(), session: None },
        cursors: cursors.clone(),
        now: Arc::clone(now),
        stop: stop.clone(),
    })
}

struct Publisher {
    config: MqttConfig,
    prefix: String,
    session: Option<Session>,
}

impl Delivery<AlertRow> for Publisher {
    async fn deliver(&mut self, rows: Arc<Vec<AlertRow>>) -> Result<Delivered, Setback> {
        let mut delivered = Delivered::default();
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let topic = format!("{}/alerts/{}/{}", self.prefix, row.said.rule, row.said.id);
            match serde_json::to_vec(&row.said.viewer_form()) {
                Ok(payload) => messages.push(Message { position: row.seq, topic, payload }),
                Err(fault) => {
                    let error = fault.to_string();
                    delivered.dead_letters.push(DeadLetter { position: row.seq, line: topic, error });
                }
            }
        }
        // A session that failed is never used again: the next delivery begins with a new one.
        let mut session = self.session().await?;
        let refused = session.publish(&messages).await?;
        delivered.sent = (messages.len() - refused.len()) as u64;
        delivered.dead_letters.extend(refused);
        self.session = Some(session);
        Ok(delivered)
    }

    /// Connects; whether alerts may be published shows only when one is.
    async fn probe(&mut self) -> Result<(), Setback> {
        self.session = Some(self.session().await?);
        Ok(())
    }
}

impl Publisher {
    /// Takes the session, or a new one where it has ended.
    async fn session(&mut self) -> Result<Session, Setback> {
        match self.session.take() {
            Some(session) if session.is_alive() => Ok(session),
            _ => Session::connect(&self.config, IN_FLIGHT).await,
        }
    }
}
