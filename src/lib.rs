//! Truceline, the service: readings in over MQTT, suspected violations out.
//!
//! The parts (`intake`, `journal`, `evaluator`, `desk`, `sinks`, `http`, `broker`) do not
//! know one another; `app` wires them, and `backup` copies their files. What passes between them is in
//! [`truceline_core::log`] and [`truceline_core::alert`].

pub mod app;
pub mod backup;
pub mod broker;
pub mod cli;
pub mod config;
pub mod desk;
pub mod evaluator;
pub mod http;
pub mod intake;
pub mod journal;
pub mod people;
pub mod sinks;
