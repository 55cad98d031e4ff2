//! Between an entry and its row.

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use truceline_core::id::Id;
use truceline_core::log::{Body, Decoded, Document, Entry, ReadingEntry, RejectEntry, StateEntry};
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, RejectReason, TimeBasis};

use super::documents;

pub(super) const READING: i64 = 1;
pub(super) const REJECT: i64 = 2;
pub(super) const STATE: i64 = 3;
pub(super) const AGREEMENT: i64 = 4;
pub(super) const REGISTRY: i64 = 5;
pub(super) const SERVICE: i64 = 6;
pub(super) const LINK: i64 = 7;
pub(super) const CLOCK: i64 = 8;
pub(super) const TICK: i64 = 9;

/// Columns, in the order that [`entry`] reads them; needs `entry e` joined with `station s`, `device d`, `document c`.
pub(super) fn columns() -> String {
    let columns =
        "e.offset, e.arrived, e.kind, s.name, d.name, d.incarnation, e.boot, e.seq, e.time, e.note, e.meta, e.body";
    format!("{columns}, {}", documents::TEXT)
}
pub(super) const JOINS: &str = "entry e LEFT JOIN station s ON s.id = e.station LEFT JOIN device d ON d.id = e.device \
    LEFT JOIN document c ON e.kind IN (4, 5) AND c.hash = e.meta";

/// What a reject's row says beside its bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct RejectMeta {
    topic: String,
    content_type: Option<String>,
    station: Option<Id>,
    device: Option<Id>,
    identity: Option<(u32, u64)>,
    reason: RejectReason,
    path: Option<String>,
    detail: String,
    size: u64,
}

impl RejectMeta {
    pub(super) fn of(reject: &RejectEntry) -> Self {
        Self {
            topic: reject.topic.clone(),
            content_type: reject.content_type.clone(),
            station: reject.station.clone(),
            device: reject.device.clone(),
            identity: reject.identity,
            reason: reject.reason,
            path: reject.path.clone(),
            detail: reject.detail.clone(),
            size: reject.size,
        }
    }

    fn with(self, bytes: Vec<u8>) -> RejectEntry {
        RejectEntry {
            topic: self.topic,
            content_type: self.content_type,
            station: self.station,
            device: self.device,
            identity: self.identity,
            reason: self.reason,
            path: self.path,
            detail: self.detail,
            bytes,
            size: self.size,
        }
    }
}

/// Basis and encoding in one small number.
pub(super) fn note(basis: TimeBasis, encoding: Encoding) -> i64 {
    let encoding = match encoding {
        Encoding::Json => 0,
        Encoding::Cbor => 1,
        Encoding::Cose => 2,
    };
    encoding * 2 + i64::from(basis == TimeBasis::Estimated)
}

fn from_note(note: i64) -> (TimeBasis, Encoding) {
    let basis = if note % 2 == 1 { TimeBasis::Estimated } else { TimeBasis::Reported };
    let encoding = match note / 2 {
        0 => Encoding::Json,
        1 => Encoding::Cbor,
        _ => Encoding::Cose,
    };
    (basis, encoding)
}

/// A row whose content is not what this program writes.
fn odd(column: usize, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<Id> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error: truceline_core::id::IdError| odd(column, error))
}

/// Reads an entry from [`columns`].
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let body = match row.get::<_, i64>(2)? {
        READING => {
            let (time_basis, encoding) = from_note(row.get(9)?);
            Body::Reading(ReadingEntry {
                station: id(row, 3)?,
                device: id(row, 4)?,
                incarnation: row.get(5)?,
                boot: row.get(6)?,
                seq: row.get::<_, i64>(7)?.cast_unsigned(),
                time: Time::from_nanos(row.get(8)?),
                time_basis,
                encoding,
                bytes: row.get(11)?,
                decoded: Decoded::default(),
            })
        }
        REJECT => {
            let meta: RejectMeta = json(row, 10)?;
            Body::Reject(meta.with(row.get(11)?))
        }
        STATE => Body::State(StateEntry { station: id(row, 3)?, device: id(row, 4)?, state: json(row, 10)? }),
        kind @ (AGREEMENT | REGISTRY) => {
            let document = Document { hash: row.get(10)?, text: row.get(12)? };
            if kind == AGREEMENT { Body::Agreement(document) } else { Body::Registry(document) }
        }
        SERVICE => Body::Service(row.get(9)?),
        LINK => Body::Link(row.get(9)?),
        CLOCK => Body::Clock { offset_ns: row.get(8)? },
        TICK => Body::Tick,
        other => return Err(odd(2, format!("entry kind {other} is not known"))),
    };
    Ok(Entry { offset: row.get::<_, i64>(0)?.cast_unsigned(), arrived: Time::from_nanos(row.get(1)?), body })
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| odd(column, error))
}
