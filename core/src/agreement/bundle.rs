//! The agreement's files as one text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::Document;

/// `agreement.toml` and the GeoJSON files that it names, by file name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// File name to text.
    pub files: BTreeMap<String, String>,
}

impl Bundle {
    /// The name of the file that holds the terms.
    pub const TERMS: &'static str = "agreement.toml";

    /// The names of the files that the terms refer to (best effort: a file that cannot be read names none).
    pub fn files_named_by(terms: &str) -> Vec<String> {
        let _ = terms;
        todo!()
    }

    /// One canonical text, hashed: what the journal keeps.
    pub fn document(&self) -> Document {
        // A BTreeMap of strings always serialises.
        Document::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The bundle of a journal's document.
    pub fn from_document(document: &Document) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&document.text)
    }
}
