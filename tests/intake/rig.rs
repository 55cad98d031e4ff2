//! An intake with a fake store, devices with a plain MQTT client, and a link that can be cut.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, LastWill, Packet};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use truceline::intake::{
    Clock, Intake, IntakeConfig, IntakeError, IntakeStatus, Leftovers, LookupError, Now, Parts, Store, StoreClosed,
    StoredRanges,
};
use truceline_core::id::Id;
use truceline_core::log::{Append, Body, Outcome, ReadingEntry, Receipt, RejectEntry};
use truceline_core::registry::Registry;
use truceline_core::time::{Span, Time};

/// The wall time at which every test begins.
pub const START: &str = "2026-11-24T03:00:00Z";
/// How long a condition may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

type Identity = (Id, u32, u64);

/// A store in memory: durable as long as the test runs, with a lid on its answers.
#[derive(Clone)]
pub struct FakeStore {
    requests: mpsc::Sender<Append>,
    held: Arc<watch::Sender<bool>>,
    kept: Arc<Mutex<Kept>>,
    /// It cannot say what is durable.
    pub mute: Arc<AtomicBool>,
    /// How often it was asked meanwhile.
    pub questions: Arc<AtomicUsize>,
    /// What each answer takes.
    pub pace: Arc<Mutex<Duration>>,
}

#[derive(Default)]
struct Kept {
    log: Vec<(Body, Outcome)>,
    seqs: Vec<u64>,
    readings: BTreeMap<Identity, Vec<u8>>,
}

impl FakeStore {
    pub fn new() -> (Self, mpsc::Receiver<Vec<Receipt>>) {
        let (requests, mut queue) = mpsc::channel::<Append>(64);
        let (answers, receipts) = mpsc::channel(4);
        let (held, mut lid) = watch::channel(false);
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (into, pace) = (Arc::clone(&kept), Arc::new(Mutex::new(Duration::ZERO)));
        let takes = Arc::clone(&pace);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while queue.recv_many(&mut batch, 1000).await > 0 {
                let takes = *takes.lock().unwrap();
                if !takes.is_zero() {
                    // This store is slow.
                    tokio::time::sleep(takes).await;
                }
                if lid.wait_for(|held| !held).await.is_err() {
                    return;
                }
                let receipts = {
                    let mut kept = into.lock().unwrap();
                    batch.drain(..).map(|append| kept.keep(append)).collect()
                };
                if answers.send(receipts).await.is_err() {
                    return;
                }
            }
        });
        let (mute, questions) = (Arc::default(), Arc::default());
        (Self { requests, held: Arc::new(held), kept, mute, questions, pace }, receipts)
    }

    /// Nothing becomes durable, and nothing is answered, until [`Self::release`].
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// All that was asked and answered, in order.
    pub fn log(&self) -> Vec<(Body, Outcome)> {
        self.kept.lock().unwrap().log.clone()
    }

    pub fn readings(&self) -> Vec<(ReadingEntry, Outcome)> {
        let readings = self.log().into_iter().filter_map(|(body, outcome)| match body {
            Body::Reading(reading) => Some((reading, outcome)),
            _ => None,
        });
        readings.collect()
    }

    /// The numbers of all readings asked for, in order, repeated ones too.
    pub fn seqs(&self) -> Vec<u64> {
        self.kept.lock().unwrap().seqs.clone()
    }

    /// How many readings were asked for, repeated ones too.
    pub fn asked(&self) -> usize {
        self.kept.lock().unwrap().seqs.len()
    }

    /// How many different readings are durable.
    pub fn durable(&self) -> usize {
        self.kept.lock().unwrap().readings.len()
    }

    pub fn rejects(&self) -> Vec<RejectEntry> {
        let rejects = self.log().into_iter().filter_map(|(body, _)| match body {
            Body::Reject(reject) => Some(reject),
            _ => None,
        });
        rejects.collect()
    }

    pub fn links(&self) -> Vec<bool> {
        let links = self.log().into_iter().filter_map(|(body, _)| match body {
            Body::Link(up) => Some(up),
            _ => None,
        });
        links.collect()
    }
}

impl Kept {
    fn keep(&mut self, append: Append) -> Receipt {
        let mut outcomes = Vec::new();
        for body in append.bodies {
            let outcome = match &body {
                Body::Reading(reading) => {
                    self.seqs.push(reading.seq);
                    let identity = (reading.device.clone(), reading.boot, reading.seq);
                    match self.readings.get(&identity) {
                        Some(bytes) if *bytes == reading.bytes => Outcome::Duplicate,
                        Some(_) => Outcome::Conflict,
                        None => {
                            self.readings.insert(identity, reading.bytes.clone());
                            Outcome::Stored(self.log.len() as u64 + 1)
                        }
                    }
                }
                _ => Outcome::Stored(self.log.len() as u64 + 1),
            };
            outcomes.push(outcome);
            self.log.push((body, outcome));
        }
        Receipt { ticket: append.ticket, outcomes }
    }
}

impl Store for FakeStore {
    async fn append(&self, append: Append) -> Result<(), StoreClosed> {
        self.requests.send(append).await.map_err(|_| StoreClosed)
    }
}

impl StoredRanges for FakeStore {
    fn ranges(&self, device: &Id, boot: u32) -> Result<Vec<(u64, u64)>, LookupError> {
        if self.mute.load(Ordering::SeqCst) {
            self.questions.fetch_add(1, Ordering::SeqCst);
            return Err("the disk is broken".into());
        }
        let kept = self.kept.lock().unwrap();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (_, _, seq) in kept.readings.keys().filter(|(known, number, _)| known == device && *number == boot) {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == *seq => *end = *seq,
                _ => ranges.push((*seq, *seq)),
            }
        }
        Ok(ranges)
    }
}

/// An intake that runs.
pub struct Service {
    pub store: FakeStore,
    pub status: watch::Receiver<IntakeStatus>,
    pub registry: watch::Sender<Arc<Registry>>,
    stop: CancellationToken,
    task: JoinHandle<Result<Leftovers, IntakeError>>,
}

pub fn config(url: &str) -> IntakeConfig {
    let mut config = IntakeConfig::new(url.parse().unwrap(), "truceline");
    config.stored_interval = Duration::from_secs(1);
    config.backoff_max = Duration::from_millis(500);
    config.stop_deadline = LIMIT;
    config
}

impl Service {
    pub fn start(config: IntakeConfig) -> Self {
        let (store, receipts) = FakeStore::new();
        let (status, status_rx) = watch::channel(IntakeStatus::default());
        let (registry, registry_rx) = watch::channel(Arc::new(Registry::default()));
        let stop = CancellationToken::new();
        let start: Time = START.parse().unwrap();
        let begin = Instant::now();
        let clock: Clock = Arc::new(move || {
            let now = start + Span::from_nanos(begin.elapsed().as_nanos() as i64);
            Now { journal: now, wall: now }
        });
        let parts = Parts {
            store: store.clone(),
            receipts,
            ranges: store.clone(),
            clock,
            registry: registry_rx,
            stop: stop.clone(),
            status,
        };
        let task = tokio::spawn(Intake::new(config).unwrap().run(parts));
        Self { store, status: status_rx, registry, stop, task }
    }

    /// Starts one and waits until it is connected and subscribed.
    pub async fn connected(config: IntakeConfig) -> Self {
        let mut service = Self::start(config);
        service.wait("the intake to be connected", |status| status.connected).await;
        let store = service.store.clone();
        eventually("the note of the link", || store.links() == [true]).await;
        service
    }

    pub async fn wait(&mut self, what: &str, condition: impl FnMut(&IntakeStatus) -> bool) {
        let held = tokio::time::timeout(LIMIT, self.status.wait_for(condition)).await.is_ok();
        assert!(held, "waited {LIMIT:?} for {what}; the status is {:?}", self.status.borrow());
    }

    /// Ends it at once, as a crash would: no acknowledgement and no goodbye.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Stops it in order.
    pub async fn stop(self) -> Leftovers {
        self.stop.cancel();
        self.task.await.unwrap().unwrap()
    }
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for {what}");
        // Polling interval of a condition, not a guess at how long something takes.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A device with a plain client.
pub struct Device {
    pub client: AsyncClient,
    /// What it was sent: topic, retained or not, payload.
    pub inbox: Arc<Mutex<Vec<(String, bool, String)>>>,
    confirmed: watch::Receiver<usize>,
    asked: usize,
    task: JoinHandle<()>,
}

impl Device {
    pub fn connect(port: u16, client_id: &str) -> Self {
        Self::connect_with_will(port, client_id, None)
    }

    pub fn connect_with_will(port: u16, client_id: &str, will: Option<(&str, &str)>) -> Self {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options.set_clean_start(true);
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(4 << 20);
        options.set_connect_properties(properties);
        if let Some((topic, payload)) = will {
            options.set_last_will(LastWill::new(topic, payload.to_owned(), QoS::AtLeastOnce, true, None));
        }
        let (client, mut eventloop) = AsyncClient::new(options, 100);
        let (count, confirmed) = watch::channel(0);
        let inbox = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&inbox);
        let task = tokio::spawn(async move {
            loop {
                match eventloop.poll().await {
                    Ok(Event::Incoming(Packet::PubAck(_))) => count.send_modify(|count| *count += 1),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        into.lock().unwrap().push((text(&publish.topic), publish.retain, text(&publish.payload)));
                    }
                    Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                    Ok(_) => {}
                    // Polling interval of a condition: the broker is away.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Self { client, inbox, confirmed, asked: 0, task }
    }

    /// Publishes at quality of service 1; [`Self::settled`] waits for the broker's answers.
    pub async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload.into()).await.unwrap();
        self.asked += 1;
    }

    /// Waits until the broker has taken everything.
    pub async fn settled(&mut self) {
        let asked = self.asked;
        tokio::time::timeout(LIMIT, self.confirmed.wait_for(|count| *count >= asked))
            .await
            .unwrap_or_else(|_| panic!("waited {LIMIT:?} for the broker to take {asked} messages"))
            .unwrap();
    }

    /// Cuts its connection without a goodbye.
    pub fn vanish(self) {
        self.task.abort();
    }
}

/// A reading of `device`, boot 1.
pub fn reading(device: &str, seq: u64) -> String {
    reading_of_boot(device, 1, seq)
}

pub fn reading_of_boot(device: &str, boot: u32, seq: u64) -> String {
    format!(
        r#"{{"v":1,"device":"{device}","boot":{boot},"seq":{seq},"time":"{START}","clock":{{"source":"gnss"}},"position":{{"lat":48.1,"lon":37.9,"fix":"3d"}},"kind":"weather","data":{{"temperature_c":4.5}}}}"#
    )
}

/// A link to the broker that can be cut.
pub struct Link {
    pub port: u16,
    cut: Arc<watch::Sender<u64>>,
    task: JoinHandle<()>,
}

impl Link {
    pub async fn to(broker: u16) -> Self {
        Self::with_delay(broker, Duration::ZERO).await
    }

    /// A link on which all that goes to the broker is under way for so long. What is under way when our end closes is
    /// lost, as it may be whenever the broker writes to a socket that is gone.
    pub async fn with_delay(broker: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, cuts) = watch::channel(0);
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", broker)).await else { return };
                    let carrying = async {
                        if delay.is_zero() {
                            let _ = copy_bidirectional(&mut near, &mut far).await;
                        } else {
                            copy_delayed(&mut near, &mut far, delay).await;
                        }
                    };
                    tokio::select! {
                        () = carrying => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { port, cut: Arc::new(cut), task }
    }

    /// Ends all connections in the middle of whatever they carry.
    pub fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

async fn copy_delayed(near: &mut TcpStream, far: &mut TcpStream, delay: Duration) {
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.split(), far.split());
    let up = async {
        let mut under_way: VecDeque<(tokio::time::Instant, Vec<u8>)> = VecDeque::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let first = under_way.front().map(|(due, _)| *due);
            tokio::select! {
                read = near_in.read(&mut buffer) => match read {
                    Ok(count @ 1..) => {
                        under_way.push_back((tokio::time::Instant::now() + delay, buffer[..count].to_vec()));
                    }
                    _ => return,
                },
                () = tokio::time::sleep_until(first.unwrap_or_else(tokio::time::Instant::now)), if first.is_some() => {
                    let (_, bytes) = under_way.pop_front().unwrap();
                    if far_out.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = copy(&mut far_in, &mut near_out) => {}
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}
