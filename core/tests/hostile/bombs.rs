//! The greatest messages of each hostile sort: bounded memory, bounded time, a reason, and the identity where it can be read.

use std::time::Duration;

use truceline_core::id::Id;
use truceline_core::wire::{Encoding, MAX_MESSAGE_BYTES, RejectReason, decode, decode_state};

use crate::meter::{alone, measured};

/// Memory that decoding any message of at most 1 MiB takes, what it gives back included: docs/wire.md tells it.
const MOST_BYTES: usize = 10 << 20;
/// Processor time, without optimisation.
const MOST_CPU: Duration = Duration::from_secs(5);

/// What is expected of all of a bomb's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Taken,
    Refused(RejectReason),
    RefusedByName(RejectReason),
}

use RejectReason::{MissingField, OutOfRange, TooLarge, Undecodable};

/// A reading in JSON with `extra` before its end.
fn json(extra: &str) -> Vec<u8> {
    format!(
        r#"{{"v":1,"device":"d1","boot":3,"seq":9,"time":"2026-11-24T03:00:00Z","clock":{{"source":"gnss"}},"kind":"health","data":{{}}{extra}}}"#
    )
    .into_bytes()
}

/// As many of `part` as fill a message, between `open` and `close`.
fn filled(open: &str, part: &str, close: &str) -> Vec<u8> {
    let room = MAX_MESSAGE_BYTES - json(&format!("{open}{close}")).len();
    json(&format!("{open}{}{close}", part.repeat(room / part.len())))
}

/// As many of `part` as fit into `bytes`, after the same reading in CBOR with one key more.
fn cbor(key: &str, head: &[u8], part: &[u8], bytes: usize, tail: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut message);
    encoder.map(9).unwrap();
    encoder.str("v").unwrap().u8(1).unwrap().str("device").unwrap().str("d1").unwrap();
    encoder.str("boot").unwrap().u8(3).unwrap().str("seq").unwrap().u8(9).unwrap();
    encoder.str("time").unwrap().str("2026-11-24T03:00:00Z").unwrap();
    encoder.str("clock").unwrap().map(1).unwrap().str("source").unwrap().str("gnss").unwrap();
    encoder.str("kind").unwrap().str("health").unwrap().str("data").unwrap().map(0).unwrap();
    encoder.str(key).unwrap();
    message.extend_from_slice(head);
    message.extend(part.repeat(bytes / part.len().max(1)));
    message.extend_from_slice(tail);
    message
}

fn holds(what: &str, encoding: Encoding, payload: &[u8], expected: Told) {
    let device: Id = "d1".parse().unwrap();
    assert!(payload.len() <= MAX_MESSAGE_BYTES, "{what}: {}", payload.len());
    let (items, took) = measured(|| decode(encoding, payload, &device));
    println!("{what}: {} bytes, {} KiB, {:?}", payload.len(), took.peak_bytes >> 10, took.cpu);
    assert!(took.peak_bytes <= MOST_BYTES, "{what}: {} KiB of memory", took.peak_bytes >> 10);
    assert!(took.cpu <= MOST_CPU, "{what}: {:?}", took.cpu);
    for item in items {
        let told = match &item.result {
            Ok(_) => Told::Taken,
            Err(fault) if fault.identity == Some((3, 9)) => Told::RefusedByName(fault.reason),
            Err(fault) => Told::Refused(fault.reason),
        };
        assert_eq!(told, expected, "{what}: {:?}", item.result.err());
    }
}

fn json_bombs() -> Vec<(&'static str, Vec<u8>, Told)> {
    let by_name = Told::RefusedByName;
    let many = "[{}]".replace("{}", &vec!["0"; 65_000].join(","));
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    vec![
        ("deep arrays in an unknown field", json(&format!(",\"x\":{deep}")), Told::Refused(Undecodable)),
        ("deep arrays alone", deep.clone().into_bytes(), Told::Refused(Undecodable)),
        (
            "deep maps",
            json(&format!(",\"x\":{}0{}", "{\"a\":".repeat(150_000), "}".repeat(150_000))),
            Told::Refused(Undecodable),
        ),
        ("an array that does not end", filled(",\"x\":[", "[", ""), Told::Refused(Undecodable)),
        ("too many numbers", filled(",\"x\":[0", ",0", "]"), Told::Refused(Undecodable)),
        ("as many numbers as may be", json(&format!(",\"x\":{many}")), Told::Taken),
        ("as many empty maps as may be", json(&format!(",\"x\":[{}0]", "{},".repeat(32_000))), Told::Taken),
        ("as many small maps as may be", json(&format!(",\"x\":[{}0]", "{\"\":0},".repeat(32_000))), Told::Taken),
        ("as many arrays as may be", json(&format!(",\"x\":[{}0]", "[0],".repeat(32_000))), Told::Taken),
        ("as many keys as may be", json(&",\"k\":0".repeat(65_000)), Told::Taken),
        ("a key twice, and twice again", json(&",\"seq\":9".repeat(65_000)), Told::Taken),
        ("a text that fills the message", filled(",\"x\":\"", "y", "\""), Told::Taken),
        ("a text of escapes", filled(",\"x\":\"", "\\u00e9", "\""), Told::Taken),
        ("a key that fills the message", filled(",\"", "y", "\":0"), Told::Taken),
        ("a number of a million digits", filled(",\"uptime_ms\":1", "0", ""), by_name(OutOfRange)),
        ("a number of a million decimals", filled(",\"uptime_ms\":0.", "3", ""), Told::Taken),
        ("a list of a thousand times what it may have", json(&format!(",\"attachments\":{many}")), by_name(OutOfRange)),
        (
            "ranges of readings given up",
            filled(",\"data\":{\"dropped\":[[1,2,3]", ",[1,2,3]", "]}"),
            Told::Refused(Undecodable),
        ),
        (
            "a batch of as many as may be",
            format!("[{}]", vec![String::from_utf8(filled_small()).unwrap(); 500].join(",")).into_bytes(),
            Told::Taken,
        ),
        ("a batch of nothing", format!("[{}]", vec!["0"; 500_000].join(",")).into_bytes(), Told::Refused(TooLarge)),
    ]
}

#[test]
fn json_bombs_are_refused_or_ignored_within_memory_and_time() {
    alone(|| {
        for (what, payload, expected) in json_bombs() {
            holds(what, Encoding::Json, &payload, expected);
        }
    });
}

/// A reading of the greatest size of which 500 are a message.
fn filled_small() -> Vec<u8> {
    let room = MAX_MESSAGE_BYTES / 500 - 8 - json(",\"x\":[0]").len();
    json(&format!(",\"x\":[0{}]", ",0".repeat(room / 2)))
}

#[test]
fn text_that_is_not_utf8_is_bounded_too() {
    let broken = |mut bytes: Vec<u8>| {
        let space = bytes.iter().rposition(|byte| *byte == b' ').unwrap();
        bytes[space] = 0xff;
        bytes
    };
    let room = MAX_MESSAGE_BYTES - 200;
    alone(|| {
        let text = broken(json(&format!(",\"x\":\"{}\" ", "y".repeat(room))));
        let every: Vec<u8> =
            filled(",\"x\":\"", "?", "\"").iter().map(|b| if *b == b'?' { 0xfe } else { *b }).collect();
        let many = broken(json(&format!(",\"x\":[{}0],\"y\":\" \"", "{},".repeat(32_000))));
        holds("a byte that is no UTF-8 at the end", Encoding::Json, &text, Told::Refused(Undecodable));
        holds("a million bytes that are no UTF-8", Encoding::Json, &every, Told::RefusedByName(Undecodable));
        holds("many maps and a byte that is no UTF-8", Encoding::Json, &many, Told::RefusedByName(Undecodable));
    });
}

fn cbor_bombs() -> Vec<(&'static str, Vec<u8>, Told)> {
    const ROOM: usize = MAX_MESSAGE_BYTES - 200;
    let by_name = Told::RefusedByName;
    let all = u64::MAX.to_be_bytes();
    let claim = |major: u8| [&[major | 0x1b][..], &all].concat();
    vec![
        ("an array that claims 2^64", cbor("x", &claim(0x80), &[], 0, &[0]), Told::Refused(Undecodable)),
        ("a map that claims 2^64", cbor("x", &claim(0xa0), &[], 0, &[0, 0]), Told::Refused(Undecodable)),
        ("a text that claims 2^64", cbor("x", &claim(0x60), &[], 0, b"y"), Told::Refused(Undecodable)),
        ("bytes that claim 2^64", cbor("x", &claim(0x40), &[], 0, b"y"), Told::Refused(Undecodable)),
        ("a message that claims 2^64 readings", claim(0x80), Told::Refused(TooLarge)),
        ("a message of arrays without end", vec![0x9f; ROOM], Told::Refused(Undecodable)),
        ("arrays in arrays", cbor("x", &[], &[0x81], ROOM, &[0]), Told::Refused(Undecodable)),
        ("arrays that claim 2^64 in one another", cbor("x", &[], &claim(0x80), ROOM, &[0]), Told::Refused(Undecodable)),
        ("maps that claim twelve in one another", cbor("x", &[], &[0xac], ROOM, &[0]), Told::Refused(Undecodable)),
        ("tags on tags", cbor("x", &[], &[0xc1], ROOM, &[0]), Told::Refused(Undecodable)),
        ("tags on tags at the root", vec![0xc6; ROOM], Told::Refused(Undecodable)),
        ("arrays 100 deep", cbor("x", &[0x81; 100], &[], 0, &[0]), by_name(Undecodable)),
        ("too many numbers", cbor("x", &[0x9f], &[0], ROOM, &[0xff]), by_name(Undecodable)),
        ("too many empty maps", cbor("x", &[0x9f], &[0xa0], ROOM, &[0xff]), by_name(Undecodable)),
        (
            "as many empty maps without a length as may be",
            cbor("x", &[0x9f], &[0xbf, 0xff], 2 * 65_000, &[0xff]),
            Told::Taken,
        ),
        (
            "as many small maps without a length as may be",
            cbor("x", &[0x9f], &[0xbf, 0x60, 0, 0xff], 4 * 32_000, &[0xff]),
            Told::Taken,
        ),
        ("a text in a million pieces", cbor("x", &[0x7f], &[0x60], ROOM, &[0xff]), Told::Taken),
        ("a text in pieces of pieces", cbor("x", &[0x7f], &[0x7f], ROOM, &[0xff]), Told::Refused(Undecodable)),
        ("a key twice, and twice again", cbor("x", &[0xbf], b"\x63seq\x09", ROOM, &[0xff]), by_name(Undecodable)),
        ("-2^64 as a number", cbor("uptime_ms", &[0x3b], &all, 8, &[]), by_name(OutOfRange)),
        ("a bignum", cbor("uptime_ms", &[0xc2, 0x5a, 0, 0xf, 0, 0], &[0xff], 0xf_0000, &[]), by_name(OutOfRange)),
        ("a reserved byte", cbor("x", &[0x1c], &[], 0, &[]), Told::Refused(Undecodable)),
    ]
}

#[test]
fn cbor_bombs_are_refused_or_ignored_within_memory_and_time() {
    alone(|| {
        for (what, payload, expected) in cbor_bombs() {
            holds(what, Encoding::Cbor, &payload, expected);
        }
        let empty = [&[0x99, 0x01, 0xf4][..], &[0xa0; 500]].concat();
        holds("a batch of empty maps", Encoding::Cbor, &empty, Told::Refused(MissingField));
    });
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts_in_cbor_too() {
    let device: Id = "d1".parse().unwrap();
    let twice = cbor("seq", &[10], &[], 0, &[]);
    assert_eq!(decode(Encoding::Cbor, &twice, &device).remove(0).result.unwrap().seq, 10);
}

#[test]
fn state_messages_are_bounded_too() {
    alone(|| {
        let deep = format!("{{\"v\":1,\"online\":true,\"x\":{}", "[".repeat(1_000_000));
        let maps = format!("{{\"v\":1,\"online\":true,\"x\":[{}0]}}", "{},".repeat(32_000));
        let firmware = format!("{{\"v\":1,\"online\":true,\"firmware\":\"{}\"}}", "y".repeat(1_000_000));
        for (text, expected) in [(deep, Err(Undecodable)), (maps, Ok(())), (firmware, Err(OutOfRange))] {
            let (state, took) = measured(|| decode_state(None, text.as_bytes()));
            assert_eq!(state.map(drop).map_err(|fault| fault.reason), expected);
            assert!(took.peak_bytes <= MOST_BYTES && took.cpu <= MOST_CPU, "{} bytes, {:?}", took.peak_bytes, took.cpu);
        }
    });
}
