//! The intake against a real Mosquitto: what is acknowledged, when, and what is sent again.

#[path = "../harness/mod.rs"]
mod harness;
mod rig;

mod acknowledgement;
mod embedded;
mod rejects;
mod sessions;
mod told;
