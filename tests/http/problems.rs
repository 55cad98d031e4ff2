//! What is wrong comes as an RFC 9457 problem that says what to do.

use serde_json::json;
use truceline::http::QueryError;

use crate::fake::FakeQueries;
use crate::serving::{Answer, Serving};

fn problem(answer: &Answer, status: u16, instance: &str) -> serde_json::Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let document = answer.json();
    assert_eq!((&document["status"], &document["instance"]), (&json!(status), &json!(instance)));
    assert_eq!(document["type"], "about:blank");
    assert!(document["title"].is_string() && document["detail"].is_string());
    document
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems_too() {
    let serving = Serving::start(FakeQueries::mission()).await;
    for path in ["/api/v1/nothing", "/api/v1/", "/assets/../secret", "/api/v1/stats/"] {
        let answer = serving.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{path}");
    }
    let url = serving.url("/api/v1/stats");
    let answer = serving.send(|client| client.post(url).body("{}")).await;
    problem(&answer, 405, "/api/v1/stats");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn every_bad_parameter_is_named_with_its_value_and_remedy() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let answer = serving.get("/api/v1/readings?limit=0&kind=sonar&from=yesterday&colour=red&device=A_B").await;
    let document = problem(&answer, 400, "/api/v1/readings");
    let mut told: Vec<(&str, &str)> = document["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["parameter"].as_str().unwrap(), error["value"].as_str().unwrap()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("colour", "red"), ("device", "A_B"), ("from", "yesterday"), ("kind", "sonar"), ("limit", "0")]);
    let detail = document["detail"].as_str().unwrap();
    for wanted in [
        "there is no parameter 'colour'; use device, station, kind, from, to, limit, cursor",
        "limit '0' cannot be used; give a whole number from 1 to 1000",
        "from 'yesterday' cannot be used; give a time in UTC such as 2026-11-24T03:00:00Z",
        "kind 'sonar' cannot be used; give one of acoustic_detection,",
    ] {
        assert!(detail.contains(wanted), "{wanted} is not in: {detail}");
    }
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_refused_on_every_route() {
    let serving = Serving::start(FakeQueries::mission()).await;
    for path in [
        "/healthz?x=1",
        "/readyz?x=1",
        "/metrics?x=1",
        "/api/v1/stats?limit=1",
        "/api/v1/agreement?x",
        "/api/v1/readings?limit=1001",
        "/api/v1/readings?limit=1&limit=2",
        "/api/v1/readings?limit=-1",
        "/api/v1/readings?from=2026-11-24T04:00:00Z&to=2026-11-24T03:00:00Z",
        "/api/v1/readings?cursor=r1",
        "/api/v1/readings?cursor=%F0%9F%92%A5",
        "/api/v1/rejects?reason=dislike",
        "/api/v1/rejects?bytes=true&limit=101",
        "/api/v1/devices?state=fine",
        "/api/v1/alerts?state=closed",
        "/api/v1/alerts?severity=bad",
        "/api/v1/alerts?category=theft",
        "/api/v1/alerts/00000000-0000-0000-0000-000000000000?x=1",
    ] {
        assert_eq!(serving.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_cursor_of_one_list_is_refused_by_another() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let page = serving.json("/api/v1/readings?limit=1").await;
    let cursor = page["next"].as_str().unwrap();
    let answer = serving.get(&format!("/api/v1/rejects?cursor={cursor}")).await;
    assert!(problem(&answer, 400, "/api/v1/rejects")["detail"].as_str().unwrap().contains("'next' of a page"));
}

#[tokio::test]
async fn what_is_not_there_is_said_not_to_be_there() {
    let serving = Serving::start(FakeQueries::default()).await;
    for id in ["00000000-0000-8000-8000-000000000000", "seven"] {
        let path = format!("/api/v1/alerts/{id}");
        problem(&serving.get(&path).await, 404, &path);
    }
    let answer = serving.get("/api/v1/agreement").await;
    assert!(problem(&answer, 404, "/api/v1/agreement")["detail"].as_str().unwrap().contains("agreement.dir"));
}

#[tokio::test]
async fn a_failing_store_is_told_without_its_inner_words() {
    let serving = Serving::start(FakeQueries::mission()).await;
    *serving.fake.fault.lock().unwrap() = Some(|| QueryError::Failed("disk /secret/path is broken".to_owned()));
    let answer = serving.get("/api/v1/readings").await;
    problem(&answer, 500, "/api/v1/readings");
    assert!(!answer.text.contains("secret"));
    *serving.fake.fault.lock().unwrap() = Some(|| QueryError::Unavailable("the journal is being opened".to_owned()));
    let answer = serving.get("/api/v1/readings").await;
    assert_eq!(problem(&answer, 503, "/api/v1/readings")["detail"], "the journal is being opened");
    assert!(!answer.header("retry-after").is_empty());
}
