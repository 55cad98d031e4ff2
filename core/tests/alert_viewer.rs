//! What leaves for viewers tells nothing exact.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use proptest::prelude::*;
use truceline_core::agreement::{Severity, Status};
use truceline_core::alert::*;
use truceline_core::geometry::{LonLat, Side};
use truceline_core::time::Time;

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn alert(extent: PlaceExtent) -> Alert {
    Alert {
        id: uuid::Uuid::nil(),
        revision: 3,
        rule: "no-fire".parse().unwrap(),
        category: "no_fire".to_owned(),
        severity: Severity::Severe,
        certainty: Certainty { probability: 0.817_263, word: CertaintyWord::Likely },
        subject: "track:st07-rd01/12/t45".to_owned(),
        zone: Some("buffer".parse().unwrap()),
        started: time("2026-11-24T03:00:17.123456Z"),
        last: time("2026-11-24T03:04:59.654321Z"),
        ended: Some(time("2026-11-24T03:14:41.5Z")),
        ended_reason: Some("cool_down".to_owned()),
        detected_at: time("2026-11-24T03:00:19.7Z"),
        updated_at: time("2026-11-24T03:05:01.9Z"),
        place: Some(Place {
            extent,
            line_distance_m: Some(4_321.987),
            line_distance_error_m: Some(12.345),
            chainage_m: Some(77_654.321),
            located_side: Side::A,
            p_side_a: Some(0.987_654),
            zones: vec![
                ZoneProbability { id: "buffer".parse().unwrap(), probability: 0.934_567 },
                ZoneProbability { id: "hamlet".parse().unwrap(), probability: 0.123_456 },
            ],
        }),
        detections: 4,
        count_qualifier: "at_least".to_owned(),
        events: None,
        evidence: vec![Evidence {
            offset: 918_273,
            device: "st07-ac03".parse().unwrap(),
            boot: 12,
            seq: 471_147,
            time: time("2026-11-24T03:00:17.123456Z"),
            kind: "acoustic_detection".to_owned(),
        }],
        agreement: AgreementRef { id: "example".parse().unwrap(), hash: "ab".repeat(32) },
        timeliness: Timeliness::Live,
        status: Status::Actual,
        labels: vec!["notified:demining-3".to_owned()],
        summary: "Seen by st07-ac03 at 48.123456 N 37.912345 E, 4322 m from the line, bearing 132.7".to_owned(),
        details: serde_json::from_str(r#"{"bearing_deg":132.7,"device":"st07-ac03"}"#).unwrap(),
    }
}

fn sensor() -> LonLat {
    LonLat { lon: 37.912_345, lat: 48.123_456 }
}

#[test]
fn nothing_exact_of_an_alert_leaks() {
    for extent in [
        PlaceExtent::Point { position: sensor(), hacc_m: 17.3 },
        PlaceExtent::Ellipse { position: sensor(), semi_major_m: 154.32, semi_minor_m: 17.3, azimuth_deg: 132.7 },
        PlaceExtent::Disc { position: sensor(), radius_m: 15_432.1 },
        PlaceExtent::Sector {
            position: sensor(),
            bearing_deg: 132.7,
            width_deg: 15.68,
            range_min_m: 0.0,
            range_max_m: 15_432.1,
        },
    ] {
        let text = serde_json::to_string(&alert(extent).viewer_form()).unwrap();
        for secret in [
            "48.123", "37.912", "st07", "ac03", "t45", "918273", "471147", "132.7", "15.68", "15432", "17.3", "4321",
            "4322", "12.3", "77654", "0.987", "154", "azimuth", "0.934", "0.817", "hamlet", "evidence", "details",
            "bearing", "acoustic", ":17.", ":19.7", ":59.6", ":41.5", ":01.9",
        ] {
            assert!(!text.contains(secret), "{secret} leaks: {text}");
        }
    }
}

#[test]
fn a_viewer_still_learns_what_and_about_where_and_how_sure() {
    let seen = alert(PlaceExtent::Point { position: sensor(), hacc_m: 17.3 }).viewer_form();
    assert_eq!(seen.subject, "track");
    assert_eq!(seen.started, time("2026-11-24T03:00:00Z"));
    assert_eq!(seen.certainty.probability, 0.8);
    let place = seen.place.unwrap();
    assert_eq!((place.position.lat, place.position.lon), (48.12, 37.92));
    assert_eq!((place.radius_m, place.line_distance_m, place.chainage_m), (1_000.0, Some(4_000.0), Some(78_000.0)));
    assert_eq!(place.located_side, Side::A);
    assert_eq!(place.zones.len(), 1);
    assert_eq!(seen.summary, "Suspected fire, zone buffer, located on side A; likely.");
}

#[test]
fn a_sector_is_told_by_its_middle_and_not_by_its_sensor() {
    let sector = PlaceExtent::Sector {
        position: sensor(),
        bearing_deg: 90.0,
        width_deg: 20.0,
        range_min_m: 0.0,
        range_max_m: 15_000.0,
    };
    let place = alert(sector).viewer_form().place.unwrap();
    let east_m = (place.position.lon - sensor().lon) * 111_195.0 * sensor().lat.to_radians().cos();
    assert!((east_m - 7_500.0).abs() < 1_500.0, "{east_m}");
    assert_eq!(place.radius_m, 8_000.0);
}

proptest! {
    #[test]
    fn the_grid_is_fixed_and_at_least_a_kilometre_wide(lon in -180.0..180.0f64, lat in -84.0..84.0f64) {
        let cell = coarse_position(LonLat { lon, lat });
        prop_assert_eq!(coarse_position(cell), cell, "a cell's middle is its own cell");
        let north_m = (cell.lat - lat).abs() * 111_195.0;
        let east_m = (cell.lon - lon).abs() * 111_195.0 * lat.to_radians().cos();
        prop_assert!(north_m <= 600.0 && east_m <= 1_200.0, "{north_m} {east_m}");
        let near = LonLat { lon: cell.lon, lat: (cell.lat + 0.004).min(90.0) };
        prop_assert_eq!(coarse_position(near).lat, cell.lat);
    }
}
