//! Shapes, filters and paging.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fake::{FakeQueries, reading};
use crate::serving::Serving;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().expect("items")
}

/// Follows `next` to the end; calls `between` before each further page.
async fn walk(serving: &Serving, path: &str, mut between: impl FnMut()) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = String::new();
    for _ in 0..100 {
        let page = serving.json(&format!("{path}{next}")).await;
        all.extend(items(&page).iter().cloned());
        let Some(cursor) = page["next"].as_str() else { return all };
        next = format!("&cursor={cursor}");
        between();
    }
    panic!("{path} has no end");
}

#[tokio::test]
async fn stats_have_exactly_the_promised_shape() {
    let serving = Serving::start(FakeQueries::mission()).await;
    assert_eq!(
        serving.json("/api/v1/stats").await,
        json!({
            "readings": { "stored": 40, "duplicates": 3 },
            "rejects": 12,
            "rejects_by_reason": { "out_of_range": 4, "undecodable": 8 },
            "alerts": { "open": 7, "total": 8 },
            "lag": { "evaluator": 0, "influxdb": 12 },
        })
    );
    let without = Serving::start(FakeQueries::default()).await;
    assert_eq!(without.json("/api/v1/stats").await["lag"]["influxdb"], Value::Null);
}

#[tokio::test]
async fn a_reading_is_told_with_its_place_in_the_journal_and_decoded() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let page = serving.json("/api/v1/readings?limit=1").await;
    let item = &items(&page)[0];
    let wanted =
        ["boot", "device", "encoding", "offset", "reading", "received_at", "seq", "station", "time", "time_basis"];
    assert_eq!(keys(item), wanted);
    assert_eq!(
        (&item["offset"], &item["time_basis"], &item["encoding"]),
        (&json!(40), &json!("reported"), &json!("json"))
    );
    assert_eq!(item["reading"]["seq"], item["seq"]);
    assert!(item["reading"]["kind"].is_string() && item["reading"]["data"].is_object());
}

#[tokio::test]
async fn readings_are_filtered_by_device_station_kind_and_time() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let all = serving.json("/api/v1/readings?limit=1000").await;
    for (query, fits) in [
        ("device=st07-ac03", Box::new(|item: &Value| item["device"] == "st07-ac03") as Box<dyn Fn(&Value) -> bool>),
        ("station=st07", Box::new(|item| item["station"] == "st07")),
        ("kind=weather", Box::new(|item| item["reading"]["kind"] == "weather")),
        ("from=2026-11-24T03:01:00Z", Box::new(|item| item["offset"].as_u64() >= Some(6))),
        ("to=2026-11-24T03:01:00Z", Box::new(|item| item["offset"].as_u64() < Some(6))),
        (
            "station=st07&kind=health&from=2026-11-24T03:02:00Z",
            Box::new(|item| {
                item["station"] == "st07" && item["reading"]["kind"] == "health" && item["offset"].as_u64() >= Some(12)
            }),
        ),
    ] {
        let page = serving.json(&format!("/api/v1/readings?limit=1000&{query}")).await;
        let wanted: Vec<&Value> = items(&all).iter().filter(|item| fits(item)).collect();
        assert!(!wanted.is_empty() && wanted.len() < items(&all).len(), "{query} tells nothing apart");
        assert_eq!(items(&page).iter().collect::<Vec<_>>(), wanted, "{query}");
    }
}

#[tokio::test]
async fn paging_neither_skips_nor_repeats_while_readings_arrive() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let fake = serving.fake.clone();
    let mut offset = 100;
    let walked = walk(&serving, "/api/v1/readings?limit=7", || {
        for _ in 0..5 {
            fake.add_reading(reading(offset, "st07-ac03", "weather", offset as i64 * 10));
            offset += 1;
        }
    })
    .await;
    let offsets: Vec<u64> = walked.iter().map(|item| item["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..=40).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn devices_page_by_their_id_and_filter_by_station_and_state() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let walked = walk(&serving, "/api/v1/devices?limit=9", || ()).await;
    let names: BTreeSet<&str> = walked.iter().map(|item| item["device"].as_str().unwrap()).collect();
    assert_eq!((walked.len(), names.len()), (40, 40));
    let silent = serving.json("/api/v1/devices?state=silent").await;
    assert!(!items(&silent).is_empty() && items(&silent).iter().all(|item| item["state"] == "silent"));
    let station = serving.json("/api/v1/devices?station=st03").await;
    assert_eq!(items(&station).len(), 2);
    for key in ["device", "station", "registered", "last_heard", "position", "state", "battery_pct", "readings"] {
        assert!(items(&station)[0].get(key).is_some(), "{key}");
    }
}

#[tokio::test]
async fn rejects_say_why_and_show_their_bytes_only_when_asked() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let page = serving.json("/api/v1/rejects?reason=out_of_range&device=st01-ac01").await;
    assert_eq!(items(&page).len(), 4);
    let wanted =
        ["boot", "detail", "device", "offset", "path", "reason", "received_at", "seq", "size", "station", "topic"];
    assert_eq!(keys(&items(&page)[0]), wanted);
    assert_eq!(items(&page)[0]["path"], "position.lat");
    let with_bytes = serving.json("/api/v1/rejects?bytes=true&limit=1").await;
    assert_eq!(items(&with_bytes)[0]["bytes_base64"], "eyJ2IjoxfQ==");
    assert_eq!(walk(&serving, "/api/v1/rejects?limit=5", || ()).await.len(), 12);
}

#[tokio::test]
async fn alerts_are_filtered_and_the_latest_comes_first() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let count = async |query: &str| items(&serving.json(&format!("/api/v1/alerts?{query}")).await).len();
    assert_eq!(count("").await, 8);
    assert_eq!(count("state=open").await, 7);
    assert_eq!(count("state=ended").await, 1);
    assert_eq!(count("category=no_fire").await, 2);
    assert_eq!(count("rule=crossing").await, 1);
    assert_eq!(count("severity=severe").await, 3);
    assert_eq!(count("from=2026-11-24T03:05:00Z&to=2026-11-24T03:07:00Z").await, 2);
    let walked = walk(&serving, "/api/v1/alerts?limit=3", || ()).await;
    let starts: Vec<&str> = walked.iter().map(|item| item["started"].as_str().unwrap()).collect();
    assert!(walked.len() == 8 && starts.windows(2).all(|pair| pair[0] > pair[1]), "{starts:?}");
    assert_eq!((&walked[0]["state"], &walked[1]["state"]), (&json!("ended"), &json!("open")));
}

#[tokio::test]
async fn an_alert_is_told_with_its_history() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let list = serving.json("/api/v1/alerts?limit=1").await;
    let id = items(&list)[0]["id"].as_str().unwrap();
    let mut one = serving.json(&format!("/api/v1/alerts/{id}")).await;
    let history = one.as_object_mut().unwrap().remove("history").unwrap();
    assert_eq!(one, items(&list)[0]);
    assert_eq!(history[0]["revision"], 1);
}

#[tokio::test]
async fn the_agreement_shows_what_is_in_force_now() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let agreement = serving.json("/api/v1/agreement").await;
    assert_eq!((&agreement["id"], &agreement["status"]), (&json!("example"), &json!("actual")));
    assert_eq!(agreement["rules"][0]["kind"], "no_fire");
    let features = agreement["geojson"]["features"].as_array().unwrap();
    let lines: Vec<&Value> = features.iter().filter(|feature| feature["properties"]["role"] == "line").collect();
    assert_eq!(lines.len(), 1, "a version that is over is not shown");
    assert_eq!(lines[0]["geometry"]["coordinates"][0][0], json!([37.83, 47.1]));
    assert_eq!(lines[0]["properties"]["side_a"], "west and north");
    let buffer = features.iter().find(|feature| feature["id"] == "zone/buffer").unwrap();
    assert_eq!(buffer["properties"]["distance_m"], 2000.0);
    assert_eq!(buffer["geometry"], Value::Null);
    let area = features.iter().find(|feature| feature["id"] == "zone/zolote").unwrap();
    assert_eq!(area["geometry"]["coordinates"][0][0].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_cursor_beyond_what_a_store_can_have_is_refused() {
    let serving = Serving::start(FakeQueries::mission()).await;
    for (list, tag) in [("readings", "r1"), ("rejects", "x1"), ("alerts", "a1"), ("events", "e1")] {
        for (place, status) in [(i64::MAX.unsigned_abs(), 200), (i64::MAX.unsigned_abs() + 1, 400)] {
            // Each digit's byte in hexadecimal is a 3 and the digit.
            let digits: String = place.to_string().chars().flat_map(|digit| ['3', digit]).collect();
            let answer = serving.get(&format!("/api/v1/{list}?cursor={tag}{digits}")).await;
            assert_eq!(answer.status, status, "{list} {place}: {}", answer.text);
        }
    }
}
