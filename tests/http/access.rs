//! Who gets what: every route with every credential that there is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Method;
use truceline::http::Limits;

use crate::fake::FakeQueries;
use crate::serving::{Serving, config, until};

/// What one may send along; there is no sign-in, so that there are no other roles.
const CREDENTIALS: [(&str, Option<&str>); 5] = [
    ("nothing", None),
    ("no token", Some("Bearer ")),
    ("another token", Some("Bearer 0000000000000000000000000000000000000000000000000000000000000000")),
    ("the token, but as a password", Some("Basic 5555555555555555555555555555555555555555555555555555555555555555")),
    ("the token", Some("Bearer 5555555555555555555555555555555555555555555555555555555555555555")),
];

#[tokio::test]
async fn the_audit_and_reloads_are_for_the_token_and_all_else_for_whoever_reaches_the_address() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let alert = "/api/v1/alerts/80000000-0000-8000-8000-000000000001";
    let event = "/api/v1/events/90000000-0000-8000-8000-000000000001";
    let open = ["readings", "rejects", "devices", "alerts", "events", "agreement", "stats"]
        .map(|list| format!("/api/v1/{list}"));
    let open = open.iter().map(String::as_str).chain(["/", "/healthz", "/readyz", "/metrics", alert, event]);
    let held = [(Method::GET, "/api/v1/audit"), (Method::POST, "/api/v1/agreement/reload")];
    let routes = open.map(|path| (Method::GET, path, false)).chain(held.map(|(method, path)| (method, path, true)));
    let mut admitted = 0;
    for (method, path, needs_token) in routes {
        for (what, credential) in CREDENTIALS {
            let url = serving.url(path);
            let answer = serving
                .send(|client| {
                    let request = client.request(method.clone(), url);
                    match credential {
                        Some(text) => request.header("authorization", text),
                        None => request,
                    }
                })
                .await;
            let expected = if needs_token && what != "the token" { 401 } else { 200 };
            assert_eq!(answer.status, expected, "{method} {path} with {what}: {}", answer.text);
            assert_eq!(answer.header("www-authenticate") == "Bearer", expected == 401, "{path} with {what}");
            assert!(!answer.text.contains(&"5".repeat(64)), "{path} tells the token");
            admitted += usize::from(needs_token && expected == 200);
        }
        for other in [Method::PUT, Method::DELETE, Method::PATCH] {
            let url = serving.url(path);
            let answer = serving.send(|client| client.request(other.clone(), url)).await;
            assert_eq!(answer.status, 405, "{other} {path}");
        }
    }
    assert_eq!((admitted, serving.fake.reloads.load(Ordering::SeqCst)), (2, 1), "nobody else reloaded");
}

#[tokio::test]
async fn a_reload_that_takes_longer_than_a_request_may_is_answered_with_what_became_of_it() {
    let limits = Limits { request: Duration::from_millis(50), ..Limits::default() };
    let serving = Serving::with(FakeQueries::mission(), truceline::http::HttpConfig { limits, ..config() }).await;
    serving.fake.gate.close();
    let (reload, stats) = (serving.url("/api/v1/agreement/reload"), serving.url("/api/v1/stats"));
    let asked =
        serving.send(|client| client.post(reload).header("authorization", format!("Bearer {}", "5".repeat(64))));
    let other = async {
        until("the reload to be under way", || serving.fake.gate.waiting() == 1).await;
        // Longer than the reload's own time limit would be, had it one: this request began after it.
        let slow = serving.send(|client| client.get(stats)).await;
        serving.fake.gate.open();
        slow.status
    };
    let (answer, other) = tokio::join!(asked, other);
    assert_eq!((answer.status, other), (200, 503), "{}", answer.text);
}

#[tokio::test]
async fn the_audit_is_paged_to_its_first_entry() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let mut seqs = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = serving.url(&format!("/api/v1/audit?limit=7{cursor}"));
        let token = format!("Bearer {}", "5".repeat(64));
        let page = serving.send(|client| client.get(url).header("authorization", token)).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 7);
        seqs.extend(items.iter().map(|entry| entry["seq"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seqs, (1..=25).rev().collect::<Vec<_>>());
}
