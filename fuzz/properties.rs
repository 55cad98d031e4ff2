//! What must hold of any bytes whatever: the bodies of the fuzz targets, which `core/tests/hostile` drives too.
//!
//! Nothing panics; what is refused says why and where; what is taken is written again and read as the same.

use truceline_core::agreement::{self, Bundle};
use truceline_core::id::Id;
use truceline_core::registry::{Mobility, parse_registry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{
    DeviceState, Encoding, Fault, Item, MAX_BATCH, Reading, RejectReason, decode, decode_one, decode_state,
    encoding_of, has_fix, lacks_position, time_of, to_cbor,
};

/// Longest sentence of a fault in bytes: it is kept with each reject.
const MAX_DETAIL: usize = 512;
/// Longest path of a field in bytes.
const MAX_PATH: usize = 64;
/// Between the files of an agreement.
const NEXT_FILE: char = '\0';

/// A reading that is right, as the neighbour of what may not be.
pub const GOOD: &str = r#"{"v":1,"device":"d1","boot":3,"seq":9,"time":"2026-11-24T03:00:00Z","clock":{"source":"gnss"},"kind":"health","data":{}}"#;

fn device() -> Id {
    "d1".parse().expect("an id")
}

/// The JSON decoder.
pub fn json(data: &[u8]) {
    decoded(Encoding::Json, data);
    _ = decode_one(Encoding::Json, data).map_err(|fault| told(&fault));
}

/// The CBOR decoder.
pub fn cbor(data: &[u8]) {
    decoded(Encoding::Cbor, data);
    _ = decode_one(Encoding::Cbor, data).map_err(|fault| told(&fault));
}

/// A message as it comes: the first byte chooses the content type, the rest is the payload.
pub fn message(data: &[u8]) {
    let Some((first, payload)) = data.split_first() else { return };
    let types =
        [None, Some("application/json"), Some("application/cbor"), Some("application/cose"), Some("text/plain")];
    match encoding_of(types[usize::from(*first) % types.len()], payload) {
        Ok(encoding) => _ = decoded(encoding, payload),
        Err(fault) => told(&fault),
    }
    neighbours(payload);
}

/// What is one element of a batch spoils no other.
fn neighbours(payload: &[u8]) {
    let good = GOOD.as_bytes();
    let batch = [b"[", good, b",", payload, b",", good, b"]"].concat();
    let items = decoded(Encoding::Json, &batch);
    // With brackets or commas of its own it may be no element, or more than one.
    if let [first, middle, last] = items.as_slice()
        && middle.bytes == payload
    {
        assert!(first.result.is_ok() && last.result.is_ok(), "a neighbour is refused");
    }
}

/// A birth message or last will.
pub fn state(data: &[u8]) {
    match decode_state(None, data) {
        Err(fault) => told(&fault),
        Ok(state) => {
            let text = serde_json::to_vec(&state).expect("JSON");
            assert_eq!(decode_state(Some("application/json"), &text).as_ref(), Ok(&state), "written and read again");
            assert_eq!(serde_json::from_slice::<DeviceState>(&text).expect("as the journal keeps it"), state);
        }
    }
}

/// The terms, then the GeoJSON files `a.geojson`, `b.geojson` and so on, each after a zero byte.
pub fn agreement(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut bundle = Bundle::default();
    for (number, file) in text.split(NEXT_FILE).take(6).enumerate() {
        let name = match number {
            0 => Bundle::TERMS.to_owned(),
            _ => format!("{}.geojson", char::from(b'a' + number as u8 - 1)),
        };
        bundle.files.insert(name, file.to_owned());
    }
    let terms = &bundle.files[Bundle::TERMS];
    _ = (Bundle::files_named_by(terms), Bundle::day_patterns(terms));
    match agreement::compile(&bundle) {
        Ok(compiled) => {
            for warning in agreement::warnings(&compiled, None) {
                assert!(!warning.to_string().is_empty());
            }
            let again = Bundle::from_document(&bundle.document()).expect("its own document");
            assert_eq!(agreement::compile(&again).expect("compiled once").hash, compiled.hash);
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a fault");
            let told = faults
                .iter()
                .all(|fault| !fault.file.is_empty() && !fault.place.is_empty() && !fault.message.trim().is_empty());
            assert!(told, "{faults:?}");
        }
    }
}

/// A device registry.
pub fn registry(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse_registry(text) {
        Ok(registry) => {
            for device in registry.devices.values() {
                assert!(device.mobility == Mobility::Mobile || device.position.is_some(), "{device:?}");
                assert!(device.hacc_m.is_finite() && device.hacc_m > 0.0, "{device:?}");
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a fault");
            assert!(faults.iter().all(|fault| !fault.key.is_empty() && !fault.message.trim().is_empty()), "{faults:?}");
        }
    }
}

/// Decodes and holds every element to what is promised of it.
fn decoded(encoding: Encoding, payload: &[u8]) -> Vec<Item<'_>> {
    let items = decode(encoding, payload, &device());
    assert!((1..=MAX_BATCH).contains(&items.len()), "{} elements", items.len());
    for item in &items {
        assert!(payload.as_ptr_range().contains(&item.bytes.as_ptr()) || item.bytes.is_empty(), "bytes from elsewhere");
        match &item.result {
            Ok(reading) => taken(encoding, item.bytes, reading),
            Err(fault) => told(fault),
        }
    }
    items
}

/// A reading that is taken is the same when its stored bytes are read, and when it is written anew.
fn taken(encoding: Encoding, bytes: &[u8], reading: &Reading) {
    assert_eq!(reading.device, device());
    assert_eq!(decode_one(encoding, bytes).as_ref(), Ok(reading), "from its stored bytes");
    let only = |encoding, bytes: &[u8]| {
        let mut items = decode(encoding, bytes, &device());
        assert_eq!(items.len(), 1);
        items.remove(0).result
    };
    assert_eq!(only(Encoding::Cbor, &to_cbor(reading)).as_ref(), Ok(reading), "as CBOR");
    let text = serde_json::to_vec(reading).expect("JSON");
    assert_eq!(only(Encoding::Json, &text).as_ref(), Ok(reading), "as JSON");
    let now: Time = "2026-11-24T03:00:00Z".parse().expect("a time");
    _ = time_of(reading, now, Span::from_secs(86_400)).map_err(|fault| told(&fault));
    _ = (has_fix(reading), lacks_position(reading, None).map(|fault| told(&fault)));
}

/// A fault says why, and where if it is about a field.
fn told(fault: &Fault) {
    assert!(!fault.detail.trim().is_empty() && fault.detail.len() <= MAX_DETAIL, "{fault:?}");
    let of_a_field = matches!(fault.reason, RejectReason::OutOfRange | RejectReason::MissingField);
    assert!(!of_a_field || fault.path.is_some(), "{fault:?}");
    assert!(fault.path.as_ref().is_none_or(|path| (1..=MAX_PATH).contains(&path.len())), "{fault:?}");
}
