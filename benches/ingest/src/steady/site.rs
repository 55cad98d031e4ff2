//! A broker and a Truceline that knows every device of the run, in a folder of their own.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::broker::{Broker, free_port};
use crate::process::Running;

/// Devices of one station.
const OF_STATION: usize = 20;

pub struct Site {
    pub service: Running,
    pub broker: Broker,
    port: u16,
    // The folder goes last, when nobody writes there any more.
    _dir: TempDir,
}

pub fn station(device: usize) -> String {
    format!("b{:03}", device / OF_STATION)
}

pub fn device(index: usize) -> String {
    format!("b{:03}-d{:02}", index / OF_STATION, index % OF_STATION)
}

/// Where it stands: a grid across the example agreement's line.
pub fn place(index: usize) -> (f64, f64) {
    (47.9 + (index % 100) as f64 * 0.005, 37.4 + (index / 100) as f64 * 0.007)
}

impl Site {
    pub fn start(program: &Path, devices: usize) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let broker = Broker::start(dir.path())?;
        let port = free_port()?;
        let registry = dir.path().join("devices.toml");
        std::fs::write(&registry, registered(devices)?)?;
        let child = Command::new(program)
            .arg("run")
            .env("TRUCELINE__DATA_DIR", dir.path().join("data"))
            .env("TRUCELINE__MQTT__URL", format!("mqtt://127.0.0.1:{}", broker.port))
            .env("TRUCELINE__HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .env("TRUCELINE__AGREEMENT__DIR", "config/agreements/example")
            .env("TRUCELINE__DEVICES__FILE", registry)
            .env("TRUCELINE__VIEWER__DELAY_S", "0")
            .env("TRUCELINE__LOG__LEVEL", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}; build it with `make build`", program.display()))?;
        let site = Self { service: Running(child), broker, port, _dir: dir };
        let begun = Instant::now();
        while !site.metrics().is_ok_and(|page| metric(&page, "truceline_intake_connected") >= 1.0) {
            if begun.elapsed() > Duration::from_secs(120) {
                bail!("the service is not connected to its broker after 120 s");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(site)
    }

    pub fn metrics(&self) -> anyhow::Result<String> {
        self.get("/metrics")
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

    /// Resident memory now.
    pub fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.service.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
    }

    /// Open files and sockets now.
    pub fn handles(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.service.0.id())).map_or(0, Iterator::count)
    }
}

/// The registry of the devices.
fn registered(devices: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from("enforced = true\n");
    for index in 0..devices {
        let (lat, lon) = place(index);
        writeln!(
            text,
            "\n[[device]]\nid = \"{}\"\nstation = \"{}\"\nmobility = \"fixed\"\n\
             position = {{ lat = {lat:.5}, lon = {lon:.5} }}\nhacc_m = 4\ninterval_s = 60\n\
             kinds = [\"acoustic_detection\", \"object_track\", \"health\"]\nrange_m = {{ vehicle = 3000 }}",
            device(index),
            station(index)
        )?;
    }
    Ok(text)
}

/// The sum of a metric over its labels, or of the one row that is named with them; 0 while it is absent.
pub fn metric(page: &str, name: &str) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    page.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
