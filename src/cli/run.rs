//! `truceline run`.

use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Failure, telemetry};
use crate::app::{App, AppError};
use crate::config::{self, Config};

/// Arguments of `run`.
#[derive(Args)]
pub(super) struct RunArgs {
    /// Configuration file; `config/default.toml` shows every key. Without it the defaults and the
    /// environment (`TRUCELINE__MQTT__URL` for `mqtt.url`) decide
    #[arg(long, env = "TRUCELINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the service until it is told to stop.
pub(super) fn run(arguments: &RunArgs) -> Result<(), Failure> {
    let config = load(arguments.config.as_deref())?;
    telemetry::log(&config.log);
    block_on(async {
        let (stop, reload) = signals()?;
        let app = App::start(config, telemetry::metrics()?).await?;
        Ok(app.run(stop, reload).await?)
    })
}

/// Runs to the end; a query that nobody waits for any more does not hold the process up.
pub(super) fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// Loads the configuration of `file` and the environment.
pub(super) fn load(file: Option<&Path>) -> Result<Config, Failure> {
    config::load(file, config::environment()).map_err(Failure::config)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from(anyhow::anyhow!("cannot start the runtime: {error}")))
}

/// SIGINT and SIGTERM stop, SIGHUP reads agreement and devices again.
pub(super) fn signals() -> Result<(CancellationToken, mpsc::Receiver<()>), Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::from(anyhow::anyhow!("cannot listen for signals: {error}")));
    let (mut interrupt, mut terminate, mut hangup) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let (reload, reloads) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => {
                    // One that waits already will read the newest files too.
                    let _ = reload.try_send(());
                }
            }
        }
        stopping.cancel();
    });
    Ok((stop, reloads))
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Config(faults) => Self::config(faults),
            AppError::Storage(message) => Self::storage(&anyhow::anyhow!(message)),
            AppError::Start(message) => Self::from(anyhow::anyhow!(message)),
        }
    }
}
