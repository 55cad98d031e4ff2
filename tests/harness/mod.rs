//! Real servers for tests, each on a free port of its own and stopped by its process.
#![allow(dead_code, missing_docs)]

pub mod field;
pub mod influxd;
pub mod mosquitto;
pub mod publisher;
pub mod service;
pub mod small_disk;

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port()
}

/// Waits until `condition` holds; fails with `what` after `limit`.
pub fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        // Polling interval of a condition, not a guess at how long something takes.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many rounds a repeated test runs: `quick`, or `long` under `make test-long`.
pub fn rounds(quick: usize, long: usize) -> usize {
    if std::env::var_os("TRUCELINE_LONG").is_some() { long } else { quick }
}
