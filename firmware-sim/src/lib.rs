//! Simulated field devices: a scenario with known truth, played over real MQTT.
//!
//! [`scenario`] is the file, [`world`] plans what each device notices of it, [`firmware`] keeps
//! readings until they are in `stored`, [`driver`] plays it all in real time.

pub mod driver;
pub mod encode;
pub mod firmware;
mod link;
mod progress;
pub mod scenario;
pub mod world;

pub use driver::{PlayOptions, Summary, play, play_until};
pub use scenario::{Scenario, ScenarioFaults};
