//! Logging and metrics of a running service.

use std::io::IsTerminal;
use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::config::Log;
use crate::http::RenderMetrics;

/// Bounds of the histograms of times, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Bounds of the histograms of counts.
const ENTRIES: [f64; 9] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0];

/// Log lines go to standard error, at the level and in the format of the configuration.
pub(super) fn log(config: &Log) {
    // The level was checked with the configuration.
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second call, as in a test, keeps the first.
    let _ = if config.json { lines.json().try_init() } else { lines.compact().try_init() };
}

/// Collects metrics from here on; gives what renders them for `/metrics`.
pub(super) fn metrics() -> Result<RenderMetrics, Failure> {
    let fault = |error: &dyn std::fmt::Display| Failure::from(anyhow::anyhow!("metrics: {error}"));
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_entries".to_owned()), &ENTRIES))
        .map_err(|error| fault(&error))?
        .install_recorder()
        .map_err(|error| fault(&error))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
        loop {
            tick.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
