//! The stream of alerts as a subscriber gets it, and which reading each of them was opened by.
//!
//! The stream names neither devices nor exact times, so the reading is looked up in the API once the run is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Event, MqttOptions};
use serde_json::Value;

use super::publisher::Opened;
use super::site::Site;
use super::spread::Spread;

/// How long alerts may come after the last reading is done.
const PATIENCE: Duration = Duration::from_secs(30);

/// When each alert was first on the stream.
pub struct Stream(Arc<Mutex<HashMap<String, Instant>>>);

impl Stream {
    /// Subscribes; listens until the process ends.
    pub fn listen(port: u16) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new("bench-alerts", "127.0.0.1", port);
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut connection) = Client::new(options, 100);
        client.subscribe("truceline/v1/alerts/#", QoS::AtLeastOnce)?;
        let first = Arc::new(Mutex::new(HashMap::new()));
        let told = Arc::clone(&first);
        let (ready, subscribed) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let _client = client;
            while let Ok(Ok(event)) = connection.recv() {
                match event {
                    Event::Incoming(Packet::SubAck(_)) => drop(ready.send(())),
                    Event::Incoming(Packet::Publish(publish)) => {
                        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                        let id = topic.rsplit('/').next().unwrap_or_default().to_owned();
                        let mut first = told.lock().unwrap_or_else(PoisonError::into_inner);
                        first.entry(id).or_insert_with(Instant::now);
                    }
                    _ => {}
                }
            }
        });
        subscribed.recv_timeout(Duration::from_secs(20)).context("the broker confirms no subscription to alerts")?;
        Ok(Self(first))
    }

    /// Times from a reading's publication until the alert that it opened was on the stream, of those that came.
    pub fn against(&self, site: &Site, opened: &[Opened]) -> anyhow::Result<Spread> {
        let begun = Instant::now();
        let alerts = loop {
            let alerts = tampering(site)?;
            let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let all = alerts.len() >= opened.len() && alerts.values().all(|id| first.contains_key(id));
            if all || begun.elapsed() > PATIENCE {
                break alerts;
            }
            drop(first);
            std::thread::sleep(Duration::from_millis(200));
        };
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spread = Spread::default();
        for opened in opened {
            let id = alerts.get(&(opened.device.clone(), opened.seq));
            if let Some(told) = id.and_then(|id| first.get(id)) {
                spread.add(told.saturating_duration_since(opened.written), 1);
            }
        }
        Ok(spread)
    }
}

/// The alerts of opened enclosures, by the reading that opened each.
fn tampering(site: &Site) -> anyhow::Result<HashMap<(String, u64), String>> {
    let mut found = HashMap::new();
    let mut cursor = String::new();
    loop {
        let page = site.service.get(&format!("/api/v1/alerts?category=tamper&limit=1000{cursor}"))?;
        let page: Value = serde_json::from_str(&page)?;
        for alert in page["items"].as_array().into_iter().flatten() {
            let first = &alert["evidence"][0];
            if let (Some(device), Some(seq), Some(id)) =
                (first["device"].as_str(), first["seq"].as_u64(), alert["id"].as_str())
            {
                found.insert((device.to_owned(), seq), id.to_owned());
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}
