//! The engine's snapshots on disk: written whole or not at all, damage noticed, the two newest kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// First bytes of a snapshot file: format and its version.
const MAGIC: &[u8; 8] = b"TLSNAP\0\x01";
/// Magic, offset, SHA-256 of the rest.
const HEADER_BYTES: usize = 8 + 8 + 32;
/// How many are kept, so that one damaged file costs no rebuild.
const KEPT: usize = 2;
const SUFFIX: &str = "snap";
/// Of those of another version, which that version may be given back, as many are kept.
const ASIDE: &str = "other";

/// Why a snapshot file is passed over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Whole, but of another program's format.
    #[error("its format is of another version")]
    OtherVersion,
    /// Cut short, overwritten, or no snapshot.
    #[error("it is damaged")]
    Damaged,
}

/// The folder of the snapshots.
#[derive(Debug)]
pub(super) struct Snapshots {
    dir: PathBuf,
    /// Offsets of the files there, ascending.
    offsets: Vec<u64>,
}

impl Snapshots {
    /// Opens the folder, making it if absent; removes what a crash left half written.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut offsets = Vec::new();
        for file in fs::read_dir(dir)? {
            let path = file?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(SUFFIX) => offsets.extend(stem.parse::<u64>()),
                Some("tmp") => fs::remove_file(&path)?,
                _ => {}
            }
        }
        offsets.sort_unstable();
        Ok(Self { dir: dir.to_path_buf(), offsets })
    }

    /// Offsets of the snapshots, the newest first.
    pub(super) fn newest_first(&self) -> Vec<u64> {
        self.offsets.iter().rev().copied().collect()
    }

    /// The oldest kept snapshot's offset; 0 without one.
    pub(super) fn floor(&self) -> u64 {
        self.offsets.first().copied().unwrap_or(0)
    }

    /// The file of the snapshot at `offset`.
    pub(super) fn path(&self, offset: u64) -> PathBuf {
        // Of equal length, so that a listing by name is in order.
        self.dir.join(format!("{offset:020}.{SUFFIX}"))
    }

    /// The engine's bytes of the snapshot at `offset`.
    pub(super) fn load(&self, offset: u64) -> Result<Vec<u8>, Unusable> {
        let mut bytes = fs::read(self.path(offset))?;
        let header = bytes.get(..HEADER_BYTES).ok_or(Unusable::Damaged)?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (at, digest) = rest.split_at(8);
        let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
        if magic != MAGIC && magic.starts_with(b"TLSNAP\0") {
            return Err(Unusable::OtherVersion);
        }
        if magic != MAGIC || at != offset.to_le_bytes() || digest != Self::digest(offset, body).as_slice() {
            return Err(Unusable::Damaged);
        }
        bytes.drain(..HEADER_BYTES);
        Ok(bytes)
    }

    /// Writes the snapshot at `offset` and removes all but the newest; its size in bytes.
    pub(super) fn save(&mut self, offset: u64, body: &[u8]) -> io::Result<u64> {
        let path = self.path(offset);
        let unfinished = path.with_extension("tmp");
        if let Err(error) = Self::write(&unfinished, offset, body).and_then(|()| fs::rename(&unfinished, &path)) {
            // Where the disk is full it would keep the room that the next one needs.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.offsets.retain(|other| *other != offset);
        self.offsets.push(offset);
        self.offsets.sort_unstable();
        // The new name must be durable before the old files go.
        File::open(&self.dir)?.sync_all()?;
        while self.offsets.len() > KEPT
            && let Some(oldest) = self.offsets.first()
        {
            fs::remove_file(self.path(*oldest))?;
            self.offsets.remove(0);
        }
        Ok((HEADER_BYTES + body.len()) as u64)
    }

    fn write(path: &Path, offset: u64, body: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(MAGIC)?;
        file.write_all(&offset.to_le_bytes())?;
        file.write_all(&Self::digest(offset, body))?;
        file.write_all(body)?;
        file.sync_all()
    }

    /// Renames the snapshot at `offset`, which another version can use, and keeps the newest of such; its new name.
    pub(super) fn set_aside(&mut self, offset: u64) -> io::Result<PathBuf> {
        self.offsets.retain(|other| *other != offset);
        let aside = self.path(offset).with_extension(ASIDE);
        fs::rename(self.path(offset), &aside)?;
        let mut all = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == ASIDE) {
                all.push(path);
            }
        }
        all.sort_unstable();
        all.truncate(all.len().saturating_sub(KEPT));
        all.iter().try_for_each(fs::remove_file)?;
        Ok(aside)
    }

    /// Removes the snapshot at `offset`, which nobody can use.
    pub(super) fn discard(&mut self, offset: u64) -> io::Result<()> {
        self.offsets.retain(|other| *other != offset);
        fs::remove_file(self.path(offset))
    }

    fn digest(offset: u64, body: &[u8]) -> Vec<u8> {
        Sha256::new().chain_update(offset.to_le_bytes()).chain_update(body).finalize().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_finished_leaves_nothing_behind_and_the_older_ones_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshots = Snapshots::open(folder.path()).unwrap();
        snapshots.save(1, b"one").unwrap();
        // Nothing can be renamed to it.
        fs::create_dir_all(snapshots.path(2).join("occupied")).unwrap();
        snapshots.save(2, b"two").unwrap_err();
        let left = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        assert!(left.into_iter().all(|path| path.extension().is_some_and(|extension| extension == SUFFIX)));
        assert_eq!((snapshots.newest_first(), snapshots.load(1).unwrap()), (vec![1], b"one".to_vec()));
    }
}
