//! The agreement's files as one text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::DayPattern;
use crate::hash::ContentHash;
use crate::log::Document;

/// `agreement.toml` and the GeoJSON files that it names, by file name; that of a day may have a folder before it.
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

    /// Greatest size of all GeoJSON files together in bytes: 800 of them with 3,000 vertices each have 110 bytes for
    /// each vertex.
    pub const MAX_BYTES: usize = 256 << 20;

    /// The names of the files that the terms refer to, sorted, each once; those of days see [`Bundle::day_patterns`].
    ///
    /// Terms that are not TOML name none, and names that are not plain file names are left
    /// out: whoever reads the files can use these names within the agreement's folder as they are.
    pub fn files_named_by(terms: &str) -> Vec<String> {
        let Ok(table) = terms.parse::<Table>() else { return Vec::new() };
        let names: BTreeSet<&str> =
            values(&table, &["line", "zone"], "file").filter(|name| Self::is_file_name(name)).collect();
        names.into_iter().take(Self::MAX_FILES).map(str::to_owned).collect()
    }

    /// The patterns of files by day that the terms have; those that are none are left out.
    pub fn day_patterns(terms: &str) -> Vec<DayPattern> {
        let Ok(table) = terms.parse::<Table>() else { return Vec::new() };
        let patterns: BTreeSet<&str> = values(&table, &["line"], "days").collect();
        patterns.into_iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Bytes of all files but the terms.
    pub fn geometry_bytes(&self) -> usize {
        self.files.iter().filter(|(name, _)| *name != Self::TERMS).map(|(_, text)| text.len()).sum()
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
        let mut text = String::with_capacity(self.files.values().map(String::len).sum::<usize>() / 8 * 9 + 64);
        self.each_part(|part| text.push_str(part));
        Document::new(text)
    }

    /// The hash of [`Bundle::document`], without a second copy of all the files.
    pub fn hash(&self) -> String {
        let mut hash = ContentHash::default();
        self.each_part(|part| hash.add(part));
        hash.end()
    }

    /// The canonical text, part by part: JSON, the files by name.
    fn each_part(&self, mut part: impl FnMut(&str)) {
        // A string always serialises.
        let json = |text: &str| serde_json::to_string(text).unwrap_or_default();
        part("{\"files\":{");
        for (at, (name, text)) in self.files.iter().enumerate() {
            part(if at == 0 { "" } else { "," });
            part(&json(name));
            part(":");
            part(&json(text));
        }
        part("}}");
    }

    /// The bundle of a journal's document.
    pub fn from_document(document: &Document) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&document.text)
    }
}

/// The texts of `key` in the tables of these sections.
fn values<'t>(table: &'t Table, sections: &'t [&str], key: &'t str) -> impl Iterator<Item = &'t str> {
    let entries = sections.iter().filter_map(|section| table.get(*section).and_then(Value::as_array)).flatten();
    entries.filter_map(move |entry| entry.get(key).and_then(Value::as_str))
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
        let odd = [("a \"b\"", "\u{1}\n\\\u{2028}ü"), ("c", ""), (Bundle::TERMS, "id = \"x\"")];
        for count in 0..=odd.len() {
            let files = odd[..count].iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            let bundle = Bundle { files };
            let document = bundle.document();
            assert_eq!(document.text, serde_json::to_string(&bundle).unwrap());
            assert_eq!((&document, &document.hash), (&Document::new(document.text.clone()), &bundle.hash()));
        }
        assert_eq!(document.hash.len(), 64);
    }
}
