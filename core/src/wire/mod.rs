//! Readings: their types, decoding and validation.
//!
//! Bytes become a small tree ([`value`]), the same for JSON ([`json`]) and CBOR ([`cbor`]); its fields are read with
//! the contract's types and ranges ([`fields`]); [`envelope`] and [`payload`] say which fields. What sensors send all the
//! time in JSON needs no tree ([`quick`]).

mod bounded;
mod cbor;
mod decode;
mod encode;
mod envelope;
mod fields;
mod json;
mod kind;
mod payload;
mod plausible;
mod quick;
mod reading;
mod reject;
mod state;
mod value;

pub use bounded::MAX_DISTANCE_M;
pub use decode::*;
pub use encode::*;
pub use kind::*;
pub use plausible::*;
pub use reading::*;
pub use reject::*;
pub use state::*;
