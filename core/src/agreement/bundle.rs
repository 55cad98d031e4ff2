//! The agreement's files as one text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

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
    /// Greatest size of the terms in bytes.
    pub const MAX_TERMS_BYTES: usize = 4 << 20;
    /// Greatest size of one GeoJSON file in bytes.
    pub const MAX_FILE_BYTES: usize = 32 << 20;
    /// Most GeoJSON files of one agreement.
    pub const MAX_FILES: usize = 20_000;

    /// The names of the files that the terms refer to, sorted, each once.
    ///
    /// Terms that are not TOML name none, and names that are not plain file names are left
    /// out: whoever reads the files can use these names within the agreement's folder as they are.
    pub fn files_named_by(terms: &str) -> Vec<String> {
        let Ok(table) = terms.parse::<Table>() else { return Vec::new() };
        let names: BTreeSet<String> = ["line", "zone"]
            .iter()
            .filter_map(|section| table.get(*section).and_then(Value::as_array))
            .flatten()
            .filter_map(|entry| entry.get("file").and_then(Value::as_str))
            .filter(|name| Self::is_file_name(name))
            .map(str::to_owned)
            .collect();
        names.into_iter().take(Self::MAX_FILES).collect()
    }

    /// Whether a GeoJSON file of an agreement may be called so: no folder in it, not hidden, at most 100 bytes,
    /// ending in `.geojson` or `.json`.
    pub fn is_file_name(name: &str) -> bool {
        let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '(' | ')'));
        let ending = name.rsplit_once('.').map(|(stem, ending)| (!stem.is_empty(), ending));
        name.len() <= 100 && plain && !name.starts_with('.') && matches!(ending, Some((true, "geojson" | "json")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_lines_and_zones_are_named_once_and_sorted() {
        let terms = "[[line]]\nfile = \"b.geojson\"\n[[zone]]\nfile = \"a.geojson\"\n[[zone]]\nfile = \"b.geojson\"\n\
                     [[zone]]\nbuffer_of = \"x\"\n[[rule]]\nfile = \"c.geojson\"";
        assert_eq!(Bundle::files_named_by(terms), ["a.geojson", "b.geojson"]);
        assert!(Bundle::files_named_by("][").is_empty());
        assert!(Bundle::files_named_by("line = 3\nzone = [4]").is_empty());
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_no_file_name() {
        for bad in [
            "../a.geojson",
            "a/b.geojson",
            "a\\b.geojson",
            ".geojson",
            "..",
            "",
            "agreement.toml",
            "a.toml",
            "c:a.json",
        ] {
            assert!(!Bundle::is_file_name(bad), "{bad}");
        }
        for good in ["line.geojson", "line-2015_02 (1).json", "зона.geojson"] {
            assert!(Bundle::is_file_name(good), "{good}");
        }
    }

    #[test]
    fn a_document_gives_its_bundle_back() {
        let bundle = Bundle { files: [(Bundle::TERMS.to_owned(), "id = \"x\"".to_owned())].into() };
        let document = bundle.document();
        assert_eq!(Bundle::from_document(&document).unwrap(), bundle);
        assert_eq!(document.hash.len(), 64);
    }
}
