//! What ingest costs, in one run with its limit: Truceline beside a subscriber that only counts.
//!
//! Broker, publisher and the one that is measured share this machine. Each row starts a Mosquitto of its own,
//! and ends it by its process id. `live`: the messages are published while the client is connected.
//! `backlog`: they wait in the broker for its session, and it comes back. `docs/performance.md` tells how to read it.

mod arguments;
mod broker;
mod counting;
mod influxd;
mod limits;
mod messages;
mod prefill;
mod process;
mod publisher;
mod recovery;
mod rows;
mod service;
mod steady;
mod truceline;

use clap::Parser as _;

use arguments::{Arguments, Command};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Count { port, messages }) => return counting::count(port, messages),
        Some(Command::Recovery(plan)) => return recovery::run(&plan, &arguments.truceline, arguments.limits),
        Some(Command::Latency(plan)) => return steady::run(&plan, &arguments.truceline, arguments.limits),
        None => {}
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
