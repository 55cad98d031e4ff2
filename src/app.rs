//! Wires the parts, their start and stop; the only place that knows them all, and the clock.
//!
//! Started in the order in which data flows, stopped in an order that loses nothing: first what
//! takes readings in, then what follows from them, at last the journal. All of the stop has one deadline, and
//! who misses his part of it is named.

mod answers;
mod clock;
mod control;
mod deeds;
mod lags;
mod ports;
mod reload;
mod staff;
mod stages;
mod terms;

use std::convert::Infallible;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use truceline_core::log::Body;
use truceline_core::time::Span;

pub use clock::Clock;
pub use staff::{AddPersonError, DeskStaff, add_person};

use crate::broker::{Broker, BrokerConfig};
use crate::config::{self, Config};
use crate::desk::Desk;
use crate::evaluator::{Evaluator, EvaluatorConfig, EvaluatorStatus, Ports};
use crate::http::{HttpConfig, Listening, RenderMetrics, StaffAccess};
use crate::intake::{Intake, IntakeConfig, IntakeError, IntakeStatus, Leftovers};
use crate::journal::{Journal, JournalConfig};
use crate::sinks::{
    Cursors, Delays, Form, Generation, InfluxConfig, Logs, MqttConfig, RunningSink, start_influx, start_mqtt,
};
use answers::Answers;
use lags::Lags;
use ports::{DeskStore, JournalLog, JournalRanges, JournalStore, JournalTicks, logs};
use reload::Reloader;
use terms::{Terms, TermsError};

/// How often the wall clock is compared with journal time.
const CLOCK_LOOK: Duration = Duration::from_secs(1);
/// How often retention is asked for.
const RETENTION_LOOK: Duration = Duration::from_secs(60);
/// How long the intake may drain; to hear that the broker has read its last acknowledgements it may take a second more.
const DRAIN: Duration = Duration::from_secs(5);
/// From the stop's begin until every part but the journal has ended or is left behind.
const PARTS_STOPPED: Duration = Duration::from_millis(6_500);
/// From the stop's begin until all is done or left behind; the process may take two seconds more for what still blocks,
/// and all of it stays below the ten seconds after which a supervisor kills.
const STOPPED: Duration = Duration::from_secs(8);
/// Commits whose receipts may wait for the intake. It takes them all the time, so that it needs no place for each request
/// that it has open (the contract of [`Journal::appender`]).
const RECEIPTS: usize = 8_192;

/// Why the service did not start, or ended.
#[derive(Debug)]
pub enum AppError {
    /// Configuration, agreement or registry: every fault.
    Config(Vec<String>),
    /// Journal, desk or disk.
    Storage(String),
    /// An address is taken, a thread cannot be started.
    Start(String),
}

impl From<TermsError> for AppError {
    fn from(error: TermsError) -> Self {
        match error {
            TermsError::Faulty(refused) => Self::Config(refused.faults.iter().map(ToString::to_string).collect()),
            TermsError::Storage(error) => Self::Storage(error.to_string()),
        }
    }
}

fn storage(error: impl Display) -> AppError {
    AppError::Storage(error.to_string())
}

fn start_fault(error: impl Display) -> AppError {
    AppError::Start(error.to_string())
}

/// The running service.
pub struct App {
    journal: Journal,
    desk: Desk,
    reloader: Arc<Reloader>,
    clock: Arc<Clock>,
    evaluator: Evaluator,
    broker: Option<Broker>,
    intake: JoinHandle<Result<Leftovers, IntakeError>>,
    stop_intake: CancellationToken,
    sinks: Vec<RunningSink>,
    stop_sinks: CancellationToken,
    server: JoinHandle<usize>,
    stop_server: CancellationToken,
    address: SocketAddr,
    mqtt_url: String,
}

impl App {
    /// Opens the stores and starts every part. `render_metrics` gives the text of `/metrics`.
    ///
    /// # Errors
    /// What cannot be put right by waiting: faulty terms, a store that cannot be used, an address that is taken. A
    /// broker or an InfluxDB that is absent is no error.
    pub async fn start(config: Config, render_metrics: RenderMetrics) -> Result<Self, AppError> {
        let (required, viewer_delay) = (config.auth_required, config.viewer_delay);
        let mqtt = prepare_mqtt(&config, config.mqtt.clone())?;
        let control_token =
            control::token(&config.http.control_token_file).map_err(|fault| AppError::Config(vec![fault]))?;
        // Before the sessions with the broker: a second service that cannot listen must not throw the first one out.
        let listening = Listening::bind(HttpConfig {
            listen: config.http.listen,
            behind_proxy: config.http.behind_proxy,
            host_names: config.http.host_names.clone(),
            control_token: Some(control_token),
            limits: crate::http::Limits::default(),
        })
        .await
        .map_err(start_fault)?;
        let journal = Journal::open(JournalConfig {
            path: config.data_dir.join("journal.db"),
            retention: Some(Span::from_secs(config.journal.retention.as_secs().cast_signed())),
            max_bytes: config.journal.max_bytes,
            reject_quota_bytes: config.journal.reject_quota_bytes,
            reserve_bytes: config.journal.reserve_bytes,
            topic_prefix: config.mqtt.topic_prefix.clone(),
        })
        .map_err(storage)?;
        let desk = Desk::open(&config.data_dir.join("desk.db")).map_err(storage)?;
        let cursors = Cursors::open(&config.data_dir.join("sinks.db")).map_err(storage)?;

        let terms = Arc::new(Terms::new());
        let identity = journal.identity();
        let head = *journal.head().borrow();
        desk.belong_to(identity).map_err(storage)?;
        let judged = desk.cursor().map_err(storage)?;
        if judged > head {
            let message = format!(
                "desk.db has judged up to entry {judged} and the journal ends at {head}; restore both from one backup"
            );
            return Err(AppError::Storage(message));
        }
        let last = journal.reader().entry(head).map_err(storage)?.map(|entry| entry.arrived);
        let clock = Arc::new(Clock::start(last));
        let loaded = match terms::load(&config, &journal.reader(), None) {
            Err(TermsError::Faulty(refused)) => {
                deeds::refused(&desk, clock.wall(), "start", &refused).map_err(storage)?;
                return Err(TermsError::Faulty(refused).into());
            }
            other => other?,
        };
        let mut bodies = vec![Body::Service(true), Body::Clock { offset_ns: clock.offset_ns() }];
        bodies.extend(loaded.bodies.iter().cloned());
        let outcomes = journal.append(clock.journal(), bodies).await.map_err(storage)?;
        deeds::started(&desk, clock.wall()).map_err(storage)?;
        let from = reload::first_offset(&outcomes);
        deeds::in_force(&desk, &journal.reader(), clock.wall(), "start", from).map_err(storage)?;
        for words in &loaded.words {
            tracing::info!("{words}");
        }
        terms.take(loaded);

        let log = JournalLog { reader: journal.reader(), recent: journal.recent(), head: journal.head() };
        let evaluator = start_evaluator(&config, &journal, &desk, &log, &clock)?;
        let broker = if config.broker.enabled {
            let listen = config.broker.listen;
            Some(Broker::start(BrokerConfig { listen, allow_remote: false }).await.map_err(start_fault)?)
        } else {
            None
        };
        let mqtt = match &broker {
            Some(broker) => {
                let url = format!("mqtt://{}", broker.local_addr()).parse().map_err(start_fault)?;
                prepare_mqtt(&config, config::Mqtt { url, login: None, ca_file: None, ..config.mqtt.clone() })?
            }
            None => mqtt,
        };
        let mqtt_url = mqtt.config.url.to_string();
        let stop_intake = CancellationToken::new();
        let (intake, intake_status) = start_intake(mqtt.intake, &journal, &terms, &clock, &stop_intake);
        let stop_sinks = CancellationToken::new();
        let generation = Generation { number: identity, began_after: 0 };
        let sinks = start_sinks(&config, &mqtt.publisher, generation, logs(&log, &desk), &cursors, &clock, &stop_sinks);

        stages::time_desk(journal.head(), evaluator.status());
        for sink in sinks.iter().filter(|sink| sink.name == "mqtt_alerts") {
            stages::time_stream(desk.head(), sink.status.clone(), config.viewer_delay);
        }

        let reloader = Arc::new(Reloader::new(config, &journal, &desk, &clock, &terms));
        let lags = Arc::new(Lags {
            head: journal.head(),
            recent: journal.recent(),
            queue: journal.queue(),
            evaluator: evaluator.status(),
            clock: Arc::clone(&clock),
        });
        let answers = Answers {
            reader: journal.reader(),
            counts: journal.counts(),
            journal_failed: journal.failed(),
            journal_held: journal.held(),
            desk: desk.clone(),
            reloader: Arc::clone(&reloader),
            evaluator: evaluator.status(),
            lags: Arc::clone(&lags),
            inquiry: evaluator.inquiry(),
            intake: intake_status,
            sinks: sinks.iter().map(|sink| (sink.name, sink.status.clone())).collect(),
            terms: Arc::clone(&terms),
            clock: Arc::clone(&clock),
            runtime: tokio::runtime::Handle::current(),
            started: clock.journal(),
        };
        let render_metrics: RenderMetrics = Arc::new(move || {
            lags.tell();
            render_metrics()
        });
        let staff = staff_access(required, &desk, &clock, viewer_delay);
        let server = listening.server(Arc::new(answers), render_metrics, Some(staff));
        let address = server.address();
        let stop_server = CancellationToken::new();
        let server = tokio::spawn(server.serve(stop_server.clone()));
        tracing::info!("listening on http://{address}");
        Ok(Self {
            journal,
            desk,
            reloader,
            clock,
            evaluator,
            broker,
            intake,
            stop_intake,
            sinks,
            stop_sinks,
            server,
            stop_server,
            address,
            mqtt_url,
        })
    }

    /// Where API and page are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The broker that it takes readings from.
    pub fn mqtt_url(&self) -> &str {
        &self.mqtt_url
    }

    /// Runs until `stop`, reads agreement and devices again at each `reload`, then stops every part.
    ///
    /// # Errors
    /// A store that failed. Nothing was acknowledged that is not stored.
    pub async fn run(mut self, stop: CancellationToken, mut reload: mpsc::Receiver<()>) -> Result<(), AppError> {
        let mut journal_failed = self.journal.failed();
        let reloader = Arc::clone(&self.reloader);
        let signals = tokio::spawn(async move {
            while let Some(()) = reload.recv().await {
                let reloader = Arc::clone(&reloader);
                let _ = tokio::task::spawn_blocking(move || reloader.reload_after_others("signal")).await;
            }
        });
        let mut intake_ended = false;
        let failure = {
            let Self { journal, clock, evaluator, intake, .. } = &mut self;
            // Beside one another: whoever waits for the journal holds neither the other up nor the stop.
            let chores =
                async { tokio::join!(watch_clock(clock, journal), ask_retention(clock, journal, evaluator.status())) };
            tokio::select! {
                () = stop.cancelled() => None,
                Ok(failed) = journal_failed.wait_for(Option::is_some) => failed.clone(),
                failed = evaluator.failed() => Some(failed),
                ended = intake => {
                    intake_ended = true;
                    Some(match ended {
                        Ok(Err(error)) => error.to_string(),
                        Ok(Ok(_)) => "the intake ended".to_owned(),
                        Err(error) => format!("the intake ended: {error}"),
                    })
                }
                (never, _) = chores => match never {},
            }
        };
        signals.abort();
        let clean = self.stop(failure.is_some(), intake_ended).await;
        match failure {
            // The journal's own word is the cause where another part only noticed it.
            Some(failure) => Err(AppError::Storage(journal_failed.borrow().clone().unwrap_or(failure))),
            None => clean,
        }
    }

    async fn stop(self, failed: bool, intake_ended: bool) -> Result<(), AppError> {
        tracing::info!("stopping");
        let begin = Instant::now();
        let (parts, all) = (begin + PARTS_STOPPED, begin + STOPPED);
        let mut faults = Vec::new();
        self.stop_intake.cancel();
        if !intake_ended {
            let intake =
                async { self.intake.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string()) };
            faults.extend(in_time("intake", parts, intake).await);
        }
        self.stop_server.cancel();
        self.stop_sinks.cancel();
        let (reloader, evaluator) = (self.reloader, self.evaluator);
        let reload = blocking(move || {
            reloader.stop();
            Ok::<(), Infallible>(())
        });
        let (reload, server, evaluator) = tokio::join!(
            in_time("reload", parts, reload),
            in_time("http", parts, self.server),
            in_time("evaluator", parts, blocking(move || evaluator.stop())),
        );
        faults.extend([reload, server, evaluator].into_iter().flatten());
        for sink in self.sinks {
            faults.extend(in_time(sink.name, parts, sink.task).await);
        }
        if !failed {
            let (journal, desk, now, wall) = (self.journal, self.desk, self.clock.journal(), self.clock.wall());
            let journal = async {
                journal.append(now, vec![Body::Service(false)]).await?;
                journal.close().await
            };
            let audit = desk.clone();
            let (journal, audit, desk) = tokio::join!(
                in_time("journal", all, journal),
                in_time("audit", all, blocking(move || deeds::stopped(&audit, wall))),
                in_time("desk", all, blocking(move || desk.checkpoint())),
            );
            faults.extend([journal, audit, desk].into_iter().flatten());
        }
        if let Some(broker) = self.broker {
            let stopped = async { if broker.stop().await { Ok(()) } else { Err("it did not stop in time") } };
            let _ = in_time("broker", all, stopped).await;
        }
        tracing::info!(took_ms = begin.elapsed().as_millis() as u64, "stopped");
        if faults.is_empty() { Ok(()) } else { Err(AppError::Storage(faults.join("; "))) }
    }
}

/// Tells the journal when the wall clock has stepped.
async fn watch_clock(clock: &Clock, journal: &Journal) -> Infallible {
    let mut looks = tokio::time::interval(CLOCK_LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(offset_ns) = clock.look() {
            tracing::warn!(offset_s = offset_ns / 1_000_000_000, "the wall clock has stepped; journal time goes on");
            // That the journal has stopped is told by itself.
            let _ = journal.append(clock.journal(), vec![Body::Clock { offset_ns }]).await;
        }
    }
}

/// Has the journal delete what is too old or too much.
async fn ask_retention(clock: &Clock, journal: &Journal, evaluator: watch::Receiver<EvaluatorStatus>) -> Infallible {
    let mut looks = tokio::time::interval(RETENTION_LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let floor = evaluator.borrow().retention_floor;
        let _ = journal.retain(clock.journal(), floor).await;
    }
}

/// Work that may block, on a thread for it.
async fn blocking<T: Send + 'static, E: Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits for a part's end; what went wrong with it. One that is late is named and left behind: what it had not
/// made durable was not acknowledged.
async fn in_time<T, E: Display>(
    part: &str,
    until: Instant,
    work: impl Future<Output = Result<T, E>>,
) -> Option<String> {
    match tokio::time::timeout_at(until, work).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            tracing::error!("{part}, at its stop: {error}");
            Some(format!("{part}: {error}"))
        }
        Err(_) => {
            tracing::warn!(part, "did not stop in time and is left behind");
            None
        }
    }
}

fn start_evaluator(
    config: &Config,
    journal: &Journal,
    desk: &Desk,
    log: &JournalLog,
    clock: &Arc<Clock>,
) -> Result<Evaluator, AppError> {
    // Ticks come back through the log; nobody reads their receipts.
    let (ticks, _) = journal.appender(1);
    let now = Arc::clone(clock);
    let ports = Ports {
        log: Box::new(log.clone()),
        store: Box::new(DeskStore { desk: desk.clone(), reader: journal.reader() }),
        ticks: Box::new(JournalTicks(ticks)),
        now: Box::new(move || now.journal()),
    };
    let mut evaluator = EvaluatorConfig::new(config.data_dir.join("snapshots"));
    evaluator.snapshot_every = config.snapshot_every;
    Evaluator::start(evaluator, ports).map_err(start_fault)
}

/// Both sessions with the broker, checked: passwords and certificates are read before any store is opened.
struct PreparedMqtt {
    config: config::Mqtt,
    intake: Intake,
    publisher: MqttConfig,
}

fn prepare_mqtt(config: &Config, mqtt: config::Mqtt) -> Result<PreparedMqtt, AppError> {
    let fault = |error: &dyn Display| AppError::Config(vec![format!("mqtt: {error}")]);
    let mut wanted =
        IntakeConfig::new(mqtt.url.clone(), mqtt.client_id.clone()).with_receive_maximum(mqtt.receive_maximum);
    wanted.login = mqtt.login.as_ref().map(|login| crate::intake::Login {
        username: login.username.clone(),
        password_file: login.password_file.clone(),
    });
    wanted.ca_file.clone_from(&mqtt.ca_file);
    wanted.topic_prefix.clone_from(&mqtt.topic_prefix);
    wanted.keep_alive = mqtt.keep_alive;
    wanted.session_expiry = mqtt.session_expiry;
    wanted.stored_interval = mqtt.stored_interval;
    wanted.horizon = config.intake.horizon;
    wanted.rate_limit_per_s = config.intake.rate_limit_per_s;
    wanted.rate_limit_burst = config.intake.rate_limit_burst;
    wanted.stop_deadline = DRAIN;
    let login = match &mqtt.login {
        None => None,
        Some(login) => {
            let password = std::fs::read_to_string(&login.password_file)
                .map_err(|error| fault(&format!("{}: cannot be read: {error}", login.password_file.display())))?;
            Some((login.username.clone(), password.trim_end_matches(['\r', '\n']).to_owned()))
        }
    };
    let tls = mqtt.url.scheme() == "mqtts";
    let publisher = MqttConfig {
        host: mqtt.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        port: mqtt.url.port().unwrap_or(if tls { 8883 } else { 1883 }),
        transport: wanted.transport().map_err(|error| fault(&error))?,
        client_id: format!("{}-alerts", mqtt.client_id),
        login,
        topic_prefix: mqtt.topic_prefix.clone(),
        keep_alive: mqtt.keep_alive,
        viewer_delay: config.viewer_delay,
        delays: Delays::default(),
    };
    let intake = Intake::new(wanted).map_err(|error| fault(&error))?;
    Ok(PreparedMqtt { config: mqtt, intake, publisher })
}

type IntakeTask = JoinHandle<Result<Leftovers, IntakeError>>;

fn start_intake(
    intake: Intake,
    journal: &Journal,
    terms: &Terms,
    clock: &Arc<Clock>,
    stop: &CancellationToken,
) -> (IntakeTask, watch::Receiver<IntakeStatus>) {
    let (appender, receipts) = journal.appender(RECEIPTS);
    let (status, watched) = watch::channel(IntakeStatus::default());
    let clock = Arc::clone(clock);
    let parts = crate::intake::Parts {
        store: JournalStore(appender),
        receipts,
        ranges: JournalRanges(journal.reader()),
        clock: Arc::new(move || {
            let journal = clock.journal();
            crate::intake::Now { journal, wall: clock.wall_at(journal) }
        }),
        registry: terms.registry(),
        stop: stop.clone(),
        status,
    };
    (tokio::spawn(intake.run(parts)), watched)
}

fn start_sinks(
    config: &Config,
    publisher: &MqttConfig,
    generation: Generation,
    logs: Logs,
    cursors: &Cursors,
    clock: &Arc<Clock>,
    stop: &CancellationToken,
) -> Vec<RunningSink> {
    let clock = Arc::clone(clock);
    let now: crate::sinks::Now = Arc::new(move || clock.journal());
    let mut sinks = vec![start_mqtt(publisher, generation, Arc::clone(&logs.alerts), cursors, &now, stop)];
    if let Some(influxdb) = &config.influxdb {
        let influx = InfluxConfig {
            url: influxdb.url.clone(),
            org: influxdb.org.clone(),
            bucket: influxdb.bucket.clone(),
            token_file: influxdb.token_file.clone(),
            form: if influxdb.internal { Form::Internal } else { Form::Viewer },
            viewer_delay: config.viewer_delay,
            timeout: Duration::from_secs(30),
            max_lag: None,
            delays: Delays::default(),
            generation,
        };
        sinks.extend(start_influx(&influx, logs, cursors, &now, stop));
    }
    sinks
}

fn staff_access(required: bool, desk: &Desk, clock: &Arc<Clock>, viewer_delay: Duration) -> StaffAccess {
    let (wall, journal) = (Arc::clone(clock), Arc::clone(clock));
    let staff =
        DeskStaff::new(desk.clone(), Arc::new(move || wall.wall()), Arc::new(move || journal.journal()), viewer_delay);
    StaffAccess { people: Arc::new(staff), required }
}
