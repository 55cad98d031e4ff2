//! How long a service with a large journal takes to be ready after it was killed, and to have judged what it had not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;

use crate::broker::Broker;
use crate::messages::messages;
use crate::prefill;
use crate::process::until;
use crate::publisher::publish;
use crate::truceline::{Truceline, connected, metric};

/// Longest that may be waited for a step that is not measured.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Demanded: from start to ready.
const READY: Duration = Duration::from_secs(10);
/// Demanded: from start until all is judged.
const JUDGED: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Readings in the journal before. 50 million take 25 GB below the folder of temporary files.
    #[arg(long, default_value_t = 50_000_000)]
    rows: u64,
    /// Readings published between two snapshots, as fast as they are taken, before the service is killed.
    #[arg(long, default_value_t = 4_000_000)]
    readings: usize,
    /// How often it is killed.
    #[arg(long, default_value_t = 3)]
    kills: usize,
}

/// Measures and tells.
#[allow(clippy::print_stdout)]
#[expect(clippy::disallowed_methods, reason = "readings are dated about now, or the service would call them too old")]
pub fn run(plan: &Plan, program: &Path, limits: bool) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Broker::start(dir.path())?;
    let devices = PathBuf::from("config/devices/example.toml");
    let start = || Truceline::start(program, dir.path(), broker.port, &devices, []);
    let judged = |page: &str| connected(page) && metric(page, "truceline_evaluator_lag_entries") == 0.0;
    let service = start()?;
    service.until("connected", PATIENCE, connected)?;
    service.running.stop();
    let journal = dir.path().join("data/journal.db");
    let begun = Instant::now();
    prefill::fill(&journal, plan.rows)?;
    let gib = std::fs::metadata(&journal)?.len() as f64 / f64::from(1 << 30);
    println!("{} readings in a journal of {gib:.1} GiB, filled in {:.0} s", plan.rows, begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let service = start()?;
    service.until("all judged", PATIENCE, judged)?;
    let rate = plan.rows as f64 / begun.elapsed().as_secs_f64();
    println!("judged for the first time at {rate:.0} readings/s");
    // A snapshot of all of it is written at the stop.
    service.running.stop();

    println!(
        "\n| kill | published/s before | left to judge | start to ready s | start to all judged s |\n|---|---|---|---|---|"
    );
    let mut missed = 0;
    for kill in 1..=plan.kills {
        let service = start()?;
        service.until("all judged", PATIENCE, judged)?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let sent = messages(plan.readings, 1, now_s);
        let begun = Instant::now();
        publish(broker.port, &sent)?;
        let readings = plan.readings as f64;
        service.until("all stored", PATIENCE, |page| metric(page, "truceline_intake_readings_total") >= readings)?;
        let published = readings / begun.elapsed().as_secs_f64();
        let pid = service.running.0.id().to_string();
        Command::new("kill").args(["-KILL", &pid]).status()?;
        drop(service);

        let begun = Instant::now();
        let service = start()?;
        if !until(PATIENCE, || service.get("/readyz").is_ok()) {
            bail!("the service was not ready within an hour");
        }
        let ready = begun.elapsed();
        service.until("all judged", PATIENCE, judged)?;
        let caught_up = begun.elapsed();
        let left = metric(&service.metrics()?, "truceline_evaluator_entries_total");
        let (ready_s, judged_s) = (ready.as_secs_f64(), caught_up.as_secs_f64());
        println!("| {kill} | {published:.0} | {left:.0} | {ready_s:.1} | {judged_s:.1} |");
        missed += usize::from(ready > READY) + usize::from(caught_up > JUDGED);
        service.running.stop();
    }
    println!("\ndemanded: ready in {} s, all judged in {} s; {missed} missed", READY.as_secs(), JUDGED.as_secs());
    if limits && missed > 0 {
        bail!("{missed} limits are missed");
    }
    Ok(())
}
