//! Points, and the writing of them to a server that misbehaves on purpose.

mod answers;
mod points;
mod unruly_server;

use truceline_core::log::{Body, Decoded, Entry, ReadingEntry};
use truceline_core::time::Time;
use truceline_core::wire::{Encoding, TimeBasis};

/// A weather reading with its seq as offset.
fn weather(seq: u64) -> Entry {
    reading(seq, "weather", &serde_json::json!({"temperature_c": 1.5}))
}

/// A reading at a position that must be known again wherever it turns up.
fn reading(seq: u64, kind: &str, data: &serde_json::Value) -> Entry {
    let time = Time::from_nanos(1_764_000_000_000_000_000 + seq as i64 * 1_000_000_000);
    let json = serde_json::json!({
        "v": 1, "device": "dev", "boot": 3, "seq": seq, "time": time, "clock": {"source": "gnss", "uncertainty_ms": 5},
        "position": {"lat": 48.123_456, "lon": 37.912_345, "alt_m": 121.5, "hacc_m": 4.25, "fix": "3d", "satellites": 11},
        "kind": kind, "data": data,
    });
    Entry {
        offset: seq,
        arrived: time,
        body: Body::Reading(ReadingEntry {
            station: "st".parse().unwrap(),
            device: "dev".parse().unwrap(),
            incarnation: 0,
            boot: 3,
            seq,
            time,
            time_basis: TimeBasis::Reported,
            encoding: Encoding::Json,
            bytes: json.to_string().into_bytes(),
            decoded: Decoded::default(),
        }),
    }
}
