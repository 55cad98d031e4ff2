//! Ranges and meanings: from the merged table to the typed configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};
use url::Url;

use super::agreement_dir::load_agreement;
use super::layer::{Origins, fault};
use super::registry_file::read_registry;
use super::{Broker, Config, ConfigFault, Http, Influxdb, Intake, Journal, Log, Login, Mqtt};

const DAY_S: u64 = 86_400;

/// Validates; adds its faults to those that laying over has found.
pub(super) fn config(merged: &Table, origins: &Origins, faults: Vec<ConfigFault>) -> Result<Config, Vec<ConfigFault>> {
    let mut check = Check { merged, origins, faults };
    let config = check.whole();
    match config {
        Some(config) if check.faults.is_empty() => Ok(config),
        _ => {
            check.terms();
            Err(check.faults)
        }
    }
}

struct Check<'a> {
    merged: &'a Table,
    origins: &'a Origins,
    faults: Vec<ConfigFault>,
}

impl Check<'_> {
    fn whole(&mut self) -> Option<Config> {
        // Each part is read before any is missed, so that all faults are told at once.
        let data_dir = self.path("data_dir");
        if data_dir.is_none() {
            self.add("data_dir", "is empty; name a folder");
        }
        let mqtt = self.mqtt();
        let broker = self.broker();
        let intake = self.intake();
        let http = self.http(data_dir.as_deref());
        let journal = Journal {
            retention: Duration::from_secs(self.whole_number("journal.retention_days", 1, 36_500) * DAY_S),
            max_bytes: Some(self.whole_number("journal.max_gib", 0, 1 << 20) << 30).filter(|bytes| *bytes > 0),
            reject_quota_bytes: self.whole_number("journal.reject_quota_mib", 0, 1 << 20) << 20,
            reserve_bytes: self.whole_number("journal.reserve_mib", 0, 1 << 20) << 20,
        };
        let snapshot_every = self.seconds("evaluator.snapshot_every_s", 1, DAY_S);
        let viewer_delay = self.seconds("viewer.delay_s", 0, 7 * DAY_S);
        let auth_required = self.boolean("auth.required");
        let influxdb = self.influxdb();
        let log = self.log();
        Some(Config {
            data_dir: data_dir?,
            mqtt: mqtt?,
            broker: broker?,
            intake,
            http: http?,
            agreement_dir: self.path("agreement.dir"),
            devices_file: self.path("devices.file"),
            journal,
            snapshot_every,
            viewer_delay,
            auth_required,
            influxdb,
            log,
        })
    }

    /// What is wrong with agreement and registry too, so that all is told at once.
    fn terms(&mut self) {
        if let Some(Err(faults)) = self.path("agreement.dir").map(|dir| load_agreement(&dir)) {
            self.faults.extend(faults.into_iter().map(|found| fault(&found.file, &found.place, &found.message)));
        }
        if let Some(Err(faults)) = self.path("devices.file").map(|file| read_registry(&file)) {
            self.faults.extend(faults);
        }
    }

    fn mqtt(&mut self) -> Option<Mqtt> {
        let url = self.url("mqtt.url", &["mqtt", "mqtts"]);
        let client_id = self.text("mqtt.client_id");
        if client_id.is_empty() || client_id.len() > 128 {
            self.add("mqtt.client_id", &format!("'{client_id}' has not 1 to 128 characters"));
        }
        let prefix = self.text("mqtt.topic_prefix");
        if !["truceline/v1", "truceline-exercise/v1"].contains(&prefix.as_str()) {
            let message =
                format!("'{prefix}' is not a prefix; use 'truceline/v1', or 'truceline-exercise/v1' for an exercise");
            self.add("mqtt.topic_prefix", &message);
        }
        let username = self.text("mqtt.username");
        let password_file = self.path("mqtt.password_file");
        let login = match (username.is_empty(), password_file) {
            (true, None) => None,
            (false, Some(password_file)) => {
                self.readable("mqtt.password_file", &password_file);
                Some(Login { username, password_file })
            }
            (false, None) => {
                self.add("mqtt.password_file", "is empty though mqtt.username is set; name the password's file");
                None
            }
            (true, Some(_)) => {
                self.add("mqtt.username", "is empty though mqtt.password_file is set; name the user");
                None
            }
        };
        let ca_file = self.path("mqtt.ca_file");
        if let Some(file) = &ca_file {
            self.readable("mqtt.ca_file", file);
        }
        Some(Mqtt {
            receive_maximum: self.whole_number("mqtt.receive_maximum", 10, 65_535) as u16,
            keep_alive: self.seconds("mqtt.keep_alive_s", 5, 3600),
            session_expiry: Duration::from_secs(self.whole_number("mqtt.session_expiry_days", 1, 365) * DAY_S),
            stored_interval: self.seconds("mqtt.stored_interval_s", 1, 3600),
            url: url?,
            client_id,
            login,
            ca_file,
            topic_prefix: prefix,
        })
    }

    fn broker(&mut self) -> Option<Broker> {
        let enabled = self.boolean("broker.enabled");
        let listen = self.address("broker.listen")?;
        if enabled && !listen.ip().is_loopback() {
            let message = format!(
                "'{listen}' is not a loopback address; the embedded broker knows no passwords, so use 127.0.0.1 or a broker of your own"
            );
            self.add("broker.listen", &message);
        }
        Some(Broker { enabled, listen })
    }

    fn intake(&mut self) -> Intake {
        let rate = self.whole_number("intake.rate_limit_per_s", 0, 1_000_000) as u32;
        Intake {
            horizon: Duration::from_secs(self.whole_number("intake.horizon_days", 1, 3650) * DAY_S),
            rate_limit_per_s: (rate > 0).then_some(rate),
            rate_limit_burst: self.whole_number("intake.rate_limit_burst", 1, 10_000_000) as u32,
        }
    }

    fn http(&mut self, data_dir: Option<&Path>) -> Option<Http> {
        let behind_proxy = self.boolean("http.behind_proxy");
        let host_names = match self.value("http.host_names") {
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().unwrap_or_default().to_lowercase()).collect()
            }
            _ => Vec::new(),
        };
        if host_names.iter().any(String::is_empty) {
            self.add("http.host_names", "holds something that is not a name; write names in quotes");
        }
        let listen = self.address("http.listen")?;
        if !listen.ip().is_loopback() && !behind_proxy {
            let message = format!(
                "'{listen}' can be reached from outside and there is no sign-in yet; use 127.0.0.1, or set http.behind_proxy where a proxy does sign-in and TLS"
            );
            self.add("http.listen", &message);
        }
        let own = || data_dir.map(|dir| dir.join("control.token"));
        let control_token_file = self.path("http.control_token_file").or_else(own)?;
        Some(Http { listen, behind_proxy, host_names, control_token_file })
    }

    fn influxdb(&mut self) -> Option<Influxdb> {
        let internal = self.boolean("influxdb.internal");
        if self.text("influxdb.url").is_empty() {
            return None;
        }
        let url = self.url("influxdb.url", &["http", "https"]);
        let (org, bucket) = (self.text("influxdb.org"), self.text("influxdb.bucket"));
        for (key, value) in [("influxdb.org", &org), ("influxdb.bucket", &bucket)] {
            if value.is_empty() {
                self.add(key, "is empty though influxdb.url is set; name it");
            }
        }
        let Some(token_file) = self.path("influxdb.token_file") else {
            self.add("influxdb.token_file", "is empty though influxdb.url is set; name the token's file");
            return None;
        };
        self.readable("influxdb.token_file", &token_file);
        Some(Influxdb { url: url?, org, bucket, token_file, internal })
    }

    fn log(&mut self) -> Log {
        let level = self.text("log.level");
        // A bare word that is no level would be read as the name of a module, and silence all others.
        let words = ["error", "warn", "info", "debug", "trace", "off"];
        let is_level = |part: &str| part.contains('=') || words.contains(&part.trim());
        if !level.split(',').all(is_level) || level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            self.add("log.level", &format!("'{level}' is no level; use error, warn, info, debug or trace"));
        }
        let format = self.text("log.format");
        if !["text", "json"].contains(&format.as_str()) {
            self.add("log.format", &format!("'{format}' is no format; use text or json"));
        }
        Log { level, json: format == "json" }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        let mut names = key.split('.');
        let first = self.merged.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    fn add(&mut self, key: &str, message: &str) {
        // A key that is missing is missing where its neighbours were written.
        let section = key.split('.').next().unwrap_or(key);
        let neighbour = self.origins.iter().find(|(other, _)| other.split('.').next() == Some(section));
        let source = self.origins.get(key).or(neighbour.map(|(_, source)| source));
        let source = source.map_or("config/default.toml", String::as_str);
        self.faults.push(fault(source, key, message));
    }

    fn text(&self, key: &str) -> String {
        self.value(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key)).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    fn boolean(&self, key: &str) -> bool {
        self.value(key).and_then(Value::as_bool).unwrap_or_default()
    }

    fn readable(&mut self, key: &str, file: &std::path::Path) {
        match std::fs::File::open(file).and_then(|open| open.metadata()) {
            Ok(found) if found.is_dir() => {
                self.add(key, &format!("'{}' is a folder; name the file in it", file.display()));
            }
            Ok(_) => {}
            Err(error) => self.add(key, &format!("'{}' cannot be opened: {error}", file.display())),
        }
    }

    fn whole_number(&mut self, key: &str, least: u64, greatest: u64) -> u64 {
        let value = self.value(key).and_then(Value::as_integer).unwrap_or_default();
        match u64::try_from(value) {
            Ok(number) if (least..=greatest).contains(&number) => number,
            _ => {
                self.add(key, &format!("{value} is out of range; use {least} to {greatest}"));
                least
            }
        }
    }

    fn seconds(&mut self, key: &str, least: u64, greatest: u64) -> Duration {
        Duration::from_secs(self.whole_number(key, least, greatest))
    }

    fn address(&mut self, key: &str) -> Option<SocketAddr> {
        let text = self.text(key);
        let address = text.replacen("localhost:", "127.0.0.1:", 1).parse().ok();
        if address.is_none() {
            self.add(key, &format!("'{text}' is no address; write it as 127.0.0.1:8080"));
        }
        address
    }

    fn url(&mut self, key: &str, schemes: &[&str]) -> Option<Url> {
        let text = self.text(key);
        match Url::parse(&text) {
            Ok(url) if schemes.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty()) => {
                if !["", "/"].contains(&url.path()) || url.query().is_some() || url.fragment().is_some() {
                    self.add(
                        key,
                        &format!("'{text}' has more than a host and a port; write it as {}://HOST:PORT", schemes[0]),
                    );
                }
                if url.password().is_some() || !url.username().is_empty() {
                    self.add(key, "holds a user or password; secrets come from files, never from an address");
                }
                Some(url)
            }
            _ => {
                self.add(key, &format!("'{text}' is no address; write it as {}://HOST:PORT", schemes[0]));
                None
            }
        }
    }
}
