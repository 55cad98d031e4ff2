//! One MQTT connection of the simulator, shared by some devices: topics, options and the task that polls.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, LastWill, Packet};
use rumqttc::v5::{Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use truceline_core::wire::{MAX_MESSAGE_BYTES, Stored};
use url::Url;

/// Shortest and longest pause after a lost connection.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// Topic filters in one subscription, so that it fits the packet limit of any broker.
const FILTERS: usize = 100;

/// What a connection tells its devices.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Connected; nothing is subscribed.
    Up,
    /// Not connected.
    Down,
    /// What is durable of a device.
    Stored(String, Stored),
}

/// The topics of one device.
pub(crate) struct Topics<'a> {
    /// First levels.
    pub(crate) prefix: &'a str,
    /// Station.
    pub(crate) station: &'a str,
    /// Device.
    pub(crate) device: &'a str,
}

impl Topics<'_> {
    /// `readings`, `state` or `stored` of the device.
    pub(crate) fn of(&self, noun: &str) -> String {
        format!("{}/{noun}/{}/{}", self.prefix, self.station, self.device)
    }
}

/// The options of a connection; `will` is the state topic of the one device that has it for itself.
pub(crate) fn options(broker: &Url, client_id: String, will: Option<String>) -> MqttOptions {
    let host = broker.host_str().unwrap_or("127.0.0.1").trim_matches(['[', ']']).to_owned();
    let mut options = MqttOptions::new(client_id, host, broker.port().unwrap_or(1883));
    options.set_keep_alive(Duration::from_secs(30));
    options.set_max_packet_size(Some(2 * MAX_MESSAGE_BYTES as u32));
    options.set_outgoing_inflight_upper_limit(100);
    if !broker.username().is_empty() {
        options.set_credentials(decoded(broker.username()), decoded(broker.password().unwrap_or_default()));
    }
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(topic) = will {
        let payload = br#"{"v":1,"online":false}"#.to_vec();
        options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, true, None));
    }
    options
}

/// Undoes a URL's percent encoding.
fn decoded(text: &str) -> String {
    // A form also reads `+` as a space, which a URL's user part does not.
    let form = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The subscriptions of some topics, a few packets for many.
pub(crate) fn subscriptions(topics: impl Iterator<Item = String>) -> Vec<Vec<Filter>> {
    let filters: Vec<Filter> = topics.map(|topic| Filter::new(topic, QoS::AtLeastOnce)).collect();
    filters.chunks(FILTERS).map(<[Filter]>::to_vec).collect()
}

/// Polls until told to disconnect, or until nobody listens; never waits with a request in hand.
pub(crate) async fn poll(mut eventloop: EventLoop, notices: mpsc::Sender<Notice>) {
    let mut pause = RECONNECT.0;
    let mut said = false;
    loop {
        let notice = match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                said = false;
                pause = RECONNECT.0;
                Some(Notice::Up)
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let topic = String::from_utf8_lossy(&publish.topic);
                let device = topic.rsplit('/').next().unwrap_or_default().to_owned();
                match serde_json::from_slice(&publish.payload) {
                    Ok(stored) => Some(Notice::Stored(device, stored)),
                    Err(error) => {
                        tracing::warn!("{topic}: this is no `stored` message: {error}");
                        None
                    }
                }
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(_) => None,
            Err(error) => {
                if notices.send(Notice::Down).await.is_err() {
                    return;
                }
                if !said {
                    tracing::warn!("the broker cannot be reached: {error}; trying again");
                    said = true;
                }
                eventloop.clean();
                // The firmware sends again what was under way.
                eventloop.pending.clear();
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RECONNECT.1);
                None
            }
        };
        if let Some(notice) = notice
            && notices.send(notice).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_password_in_the_address_are_the_connections() {
        let broker: Url = "mqtt://st01:p%40ss+&w@[::1]:1884".parse().expect("a URL");
        let options = options(&broker, "id".to_owned(), None);
        assert_eq!(options.broker_address(), ("::1".to_owned(), 1884));
        let login = options.credentials().expect("credentials");
        assert_eq!((login.username.as_str(), login.password.as_str()), ("st01", "p@ss+&w"));
    }

    #[test]
    fn many_topics_are_subscribed_in_few_packets_and_none_is_left_out() {
        let subscriptions = subscriptions((0..250).map(|number| format!("truceline/v1/stored/s/d{number}")));
        assert_eq!(subscriptions.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    }
}
