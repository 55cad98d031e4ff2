//! Who may do what, over a real desk: the table of routes by every role and without sign-in, sessions, reviews by two
//! people, tokens, files.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use truceline::app::{DeskStaff, add_person};
use truceline::desk::Desk;
use truceline::http::{Access, ROUTES, StaffAccess};
use truceline_core::engine::Output;
use truceline_core::review::Role;
use truceline_core::time::{Span, Time};
use uuid::Uuid;

use crate::fake::FakeQueries;
use crate::serving::{Answer, Serving, config};

const PASSWORD: &str = "a long enough password";
const ALERT: Uuid = Uuid::from_u128(0x8000_0000_0000_8000_8000_0000_0000_0002);

fn now() -> Time {
    Time::from_nanos(1_790_000_000_000_000_000)
}

/// A server over a desk with one alert and one person of each role, named as the role; `second` is a second supervisor.
struct Site {
    _folder: tempfile::TempDir,
    desk: Desk,
    serving: Serving,
}

/// Somebody who has signed in.
struct Session {
    cookie: String,
    csrf: String,
}

fn revision(revision: u32, at: Time) -> Output {
    let alert = serde_json::from_value(json!({
        "id": ALERT, "revision": revision, "rule": "fire", "category": "no_fire", "severity": "severe",
        "certainty": {"probability": 0.9, "word": "likely"}, "subject": "device:st07-ac03", "started": at, "last": at,
        "detected_at": at, "updated_at": at, "detections": revision, "count_qualifier": "at_least", "events": null,
        "where": {"shape": "point", "position": {"lon": 37.971_234, "lat": 48.331_234}, "hacc_m": 12.0,
            "line_distance_m": 820.5, "line_distance_error_m": 12.0, "chainage_m": 48210.0,
            "located_side": "a", "p_side_a": 1.0, "zones": []},
        "agreement": {"id": "test", "hash": "0"}, "timeliness": "live", "status": "actual",
        "summary": "Fire at 48.331234", "details": {"class": "explosion"},
    }))
    .expect("an alert");
    Output { offset: u64::from(revision), n: 0, said: truceline_core::engine::Said::Alert(Box::new(alert)) }
}

impl Site {
    async fn start(required: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let desk = Desk::open(&folder.path().join("desk.db")).expect("a desk");
        let hour_ago = now() + Span::from_secs(-3_600);
        desk.apply(&[revision(1, hour_ago), revision(2, now())], 2, &|_| Ok(None)).expect("applied");
        for role in Role::ALL {
            add_person(&desk, now(), role.as_str(), role, PASSWORD).expect("added");
        }
        add_person(&desk, now(), "second", Role::Supervisor, PASSWORD).expect("added");
        let staff = DeskStaff::new(desk.clone(), Arc::new(now), Arc::new(now), Duration::from_secs(60));
        let access = StaffAccess { people: Arc::new(staff), required };
        let serving = Serving::for_staff(FakeQueries::mission(), config(), Some(access)).await;
        Self { _folder: folder, desk, serving }
    }

    async fn try_sign_in(&self, name: &str, password: &str) -> Answer {
        let url = self.serving.url("/api/v1/session");
        let body = json!({ "name": name, "password": password }).to_string();
        self.serving.send(|client| client.post(url).header("content-type", "application/json").body(body)).await
    }

    async fn sign_in(&self, name: &str) -> Session {
        let answer = self.try_sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().expect("a pair").to_owned();
        Session { cookie, csrf: answer.json()["csrf"].as_str().expect("csrf").to_owned() }
    }

    async fn ask(
        &self,
        by: Option<&Session>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let url = self.serving.url(path);
        let method: Method = method.parse().expect("a method");
        let body = body.to_vec();
        self.serving
            .send(|client| {
                let mut request = client.request(method, url).body(body);
                if let Some(by) = by {
                    request = request.header("cookie", &by.cookie).header("x-csrf-token", &by.csrf);
                }
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                request
            })
            .await
    }

    async fn json(&self, by: &Session, method: &str, path: &str, body: Value) -> Answer {
        self.ask(Some(by), method, path, &[("content-type", "application/json")], body.to_string().as_bytes()).await
    }

    async fn act(&self, by: &Session, seen: u64, act: Value) -> Answer {
        let (path, tag) = (format!("/api/v1/alerts/{ALERT}/reviews"), format!("\"{seen}\""));
        let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
        self.ask(Some(by), "POST", &path, &headers, act.to_string().as_bytes()).await
    }
}

fn concrete(path: &str) -> String {
    let is_alert = path.contains("alerts");
    let id = if is_alert { ALERT.to_string() } else { "80000000-0000-8000-8000-000000000009".to_owned() };
    path.replace("{id}", &id).replace("{name}", "nobody").replace("{sha256}", &"0".repeat(64))
}

#[tokio::test]
async fn every_route_by_every_role_and_without_sign_in() {
    let site = Site::start(true).await;
    let mut sessions = Vec::new();
    for role in Role::ALL {
        sessions.push((role, site.sign_in(role.as_str()).await));
    }
    for (method, path, access) in ROUTES {
        let target = concrete(path);
        let headers: &[(&str, &str)] = if *method == "GET" { &[] } else { &[("content-type", "application/json")] };
        let alone = site.ask(None, method, &target, headers, b"").await;
        match access {
            Access::Open => assert!(!matches!(alone.status, 403..=405), "{method} {path}: {}", alone.text),
            Access::From(_) => {
                assert_eq!(alone.status, 401, "{method} {path}: {}", alone.text);
                assert!(!alone.text.contains("48."), "{method} {path} shows something: {}", alone.text);
            }
        }
        for (role, session) in &sessions {
            // That ends the session, which is seen to below.
            if (*method, *path) == ("DELETE", "/api/v1/session") {
                continue;
            }
            let answer = site.ask(Some(session), method, &target, headers, b"").await;
            let may = match access {
                Access::Open => true,
                Access::From(needed) => role >= needed,
            };
            if may {
                assert!(!matches!(answer.status, 401 | 403 | 405), "{role} {method} {path}: {}", answer.text);
            } else {
                assert_eq!(answer.status, 403, "{role} {method} {path}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn the_page_is_there_before_the_sign_in_and_holds_no_data() {
    let site = Site::start(true).await;
    assert_eq!(site.serving.get("/").await.status, 200);
    assert_eq!(site.serving.get("/assets/page.js").await.status, 200);
    let me = site.serving.json("/api/v1/session").await;
    assert_eq!((&me["required"], &me["signed_in"], &me["role"]), (&json!(true), &json!(false), &json!(null)));
}

#[tokio::test]
async fn a_session_is_a_cookie_that_no_script_and_no_other_site_can_use() {
    let site = Site::start(true).await;
    let answer = site.try_sign_in("analyst", PASSWORD).await;
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let session = site.sign_in("analyst").await;
    let comment = json!({ "act": "comment", "text": "seen" }).to_string();
    let path = format!("/api/v1/alerts/{ALERT}/reviews");
    let post = |headers: Vec<(&'static str, String)>| {
        let (url, body, cookie) = (site.serving.url(&path), comment.clone(), session.cookie.clone());
        site.serving.send(move |client| {
            let request = client.post(url).header("content-type", "application/json").header("cookie", cookie);
            headers.into_iter().fold(request.body(body), |request, (name, value)| request.header(name, value))
        })
    };
    assert_eq!(post(vec![]).await.status, 403, "without its csrf");
    assert_eq!(post(vec![("x-csrf-token", "wrong".into())]).await.status, 403);
    let csrf = session.csrf.clone();
    let foreign = vec![("x-csrf-token", csrf.clone()), ("origin", "https://evil.example".into())];
    assert_eq!(post(foreign).await.status, 403, "a page of another site");
    assert_eq!(post(vec![("x-csrf-token", csrf)]).await.status, 200);

    let out = site.ask(Some(&session), "DELETE", "/api/v1/session", &[], b"").await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(site.ask(Some(&session), "GET", "/api/v1/readings", &[], b"").await.status, 401, "it has ended");
}

#[tokio::test]
async fn a_guesser_learns_nothing_and_has_to_wait() {
    let site = Site::start(true).await;
    let wrong = site.try_sign_in("admin", "not the password").await;
    let unknown = site.try_sign_in("no-such-person", "not the password").await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.json()["detail"], unknown.json()["detail"]);
    for _ in 0..4 {
        assert_eq!(site.try_sign_in("admin", "not the password").await.status, 401);
    }
    let late = site.try_sign_in("admin", PASSWORD).await;
    assert_eq!((late.status, late.header("retry-after")), (429, "900"), "even the right one waits now");
    assert_eq!(site.try_sign_in("analyst", PASSWORD).await.status, 200, "nobody else does");
    let refused = site.desk.audit_log(None, 100).expect("the audit");
    assert_eq!(refused.iter().filter(|entry| entry.action == "sign_in_refused").count(), 6);
    assert!(refused.iter().all(|entry| !entry.detail.contains("not the password")));
}

#[tokio::test]
async fn two_people_verify_and_nobody_overwrites_what_another_did() {
    let site = Site::start(true).await;
    let (one, two) = (site.sign_in("supervisor").await, site.sign_in("second").await);
    let path = format!("/api/v1/alerts/{ALERT}/reviews");
    let headers = [("content-type", "application/json")];
    let take = json!({ "act": "take" });
    let blind = site.ask(Some(&one), "POST", &path, &headers, take.to_string().as_bytes()).await;
    assert_eq!(blind.status, 428, "{}", blind.text);
    let taken = site.act(&one, 0, take.clone()).await;
    assert_eq!((taken.status, taken.header("etag")), (200, "\"1\""), "{}", taken.text);
    assert_eq!(site.act(&two, 0, take).await.status, 412, "stale");
    let verified = json!({ "act": "conclude", "outcome": "verified", "reason": "two cameras show it" });
    let proposed = site.act(&one, 1, verified).await.json();
    assert_eq!((&proposed["stage"], &proposed["proposal"]["by"]), (&json!("under_review"), &json!("supervisor")));
    let sign = json!({ "act": "sign" });
    assert_eq!(site.act(&one, 2, sign.clone()).await.status, 403, "the same eyes");
    let signed = site.act(&two, 2, sign.clone()).await;
    assert_eq!(signed.json()["stage"], "verified", "{}", signed.text);
    assert_eq!(site.act(&two, 3, sign).await.status, 409, "nothing waits any more");
    let seen = site.ask(Some(&one), "GET", &path, &[], b"").await;
    assert_eq!(seen.header("etag"), "\"3\"");
    let steps = seen.json()["steps"].as_array().expect("steps").len();
    assert_eq!(steps, 3);
    let bad = site.act(&one, 3, json!({ "act": "reopen" })).await;
    assert_eq!(bad.status, 422);
    assert!(bad.text.contains("reason"), "{}", bad.text);
    let audit = site.desk.audit_log(None, 100).expect("the audit");
    assert_eq!(audit.iter().filter(|entry| entry.action == "review").count(), 3);
}

#[tokio::test]
async fn viewers_see_no_exact_place_and_nothing_too_new() {
    let site = Site::start(true).await;
    let viewer = site.sign_in("viewer").await;
    for path in ["/api/v1/alerts".to_owned(), format!("/api/v1/alerts/{ALERT}")] {
        let answer = site.ask(Some(&viewer), "GET", &path, &[], b"").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        for exact in ["37.97123", "48.33123", "st07-ac03", "820.5"] {
            assert!(!answer.text.contains(exact), "{exact} in {}", answer.text);
        }
        assert!(answer.text.contains("\"revision\":1"), "the newest is younger than the delay: {}", answer.text);
    }
}

#[tokio::test]
async fn a_token_reads_until_it_is_revoked_and_reviews_nothing() {
    let site = Site::start(true).await;
    let admin = site.sign_in("admin").await;
    let made =
        site.json(&admin, "POST", "/api/v1/tokens", json!({ "name": "grafana", "role": "analyst", "days": 30 })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let bearer = format!("Bearer {}", made.json()["token"].as_str().expect("a token"));
    let with = |method: &'static str, path: String, body: &'static str| {
        let bearer = bearer.clone();
        let site = &site;
        async move {
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            site.ask(None, method, &path, &headers, body.as_bytes()).await
        }
    };
    assert_eq!(with("GET", "/api/v1/readings".into(), "").await.status, 200);
    assert_eq!(with("GET", "/api/v1/people".into(), "").await.status, 403);
    let comment = r#"{"act":"comment","text":"seen"}"#;
    assert_eq!(with("POST", format!("/api/v1/alerts/{ALERT}/reviews"), comment).await.status, 403);
    let listed = site.ask(Some(&admin), "GET", "/api/v1/tokens", &[], b"").await.json();
    let id = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    assert!(!listed.to_string().contains(made.json()["token"].as_str().expect("a token")), "the secret is not kept");
    assert_eq!(site.ask(Some(&admin), "DELETE", &format!("/api/v1/tokens/{id}"), &[], b"").await.status, 204);
    assert_eq!(with("GET", "/api/v1/readings".into(), "").await.status, 401);
}

#[tokio::test]
async fn people_are_added_changed_and_kept_from_locking_themselves_out() {
    let site = Site::start(true).await;
    let admin = site.sign_in("admin").await;
    let new = |name: &str, password: &str| json!({ "name": name, "role": "analyst", "password": password });
    let add = |body| site.json(&admin, "POST", "/api/v1/people", body);
    assert_eq!(add(new("ana", PASSWORD)).await.status, 201);
    assert_eq!(add(new("ana", PASSWORD)).await.status, 409);
    assert_eq!(add(new("bob", "short")).await.status, 422);
    assert_eq!(add(new("b b", PASSWORD)).await.status, 422);
    let ana = site.sign_in("ana").await;
    let change = |name: &'static str, body| {
        let (site, admin) = (&site, &admin);
        async move { site.json(admin, "PATCH", &format!("/api/v1/people/{name}"), body).await.status }
    };
    assert_eq!(change("ana", json!({ "role": "supervisor" })).await, 204);
    assert_eq!(
        site.ask(Some(&ana), "GET", "/api/v1/events", &[], b"").await.status,
        401,
        "another role, another session"
    );
    assert_eq!(change("admin", json!({ "disabled": true })).await, 409, "the last admin");
    assert_eq!(change("nobody", json!({ "disabled": true })).await, 404);
    assert_eq!(change("ana", json!({ "disabled": true, "role": "viewer" })).await, 422);
    let ana = site.sign_in("ana").await;
    let own = json!({ "old": PASSWORD, "new": "another long password" });
    assert_eq!(site.json(&ana, "POST", "/api/v1/session/password", own).await.status, 204);
    assert_eq!(site.try_sign_in("ana", PASSWORD).await.status, 401);
    assert_eq!(site.try_sign_in("ana", "another long password").await.status, 200);
}

#[tokio::test]
async fn a_file_comes_back_byte_for_byte_and_is_never_shown_in_place() {
    let site = Site::start(true).await;
    let one = site.sign_in("analyst").await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let path = format!("/api/v1/alerts/{ALERT}/attachments?name=crater.svg");
    let sent = site.ask(Some(&one), "POST", &path, &[("content-type", "image/svg+xml")], &bytes).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let steps = site.ask(Some(&one), "GET", &format!("/api/v1/alerts/{ALERT}/reviews"), &[], b"").await.json();
    let sha256 = steps["steps"][0]["done"]["sha256"].as_str().expect("its hash").to_owned();
    let url = site.serving.url(&format!("/api/v1/attachments/{sha256}"));
    let response = reqwest::Client::new().get(url).header("cookie", &one.cookie).send().await.expect("an answer");
    assert_eq!(response.headers()["content-disposition"], "attachment");
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert_eq!(response.bytes().await.expect("a body"), bytes);
    let large = vec![b' '; 100_000];
    let reviews = format!("/api/v1/alerts/{ALERT}/reviews");
    let answer = site.ask(Some(&one), "POST", &reviews, &[("content-type", "application/json")], &large).await;
    assert_eq!(answer.status, 413, "only a file may be so large");
}

#[tokio::test]
async fn without_sign_in_all_is_read_as_before_and_nothing_is_signed() {
    let site = Site::start(false).await;
    assert_eq!(site.serving.json("/api/v1/session").await["required"], false);
    assert_eq!(site.serving.get("/api/v1/readings").await.status, 200);
    let path = format!("/api/v1/alerts/{ALERT}/reviews");
    let headers = [("content-type", "application/json")];
    let act = site.ask(None, "POST", &path, &headers, br#"{"act":"comment","text":"seen"}"#).await;
    assert_eq!(act.status, 401, "{}", act.text);
    let add = br#"{"name":"eve","role":"admin","password":"a long enough password"}"#;
    assert_eq!(site.ask(None, "POST", "/api/v1/people", &headers, add).await.status, 401);
    assert_eq!(site.ask(None, "POST", "/api/v1/agreement/reload", &headers, b"").await.status, 401);
}
