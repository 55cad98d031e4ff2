//! The intake against a real Mosquitto: what is acknowledged, when, and what is sent again.

// A rig that cannot be built fails its test at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../harness/mod.rs"]
mod harness;
mod rig;

mod acknowledgement;
mod embedded;
mod rejects;
mod secured;
mod sessions;
mod slow_store;
mod told;
