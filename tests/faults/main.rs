//! What may fail between a device and the journal, with the real program and a real Mosquitto.
//!
//! The oracle is (device, boot, seq), exact to the reading: what a device was told is durable must be in the journal
//! once, and so must be, in the end, whatever it sent. docs/reliability.md lists the faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../harness/mod.rs"]
mod harness;

mod broker;
mod damage;
mod disk;
mod fleet;
mod gate;
mod influx;
mod link;
mod off;
mod oracle;
mod poison;
mod proxy;
mod rivals;
mod room;
mod stop;
