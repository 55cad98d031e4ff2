//! The command line of the simulator.

use std::io::IsTerminal;
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

Exit codes: 0 all readings are stored or rejected, 1 some are not, 64 wrong use, 78 a \
faulty scenario, 130 stopped by Ctrl-C.
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
    if !text.contains("://") {
        return Err("it names no protocol; write mqtt://HOST:PORT".to_owned());
    }
    let broker: Url = text.parse().map_err(|error| format!("{error}; write it as mqtt://127.0.0.1:1883"))?;
    match (broker.scheme(), broker.host_str()) {
        ("mqtt" | "tcp", Some(_)) => Ok(broker),
        ("mqtt" | "tcp", None) => Err("it names no host; write it as mqtt://127.0.0.1:1883".to_owned()),
        (scheme, _) => Err(format!("'{scheme}' is not spoken here; use mqtt://, without TLS")),
    }
}

/// The broker's address without a login.
fn shown(broker: &Url) -> String {
    let port = broker.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}://{}{port}", broker.scheme(), broker.host_str().unwrap_or_default())
}

/// `1 reading is`, `2 readings are`.
fn readings(count: usize) -> String {
    counted(count, "reading") + if count == 1 { " is" } else { " are" }
}

/// `1 device`, `2 devices`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
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
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .compact()
        .init();
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
                "{}: {} s, {}, {}, {}, {}, {}",
                scenario.name,
                scenario.duration_s,
                counted(scenario.devices.len(), "device"),
                counted(scenario.explosions.len(), "explosion"),
                counted(scenario.vehicles.len(), "vehicle"),
                counted(scenario.displacements.len(), "displacement"),
                counted(scenario.outages.len(), "outage")
            );
            ExitCode::SUCCESS
        }
        Command::Play { broker, speed, seed, connections, exercise, resend_after, wait, no_wait, .. } => {
            let address = shown(&broker);
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
            eprintln!(
                "firmware-sim: {} plays {} s at speed {speed} over {address}, topics below {}",
                scenario.name, scenario.duration_s, options.topic_prefix
            );
            let summary = runtime.block_on(play_until(&scenario, &options, interrupt()));
            println!("{}", serde_json::to_string(&summary).unwrap_or_default());
            if summary.stopped {
                eprintln!("firmware-sim: stopped; {} not in `stored`", readings(summary.pending));
                return ExitCode::from(INTERRUPTED);
            }
            if summary.pending == 0 || no_wait {
                return ExitCode::SUCCESS;
            }
            eprintln!(
                "firmware-sim: {} not in `stored`; is the service running on {address}, with the topic prefix {}?",
                readings(summary.pending),
                options.topic_prefix
            );
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_without_a_protocol_is_told_how_to_write_it() {
        for text in ["127.0.0.1:1883", "localhost:1883", "broker"] {
            assert!(broker(text).unwrap_err().contains("write mqtt://HOST:PORT"), "{text}");
        }
        let named = broker("mqtt://user:secret@localhost:1884").unwrap();
        assert_eq!(shown(&named), "mqtt://localhost:1884");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!((readings(1).as_str(), readings(2).as_str()), ("1 reading is", "2 readings are"));
    }
}
