//! Sinks against a real InfluxDB 2 and a real Mosquitto.

// A log or server that cannot be had fails its test at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../harness/mod.rs"]
mod harness;

mod influx;
mod logs;
mod mqtt;
