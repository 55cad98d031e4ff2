//! Truceline's core: what a reading is, where it is, which rule it seems to break.
//!
//! Nothing here does I/O, reads a clock, starts a thread or keeps global state: time
//! is an argument and what is said is returned. The same entries therefore give the
//! same alerts, live or replayed. No result depends on the order of a `HashMap`.

pub mod agreement;
pub mod alert;
pub mod audit;
pub mod engine;
pub mod event;
pub mod geometry;
pub mod hash;
pub mod id;
mod keys;
pub mod log;
pub mod registry;
pub mod review;
pub mod spelling;
pub mod time;
pub mod wire;
