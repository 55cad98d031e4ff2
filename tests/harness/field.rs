//! What devices of the example registry send, and what a journal holds of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use truceline::journal::Reader;
use truceline_core::log::Body;
use truceline_core::time::Time;

#[allow(clippy::disallowed_methods)] // devices have clocks of their own
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Time::from_nanos(i64::try_from(since.as_nanos()).expect("before 2262"))
}

pub fn reading(device: &str, boot: u32, seq: u64, kind: &str, data: &Value) -> Value {
    json!({
        "v": 1, "device": device, "boot": boot, "seq": seq, "time": now().to_string(),
        "clock": {"source": "gnss", "uncertainty_ms": 5}, "kind": kind, "data": data,
        "position": {"lat": 48.1260, "lon": 37.7560, "hacc_m": 4.0, "fix": "3d"},
    })
}

/// An explosion heard at Avdiivka by one sensor; its bearing points to the line.
pub fn explosion(device: &str, boot: u32, seq: u64) -> Value {
    reading(
        device,
        boot,
        seq,
        "acoustic_detection",
        &json!({"class": "explosion", "confidence": 0.9, "bearing_deg": 110.0, "bearing_sd_deg": 4.0}),
    )
}

pub fn health(device: &str, boot: u32, seq: u64) -> Value {
    reading(device, boot, seq, "health", &json!({"battery_pct": 90}))
}

pub fn topic(device: &str) -> String {
    format!("truceline/v1/readings/{}/{device}", &device[..4])
}

/// Every (device, boot, seq) of the journal with how often it is there.
pub fn stored(data_dir: &Path) -> BTreeMap<(String, u32, u64), u32> {
    let reader = Reader::open(&data_dir.join("journal.db")).expect("the journal");
    let mut found = BTreeMap::new();
    let mut after = 0;
    loop {
        let entries = reader.entries(after, 10_000, usize::MAX).expect("reads");
        let Some(last) = entries.last() else { return found };
        after = last.offset;
        for entry in entries {
            if let Body::Reading(reading) = entry.body {
                *found.entry((reading.device.to_string(), reading.boot, reading.seq)).or_default() += 1;
            }
        }
    }
}

/// The library that gives a process another wall clock; Debian keeps it in a folder named for the machine.
pub fn libfaketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").expect("/usr/lib");
    let mut found = folders.flatten().map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    let library = found.find(|path| path.exists()).expect("libfaketime; `make setup` installs it");
    library.display().to_string()
}
