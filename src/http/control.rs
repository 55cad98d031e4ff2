//! What changes the service, and what tells of it: for those who hold the control token.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::access::credential;
use super::api::ask;
use super::cursor::List;
use super::items::ListPage;
use super::params::{MAX_LIMIT, Params};
use super::problem::Problem;
use super::queries::{ReloadAnswer, ReloadReport};
use super::router::Context;
use super::staff::Credential;

/// Most reloads within [`WINDOW`].
const MAX_RELOADS: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// When the latest reloads were asked for; at most [`MAX_RELOADS`] of them.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<VecDeque<Instant>>);

impl Pace {
    fn admits(&self, now: Instant) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while asked.front().is_some_and(|first| now.duration_since(*first) >= WINDOW) {
            asked.pop_front();
        }
        if asked.len() >= MAX_RELOADS {
            return false;
        }
        asked.push_back(now);
        true
    }
}

pub(super) async fn reload(State(context): State<Context>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    match reloaded(&context, &uri, &headers, &body).await {
        Ok(report) => Json(report).into_response(),
        Err(problem) => {
            let unauthorized = problem.is_unauthorized();
            let mut response = problem.into_response();
            if unauthorized {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

async fn reloaded(context: &Context, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<ReloadReport, Problem> {
    same_site(headers)?;
    authorized(context, headers)?;
    Params::read(uri, &[]).finish()?;
    let json = |value: &HeaderValue| value.to_str().is_ok_and(|kind| kind.trim().starts_with("application/json"));
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| !json(kind)) {
        let detail = "send no body, or an empty JSON object as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if !body.is_empty() && serde_json::from_slice(body).ok() != Some(serde_json::Map::new()) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "a reload takes no settings; send no body"));
    }
    if !context.pace.admits(Instant::now()) {
        metrics::counter!("truceline_http_limited_total", "limit" => "reloads").increment(1);
        let detail = format!("{MAX_RELOADS} reloads within {} s are the most; wait", WINDOW.as_secs());
        return Err(Problem::too_many(detail, 10));
    }
    match ask(context, super::queries::Queries::reload).await?.0 {
        ReloadAnswer::Done(report) => Ok(report),
        ReloadAnswer::Busy => {
            Err(Problem::new(StatusCode::CONFLICT, "a reload is under way already; ask again when it has ended"))
        }
        ReloadAnswer::Faulty(faults) => Err(Problem::faults(faults)),
    }
}

pub(super) async fn audit(State(context): State<Context>, uri: Uri, headers: HeaderMap) -> Response {
    let found = async {
        same_site(&headers)?;
        authorized(&context, &headers)?;
        let mut params = Params::read(&uri, &["limit", "cursor"]);
        let (before, limit) = (params.place(List::Audit), params.limit(MAX_LIMIT));
        params.finish()?;
        ask(&context, move |queries| {
            let page = queries.audit(before, limit)?;
            Ok(ListPage::new(List::Audit, page, |entry| entry))
        })
        .await
    };
    match found.await {
        Ok(page) => page.into_response(),
        Err(problem) => {
            let unauthorized = problem.is_unauthorized();
            let mut response = problem.into_response();
            if unauthorized {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

/// Refuses what a page of another site has a browser send.
pub(super) fn same_site(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let foreign_fetch = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = text("host").unwrap_or_default();
    let own = |origin: &str| origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
    if foreign_fetch || text("origin").is_some_and(|origin| !own(origin)) {
        metrics::counter!("truceline_http_limited_total", "limit" => "cross_site").increment(1);
        return Err(Problem::new(StatusCode::FORBIDDEN, "a page of another site may not ask for this"));
    }
    Ok(())
}

/// Where sign-in is required, the table of routes has seen to it before this.
fn authorized(context: &Context, headers: &HeaderMap) -> Result<(), Problem> {
    if context.staff.as_ref().is_some_and(|staff| staff.required) {
        return Ok(());
    }
    if let Some(Credential::Token(token)) = credential(headers)
        && is_control_token(context, &token)
    {
        return Ok(());
    }
    metrics::counter!("truceline_http_limited_total", "limit" => "token").increment(1);
    let detail = "send 'Authorization: Bearer TOKEN' with the token of the service's http.control_token_file";
    Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
}

pub(super) fn is_control_token(context: &Context, told: &str) -> bool {
    context.control_token.as_deref().is_some_and(|own| same(told.as_bytes(), own.as_bytes()))
}

/// Whether both are the same, in a time that tells nothing of where they differ.
fn same(told: &[u8], own: &[u8]) -> bool {
    let differs = told.iter().zip(own).fold(0, |differs, (a, b)| differs | (a ^ b));
    told.len() == own.len() && !own.is_empty() && std::hint::black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_same() {
        assert!(same(b"abc", b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b"", b"xbc"] {
            assert!(!same(other, b"abc"));
        }
        assert!(!same(b"", b""), "no token lets nobody in");
    }

    #[test]
    fn more_reloads_than_are_allowed_wait_for_the_first_to_be_a_minute_ago() {
        let (pace, start) = (Pace::default(), Instant::now());
        assert!((0..MAX_RELOADS).all(|_| pace.admits(start)));
        assert!(!pace.admits(start + Duration::from_millis(WINDOW.as_millis() as u64 - 1)));
        assert!(pace.admits(start + WINDOW));
    }
}
