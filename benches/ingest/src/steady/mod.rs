//! A steady rate, as a site has it: how long a reading takes until it is stored, checked and acknowledged, how long
//! until its alert is on the stream, and what the service takes meanwhile. Short it measures latency, long it is the soak.
//!
//! Nothing is asked of the service but what every user may: its metrics, its API, and the alerts on MQTT. A reading counts
//! as done when the counters of acknowledgements and of judged readings have both passed its number, so the figures are
//! upper bounds, coarse to one look at the metrics.

mod alerts;
mod plot;
mod publisher;
mod site;
mod spread;
mod trend;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use publisher::Publisher;
use site::Site;
use spread::Spread;
use trend::Sample;

use crate::truceline::metric;

/// Between two looks at the metrics.
const LOOK: Duration = Duration::from_millis(20);
/// Between two lines of the table that a soak writes.
const SAMPLE: Duration = Duration::from_secs(5);
/// How long what was published may take until it is done, after the last reading.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is published, and for how long.
#[derive(Debug, Args)]
pub struct Plan {
    /// Devices that send a reading a second each.
    #[arg(long, default_value_t = 10_000)]
    pub devices: usize,
    /// How long they send.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Alerts that are raised in a second, each by a device whose enclosure is opened.
    #[arg(long, default_value_t = 5)]
    pub alerts: usize,
    /// A soak: writes samples.csv and plot.svg into this folder, and holds memory, handles and latency against drift.
    #[arg(long)]
    pub soak: Option<PathBuf>,
}

/// Runs it, and prints what is met. A soak fails where something is not; other runs only if they are to hold the `limits`.
#[allow(clippy::print_stdout)]
pub fn run(plan: &Plan, program: &Path, limits: bool) -> anyhow::Result<()> {
    if plan.devices == 0 || plan.devices > 10_000 {
        bail!("--devices is 1 to 10000");
    }
    let site = Site::start(program, plan.devices)?;
    let stream = alerts::Stream::listen(site.broker.port)?;
    let length = Duration::from_secs(plan.seconds);
    let publisher = Publisher::start(site.broker.port, plan.devices, plan.alerts, length)?;
    let begun = Instant::now();
    let (mut all, mut lately, mut samples) = (Spread::default(), Spread::default(), Vec::new());
    let mut done = 0;
    let mut sampled = begun;
    while !publisher.is_finished() || done < publisher.published() {
        if begun.elapsed() > length + PATIENCE {
            bail!("{done} of {} readings are done after {} s", publisher.published(), begun.elapsed().as_secs());
        }
        let page = site.service.metrics()?;
        let now = Instant::now();
        done = readings_done(&page);
        for (count, written) in publisher.take_through(done) {
            let took = now.saturating_duration_since(written);
            all.add(took, count);
            lately.add(took, count);
        }
        if sampled.elapsed() >= SAMPLE && !publisher.is_finished() {
            sampled = now;
            samples.push(Sample {
                at_s: begun.elapsed().as_secs_f64(),
                rss_mb: site.resident_mb(),
                handles: site.handles() as f64,
                p99_ms: lately.quantile(0.99).as_secs_f64() * 1e3,
                done,
            });
            lately = Spread::default();
        }
        std::thread::sleep(LOOK);
    }
    let opened = publisher.opened()?;
    let raised = stream.against(&site, &opened)?;
    let stages = stages(&site.service.metrics()?);
    let peak_mb = site.service.running.usage().peak_mb;
    site.service.running.stop();

    println!(
        "{} devices, a reading a second each for {} s: {done} readings, load {}",
        plan.devices,
        plan.seconds,
        load()
    );
    println!("\n| published until | p50 ms | p95 ms | p99 ms | limit | |\n|---|---|---|---|---|---|");
    let ms = |spread: &Spread, part: f64| spread.quantile(part).as_secs_f64() * 1e3;
    let mut met = true;
    let mut verdict = |is_met: bool| {
        met &= is_met;
        if is_met { "met" } else { "NOT met" }
    };
    let row = |name: &str, spread: &Spread, limit: &str, word: &str| {
        let [median, most, nearly_all] = [0.5, 0.95, 0.99].map(|part| ms(spread, part));
        println!("| {name} | {median:.0} | {most:.0} | {nearly_all:.0} | {limit} | {word} |");
    };
    let word = verdict(ms(&all, 0.99) < 1_000.0);
    row("stored, checked and acknowledged", &all, "p99 < 1 s", word);
    let word =
        verdict(ms(&raised, 0.95) < 2_000.0 && ms(&raised, 0.99) < 5_000.0 && raised.count() == opened.len() as u64);
    let name = format!("alert on the stream ({} of {})", raised.count(), opened.len());
    row(&name, &raised, "all, p95 < 2 s, p99 < 5 s", word);
    println!("\non average, ms: {stages}");
    println!("peak memory {peak_mb:.0} MB, limit 512 MB: {}", verdict(peak_mb < 512.0));
    if let Some(folder) = &plan.soak {
        std::fs::create_dir_all(folder)?;
        let lines = samples.iter().map(|Sample { at_s, rss_mb, handles, p99_ms, done }| {
            format!("{at_s:.1},{rss_mb:.1},{handles:.0},{p99_ms:.0},{done}\n")
        });
        let head = "seconds,resident_mb,file_handles,p99_ms,readings\n".to_owned();
        let table: String = std::iter::once(head).chain(lines).collect();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
        };
        write("samples.csv", &table)?;
        write("plot.svg", &plot::svg(&samples))?;
        for trend in trend::trends(&samples) {
            println!("{}: {}", trend.words, verdict(trend.is_flat));
        }
        println!("{}", folder.join("plot.svg").display());
    }
    std::io::stdout().flush()?;
    if !met && (limits || plan.soak.is_some()) {
        bail!("a limit is not met");
    }
    Ok(())
}

/// Readings that are stored, judged and acknowledged.
fn readings_done(page: &str) -> u64 {
    let entries = metric(page, "truceline_journal_entries_total");
    let others = entries - metric(page, "truceline_journal_entries_total{kind=\"reading\"}");
    let judged = metric(page, "truceline_evaluator_entries_total") - others;
    judged.min(metric(page, "truceline_intake_acks_total")).max(0.0) as u64
}

/// Where the time goes, by the service's own histograms: the mean of each stage.
fn stages(page: &str) -> String {
    let stages = [
        ("one commit", "truceline_journal_commit_seconds", ""),
        ("arrival to commit", "truceline_intake_commit_seconds", ""),
        ("to acknowledgement", "truceline_intake_ack_seconds", ""),
        ("to judged", "truceline_evaluator_judged_seconds", ""),
        ("one commit of the desk", "truceline_desk_commit_seconds", ""),
        ("desk to stream", "truceline_app_stage_seconds", "{stage=\"desk_to_stream\"}"),
    ];
    let mean = |(words, name, labels): (&str, &str, &str)| {
        let of = |part: &str| metric(page, &format!("{name}{part}{labels}"));
        format!("{words} {:.0}", of("_sum") / of("_count").max(1.0) * 1e3)
    };
    stages.map(mean).join(", ")
}

/// How busy the machine is, this run included.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} on {processors} processors", text.split(' ').next().unwrap_or_default())
}
