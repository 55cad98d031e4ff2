//! What a backup holds, written last: a folder without it is no backup.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use truceline_core::time::Time;

use super::copy;
use super::error::{BackupError, io};

/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// Another form of the manifest gets another number.
const FORMAT: u32 = 1;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Version of the program that took it.
    pub program: String,
    /// Version of its engine.
    pub engine: u32,
    /// Wall time at which it was taken.
    pub taken_at: Time,
    /// The journal's identity, in decimal digits: too large for a number of JSON.
    pub journal: String,
    /// Offset of the journal's newest entry.
    pub head: u64,
    /// When that entry arrived; absent for a journal without entries.
    pub arrived: Option<Time>,
    /// Readings stored since the journal began.
    pub readings: u64,
    /// The last entry that the desk has judged.
    pub judged_to: u64,
    /// Every file beside the manifest.
    pub files: Vec<FileCopy>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCopy {
    /// Its path within the backup.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// A database's schema version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<i64>,
}

impl Manifest {
    pub(super) fn new(program: &str, engine: u32, taken_at: Time) -> Self {
        Self {
            format: FORMAT,
            program: program.to_owned(),
            engine,
            taken_at,
            journal: String::new(),
            head: 0,
            arrived: None,
            readings: 0,
            judged_to: 0,
            files: Vec::new(),
        }
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it into the backup at `folder`, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(MANIFEST);
        let unfinished = folder.join("manifest.tmp");
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        File::create(&unfinished)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(io(&unfinished))?;
        fs::rename(&unfinished, &path).map_err(io(&path))?;
        copy::sync_folder(folder)
    }

    /// Reads the manifest of the backup at `folder`.
    ///
    /// # Errors
    /// There is none, or it is of another form.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let fault = |detail: String| BackupError::Manifest { path: path.clone(), detail };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let why = "is not there; name the folder of a backup, and of one that was finished: the manifest is written last";
                return Err(fault(why.to_owned()));
            }
            Err(error) => return Err(io(&path)(error)),
        };
        let format = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|all| all["format"].as_u64());
        if let Some(format) = format.filter(|format| *format != u64::from(FORMAT)) {
            return Err(fault(format!(
                "has format {format}, this program reads {FORMAT}; use the program that took it"
            )));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(|error| {
            fault(format!("cannot be read: {error}; this backup cannot be trusted, take another one"))
        })?;
        for file in &manifest.files {
            let stays_within =
                !file.name.starts_with('/') && !file.name.split('/').any(|part| matches!(part, "" | "." | ".."));
            if !stays_within {
                return Err(fault(format!("names a file '{}' outside the backup; do not use it", file.name)));
            }
        }
        if manifest.judged_to > manifest.head {
            let (judged, head) = (manifest.judged_to, manifest.head);
            return Err(fault(format!(
                "the desk has judged to entry {judged} and the journal ends at {head}; do not use it"
            )));
        }
        Ok(manifest)
    }
}
