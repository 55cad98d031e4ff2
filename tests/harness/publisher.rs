//! A device's view of the broker: publishes, and knows what the broker has acknowledged.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::task::JoinHandle;

use super::wait_for;

/// A message's own name, told back once it is acknowledged.
pub type Tag = u64;

/// Topic and payload of what was received, in order.
type Inbox = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A client that publishes QoS 1 and remembers which tags were acknowledged.
pub struct Publisher {
    pub client: AsyncClient,
    acked: Arc<Mutex<BTreeSet<Tag>>>,
    sent: Arc<Mutex<VecDeque<Tag>>>,
    received: Inbox,
    polling: JoinHandle<()>,
}

impl Publisher {
    /// Connects; needs a multi-thread runtime.
    pub fn connect(port: u16, id: &str) -> Self {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_max_packet_size(Some(4 << 20));
        options.set_keep_alive(Duration::from_secs(30));
        options.set_outgoing_inflight_upper_limit(200);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        let (client, mut eventloop) = AsyncClient::new(options, 1_000);
        let acked = Arc::new(Mutex::new(BTreeSet::new()));
        let sent: Arc<Mutex<VecDeque<Tag>>> = Arc::default();
        let received: Inbox = Arc::default();
        let (acks, queue, inbox) = (Arc::clone(&acked), Arc::clone(&sent), Arc::clone(&received));
        let polling = tokio::spawn(async move {
            let mut by_packet = std::collections::HashMap::new();
            loop {
                match eventloop.poll().await {
                    Ok(Event::Outgoing(Outgoing::Publish(packet))) => {
                        if let Some(tag) = queue.lock().expect("unpoisoned").pop_front() {
                            by_packet.insert(packet, tag);
                        }
                    }
                    Ok(Event::Incoming(Packet::PubAck(ack))) => {
                        if let Some(tag) = by_packet.remove(&ack.pkid) {
                            acks.lock().expect("unpoisoned").insert(tag);
                        }
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => inbox
                        .lock()
                        .expect("unpoisoned")
                        .push((String::from_utf8_lossy(&publish.topic).into_owned(), publish.payload.to_vec())),
                    Ok(_) => {}
                    // These tests keep the broker alive: its loss is the end.
                    Err(_) => return,
                }
            }
        });
        Self { client, acked, sent, received, polling }
    }

    /// Publishes one message under a tag.
    pub async fn publish(&self, tag: Tag, topic: &str, payload: impl Into<Vec<u8>>) {
        self.sent.lock().expect("unpoisoned").push_back(tag);
        self.client.publish(topic, QoS::AtLeastOnce, false, payload.into()).await.expect("published");
    }

    /// Tags that the broker has acknowledged.
    pub fn acked(&self) -> BTreeSet<Tag> {
        self.acked.lock().expect("unpoisoned").clone()
    }

    /// Waits until `count` tags are acknowledged.
    pub fn wait_acked(&self, count: usize) {
        wait_for("the broker's acknowledgements", Duration::from_secs(60), || self.acked().len() >= count);
    }

    /// Everything received on what was subscribed.
    pub fn received(&self) -> Vec<(String, Vec<u8>)> {
        self.received.lock().expect("unpoisoned").clone()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.polling.abort();
    }
}
