//! Simulated field devices: a scenario with known truth, played over real MQTT.
//!
//! [`scenario`] is the file, [`world`] plans what each device notices of it, [`firmware`] keeps
//! readings until they are in `stored`, [`driver`] plays it all in real time.

pub mod driver;
pub mod encode;
pub mod firmware;
pub mod scenario;
pub mod world;

pub use driver::{PlayOptions, Summary, play};
pub use scenario::{Scenario, ScenarioFaults};
