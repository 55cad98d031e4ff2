//! The examples of docs/wire.md are what the decoder takes, and the page names every kind and every reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use truceline_core::id::Id;
use truceline_core::registry::Mobility;
use truceline_core::wire::{
    Encoding, KINDS, RejectReason, Stored, decode, decode_state, encoding_of, lacks_position, to_cbor,
};

const PAGE: &str = include_str!("../../docs/wire.md");

/// The fenced examples: (what it is, text).
fn examples() -> Vec<(&'static str, &'static str)> {
    let fenced = PAGE.split("```").skip(1).step_by(2);
    let examples: Vec<_> = fenced.map(|block| block.split_once('\n').expect("a fence and its text")).collect();
    assert!(examples.len() >= 9, "the page has lost its examples: {}", examples.len());
    examples
}

#[test]
fn every_example_is_taken() {
    for (what, text) in examples() {
        match what {
            "json reading" => {
                let device: serde_json::Value = serde_json::from_str(text).expect(text);
                let device: Id = device["device"].as_str().expect("device").parse().expect("an id");
                assert_eq!(encoding_of(None, text.as_bytes()).expect("told by its first byte"), Encoding::Json);
                let reading = decode(Encoding::Json, text.as_bytes(), &device).remove(0).result.expect(text);
                assert!(lacks_position(&reading, Some(Mobility::Mobile)).is_none(), "{text}");
                let cbor = decode(Encoding::Cbor, &to_cbor(&reading), &device).remove(0).result;
                assert_eq!(cbor, Ok(reading));
            }
            "json state" => assert!(decode_state(Some("application/json"), text.as_bytes()).expect(text).online),
            "json stored" => assert_eq!(serde_json::from_str::<Stored>(text).expect(text).stored[1], (4800, 4811)),
            other => panic!("no check for an example marked '{other}'"),
        }
    }
}

#[test]
fn every_kind_and_every_reason_is_named() {
    for kind in KINDS {
        assert!(PAGE.contains(&format!("`{kind}`")), "{kind}");
    }
    for reason in RejectReason::ALL {
        assert!(PAGE.contains(&format!("`{}`", reason.as_str())), "{reason:?}");
    }
}

#[test]
fn a_minimal_detection_fits_one_satellite_message() {
    let text = r#"{"v":1,"device":"st07-ac03","boot":4294967295,"seq":4711,"time":"2026-11-24T03:00:00.123456Z",
        "clock":{"source":"gnss"},"kind":"acoustic_detection","data":{"class":"explosion","confidence":0.82}}"#;
    let device: Id = "st07-ac03".parse().unwrap();
    let reading = decode(Encoding::Json, text.as_bytes(), &device).remove(0).result.unwrap();
    // COSE_Sign1 around it: tag, array, protected header, key id and the 64 bytes of Ed25519, about 100 bytes.
    assert!(to_cbor(&reading).len() + 100 <= 340, "{} bytes", to_cbor(&reading).len());
}
