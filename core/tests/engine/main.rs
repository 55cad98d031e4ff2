//! The engine's behaviour: entries in, alerts out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::cast_lossless,
    clippy::single_match_else
)]

mod agreement_swap;
mod between;
mod book_model;
mod clock;
mod clock_model;
mod complaints;
mod control_area;
mod coverage;
mod coverage_model;
mod crossing;
mod crossing_model;
mod determinism;
mod device_places;
mod doubted;
mod dwell;
mod flood;
mod hostile;
mod hot_spot;
mod interference;
mod interference_model;
mod late_tracks;
mod limits;
mod no_fire;
mod no_flight;
mod no_flight_model;
mod offline;
mod permitted;
mod plain;
mod scene;
mod silence;
mod silence_model;
mod stay;
mod stay_model;
mod tamper;
mod tamper_model;
