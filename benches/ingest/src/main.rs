//! What ingest costs, in one run with its limit: Truceline beside a subscriber that only counts.
//!
//! Broker, publisher and the one that is measured share this machine. Each row starts a Mosquitto of its own,
//! and ends it by its process id. `live`: the messages are published while the client is connected.
//! `backlog`: they wait in the broker for its session, and it comes back. `docs/performance.md` tells how to read it.

mod broker;
mod counting;
mod influxd;
mod limits;
mod messages;
mod prefill;
mod process;
mod publisher;
mod rows;
mod service;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures ingest.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The service's program.
    #[arg(long, default_value = "target/release/truceline")]
    truceline: PathBuf,
    /// Readings of one row.
    #[arg(long, default_value_t = 300_000)]
    readings: usize,
    /// Rounds, of which the medians are told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Readings in one message; a table for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,10")]
    batch: Vec<usize>,
    /// A real InfluxDB 2, for a row with it; `scripts/influxd.sh` prints its path.
    #[arg(long, env = "TRUCELINE_INFLUXD")]
    influxd: Option<PathBuf>,
    /// Also a row whose journal holds so many readings before. 50 million take 25 GB below the folder of temporary files.
    #[arg(long, default_value_t = 0)]
    rows: u64,
    /// End with 1 when a limit is missed.
    #[arg(long, env = "TRUCELINE_BENCH_LIMITS", value_parser = clap::builder::FalseyValueParser::new())]
    limits: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The subscriber that only counts; the bench starts it as a process of its own.
    #[command(hide = true)]
    Count {
        /// The broker's port.
        port: u16,
        /// Messages after which it ends; 0: it only registers its session.
        messages: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Count { port, messages }) = arguments.command {
        return counting::count(port, messages);
    }
    let missed = rows::run(&rows::Plan {
        truceline: arguments.truceline,
        readings: arguments.readings,
        rounds: arguments.rounds.max(1),
        batches: arguments.batch.into_iter().map(|batch| batch.clamp(1, 500)).collect(),
        influxd: arguments.influxd,
        rows: arguments.rows,
    })?;
    if arguments.limits && missed > 0 {
        anyhow::bail!("{missed} limits are missed");
    }
    Ok(())
}
