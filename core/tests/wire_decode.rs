//! The decoder: what a device may send, and that nothing it sends can hurt.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreadable_literal)]

use proptest::prelude::*;
use serde_json::{Value, json};
use truceline_core::id::Id;
use truceline_core::time::{Span, Time};
use truceline_core::wire::{
    Data, Encoding, Fault, Item, Reading, RejectReason, TimeBasis, decode, decode_one, decode_state, encoding_of,
    lacks_position, time_of, to_cbor,
};

fn device() -> Id {
    "st07-ac03".parse().unwrap()
}

/// The contract's own example.
fn example() -> Value {
    json!({
        "v": 1, "device": "st07-ac03", "boot": 12, "seq": 4711, "time": "2026-11-24T03:00:00.123456Z",
        "clock": {"source": "gnss", "uncertainty_ms": 5},
        "position": {"lat": 48.123456, "lon": 37.912345, "alt_m": 121, "hacc_m": 4.0, "fix": "3d", "satellites": 11},
        "kind": "acoustic_detection",
        "data": {"class": "explosion", "confidence": 0.82, "snr_db": 14.2, "bearing_deg": 132.0, "bearing_sd_deg": 4.0}
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = example();
    change(&mut value);
    value
}

fn kind(kind: &str, data: &Value) -> Value {
    with(|value| {
        value["kind"] = kind.into();
        value["data"] = data.clone();
    })
}

fn one(value: &Value) -> Result<Reading, Fault> {
    let text = value.to_string();
    let mut items = decode(Encoding::Json, text.as_bytes(), &device());
    assert_eq!(items.len(), 1);
    items.remove(0).result
}

fn refused(value: &Value) -> (RejectReason, String) {
    let fault = one(value).expect_err(&value.to_string());
    (fault.reason, fault.path.unwrap_or_default())
}

#[test]
fn the_contracts_example_is_read_in_json_and_in_cbor() {
    let reading = one(&example()).expect("valid");
    assert_eq!((reading.boot, reading.seq), (12, 4711));
    let Data::AcousticDetection(detection) = &reading.data else { panic!("{:?}", reading.data) };
    assert_eq!(detection.bearing_deg, Some(132.0));
    let cbor = to_cbor(&reading);
    assert_eq!(decode_one(Encoding::Cbor, &cbor).expect("valid"), reading);
    assert_eq!(encoding_of(None, &cbor).expect("CBOR"), Encoding::Cbor);
}

#[test]
fn every_kind_is_read_with_its_required_fields_alone() {
    for (name, data) in [
        ("acoustic_detection", json!({"class": "gunfire", "confidence": 0.5})),
        ("seismic_detection", json!({"class": "explosion", "confidence": 1, "count": 3})),
        ("object_track", json!({"track": "t1", "class": "tank", "position": {"lat": 48, "lon": 37}})),
        ("object_track", json!({"track": 7, "class": "tank", "bearing_deg": 10, "bearing_sd_deg": 1})),
        ("uav_detection", json!({"track": "u", "class": "multirotor", "alt_agl_m": 120.5})),
        ("gnss_status", json!({"jamming": "none", "spoofing": "confirmed"})),
        ("weather", json!({"temperature_c": -12})),
        ("health", json!({"battery_pct": 55, "dropped": [[1, 2, 3]]})),
        ("patrol_report", json!({"observation": "burst", "means": "heard"})),
        ("access_report", json!({"access": "denied"})),
        ("site_inspection", json!({"site": "site-1", "seen": [{"class": "mlrs", "count": 2}]})),
        ("hazard_report", json!({"hazard": "mine", "position": {"lat": 48, "lon": 37}})),
    ] {
        let reading = one(&kind(name, &data)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(reading.data.kind(), name);
        assert_eq!(decode_one(Encoding::Cbor, &to_cbor(&reading)).expect(name), reading);
    }
}

#[test]
fn each_reason_is_given_with_its_path() {
    use RejectReason as R;
    let set = |pointer: &'static str, to: Value| with(|value| *value.pointer_mut(pointer).expect(pointer) = to);
    let without = |parent: &'static str, key: &'static str| {
        with(|value| {
            value.pointer_mut(parent).and_then(Value::as_object_mut).expect(parent).remove(key);
        })
    };
    for (value, reason, path) in [
        (json!(7), R::Undecodable, ""),
        (set("/v", json!(2)), R::UnsupportedVersion, ""),
        (without("", "v"), R::MissingField, "v"),
        (set("/device", json!("st07-ac04")), R::TopicMismatch, ""),
        (set("/device", json!("ST07")), R::BadId, ""),
        (set("/device", json!(5)), R::OutOfRange, "device"),
        (set("/boot", json!(-1)), R::OutOfRange, "boot"),
        (set("/boot", json!(4_294_967_296_u64)), R::OutOfRange, "boot"),
        (set("/seq", json!(9_007_199_254_740_992_u64)), R::OutOfRange, "seq"),
        (set("/seq", json!(1.5)), R::OutOfRange, "seq"),
        (set("/time", json!("2026-11-24T03:00:00+01:00")), R::OutOfRange, "time"),
        (set("/time", Value::Null), R::MissingField, "time"),
        (without("/clock", "source"), R::MissingField, "clock.source"),
        (set("/clock/source", json!("sundial")), R::OutOfRange, "clock.source"),
        (set("/clock/uncertainty_ms", json!(86_400_001)), R::OutOfRange, "clock.uncertainty_ms"),
        (set("/position/lat", json!(90.1)), R::OutOfRange, "position.lat"),
        (set("/position/lon", json!("37")), R::OutOfRange, "position.lon"),
        (set("/position/hacc_m", json!(-1)), R::OutOfRange, "position.hacc_m"),
        (set("/position/satellites", json!(256)), R::OutOfRange, "position.satellites"),
        (without("/position", "lat"), R::MissingField, "position.lat"),
        (without("/position", "fix"), R::MissingField, "position.fix"),
        (set("/kind", json!("telepathy")), R::UnknownKind, ""),
        (without("", "data"), R::MissingField, "data"),
        (set("/data/confidence", json!(1.01)), R::OutOfRange, "data.confidence"),
        (without("/data", "confidence"), R::MissingField, "data.confidence"),
        (without("/data", "bearing_sd_deg"), R::MissingField, "data.bearing_sd_deg"),
        (set("/data/bearing_sd_deg", json!(0)), R::OutOfRange, "data.bearing_sd_deg"),
        (kind("gnss_status", &json!({"jamming": "maybe", "spoofing": "none"})), R::OutOfRange, "data.jamming"),
        (kind("weather", &json!({})), R::MissingField, "data.temperature_c"),
        (kind("health", &json!({"dropped": [[1, 5, 4]]})), R::OutOfRange, "data.dropped"),
        (kind("object_track", &json!({"track": "", "class": "tank"})), R::OutOfRange, "data.track"),
        (kind("hazard_report", &json!({"hazard": "mine"})), R::MissingField, "data.position"),
    ] {
        assert_eq!(refused(&value), (reason, path.to_owned()), "{value}");
    }
}

#[test]
fn the_identity_is_told_whatever_else_is_wrong() {
    let fault = one(&kind("telepathy", &json!({}))).expect_err("unknown kind");
    assert_eq!(fault.identity, Some((12, 4711)));
    let fault = one(&with(|value| value["v"] = json!(9))).expect_err("other version");
    assert_eq!(fault.identity, Some((12, 4711)));
}

#[test]
fn unknown_fields_and_classes_are_taken_and_zero_accuracy_is_unknown() {
    let reading = one(&with(|value| {
        value["colour"] = json!("red");
        value["data"]["class"] = json!("thunder");
        value["position"]["hacc_m"] = json!(0);
        value["uptime_ms"] = Value::Null;
    }))
    .expect("valid");
    let Data::AcousticDetection(detection) = reading.data else { panic!("kind") };
    assert_eq!(detection.class.as_str(), "unknown");
    assert_eq!(reading.position.expect("position").hacc_m, None);
}

#[test]
fn a_position_is_needed_but_by_fixed_devices_and_patrols() {
    use truceline_core::registry::Mobility;
    let bare = with(|value| {
        value.as_object_mut().expect("map").remove("position");
    });
    let reading = one(&bare).expect("the decoder does not know the registry");
    assert!(lacks_position(&reading, Some(Mobility::Fixed)).is_none());
    let fault = lacks_position(&reading, None).expect("unregistered");
    assert_eq!((fault.reason, fault.path.as_deref()), (RejectReason::MissingField, Some("position")));
    assert!(lacks_position(&reading, Some(Mobility::Mobile)).is_some());
}

#[test]
fn in_a_batch_the_good_are_taken_and_each_bad_one_is_refused_alone() {
    let second = kind("telepathy", &json!({}));
    let text = format!("[ {} ,\n{},7]", example(), second);
    let items = decode(Encoding::Json, text.as_bytes(), &device());
    assert_eq!(items.len(), 3);
    assert!(items[0].result.is_ok());
    assert_eq!(items[0].bytes, example().to_string().as_bytes(), "an element's bytes are its own");
    assert_eq!(items[1].result.as_ref().expect_err("bad").reason, RejectReason::UnknownKind);
    assert_eq!(items[2].result.as_ref().expect_err("bad").reason, RejectReason::Undecodable);
}

#[test]
fn a_cbor_batch_of_either_length_keeps_each_elements_bytes() {
    let element = to_cbor(&one(&example()).expect("valid"));
    let definite = [&[0x82][..], &element, &element].concat();
    let indefinite = [&[0x9f][..], &element, &element, &[0xff]].concat();
    for message in [definite, indefinite] {
        let items = decode(Encoding::Cbor, &message, &device());
        assert_eq!(items.len(), 2);
        assert!(items.iter().all(|item| item.result.is_ok() && item.bytes == element));
    }
}

#[test]
fn what_is_too_large_is_refused_whole() {
    let reasons = |payload: &[u8], encoding| -> Vec<_> {
        decode(encoding, payload, &device()).iter().map(|item| item.result.as_ref().err().map(|f| f.reason)).collect()
    };
    let many = format!("[{}0]", "0,".repeat(500));
    assert_eq!(reasons(many.as_bytes(), Encoding::Json), [Some(RejectReason::TooLarge)]);
    let most = format!("[{}0]", "0,".repeat(499));
    assert_eq!(reasons(most.as_bytes(), Encoding::Json).len(), 500);
    let long = vec![b' '; (1 << 20) + 1];
    assert_eq!(reasons(&long, Encoding::Json), [Some(RejectReason::TooLarge)]);
    assert_eq!(reasons(b"[]", Encoding::Json), [Some(RejectReason::Undecodable)]);
    // An array that claims 2^64-1 elements, and one of 501 zeros.
    assert_eq!(
        reasons(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255], Encoding::Cbor),
        [Some(RejectReason::TooLarge)]
    );
    let zeros = [&[0x99, 0x01, 0xf5][..], &[0; 501]].concat();
    assert_eq!(reasons(&zeros, Encoding::Cbor), [Some(RejectReason::TooLarge)]);
}

#[test]
fn nesting_is_bounded_in_both_encodings() {
    let json = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(decode(Encoding::Json, json.as_bytes(), &device()).len(), 1);
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    assert!(decode(Encoding::Json, deep.as_bytes(), &device())[0].result.is_err());
    assert!(decode(Encoding::Cbor, &vec![0x81; 100_000], &device())[0].result.is_err());
    assert!(decode(Encoding::Cbor, &vec![0xc1; 100_000], &device())[0].result.is_err());
}

#[test]
fn the_encoding_is_told_by_content_type_else_by_the_first_byte() {
    assert_eq!(encoding_of(Some("application/json; charset=utf-8"), b"").expect("named"), Encoding::Json);
    assert_eq!(encoding_of(Some("application/cose"), b"").expect("named"), Encoding::Cose);
    assert_eq!(encoding_of(None, b" {").expect("JSON"), Encoding::Json);
    assert_eq!(encoding_of(None, &[0xd2, 0x84]).expect("COSE"), Encoding::Cose);
    for payload in [&b""[..], b"hello", &[0xff]] {
        assert_eq!(encoding_of(None, payload).expect_err("neither").reason, RejectReason::Undecodable);
    }
    assert!(encoding_of(Some("text/plain"), b"{}").is_err());
    let signed = decode(Encoding::Cose, &[0xd2, 0x84], &device());
    assert_eq!(signed[0].result.as_ref().expect_err("no keys").reason, RejectReason::BadSignature);
}

#[test]
fn a_disciplined_clock_may_not_be_far_off_and_another_is_estimated() {
    let at = |source: &str, time: &str| {
        one(&with(|value| {
            value["time"] = time.into();
            value["clock"] = json!({"source": source, "uncertainty_ms": 1000});
        }))
        .expect("valid")
    };
    let now: Time = "2026-11-24T03:00:00Z".parse().unwrap();
    let horizon = Span::from_secs(86_400);
    let judge = |source, time| time_of(&at(source, time), now, horizon);
    let edge = judge("gnss", "2026-11-24T03:05:01Z").expect("5 minutes and the uncertainty are allowed");
    assert_eq!(edge.1, TimeBasis::Reported);
    let fault = judge("gnss", "2026-11-24T03:05:01.000000001Z").expect_err("future");
    assert_eq!((fault.reason, fault.identity), (RejectReason::TimeInFuture, Some((12, 4711))));
    assert!(judge("gnss", "2026-11-23T03:00:00Z").is_ok(), "the horizon itself");
    assert_eq!(judge("ntp", "2026-11-23T02:59:59Z").expect_err("old").reason, RejectReason::TimeTooOld);
    assert_eq!(judge("rtc", "2001-01-01T00:00:00Z").expect("estimated"), (now, TimeBasis::Estimated));
    assert_eq!(judge("none", "2026-11-24T02:00:00Z").expect("plausible").1, TimeBasis::Reported);
}

#[test]
fn state_messages_are_read() {
    let state = decode_state(None, br#"{"v":1,"online":true,"boot":12,"interval_s":60,"reason":"sleep","x":[]}"#);
    assert_eq!(state.expect("valid").interval_s, Some(60.0));
    assert!(!decode_state(None, br#"{"v":1,"online":false}"#).expect("a will").online);
    assert!(decode_state(None, br#"{"v":1,"online":true,"reason":"bored"}"#).is_err());
    assert!(decode_state(None, b"7").is_err());
}

fn never_panics(payload: &[u8]) -> Result<(), TestCaseError> {
    for encoding in [Encoding::Json, Encoding::Cbor, Encoding::Cose] {
        let items: Vec<Item<'_>> = decode(encoding, payload, &device());
        prop_assert!(!items.is_empty());
        for item in items {
            if let Ok(reading) = item.result {
                prop_assert_eq!(decode_one(encoding, item.bytes).expect("stored bytes are read again"), reading);
            }
        }
        let _ = decode_one(encoding, payload);
    }
    let _ = decode_state(None, payload);
    let _ = encoding_of(None, payload);
    Ok(())
}

proptest! {
    #[test]
    fn random_bytes_never_panic(payload in prop::collection::vec(any::<u8>(), 0..400)) {
        never_panics(&payload)?;
    }

    #[test]
    fn damaged_messages_never_panic(cbor in any::<bool>(), cut in 0_usize..600, flips in prop::collection::vec((0_usize..600, any::<u8>()), 0..6)) {
        let mut payload = if cbor { to_cbor(&one(&example()).unwrap()) } else { example().to_string().into_bytes() };
        for (at, byte) in flips {
            let length = payload.len();
            payload[at % length] = byte;
        }
        payload.truncate(cut.max(1));
        never_panics(&payload)?;
    }

    #[test]
    fn what_is_read_survives_json_and_cbor(
        boot in any::<u32>(), seq in 0_u64..(1 << 53), nanos in 0_i64..4_000_000_000_000_000_000,
        lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64, hacc in prop::option::of(0.001..1e6_f64),
        confidence in 0.0..=1.0_f64, bearing in prop::option::of((0.0..=360.0_f64, 0.001..90.0_f64)), count in prop::option::of(1_u32..),
    ) {
        let value = with(|value| {
            value["boot"] = boot.into();
            value["seq"] = seq.into();
            value["time"] = Time::from_nanos(nanos).to_string().into();
            value["position"] = json!({"lat": lat, "lon": lon, "hacc_m": hacc, "fix": "2d"});
            value["data"] = json!({"class": "launch", "confidence": confidence, "count": count,
                "bearing_deg": bearing.map(|pair| pair.0), "bearing_sd_deg": bearing.map(|pair| pair.1)});
        });
        let reading = one(&value).expect("valid");
        prop_assert_eq!(reading.time.nanos(), nanos);
        prop_assert_eq!(reading.position.unwrap().lat, Some(lat));
        let again = serde_json::to_value(&reading).unwrap();
        prop_assert_eq!(&one(&again).expect("valid"), &reading);
        prop_assert_eq!(decode_one(Encoding::Cbor, &to_cbor(&reading)).expect("valid"), reading);
    }
}
