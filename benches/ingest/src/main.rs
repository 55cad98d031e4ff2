//! What ingest costs, in one run with its limit: Truceline beside a subscriber that only counts.
//!
//! Broker, publisher and the one that is measured share this machine. Each row starts a Mosquitto of its own,
//! and ends it by its process id. `live`: the messages are published while the client is connected.
//! `backlog`: they wait in the broker for its session, and it comes back. `docs/performance.md` tells how to read it.

mod broker;
mod counting;
mod messages;
mod process;
mod publisher;
mod rows;

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
    /// Rounds, of which the median is told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Readings in one message.
    #[arg(long, default_value_t = 1)]
    batch: usize,
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
    match arguments.command {
        Some(Command::Count { port, messages }) => counting::count(port, messages),
        None => rows::run(&rows::Plan {
            truceline: arguments.truceline,
            readings: arguments.readings,
            rounds: arguments.rounds.max(1),
            batch: arguments.batch.clamp(1, 500),
        }),
    }
}
