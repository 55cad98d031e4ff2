//! Drives the properties of the fuzz targets with generated input.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use truceline_core::id::Id;
use truceline_core::wire::{Encoding, Reading, decode, to_cbor};

use crate::input::{Random, changed};
use crate::meter::{alone, measured};
use crate::properties;

const WIRE: &str = include_str!("../../../docs/wire.md");

/// Rounds of a target in an ordinary run, and how many times more in a long one.
const LONGER: usize = 100;

/// Memory beyond what the input's size explains. The strips and buffers of an agreement follow from its widths, not from
/// its bytes.
const BASE_BYTES: usize = 64 << 20;

/// The examples of docs/wire.md of this sort.
fn examples(sort: &str) -> Vec<Vec<u8>> {
    let fences = WIRE.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let found: Vec<Vec<u8>> = fences.filter(|(what, _)| *what == sort).map(|(_, text)| text.into()).collect();
    assert!(!found.is_empty(), "docs/wire.md has no '{sort}'");
    found
}

/// The example readings, all of one device.
fn readings() -> Vec<Reading> {
    let own: Id = "d1".parse().unwrap();
    let read = |text: Vec<u8>| {
        let told: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let device: Id = told["device"].as_str().unwrap().parse().unwrap();
        let mut reading = decode(Encoding::Json, &text, &device).remove(0).result.unwrap();
        reading.device = own.clone();
        reading
    };
    examples("json reading").into_iter().map(read).collect()
}

fn jsons() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = readings().iter().map(|reading| serde_json::to_vec(reading).unwrap()).collect();
    let batch = format!("[{},{}]", properties::GOOD, String::from_utf8(all[0].clone()).unwrap());
    all.extend([batch.into_bytes(), properties::GOOD.into()]);
    all
}

fn cbors() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = readings().iter().map(to_cbor).collect();
    all.push([&[0x82][..], &all[0], &all[1]].concat());
    all.push([&[0x9f][..], &all[2], &[0xff]].concat());
    all
}

fn messages() -> Vec<Vec<u8>> {
    let cose = vec![0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40];
    let all = [jsons(), cbors(), vec![cose]].concat();
    all.into_iter().zip((0..5).cycle()).map(|(payload, first)| [&[first][..], &payload].concat()).collect()
}

fn agreements() -> Vec<Vec<u8>> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/agreements/example");
    let read = |name: &str| fs::read_to_string(config.join(name)).unwrap();
    let names = ["line", "petrivske", "stanytsia-luhanska", "zolote"];
    let mut terms = read("agreement.toml");
    let mut files = Vec::new();
    for (name, letter) in names.iter().zip('a'..) {
        terms = terms.replace(&format!("{name}.geojson"), &format!("{letter}.geojson"));
        files.push(read(&format!("{name}.geojson")));
    }
    let whole = format!("{terms}\0{}", files.join("\0"));
    let small = "id = \"m\"\n[[line]]\nid = \"l\"\nfile = \"a.geojson\"\n[[zone]]\nid = \"z\"\nkind = \"withdrawal\"\n\
        buffer_of = \"l\"\nwidth_m = 2000\n[[rule]]\nid = \"c\"\nkind = \"crossing\"\n\0\
        {\"type\":\"LineString\",\"coordinates\":[[37.0,48.0],[37.5,48.1],[38.0,48.0]]}";
    vec![whole.into_bytes(), small.into()]
}

fn registries() -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/devices/example.toml");
    let small = "enforced = true\n[station.st01]\nhacc_m = 3\n[[device]]\nid = \"a\"\nstation = \"st01\"\n\
        position = { lat = 48.3, lon = 37.9 }\nrange_m = { explosion = 10000 }\ninterval_s = 60\n";
    vec![fs::read(file).unwrap(), small.into()]
}

/// So many rounds; one that breaks a property, or takes more than its input's size allows, is told with its input.
fn rounds(name: &str, property: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
    let rounds = if std::env::var_os("TRUCELINE_LONG").is_some() { rounds * LONGER } else { rounds };
    for seed in seeds {
        property(seed);
    }
    for round in 0..rounds {
        let mut random = Random::new(round as u64 + 1);
        let input = changed(&mut random, seeds, 16 << 10);
        let (held, took) = measured(|| catch_unwind(AssertUnwindSafe(|| property(&input))));
        let shown = || format!("{name}, round {round}: {}", input.escape_ascii());
        assert!(held.is_ok(), "broken by {}", shown());
        let most = BASE_BYTES + 512 * input.len();
        assert!(took.peak_bytes <= most, "{} bytes of memory for {} by {}", took.peak_bytes, input.len(), shown());
        assert!(took.cpu <= Duration::from_secs(5), "{:?} for {} bytes by {}", took.cpu, input.len(), shown());
    }
}

#[test]
fn no_json_breaks_the_decoder_and_what_is_taken_is_read_again_as_the_same() {
    alone(|| rounds("json", properties::json, &jsons(), 4_000));
}

#[test]
fn no_cbor_breaks_the_decoder_and_what_is_taken_is_read_again_as_the_same() {
    alone(|| rounds("cbor", properties::cbor, &cbors(), 4_000));
}

#[test]
fn no_message_breaks_the_decoder_nor_spoils_its_neighbours_in_a_batch() {
    alone(|| rounds("message", properties::message, &messages(), 3_000));
}

#[test]
fn no_state_message_breaks_the_decoder() {
    alone(|| rounds("state", properties::state, &examples("json state"), 4_000));
}

#[test]
fn no_agreement_breaks_its_parser_and_each_that_is_refused_is_told_why() {
    alone(|| rounds("agreement", properties::agreement, &agreements(), 300));
}

#[test]
fn no_registry_breaks_its_parser_and_each_that_is_refused_is_told_why() {
    alone(|| rounds("registry", properties::registry, &registries(), 1_000));
}
