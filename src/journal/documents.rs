//! Texts that entries name by their hash. An agreement is kept file by file, each file once: of one with a file
//! for every day a new day adds no more than that day's file.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use truceline_core::log::Document;

/// The text of a `document c`, put together again.
pub(super) const TEXT: &str = "CASE WHEN c.pieces IS NULL THEN c.text ELSE (
    SELECT '{\"files\":{' || group_concat(p.text, ',' ORDER BY j.key) || '}}'
    FROM json_each(c.pieces) j JOIN piece p ON p.id = j.value) END";

/// The form of an agreement's document.
#[derive(Deserialize)]
struct Files<'t> {
    #[serde(borrow)]
    files: BTreeMap<String, &'t RawValue>,
}

/// Keeps a document unless it is kept already.
pub(super) fn keep(file: &Connection, document: &Document) -> rusqlite::Result<()> {
    let known = file.prepare_cached("SELECT 1 FROM document WHERE hash = ?")?.exists([&document.hash])?;
    if known {
        return Ok(());
    }
    let mut insert = file.prepare_cached("INSERT INTO document (hash, text, pieces) VALUES (?, ?, ?)")?;
    let Some(members) = members(&document.text) else {
        insert.execute(params![document.hash, document.text, None::<String>])?;
        return Ok(());
    };
    let mut pieces = Vec::with_capacity(members.len());
    for member in members {
        pieces.push(piece(file, member)?);
    }
    insert.execute(params![document.hash, "", serde_json::to_string(&pieces).unwrap_or_default()])?;
    Ok(())
}

fn piece(file: &Connection, text: String) -> rusqlite::Result<i64> {
    let piece = Document::new(text);
    let found = file
        .prepare_cached("SELECT id FROM piece WHERE hash = ?")?
        .query_row([&piece.hash], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    file.prepare_cached("INSERT INTO piece (hash, text) VALUES (?, ?)")?.execute(params![piece.hash, piece.text])?;
    Ok(file.last_insert_rowid())
}

/// `"name":"text"` of each file; `None` for whatever these would not make again to the byte.
fn members(text: &str) -> Option<Vec<String>> {
    let Files { files } = serde_json::from_str(text).ok()?;
    let member = |(name, text): (&String, &&RawValue)| Some(format!("{}{}", lead(name)?, text.get()));
    let members = files.iter().map(member).collect::<Option<Vec<_>>>()?;
    let again = format!("{{\"files\":{{{}}}}}", members.join(","));
    (!members.is_empty() && again == text).then_some(members)
}

/// What the file's member begins with.
fn lead(name: &str) -> Option<String> {
    serde_json::to_string(name).ok().map(|name| name + ":")
}

/// The text of one file of an agreement.
pub(super) fn file_of(file: &Connection, hash: &str, name: &str) -> rusqlite::Result<Option<String>> {
    let Some(lead) = lead(name) else { return Ok(None) };
    let text = |member: String| serde_json::from_str(member.get(lead.len()..)?).ok();
    let whole: Option<(bool, String)> = file
        .prepare_cached("SELECT pieces IS NOT NULL, text FROM document WHERE hash = ?")?
        .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match whole {
        None => Ok(None),
        Some((true, _)) => {
            let member = file
                .prepare_cached(
                    "SELECT p.text FROM document c, json_each(c.pieces) j JOIN piece p ON p.id = j.value
                     WHERE c.hash = ?1 AND substr(p.text, 1, length(?2)) = ?2",
                )?
                .query_row([hash, &lead], |row| row.get(0))
                .optional()?;
            Ok(member.and_then(text))
        }
        Some((false, whole)) => {
            let member =
                members(&whole).and_then(|members| members.into_iter().find(|member| member.starts_with(&lead)));
            Ok(member.and_then(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_out_to_the_byte_is_taken_apart() {
        let canonical = r#"{"files":{"a \"b\".geojson":"1\n\u0001","b":"ü"}}"#;
        assert_eq!(members(canonical).unwrap().len(), 2);
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
            assert_eq!(members(other), None, "{other}");
        }
    }
}
