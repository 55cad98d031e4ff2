//! From a message's bytes to readings or rejects.

use super::fields::Fields;
use super::value::{Parsed, Value};
use super::{
    Data, DeviceState, Encoding, Fix, MAX_BATCH, MAX_MESSAGE_BYTES, Reading, RejectReason, cbor, envelope, json, quick,
};
use crate::id::Id;
use crate::registry::Mobility;

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

impl Fault {
    fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { reason, path: None, identity: None, detail: detail.into() }
    }
}

/// Tag 18, COSE_Sign1 (RFC 9052, section 2), in its shortest and in its one-byte form (RFC 8949, section 3.4).
const COSE_SIGN1: [&[u8]; 2] = [&[0xd2], &[0xd8, 18]];
/// Tag 55799, which says no more than that what follows is CBOR (RFC 8949, section 3.4.6).
const SELF_DESCRIBED: [u8; 3] = [0xd9, 0xd9, 0xf7];

/// Which encoding a message has: by its content type, else by its first byte.
pub fn encoding_of(content_type: Option<&str>, payload: &[u8]) -> Result<Encoding, Fault> {
    let named = content_type.map(|name| name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match named.as_deref() {
        Some("application/json") => return Ok(Encoding::Json),
        Some("application/cbor") => return Ok(Encoding::Cbor),
        Some("application/cose") => return Ok(Encoding::Cose),
        Some("") | None => {}
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            return Err(Fault::new(
                RejectReason::Undecodable,
                format!("content type '{other}' is not of the contract"),
            ));
        }
    }
    match payload.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(Fault::new(RejectReason::Undecodable, "the message is empty")),
        Some(b'{' | b'[') => Ok(Encoding::Json),
        Some(_) if COSE_SIGN1.iter().any(|tag| payload.starts_with(tag)) => Ok(Encoding::Cose),
        // Arrays and maps, definite or not.
        Some(_) if matches!(cbor_body(payload).first(), Some(0x80..=0xbf)) => Ok(Encoding::Cbor),
        Some(_) => Err(Fault::new(RejectReason::Undecodable, "the message starts like neither JSON, CBOR nor COSE")),
    }
}

fn cbor_body(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(&SELF_DESCRIBED).unwrap_or(payload)
}

/// Decodes one message of `device`. Never panics; a message that is no reading or array at all is one item with a fault.
pub fn decode<'a>(encoding: Encoding, payload: &'a [u8], device: &Id) -> Vec<Item<'a>> {
    let whole = |fault| vec![Item { bytes: payload, result: Err(fault) }];
    if payload.len() > MAX_MESSAGE_BYTES {
        let detail = format!("{} bytes; at most {MAX_MESSAGE_BYTES}", payload.len());
        return whole(Fault::new(RejectReason::TooLarge, detail));
    }
    if let Some(items) = plain(encoding, payload, device) {
        return items;
    }
    let mut items = Vec::new();
    let taken = match encoding {
        Encoding::Json => json_elements(payload, &mut |bytes, parsed| items.push(item(bytes, parsed, device))),
        Encoding::Cbor => cbor_elements(cbor_body(payload), &mut |bytes, parsed| {
            items.push(item(bytes, Ok(parsed), device));
        }),
        Encoding::Cose => Err(unsigned_seam()),
    };
    match taken {
        Ok(()) => items,
        Err(fault) => whole(fault),
    }
}

/// The items of a message of which all is plain.
fn plain<'a>(encoding: Encoding, payload: &'a [u8], device: &Id) -> Option<Vec<Item<'a>>> {
    if encoding != Encoding::Json {
        return None;
    }
    let bytes = json::trim(payload);
    let text = std::str::from_utf8(bytes).ok()?;
    if bytes.first() != Some(&b'[') {
        return Some(vec![Item { bytes, result: Ok(quick::reading(text, Some(device))?) }]);
    }
    let readings = quick::batch(text, device)?;
    Some(readings.into_iter().map(|(text, reading)| Item { bytes: text.as_bytes(), result: Ok(reading) }).collect())
}

fn item<'a>(bytes: &'a [u8], parsed: Result<Parsed<'a>, String>, device: &Id) -> Item<'a> {
    Item { bytes, result: accepted(parsed).and_then(|value| envelope::reading(&value, Some(device))) }
}

/// Decodes the bytes of one stored reading.
pub fn decode_one(encoding: Encoding, bytes: &[u8]) -> Result<Reading, Fault> {
    if encoding == Encoding::Json
        && let Ok(text) = std::str::from_utf8(bytes)
        && let Some(reading) = quick::reading(text, None)
    {
        return Ok(reading);
    }
    envelope::reading(&accepted(one(encoding, bytes)?)?, None)
}

/// Whether a reading lacks the position that its kind needs: `mobility` is that of the registered device, if it is one.
///
/// Registered fixed devices may leave it out, and so may a patrol report of anyone.
pub fn lacks_position(reading: &Reading, mobility: Option<Mobility>) -> Option<Fault> {
    let free = mobility == Some(Mobility::Fixed) || matches!(reading.data, Data::PatrolReport(_));
    (!free && reading.position.is_none()).then(|| Fault {
        reason: RejectReason::MissingField,
        path: Some("position".to_owned()),
        identity: Some((reading.boot, reading.seq)),
        detail: "position is missing; only registered fixed devices and patrol reports may leave it out".to_owned(),
    })
}

/// Decodes a message of the state topic.
pub fn decode_state(content_type: Option<&str>, payload: &[u8]) -> Result<DeviceState, Fault> {
    if payload.len() > MAX_MESSAGE_BYTES {
        return Err(Fault::new(RejectReason::TooLarge, "a state message over 1 MiB"));
    }
    let value = accepted(one(encoding_of(content_type, payload)?, payload)?)?;
    let Value::Map(_) = value else {
        return Err(Fault::new(RejectReason::Undecodable, "a state message must be a map"));
    };
    let fields = Fields::root(&value);
    if fields.need("v", fields.integer("v", 0, u64::MAX))? != 1 {
        return Err(Fault::new(RejectReason::UnsupportedVersion, "v is not 1, the only version there is"));
    }
    let reason = |word: &str| ["sleep", "maintenance", "low_battery"].contains(&word).then(|| word.to_owned());
    Ok(DeviceState {
        v: 1,
        online: fields.need("online", fields.boolean("online"))?,
        boot: fields.u32("boot", 0)?,
        firmware: fields.note("firmware", 64)?,
        time: fields.time("time")?,
        interval_s: fields.positive("interval_s")?,
        next_by: fields.time("next_by")?,
        reason: fields.word("reason", reason)?,
    })
}

/// Signatures are checked here once keys can be registered; until then a signed message is told apart and refused.
fn unsigned_seam() -> Fault {
    Fault::new(RejectReason::BadSignature, "signed messages cannot be checked yet: no keys are registered")
}

fn undecodable(detail: impl Into<String>) -> Fault {
    Fault::new(RejectReason::Undecodable, detail)
}

/// One value that is a message, or an element, of its own.
fn one(encoding: Encoding, bytes: &[u8]) -> Result<Result<Parsed<'_>, String>, Fault> {
    match encoding {
        Encoding::Json => Ok(json::parse(bytes)),
        Encoding::Cbor => Ok(cbor::parse(cbor_body(bytes))),
        Encoding::Cose => Err(unsigned_seam()),
    }
}

/// The value, unless something forbids more than to read its identity.
fn accepted(parsed: Result<Parsed<'_>, String>) -> Result<Value<'_>, Fault> {
    let Parsed { value, problem } = parsed.map_err(undecodable)?;
    match problem {
        None => Ok(value),
        Some(problem) => Err(Fault { identity: envelope::identity(&value), ..undecodable(problem) }),
    }
}

fn batch_size(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(undecodable("an empty batch")),
        1..=MAX_BATCH => Ok(()),
        _ => Err(too_many()),
    }
}

fn too_many() -> Fault {
    Fault::new(RejectReason::TooLarge, format!("more than {MAX_BATCH} readings in one message"))
}

/// Gives each element to `take` as soon as it is read, so that the trees of a batch are not all in memory at once.
fn json_elements<'a>(
    payload: &'a [u8],
    take: &mut impl FnMut(&'a [u8], Result<Parsed<'a>, String>),
) -> Result<(), Fault> {
    let message = json::trim(payload);
    if !message.starts_with(b"[") {
        take(message, json::parse(message));
        return Ok(());
    }
    let elements = json::elements(message).ok_or_else(|| {
        undecodable("the array is cut off, or something follows its end, or its brackets do not match")
    })?;
    batch_size(elements.len())?;
    for bytes in elements {
        take(bytes, json::parse(bytes));
    }
    Ok(())
}

fn cbor_elements<'a>(payload: &'a [u8], take: &mut impl FnMut(&'a [u8], Parsed<'a>)) -> Result<(), Fault> {
    match cbor::elements(payload, take).map_err(undecodable)? {
        cbor::Message::One => Ok(()),
        cbor::Message::Batch(count) => batch_size(count),
        cbor::Message::TooLong => Err(too_many()),
    }
}

/// Whether the position of a reading is one that can be judged.
pub fn has_fix(reading: &Reading) -> bool {
    reading.position.is_some_and(|position| position.fix != Fix::None && position.lat.is_some())
}
