//! Names, headers, limits, and the end of a server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use truceline::http::{HttpConfig, HttpError, Limits, Server};

use crate::fake::FakeQueries;
use crate::serving::{Serving, config, until};

/// Sends bytes as they are; the answer up to the connection's end.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_a_proxy_in_front() {
    let exposed = || HttpConfig { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..config() };
    let bind = async |config| {
        Server::bind(config, std::sync::Arc::new(FakeQueries::default()), std::sync::Arc::new(String::new), None).await
    };
    let error = bind(exposed()).await.err().expect("refused");
    assert!(matches!(error, HttpError::Exposed(_)) && error.to_string().contains("http.behind_proxy"));
    let behind = HttpConfig { behind_proxy: true, ..exposed() };
    assert!(bind(behind).await.is_ok());
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let serving = Serving::start(FakeQueries::default()).await;
    let taken = HttpConfig { listen: serving.address, ..config() };
    let render = std::sync::Arc::new(String::new);
    let error = Server::bind(taken, serving.fake.clone(), render, None).await.err().expect("taken");
    assert!(error.to_string().contains(&serving.address.to_string()), "{error}");
}

#[tokio::test]
async fn requests_for_another_name_are_refused_everywhere() {
    let serving = Serving::start(FakeQueries::mission()).await;
    for path in ["/", "/healthz", "/api/v1/readings", "/nothing"] {
        let url = serving.url(path);
        let answer = serving.send(|client| client.get(&url).header("host", "rebound.example:80")).await;
        assert_eq!((answer.status, answer.header("content-type")), (421, "application/problem+json"), "{path}");
        assert!(!answer.text.contains("items"));
        let answer = serving.send(|client| client.get(&url).header("host", "watch.example")).await;
        assert_ne!(answer.status, 421, "{path}");
    }
    let none = raw(serving.address, "GET /healthz HTTP/1.1\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.1 400"), "{none}");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_none_allows_other_sites() {
    let serving = Serving::start(FakeQueries::mission()).await;
    for path in ["/", "/healthz", "/api/v1/stats", "/api/v1/readings?x=1", "/nothing"] {
        let url = serving.url(path);
        let answer = serving.send(|client| client.get(url).header("origin", "https://evil.example")).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"));
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{path}");
    }
}

#[tokio::test]
async fn a_large_body_or_head_is_refused() {
    let serving = Serving::start(FakeQueries::default()).await;
    let head = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
    let answer = raw(serving.address, &format!("{head}content-length: 99999999\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let answer = raw(serving.address, &format!("{head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let long = "x".repeat(20_000);
    let answer = raw(serving.address, &format!("{head}x-long: {long}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up_and_says_so() {
    let limits = Limits { request: Duration::from_millis(100), ..Limits::default() };
    let serving = Serving::with(FakeQueries::mission(), HttpConfig { limits, ..config() }).await;
    serving.fake.gate.close();
    let answer = serving.get("/api/v1/stats").await;
    serving.fake.gate.open();
    assert_eq!(answer.status, 503);
    assert!(answer.json()["detail"].as_str().unwrap().contains("ask for less"));
    assert_eq!(serving.get("/api/v1/stats").await.status, 200);
}

#[tokio::test]
async fn queries_beyond_the_limit_are_turned_away_and_the_others_answered() {
    let limits = Limits { queries: 1, query_wait: Duration::from_millis(50), ..Limits::default() };
    let serving = Serving::with(FakeQueries::mission(), HttpConfig { limits, ..config() }).await;
    let gate = &serving.fake.gate;
    gate.close();
    let (first, second) = tokio::join!(serving.get("/api/v1/stats"), async {
        until("the first to hold the only turn", || gate.waiting() == 1).await;
        let answer = serving.get("/api/v1/devices").await;
        gate.open();
        answer
    });
    assert_eq!((first.status, second.status), (200, 503));
    assert!(second.json()["detail"].as_str().unwrap().contains("too many queries"));
    assert_eq!(serving.get("/api/v1/devices").await.status, 200);
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_cut_off() {
    let limits = Limits { head: Duration::from_millis(100), ..Limits::default() };
    let serving = Serving::with(FakeQueries::mission(), HttpConfig { limits, ..config() }).await;
    assert!(!raw(serving.address, "GET /healthz HT").await.contains("200"));
    let idle = raw(serving.address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
}

#[tokio::test]
async fn clients_that_send_half_a_request_or_nothing_keep_nobody_out() {
    let serving = Serving::start(FakeQueries::mission()).await;
    let most = Limits::default().connections;
    let mut half_open = Vec::new();
    for number in 0..2 * most {
        let mut stream = TcpStream::connect(serving.address).await.expect("connected");
        if number % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: loc").await.expect("sent");
        }
        half_open.push(stream);
    }
    let start = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(raw_status(serving.address).await, 200, "on a connection of its own");
    }
    // They used to wait for the others' time to send a head to be over.
    assert!(start.elapsed() < Limits::default().head, "{:?} for 20 answers", start.elapsed());
    let mut last = half_open.pop().expect("some");
    last.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    last.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "the youngest still have their places: {answer}");
}

async fn raw_status(address: SocketAddr) -> u16 {
    let answer = raw(address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn connections_whose_requests_are_under_way_keep_their_places_and_others_wait() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let serving = Serving::with(FakeQueries::mission(), HttpConfig { limits, ..config() }).await;
    let gate = &serving.fake.gate;
    gate.close();
    let (first, second) = tokio::join!(serving.get("/api/v1/stats"), async {
        until("the first to be under way", || gate.waiting() == 1).await;
        let address = serving.address;
        let second = tokio::spawn(raw_status(address));
        // What must not happen takes a while not to happen.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished());
        gate.open();
        second.await.expect("no panic")
    });
    assert_eq!((first.status, second), (200, 200));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_gives_way_too() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let serving = Serving::with(FakeQueries::mission(), HttpConfig { limits, ..config() }).await;
    let mut unread = TcpStream::connect(serving.address).await.expect("connected");
    unread.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    assert_eq!(raw_status(serving.address).await, 200);
    drop(unread);
}

#[tokio::test]
async fn stopping_finishes_the_answer_under_way_and_ends_idle_connections() {
    let mut serving = Serving::start(FakeQueries::mission()).await;
    let idle = TcpStream::connect(serving.address).await.expect("connected");
    assert_eq!(serving.get("/healthz").await.status, 200);
    serving.stop.cancel();
    let cut = serving.ended.take().unwrap().await.expect("ended");
    assert_eq!(cut, 0);
    assert!(TcpStream::connect(serving.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn stopping_cuts_off_what_takes_longer_than_the_deadline() {
    let limits = Limits { drain: Duration::from_millis(100), ..Limits::default() };
    let mut serving = Serving::with(FakeQueries::mission(), HttpConfig { limits, ..config() }).await;
    serving.fake.gate.close();
    let mut stream = TcpStream::connect(serving.address).await.expect("connected");
    stream.write_all(b"GET /api/v1/stats HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    let gate = &serving.fake.gate;
    until("the query to be under way", || gate.waiting() == 1).await;
    serving.stop.cancel();
    let cut = serving.ended.take().unwrap().await.expect("ended");
    assert_eq!(cut, 1);
}
