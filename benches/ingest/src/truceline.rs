//! A running Truceline: started on a folder and a broker, asked over HTTP, stopped.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::broker::free_port;
use crate::process::{Running, until};

/// The service, ended when this is dropped.
pub struct Truceline {
    pub running: Running,
    port: u16,
}

impl Truceline {
    /// Starts it with the example agreement; `more` are further variables of its environment.
    pub fn start<'a>(
        program: &Path,
        dir: &Path,
        broker: u16,
        devices: &Path,
        more: impl IntoIterator<Item = (&'a str, &'a OsStr)>,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let child = Command::new(program)
            .arg("run")
            .env("TRUCELINE__DATA_DIR", dir.join("data"))
            .env("TRUCELINE__MQTT__URL", format!("mqtt://127.0.0.1:{broker}"))
            .env("TRUCELINE__HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .env("TRUCELINE__AGREEMENT__DIR", "config/agreements/example")
            .env("TRUCELINE__DEVICES__FILE", devices)
            .env("TRUCELINE__LOG__LEVEL", "error")
            .envs(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}; build it with `make build`", program.display()))?;
        Ok(Self { running: Running(child), port })
    }

    /// The body of an answer.
    pub fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(socket, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no whole answer")?;
        if !head.lines().next().is_some_and(|line| line.contains(" 200")) {
            bail!("{path}: {}", head.lines().next().unwrap_or_default());
        }
        Ok(body.to_owned())
    }

    pub fn metrics(&self) -> anyhow::Result<String> {
        self.get("/metrics")
    }

    /// Asks for the metrics until they are as wanted.
    pub fn until(&self, what: &str, limit: Duration, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        if until(limit, || self.metrics().is_ok_and(|page| wanted(&page))) {
            return Ok(());
        }
        bail!("the service: {what} was not so after {} s", limit.as_secs())
    }
}

/// The client is connected and subscribed.
pub fn connected(page: &str) -> bool {
    metric(page, "truceline_intake_connected") >= 1.0
}

/// The sum of a metric over its labels, or of the one row that is named with them; 0 while it is absent.
pub fn metric(page: &str, name: &str) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    // Not `sum`, which gives -0 of nothing.
    page.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).fold(0.0, |a, b| a + b)
}
