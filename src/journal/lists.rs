//! Lists for people: readings and rejects that a filter lets through, newest first, in pages.
//!
//! A page looks at a bounded number of rows and then ends with a cursor, full or not.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use truceline_core::id::Id;
use truceline_core::log::{Body, Entry};
use truceline_core::time::Time;
use truceline_core::wire::{RejectReason, decode_one};

use super::reader::{self, Reader};
use super::{JournalError, row};

/// Readings that one page takes out of the file and decodes.
const MAX_SCAN: usize = 20_000;
/// Offsets that one query looks through, and how many such windows one page does.
const WINDOW: i64 = 50_000;
const MAX_WINDOWS: usize = 10;
/// Places that are taken from the index at once.
const CHUNK: usize = 500;

/// Which readings.
#[derive(Clone, Debug, Default)]
pub struct ReadingFilter {
    /// Of this device alone, whichever unit bore its id.
    pub device: Option<Id>,
    /// Of this station alone.
    pub station: Option<Id>,
    /// Of this kind alone; a kind's word.
    pub kind: Option<String>,
    /// Reading time, inclusive.
    pub from: Option<Time>,
    /// Reading time, exclusive.
    pub to: Option<Time>,
    /// Continues after the entry at this offset.
    pub before: Option<u64>,
    /// Most entries.
    pub limit: usize,
}

/// Which rejects.
#[derive(Clone, Debug, Default)]
pub struct RejectFilter {
    /// For this reason alone.
    pub reason: Option<RejectReason>,
    /// Of this device alone.
    pub device: Option<Id>,
    /// Only entries below this offset.
    pub before: Option<u64>,
    /// Most entries.
    pub limit: usize,
}

/// Entries, newest first, and where the next page begins.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries.
    pub items: Vec<Entry>,
    /// Give it as `before` for the next page; `None` at the end.
    pub next: Option<u64>,
}

/// A reading's place in its device's list.
type Place = (i64, i64);

impl Reader {
    /// Readings that a filter lets through: of one device by reading time, of all by arrival, the newest first.
    pub fn readings(&self, filter: &ReadingFilter) -> Result<Page, JournalError> {
        self.with(|file| match &filter.device {
            // Index and tail must be those of one moment.
            Some(device) => readings_of(&file.unchecked_transaction()?, device, filter),
            None => readings_of_all(&file.unchecked_transaction()?, filter),
        })
    }

    /// Rejects that a filter lets through, newest first.
    pub fn rejects(&self, filter: &RejectFilter) -> Result<Page, JournalError> {
        self.with(|file| {
            // The rejects' quota bounds how many are looked through.
            let mut select = file.prepare_cached(&format!(
                "SELECT {} FROM {} WHERE e.kind = 2 AND e.offset < ?1
                     AND (?2 IS NULL OR e.meta ->> '$.reason' = ?2) AND (?3 IS NULL OR e.meta ->> '$.device' = ?3)
                 ORDER BY e.offset DESC LIMIT ?4",
                row::columns(),
                row::JOINS
            ))?;
            let limit = filter.limit.max(1);
            let rows = select.query_map(
                params![
                    filter.before.map_or(i64::MAX, u64::cast_signed),
                    filter.reason.map(RejectReason::as_str),
                    filter.device.as_ref().map(Id::as_str),
                    limit as i64 + 1
                ],
                row::entry,
            )?;
            let mut items = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let more = items.len() > limit;
            items.truncate(limit);
            let next = items.last().filter(|_| more).map(|entry| entry.offset);
            Ok(Page { items, next })
        })
    }
}

fn is_of_kind(entry: &Entry, kind: Option<&str>) -> bool {
    let Body::Reading(reading) = &entry.body else { return false };
    kind.is_none_or(|kind| {
        decode_one(reading.encoding, &reading.bytes).is_ok_and(|reading| reading.data.kind() == kind)
    })
}

fn span(filter: &ReadingFilter) -> (i64, i64) {
    (filter.from.map_or(i64::MIN, Time::nanos), filter.to.map_or(i64::MAX, Time::nanos))
}

fn readings_of_all(file: &Transaction<'_>, filter: &ReadingFilter) -> rusqlite::Result<Page> {
    let edge = |order| format!("SELECT offset FROM entry ORDER BY offset {order} LIMIT 1");
    let edge = |order| file.query_row(&edge(order), [], |row| row.get::<_, i64>(0)).optional();
    let (Some(first), Some(last)) = (edge("")?, edge("DESC")?) else { return Ok(Page::default()) };
    let mut high = filter.before.map_or(i64::MAX, u64::cast_signed).min(last + 1);
    let limit = filter.limit.max(1);
    let (from, to) = span(filter);
    let mut select = file.prepare_cached(&format!(
        "SELECT {} FROM {} WHERE e.kind = 1 AND e.offset >= ?1 AND e.offset < ?2 AND (?3 IS NULL OR s.name = ?3)
             AND e.time >= ?4 AND e.time < ?5 ORDER BY e.offset DESC",
        row::columns(),
        row::JOINS
    ))?;
    let mut page = Page::default();
    let mut looked = 0;
    for _ in 0..MAX_WINDOWS {
        let low = high.saturating_sub(WINDOW).max(first);
        let mut rows = select.query(params![low, high, filter.station.as_ref().map(Id::as_str), from, to])?;
        while let Some(found) = rows.next()? {
            if page.items.len() >= limit || looked >= MAX_SCAN {
                page.next = Some(high.cast_unsigned());
                return Ok(page);
            }
            let entry = row::entry(found)?;
            high = entry.offset.cast_signed();
            looked += 1;
            if is_of_kind(&entry, filter.kind.as_deref()) {
                page.items.push(entry);
            }
        }
        if low <= first {
            return Ok(page);
        }
        high = low;
    }
    page.next = Some(high.cast_unsigned());
    Ok(page)
}

fn readings_of(file: &Transaction<'_>, device: &Id, filter: &ReadingFilter) -> rusqlite::Result<Page> {
    let mut page = Page::default();
    let mut place: Place = (i64::MAX, i64::MAX);
    if let Some(offset) = filter.before {
        let time = file
            .prepare_cached("SELECT time FROM entry WHERE offset = ? AND kind = 1")?
            .query_row([offset.cast_signed()], |row| row.get(0))
            .optional()?;
        // Retention has deleted the entry where the page before ended, and so the older ones too.
        let Some(time) = time else { return Ok(page) };
        place = (time, offset.cast_signed());
    }
    let units = file
        .prepare_cached("SELECT id FROM device WHERE name = ?")?
        .query_map([device.as_str()], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let limit = filter.limit.max(1);
    let mut looked = 0;
    loop {
        let places = places(file, &units, filter, place)?;
        for next in &places {
            if page.items.len() >= limit || looked >= MAX_SCAN {
                page.next = Some(place.1.cast_unsigned());
                return Ok(page);
            }
            place = *next;
            looked += 1;
            if let Some(entry) = reader::entry(file, place.1.cast_unsigned())?
                && is_of_kind(&entry, filter.kind.as_deref())
                && is_of_station(&entry, filter.station.as_ref())
            {
                page.items.push(entry);
            }
        }
        if places.len() < CHUNK {
            return Ok(page);
        }
    }
}

fn is_of_station(entry: &Entry, station: Option<&Id>) -> bool {
    matches!(&entry.body, Body::Reading(reading) if station.is_none_or(|station| *station == reading.station))
}

/// The next places behind `after`, newest first, at most [`CHUNK`]: from the index as far as it reaches, and
/// from the entries behind it.
fn places(file: &Connection, units: &[i64], filter: &ReadingFilter, after: Place) -> rusqlite::Result<Vec<Place>> {
    let (from, to) = span(filter);
    let mut places: Vec<Place> = Vec::new();
    let mut indexed = file.prepare_cached(
        "SELECT time, offset FROM by_time WHERE device = ?1 AND time >= ?2 AND time < ?3 AND time <= ?4
             AND (time, offset) < (?4, ?5) ORDER BY time DESC, offset DESC LIMIT ?6",
    )?;
    let mut tail = file.prepare_cached(
        "SELECT time, offset FROM entry
         WHERE offset > coalesce((SELECT value FROM meta WHERE key = 'indexed_through'), 0) AND kind = 1
             AND device = ?1 AND time >= ?2 AND time < ?3 AND time <= ?4 AND (time, offset) < (?4, ?5)
         ORDER BY time DESC, offset DESC LIMIT ?6",
    )?;
    for unit in units {
        for select in [&mut indexed, &mut tail] {
            let rows = select.query_map(params![unit, from, to, after.0, after.1, CHUNK as i64], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            for place in rows {
                places.push(place?);
            }
        }
    }
    places.sort_unstable_by(|a, b| b.cmp(a));
    places.truncate(CHUNK);
    Ok(places)
}
