//! JSON to a value, and a JSON batch to its elements.
//!
//! The strict reader is the fast way and takes what is right. What it refuses is read again leniently,
//! so that a number too large for a float is told as out of range at its path, and so that the
//! identity of an otherwise unreadable reading is known.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::MAX_BATCH;
use super::value::{Key, MAX_DEPTH, MAX_VALUES, Parsed, Value};

/// A message over this may hold more than [`MAX_VALUES`] values, so they are counted first.
const COUNTED_FROM_BYTES: usize = MAX_VALUES;

/// One value from the bytes of one element.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, String> {
    if bytes.len() > COUNTED_FROM_BYTES && values_at_most(bytes) > MAX_VALUES {
        return Err(format!("more than {MAX_VALUES} values in one element"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let lossy = String::from_utf8_lossy(bytes);
            let identified = lenient_root(&lossy).map_err(|_| error.to_string())?;
            return Ok(Parsed { value: identified.into_owned(), problem: Some(error.to_string()) });
        }
    };
    match serde_json::from_str::<Value<'_>>(text) {
        Ok(value) => {
            let problem = (depth(&value) > MAX_DEPTH).then(|| format!("nested deeper than {MAX_DEPTH}"));
            Ok(Parsed { value, problem })
        }
        Err(strict) => {
            let value = lenient_root(text).map_err(|_| strict.to_string())?;
            let problem = too_deep(text.as_bytes()).then(|| format!("nested deeper than {MAX_DEPTH}"));
            Ok(Parsed { value, problem })
        }
    }
}

/// The bytes of each element of a JSON array without white space around it, at most one element more than a batch may
/// have; `None` if its brackets do not end with it.
pub(super) fn elements(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = 1;
    for (at, byte) in structure(payload) {
        match byte {
            b'[' | b'{' => depth += 1,
            b',' if depth == 1 => {
                found.push(trim(payload.get(start..at)?));
                start = at + 1;
                if found.len() > MAX_BATCH {
                    return Some(found);
                }
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    if byte != b']' || at + 1 != payload.len() {
                        return None;
                    }
                    let last = trim(payload.get(start..at)?);
                    // `[]` has no element; `[1,]` has an empty one.
                    if !(found.is_empty() && last.is_empty()) {
                        found.push(last);
                    }
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// Without the white space around it.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    // JSON's own white space; a form feed is none.
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = bytes.iter().position(|byte| !space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !space(byte)).map_or(start, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// The brackets, braces and commas outside of texts, with their places.
fn structure(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut in_text = false;
    let mut escaped = false;
    bytes.iter().enumerate().filter_map(move |(at, &byte)| {
        if escaped {
            escaped = false;
            return None;
        }
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => escaped = true,
            b'[' | b']' | b'{' | b'}' | b',' if !in_text => return Some((at, byte)),
            _ => {}
        }
        None
    })
}

fn values_at_most(bytes: &[u8]) -> usize {
    1 + structure(bytes).filter(|(_, byte)| matches!(byte, b'[' | b'{' | b',')).count()
}

fn too_deep(bytes: &[u8]) -> bool {
    let mut depth = 0_usize;
    structure(bytes).any(|(_, byte)| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

fn depth(value: &Value<'_>) -> usize {
    // Bounded itself: serde_json stops at 128 levels.
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn lenient_root(text: &str) -> Result<Value<'_>, serde_json::Error> {
    Ok(lenient(serde_json::from_str(text)?, 0))
}

/// What the strict reader refuses inside well-formed brackets becomes an infinite number or [`Value::Other`].
fn lenient(raw: &RawValue, depth: usize) -> Value<'_> {
    let text = raw.get();
    match text.as_bytes().first() {
        _ if depth > MAX_DEPTH => Value::Other,
        Some(b'{') => match serde_json::from_str::<Entries<'_>>(text) {
            Ok(Entries(entries)) => {
                Value::Map(entries.into_iter().map(|(key, raw)| (key, lenient(raw, depth + 1))).collect())
            }
            Err(_) => Value::Other,
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => Value::Array(items.into_iter().map(|raw| lenient(raw, depth + 1)).collect()),
            Err(_) => Value::Other,
        },
        Some(b'-' | b'0'..=b'9') => {
            serde_json::from_str(text).unwrap_or(Value::Float(text.parse().unwrap_or(f64::INFINITY)))
        }
        _ => serde_json::from_str(text).unwrap_or(Value::Other),
    }
}

/// A map's entries, each value as its text.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(key), raw)) = access.next_entry::<Key<'de>, &'de RawValue>()? {
                    entries.push((key, raw));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
