//! Plays a scenario in real time over real MQTT; the only place of the simulator that reads the clock.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, PublishProperties};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use truceline_core::id::Id;
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Data, DeviceState, Stored};
use url::Url;

use crate::encode::Format;
use crate::firmware::{Counts, Firmware};
use crate::link::{self, Notice, Topics};
use crate::progress::{Meter, Progress};
use crate::scenario::Scenario;
use crate::world::{self, Planned};

/// How often each device is looked after.
const TICK: Duration = Duration::from_millis(50);
/// How often the progress is shown.
const SHOW: Duration = Duration::from_millis(200);
/// Requests that wait for one connection.
const REQUESTS: usize = 1_000;
/// Notices from one connection to its devices.
const NOTICES: usize = 1_024;
/// How long the goodbye to the broker may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a scenario is played.
#[derive(Clone, Debug)]
pub struct PlayOptions {
    /// `mqtt://[user:password@]host[:port]`.
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
            connections: 8,
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
    /// Rejects by their reason.
    pub reasons: BTreeMap<String, u64>,
    /// Readings that are not in `stored`.
    pub pending: usize,
    /// Whether the play was stopped before its end.
    pub stopped: bool,
}

struct Device {
    id: Id,
    station: Id,
    index: usize,
    format: Format,
    planned: std::vec::IntoIter<Planned>,
    next: Option<Planned>,
    firmware: Firmware,
    up: bool,
    announced: bool,
    /// What came on `stored` while the device's own link was down; the broker would hold it as retained.
    held: Option<Stored>,
}

/// Plays a scenario to its end; dropping the future stops it at once.
///
/// At speed N the readings' times run N times as fast as the wall clock and end with it: the
/// beginning is told as of the past, so that nothing is ever ahead of its arrival.
pub async fn play(scenario: &Scenario, options: &PlayOptions) -> Summary {
    play_until(scenario, options, std::future::pending()).await
}

/// Plays a scenario to its end, or until `stop` is ready; then it says goodbye to the broker and tells how far it came.
pub async fn play_until(scenario: &Scenario, options: &PlayOptions, stop: impl Future<Output = ()>) -> Summary {
    let duration = scenario.duration_s;
    let start = scenario.start.unwrap_or_else(|| {
        wall_clock() + Span::from_secs_f64(duration / options.speed) - Span::from_secs_f64(duration)
    });
    let groups = groups(scenario, options, start);
    let began = Instant::now();
    let run = Rng::with_seed(wall_clock().nanos().cast_unsigned()).u32(..);
    let (stopper, stopped) = watch::channel(false);
    let mut meters = Vec::new();
    let mut tasks = JoinSet::new();
    for (number, devices) in groups.into_iter().enumerate() {
        let meter = Arc::new(Meter::default());
        meters.push(Arc::clone(&meter));
        let client_id = format!("firmware-sim-{}-{run:08x}-{number}", std::process::id());
        let (scenario, options, stopped) = (scenario.clone(), options.clone(), stopped.clone());
        let connection = Connection { scenario, options, start, began, client_id, meter, stopped };
        tasks.spawn(connection.run(devices));
    }
    let mut summary =
        Summary { scenario: scenario.name.clone(), devices: scenario.devices.len(), ..Summary::default() };
    let mut progress = Progress::new(options.progress, duration);
    let mut show = tokio::time::interval(SHOW);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            joined = tasks.join_next() => match joined {
                Some(devices) => summary.add(&devices.unwrap_or_default()),
                None => break,
            },
            () = &mut stop, if !summary.stopped => {
                summary.stopped = true;
                // Nobody to tell is as good as told.
                let _ = stopper.send(true);
            }
            _ = show.tick() => {
                let at_s = began.elapsed().as_secs_f64() * options.speed;
                progress.show(at_s.min(duration), duration, &meters);
            }
        }
    }
    progress.end();
    summary
}

impl Summary {
    fn add(&mut self, devices: &[Device]) {
        for Device { firmware, .. } in devices {
            self.counts.add(firmware.counts);
            self.pending += firmware.pending();
            for (reason, count) in &firmware.reasons {
                *self.reasons.entry(reason.clone()).or_default() += count;
            }
        }
    }
}

/// The devices of each connection.
fn groups(scenario: &Scenario, options: &PlayOptions, start: Time) -> Vec<Vec<Device>> {
    let count = options.connections.clamp(1, scenario.devices.len().max(1));
    let mut groups: Vec<Vec<Device>> = (0..count).map(|_| Vec::new()).collect();
    for (index, spec) in scenario.devices.iter().enumerate() {
        let mut planned = world::plan(scenario, spec, options.seed).into_iter();
        // A boot is never used twice: it follows from the seed and from when the scenario begins.
        let boot = Rng::with_seed(options.seed ^ world::fnv(spec.id.as_str()) ^ start.nanos().cast_unsigned()).u32(..);
        let Some(group) = groups.get_mut(index % count) else { continue };
        group.push(Device {
            id: spec.id.clone(),
            station: spec.station.clone(),
            index,
            format: if index % 2 == 0 { Format::Json } else { Format::Cbor },
            next: planned.next(),
            planned,
            firmware: Firmware::new(boot, spec.flash_readings, options.resend_after),
            up: false,
            announced: false,
            held: None,
        });
    }
    groups
}

/// One connection with its devices.
struct Connection {
    scenario: Scenario,
    options: PlayOptions,
    start: Time,
    began: Instant,
    client_id: String,
    meter: Arc<Meter>,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, mut devices: Vec<Device>) -> Vec<Device> {
        let will = match devices.as_slice() {
            // A will belongs to a connection: only a device that has its own can have one.
            [device] => Some(self.topics(device).of("state")),
            _ => None,
        };
        let mqtt = link::options(&self.options.broker, self.client_id.clone(), will);
        let (client, eventloop) = AsyncClient::new(mqtt, REQUESTS);
        let (notices, mut noticed) = mpsc::channel(NOTICES);
        // In a set, so that it ends with this task however that ends.
        let mut poller = JoinSet::new();
        poller.spawn(link::poll(eventloop, notices));
        let by_id: BTreeMap<String, usize> =
            devices.iter().enumerate().map(|(at, device)| (device.id.to_string(), at)).collect();
        let mut connected = false;
        let mut to_subscribe: Vec<Vec<Filter>> = Vec::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = Duration::from_secs_f64(self.scenario.duration_s / self.options.speed);
        loop {
            tokio::select! {
                biased;
                _ = self.stopped.changed() => break,
                Some(notice) = noticed.recv() => match notice {
                    Notice::Up => {
                        connected = true;
                        // Sessions are not relied on: all is subscribed and announced again.
                        to_subscribe = link::subscriptions(devices.iter().map(|device| self.topics(device).of("stored")));
                        for device in &mut devices {
                            device.firmware.link(false);
                            device.announced = false;
                        }
                    }
                    Notice::Down => connected = false,
                    Notice::Stored(id, stored) => {
                        if let Some(device) = by_id.get(&id).and_then(|at| devices.get_mut(*at)) {
                            if device.up {
                                device.firmware.stored(&stored);
                            } else {
                                device.held = Some(stored);
                            }
                        }
                    }
                },
                _ = tick.tick() => {
                    while connected && let Some(filters) = to_subscribe.pop() {
                        if client.try_subscribe_many(filters.clone()).is_err() {
                            to_subscribe.push(filters);
                            break;
                        }
                    }
                    let ready = connected && to_subscribe.is_empty();
                    let elapsed = self.began.elapsed();
                    let at_s = (elapsed.as_secs_f64() * self.options.speed).min(self.scenario.duration_s);
                    for device in &mut devices {
                        self.look_after(device, &client, ready, at_s, elapsed);
                    }
                    let pending = self.measure(&devices);
                    if elapsed >= end && (pending == 0 || elapsed >= end + self.options.wait) {
                        break;
                    }
                }
            }
        }
        if client.try_disconnect().is_ok() && connected {
            // The goodbye is written by the poller, which ends with the connection.
            let _ = tokio::time::timeout(GOODBYE, poller.join_next()).await;
        }
        devices
    }

    fn topics<'a>(&'a self, device: &'a Device) -> Topics<'a> {
        Topics { prefix: &self.options.topic_prefix, station: device.station.as_str(), device: device.id.as_str() }
    }

    fn measure(&self, devices: &[Device]) -> usize {
        let mut counts = Counts::default();
        for device in devices {
            counts.add(device.firmware.counts);
        }
        self.meter.made.store(counts.made, Ordering::Relaxed);
        self.meter.settled.store(counts.stored + counts.rejected + counts.dropped, Ordering::Relaxed);
        devices.iter().map(|device| device.firmware.pending()).sum()
    }

    fn look_after(&self, device: &mut Device, client: &AsyncClient, ready: bool, at_s: f64, elapsed: Duration) {
        while device.next.as_ref().is_some_and(|next| next.at_s <= at_s) {
            let Some(planned) = std::mem::replace(&mut device.next, device.planned.next()) else { break };
            self.make(device, planned);
        }
        let Some(spec) = self.scenario.devices.get(device.index) else { return };
        // What is kept when the scenario ends is sent even if the scenario ends in an outage.
        device.up = ready && !(at_s < self.scenario.duration_s && world::link_down(&self.scenario, spec, at_s));
        device.firmware.link(device.up);
        if !device.up {
            return;
        }
        if let Some(stored) = device.held.take() {
            device.firmware.stored(&stored);
        }
        if !device.announced {
            device.announced = self.announce(client, device, spec.interval_s);
        }
        while let Some(batch) = device.firmware.poll_send(elapsed) {
            let topic = self.topics(device).of("readings");
            let message = device.format.message(&batch.readings);
            let properties = content_type(device.format);
            if client.try_publish_with_properties(topic, QoS::AtLeastOnce, false, message, properties).is_err() {
                device.firmware.not_sent(&batch);
                break;
            }
        }
    }

    fn make(&self, device: &mut Device, mut planned: Planned) {
        let time = self.start + Span::from_secs_f64(planned.at_s);
        let mut tells_dropped = false;
        if let Data::Health(health) = &mut planned.data {
            health.dropped = device.firmware.dropped();
            tells_dropped = !health.dropped.is_empty();
        }
        let (boot, seq) = (device.firmware.boot(), device.firmware.next_seq());
        let kept = device.firmware.keep(device.format.encode(&device.id, boot, seq, time, &planned));
        if kept && tells_dropped {
            device.firmware.told_dropped();
        }
    }

    fn announce(&self, client: &AsyncClient, device: &Device, interval_s: f64) -> bool {
        let state = DeviceState {
            v: 1,
            online: true,
            boot: Some(device.firmware.boot()),
            firmware: Some("sim".to_owned()),
            time: Some(wall_clock()),
            interval_s: Some(interval_s),
            next_by: None,
            reason: None,
        };
        let payload = serde_json::to_vec(&state).unwrap_or_default();
        let (topic, properties) = (self.topics(device).of("state"), content_type(Format::Json));
        client.try_publish_with_properties(topic, QoS::AtLeastOnce, true, payload, properties).is_ok()
    }
}

fn content_type(format: Format) -> PublishProperties {
    PublishProperties { content_type: Some(format.content_type().to_owned()), ..PublishProperties::default() }
}

// The one place of the simulator that reads it.
#[allow(clippy::disallowed_methods)]
fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
