//! The command line: one file a subcommand.
//!
//! Data goes to standard output, words to standard error. Exit codes: 0 done, 1 failed,
//! 64 wrong use, 65 wrong input data, 74 storage failed, 78 wrong configuration or agreement.

mod backup;
mod check;
mod demo;
mod export;
mod failure;
mod input;
mod person;
mod progress;
mod replay;
mod run;
mod telemetry;
mod where_;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// Ceasefire observation: readings in over MQTT, suspected violations out.
#[derive(Parser)]
#[command(name = "truceline", version, about, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start with:
  truceline demo                      see it work, nothing to set up
  truceline check --agreement DIR     see what it understands of an agreement
  truceline run --config FILE         run the service

Exit codes: 0 done, 1 failed, 64 wrong use, 65 wrong input data, 74 storage failed, \
78 wrong configuration or agreement.";

#[derive(Subcommand)]
enum Command {
    /// Run the service until SIGINT or SIGTERM; SIGHUP reads agreement and devices again
    Run(run::RunArgs),
    /// See it work: embedded broker, simulated devices, a page to open
    Demo(demo::DemoArgs),
    /// Say what is understood of a configuration, an agreement and a device registry, and all their faults
    Check(check::CheckArgs),
    /// Say where points are: distance to the line, side, zones, and how sure that is
    Where(where_::WhereArgs),
    /// Judge recorded readings again: readings in, alerts and events out
    Replay(replay::ReplayArgs),
    /// Print what a service keeps
    Export(export::ExportArgs),
    /// Copy all that a service keeps, while it runs
    Backup(backup::BackupArgs),
    /// Bring a backup back into an empty folder
    Restore(backup::RestoreArgs),
    /// Add somebody who may sign in, such as the first admin
    Person(person::PersonArgs),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(failure::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Where(arguments) => where_::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Backup(arguments) => backup::back_up(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Person(arguments) => person::person(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
