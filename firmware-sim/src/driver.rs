//! Plays a scenario in real time over real MQTT; the only place of the simulator that reads the clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use truceline_core::id::Id;
use truceline_core::time::{Span, Time};
use truceline_core::wire::{DeviceState, Stored};
use url::Url;

use crate::encode::Format;
use crate::firmware::{Counts, Firmware};
use crate::scenario::Scenario;
use crate::world::{self, Planned};

/// How often each device is looked after.
const TICK: Duration = Duration::from_millis(50);
/// Pause after a lost connection.
const RECONNECT: Duration = Duration::from_secs(1);
/// Requests that wait for one connection.
const REQUESTS: usize = 1_000;
/// Notices from one connection to its devices.
const NOTICES: usize = 1_024;

/// How a scenario is played.
#[derive(Clone, Debug)]
pub struct PlayOptions {
    /// `mqtt://host:port`.
    pub broker: Url,
    /// First levels of every topic.
    pub topic_prefix: String,
    /// Scenario seconds in one second.
    pub speed: f64,
    /// The same seed gives the same readings.
    pub seed: u64,
    /// Connections that the devices share; as many as devices gives each its own, with a last will.
    pub connections: usize,
    /// What is not in `stored` so long after its sending is sent again.
    pub resend_after: Duration,
    /// How long to wait at the end for what is not in `stored`.
    pub wait: Duration,
    /// Draw a progress bar where standard error is a terminal, else write lines.
    pub progress: bool,
}

impl PlayOptions {
    /// The usual ways of playing, to `broker`.
    pub fn new(broker: Url) -> Self {
        Self {
            broker,
            topic_prefix: "truceline/v1".to_owned(),
            speed: 1.0,
            seed: 1,
            connections: 4,
            resend_after: Duration::from_secs(30),
            wait: Duration::from_secs(60),
            progress: false,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// Devices.
    pub devices: usize,
    /// All devices together.
    #[serde(flatten)]
    pub counts: Counts,
    /// Readings that are not in `stored`.
    pub pending: usize,
}

struct Device {
    id: Id,
    station: Id,
    index: usize,
    format: Format,
    planned: std::vec::IntoIter<Planned>,
    next: Option<Planned>,
    firmware: Firmware,
    announced: bool,
}

/// Plays a scenario to its end, or until the future is dropped.
///
/// At speed N the readings' times run N times as fast as the wall clock and end with it: the
/// beginning is told as of the past, so that nothing is ever ahead of its arrival.
pub async fn play(scenario: &Scenario, options: &PlayOptions) -> Summary {
    let duration = scenario.duration_s;
    let start = scenario.start.unwrap_or_else(|| {
        wall_clock() + Span::from_secs_f64(duration / options.speed) - Span::from_secs_f64(duration)
    });
    let count = options.connections.clamp(1, scenario.devices.len().max(1));
    let mut groups: Vec<Vec<Device>> = (0..count).map(|_| Vec::new()).collect();
    for (index, spec) in scenario.devices.iter().enumerate() {
        let mut planned = world::plan(scenario, spec, options.seed).into_iter();
        // A boot is never used twice: it follows from the seed and from when the scenario begins.
        let boot = Rng::with_seed(options.seed ^ world::fnv(spec.id.as_str()) ^ start.nanos().cast_unsigned()).u32(..);
        groups[index % count].push(Device {
            id: spec.id.clone(),
            station: spec.station.clone(),
            index,
            format: if index % 2 == 0 { Format::Json } else { Format::Cbor },
            next: planned.next(),
            planned,
            firmware: Firmware::new(boot, options.resend_after),
            announced: false,
        });
    }
    let bar = progress(duration, options.progress);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, devices) in groups.into_iter().enumerate() {
        let connection = Connection { scenario: scenario.clone(), options: options.clone(), start, began, number };
        let bar = (number == 0).then(|| bar.clone());
        tasks.spawn(connection.run(devices, bar));
    }
    let mut summary =
        Summary { scenario: scenario.name.clone(), devices: scenario.devices.len(), ..Summary::default() };
    while let Some(joined) = tasks.join_next().await {
        for device in joined.unwrap_or_default() {
            let counts = device.firmware.counts;
            summary.counts.made += counts.made;
            summary.counts.stored += counts.stored;
            summary.counts.rejected += counts.rejected;
            summary.counts.resent += counts.resent;
            summary.counts.dropped += counts.dropped;
            summary.pending += device.firmware.pending();
        }
    }
    bar.finish_and_clear();
    summary
}

struct Connection {
    scenario: Scenario,
    options: PlayOptions,
    start: Time,
    began: Instant,
    number: usize,
}

enum Notice {
    Up,
    Down,
    Stored(String, Stored),
}

impl Connection {
    async fn run(self, mut devices: Vec<Device>, bar: Option<ProgressBar>) -> Vec<Device> {
        let (client, eventloop) = AsyncClient::new(self.mqtt_options(&devices), REQUESTS);
        let (notices, mut noticed) = mpsc::channel(NOTICES);
        let poller = tokio::spawn(poll(eventloop, notices));
        let by_id: BTreeMap<String, usize> =
            devices.iter().enumerate().map(|(at, device)| (device.id.to_string(), at)).collect();
        let mut connected = false;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = Duration::from_secs_f64(self.scenario.duration_s / self.options.speed);
        loop {
            tokio::select! {
                biased;
                Some(notice) = noticed.recv() => match notice {
                    Notice::Up => connected = self.subscribe(&client, &mut devices),
                    Notice::Down => connected = false,
                    Notice::Stored(id, stored) => {
                        if let Some(device) = by_id.get(&id).and_then(|at| devices.get_mut(*at)) {
                            device.firmware.stored(&stored);
                        }
                    }
                },
                _ = tick.tick() => {
                    let elapsed = self.began.elapsed();
                    let at_s = (elapsed.as_secs_f64() * self.options.speed).min(self.scenario.duration_s);
                    for device in &mut devices {
                        self.look_after(device, &client, connected, at_s, elapsed);
                    }
                    let pending: usize = devices.iter().map(|device| device.firmware.pending()).sum();
                    if let Some(bar) = &bar {
                        bar.set_position(at_s as u64);
                        bar.set_message(format!("{pending} readings not stored yet on connection 1"));
                    }
                    if elapsed >= end && (pending == 0 || elapsed >= end + self.options.wait) {
                        break;
                    }
                }
            }
        }
        let _ = client.try_disconnect();
        // The goodbye is written by the poller, which ends with the connection.
        let _ = tokio::time::timeout(Duration::from_secs(2), poller).await;
        devices
    }

    fn look_after(&self, device: &mut Device, client: &AsyncClient, connected: bool, at_s: f64, elapsed: Duration) {
        while device.next.as_ref().is_some_and(|next| next.at_s <= at_s) {
            let Some(planned) = std::mem::replace(&mut device.next, device.planned.next()) else { break };
            let time = self.start + Span::from_secs_f64(planned.at_s);
            let (boot, seq) = (device.firmware.boot(), device.firmware.next_seq());
            device.firmware.keep(device.format.encode(&device.id, boot, seq, time, &planned));
        }
        let spec = &self.scenario.devices[device.index];
        let up = connected && !(at_s < self.scenario.duration_s && world::link_down(&self.scenario, spec, at_s));
        device.firmware.link(up);
        if up && !device.announced {
            device.announced = self.announce(client, device);
        }
        loop {
            let batch = device.firmware.poll_send(elapsed);
            if batch.is_empty() {
                break;
            }
            let properties = PublishProperties {
                content_type: Some(device.format.content_type().to_owned()),
                ..PublishProperties::default()
            };
            let topic = format!("{}/readings/{}/{}", self.options.topic_prefix, device.station, device.id);
            let message = device.format.message(&batch);
            if client.try_publish_with_properties(topic, QoS::AtLeastOnce, false, message, properties).is_err() {
                // The queue to the broker is full: what was taken counts as sent and is sent again in time.
                break;
            }
        }
    }

    fn announce(&self, client: &AsyncClient, device: &Device) -> bool {
        let state = DeviceState {
            v: 1,
            online: true,
            boot: Some(device.firmware.boot()),
            firmware: Some("sim".to_owned()),
            time: Some(wall_clock()),
            interval_s: Some(self.scenario.devices[device.index].interval_s),
            next_by: None,
            reason: None,
        };
        let topic = format!("{}/state/{}/{}", self.options.topic_prefix, device.station, device.id);
        let payload = serde_json::to_vec(&state).unwrap_or_default();
        client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_ok()
    }

    /// Subscribes again on each connection; sessions are not relied on.
    fn subscribe(&self, client: &AsyncClient, devices: &mut [Device]) -> bool {
        for device in devices.iter_mut() {
            device.firmware.link(false);
            let topic = format!("{}/stored/{}/{}", self.options.topic_prefix, device.station, device.id);
            if client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                tracing::warn!(device = %device.id, "the queue to the broker is full; its `stored` is not subscribed");
            }
        }
        true
    }

    fn mqtt_options(&self, devices: &[Device]) -> MqttOptions {
        let broker = &self.options.broker;
        let host = broker.host_str().unwrap_or("127.0.0.1").trim_matches(['[', ']']).to_owned();
        let id = format!("firmware-sim-{}-{}-{}", std::process::id(), self.number, fastrand::u32(..));
        let mut options = MqttOptions::new(id, host, broker.port().unwrap_or(1883));
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(Some(2 << 20));
        options.set_outgoing_inflight_upper_limit(100);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let [device] = devices {
            // A will belongs to a connection: only a device that has its own can have one.
            let will = br#"{"v":1,"online":false}"#.to_vec();
            let topic = format!("{}/state/{}/{}", self.options.topic_prefix, device.station, device.id);
            options.set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, true, None));
        }
        options
    }
}

/// Polls until told to stop; never waits for the devices' task with a request in hand.
async fn poll(mut eventloop: EventLoop, notices: mpsc::Sender<Notice>) {
    let mut said = false;
    loop {
        let notice = match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                said = false;
                Some(Notice::Up)
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                let id = topic.rsplit('/').next().unwrap_or_default().to_owned();
                serde_json::from_slice(&publish.payload).ok().map(|stored| Notice::Stored(id, stored))
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(_) => None,
            Err(error) => {
                if !said {
                    tracing::warn!("the broker cannot be reached: {error}; trying again");
                    said = true;
                }
                eventloop.clean();
                // The firmware sends again what was under way.
                eventloop.pending.clear();
                if notices.send(Notice::Down).await.is_err() {
                    return;
                }
                tokio::time::sleep(RECONNECT).await;
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

fn progress(duration_s: f64, wanted: bool) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(duration_s as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} scenario seconds, {msg}") {
        bar.set_style(style);
    }
    bar
}

// The one place of the simulator that reads it.
#[allow(clippy::disallowed_methods)]
fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
