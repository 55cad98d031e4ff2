//! The rows of the table: who takes the messages, and whether they waited.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::broker::Broker;
use crate::limits;
use crate::messages::messages;
use crate::process::{Running, Usage, usage};
use crate::publisher::publish;
use crate::service::{self, With};

/// What is measured.
pub struct Plan {
    pub truceline: PathBuf,
    pub readings: usize,
    pub rounds: usize,
    pub batches: Vec<usize>,
    pub influxd: Option<PathBuf>,
    pub rows: u64,
}

/// What is published.
pub struct Load<'a> {
    pub messages: &'a [(String, Vec<u8>)],
    pub readings: usize,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Seconds until the last reading was taken.
    pub seconds: f64,
    /// Seconds until the last reading was judged; the same for one that does not judge.
    pub judged: f64,
    /// Seconds until InfluxDB had the last reading.
    pub delivered: Option<f64>,
    pub usage: Usage,
    pub broker_cpu_s: f64,
    pub influxd_cpu_s: f64,
}

/// The medians of one row.
pub struct Outcome {
    pub who: &'static str,
    pub batch: usize,
    pub backlog: bool,
    pub readings_per_s: f64,
    pub cpu_s_a_million: f64,
    /// Of the counting subscriber's rate in the same round.
    pub share: f64,
}

/// Measures and tells; how many limits are missed.
#[allow(clippy::print_stdout)]
#[expect(clippy::disallowed_methods, reason = "readings are dated about now, or the service would call them too old")]
pub fn run(plan: &Plan) -> anyhow::Result<usize> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut outcomes = Vec::new();
    for &batch in &plan.batches {
        let messages = messages(plan.readings, batch, now_s);
        let load = Load { messages: &messages, readings: messages.len() * batch };
        let bytes = messages.iter().map(|(_, payload)| payload.len()).sum::<usize>() / messages.len().max(1);
        println!(
            "\n{} readings, {batch} in a message, {bytes} bytes a message, medians of {} rounds\n",
            load.readings, plan.rounds
        );
        println!(
            "| who | how | readings/s | judged/s | in InfluxDB/s | CPU s a million | broker's | InfluxDB's | peak MB | of the counting |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for backlog in [false, true] {
            table(plan, &load, batch, backlog, &mut outcomes)?;
        }
    }
    Ok(limits::tell(&outcomes))
}

/// The rows are measured in turn, round by round, so that what else the machine does meets them alike.
#[allow(clippy::print_stdout)]
fn table(plan: &Plan, load: &Load<'_>, batch: usize, backlog: bool, outcomes: &mut Vec<Outcome>) -> anyhow::Result<()> {
    let mut who = vec!["counting", "truceline"];
    if plan.influxd.is_some() {
        who.push("truceline, InfluxDB");
    }
    if plan.rows > 0 && batch == 1 {
        who.push("truceline, filled");
    }
    let mut rows: Vec<Vec<Row>> = vec![Vec::new(); who.len()];
    for _ in 0..plan.rounds {
        for (who, rows) in who.iter().zip(&mut rows) {
            rows.push(match *who {
                "counting" => counting(load, backlog)?,
                other => {
                    let with = With {
                        influxd: plan.influxd.as_deref().filter(|_| other == "truceline, InfluxDB"),
                        rows: if other == "truceline, filled" { plan.rows } else { 0 },
                    };
                    service::measure(&plan.truceline, load, backlog, with)?
                }
            });
        }
    }
    let counted = rows.first().cloned().unwrap_or_default();
    let readings = load.readings as f64;
    for (who, rows) in who.into_iter().zip(&rows) {
        let of = |value: &dyn Fn(&Row) -> f64| median(rows.iter().map(value).collect());
        let rate = of(&|row| readings / row.seconds);
        let cpu_s_a_million = of(&|row| row.usage.cpu_s / readings * 1e6);
        let share = median(rows.iter().zip(&counted).map(|(row, counted)| counted.seconds / row.seconds).collect());
        println!(
            "| {who} | {} | {rate:.0} | {:.0} | {:.0} | {cpu_s_a_million:.1} | {:.1} | {:.1} | {:.0} | {:.0} % |",
            if backlog { "backlog" } else { "live" },
            of(&|row| readings / row.judged),
            of(&|row| row.delivered.map_or(0.0, |delivered| readings / delivered)),
            of(&|row| row.broker_cpu_s / readings * 1e6),
            of(&|row| row.influxd_cpu_s / readings * 1e6),
            of(&|row| row.usage.peak_mb),
            share * 100.0
        );
        std::io::stdout().flush()?;
        outcomes.push(Outcome { who, batch, backlog, readings_per_s: rate, cpu_s_a_million, share });
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn counting(load: &Load<'_>, backlog: bool) -> anyhow::Result<Row> {
    let dir = tempfile::tempdir()?;
    let broker = Broker::start(dir.path())?;
    let start = |count: usize| -> anyhow::Result<_> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["count", &broker.port.to_string(), &count.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = child.stdout.take().context("its output")?;
        Ok((Running(child), BufReader::new(lines).lines()))
    };
    let wait = |lines: &mut dyn Iterator<Item = std::io::Result<String>>, word: &str| -> anyhow::Result<()> {
        for line in lines {
            if line? == word {
                return Ok(());
            }
        }
        bail!("the counting subscriber ended without '{word}'")
    };
    if backlog {
        let (mut first, mut lines) = start(0)?;
        wait(&mut lines, "subscribed")?;
        first.0.wait()?;
        publish(broker.port, load.messages)?;
    }
    let broker_before = usage(broker.pid()).cpu_s;
    let mut begun = Instant::now();
    let (child, mut lines) = start(load.messages.len())?;
    if !backlog {
        wait(&mut lines, "subscribed")?;
        begun = Instant::now();
        publish(broker.port, load.messages)?;
    }
    wait(&mut lines, "counted")?;
    let seconds = begun.elapsed().as_secs_f64();
    let broker_cpu_s = usage(broker.pid()).cpu_s - broker_before;
    Ok(Row { seconds, judged: seconds, delivered: None, usage: child.usage(), broker_cpu_s, influxd_cpu_s: 0.0 })
}
