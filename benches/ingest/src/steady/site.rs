//! A broker and a Truceline that knows every device of the run, in a folder of their own.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::broker::Broker;
use crate::process::memory_mb;
use crate::truceline::{Truceline, connected};

/// Devices of one station.
const OF_STATION: usize = 20;

pub struct Site {
    pub service: Truceline,
    pub broker: Broker,
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
        let registry = dir.path().join("devices.toml");
        std::fs::write(&registry, registered(devices)?)?;
        let delay = ("TRUCELINE__VIEWER__DELAY_S", OsStr::new("0"));
        let service = Truceline::start(program, dir.path(), broker.port, &registry, [delay])?;
        service.until("connected", Duration::from_secs(120), connected)?;
        Ok(Self { service, broker, _dir: dir })
    }

    /// Resident memory now.
    pub fn resident_mb(&self) -> f64 {
        memory_mb(self.service.running.0.id(), "VmRSS:")
    }

    /// Open files and sockets now.
    pub fn handles(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.service.running.0.id())).map_or(0, Iterator::count)
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
