//! Hostile input in bulk: the properties of the fuzz targets under generated input, and the greatest messages within
//! bounds of memory and time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod bombs;
mod input;
mod meter;
#[path = "../../../fuzz/properties.rs"]
mod properties;
mod rounds;
