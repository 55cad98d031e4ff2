//! The readings that are published: of 1,000 devices near the example agreement's line.

use serde_json::json;

const DEVICES: usize = 1_000;

/// Even numbers in [0, 1), the same in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Topic and payload of each message, `batch` readings in each; half of the readings are health, four in ten
/// tracks, one in ten detections. Times go back from `now_s`, seconds since 1970.
pub fn messages(readings: usize, batch: usize, now_s: u64) -> Vec<(String, Vec<u8>)> {
    let mut draw = Draw(5);
    let mut seqs = vec![0_u64; DEVICES];
    (0..readings / batch)
        .map(|number| {
            let device = number % DEVICES;
            let items: Vec<_> = (0..batch).map(|_| reading(device, &mut seqs, now_s, &mut draw)).collect();
            let payload = match items.as_slice() {
                [one] => one.to_string(),
                many => json!(many).to_string(),
            };
            (format!("truceline/v1/readings/b{:02}/b{device:04}", device / 20), payload.into_bytes())
        })
        .collect()
}

fn reading(device: usize, seqs: &mut [u64], now_s: u64, draw: &mut Draw) -> serde_json::Value {
    let seq = seqs.get(device).copied().unwrap_or_default();
    if let Some(next) = seqs.get_mut(device) {
        *next += 1;
    }
    let (lat, lon) = (48.0 + (device % 40) as f64 * 0.012, 37.5 + (device / 40) as f64 * 0.03);
    // One a second of each device up to now, spread within the second.
    let seconds = now_s - 3_600 + seq % 3_600;
    let time = format!("{}.{:03}Z", rfc3339(seconds), device % 1_000);
    let (kind, data) = match draw.next() {
        part if part < 0.5 => ("health", json!({"battery_pct": 80.5, "enclosure": "closed", "tilt_deg": 0.3})),
        part if part < 0.9 => {
            let at = json!({"lat": lat + draw.next() * 0.01, "lon": lon + draw.next() * 0.01, "hacc_m": 12.0});
            (
                "object_track",
                json!({"track": format!("t{}", seq / 60), "class": "vehicle", "confidence": 0.9, "position": at}),
            )
        }
        _ => ("acoustic_detection", json!({"class": "vehicle", "confidence": 0.8, "snr_db": 14.2})),
    };
    json!({
        "v": 1, "device": format!("b{device:04}"), "boot": 1, "seq": seq, "time": time,
        "clock": {"source": "gnss", "uncertainty_ms": 5},
        "position": {"lat": lat, "lon": lon, "alt_m": 121, "hacc_m": 4.0, "fix": "3d", "satellites": 11},
        "kind": kind, "data": data,
    })
}

/// Seconds since 1970 as a date and a time of day (days to civil date after H. Hinnant's public-domain algorithm).
pub fn rfc3339(seconds: u64) -> String {
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}
