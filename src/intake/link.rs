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
    /// Whether another client connected with our client id.
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
