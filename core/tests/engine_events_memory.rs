//! How much memory open events take, by an allocator that counts. One test in a process of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fmt::Write as _;

use peak_alloc::PeakAlloc;
use truceline_core::agreement::Bundle;
use truceline_core::engine::{Engine, MAX_OPEN_EVENTS};
use truceline_core::log::{Body, Decoded, Document, Entry, ReadingEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, TimeBasis};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn heard(number: usize, seq: u64, time: Time, kind: &str) -> Body {
    let device = format!("st{number:05}-ac01");
    let bytes = format!(
        r#"{{"v":1,"device":"{device}","boot":1,"seq":{seq},"time":"{time}","clock":{{"source":"gnss"}},{kind}}}"#
    );
    Body::Reading(ReadingEntry {
        station: device[..7].parse().unwrap(),
        device: device.parse().unwrap(),
        incarnation: 1,
        boot: 1,
        seq,
        time,
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: bytes.into_bytes(),
        decoded: Decoded::default(),
    })
}

#[test]
fn as_many_open_events_as_there_may_be_take_less_than_sixty_megabytes() {
    let terms = "id = \"m\"\n[[line]]\nid = \"line\"\nfile = \"line.geojson\"\n[[rule]]\nid = \"fire\"\nkind = \"no_fire\"\n\
                 cool_down_s = 86400\npermitted = [{ classes = [\"gunfire\"] }]\n";
    let line = r#"{"type": "LineString", "coordinates": [[37.0, 48.0], [39.0, 48.0]]}"#;
    let mut bundle = Bundle::default();
    bundle.files.insert(Bundle::TERMS.to_owned(), terms.to_owned());
    bundle.files.insert("line.geojson".to_owned(), line.to_owned());
    let mut registry = String::new();
    for number in 0..MAX_OPEN_EVENTS {
        let (lat, lon) = (48.01 + (number / 100) as f64 * 0.001, 37.0 + (number % 100) as f64 * 0.002);
        let _ = writeln!(
            registry,
            "[[device]]\nid = \"st{number:05}-ac01\"\nstation = \"st{number:05}\"\nmobility = \"fixed\"\n\
             position = {{ lat = {lat:.6}, lon = {lon:.6} }}\nhacc_m = 3\nrange_m = {{ gunfire = 10 }}\n"
        );
    }
    let start: Time = "2026-11-24T12:00:00Z".parse().unwrap();
    let mut engine = Engine::new();
    let mut offset = 0;
    let mut enter = |engine: &mut Engine, after_s: f64, body: Body| {
        offset += 1;
        engine.handle_entry(&Entry { offset, arrived: start + Span::from_secs_f64(after_s), body });
        while engine.poll_output().is_some() {}
    };
    enter(&mut engine, 0.0, Body::Service(true));
    enter(&mut engine, 0.0, Body::Link(true));
    enter(&mut engine, 0.0, Body::Agreement(bundle.document()));
    enter(&mut engine, 0.0, Body::Registry(Document::new(registry)));
    let mut all = |engine: &mut Engine, seq: u64, kind: &str| {
        for number in 0..MAX_OPEN_EVENTS {
            let at = seq as f64 * 100.0 + number as f64 * 0.001;
            enter(engine, at + 0.1, heard(number, seq, start + Span::from_secs_f64(at), kind));
        }
        ALLOCATOR.current_usage()
    };
    let before = all(&mut engine, 1, r#""kind":"health","data":{"battery_pct":80}"#);
    let shot = r#""kind":"acoustic_detection","data":{"class":"gunfire","confidence":0.9}"#;
    let after = all(&mut engine, 2, shot).max(all(&mut engine, 3, shot));
    assert_eq!((engine.open_events().len(), engine.limits_hit().open_events), (MAX_OPEN_EVENTS, 0));
    let each = (after - before) / MAX_OPEN_EVENTS;
    println!("{MAX_OPEN_EVENTS} open events: {} MB, {each} bytes each", (after - before) >> 20);
    assert!(after - before < 60_000_000, "{} bytes, {each} each", after - before);
}
