//! The journal: durable once, whatever dies.

// A rig that cannot be built fails its test at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../harness/mod.rs"]
mod harness;

mod bodies;
mod crash;
mod files;
mod full_disk;
mod lists;
mod outcomes;
mod recent;
mod retention;
mod throughput;
