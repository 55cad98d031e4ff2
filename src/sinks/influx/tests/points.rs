//! What is in a point, and what is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use truceline_core::log::{Body, Entry};
use truceline_core::time::Span;
use truceline_core::wire::KINDS;

use super::super::reading::line_of;
use super::reading;
use crate::sinks::Form;

/// One reading of each kind with every field it may have.
fn full() -> Vec<Entry> {
    let place = json!({"lat": 48.133_456, "lon": 37.922_345, "hacc_m": 7.5});
    let track = json!({
        "track": "t1", "class": "unknown", "calibre_mm": 122, "confidence": 1, "position": place, "speed_mps": 3,
        "heading_deg": 77.125, "alt_agl_m": 90,
    });
    let bearing = json!({"track": "t2", "class": "unknown", "bearing_deg": 132.375, "bearing_sd_deg": 4,
        "range_m": 1234.5, "range_sd_m": 5});
    let sound = json!({"class": "explosion", "confidence": 0.82, "snr_db": 14, "bearing_deg": 132.375,
        "bearing_sd_deg": 4.5, "duration_ms": 20, "count": 3});
    let sector = json!({"sector_deg": 132.375, "sector_width_deg": 20, "range_min_m": 1234.5, "range_max_m": 2345.5});
    let with = |mut base: Value, more: &Value| {
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    let data = [
        ("acoustic_detection", sound.clone()),
        ("seismic_detection", sound),
        ("object_track", track.clone()),
        ("object_track", bearing.clone()),
        ("uav_detection", track),
        ("uav_detection", bearing),
        ("gnss_status", json!({"jamming": "none", "spoofing": "confirmed", "cn0_mean_dbhz": 40})),
        ("weather", json!({"temperature_c": -3, "wind_speed_mps": 4, "wind_from_deg": 270})),
        (
            "health",
            json!({"battery_pct": 80, "enclosure": "open", "tilt_deg": 1, "shock_g": 2, "storage_pct": 3,
            "dropped": [[1, 5, 9], [1, 20, 20]]}),
        ),
        (
            "patrol_report",
            with(
                json!({"observation": "burst", "means": "heard", "count": 4,
            "count_qualifier": "at_least", "assessment": "incoming", "weapon": {"class": "mortar", "calibre_mm": 82},
            "note": "told by the baker"}),
                &sector,
            ),
        ),
        (
            "access_report",
            json!({"access": "denied", "by": "the baker", "duration_s": 60, "note": "told by the baker"}),
        ),
        (
            "site_inspection",
            json!({"site": "s1", "expected": [{"class": "tank", "count": 3}],
            "seen": [{"class": "tank", "count": 2}], "access": "granted", "note": "told by the baker"}),
        ),
        ("hazard_report", with(json!({"hazard": "mine", "note": "told by the baker"}), &json!({"position": place}))),
        ("hazard_report", with(json!({"hazard": "uxo"}), &sector)),
    ];
    let entries: Vec<Entry> =
        data.iter().enumerate().map(|(index, (kind, data))| reading(index as u64 + 1, kind, data)).collect();
    for kind in KINDS {
        assert!(data.iter().any(|(own, _)| *own == kind), "{kind} is missing");
    }
    entries
}

fn line(entry: &Entry, form: Form) -> String {
    let Body::Reading(body) = &entry.body else { unreachable!() };
    line_of(body, entry.arrived, form).unwrap().unwrap()
}

/// The fields of a line whose texts hold no separators.
fn fields(line: &str) -> BTreeMap<&str, &str> {
    let fields = line.split(' ').nth(1).unwrap();
    fields.split(',').map(|field| field.split_once('=').unwrap()).collect()
}

#[test]
fn a_field_has_one_type_whatever_the_kind_of_reading() {
    let mut types: BTreeMap<String, (char, String)> = BTreeMap::new();
    for form in [Form::Internal, Form::Viewer] {
        for entry in full() {
            let line = line(&entry, form);
            for (key, value) in fields(&line) {
                let kind = match value.as_bytes() {
                    [b'"', ..] => 't',
                    [.., b'i'] => 'i',
                    _ => 'f',
                };
                let (before, first) = types.entry(key.to_owned()).or_insert((kind, line.clone()));
                assert_eq!(*before, kind, "{key} in\n{first}\n{line}");
            }
        }
    }
    assert!(types.len() > 40, "{types:?}");
    let told = told("## Measurement `reading`", 2);
    assert_eq!(types.into_iter().map(|(key, (kind, _))| (key, kind)).collect::<BTreeMap<_, _>>(), told);
}

/// The table of fields below a heading of the page for users: each field's name and type.
fn told(heading: &str, columns_before_type: usize) -> BTreeMap<String, char> {
    let page =
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/outputs.md")).unwrap();
    let section = page.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let kind = row.split('|').nth(columns_before_type).unwrap().trim().chars().next().unwrap();
        let names = row.split('|').nth(1).unwrap();
        names.split('`').skip(1).step_by(2).map(move |name| (name.to_owned(), kind)).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_page_tells_the_fields_of_an_alert() {
    let at = truceline_core::time::Time::from_nanos(1);
    let alert = serde_json::from_value(json!({
        "id": "00000000-0000-0000-0000-000000000001", "revision": 1, "rule": "r", "category": "no_fire",
        "severity": "severe", "certainty": {"probability": 0.5, "word": "likely"}, "subject": "device:d", "zone": "z",
        "started": at, "last": at, "ended": at, "ended_reason": "resolved", "detected_at": at, "updated_at": at,
        "where": {"shape": "disc", "position": {"lat": 1, "lon": 2}, "radius_m": 3, "line_distance_m": 4,
            "line_distance_error_m": 5, "chainage_m": 6, "located_side": "a", "p_side_a": 1, "zones": []},
        "detections": 1, "count_qualifier": "at_least", "events": null, "agreement": {"id": "a", "hash": "0"},
        "timeliness": "live", "status": "actual", "labels": ["late_notice"], "summary": "nothing",
    }))
    .unwrap();
    let row = crate::sinks::AlertRow { seq: 1, written_at: at, said: alert };
    let told = told("## Measurement `alert`", 2);
    for form in [Form::Internal, Form::Viewer] {
        let line = super::super::alert::line_of(&row, form).unwrap();
        for key in told.keys() {
            assert!(line.contains(&format!("{key}=")), "{key} is not in {line}");
        }
        assert_eq!(line.matches('=').count(), told.len() + 2, "the fields and two tags: {line}");
    }
}

#[test]
fn the_page_tells_the_fields_of_an_event_and_the_viewers_form_names_no_device() {
    let at = truceline_core::time::Time::from_nanos(1);
    let event = serde_json::from_value(json!({
        "id": "00000000-0000-0000-0000-000000000001", "revision": 1, "kind": "permitted", "rule": "r",
        "category": "crossing", "certainty": {"probability": 0.5, "word": "likely"}, "subject": "device:st-7", "zone": "z",
        "started": at, "last": at, "ended": at, "ended_reason": "resolved", "updated_at": at,
        "where": {"shape": "disc", "position": {"lat": 1.2345, "lon": 2}, "radius_m": 3, "line_distance_m": 4,
            "line_distance_error_m": 5, "chainage_m": 6, "located_side": "a", "p_side_a": 1, "zones": []},
        "detections": 1, "count_qualifier": "at_least", "agreement": {"id": "a", "hash": "0"},
        "timeliness": "live", "status": "actual", "permission": "device st-7", "labels": ["late_notice"],
        "summary": "st-7 crossed",
    }))
    .unwrap();
    let row = crate::sinks::EventRow { seq: 1, written_at: at, said: event };
    let told = told("## Measurement `event`", 2);
    let [internal, viewer] =
        [Form::Internal, Form::Viewer].map(|form| super::super::event::line_of(&row, form).unwrap());
    for key in told.keys() {
        assert!(internal.contains(&format!("{key}=")), "{key} is not in {internal}");
        assert!(key == "permission" || viewer.contains(&format!("{key}=")), "{key} is not in {viewer}");
    }
    assert_eq!(internal.matches('=').count(), told.len() + 2, "the fields and two tags: {internal}");
    assert_eq!(viewer.matches('=').count(), told.len() + 1, "all but the permission: {viewer}");
    assert!(internal.contains("1.2345") && internal.matches("st-7").count() == 3, "{internal}");
    assert!(!viewer.contains("1.2345") && !viewer.contains("st-7"), "{viewer}");
}

#[test]
fn the_viewers_form_tells_no_place_better_than_a_kilometre_and_no_direction() {
    let secrets = [
        "48.12345", "37.91234", "48.13345", "37.92234", "121.5", "4.25", "7.5", "132.375", "77.125", "1234.5",
        "2345.5", "baker",
    ];
    for entry in full() {
        let line = line(&entry, Form::Viewer);
        for secret in secrets {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
        assert_eq!(fields(&line)["lat"], "48.12");
        for key in fields(&line).keys() {
            let tells = ["bearing", "range", "heading", "sector", "alt_m", "hacc", "_ns", "track"];
            assert!(!tells.iter().any(|word| key.contains(word)), "{key} in {line}");
        }
    }
}

#[test]
fn the_internal_form_holds_everything_but_what_tells_of_persons() {
    let lines: Vec<String> = full().iter().map(|entry| line(entry, Form::Internal)).collect();
    assert_eq!(
        lines[0],
        "reading,device=dev,kind=acoustic_detection,station=st boot=3i,seq=1i,time_ns=1764000001000000000i,\
         arrived_ns=1764000001000000000i,clock_uncertainty_ms=5.0,lat=48.123456,lon=37.912345,alt_m=121.5,\
         hacc_m=4.25,satellites=11i,class=\"explosion\",confidence=0.82,snr_db=14.0,bearing_deg=132.375,\
         bearing_sd_deg=4.5,duration_ms=20.0,count=3i 1764000001000000001"
    );
    let all = lines.join("\n");
    assert!(all.contains("range_m=1234.5") && all.contains("object_lat=48.133456") && all.contains("dropped=6i"));
    assert!(!all.contains("baker"));
}

#[test]
fn readings_of_one_microsecond_stay_apart() {
    let point = |form: Form, seq: u64| {
        let mut entry = reading(1, "weather", &json!({"temperature_c": 1}));
        let Body::Reading(body) = &mut entry.body else { unreachable!() };
        body.seq = seq;
        body.time = body.time + Span::from_nanos(123_456_789);
        let line = line(&entry, form);
        line.rsplit_once(' ').unwrap().1.to_owned()
    };
    for form in [Form::Internal, Form::Viewer] {
        let times: BTreeSet<String> = (500..1_500).map(|seq| point(form, seq)).collect();
        assert_eq!(times.len(), 1_000);
    }
    assert_eq!(point(Form::Internal, 1_003), "1764000001123456003");
    assert_eq!(point(Form::Viewer, 1_003), "1764000001001003003", "second, seq, boot");
}
