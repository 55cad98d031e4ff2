//! What is asked of the bench.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{recovery, steady};

/// Measures ingest.
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The service's program.
    #[arg(long, default_value = "target/release/truceline")]
    pub truceline: PathBuf,
    /// Readings of one row.
    #[arg(long, default_value_t = 300_000)]
    pub readings: usize,
    /// Rounds, of which the medians are told.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Readings in one message; a table for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,10")]
    pub batch: Vec<usize>,
    /// A real InfluxDB 2, for a row with it; `scripts/influxd.sh` prints its path.
    #[arg(long, env = "TRUCELINE_INFLUXD")]
    pub influxd: Option<PathBuf>,
    /// Also a row whose journal holds so many readings before. 50 million take 25 GB below the folder of temporary files.
    #[arg(long, default_value_t = 0)]
    pub rows: u64,
    /// End with 1 when a limit is missed.
    #[arg(long, env = "TRUCELINE_BENCH_LIMITS", value_parser = clap::builder::FalseyValueParser::new())]
    pub limits: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The subscriber that only counts; the bench starts it as a process of its own.
    #[command(hide = true)]
    Count {
        /// The broker's port.
        port: u16,
        /// Messages after which it ends; 0: it only registers its session.
        messages: usize,
    },
    /// How long readings and alerts take at a steady rate; with --soak whether anything drifts.
    Latency(steady::Plan),
    /// How long a service with a large journal takes after a kill: to be ready, and to have judged all.
    Recovery(recovery::Plan),
}
