//! The HTTP server as a client sees it, over fake stores.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

mod access;
mod docs;
mod events;
mod fake;
mod guards;
#[path = "../harness/mod.rs"]
mod harness;
mod lists;
mod page;
mod probes;
mod problems;
mod serving;
mod signing;
