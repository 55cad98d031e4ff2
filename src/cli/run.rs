//! `truceline run`.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::{self, Config};

/// Arguments of `run`.
#[derive(Args)]
pub struct RunArgs {
    /// Configuration file; `config/default.toml` shows every key. Without it the defaults and the
    /// environment (`TRUCELINE__MQTT__URL` for `mqtt.url`) decide
    #[arg(long, env = "TRUCELINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the service.
pub fn run(arguments: &RunArgs) -> Result<(), Failure> {
    let _config = load(arguments.config.as_deref())?;
    Ok(())
}

/// Loads the configuration of `file` and the environment.
pub(super) fn load(file: Option<&std::path::Path>) -> Result<Config, Failure> {
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(file, environment).map_err(Failure::config)
}
