//! Alive, ready, metrics.

use serde_json::json;

use crate::fake::{FakeQueries, part};
use crate::serving::Serving;

#[tokio::test]
async fn a_service_that_is_alive_but_not_ready_says_which_part_and_why() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let ready = serving.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["ready"].clone()), (200, json!(true)));

    *serving.fake.parts.lock().unwrap() = vec![part("journal", None), part("mqtt", Some("connection refused"))];
    let ready = serving.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json(),
        json!({ "ready": false, "parts": [
            { "part": "journal", "ready": true, "since": "2026-11-24T03:00:00Z" },
            { "part": "mqtt", "ready": false, "why": "connection refused", "since": "2026-11-24T03:00:00Z" },
        ] })
    );
    assert_eq!(serving.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn probes_answer_while_every_query_is_stuck() {
    let serving = Serving::start(FakeQueries::mission()).await;
    serving.fake.gate.close();
    assert_eq!(serving.get("/healthz").await.status, 200);
    assert_eq!(serving.get("/readyz").await.status, 200);
    assert_eq!(serving.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let serving = Serving::start(FakeQueries::default()).await;
    let answer = serving.get("/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(answer.text.contains("truceline_fake_total 1"));
}
