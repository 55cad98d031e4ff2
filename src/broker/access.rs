//! Who may do what: anybody may connect, and use the contract's topics only.

use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;

use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::packet::connect::ConnectPacket;

/// First levels that the wire contract knows.
const PREFIXES: [&str; 2] = ["truceline/v1/", "truceline-exercise/v1/"];

/// Lets every client use the contract's topics and nothing else.
pub(super) struct TrucelineTopics;

fn allowed(topic: &str) -> bool {
    PREFIXES.iter().any(|prefix| topic.starts_with(prefix))
}

impl AuthProvider for TrucelineTopics {
    fn authenticate<'a>(
        &'a self,
        _connect: &'a ConnectPacket,
        _client: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = mqtt5::Result<AuthResult>> + Send + 'a>> {
        Box::pin(ready(Ok(AuthResult::success())))
    }

    fn authorize_publish<'a>(
        &'a self,
        _client: &str,
        _user: Option<&'a str>,
        topic: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(ready(allowed(topic)))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client: &str,
        _user: Option<&'a str>,
        filter: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(ready(allowed(filter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contracts_topics_are_allowed() {
        for topic in ["truceline/v1/readings/st01/a", "truceline-exercise/v1/state/+/+", "truceline/v1/#"] {
            assert!(allowed(topic), "{topic}");
        }
        for topic in ["#", "+/v1/readings/a/b", "truceline/v2/a", "$SYS/broker", "other"] {
            assert!(!allowed(topic), "{topic}");
        }
    }
}
