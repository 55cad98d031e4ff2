//! The rules, one file each: what of a reading, or of nothing being heard, seems to break one.
//!
//! A rule looks and reports findings to the book; when an alert opens, is extended or ends
//! for want of evidence is the book's.

pub(super) mod clock;
pub(super) mod coverage;
pub(super) mod crossing;
pub(super) mod interference;
pub(super) mod no_fire;
pub(super) mod no_flight;
pub(super) mod objects;
pub(super) mod place;
pub(super) mod silence;
pub(super) mod stay;
pub(super) mod tamper;
