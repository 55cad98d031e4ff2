//! From TOML and environment to a validated [`Config`]; every fault names key, value and fix.
//!
//! `config/default.toml` is the single list of keys: it is compiled in, a file's keys are
//! laid over it and the environment's over those, so a key that is not in it does not exist.

mod agreement_dir;
mod layer;
mod registry_file;
mod unreadable;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use agreement_dir::{load_agreement, read_bundle};
pub use layer::{DEFAULT, environment, load};
pub use registry_file::read_registry;
pub use unreadable::unreadable;

/// One fault of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {key}: {message}")]
pub struct ConfigFault {
    /// The file, or the environment variable.
    pub source_name: String,
    /// The key, such as `mqtt.url`.
    pub key: String,
    /// The value, what is wrong with it, and what to do.
    pub message: String,
}

/// The whole configuration, validated.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Config {
    pub data_dir: PathBuf,
    pub mqtt: Mqtt,
    pub broker: Broker,
    pub intake: Intake,
    pub http: Http,
    pub agreement_dir: Option<PathBuf>,
    pub devices_file: Option<PathBuf>,
    pub journal: Journal,
    pub snapshot_every: Duration,
    pub viewer_delay: Duration,
    /// Whether nothing is answered without a sign-in.
    pub auth_required: bool,
    pub influxdb: Option<Influxdb>,
    pub log: Log,
}

/// The session with the broker.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Mqtt {
    pub url: Url,
    pub client_id: String,
    pub login: Option<Login>,
    pub ca_file: Option<PathBuf>,
    pub topic_prefix: String,
    pub receive_maximum: u16,
    pub keep_alive: Duration,
    pub session_expiry: Duration,
    pub stored_interval: Duration,
}

/// A user name and the file of its password.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Login {
    pub username: String,
    pub password_file: PathBuf,
}

/// The embedded broker.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Broker {
    pub enabled: bool,
    pub listen: SocketAddr,
}

/// What is accepted from devices.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Intake {
    pub horizon: Duration,
    /// `None`: no limit.
    pub rate_limit_per_s: Option<u32>,
    pub rate_limit_burst: u32,
}

/// The API and the page.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Http {
    pub listen: SocketAddr,
    pub behind_proxy: bool,
    pub host_names: Vec<String>,
    pub control_token_file: PathBuf,
}

/// What is kept, and for how long.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Journal {
    pub retention: Duration,
    /// `None`: no limit.
    pub max_bytes: Option<u64>,
    pub reject_quota_bytes: u64,
    pub reserve_bytes: u64,
}

/// The time-series database.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Influxdb {
    pub url: Url,
    pub org: String,
    pub bucket: String,
    pub token_file: PathBuf,
    pub internal: bool,
}

/// What is logged.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Log {
    pub level: String,
    pub json: bool,
}
