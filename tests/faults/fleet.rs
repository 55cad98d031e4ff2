//! Devices that keep each reading until it is in `stored`, and send again what is not: who loses a reading then is Truceline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Packet};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::task::JoinHandle;
use truceline_core::wire::Stored;

use crate::harness::field::{health, topic};

/// (device, boot, seq).
pub type Identity = (String, u32, u64);

/// A device that is told nothing for this long sends again what it keeps.
const AGAIN: Duration = Duration::from_secs(5);
const BOOT: u32 = 21;

struct Device {
    name: &'static str,
    next: u64,
    /// What is not in `stored`.
    kept: BTreeMap<u64, String>,
    /// The next one to send on this connection.
    position: u64,
    /// When it was last told something, or sent again.
    told_at: Instant,
}

#[derive(Default)]
struct Book {
    devices: Vec<Device>,
    told: BTreeSet<Identity>,
    connections: u64,
    /// Sent on this connection and not acknowledged by the broker.
    unacked: usize,
}

/// Several devices on one connection to the broker.
pub struct Fleet {
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Fleet {
    pub fn of(port: u16, names: &[&'static str]) -> Self {
        let device =
            |name: &&'static str| Device { name, next: 0, kept: BTreeMap::new(), position: 0, told_at: Instant::now() };
        let book = Arc::new(Mutex::new(Book { devices: names.iter().map(device).collect(), ..Book::default() }));
        let task = tokio::spawn(run(port, Arc::clone(&book)));
        Self { book, task }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("unpoisoned")
    }

    /// Each device makes so many readings.
    pub fn record(&self, each: usize) {
        for device in &mut self.book().devices {
            for _ in 0..each {
                device.kept.insert(device.next, health(device.name, BOOT, device.next).to_string());
                device.next += 1;
            }
        }
    }

    /// Makes readings until it is aborted, `each` for every device in 50 ms.
    pub fn record_on(self: &Arc<Self>, each: usize) -> JoinHandle<()> {
        let fleet = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                fleet.record(each);
                // The rate of the devices.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    }

    /// All that was in `stored`.
    pub fn told(&self) -> BTreeSet<Identity> {
        self.book().told.clone()
    }

    /// All that was made.
    pub fn made(&self) -> BTreeSet<Identity> {
        let of = |device: &Device| (0..device.next).map(|seq| (device.name.to_owned(), BOOT, seq)).collect::<Vec<_>>();
        self.book().devices.iter().flat_map(of).collect()
    }

    /// Whether all that was made is in `stored`, and the broker has all that was sent, repeated or not.
    pub fn is_done(&self) -> bool {
        let book = self.book();
        book.unacked == 0 && book.devices.iter().all(|device| device.kept.is_empty())
    }

    pub fn connections(&self) -> u64 {
        self.book().connections
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Book {
    fn connected(&mut self) {
        self.connections += 1;
        self.unacked = 0;
        for device in &mut self.devices {
            device.position = 0;
            device.told_at = Instant::now();
        }
    }

    fn hear(&mut self, topic: &str, payload: &[u8]) {
        let Some(device) = self.devices.iter_mut().find(|device| topic.ends_with(&format!("/{}", device.name))) else {
            return;
        };
        let stored: Stored = serde_json::from_slice(payload).expect("a `stored` message");
        assert!(stored.rejected.is_empty(), "{topic}: {stored:?}");
        if stored.boot != BOOT {
            return;
        }
        device.told_at = Instant::now();
        for (from, to) in stored.stored {
            assert!(to < device.next, "{topic} has {to}, which was never sent");
            for seq in from..=to {
                device.kept.remove(&seq);
                self.told.insert((device.name.to_owned(), BOOT, seq));
            }
        }
    }

    /// Some of what is to be sent now.
    fn batch(&mut self) -> Vec<(String, String)> {
        let mut batch = Vec::new();
        for device in &mut self.devices {
            let due: Vec<_> =
                device.kept.range(device.position..).take(20).map(|(seq, text)| (*seq, text.clone())).collect();
            if let Some((last, _)) = due.last() {
                device.position = last + 1;
            } else if !device.kept.is_empty() && device.told_at.elapsed() > AGAIN {
                (device.position, device.told_at) = (0, Instant::now());
            }
            batch.extend(due.into_iter().map(|(_, text)| (topic(device.name), text)));
        }
        self.unacked += batch.len();
        batch
    }
}

async fn run(port: u16, book: Arc<Mutex<Book>>) {
    loop {
        let mut options = MqttOptions::new("fleet", "127.0.0.1", port);
        options.set_clean_start(true);
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(1 << 20);
        options.set_connect_properties(properties);
        let (client, mut eventloop) = AsyncClient::new(options, 100);
        client.subscribe("truceline/v1/stored/#", QoS::AtLeastOnce).await.expect("queued");
        let mut sending: Option<JoinHandle<()>> = None;
        loop {
            match eventloop.poll().await {
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    book.lock().expect("unpoisoned").connected();
                    sending = Some(tokio::spawn(send(client.clone(), Arc::clone(&book))));
                }
                Ok(Event::Incoming(Packet::PubAck(_))) => {
                    let mut book = book.lock().expect("unpoisoned");
                    book.unacked = book.unacked.saturating_sub(1);
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                    book.lock().expect("unpoisoned").hear(&topic, &publish.payload);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if let Some(sending) = sending {
            sending.abort();
        }
        // Polling interval of a condition: the broker is away.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn send(client: AsyncClient, book: Arc<Mutex<Book>>) {
    loop {
        let batch = book.lock().expect("unpoisoned").batch();
        if batch.is_empty() {
            // Polling interval of a condition: there is nothing to send.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for (topic, text) in batch {
            if client.publish(topic, QoS::AtLeastOnce, false, text).await.is_err() {
                return;
            }
        }
    }
}
