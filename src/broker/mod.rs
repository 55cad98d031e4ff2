//! The embedded broker, for the demo and small sites.
//!
//! It keeps everything in memory: a restart loses what devices had sent and the service
//! had not made durable. Devices that keep their readings until they are in `stored`
//! lose nothing by it. It knows no passwords and no TLS, so it listens on loopback
//! unless told otherwise.

mod access;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerConfig as Settings, BrokerShutdownHandle, MqttBroker};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use access::TrucelineTopics;

/// Largest packet: a message of 1 MiB with its topic, and larger ones so that they are rejected by name.
const MAX_PACKET_BYTES: usize = 2 << 20;
/// Messages that wait for one client; beyond it the broker drops the oldest.
const MAX_QUEUED_MESSAGES: usize = 200_000;
/// Bytes that wait for one client; beyond it the broker drops the oldest.
const MAX_QUEUED_BYTES: usize = 256 << 20;
/// Messages on their way to one client without its acknowledgement.
const MAX_INFLIGHT: u16 = 1000;
/// Retained messages: a state and a `stored` for each device.
const MAX_RETAINED: usize = 100_000;
/// Largest retained message.
const MAX_RETAINED_BYTES: usize = 64 << 10;
/// Clients.
const MAX_CLIENTS: usize = 10_000;
/// Longest time that a session outlives its connection.
const SESSION_EXPIRY: Duration = Duration::from_secs(7 * 86_400);
/// How long start and stop may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Where the embedded broker listens.
#[derive(Clone, Copy, Debug)]
pub struct BrokerConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Listen on an address that others can reach, though anybody may then send readings.
    pub allow_remote: bool,
}

/// Why the embedded broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Others could reach it.
    #[error(
        "the embedded broker knows no passwords, so it does not listen on {0}; use 127.0.0.1, or a broker of your own"
    )]
    NotLoopback(SocketAddr),
    /// The address could not be taken.
    #[error("the embedded broker cannot listen on {listen}: {fault}; free the port or choose another")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the library says.
        fault: String,
    },
    /// It did not come up.
    #[error("the embedded broker did not start: {0}")]
    Start(String),
}

/// A running broker; it ends when dropped.
pub struct Broker {
    address: SocketAddr,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<Result<(), String>>,
}

impl Broker {
    /// Starts one and waits until it accepts connections.
    ///
    /// # Errors
    /// When the address is not loopback (unless allowed) or cannot be taken.
    pub async fn start(config: BrokerConfig) -> Result<Self, BrokerError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() && !config.allow_remote {
            return Err(BrokerError::NotLoopback(listen));
        }
        let mut broker = MqttBroker::with_config(settings(listen))
            .await
            .map_err(|error| BrokerError::Listen { listen, fault: cause(&error.to_string()).to_owned() })?
            .with_auth_provider(Arc::new(TrucelineTopics));
        let address = broker.local_addr().ok_or_else(|| BrokerError::Start("it has no address".to_owned()))?;
        let shutdown = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move { broker.run().await.map_err(|error| error.to_string()) });
        match timeout(DEADLINE, ready.wait_for(|ready| *ready)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => {
                let fault = match task.await {
                    Ok(Err(fault)) => fault,
                    _ => "it ended".to_owned(),
                };
                return Err(BrokerError::Start(fault));
            }
            Err(_) => {
                task.abort();
                return Err(BrokerError::Start(format!("not ready within {DEADLINE:?}")));
            }
        }
        Ok(Self { address, shutdown, task })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections and waits. Returns whether it ended in time by itself.
    pub async fn stop(mut self) -> bool {
        self.shutdown.shutdown();
        let ended = timeout(DEADLINE, &mut self.task).await.is_ok();
        self.task.abort();
        ended
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The library's text lists each address with its fault, and then gives advice that fits its own program only.
fn cause(text: &str) -> &str {
    let listed = text.lines().find_map(|line| line.trim().strip_prefix("- ")?.split_once(": "));
    let cause = listed.map_or_else(|| text.lines().next().unwrap_or_default(), |(_, fault)| fault);
    // What follows in brackets is a number and the same in other words.
    cause.split_once(" (").map_or(cause, |(words, _)| words)
}

fn settings(listen: SocketAddr) -> Settings {
    Settings::new()
        .with_bind_address(listen)
        .with_max_clients(MAX_CLIENTS)
        .with_session_expiry(SESSION_EXPIRY)
        .with_max_packet_size(MAX_PACKET_BYTES)
        .with_max_outbound_inflight(MAX_INFLIGHT)
        .with_max_retained_messages(MAX_RETAINED)
        .with_max_retained_message_size(MAX_RETAINED_BYTES)
        .with_max_subscriptions_per_client(100)
        .with_sys_topics_enabled(false)
        .with_storage(
            StorageConfig::new()
                .with_backend(StorageBackend::Memory)
                .with_max_queued_messages_per_client(MAX_QUEUED_MESSAGES)
                .with_max_queued_bytes_per_client(MAX_QUEUED_BYTES),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_told_in_one_line_with_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let told = Broker::start(BrokerConfig { listen, allow_remote: false }).await.err().unwrap().to_string();
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(&listen.to_string()) && told.contains("in use; free the port"), "{told}");
    }
}
