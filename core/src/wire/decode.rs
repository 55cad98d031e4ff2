//! From a message's bytes to readings or rejects.

use super::{Encoding, Reading, RejectReason};
use crate::id::Id;

/// One element of a message: its own bytes and what they say.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The element's bytes within the message.
    pub bytes: &'a [u8],
    /// The reading, or why not.
    pub result: Result<Reading, Fault>,
}

/// Why one element, or a whole message, is not accepted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct Fault {
    /// The contract's reason.
    pub reason: RejectReason,
    /// The field's path, for `out_of_range` and `missing_field`.
    pub path: Option<String>,
    /// (boot, seq), where they could be read.
    pub identity: Option<(u32, u64)>,
    /// One sentence for a person.
    pub detail: String,
}

/// Which encoding a message has: by its content type, else by its first byte.
pub fn encoding_of(content_type: Option<&str>, payload: &[u8]) -> Result<Encoding, Fault> {
    let _ = (content_type, payload);
    todo!()
}

/// Decodes one message of `device`. Never panics; a message that is no reading or array at all is one item with a fault.
pub fn decode<'a>(encoding: Encoding, payload: &'a [u8], device: &Id) -> Vec<Item<'a>> {
    let _ = (encoding, payload, device);
    todo!()
}

/// Decodes the bytes of one stored reading.
pub fn decode_one(encoding: Encoding, bytes: &[u8]) -> Result<Reading, Fault> {
    let _ = (encoding, bytes);
    todo!()
}

/// Encodes one reading as CBOR with the contract's names as keys.
pub fn to_cbor(reading: &Reading) -> Vec<u8> {
    let _ = reading;
    todo!()
}
