//! What every request passes: whose name it is for, how large and how slow it may be; and
//! what every answer carries.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use truceline_core::review::MAX_ATTACHMENT;

use super::problem::Problem;
use super::router::{ATTACHMENTS, Context, RELOAD, REVIEWS};

const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "geolocation=(), camera=(), microphone=()"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Bytes of an act: its longest text, with every letter escaped.
const ACT_BYTES: u64 = 64 * 1024;

/// Outermost: counts and times, completes problems, sets the headers.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", |path| path.as_str()).to_owned();
    let instance = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.complete(&mut response, &instance);
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    let status = response.status().as_str().to_owned();
    metrics::counter!("truceline_http_requests_total", "route" => route.clone(), "status" => status).increment(1);
    metrics::histogram!("truceline_http_request_seconds", "route" => route).record(start.elapsed().as_secs_f64());
    response
}

/// Refuses requests for other names (DNS rebinding), too large or too slow ones.
pub(super) async fn admit(State(context): State<Context>, request: Request, next: Next) -> Response {
    let most = match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        Some(ATTACHMENTS) => MAX_ATTACHMENT,
        Some(REVIEWS) => ACT_BYTES,
        _ => context.limits.body_bytes,
    };
    let refusal = match check_host(request.headers(), request.uri(), &context.host_names) {
        Err(problem) => Some(("host", problem)),
        Ok(()) if too_large(request.headers(), most) => {
            let detail = format!("nothing is taken here of more than {most} bytes, or in chunks");
            Some(("body", Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)))
        }
        Ok(()) => None,
    };
    if let Some((limit, problem)) = refusal {
        metrics::counter!("truceline_http_limited_total", "limit" => limit).increment(1);
        let mut response = problem.into_response();
        // What follows on such a connection is not worth reading.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    // What it has put in force is in force: an answer that says no more than that it was slow would mislead.
    if request.uri().path() == RELOAD {
        return next.run(request).await;
    }
    let limit = context.limits.request;
    if let Ok(response) = tokio::time::timeout(limit, next.run(request)).await {
        return response;
    }
    metrics::counter!("truceline_http_limited_total", "limit" => "time").increment(1);
    Problem::busy(format!(
        "no answer within {} s; ask for less, such as a shorter time or a smaller limit",
        limit.as_secs()
    ))
    .into_response()
}

fn too_large(headers: &HeaderMap, limit: u64) -> bool {
    let told = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    told.unwrap_or(0) > limit || headers.contains_key(header::TRANSFER_ENCODING)
}

/// A page of another site may have its name resolved to this machine and so read what is here
/// in the name of a user's browser; its requests still carry the other name.
fn check_host(headers: &HeaderMap, uri: &Uri, names: &[String]) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let told = match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), _, None) => Some(authority.as_str()),
        (None, Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    let Some(told) = told else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "give exactly one Host header"));
    };
    let name = without_port(told).to_ascii_lowercase();
    let known = is_loopback(&name) || names.iter().any(|own| own.eq_ignore_ascii_case(&name));
    if known {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    Err(Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        format!("this service is not called '{shown}'; use a loopback address, or add the name to http.host_names"),
    ))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => {
            // A bare IPv6 address has colons of its own; in a Host it stands in brackets.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        check_host(&headers, &Uri::from_static("/"), &["watch.example".to_owned()]).is_ok()
    }

    #[test]
    fn loopback_and_configured_names_are_admitted_with_and_without_a_port() {
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.3.2.1", "[::1]:8080", "[::1]", "Watch.Example:443"]
        {
            assert!(admitted(host), "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "10.0.0.1",
            "0.0.0.0",
            "",
            ":80",
            "watch.example.",
            "a:b:c",
        ] {
            assert!(!admitted(host), "{host}");
        }
    }

    #[test]
    fn a_request_without_a_name_or_with_two_is_refused() {
        let mut headers = HeaderMap::new();
        assert!(check_host(&headers, &Uri::from_static("/"), &[]).is_err());
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        headers.append(header::HOST, HeaderValue::from_static("evil.example"));
        assert!(check_host(&headers, &Uri::from_static("/"), &[]).is_err());
    }
}
