//! Texts that entries name by their hash. An agreement is kept file by file, each file once: of one with a file
//! for every day a new day adds no more than that day's file.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use truceline_core::hash::ContentHash;
use truceline_core::log::Document;

/// The text of a `document c`, put together again.
pub(super) const TEXT: &str = "CASE WHEN c.pieces IS NULL THEN c.text ELSE (
    SELECT '{\"files\":{' || group_concat(p.name || ':' || p.text, ',' ORDER BY j.key) || '}}'
    FROM json_each(c.pieces) j JOIN piece p ON p.id = j.value) END";

/// The form of an agreement's document.
#[derive(Deserialize)]
struct Files<'t> {
    #[serde(borrow)]
    files: BTreeMap<String, &'t RawValue>,
}

/// One file: its name and its text, as JSON.
struct Piece<'t> {
    name: String,
    text: &'t str,
}

/// Keeps a document unless it is kept already.
pub(super) fn keep(file: &Connection, document: &Document) -> rusqlite::Result<()> {
    let known = file.prepare_cached("SELECT 1 FROM document WHERE hash = ?")?.exists([&document.hash])?;
    if known {
        return Ok(());
    }
    let mut insert = file.prepare_cached("INSERT INTO document (hash, text, pieces) VALUES (?, ?, ?)")?;
    let Some(pieces) = pieces(&document.text) else {
        insert.execute(params![document.hash, document.text, None::<String>])?;
        return Ok(());
    };
    let ids = pieces.iter().map(|piece| piece.keep(file)).collect::<rusqlite::Result<Vec<i64>>>()?;
    insert.execute(params![document.hash, "", serde_json::to_string(&ids).unwrap_or_default()])?;
    Ok(())
}

impl Piece<'_> {
    /// Its number; a new one unless it is kept already.
    fn keep(&self, file: &Connection) -> rusqlite::Result<i64> {
        let mut hash = ContentHash::default();
        for part in [&self.name, ":", self.text] {
            hash.add(part);
        }
        let hash = hash.end();
        let found = file
            .prepare_cached("SELECT id FROM piece WHERE hash = ?")?
            .query_row([&hash], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        file.prepare_cached("INSERT INTO piece (hash, name, text) VALUES (?, ?, ?)")?
            .execute(params![hash, self.name, self.text])?;
        Ok(file.last_insert_rowid())
    }
}

/// The files of an agreement's text; `None` for whatever these would not make again to the byte.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let Files { files } = serde_json::from_str(text).ok()?;
    let pieces = files
        .into_iter()
        .map(|(name, text)| Some(Piece { name: serde_json::to_string(&name).ok()?, text: text.get() }))
        .collect::<Option<Vec<_>>>()?;
    let mut rest = text.strip_prefix("{\"files\":{")?;
    for (at, Piece { name, text }) in pieces.iter().enumerate() {
        rest = if at == 0 { rest } else { rest.strip_prefix(',')? };
        rest = rest.strip_prefix(name.as_str())?.strip_prefix(':')?.strip_prefix(text)?;
    }
    (!pieces.is_empty() && rest == "}}").then_some(pieces)
}

/// The text of one file of the agreement of this hash.
pub(super) fn file_of(file: &Connection, hash: &str, name: &str) -> rusqlite::Result<Option<String>> {
    let kept: Option<String> = file
        .prepare_cached(
            "SELECT p.text FROM document c, json_each(c.pieces) j JOIN piece p ON p.id = j.value
             WHERE c.hash = ? AND p.name = ?",
        )?
        .query_row(params![hash, serde_json::to_string(name).unwrap_or_default()], |row| row.get(0))
        .optional()?;
    if let Some(text) = kept {
        return Ok(serde_json::from_str(&text).ok());
    }
    let whole: Option<String> = file
        .prepare_cached("SELECT text FROM document WHERE hash = ?")?
        .query_row([hash], |row| row.get(0))
        .optional()?;
    let files = whole.as_deref().and_then(|whole| serde_json::from_str::<Files<'_>>(whole).ok());
    Ok(files.and_then(|found| serde_json::from_str(found.files.get(name)?.get()).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_out_to_the_byte_is_taken_apart() {
        let canonical = r#"{"files":{"a \"b\".geojson":"1\n\u0001","b":"ü"}}"#;
        assert_eq!(pieces(canonical).unwrap().len(), 2);
        for other in [
            "",
            "[]",
            "id = 1",
            r#"{"files":{}}"#,
            r#"{"files": {"a":"b"}}"#,
            r#"{"files":{"b":"1","a":"2"}}"#,
            r#"{"files":{"a":"1","a":"2"}}"#,
            r#"{"files":{"a":"1"},"more":1}"#,
            r#"{"files":{"\u0061":"1"}}"#,
        ] {
            assert!(pieces(other).is_none(), "{other}");
        }
    }
}
