//! Going past what is damaged: the rest of a damaged file can be read.

use rusqlite::OptionalExtension;
use truceline_core::log::Entry;

use super::JournalError;
use super::reader::{self, Reader};

/// What can be read of a stretch of the journal.
#[derive(Debug, Default)]
pub struct Salvage {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Offsets, both ends included, whose entries are damaged or lie where the damage hides whether there are any.
    pub damaged: Vec<(u64, u64)>,
    /// The last offset that was looked at; where there is nothing more, the journal's end.
    pub through: u64,
}

impl Reader {
    /// Entries after an offset as [`Reader::entries`] gives them, and past what is damaged: there one by one.
    pub fn salvage(&self, after: u64, max: usize, max_bytes: usize) -> Result<Salvage, JournalError> {
        match self.entries(after, max, max_bytes) {
            Ok(entries) => {
                let through = entries.last().map_or(after, |entry| entry.offset);
                return Ok(Salvage { entries, damaged: Vec::new(), through });
            }
            Err(error) if is_damage(&error) => {}
            Err(other) => return Err(other),
        }
        let end = self.end()?;
        let mut salvage = Salvage { through: after, ..Salvage::default() };
        let mut bytes = 0;
        for offset in after + 1..=end {
            match self.entry(offset) {
                Ok(Some(entry)) => {
                    bytes += reader::size(&entry.body);
                    salvage.entries.push(entry);
                }
                Ok(None) => {}
                Err(error) if is_damage(&error) => match salvage.damaged.last_mut() {
                    Some((_, last)) if *last + 1 == offset => *last = offset,
                    _ => salvage.damaged.push((offset, offset)),
                },
                Err(other) => return Err(other),
            }
            salvage.through = offset;
            if salvage.entries.len() >= max || bytes >= max_bytes {
                break;
            }
        }
        Ok(salvage)
    }

    /// The newest entry's offset, also where the page that has it is damaged.
    fn end(&self) -> Result<u64, JournalError> {
        match self.head() {
            Err(error) if is_damage(&error) => {}
            known => return known,
        }
        self.with(|file| {
            file.query_row("SELECT value FROM meta WHERE key = 'head'", [], |found| found.get::<_, i64>(0))
                .optional()
                .map(|head| head.map_or(0, i64::cast_unsigned))
        })
    }
}

/// Whether a page is no page, or a row holds what no row has.
const fn is_damage(error: &JournalError) -> bool {
    use rusqlite::Error;
    match error {
        JournalError::Damaged { .. } => true,
        JournalError::Sqlite { source, .. } => matches!(
            source,
            Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..)
        ),
        _ => false,
    }
}
