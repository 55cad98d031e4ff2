//! The engine's whole state as bytes, exact to the bit.
//!
//! JSON, with each number that is not whole written as the text `f` and the 16 hexadecimal
//! digits of its bits (other texts as `s` and the text): what is read back is what was written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::book::Book;
use super::frame::Frame;
use super::known::Known;
use super::record::Records;
use super::rules::coverage::AllWatches;
use super::rules::interference::AllRegions;
use super::rules::silence::AllOverdue;
use super::sustained::Sustained;
use super::terms::{Roll, Terms};
use super::tracks::Tracks;
use super::{ENGINE_VERSION, Engine, SnapshotError};
use crate::log::Document;

/// What a snapshot says of itself, read before the rest.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    agreement: Option<Named<'a>>,
    registry: Option<Named<'a>>,
    entries: bool,
    offset: u64,
    frame: &'a Frame,
    records: &'a Records,
    tracks: &'a Tracks,
    fires: &'a Sustained,
    #[serde(with = "super::pairs")]
    overdue: &'a AllOverdue,
    #[serde(with = "super::pairs")]
    regions: &'a AllRegions,
    #[serde(with = "super::pairs")]
    watches: &'a AllWatches,
    book: &'a Book,
}

/// A document by its hash, and its text where the snapshot is to stand alone.
#[derive(Serialize)]
struct Named<'a> {
    hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn of(document: &'a Document, texts: Texts) -> Self {
        Self { hash: &document.hash, text: (texts == Texts::Within).then_some(&document.text) }
    }
}

/// A document as it was written.
#[derive(Deserialize)]
struct Kept {
    hash: String,
    text: Option<String>,
}

impl Kept {
    /// The document itself; one that is not kept within must be among the given ones.
    fn found(&self, what: &str, documents: Documents<'_>) -> Result<Document, SnapshotError> {
        let found = match &self.text {
            Some(text) => Some(Document::new(text.clone())),
            None => documents(&self.hash),
        };
        let missing = || SnapshotError::Unreadable(format!("its {what}, of hash {}, is not there", self.hash));
        found.filter(|document| document.hash == self.hash).ok_or_else(missing)
    }
}

/// Where the texts of agreement and registry are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    Within,
    Elsewhere,
}

/// Gives the document of a hash.
pub(super) type Documents<'d> = &'d dyn Fn(&str) -> Option<Document>;

#[derive(Deserialize)]
struct Read {
    agreement: Option<Kept>,
    registry: Option<Kept>,
    entries: bool,
    offset: u64,
    frame: Frame,
    records: Records,
    tracks: Tracks,
    fires: Sustained,
    #[serde(with = "super::pairs")]
    overdue: AllOverdue,
    #[serde(with = "super::pairs")]
    regions: AllRegions,
    #[serde(with = "super::pairs")]
    watches: AllWatches,
    book: Book,
}

pub(super) fn write(engine: &Engine, texts: Texts) -> Vec<u8> {
    let written = Written {
        version: ENGINE_VERSION,
        agreement: engine.terms.as_ref().map(|terms| Named::of(&terms.document, texts)),
        registry: engine.roll.document.as_ref().map(|document| Named::of(document, texts)),
        entries: engine.entries,
        offset: engine.offset,
        frame: &engine.frame,
        records: &engine.records,
        tracks: &engine.tracks,
        fires: &engine.fires,
        overdue: &engine.overdue,
        regions: &engine.regions,
        watches: &engine.watches,
        book: &engine.book,
    };
    // All keys are text and nothing refuses to be written, so neither step fails.
    let mut value = serde_json::to_value(&written).unwrap_or_default();
    each_leaf(&mut value, &hide_float);
    serde_json::to_vec(&value).unwrap_or_default()
}

pub(super) fn read(bytes: &[u8], documents: Documents<'_>) -> Result<Engine, SnapshotError> {
    let unreadable = |error: serde_json::Error| SnapshotError::Unreadable(error.to_string());
    let mut value: Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    let head = Head::deserialize(&value).map_err(unreadable)?;
    if head.version != ENGINE_VERSION {
        return Err(SnapshotError::OtherVersion(head.version));
    }
    each_leaf(&mut value, &show_float);
    let read: Read = serde_json::from_value(value).map_err(unreadable)?;
    let terms = match &read.agreement {
        Some(kept) => {
            let document = kept.found("agreement", documents)?;
            Some(Terms::of(&document, None).ok_or_else(|| not_valid("agreement"))?)
        }
        None => None,
    };
    let roll = match &read.registry {
        Some(kept) => Roll::of(&kept.found("registry", documents)?).ok_or_else(|| not_valid("registry"))?,
        None => Roll::default(),
    };
    Ok(Engine {
        known: terms.as_ref().map(|terms| Known::of(&terms.agreement)).unwrap_or_default(),
        terms: terms.map(Into::into),
        roll: roll.into(),
        entries: read.entries,
        offset: read.offset,
        frame: read.frame,
        records: read.records,
        tracks: read.tracks,
        fires: read.fires,
        overdue: read.overdue,
        regions: read.regions,
        watches: read.watches,
        stretches: BTreeMap::new(),
        book: read.book,
    })
}

fn not_valid(what: &str) -> SnapshotError {
    SnapshotError::Unreadable(format!("its {what} is not valid"))
}

fn each_leaf(value: &mut Value, change: &impl Fn(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_leaf(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_leaf(field, change)),
        leaf => change(leaf),
    }
}

fn hide_float(leaf: &mut Value) {
    *leaf = match &*leaf {
        Value::Number(number) if number.is_f64() => {
            Value::String(format!("f{:016x}", number.as_f64().unwrap_or_default().to_bits()))
        }
        Value::String(text) => Value::String(format!("s{text}")),
        _ => return,
    };
}

fn show_float(leaf: &mut Value) {
    let Value::String(text) = &*leaf else { return };
    let shown = if let Some(text) = text.strip_prefix('s') {
        Value::String(text.to_owned())
    } else {
        let bits = text.strip_prefix('f').and_then(|digits| u64::from_str_radix(digits, 16).ok());
        bits.and_then(|bits| Number::from_f64(f64::from_bits(bits))).map_or(Value::Null, Value::Number)
    };
    *leaf = shown;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_texts_come_back_exactly(bits: u64, text: String, whole: i64) {
            let float = f64::from_bits(bits);
            prop_assume!(float.is_finite());
            let before = serde_json::json!({"a": [float, whole, text, null, true]});
            let mut value = before.clone();
            each_leaf(&mut value, &hide_float);
            let mut value: Value = serde_json::from_slice(&serde_json::to_vec(&value).unwrap()).unwrap();
            each_leaf(&mut value, &show_float);
            prop_assert_eq!(value["a"][0].as_f64().unwrap().to_bits(), bits);
            prop_assert_eq!(value, before);
        }
    }
}
