//! The least of a service: takes readings from a broker and says on `stored` what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::task::JoinHandle;
use truceline_core::wire::{RejectReason, Stored, decode, decode_state, encoding_of};

/// What the service has taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// Bytes by device, boot and seq.
    pub readings: BTreeMap<(String, u32, u64), Vec<u8>>,
    /// Readings that came again.
    pub again: usize,
    /// Anything that a device must not do.
    pub faults: Vec<String>,
    /// The latest state by device: online or not.
    pub online: BTreeMap<String, bool>,
    /// Births seen by device.
    pub births: BTreeMap<String, usize>,
    messages: usize,
}

/// A running service; it ends with its value.
pub struct Service {
    pub taken: Arc<Mutex<Taken>>,
    task: JoinHandle<()>,
}

/// How it misbehaves.
#[derive(Clone, Copy, Default)]
pub struct Habits {
    /// Of so many messages one is lost before it is stored; 0: none.
    pub loses_one_in: usize,
    /// Readings with such a seq are rejected.
    pub rejects_seq: Option<u64>,
}

impl Service {
    pub fn start(port: u16, habits: Habits) -> Self {
        let taken = Arc::new(Mutex::new(Taken::default()));
        let task = tokio::spawn(run(port, habits, Arc::clone(&taken)));
        Self { taken, task }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(port: u16, habits: Habits, taken: Arc<Mutex<Taken>>) {
    let mut options = MqttOptions::new("fake-service", "127.0.0.1", port);
    options.set_max_packet_size(Some(2 << 20));
    let (client, mut eventloop) = AsyncClient::new(options, 4_000);
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                for topic in ["truceline/v1/readings/+/+", "truceline/v1/state/+/+"] {
                    client.try_subscribe(topic, QoS::AtLeastOnce).expect("room in the queue");
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let topic = String::from_utf8(publish.topic.to_vec()).expect("UTF-8");
                let parts: Vec<&str> = topic.split('/').collect();
                let [_, _, noun, station, device] = parts[..] else { panic!("{topic}") };
                let mut taken = taken.lock().expect("no panic elsewhere");
                if noun == "state" {
                    state(&mut taken, device, &publish);
                    continue;
                }
                taken.messages += 1;
                if habits.loses_one_in > 0 && taken.messages.is_multiple_of(habits.loses_one_in) {
                    continue;
                }
                for stored in readings(&mut taken, device, &publish, habits) {
                    let payload = serde_json::to_vec(&stored).expect("JSON");
                    let topic = format!("truceline/v1/stored/{station}/{device}");
                    client.try_publish(topic, QoS::AtLeastOnce, true, payload).expect("room in the queue");
                }
            }
            Ok(_) => {}
            Err(_) => {
                eventloop.clean();
                // Between two attempts to connect, so that they do not spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn state(taken: &mut Taken, device: &str, publish: &Publish) {
    match decode_state(None, &publish.payload) {
        Ok(state) => {
            taken.online.insert(device.to_owned(), state.online);
            *taken.births.entry(device.to_owned()).or_default() += usize::from(state.online);
        }
        Err(fault) => taken.faults.push(format!("{device}: {fault}")),
    }
}

/// Takes a message; what is to be said of each of its boots.
fn readings(taken: &mut Taken, device: &str, publish: &Publish, habits: Habits) -> Vec<Stored> {
    let content_type = publish.properties.as_ref().and_then(|properties| properties.content_type.clone());
    if content_type.is_none() {
        taken.faults.push(format!("{device}: no content type"));
    }
    let encoding = encoding_of(content_type.as_deref(), &publish.payload).expect("an encoding");
    let id = device.parse().expect("an id");
    let mut boots = BTreeSet::new();
    for item in decode(encoding, &publish.payload, &id) {
        match item.result {
            Ok(reading) => {
                boots.insert(reading.boot);
                let key = (device.to_owned(), reading.boot, reading.seq);
                match taken.readings.insert(key, item.bytes.to_vec()) {
                    Some(before) if before == item.bytes => taken.again += 1,
                    Some(_) => taken.faults.push(format!("{device}/{}: other bytes", reading.seq)),
                    None => {}
                }
            }
            Err(fault) => taken.faults.push(format!("{device}: {fault}")),
        }
    }
    boots.into_iter().map(|boot| stored(taken, device, boot, habits)).collect()
}

fn stored(taken: &Taken, device: &str, boot: u32, habits: Habits) -> Stored {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut rejected = Vec::new();
    let own = (device.to_owned(), boot, 0)..=(device.to_owned(), boot, u64::MAX);
    for (_, _, seq) in taken.readings.range(own).map(|(key, _)| key) {
        if habits.rejects_seq == Some(*seq) {
            rejected.push((*seq, RejectReason::UnknownKind.as_str().to_owned()));
            continue;
        }
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == *seq => *to = *seq,
            _ => ranges.push((*seq, *seq)),
        }
    }
    // The contract's limit: the newest 32.
    let surplus = ranges.len().saturating_sub(32);
    Stored { v: 1, boot, stored: ranges.split_off(surplus), rejected }
}
