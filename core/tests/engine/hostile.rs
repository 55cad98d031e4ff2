//! Numbers that the contract accepts and nothing on Earth has: the engine says something finite, or nothing.

use serde_json::{Value, json};
use truceline_core::engine::Engine;

use crate::scene::*;

const RULES: &str = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
[[rule]]
id = "crossing"
kind = "crossing"
[[rule]]
id = "withdrawal"
kind = "withdrawal"
distances = [{ class = "tank", distance_m = 15000 }]
"#;

/// No alert holds a null where a number belongs, which is how JSON writes what is not finite.
fn finite(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(f64::is_finite),
        Value::Array(items) => items.iter().all(finite),
        Value::Object(entries) => {
            entries.iter().all(|(key, value)| finite(value) && !(key == "hacc_m" && value.is_null()))
        }
        _ => true,
    }
}

#[test]
fn the_largest_numbers_that_are_accepted_hurt_nothing() {
    let registry = fixed("st01-rd01", "st01", 1_000.0, 0.0, "") + &mobile("st01-pt01", "st01", "");
    let mut scene = Scene::new(RULES, &registry);
    let mut second = 0.0;
    for huge in [1e5, 1e9, 1e150, 1e200, 1e307, f64::MAX] {
        let report = |data: Value| json!({"kind": "patrol_report", "data": data});
        let track = |data: Value| json!({"kind": "object_track", "data": data});
        let (lat, lon) = at(2_000.0, 500.0);
        for fields in [
            report(json!({"observation": "explosion", "means": "heard", "range_max_m": huge})),
            report(
                json!({"observation": "explosion", "means": "saw", "sector_deg": 90, "sector_width_deg": 10, "range_min_m": huge / 10.0, "range_max_m": huge}),
            ),
            track(json!({"track": "p", "class": "tank", "position": {"lat": lat, "lon": lon, "hacc_m": huge}})),
            track(
                json!({"track": "p", "class": "tank", "bearing_deg": 90, "bearing_sd_deg": huge, "range_m": huge, "range_sd_m": 1}),
            ),
            track(
                json!({"track": "p", "class": "tank", "bearing_deg": 90, "bearing_sd_deg": 1e-300, "range_m": huge, "range_sd_m": huge}),
            ),
            track(
                json!({"track": "p", "class": "tank", "position": {"lat": lat, "lon": lon, "hacc_m": 5}, "calibre_mm": huge, "speed_mps": huge}),
            ),
            track(json!({"track": "p", "class": "tank", "position": {"lat": -lat, "lon": -lon, "hacc_m": 5}})),
        ] {
            second += 10.0;
            let device = if fields["kind"] == "patrol_report" { "st01-pt01" } else { "st01-rd01" };
            scene.reading(device, second, second + 0.1, fields);
        }
    }
    for alert in scene.alerts() {
        let value = serde_json::to_value(&alert).expect("JSON");
        assert!(finite(&value), "{value}");
        let text = value.to_string();
        assert!(!text.contains("inf") && !text.contains("NaN"), "{text}");
        serde_json::from_str::<truceline_core::alert::Alert>(&text).expect("is read again");
    }
    Engine::restore(&scene.engine.snapshot()).expect("the snapshot can be used");
}
