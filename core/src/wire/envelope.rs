//! From a value to a reading: the envelope's fields and rules.

use super::fields::Fields;
use super::payload;
use super::value::Value;
use super::{
    Attachment, Clock, ClockSource, Fault, Fix, KINDS, MAX_ATTACHMENTS, MAX_SEQ, Position, Reading, RejectReason,
};
use crate::id::Id;

/// (boot, seq), where both can be read whatever else is wrong.
pub(super) fn identity(value: &Value<'_>) -> Option<(u32, u64)> {
    let fields = Fields::root(value);
    Some((fields.u32("boot", 0).ok()??, fields.integer("seq", 0, MAX_SEQ).ok()??))
}

/// Reads and checks one reading; `device` is that of the topic, where there is one.
pub(super) fn reading(value: &Value<'_>, device: Option<&Id>) -> Result<Reading, Fault> {
    read(value, device).map_err(|fault| Fault { identity: identity(value), ..fault })
}

fn other(reason: RejectReason, detail: String) -> Fault {
    Fault { reason, path: None, identity: None, detail }
}

fn read(value: &Value<'_>, topic_device: Option<&Id>) -> Result<Reading, Fault> {
    let Value::Map(_) = value else {
        return Err(other(RejectReason::Undecodable, "a reading must be a map".to_owned()));
    };
    let fields = Fields::root(value);
    match fields.raw("v") {
        None => return Err(fields.missing("v")),
        Some(Value::Integer(1)) => {}
        Some(Value::Float(version)) if *version == 1.0 => {}
        Some(_) => {
            return Err(other(RejectReason::UnsupportedVersion, "v is not 1, the only version there is".to_owned()));
        }
    }
    let device = fields.need("device", fields.text("device", 0, 4096))?;
    let device: Id = device.parse().map_err(|error| other(RejectReason::BadId, format!("device: {error}")))?;
    if let Some(expected) = topic_device.filter(|expected| **expected != device) {
        let detail = format!("the topic names device '{expected}', the reading '{device}'");
        return Err(other(RejectReason::TopicMismatch, detail));
    }
    let boot = fields.need("boot", fields.u32("boot", 0))?;
    let seq = fields.need("seq", fields.integer("seq", 0, MAX_SEQ))?;
    let time = fields.need("time", fields.time("time"))?;
    let clock = clock(fields.need("clock", fields.map("clock", "clock"))?)?;
    let uptime_ms = fields.number("uptime_ms", 0.0, f64::MAX)?;
    let position = fields.map("position", "position")?.map(position).transpose()?;
    let kind = fields.need("kind", fields.text("kind", 0, 4096))?;
    if !KINDS.contains(&kind) {
        let kind: String = kind.chars().take(64).collect();
        return Err(other(RejectReason::UnknownKind, format!("'{kind}' is no kind of the contract")));
    }
    let data = payload::data(kind, fields.need("data", fields.map("data", "data"))?)?;
    let attachments = fields.each("attachments", "attachments", MAX_ATTACHMENTS, attachment)?;
    let test = fields.boolean("test")?.unwrap_or(false);
    Ok(Reading { v: 1, device, boot, seq, time, clock, uptime_ms, position, data, attachments, test })
}

fn clock(fields: Fields<'_, '_>) -> Result<Clock, Fault> {
    Ok(Clock {
        source: fields.need("source", fields.word("source", ClockSource::from_word))?,
        uncertainty_ms: fields.number("uncertainty_ms", 0.0, 86_400_000.0)?,
        since_sync_s: fields.number("since_sync_s", 0.0, f64::MAX)?,
    })
}

fn position(fields: Fields<'_, '_>) -> Result<Position, Fault> {
    let fix = fields.need("fix", fields.word("fix", Fix::from_word))?;
    let lat = fields.number("lat", -90.0, 90.0)?;
    let lon = fields.number("lon", -180.0, 180.0)?;
    if fix != Fix::None {
        fields.need("lat", Ok(lat))?;
        fields.need("lon", Ok(lon))?;
    }
    fields.pair("lat", "lon")?;
    Ok(Position {
        lat,
        lon,
        alt_m: fields.number("alt_m", -f64::MAX, f64::MAX)?,
        hacc_m: payload::accuracy(fields)?,
        fix,
        satellites: fields.integer("satellites", 0, 255)?.map(|count| count as u8),
    })
}

fn attachment(fields: Fields<'_, '_>) -> Result<Attachment, Fault> {
    let sha256 = fields.need("sha256", fields.text("sha256", 64, 64))?;
    if !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(fields.out_of_range("sha256", "must be 64 hexadecimal digits"));
    }
    Ok(Attachment {
        sha256: sha256.to_ascii_lowercase(),
        media_type: fields.need("media_type", fields.text("media_type", 1, 128))?.to_owned(),
        bytes: fields.need("bytes", fields.integer("bytes", 0, MAX_SEQ))?,
    })
}
