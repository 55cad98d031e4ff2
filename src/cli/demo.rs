//! `truceline demo`: the whole of it, with a simulated scenario, and nothing to set up.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use clap::Args;
use firmware_sim::{PlayOptions, Scenario, play};
use tokio_util::sync::CancellationToken;

use super::failure::say;
use super::run::{block_on, signals};
use super::{Failure, telemetry};
use crate::app::App;
use crate::config;

/// The example agreement, registry and scenario, so that the demo needs nothing but the program.
const FILES: [(&str, &str); 7] = [
    ("agreement/agreement.toml", include_str!("../../config/agreements/example/agreement.toml")),
    ("agreement/line.geojson", include_str!("../../config/agreements/example/line.geojson")),
    ("agreement/petrivske.geojson", include_str!("../../config/agreements/example/petrivske.geojson")),
    (
        "agreement/stanytsia-luhanska.geojson",
        include_str!("../../config/agreements/example/stanytsia-luhanska.geojson"),
    ),
    ("agreement/zolote.geojson", include_str!("../../config/agreements/example/zolote.geojson")),
    ("devices.toml", include_str!("../../config/devices/example.toml")),
    ("scenario.toml", include_str!("../../config/scenarios/demo.toml")),
];

/// The folder of [`FILES`] in the data's folder: what the user keeps beside it is not touched.
const FILES_DIR: &str = "demo-files";

/// Arguments of `demo`.
#[derive(Args)]
pub(super) struct DemoArgs {
    /// Where the page listens; a free port is taken if it is in use
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where the embedded broker listens; a free port is taken if it is in use
    #[arg(long, default_value = "127.0.0.1:1883", value_name = "ADDRESS")]
    broker: SocketAddr,
    /// Scenario seconds in one second
    #[arg(long, default_value_t = 2.0)]
    speed: f64,
    /// The same seed gives the same readings
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the data here, and below demo-files/ the agreement, devices and scenario, which each demo writes anew;
    /// without it a folder for this run is made, and removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs until it is told to stop.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), Failure> {
    if !(0.1..=100.0).contains(&arguments.speed) {
        return Err(Failure::usage(format!("--speed {}: use 0.1 to 100", arguments.speed)));
    }
    let folder = Folder::make(arguments.data_dir.as_deref())?;
    let config = configuration(arguments, folder.path())?;
    let scenario = Scenario::load(&folder.path().join(FILES_DIR).join("scenario.toml"))
        .map_err(|faults| Failure::config(faults.0))?;
    telemetry::log(&config.log);
    block_on(async {
        let (stop, reload) = signals()?;
        let app = App::start(config, telemetry::metrics()?).await?;
        let page = app.address();
        println!("Truceline's demo is running: open http://{page}/");
        println!("Devices publish to {}; everything in it is simulated, the line is illustrative.", app.mqtt_url());
        println!("Data is in {}. Ctrl-C ends it.", folder.path().display());
        let mut options =
            PlayOptions::new(app.mqtt_url().parse().map_err(|error| anyhow::anyhow!("the broker's address: {error}"))?);
        options.speed = arguments.speed;
        options.seed = arguments.seed;
        options.wait = std::time::Duration::from_secs(1);
        // The devices end before the service does, so that they do not complain of its end.
        let (ending, player) = (CancellationToken::new(), tokio::spawn(repeat(scenario, options, stop.clone())));
        let stopped = ending.clone();
        tokio::spawn(async move {
            let _ = player.await;
            stopped.cancel();
        });
        Ok(app.run(ending, reload).await?)
    })
}

/// Plays the scenario again and again, so that devices do not fall silent when it ends.
async fn repeat(scenario: Scenario, mut options: PlayOptions, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            summary = play(&scenario, &options) => tracing::info!(made = summary.counts.made, "the scenario begins again"),
        }
        options.seed = options.seed.wrapping_add(1);
    }
}

fn configuration(arguments: &DemoArgs, folder: &Path) -> Result<config::Config, Failure> {
    let set = |key: &str, value: String| (format!("TRUCELINE__{key}"), value);
    let within = |name: &str| folder.join(name).display().to_string();
    let files = |name: &str| within(&format!("{FILES_DIR}/{name}"));
    let environment = [
        set("DATA_DIR", within("data")),
        set("BROKER__ENABLED", "true".to_owned()),
        set("BROKER__LISTEN", free(arguments.broker)?.to_string()),
        set("HTTP__LISTEN", free(arguments.listen)?.to_string()),
        set("AGREEMENT__DIR", files("agreement")),
        set("DEVICES__FILE", files("devices.toml")),
        set("LOG__LEVEL", "warn".to_owned()),
    ];
    config::load(None, environment).map_err(Failure::config)
}

/// The address, or one with a free port where it is taken.
fn free(address: SocketAddr) -> Result<SocketAddr, Failure> {
    if TcpListener::bind(address).is_ok() {
        return Ok(address);
    }
    let fault = |error| Failure::from(anyhow::anyhow!("{address}: cannot listen there: {error}"));
    TcpListener::bind(SocketAddr::new(address.ip(), 0)).and_then(|listener| listener.local_addr()).map_err(fault)
}

/// The file as the demo uses it: its agreement is one of an exercise, so that page and alerts do not look real.
fn for_exercise(name: &str, text: &str) -> String {
    if name == "agreement/agreement.toml" {
        text.replace("\nstatus = \"actual\"\n", "\nstatus = \"exercise\"\n")
    } else {
        text.to_owned()
    }
}

/// The demo's folder; removed at the end if it was made for this run.
struct Folder {
    path: PathBuf,
    passing: bool,
}

impl Folder {
    fn make(wanted: Option<&Path>) -> Result<Self, Failure> {
        let (path, passing) = match wanted {
            Some(path) => (path.to_path_buf(), false),
            None => (std::env::temp_dir().join(format!("truceline-demo-{}", std::process::id())), true),
        };
        let folder = Self { path, passing };
        for (name, text) in FILES {
            let file = folder.path.join(FILES_DIR).join(name);
            let written = file
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&file, for_exercise(name, text)));
            written.map_err(|error| Failure::storage(&anyhow::anyhow!("{}: {error}", file.display())))?;
        }
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.passing {
            return;
        }
        match std::fs::remove_dir_all(&self.path) {
            Ok(()) => say(format_args!("the demo's folder {} is removed", self.path.display())),
            Err(error) => say(format_args!("the demo's folder {} is left: {error}", self.path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use truceline_core::agreement::Status;

    #[test]
    fn the_demo_is_an_exercise_and_leaves_the_users_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let own = [dir.path().join("devices.toml"), dir.path().join("agreement/agreement.toml")];
        for file in &own {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "mine").unwrap();
        }
        drop(Folder::make(Some(dir.path())).unwrap());
        for file in &own {
            assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
        }
        let agreement = config::load_agreement(&dir.path().join("demo-files/agreement")).unwrap();
        assert_eq!(agreement.status, Status::Exercise);
        assert_eq!(agreement.id.as_str(), "example");
    }

    #[test]
    fn a_passing_folder_goes_with_the_demo() {
        let folder = Folder::make(None).unwrap();
        let path = folder.path().to_owned();
        assert!(path.join("demo-files/scenario.toml").is_file());
        drop(folder);
        assert!(!path.exists());
    }
}
