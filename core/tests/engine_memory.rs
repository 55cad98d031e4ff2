//! How much memory the engine takes for each device, by an allocator that counts. One test in a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::fmt::Write as _;

use peak_alloc::PeakAlloc;
use truceline_core::agreement::Bundle;
use truceline_core::engine::Engine;
use truceline_core::log::{Body, Decoded, Document, Entry, ReadingEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, TimeBasis};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const DEVICES: usize = 100_000;

fn agreement() -> Bundle {
    let terms = "id = \"m\"\n[[line]]\nid = \"line\"\nfile = \"line.geojson\"\n\
        [[rule]]\nid = \"crossing\"\nkind = \"crossing\"\n[[rule]]\nid = \"silence\"\nkind = \"silence\"\n\
        [[rule]]\nid = \"tamper\"\nkind = \"tamper\"\n[[rule]]\nid = \"clock\"\nkind = \"clock\"\n\
        [[rule]]\nid = \"jamming\"\nkind = \"interference\"\n";
    let mut bundle = Bundle::default();
    bundle.files.insert(Bundle::TERMS.to_owned(), terms.to_owned());
    let line = r#"{"type": "LineString", "coordinates": [[37.0, 48.0], [39.0, 48.0]]}"#;
    bundle.files.insert("line.geojson".to_owned(), line.to_owned());
    bundle
}

fn place(number: usize) -> (f64, f64) {
    (48.01 + (number / 1_000) as f64 * 0.01, 37.0 + (number % 1_000) as f64 * 0.002)
}

fn registry() -> String {
    let mut text = String::new();
    for number in 0..DEVICES {
        let (lat, lon) = place(number);
        let _ = writeln!(
            text,
            "[[device]]\nid = \"st{:04}-ac{:02}\"\nstation = \"st{:04}\"\nmobility = \"fixed\"\n\
             position = {{ lat = {lat:.6}, lon = {lon:.6} }}\ninterval_s = 60\n",
            number / 20,
            number % 20,
            number / 20
        );
    }
    text
}

fn heard(number: usize, time: Time) -> Body {
    let (lat, lon) = place(number);
    let device = format!("st{:04}-ac{:02}", number / 20, number % 20);
    let bytes = format!(
        r#"{{"v":1,"device":"{device}","boot":1,"seq":0,"time":"{time}","clock":{{"source":"gnss"}},"uptime_ms":5000,
        "position":{{"lat":{lat},"lon":{lon},"hacc_m":4,"fix":"3d"}},"kind":"health","data":{{"battery_pct":80}}}}"#
    );
    Body::Reading(ReadingEntry {
        station: device[..6].parse().unwrap(),
        device: device.parse().unwrap(),
        incarnation: 1,
        boot: 1,
        seq: 0,
        time,
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: bytes.into_bytes(),
        decoded: Decoded::default(),
    })
}

#[test]
fn a_hundred_thousand_devices_that_are_heard_take_less_than_a_kibibyte_each() {
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
    enter(&mut engine, 0.0, Body::Agreement(agreement().document()));
    let before = ALLOCATOR.current_usage();
    let registry = Document::new(registry());
    let text = registry.text.len();
    enter(&mut engine, 0.0, Body::Registry(registry));
    assert_eq!(engine.limits_hit().documents, 0, "the terms are valid");
    let registered = ALLOCATOR.current_usage() - before;
    for number in 0..DEVICES {
        let at = number as f64 * 0.0003;
        enter(&mut engine, at + 0.1, heard(number, start + Span::from_secs_f64(at)));
    }
    assert_eq!(engine.devices().iter().filter(|device| device.readings == 1).count(), DEVICES);
    let all = ALLOCATOR.current_usage() - before;
    println!(
        "{DEVICES} devices: registry's text {} MB, registered {} MB, heard {} MB: {} bytes a device",
        text >> 20,
        registered >> 20,
        all >> 20,
        all / DEVICES
    );
    assert!(all / DEVICES < 1_024, "{} bytes a device", all / DEVICES);
    assert!(all < 150_000_000, "{all} bytes in all");
}
