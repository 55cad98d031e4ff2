//! The command line of the simulator.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use url::Url;

use firmware_sim::{PlayOptions, Scenario, play_until};

const USAGE: u8 = 64;
const CONFIG: u8 = 78;
/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// Simulated field devices for Truceline: a scenario with known truth, played over real MQTT.
#[derive(Parser)]
#[command(
    name = "firmware-sim",
    version,
    about,
    max_term_width = 100,
    after_help = "\
Try:
  firmware-sim check config/scenarios/demo.toml
  firmware-sim play config/scenarios/demo.toml --broker mqtt://127.0.0.1:1883 --speed 10 --seed 1

Exit codes: 0 all readings are stored or rejected, 1 some are not, 64 wrong use, 78 a faulty scenario, 130 stopped by Ctrl-C.
docs/simulation.md explains the scenario file and the summary."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play a scenario; a summary as JSON on standard output
    Play {
        /// The scenario file
        scenario: PathBuf,
        /// The broker
        #[arg(long, default_value = "mqtt://127.0.0.1:1883", value_parser = broker, value_name = "mqtt://[USER:PASSWORD@]HOST[:PORT]")]
        broker: Url,
        /// Scenario seconds in one second
        #[arg(long, default_value_t = 1.0, value_parser = speed)]
        speed: f64,
        /// The same seed gives the same readings
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Connections that the devices share; with one for each device, each has a last will
        #[arg(long, visible_alias = "clients", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        connections: u32,
        /// Play as an exercise: topics below truceline-exercise/v1
        #[arg(long)]
        exercise: bool,
        /// Seconds after which what is not in `stored` is sent again
        #[arg(long, default_value_t = 30)]
        resend_after: u64,
        /// Seconds to wait at the end for what is not in `stored`
        #[arg(long, default_value_t = 60, conflicts_with = "no_wait")]
        wait: u64,
        /// End with the scenario, whatever is in `stored`, and call that a success
        #[arg(long)]
        no_wait: bool,
    },
    /// Say whether a scenario is right, and what is in it
    Check {
        /// The scenario file
        scenario: PathBuf,
    },
}

fn broker(text: &str) -> Result<Url, String> {
    let broker: Url = text.parse().map_err(|error| format!("{error}; write it as mqtt://127.0.0.1:1883"))?;
    match (broker.scheme(), broker.host_str()) {
        ("mqtt" | "tcp", Some(_)) => Ok(broker),
        ("mqtt" | "tcp", None) => Err("it names no host; write it as mqtt://127.0.0.1:1883".to_owned()),
        (scheme, _) => Err(format!("'{scheme}' is not spoken here; use mqtt://, without TLS")),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("write a number of 0.01 to 10000".to_owned()),
    }
}

/// Ready at the first Ctrl-C.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a signal handler Ctrl-C ends the program as it always did.
        std::future::pending::<()>().await;
    }
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).compact().init();
    let (Command::Play { scenario: file, .. } | Command::Check { scenario: file }) = &arguments.command;
    let scenario = match Scenario::load(file) {
        Ok(scenario) => scenario,
        Err(faults) => {
            for fault in faults.0 {
                eprintln!("firmware-sim: {fault}");
            }
            return ExitCode::from(CONFIG);
        }
    };
    match arguments.command {
        Command::Check { .. } => {
            println!(
                "{}: {} s, {} devices, {} explosions, {} vehicles, {} displacements, {} outages",
                scenario.name,
                scenario.duration_s,
                scenario.devices.len(),
                scenario.explosions.len(),
                scenario.vehicles.len(),
                scenario.displacements.len(),
                scenario.outages.len()
            );
            ExitCode::SUCCESS
        }
        Command::Play { broker, speed, seed, connections, exercise, resend_after, wait, no_wait, .. } => {
            let mut options = PlayOptions::new(broker);
            options.speed = speed;
            options.seed = seed;
            options.connections = connections as usize;
            options.resend_after = Duration::from_secs(resend_after);
            options.wait = if no_wait { Duration::ZERO } else { Duration::from_secs(wait) };
            options.progress = true;
            if exercise {
                "truceline-exercise/v1".clone_into(&mut options.topic_prefix);
            }
            let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    eprintln!("firmware-sim: cannot start the runtime: {error}");
                    return ExitCode::FAILURE;
                }
            };
            let summary = runtime.block_on(play_until(&scenario, &options, interrupt()));
            println!("{}", serde_json::to_string(&summary).unwrap_or_default());
            if summary.stopped {
                eprintln!("firmware-sim: stopped; {} readings are not in `stored`", summary.pending);
                return ExitCode::from(INTERRUPTED);
            }
            if summary.pending == 0 || no_wait {
                return ExitCode::SUCCESS;
            }
            eprintln!(
                "firmware-sim: {} readings are not in `stored`; is the service running on that broker?",
                summary.pending
            );
            ExitCode::FAILURE
        }
    }
}
