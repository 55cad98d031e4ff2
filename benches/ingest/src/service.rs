//! Truceline as it is measured, from its start to its stop.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::influxd::Influxd;
use crate::prefill;
use crate::process::usage;
use crate::publisher::publish;
use crate::rows::{Load, Row};
use crate::truceline::{Truceline, connected, metric};

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
    let start = || start(program, dir.path(), broker.port, influxd.as_ref());
    let limit = Duration::from_secs(1_800);
    let service = start()?;
    service.until("connected", limit, connected)?;
    service.running.stop();
    if with.rows > 0 {
        prefill::fill(&dir.path().join("data/journal.db"), with.rows)?;
        let service = start()?;
        let judged = |page: &str| connected(page) && metric(page, "truceline_evaluator_lag_entries") == 0.0;
        service.until("all judged", limit, judged)?;
        service.running.stop();
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
        service.until("connected", limit, connected)?;
        cpu_before_s = service.running.usage().cpu_s;
        begun = Instant::now();
        publish(broker.port, load.messages)?;
    }
    service.until("all stored", limit, |page| metric(page, "truceline_intake_readings_total") >= readings)?;
    let seconds = begun.elapsed().as_secs_f64();
    service.until("all judged", limit, |page| {
        metric(page, "truceline_evaluator_entries_total") >= readings
            && metric(page, "truceline_evaluator_lag_entries") == 0.0
    })?;
    let judged = begun.elapsed().as_secs_f64();
    let mut delivered = None;
    if influxd.is_some() {
        let sent = "truceline_sink_sent_total{sink=\"influxdb_readings\"}";
        service.until("all in InfluxDB", limit, |page| metric(page, sent) >= readings)?;
        delivered = Some(begun.elapsed().as_secs_f64());
    }
    let broker_cpu_s = usage(broker.pid()).cpu_s - broker_before;
    let mut usage = service.running.usage();
    usage.cpu_s -= cpu_before_s;
    service.running.stop();
    let influxd_cpu_s = influxd.map_or(0.0, |influxd| influxd.running.usage().cpu_s);
    Ok(Row { seconds, judged, delivered, usage, broker_cpu_s, influxd_cpu_s })
}

fn start(program: &Path, dir: &Path, broker: u16, influxd: Option<&Influxd>) -> anyhow::Result<Truceline> {
    let influxdb = influxd.map(|influxd| {
        [
            ("TRUCELINE__INFLUXDB__URL", OsStr::new(&influxd.url)),
            ("TRUCELINE__INFLUXDB__TOKEN_FILE", influxd.token_file.as_os_str()),
            ("TRUCELINE__VIEWER__DELAY_S", OsStr::new("0")),
        ]
    });
    Truceline::start(program, dir, broker, Path::new("config/devices/example.toml"), influxdb.into_iter().flatten())
}
