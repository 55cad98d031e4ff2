//! What rules permit: shape, filters, paging, and what of it may leave.

use serde_json::Value;
use truceline_core::event::{Event, ViewerEvent};

use crate::fake::{FakeQueries, event};
use crate::serving::Serving;

/// Whether an item should be let through.
type Fits = fn(&Value) -> bool;

async fn all(serving: &Serving, query: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = serving.json(&format!("/api/v1/events?limit=7{query}{cursor}")).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn an_event_is_told_whole_in_the_list_and_by_itself() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let list = all(&serving, "").await;
    assert_eq!(list.len(), 60);
    assert!(list.windows(2).all(|pair| pair[0]["started"].as_str() > pair[1]["started"].as_str()), "the latest first");
    for item in [&list[0], &list[1]] {
        let one = serving.json(&format!("/api/v1/events/{}", item["id"].as_str().unwrap())).await;
        assert_eq!(one, *item);
        assert_eq!(item["state"], if item["ended"].is_null() { "open" } else { "ended" });
        assert!(item.get("severity").is_none(), "what is permitted is of no severity");
        let mut told: Value = item.clone();
        told.as_object_mut().unwrap().remove("state");
        let event: Event = serde_json::from_value(told).unwrap();
        assert_eq!(event, crate::fake::event(u128::from(event.id.as_u128() as u64 & 0xff)));
    }
    assert_eq!(serving.get("/api/v1/events/90000000-0000-8000-8000-0000000000ff").await.status, 404);
    assert_eq!(serving.get("/api/v1/events/first").await.status, 404);
}

#[tokio::test]
async fn each_filter_lets_through_what_fits_and_all_that_fits() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let list = all(&serving, "").await;
    let cases: [(&str, Fits); 9] = [
        ("&state=open", |item| item["ended"].is_null()),
        ("&state=ended", |item| !item["ended"].is_null()),
        ("&rule=no-flight", |item| item["rule"] == "no-flight"),
        ("&category=crossing", |item| item["category"] == "crossing"),
        ("&subject=device%3Ast07-ac02", |item| item["subject"] == "device:st07-ac02"),
        ("&zone=bridge", |item| item["zone"] == "bridge"),
        ("&from=2026-11-24T03:30:30Z", |item| item["last"].as_str() >= Some("2026-11-24T03:30:30Z")),
        ("&to=2026-11-24T03:30:00Z", |item| item["started"].as_str() < Some("2026-11-24T03:30:00Z")),
        ("&state=open&zone=bridge&category=crossing&subject=device:st07-ac01", |item| {
            item["ended"].is_null()
                && item["zone"] == "bridge"
                && item["category"] == "crossing"
                && item["subject"] == "device:st07-ac01"
        }),
    ];
    for (query, fits) in cases {
        let wanted: Vec<&Value> = list.iter().filter(|item| fits(item)).collect();
        assert!(!wanted.is_empty() && wanted.len() < list.len(), "{query} tells nothing apart");
        assert_eq!(all(&serving, query).await.iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    for wrong in ["state=gone", "category=permitted", "severity=minor", "subject=", "zone=No", "from=today", "limit=0"]
    {
        let answer = serving.get(&format!("/api/v1/events?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        let name = wrong.split('=').next().unwrap();
        assert_eq!(answer.json()["errors"][0]["parameter"], name, "{wrong}");
    }
}

#[tokio::test]
async fn paging_neither_skips_nor_repeats_while_events_open() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    let mut number = 61;
    loop {
        let page = serving.json(&format!("/api/v1/events?limit=11{cursor}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        serving.fake.events.lock().unwrap().push(event(number));
        number += 1;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let wanted: Vec<String> = (1..=60).rev().map(|number| event(number).id.to_string()).collect();
    assert_eq!(seen, wanted);
    let of_alerts = serving.json("/api/v1/alerts?limit=2").await["next"].as_str().unwrap().to_owned();
    assert_eq!(
        serving.get(&format!("/api/v1/events?cursor={of_alerts}")).await.status,
        400,
        "a cursor of another list"
    );
}

#[test]
fn what_leaves_of_an_event_names_no_device_and_no_exact_place_or_time() {
    let exact = event(2);
    let seen: ViewerEvent = exact.viewer_form();
    let text = serde_json::to_string(&seen).unwrap();
    for secret in ["st07", "ac0", "48.123", "37.912", "evidence", "permission", "hacc", "details", "offset"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for time in [seen.started, seen.last, seen.updated_at] {
        assert_eq!(time.nanos() % 60_000_000_000, 0, "whole minutes");
    }
    assert_eq!((seen.id, seen.revision, seen.rule, seen.zone), (exact.id, 1, exact.rule, exact.zone));
    assert_eq!((seen.subject.as_str(), seen.certainty.probability), ("device", 0.9));
    let place = seen.place.unwrap();
    assert!(place.radius_m >= 1_000.0 && place.line_distance_m.unwrap() % 100.0 == 0.0, "{place:?}");
    assert_eq!(seen.summary, "A crossing of the line that the rule permits, zone bridge; likely.");
    let again: ViewerEvent = serde_json::from_str(&text).unwrap();
    assert_eq!(again.id, seen.id);
}
