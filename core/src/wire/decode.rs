//! From a message's bytes to readings or rejects.

use minicbor::data::Type;
use minicbor::decode::Decoder;
use serde_json::value::RawValue;

use super::fields::Fields;
use super::value::{Value, more};
use super::{Data, DeviceState, Encoding, Fix, MAX_BATCH, MAX_MESSAGE_BYTES, Reading, RejectReason, envelope};
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

/// Tag of COSE_Sign1 (RFC 9052, section 2): one byte, major type 6, value 18.
const COSE_SIGN1: u8 = 0xd2;

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
        Some(_) => match payload.first() {
            Some(&COSE_SIGN1) => Ok(Encoding::Cose),
            // Arrays and maps, definite or not.
            Some(0x80..=0xbf) => Ok(Encoding::Cbor),
            _ => Err(Fault::new(RejectReason::Undecodable, "the message starts like neither JSON, CBOR nor COSE")),
        },
    }
}

/// Decodes one message of `device`. Never panics; a message that is no reading or array at all is one item with a fault.
pub fn decode<'a>(encoding: Encoding, payload: &'a [u8], device: &Id) -> Vec<Item<'a>> {
    let whole = |fault| vec![Item { bytes: payload, result: Err(fault) }];
    if payload.len() > MAX_MESSAGE_BYTES {
        let detail = format!("{} bytes; at most {MAX_MESSAGE_BYTES}", payload.len());
        return whole(Fault::new(RejectReason::TooLarge, detail));
    }
    let elements = match encoding {
        Encoding::Json => json_elements(payload),
        Encoding::Cbor => cbor_elements(payload),
        Encoding::Cose => Err(unsigned_seam()),
    };
    match elements {
        Ok(elements) => elements
            .into_iter()
            .map(|(bytes, value)| Item {
                bytes,
                result: value.and_then(|value| envelope::reading(&value, Some(device))),
            })
            .collect(),
        Err(fault) => whole(fault),
    }
}

/// Decodes the bytes of one stored reading.
pub fn decode_one(encoding: Encoding, bytes: &[u8]) -> Result<Reading, Fault> {
    let value = match encoding {
        Encoding::Json => json_value(std::str::from_utf8(bytes).map_err(|error| undecodable(&error))?)?,
        Encoding::Cbor | Encoding::Cose => {
            Value::from_cbor(&mut Decoder::new(bytes)).map_err(|error| undecodable(&error))?
        }
    };
    envelope::reading(&value, None)
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
    let value = match encoding_of(content_type, payload)? {
        Encoding::Json => json_value(std::str::from_utf8(payload).map_err(|error| undecodable(&error))?)?,
        Encoding::Cbor => Value::from_cbor(&mut Decoder::new(payload)).map_err(|error| undecodable(&error))?,
        Encoding::Cose => return Err(unsigned_seam()),
    };
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

fn undecodable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(RejectReason::Undecodable, error.to_string())
}

/// Each element's bytes with its value, or with why it has none.
type Elements<'a> = Vec<(&'a [u8], Result<Value<'a>, Fault>)>;

fn batch_size(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::new(RejectReason::Undecodable, "an empty batch")),
        1..=MAX_BATCH => Ok(()),
        _ => Err(Fault::new(RejectReason::TooLarge, format!("{count} readings or more; at most {MAX_BATCH}"))),
    }
}

fn json_value(text: &str) -> Result<Value<'_>, Fault> {
    Value::from_json(text).map_err(|error| Fault::new(RejectReason::Undecodable, error))
}

fn json_elements(payload: &[u8]) -> Result<Elements<'_>, Fault> {
    let text = std::str::from_utf8(payload).map_err(|error| undecodable(&error))?;
    if !text.trim_start().starts_with('[') {
        return Ok(vec![(payload, Ok(json_value(text)?))]);
    }
    let raw: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| undecodable(&error))?;
    batch_size(raw.len())?;
    Ok(raw.into_iter().map(|element| (element.get().as_bytes(), json_value(element.get()))).collect())
}

fn cbor_elements(payload: &[u8]) -> Result<Elements<'_>, Fault> {
    let mut decoder = Decoder::new(payload);
    let malformed = |error: minicbor::decode::Error| undecodable(&error);
    let mut elements = Elements::new();
    match decoder.datatype().map_err(malformed)? {
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array().map_err(malformed)?;
            batch_size(usize::try_from(length.unwrap_or(1)).unwrap_or(usize::MAX))?;
            while more(&mut decoder, length, elements.len()).map_err(malformed)? {
                let start = decoder.position();
                let value = Value::from_cbor(&mut decoder).map_err(malformed)?;
                elements.push((payload.get(start..decoder.position()).unwrap_or_default(), Ok(value)));
                batch_size(elements.len())?;
            }
            batch_size(elements.len())?;
        }
        _ => elements.push((payload, Ok(Value::from_cbor(&mut decoder).map_err(malformed)?))),
    }
    if decoder.position() == payload.len() {
        Ok(elements)
    } else {
        Err(Fault::new(RejectReason::Undecodable, "bytes follow the end of the message"))
    }
}

/// Whether the position of a reading is one that can be judged.
pub fn has_fix(reading: &Reading) -> bool {
    reading.position.is_some_and(|position| position.fix != Fix::None && position.lat.is_some())
}
