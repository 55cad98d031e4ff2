//! A real InfluxDB 2 of the bench's own.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::broker::free_port;
use crate::process::{Running, until};

/// Chosen here; no secret.
const TOKEN: &str = "token-of-the-bench";

/// Runs until it is dropped.
pub struct Influxd {
    pub running: Running,
    pub url: String,
    pub token_file: PathBuf,
}

impl Influxd {
    pub fn start(program: &Path, dir: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let token_file = dir.join("token");
        std::fs::write(&token_file, TOKEN)?;
        let child = Command::new(program)
            .arg("--bolt-path")
            .arg(dir.join("influxd.bolt"))
            .arg("--engine-path")
            .arg(dir.join("engine"))
            .arg("--sqlite-path")
            .arg(dir.join("influxd.sqlite"))
            .args(["--http-bind-address", &format!("127.0.0.1:{port}"), "--reporting-disabled", "--log-level", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let server = Self { running: Running(child), url: format!("http://127.0.0.1:{port}"), token_file };
        let setup = format!(
            r#"{{"username":"bench","password":"bench-password","org":"truceline","bucket":"truceline","token":"{TOKEN}"}}"#
        );
        let ready = || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
                && Command::new("curl")
                    .args([
                        "-sf",
                        "-o",
                        "/dev/null",
                        "-X",
                        "POST",
                        "-d",
                        &setup,
                        &format!("{}/api/v2/setup", server.url),
                    ])
                    .status()
                    .is_ok_and(|status| status.success())
        };
        if !until(Duration::from_secs(60), ready) {
            bail!("InfluxDB cannot be set up");
        }
        Ok(server)
    }
}
