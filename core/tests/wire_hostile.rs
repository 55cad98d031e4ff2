//! What a broken or hostile device may send: each a fault with a clear reason, bounded in time and memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use truceline_core::id::Id;
use truceline_core::wire::{Encoding, Fault, Item, RejectReason, decode, decode_state, encoding_of};

fn decoded(encoding: Encoding, payload: &[u8]) -> Vec<Item<'_>> {
    let device: Id = "d1".parse().unwrap();
    decode(encoding, payload, &device)
}

fn fault(encoding: Encoding, payload: &[u8]) -> Fault {
    let mut items = decoded(encoding, payload);
    assert_eq!(items.len(), 1);
    items.remove(0).result.expect_err("a fault")
}

/// A valid reading in JSON with `extra` before its end.
fn reading(extra: &str) -> String {
    format!(
        r#"{{"v":1,"device":"d1","boot":3,"seq":9,"time":"2026-11-24T03:00:00Z","clock":{{"source":"gnss"}},"kind":"health","data":{{}}{extra}}}"#
    )
}

const IDENTITY: Option<(u32, u64)> = Some((3, 9));

#[test]
fn a_number_too_large_for_a_float_is_out_of_range_at_its_path() {
    for number in ["1e999", "-1e999", &format!("1{}", "0".repeat(400)), &"9".repeat(400)] {
        let fault = fault(Encoding::Json, reading(&format!(r#","uptime_ms":{number}"#)).as_bytes());
        assert_eq!((fault.reason, fault.path.as_deref()), (RejectReason::OutOfRange, Some("uptime_ms")), "{number}");
        assert_eq!(fault.identity, IDENTITY);
    }
    let item = &decoded(Encoding::Json, reading(r#","colour":1e999"#).as_bytes())[0].result.clone();
    assert!(item.is_ok(), "an unknown field is ignored, whatever it holds: {item:?}");
}

#[test]
fn a_float_that_is_no_number_is_out_of_range_in_cbor() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let fault = fault(Encoding::Cbor, &cbor_reading(|encoder| _ = encoder.str("uptime_ms").unwrap().f64(float)));
        assert_eq!((fault.reason, fault.path.as_deref()), (RejectReason::OutOfRange, Some("uptime_ms")));
        assert_eq!(fault.identity, IDENTITY);
    }
}

/// The same reading in CBOR with one more entry.
fn cbor_reading(extra: impl Fn(&mut minicbor::Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.map(9).unwrap();
    encoder.str("v").unwrap().u8(1).unwrap().str("device").unwrap().str("d1").unwrap();
    encoder.str("boot").unwrap().u8(3).unwrap().str("seq").unwrap().u8(9).unwrap();
    encoder.str("time").unwrap().str("2026-11-24T03:00:00Z").unwrap();
    encoder.str("clock").unwrap().map(1).unwrap().str("source").unwrap().str("gnss").unwrap();
    encoder.str("kind").unwrap().str("health").unwrap().str("data").unwrap().map(0).unwrap();
    extra(&mut encoder);
    bytes
}

#[test]
fn cbor_forms_that_json_has_not_are_read_or_ignored() {
    let taken = [
        cbor_reading(|encoder| _ = encoder.str("uptime_ms").unwrap().f16(1.5)),
        cbor_reading(|encoder| _ = encoder.str("uptime_ms").unwrap().undefined()),
        cbor_reading(|encoder| _ = encoder.u8(7).unwrap().u8(7)),
        cbor_reading(|encoder| _ = encoder.str("blob").unwrap().bytes(&[0; 40])),
        cbor_reading(|encoder| _ = encoder.str("odd").unwrap().simple(99)),
        cbor_reading(|encoder| _ = encoder.str("when").unwrap().tag(minicbor::data::Tag::new(1)).unwrap().u32(7)),
        [&[0xd9, 0xd9, 0xf7][..], &cbor_reading(|encoder| _ = encoder.str("x").unwrap().null())].concat(),
    ];
    for bytes in taken {
        assert_eq!(encoding_of(None, &bytes).expect("CBOR"), Encoding::Cbor);
        assert!(decoded(Encoding::Cbor, &bytes)[0].result.is_ok(), "{bytes:x?}");
    }
    let pieces = cbor_reading(|encoder| {
        encoder.str("attachments").unwrap().begin_array().unwrap().end().unwrap();
    });
    assert!(decoded(Encoding::Cbor, &pieces)[0].result.is_ok());
    let bytes_as_text = cbor_reading(|encoder| _ = encoder.str("test").unwrap().bytes(b"true"));
    assert_eq!(fault(Encoding::Cbor, &bytes_as_text).path.as_deref(), Some("test"));
}

#[test]
fn text_that_is_not_utf8_is_refused_alone_and_its_identity_told() {
    let mut bad = reading(r#","note":"?""#).into_bytes();
    let at = bad.iter().position(|byte| *byte == b'?').unwrap();
    bad[at] = 0xff;
    let single = fault(Encoding::Json, &bad);
    assert_eq!((single.reason, single.identity), (RejectReason::Undecodable, IDENTITY));
    let good = reading("");
    let batch = [b"[", good.as_bytes(), b",", &bad, b",", good.as_bytes(), b"]"].concat();
    let results: Vec<bool> = decoded(Encoding::Json, &batch).iter().map(|item| item.result.is_ok()).collect();
    assert_eq!(results, [true, false, true]);
    let lone_surrogate = reading(r#","note":"\ud800""#);
    assert!(decoded(Encoding::Json, lone_surrogate.as_bytes())[0].result.is_ok(), "in an unknown field");
}

#[test]
fn what_is_nested_too_deep_is_refused_alone_and_its_identity_told() {
    for depth in [20, 100, 200, 60_000] {
        let deep = reading(&format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
        let single = fault(Encoding::Json, deep.as_bytes());
        assert_eq!((single.reason, single.identity), (RejectReason::Undecodable, IDENTITY), "{depth}");
        let batch = format!("[{},{deep}]", reading(""));
        let results: Vec<bool> =
            decoded(Encoding::Json, batch.as_bytes()).iter().map(|item| item.result.is_ok()).collect();
        assert_eq!(results, [true, false], "{depth}");
    }
    let deep = cbor_reading(|encoder| {
        encoder.str("x").unwrap();
        (0..30).for_each(|_| _ = encoder.array(1).unwrap());
        encoder.u8(0).unwrap();
    });
    let good = cbor_reading(|encoder| _ = encoder.str("x").unwrap().null());
    let batch = [&[0x82][..], &deep, &good].concat();
    let items = decoded(Encoding::Cbor, &batch);
    assert_eq!(items[0].result.as_ref().expect_err("deep").identity, IDENTITY);
    assert!(items[1].result.is_ok());
}

#[test]
fn an_element_of_very_many_values_is_refused() {
    let many = reading(&format!(r#","x":[{}0]"#, "0,".repeat(70_000)));
    assert_eq!(fault(Encoding::Json, many.as_bytes()).reason, RejectReason::Undecodable);
    let within = reading(&format!(r#","x":[{}0]"#, "0,".repeat(60_000)));
    assert!(decoded(Encoding::Json, within.as_bytes())[0].result.is_ok(), "an unknown field may be large");
    let commas = reading(&format!(r#","x":"{}""#, ",".repeat(100_000)));
    assert!(decoded(Encoding::Json, commas.as_bytes())[0].result.is_ok(), "commas in a text are no values");
    let cbor = cbor_reading(|encoder| {
        encoder.str("x").unwrap().array(70_000).unwrap();
        (0..70_000).for_each(|_| _ = encoder.u8(0).unwrap());
    });
    let refused = fault(Encoding::Cbor, &cbor);
    assert_eq!((refused.reason, refused.identity), (RejectReason::Undecodable, IDENTITY));
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let twice = reading(r#","seq":10"#);
    let item = decoded(Encoding::Json, twice.as_bytes()).remove(0).result.expect("valid");
    assert_eq!(item.seq, 10);
}

#[test]
fn white_space_around_a_reading_is_not_part_of_its_bytes() {
    let plain = reading("");
    for message in [format!("{plain}\n"), format!(" \t{plain}\r\n"), format!("[ {plain} ]\n")] {
        assert_eq!(decoded(Encoding::Json, message.as_bytes())[0].bytes, plain.as_bytes());
    }
}

#[test]
fn a_message_that_does_not_end_where_it_should_is_refused_whole() {
    let good = reading("");
    for message in [
        format!("{good}{good}"),
        format!("[{good}]]"),
        format!("[{good}]x"),
        format!("[{good}"),
        format!("[{good}}}"),
        format!("\u{feff}{good}"),
        "[\"".to_owned(),
        String::new(),
    ] {
        assert_eq!(fault(Encoding::Json, message.as_bytes()).reason, RejectReason::Undecodable, "{message}");
    }
    let one = cbor_reading(|encoder| _ = encoder.str("x").unwrap().null());
    for message in [[&one[..], &[0]].concat(), [&[0x81][..], &one, &[0]].concat(), [&[0x82][..], &one].concat()] {
        assert_eq!(fault(Encoding::Cbor, &message).reason, RejectReason::Undecodable);
    }
}

#[test]
fn a_signed_message_is_known_by_its_tag_and_says_why_it_is_refused() {
    for message in [&[0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40][..], &[0xd8, 0x12, 0x84, 0x40, 0xa0, 0x40, 0x40]] {
        assert_eq!(encoding_of(None, message).expect("COSE"), Encoding::Cose);
        let fault = fault(Encoding::Cose, message);
        assert_eq!(fault.reason, RejectReason::BadSignature);
        assert!(fault.detail.contains("no keys are registered"), "{}", fault.detail);
    }
}

#[test]
fn a_faulty_state_message_says_what_is_wrong_with_it() {
    use RejectReason as R;
    for (message, reason) in [
        (r#"{"online":true}"#, R::MissingField),
        (r#"{"v":1}"#, R::MissingField),
        (r#"{"v":2,"online":true}"#, R::UnsupportedVersion),
        (r#"{"v":1,"online":"yes"}"#, R::OutOfRange),
        (r#"{"v":1,"online":true,"boot":-1}"#, R::OutOfRange),
        (r#"{"v":1,"online":true,"time":"soon"}"#, R::OutOfRange),
        (r#"{"v":1,"online":true,"interval_s":0}"#, R::OutOfRange),
        (r#"{"v":1,"online":true,"next_by":7}"#, R::OutOfRange),
        (r#"[{"v":1,"online":true}]"#, R::Undecodable),
        (r#"{"v":1,"online":true"#, R::Undecodable),
    ] {
        assert_eq!(decode_state(None, message.as_bytes()).expect_err(message).reason, reason, "{message}");
    }
}
