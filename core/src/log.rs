//! The journal's vocabulary: one sequence of entries, from which all else follows.
//!
//! The service's parts do not know one another; what passes between them is in
//! these types.

use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::time::Time;
use crate::wire::{DeviceState, Encoding, RejectReason, TimeBasis};

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place in the journal: 1, 2, 3, … without gaps.
    pub offset: u64,
    /// Journal time of arrival; never less than that of the entry before.
    pub arrived: Time,
    /// What it says.
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A reading that was accepted.
    Reading(ReadingEntry),
    /// A message, or one reading of a batch, that was not.
    Reject(RejectEntry),
    /// What a device says of itself: birth, sleep, last will. Only when it differs from the last.
    State(StateEntry),
    /// From here on this agreement is in force (a canonical [`crate::agreement::Bundle`]).
    Agreement(Document),
    /// From here on this is the device registry (the text of its TOML file).
    Registry(Document),
    /// The service started (`true`) or stopped (`false`). A start without a stop before it is a crash.
    Service(bool),
    /// The link to the broker came up (`true`) or went down (`false`).
    Link(bool),
    /// The wall clock stepped: wall time is journal time plus this many nanoseconds from here on.
    Clock {
        /// Wall time less journal time.
        offset_ns: i64,
    },
    /// Nothing arrived, but a timeout was due.
    Tick,
}

/// An accepted reading, with the bytes that the device sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingEntry {
    /// The station of its topic.
    pub station: Id,
    /// The device of its topic.
    pub device: Id,
    /// The registry's count of units that bore this device id; 0 if unregistered.
    pub incarnation: u32,
    /// The device's boot.
    pub boot: u32,
    /// The reading's number within its boot.
    pub seq: u64,
    /// The time by which it is judged: reported, or estimated.
    pub time: Time,
    /// Where `time` comes from.
    pub time_basis: TimeBasis,
    /// How `bytes` are encoded (the payload of a COSE message is CBOR).
    pub encoding: Encoding,
    /// The reading as sent: for a batch, this one element of it.
    pub bytes: Vec<u8>,
}

/// A device's birth message or last will.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    /// The station of its topic.
    pub station: Id,
    /// The device of its topic.
    pub device: Id,
    /// What it says.
    pub state: DeviceState,
}

/// Bytes of a rejected message that are kept.
pub const MAX_REJECT_BYTES: usize = 64 << 10;

/// Something that was not accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectEntry {
    /// The topic it came on.
    pub topic: String,
    /// The MQTT content type, if there was one.
    pub content_type: Option<String>,
    /// Station of the topic, where it has the form of one.
    pub station: Option<Id>,
    /// Device of the topic, where it has the form of one.
    pub device: Option<Id>,
    /// (boot, seq), where they could be read.
    pub identity: Option<(u32, u64)>,
    /// Why.
    pub reason: RejectReason,
    /// The field's path, such as `position.lat`, for `out_of_range` and `missing_field`.
    pub path: Option<String>,
    /// One sentence for a person.
    pub detail: String,
    /// The bytes, at most [`MAX_REJECT_BYTES`] of them.
    pub bytes: Vec<u8>,
    /// How many bytes there were.
    pub size: u64,
}

/// A text kept beside the journal and named by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// SHA-256 of `text`, 64 hexadecimal digits.
    pub hash: String,
    /// The text.
    pub text: String,
}

impl Document {
    /// A document of this text, hashed.
    pub fn new(text: String) -> Self {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(hash, "{byte:02x}");
        }
        Self { hash, text }
    }
}

/// A request to the journal: make these durable, in this order, as one unit.
#[derive(Clone, Debug)]
pub struct Append {
    /// Returned in the receipt.
    pub ticket: u64,
    /// Journal time of arrival.
    pub arrived: Time,
    /// The entries to be; usually one message's.
    pub bodies: Vec<Body>,
}

/// The journal's answer, sent only after the commit; receipts come in the order of their requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The request's ticket.
    pub ticket: u64,
    /// One for each body, in order.
    pub outcomes: Vec<Outcome>,
}

/// What became of one body. Every one of these is final and may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable at this offset.
    Stored(u64),
    /// The same identity with the same bytes was durable before.
    Duplicate,
    /// The same identity with other bytes was durable before: rejected as `conflicting_duplicate`.
    Conflict,
    /// A reject beyond the quota: counted, its bytes not kept.
    Counted,
}
