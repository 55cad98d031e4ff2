//! Truceline as it is measured: started, asked for its metrics, stopped.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::broker::{Broker, free_port};
use crate::influxd::Influxd;
use crate::prefill;
use crate::process::{Running, usage};
use crate::publisher::publish;
use crate::rows::{Load, Row};

/// What is measured beside the plain service.
#[derive(Clone, Copy, Debug, Default)]
pub struct With<'a> {
    /// An InfluxDB 2 that takes all readings.
    pub influxd: Option<&'a Path>,
    /// Readings in the journal before.
    pub rows: u64,
}

/// One measurement.
pub fn measure(program: &Path, load: &Load<'_>, backlog: bool, with: With<'_>) -> anyhow::Result<Row> {
    let dir = tempfile::tempdir()?;
    let broker = Broker::start(dir.path())?;
    let influxd = with.influxd.map(|influxd| Influxd::start(influxd, dir.path())).transpose()?;
    let port = free_port()?;
    let start = || start(program, dir.path(), broker.port, port, influxd.as_ref());
    let connected = |page: &str| metric(page, "truceline_intake_connected") >= 1.0;
    let limit = Duration::from_secs(1_800);
    let service = start()?;
    until(port, limit, connected)?;
    service.stop();
    if with.rows > 0 {
        prefill::fill(&dir.path().join("data/journal.db"), with.rows)?;
        let service = start()?;
        until(port, limit, |page| connected(page) && metric(page, "truceline_evaluator_lag_entries") == 0.0)?;
        service.stop();
    }
    if backlog {
        publish(broker.port, load.messages)?;
    }
    let readings = load.readings as f64;
    let broker_before = usage(broker.pid()).cpu_s;
    let mut begun = Instant::now();
    let service = start()?;
    let mut cpu_before_s = 0.0;
    if !backlog {
        until(port, limit, connected)?;
        cpu_before_s = service.usage().cpu_s;
        begun = Instant::now();
        publish(broker.port, load.messages)?;
    }
    until(port, limit, |page| metric(page, "truceline_intake_readings_total") >= readings)?;
    let seconds = begun.elapsed().as_secs_f64();
    until(port, limit, |page| {
        metric(page, "truceline_evaluator_entries_total") >= readings
            && metric(page, "truceline_evaluator_lag_entries") == 0.0
    })?;
    let judged = begun.elapsed().as_secs_f64();
    let mut delivered = None;
    if influxd.is_some() {
        until(port, limit, |page| metric(page, "truceline_sink_sent_total{sink=\"influxdb_readings\"}") >= readings)?;
        delivered = Some(begun.elapsed().as_secs_f64());
    }
    let broker_cpu_s = usage(broker.pid()).cpu_s - broker_before;
    let mut usage = service.usage();
    usage.cpu_s -= cpu_before_s;
    service.stop();
    let influxd_cpu_s = influxd.map_or(0.0, |influxd| influxd.running.usage().cpu_s);
    Ok(Row { seconds, judged, delivered, usage, broker_cpu_s, influxd_cpu_s })
}

fn start(program: &Path, dir: &Path, broker: u16, port: u16, influxd: Option<&Influxd>) -> anyhow::Result<Running> {
    let mut command = Command::new(program);
    command
        .arg("run")
        .env("TRUCELINE__DATA_DIR", dir.join("data"))
        .env("TRUCELINE__MQTT__URL", format!("mqtt://127.0.0.1:{broker}"))
        .env("TRUCELINE__HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("TRUCELINE__AGREEMENT__DIR", "config/agreements/example")
        .env("TRUCELINE__DEVICES__FILE", "config/devices/example.toml")
        .env("TRUCELINE__LOG__LEVEL", "error");
    if let Some(influxd) = influxd {
        command
            .env("TRUCELINE__INFLUXDB__URL", &influxd.url)
            .env("TRUCELINE__INFLUXDB__TOKEN_FILE", &influxd.token_file)
            .env("TRUCELINE__VIEWER__DELAY_S", "0");
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot start {}; build it with `make build`", program.display()))?;
    Ok(Running(child))
}

/// Asks for the metrics until they are as wanted.
fn until(port: u16, limit: Duration, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        if metrics(port).is_ok_and(|page| wanted(&page)) {
            return Ok(());
        }
        if begun.elapsed() > limit {
            bail!("not so after {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metrics(port: u16) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    socket.read_to_string(&mut page)?;
    Ok(page)
}

/// The sum of a metric over its labels; 0 while it is absent.
fn metric(page: &str, name: &str) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    page.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
