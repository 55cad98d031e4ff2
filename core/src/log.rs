//! The journal's vocabulary: one sequence of entries, from which all else follows.
//!
//! The service's parts do not know one another; what passes between them is in
//! these types.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::Id;
use crate::time::Time;
use crate::wire::{DeviceState, Encoding, Fault, Reading, RejectReason, TimeBasis, decode_one};

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
    /// What `bytes` say, where it is known already.
    pub decoded: Decoded,
}

impl ReadingEntry {
    /// What `bytes` say: decoded now, unless it is known.
    ///
    /// # Errors
    /// The bytes are no reading.
    pub fn reading(&self) -> Result<Arc<Reading>, Fault> {
        match &self.decoded.0 {
            Some(reading) => Ok(Arc::clone(reading)),
            None => decode_one(self.encoding, &self.bytes).map(Arc::new),
        }
    }
}

/// A decoded reading that travels with its bytes, so that whoever follows closely need not decode it again.
///
/// It is no part of an entry's content: the bytes say the same, so all are equal.
#[derive(Clone, Debug, Default)]
pub struct Decoded(Option<Arc<Reading>>);

impl Decoded {
    /// Of the bytes that `reading` was decoded from.
    pub fn of(reading: Reading) -> Self {
        Self(Some(Arc::new(reading)))
    }
}

impl PartialEq for Decoded {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Entries in order, shared with whoever else reads them.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    parts: Vec<(Arc<[Entry]>, Range<usize>)>,
    len: usize,
}

impl Entries {
    /// Adds the entries of a range of `part`; none where the range is not within it.
    pub fn add(&mut self, part: &Arc<[Entry]>, range: Range<usize>) {
        let found = part.get(range.clone()).map_or(0, <[Entry]>::len);
        if found > 0 {
            self.parts.push((Arc::clone(part), range));
            self.len += found;
        }
    }

    /// Those up to an offset, itself included.
    #[must_use]
    pub fn up_to(&self, offset: u64) -> Self {
        let mut below = Self::default();
        for (part, range) in &self.parts {
            let entries = part.get(range.clone()).unwrap_or_default();
            below.add(part, range.start..range.start + entries.partition_point(|entry| entry.offset <= offset));
        }
        below
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.parts.iter().flat_map(|(part, range)| part.get(range.clone()).unwrap_or_default())
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Self {
        let range = 0..entries.len();
        let mut all = Self::default();
        all.add(&entries.into(), range);
        all
    }
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
        let mut hash = ContentHash::default();
        hash.add(&text);
        Self { hash: hash.end(), text }
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
    /// A reject beyond the quota: counted, its bytes not kept. Or a reading that cannot be taken now.
    Counted,
}
