//! A server on a free port, and a client that knows nothing of its code.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use truceline::http::{HttpConfig, Limits, Server, StaffAccess};

use crate::fake::FakeQueries;

/// A server that runs until it is dropped.
pub struct Serving {
    pub fake: Arc<FakeQueries>,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub ended: Option<JoinHandle<usize>>,
    client: reqwest::Client,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

pub fn config() -> HttpConfig {
    HttpConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        behind_proxy: false,
        host_names: vec!["watch.example".to_owned()],
        control_token: Some("5".repeat(64)),
        limits: Limits::default(),
    }
}

impl Serving {
    pub async fn start(fake: FakeQueries) -> Self {
        Self::with(fake, config()).await
    }

    pub async fn with(fake: FakeQueries, config: HttpConfig) -> Self {
        Self::for_staff(fake, config, None).await
    }

    pub async fn for_staff(fake: FakeQueries, config: HttpConfig, staff: Option<StaffAccess>) -> Self {
        let fake = Arc::new(fake);
        let render = Arc::new(|| "# TYPE truceline_fake_total counter\ntruceline_fake_total 1\n".to_owned());
        let server = Server::bind(config, fake.clone(), render, staff).await.expect("bound");
        let (address, stop) = (server.address(), CancellationToken::new());
        let ended = Some(tokio::spawn(server.serve(stop.clone())));
        Self { fake, address, stop, ended, client: reqwest::Client::new() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn send(&self, request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder) -> Answer {
        let response = request(&self.client).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("a body") }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let url = self.url(path);
        self.send(|client| client.get(url)).await
    }

    /// The JSON of an answer that must be 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        answer.json()
    }
}

/// Waits until `condition` holds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        // Polling interval of a condition, not a guess at how long something takes.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 10 s for {what}");
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.fake.gate.open();
        self.stop.cancel();
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }
}
