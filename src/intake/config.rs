//! How to reach the broker, and what to accept.

use std::path::PathBuf;
use std::time::Duration;

use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::v5::ConnectProperties;
use rumqttc::{NetworkOptions, Transport};
use url::Url;

use super::tls;
use super::window::Limits;

/// Shortest keep-alive; the client refuses less.
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Largest packet that the broker may send. A message may have 1 MiB, and one that is
/// larger must still arrive to be recorded as a reject: brokers drop silently what a
/// client says it cannot take.
pub(crate) const MAX_PACKET_BYTES: u32 = 2 << 20;
/// `stored` messages on their way and not confirmed by the broker.
pub(crate) const MAX_UNCONFIRMED: usize = 200;
/// Requests that the client may hold.
pub(crate) const REQUEST_QUEUE: usize = 8192;

/// The session with the broker and what it accepts. [`IntakeConfig::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// `mqtt://host[:port]` or `mqtts://host[:port]`.
    pub url: Url,
    /// The session's name at the broker, unique there.
    pub client_id: String,
    /// User name and password.
    pub login: Option<Login>,
    /// PEM file of the certificate authorities for `mqtts`; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// First levels of every topic, without a slash at the end.
    pub topic_prefix: String,
    /// Messages that the broker may send before their acknowledgement (MQTT 5, 3.1.2.11.3).
    ///
    /// Throughput is at most this many messages in the time of one commit: 4,000 at 10 ms
    /// allow 400,000 a second, 64 at 6 ms only 10,000.
    pub receive_maximum: u16,
    /// Time between signs of life on a quiet link, at least 5 s.
    pub keep_alive: Duration,
    /// How long the broker keeps the session and what arrives for it.
    pub session_expiry: Duration,
    /// Least time between two `stored` messages to one device.
    pub stored_interval: Duration,
    /// Greatest age of a reading.
    pub horizon: Duration,
    /// Readings per second that a device may send on average; `None`: any number. A device
    /// that sends its backlog is over any sensible rate, so there is none by default.
    pub rate_limit_per_s: Option<u32>,
    /// Readings that a device may send at once before its rate counts.
    pub rate_limit_burst: u32,
    /// Messages under way to the store before reading pauses: four times `receive_maximum`
    /// by default, since brokers send more than they were allowed.
    pub in_flight_messages: usize,
    /// Bytes under way to the store before reading pauses: payloads, and 1 KiB for each reading or reject.
    pub in_flight_bytes: usize,
    /// First pause before another attempt to connect; it doubles with each failure.
    pub backoff_min: Duration,
    /// Longest pause before another attempt to connect.
    pub backoff_max: Duration,
    /// Least pause after another client took our session over, or seems to have.
    pub takeover_pause: Duration,
    /// So many connections in a row that ended within 15 seconds are the sign of another
    /// client with our client id.
    pub rival_after: u32,
    /// How long a stop may take before what is left is given up.
    pub stop_deadline: Duration,
}

/// User name and the file that holds the password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The file; an end of line at its end does not count.
    pub password_file: PathBuf,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IntakeConfigError {
    /// The broker's URL has another form.
    #[error("'{url}' is not a broker's address: {fault}; write mqtt://HOST[:1883] or mqtts://HOST[:8883]")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A number is out of its range.
    #[error("{what} is {value}; use {range}")]
    Range {
        /// Which.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// The password could not be read.
    #[error("cannot read the password from {}: {source}", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// TLS could not be prepared.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

impl IntakeConfig {
    /// The defaults for a broker at `url`.
    pub fn new(url: Url, client_id: impl Into<String>) -> Self {
        let receive_maximum = 4000;
        Self {
            url,
            client_id: client_id.into(),
            login: None,
            ca_file: None,
            topic_prefix: "truceline/v1".to_owned(),
            receive_maximum,
            keep_alive: Duration::from_secs(30),
            session_expiry: Duration::from_secs(7 * 86_400),
            stored_interval: Duration::from_secs(10),
            horizon: Duration::from_secs(30 * 86_400),
            rate_limit_per_s: None,
            rate_limit_burst: 2000,
            in_flight_messages: 4 * usize::from(receive_maximum),
            in_flight_bytes: 64 << 20,
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
            takeover_pause: Duration::from_secs(30),
            rival_after: 5,
            stop_deadline: Duration::from_secs(10),
        }
    }

    /// Sets `receive_maximum`, and `in_flight_messages` to four times as many.
    #[must_use]
    pub fn with_receive_maximum(mut self, receive_maximum: u16) -> Self {
        self.receive_maximum = receive_maximum;
        self.in_flight_messages = 4 * usize::from(receive_maximum);
        self
    }

    pub(crate) fn limits(&self) -> Limits {
        // A broker numbers its messages with 16 bits, yet some reuse ids that are not
        // acknowledged yet; sixteen times as many is beyond any that still works.
        Limits { messages: self.in_flight_messages, bytes: self.in_flight_bytes, acks: 1 << 20 }
    }

    /// How the broker is reached: TCP, or TLS with the certificate authorities named.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub fn transport(&self) -> Result<Transport, IntakeConfigError> {
        if self.url.scheme() != "mqtts" {
            return Ok(Transport::tcp());
        }
        Ok(Transport::tls_with_config(tls::client(self.ca_file.as_deref())?.into()))
    }

    /// Checks everything and reads the password and certificates.
    ///
    /// # Errors
    /// The first fault, with what to do.
    pub(crate) fn options(&self) -> Result<MqttOptions, IntakeConfigError> {
        let fault = |fault| IntakeConfigError::Url { url: self.url.to_string(), fault };
        let secure = match self.url.scheme() {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(fault("the scheme is neither mqtt nor mqtts")),
        };
        let host = self.url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| fault("there is no host"))?;
        if !matches!(self.url.path(), "" | "/") || self.url.query().is_some() || self.url.fragment().is_some() {
            return Err(fault("there is more than a host and a port"));
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            return Err(fault("a user or password does not belong in it"));
        }
        let port = self.url.port().unwrap_or(if secure { 8883 } else { 1883 });
        let range = |what, value: String, range| Err(IntakeConfigError::Range { what, value, range });
        if self.keep_alive < MIN_KEEP_ALIVE || self.keep_alive > Duration::from_secs(65_535) {
            return range("the keep-alive", format!("{:?}", self.keep_alive), "5 to 65,535 seconds");
        }
        if self.receive_maximum == 0 {
            return range("the receive maximum", "0".to_owned(), "1 to 65,535");
        }
        if self.in_flight_messages == 0 || self.in_flight_bytes == 0 {
            return range("a limit of what is in flight", "0".to_owned(), "1 or more");
        }
        if self.client_id.is_empty() {
            return range("the client id", "empty".to_owned(), "1 to 128 characters");
        }

        let mut options = MqttOptions::new(self.client_id.clone(), host, port);
        options.set_clean_start(false);
        options.set_keep_alive(self.keep_alive);
        options.set_manual_acks(true);
        options.set_connection_timeout(10);
        options.set_outgoing_inflight_upper_limit(2 * MAX_UNCONFIRMED as u16);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        let mut properties = ConnectProperties::new();
        properties.session_expiry_interval = Some(u32::try_from(self.session_expiry.as_secs()).unwrap_or(u32::MAX));
        properties.receive_maximum = Some(self.receive_maximum);
        properties.max_packet_size = Some(MAX_PACKET_BYTES);
        options.set_connect_properties(properties);
        if let Some(login) = &self.login {
            let password = std::fs::read_to_string(&login.password_file)
                .map_err(|source| IntakeConfigError::Password { path: login.password_file.clone(), source })?;
            options.set_credentials(login.username.clone(), password.trim_end_matches(['\r', '\n']));
        }
        if secure {
            options.set_transport(self.transport()?);
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> IntakeConfig {
        IntakeConfig::new(url.parse().unwrap(), "truceline")
    }

    #[test]
    fn an_address_without_a_port_gets_that_of_its_scheme() {
        assert_eq!(config("mqtt://broker").options().unwrap().broker_address(), ("broker".to_owned(), 1883));
        assert_eq!(config("mqtt://broker:2883").options().unwrap().broker_address(), ("broker".to_owned(), 2883));
    }

    #[test]
    fn an_address_of_another_form_is_refused_with_its_form() {
        for url in ["http://broker", "mqtt://broker/path", "mqtt://user@broker", "mqtt://u:p@broker", "mqtt:broker"] {
            let message = config(url).options().unwrap_err().to_string();
            assert!(message.contains("mqtt://HOST"), "{message}");
        }
    }

    #[test]
    fn the_session_outlives_the_connection_and_acknowledges_by_hand() {
        let options = config("mqtt://broker").options().unwrap();
        assert!(!options.clean_start());
        assert!(options.manual_acks());
        assert_eq!(options.session_expiry_interval(), Some(604_800));
        assert_eq!(options.receive_maximum(), Some(4000));
    }

    #[test]
    fn a_password_is_read_without_its_end_of_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "secret word\n").unwrap();
        let mut config = config("mqtt://broker");
        config.login = Some(Login { username: "intake".to_owned(), password_file: file });
        assert_eq!(config.options().unwrap().credentials().unwrap().password, "secret word");
        config.login = Some(Login { username: "intake".to_owned(), password_file: dir.path().join("none") });
        assert!(matches!(config.options(), Err(IntakeConfigError::Password { .. })));
    }

    #[test]
    fn a_keep_alive_that_the_client_would_refuse_is_an_error_and_no_panic() {
        let mut config = config("mqtt://broker");
        config.keep_alive = Duration::from_secs(4);
        assert!(matches!(config.options(), Err(IntakeConfigError::Range { .. })));
    }
}
