//! The fast way and the tree read the same.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::super::{envelope, json};
use super::*;

/// What the tree says of one element.
fn by_tree(text: &str, device: Option<&Id>) -> Option<Reading> {
    let parsed = json::parse(text.as_bytes()).ok()?;
    if parsed.problem.is_some() {
        return None;
    }
    envelope::reading(&parsed.value, device).ok()
}

/// Whatever is said of `text` is what the tree says, to the sign of zero; whether anything is said.
fn agrees(text: &str, device: Option<&Id>) -> bool {
    let Some(quick) = reading(text, device) else { return false };
    assert_eq!(format!("{quick:?}"), format!("{:?}", by_tree(text, device).expect("the tree takes it too")), "{text}");
    true
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-200.0..400.0).prop_map(|number: f64| number.to_string()),
        2 => (0_i64..1_000).prop_map(|number| number.to_string()),
        2 => (-1_000_000_i64..1_000_000, 0_u32..20).prop_map(|(n, d)| format!("{}.{:0width$}", n, n.abs(), width = d as usize + 1)),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec![
            "0", "-0", "-0.0", "00", "01", "1.", ".5", "1e3", "1E-3", "-", "+1", "1.50", "90", "90.0", "90.000000000000001",
            "360", "360.00000000000006", "-273.15", "-273.16", "1", "1.0", "1.0000000000000001", "4294967295", "4294967296",
            "9007199254740991", "9007199254740992", "0.1000000000000000055511151231257827", "2.2250738585072011e-308",
            "179769313486231570000000000000000000000", "255", "256", "86400000", "86400000.00000001", "null", "true",
        ]).prop_map(str::to_owned),
    ]
}

/// The fields of every map that has any, and some that none has.
const NUMBERS: [&str; 24] = [
    "lat",
    "lon",
    "alt_m",
    "hacc_m",
    "satellites",
    "uncertainty_ms",
    "since_sync_s",
    "uptime_ms",
    "confidence",
    "snr_db",
    "bearing_deg",
    "bearing_sd_deg",
    "range_m",
    "range_sd_m",
    "duration_ms",
    "count",
    "calibre_mm",
    "speed_mps",
    "heading_deg",
    "alt_agl_m",
    "battery_pct",
    "tilt_deg",
    "temperature_c",
    "other",
];

fn plain(kind: &str, data: &Json) -> Json {
    json!({
        "v": 1, "device": "st07-ac03", "boot": 12, "seq": 4711, "time": "2026-11-24T03:00:00.123456Z",
        "clock": {"source": "gnss", "uncertainty_ms": 5},
        "position": {"lat": 48.123_456, "lon": 37.912_345, "alt_m": 121, "hacc_m": 4.0, "fix": "3d", "satellites": 11},
        "kind": kind, "data": data,
    })
}

fn examples() -> Vec<Json> {
    let at = json!({"lat": 48.1, "lon": 37.9, "hacc_m": 12.0});
    vec![
        plain(
            "acoustic_detection",
            &json!({"class": "explosion", "confidence": 0.82, "snr_db": 14.2, "bearing_deg": 132.0,
            "bearing_sd_deg": 4.0, "duration_ms": 80, "count": 2}),
        ),
        plain("seismic_detection", &json!({"class": "of another world", "confidence": 1})),
        plain(
            "object_track",
            &json!({"track": "t1", "class": "tank", "confidence": 0.9, "position": at, "calibre_mm": 125,
            "speed_mps": 3.5, "heading_deg": 90}),
        ),
        plain(
            "object_track",
            &json!({"track": "t1", "class": "tank", "bearing_deg": 1, "bearing_sd_deg": 2, "range_m": 300,
            "range_sd_m": 20}),
        ),
        plain("uav_detection", &json!({"track": "u", "class": "multirotor", "position": at, "alt_agl_m": -3})),
        plain("gnss_status", &json!({"jamming": "none", "spoofing": "confirmed", "cn0_mean_dbhz": 38.5})),
        plain("weather", &json!({"temperature_c": -4.5, "wind_speed_mps": 3, "wind_from_deg": 270})),
        plain(
            "health",
            &json!({"battery_pct": 80.5, "enclosure": "closed", "tilt_deg": 0.3, "shock_g": 0, "storage_pct": 3}),
        ),
    ]
}

/// A reading's text with its keys in another order, and the one that follows it first.
fn written(reading: &Json, turn: usize, space: &str) -> String {
    let Json::Object(fields) = reading else { return reading.to_string() };
    let entries: Vec<String> =
        fields.iter().map(|(key, value)| format!("\"{key}\"{space}:{}", written(value, turn, space))).collect();
    let middle = turn % entries.len().max(1);
    let turned: Vec<String> = entries.iter().skip(middle).chain(entries.iter().take(middle)).cloned().collect();
    format!("{{{space}{}{space}}}", turned.join(&format!("{space},")))
}

#[test]
fn the_frequent_kinds_need_no_tree_in_whatever_order_their_fields_are() {
    let device: Id = "st07-ac03".parse().expect("an id");
    for example in examples() {
        for turn in 0..10 {
            for space in ["", " ", "\n\t"] {
                let text = written(&example, turn, space);
                assert!(agrees(&text, Some(&device)), "{text}");
                assert!(agrees(&text, None), "{text}");
            }
        }
        let other: Id = "another".parse().expect("an id");
        assert_eq!(reading(&example.to_string(), Some(&other)), None);
    }
}

#[test]
fn a_batch_is_taken_whole_with_the_text_of_each() {
    let device: Id = "st07-ac03".parse().expect("an id");
    let texts: Vec<String> = examples().iter().map(|example| written(example, 3, " ")).collect();
    let message = format!("[ {} ]", texts.join(" , "));
    let taken = batch(&message, &device).expect("all is plain");
    assert_eq!(taken.iter().map(|(text, _)| (*text).to_owned()).collect::<Vec<_>>(), texts);
    for (text, reading) in taken {
        assert_eq!(Some(reading), by_tree(text, Some(&device)));
    }
    for odd in ["[]", "[", &format!("[{}", texts[0]), &format!("[{},]", texts[0]), &format!("[{}]]", texts[0]), "[1]"] {
        assert!(batch(odd, &device).is_none(), "{odd}");
    }
    let one = &texts[0];
    assert!(batch(&format!("[{}]", vec![one.as_str(); MAX_BATCH].join(",")), &device).is_some());
    assert!(batch(&format!("[{}]", vec![one.as_str(); MAX_BATCH + 1].join(",")), &device).is_none());
}

proptest! {
    /// Numbers of every form in every field, fields of one kind in another, fields missing and twice.
    #[test]
    fn whatever_is_read_is_read_as_the_tree_reads_it(
        which in 0_usize..8, turn in 0_usize..10, changes in prop::collection::vec((0_usize..24, number(), 0_u8..3), 0..4),
        left_out in prop::option::of(0_usize..12), twice in prop::bool::weighted(0.1),
    ) {
        let mut example = examples().remove(which);
        for (field, _, place) in &changes {
            // A mark that no other text has; the number's own text is set below.
            let map: &mut Map<String, Json> = match place {
                0 => example.get_mut("data").and_then(Json::as_object_mut).expect("a map"),
                1 => example.get_mut("position").and_then(Json::as_object_mut).expect("a map"),
                _ => example.as_object_mut().expect("a map"),
            };
            map.insert(NUMBERS[*field].to_owned(), json!(format!("@{field}")));
        }
        if let Some(index) = left_out {
            let fields = example.as_object_mut().expect("a map");
            if let Some(key) = fields.keys().nth(index).cloned() {
                fields.remove(&key);
            }
        }
        let mut text = written(&example, turn, "");
        for (field, number, _) in &changes {
            text = text.replace(&format!("\"@{field}\""), number);
        }
        if twice {
            text = text.replacen("\"seq\":4711", "\"seq\":4711,\"seq\":4712", 1);
        }
        agrees(&text, None);
    }

    /// A byte changed, added or taken away anywhere.
    #[test]
    fn a_damaged_text_is_read_as_the_tree_reads_it(
        which in 0_usize..8, at in 0_usize..400, byte in prop::sample::select(b"{}[]\",:\\ 0123456789.-+eEntfu\n\x01\x7f".to_vec()),
        change in 0_u8..3,
    ) {
        let mut bytes = examples()[which].to_string().into_bytes();
        let at = at % bytes.len();
        match change {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            agrees(text, None);
        }
    }
}
