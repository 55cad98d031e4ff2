//! Readings: their types, decoding and validation.

mod decode;
mod kind;
mod plausible;
mod reading;
mod reject;
mod state;

pub use decode::*;
pub use kind::*;
pub use plausible::*;
pub use reading::*;
pub use reject::*;
pub use state::*;
