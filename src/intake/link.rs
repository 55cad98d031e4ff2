//! Why a connection ended, what to do about it, and how long to wait.

use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode};
use rumqttc::v5::{ConnectionError, StateError};

/// Why a connection ended or could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkFault {
    /// The client's own error.
    #[error("{}", describe(.0))]
    Connection(#[from] ConnectionError),
    /// The broker does not let us subscribe.
    #[error("the broker refuses the subscription ({0}); allow this user to read the readings and state topics")]
    SubscriptionRefused(String),
    /// More acknowledgements are due than can be written.
    #[error("the broker sends faster than acknowledgements can be written; the connection is made anew")]
    Overrun,
    /// The client's queue had no place for the subscription.
    #[error("the client took no subscription; the connection is made anew")]
    NotSubscribed,
}

impl LinkFault {
    /// Whether the broker says that another client connected with our client id.
    pub(crate) fn is_takeover(&self) -> bool {
        matches!(
            self,
            Self::Connection(ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code: DisconnectReasonCode::SessionTakenOver,
                ..
            }))
        )
    }
}

/// A connection that lived this long was a success.
pub(crate) const HELD: Duration = Duration::from_secs(5);
/// A connection that lived this long is no sign of a rival. Of two, one is soon thrown out at once whenever it comes
/// back, while the other has its connection for as long as the first one's pause is: seconds, and longer each time.
const UNDISTURBED: Duration = Duration::from_secs(15);

/// Notices that two clients with one client id throw each other out.
///
/// Not every broker says so (Mosquitto 2.0.11 only closes the connection), and the client
/// does not understand those that say it in the short form, without properties. Then it
/// shows in connections that are made without trouble and end soon, again and again.
pub(crate) struct Rivalry {
    after: u32,
    short: u32,
}

impl Rivalry {
    /// Takes `after` connections in a row that ended soon as the sign of a rival.
    pub(crate) fn new(after: u32) -> Self {
        Self { after, short: 0 }
    }

    /// A connection ended that had held for this long, `None` if it was not made at all.
    /// Returns whether there is a rival.
    pub(crate) fn ended(&mut self, held: Option<Duration>, fault: &LinkFault) -> bool {
        match held {
            Some(held) if held < UNDISTURBED => self.short = self.short.saturating_add(1),
            Some(_) => self.short = 0,
            None => {}
        }
        fault.is_takeover() || (held.is_some() && self.short >= self.after)
    }
}

/// What a person can do about a rival.
pub(crate) const RIVAL: &str = "it seems that another client uses this client id, since connections are made and end \
                                soon, again and again; give each service its own mqtt.client_id";

fn describe(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword),
        ) => format!("the broker refuses the login ({code:?}); check mqtt.username and mqtt.password_file"),
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses the connection ({code:?})"),
        ConnectionError::Io(error) => format!("the broker cannot be reached: {error}"),
        ConnectionError::Timeout(_) => "the broker does not answer".to_owned(),
        ConnectionError::Tls(error) => format!("no TLS with the broker: {error}; check mqtt.ca_file"),
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => "another client connected with this client id; give each service its own mqtt.client_id".to_owned(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker does not answer pings".to_owned(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "the connection was cut".to_owned(),
        other => format!("the connection ended: {other}"),
    }
}

/// Pauses between attempts: they double with each failure, and half of each is random
/// so that many clients do not come back at once.
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// From `min` up to `max`.
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, failures: 0 }
    }

    /// The next pause; `random` is in [0, 1).
    pub(crate) fn next(&mut self, random: f64) -> Duration {
        let full = self.min.saturating_mul(1 << self.failures.min(20)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0)).max(self.min.min(self.max))
    }

    /// A connection held: the next pause is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_end_soon_again_and_again_show_a_rival_and_a_broker_that_is_away_does_not() {
        let (short, long) = (Some(Duration::from_millis(300)), Some(UNDISTURBED));
        let mut rivalry = Rivalry::new(5);
        let fault = LinkFault::Overrun;
        assert_eq!([short; 6].map(|held| rivalry.ended(held, &fault)), [false, false, false, false, true, true]);
        assert!(!rivalry.ended(None, &fault));
        assert!(!rivalry.ended(long, &fault));
        assert!(!rivalry.ended(short, &fault));
        let mut away = Rivalry::new(5);
        assert!((0..100).all(|_| !away.ended(None, &fault)));
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_again_after_success() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.next(0.999_999)).collect();
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(pauses[0] >= Duration::from_millis(199) && pauses[11] > Duration::from_secs(29));
        assert!((0..1000).all(|_| backoff.next(0.0) == Duration::from_secs(15)));
        backoff.reset();
        assert_eq!(backoff.next(0.0), Duration::from_millis(200));
    }
}
