//! The engine's behaviour: entries in, alerts out.

mod agreement_swap;
mod crossing;
mod limits;
mod no_fire;
mod scene;
mod silence;
mod stay;
mod tamper;
