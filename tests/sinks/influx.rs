//! InfluxDB: everything once, whatever the server goes through.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use truceline::sinks::{
    AlertRow, Cursors, EventRow, Form, Generation, InfluxConfig, Logs, RunningSink, SinkState, start_influx,
};
use truceline_core::log::Entry;

use crate::harness::influxd::{BUCKET, Influxd, ORG, TOKEN};
use crate::logs::{Log, alert, deny_commits, entry, event, late, quick, reach, readings};

struct Sinks {
    readings: RunningSink,
    alerts: RunningSink,
    events: RunningSink,
    cursors: Cursors,
    stop: CancellationToken,
}

fn config(url: &str, folder: &Path, form: Form) -> InfluxConfig {
    let token_file = folder.join("token");
    if !token_file.exists() {
        std::fs::write(&token_file, TOKEN).expect("the token's file");
    }
    InfluxConfig {
        url: url.parse().expect("a URL"),
        org: ORG.to_owned(),
        bucket: BUCKET.to_owned(),
        token_file,
        form,
        viewer_delay: Duration::from_secs(15),
        timeout: Duration::from_secs(30),
        max_lag: None,
        delays: quick(),
        generation: Generation::default(),
    }
}

/// All three logs, in memory.
struct Memory {
    entries: Arc<Log<Entry>>,
    alerts: Arc<Log<AlertRow>>,
    events: Arc<Log<EventRow>>,
}

impl Memory {
    fn new() -> Self {
        Self { entries: Log::new(), alerts: Log::new(), events: Log::new() }
    }
}

fn start(config: &InfluxConfig, folder: &Path, memory: &Memory) -> Sinks {
    let cursors = Cursors::open(&folder.join("sinks.db")).expect("the sinks' file");
    let stop = CancellationToken::new();
    let logs = Logs { readings: memory.entries.clone(), alerts: memory.alerts.clone(), events: memory.events.clone() };
    let [readings, alerts, events] = start_influx(config, logs, &cursors, &late(), &stop);
    Sinks { readings, alerts, events, cursors, stop }
}

impl Sinks {
    async fn stop(self) {
        self.stop.cancel();
        self.readings.task.await.expect("the readings' task");
        self.alerts.task.await.expect("the alerts' task");
        self.events.task.await.expect("the events' task");
    }
}

/// Points of a measurement, counted by one of its fields.
fn count(server: &Influxd, measurement: &str, field: &str) -> u64 {
    let answer = server.query(&format!(
        r#"from(bucket: "{BUCKET}") |> range(start: 2025-01-01T00:00:00Z, stop: 2026-12-31T00:00:00Z)
           |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}")
           |> group() |> count()"#
    ));
    let mut lines = answer.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let column = lines.next().and_then(|names| names.split(',').position(|name| name.trim() == "_value"));
    match (column, lines.next()) {
        (Some(column), Some(row)) => row.split(',').nth(column).expect("a value").trim().parse().expect("a count"),
        _ => 0,
    }
}

/// Every value that a field has.
fn values(server: &Influxd, measurement: &str, field: &str) -> String {
    server.query(&format!(
        r#"from(bucket: "{BUCKET}") |> range(start: 2025-01-01T00:00:00Z, stop: 2026-12-31T00:00:00Z)
           |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}")
           |> group() |> distinct(column: "_value")"#
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_and_alerts_arrive_exactly_though_the_server_and_the_service_stop_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::new();
    let mut server = Influxd::start(&folder.path().join("influxd"));
    let config = config(&server.url(), folder.path(), Form::Viewer);
    let sinks = start(&config, folder.path(), &memory);
    memory.entries.append(12_345, entry);
    memory.alerts.append(2_500, alert);
    memory.events.append(2_500, event);
    let status = reach(&sinks.readings, "all readings", |status| status.position == 12_345).await;
    assert_eq!((status.dead_letters, status.missed), (0, 0));
    reach(&sinks.alerts, "all alerts", |status| status.position == 2_500).await;
    assert_eq!(count(&server, "reading", "seq"), readings(12_345));
    assert_eq!(count(&server, "alert", "revision"), 2_500);
    reach(&sinks.events, "all events", |status| status.position == 2_500).await;
    assert_eq!(count(&server, "event", "revision"), 2_500);

    server.stop();
    memory.entries.append(20_000, entry);
    reach(&sinks.readings, "the trouble to be told", |status| matches!(status.state, SinkState::Unreachable(_))).await;
    sinks.stop().await;
    let sinks = start(&config, folder.path(), &memory);
    let status = reach(&sinks.readings, "the trouble to be told again", |status| {
        matches!(status.state, SinkState::Unreachable(_))
    })
    .await;
    assert_eq!((status.position, status.lag_entries), (12_345, 20_000));
    server.start_again();
    reach(&sinks.readings, "what is missing", |status| {
        status.position == 32_345 && status.state == SinkState::CaughtUp
    })
    .await;
    assert_eq!(count(&server, "reading", "seq"), readings(32_345));
    assert_eq!(sinks.cursors.dead_letters("influxdb_readings", 10).expect("the dead letters"), []);

    let latitudes = values(&server, "reading", "lat");
    assert!(latitudes.contains("48.12") && !latitudes.contains("48.123"), "{latitudes}");
    assert_eq!(count(&server, "reading", "bearing_deg"), 0);
    assert!(!values(&server, "alert", "lat").contains("48.123"));
    let summaries = values(&server, "alert", "summary");
    assert!(summaries.contains("Suspected fire, located on side A; likely."), "{summaries}");
    assert!(!values(&server, "event", "lat").contains("48.123"));
    let summaries = values(&server, "event", "summary");
    assert!(summaries.contains("A crossing of the line that the rule permits, zone bridge; likely."), "{summaries}");
    for field in ["subject", "summary", "permission", "labels"] {
        assert!(!values(&server, "event", field).contains("dev-1"), "{field} names a device");
    }
    sinks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_another_type_in_the_bucket_costs_only_the_lines_that_have_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::new();
    let server = Influxd::start(&folder.path().join("influxd"));
    let status = std::process::Command::new("curl")
        .args(["-sf", "-X", "POST", "-H", &format!("Authorization: Token {TOKEN}"), "--data-binary"])
        .arg("reading,device=other battery_pct=\"full\" 1764000000000000000")
        .arg(format!("{}/api/v2/write?org={ORG}&bucket={BUCKET}", server.url()))
        .status()
        .expect("curl");
    assert!(status.success());
    let sinks = start(&config(&server.url(), folder.path(), Form::Internal), folder.path(), &memory);
    memory.entries.append(95, entry);
    memory.events.append(20, event);
    let status =
        reach(&sinks.readings, "all readings", |status| status.position == 95 && status.state == SinkState::CaughtUp)
            .await;
    let letters = sinks.cursors.dead_letters("influxdb_readings", 100).expect("the dead letters");
    let positions: Vec<u64> = letters.iter().map(|letter| letter.position).collect();
    assert_eq!(positions, [5, 15, 25, 35, 45, 55, 65, 75, 85, 95], "the health readings");
    assert_eq!(status.dead_letters, 10);
    assert!(letters[0].error.contains("battery_pct") && letters[0].line.contains("battery_pct=50.5"), "{letters:?}");
    assert_eq!(count(&server, "reading", "temperature_c"), 40);
    assert_eq!(count(&server, "reading", "bearing_deg"), readings(95) - 40 - 10, "the internal form has bearings");
    assert!(values(&server, "reading", "lat").contains("48.123456"));
    reach(&sinks.events, "all events", |status| status.position == 20).await;
    assert!(values(&server, "event", "lat").contains("48.123456"));
    assert!(
        values(&server, "event", "permission").contains("devices dev-1"),
        "the internal form says who is permitted"
    );
    sinks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_and_a_missing_bucket_are_told_and_nothing_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::new();
    let server = Influxd::start(&folder.path().join("influxd"));
    std::fs::write(folder.path().join("token"), "wrong").expect("the token's file");
    memory.entries.append(50, entry);
    let mut config = config(&server.url(), folder.path(), Form::Internal);
    let sinks = start(&config, folder.path(), &memory);
    let refused = |word: &'static str| move |status: &truceline::sinks::SinkStatus| matches!(&status.state, SinkState::Refused(why) if why.contains(word));
    reach(&sinks.readings, "the token to be refused", refused("token")).await;
    std::fs::write(folder.path().join("token"), TOKEN).expect("the token's file");
    reach(&sinks.readings, "all readings", |status| status.position == 50).await;
    sinks.stop().await;

    config.bucket = "nowhere".to_owned();
    let sinks = start(&config, folder.path(), &memory);
    reach(&sinks.readings, "the bucket to be missed", refused("no bucket 'nowhere'")).await;
    assert_eq!(sinks.cursors.dead_letters("influxdb_readings", 10).expect("the dead letters"), []);
    assert_eq!(count(&server, "reading", "seq"), readings(50));
    sinks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_committed_after_the_write_sends_it_again_and_it_falls_on_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::new();
    let server = Influxd::start(&folder.path().join("influxd"));
    let config = config(&server.url(), folder.path(), Form::Internal);
    let sinks = start(&config, folder.path(), &memory);
    memory.entries.append(100, entry);
    reach(&sinks.readings, "the first readings", |status| status.position == 100).await;
    deny_commits(folder.path(), true);
    memory.entries.append(100, entry);
    let told = reach(
        &sinks.readings,
        "the commit's failure to be told",
        |status| matches!(&status.state, SinkState::Unreachable(why) if why.contains("no room")),
    )
    .await;
    assert_eq!(told.position, 100, "what is not committed is not done");
    assert_eq!(count(&server, "reading", "seq"), readings(200), "it was written all the same");
    sinks.stop().await;
    deny_commits(folder.path(), false);
    let sinks = start(&config, folder.path(), &memory);
    reach(&sinks.readings, "all", |status| status.position == 200 && status.state == SinkState::CaughtUp).await;
    assert_eq!(count(&server, "reading", "seq"), readings(200), "and none is there twice");
    sinks.stop().await;
}
