//! One write request to InfluxDB 2, and what its answer means.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use url::Url;

use crate::sinks::worker::Setback;

/// Where to write and as whom.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) org: String,
    pub(super) bucket: String,
    pub(super) token_file: PathBuf,
    pub(super) timeout: Duration,
}

/// What a write did not achieve.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// At least one of the lines is at fault.
    Lines {
        /// The answer.
        said: String,
        /// Whether it speaks of points that were left out: it is about these lines then and no other.
        names_points: bool,
    },
    /// None of them is.
    Setback(Setback),
}

/// Writes lines; reads its token again after the server refused it.
#[derive(Debug)]
pub(super) struct Writer {
    target: Target,
    client: Option<Client>,
}

impl Writer {
    pub(super) fn new(target: Target) -> Self {
        Self { target, client: None }
    }

    /// Writes the lines as one request; with the answer 204 all of them are durable.
    pub(super) async fn write(&mut self, lines: &[&str]) -> Result<(), Refusal> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.connect().await?,
        };
        let body = gzip(lines).map_err(|fault| Refusal::Setback(Setback::Unreachable(fault.to_string())))?;
        let result = client.write_line_protocol(&self.target.org, &self.target.bucket, body).await;
        let refusal = match result {
            Ok(()) => {
                self.client = Some(client);
                return Ok(());
            }
            Err(error) => self.meaning(error),
        };
        // After any other refusal the next attempt reads the token anew: it may have been rotated.
        if !matches!(refusal, Refusal::Setback(Setback::Refused(_))) {
            self.client = Some(client);
        }
        Err(refusal)
    }

    /// Writes nothing, which proves address, token, organization and bucket all the same.
    pub(super) async fn probe(&mut self) -> Result<(), Setback> {
        match self.write(&[]).await {
            // Who finds fault with an empty body, in InfluxDB's own words, has let us in.
            Ok(()) | Err(Refusal::Lines { .. }) => Ok(()),
            Err(Refusal::Setback(setback)) => Err(setback),
        }
    }

    async fn connect(&self) -> Result<Client, Refusal> {
        let refused = |why| Refusal::Setback(Setback::Refused(why));
        let path = &self.target.token_file;
        let token = tokio::fs::read_to_string(path)
            .await
            .map_err(|fault| refused(format!("cannot read the token file {}: {fault}", path.display())))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(self.target.timeout.min(Duration::from_secs(10)))
            .timeout(self.target.timeout)
            // A redirect would turn the write into a read of some page.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        ClientBuilder::with_builder(http, self.target.url.as_str(), &self.target.org, token.trim())
            .build()
            .map_err(|fault| refused(format!("cannot set up the connection to {}: {fault}", self.target.url)))
    }

    fn meaning(&self, error: RequestError) -> Refusal {
        let (url, org, bucket) = (&self.target.url, &self.target.org, &self.target.bucket);
        let (status, text) = match error {
            RequestError::Http { status, text } => (status, text),
            other => {
                return Refusal::Setback(Setback::Unreachable(format!("{url} does not answer: {}", chain(&other))));
            }
        };
        let said = first_characters(&text, 500);
        match status {
            // Whoever stands between may find a request too large: half of it is not.
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::Lines { said: format!("{status}: {said}"), names_points: false },
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if is_influxdbs(&text) => {
                Refusal::Lines { said: format!("{status}: {said}"), names_points: text.contains("partial write") }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Refusal::Setback(Setback::Refused(format!(
                "{url} refuses the token of {} for bucket '{bucket}' of '{org}' ({status}: {said}); put one that may write there into the file",
                self.target.token_file.display()
            ))),
            StatusCode::NOT_FOUND => Refusal::Setback(Setback::Refused(format!(
                "{url} has no bucket '{bucket}' in organization '{org}' ({said}); create it, or correct influxdb.org and influxdb.bucket"
            ))),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Refusal::Setback(Setback::Unreachable(format!("{url} asks to wait ({status}: {said})")))
            }
            _ if status.is_server_error() => {
                Refusal::Setback(Setback::Unreachable(format!("{url} answers {status}: {said}")))
            }
            _ => Refusal::Setback(Setback::Refused(format!(
                "{url} answers {status} where InfluxDB answers 204: {said}; check influxdb.url"
            ))),
        }
    }
}

fn gzip(lines: &[&str]) -> std::io::Result<Vec<u8>> {
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes / 4), Compression::fast());
    for line in lines {
        encoder.write_all(line.as_bytes())?;
        encoder.write_all(b"\n")?;
    }
    encoder.finish()
}

/// Whether an answer is an error as InfluxDB words them, and not one of something that stands before it.
fn is_influxdbs(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    #[allow(dead_code)] // that they are there is what counts
    struct Told {
        code: String,
        message: String,
    }
    serde_json::from_str::<Told>(text).is_ok()
}

/// An error with its causes: the library's own text leaves out what the network said.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}

fn first_characters(text: &str, count: usize) -> String {
    text.trim().chars().take(count).collect()
}
