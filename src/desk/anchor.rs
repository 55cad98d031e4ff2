//! The audit's anchor: number and hash of each of its entries, one a line, in a file beside the desk's.
//!
//! Lines are only added. So an audit whose end was cut off, or that was made anew, does not hold against it,
//! also once the service has gone on with such an audit.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use truceline_core::audit::Mark;

/// The file's name.
const FILE: &str = "audit.anchor";
/// No line is longer: 20 digits, a colon, 64 digits and the line's end.
const MAX_LINE: u64 = 86;

/// The anchor of the desk at `desk`.
pub(super) fn path_beside(desk: &Path) -> PathBuf {
    desk.with_file_name(FILE)
}

/// Adds a line, durable when this returns.
pub(super) fn add(path: &Path, mark: &Mark) -> io::Result<()> {
    let is_new = !path.try_exists()?;
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    // A line without its end is what a crash left of it; its entry stays in the audit without a mark.
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_LINE)))?;
    file.read_to_end(&mut tail)?;
    let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
    if torn > 0 {
        file.set_len(length - torn)?;
    }
    file.seek(SeekFrom::End(0))?;
    file.write_all(format!("{mark}\n").as_bytes())?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent() {
        OpenOptions::new()
            .read(true)
            .open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?
            .sync_all()?;
    }
    Ok(())
}

/// All marks; `None` where there is no such file.
pub(super) fn marks(path: &Path) -> io::Result<Option<Vec<Mark>>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    let mark = |(number, line): (usize, &str)| {
        line.parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("line {}: {error}", number + 1)))
    };
    whole.lines().enumerate().map(mark).collect::<io::Result<Vec<Mark>>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(seq: u64) -> Mark {
        Mark { seq, hash: "ab".repeat(32) }
    }

    #[test]
    fn what_was_added_is_there_and_a_line_that_a_crash_cut_short_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_beside(&folder.path().join("desk.db"));
        assert_eq!(marks(&path).unwrap(), None);
        for seq in 1..=3 {
            add(&path, &mark(seq)).unwrap();
        }
        let whole = std::fs::read_to_string(&path).unwrap();
        for torn in 1..whole.lines().next().unwrap().len() {
            std::fs::write(&path, &whole[..whole.len() - torn - 1]).unwrap();
            assert_eq!(marks(&path).unwrap(), Some(vec![mark(1), mark(2)]), "{torn}");
            add(&path, &mark(4)).unwrap();
            assert_eq!(marks(&path).unwrap(), Some(vec![mark(1), mark(2), mark(4)]), "{torn}");
        }
    }

    #[test]
    fn a_line_that_is_no_mark_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, format!("{}\n\n{}\n", mark(1), mark(2))).unwrap();
        assert!(marks(&path).unwrap_err().to_string().starts_with("line 2"));
    }
}
