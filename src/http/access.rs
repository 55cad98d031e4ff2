//! Who may ask for what: one table, and the middleware that goes by it.
//!
//! A route that is not in the table is for admins only, so that one that is forgotten is closed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use truceline_core::review::Role;

use super::api::turn;
use super::control::same_site;
use super::problem::Problem;
use super::router::Context;
use super::staff::{Caller, Credential};

/// The cookie of a session.
pub(super) const COOKIE: &str = "truceline-session";
/// The header that every change from a session carries.
pub(super) const CSRF: &str = "x-csrf-token";

/// Where one signs in and out, and sees who one is.
pub(super) const SESSION: &str = "/api/v1/session";

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: it shows nothing of what is observed.
    Open,
    /// Whoever has signed in with at least this role.
    From(Role),
}

use Access::{From, Open};

/// Every route below `/api/v1/` and the probes: method, path, who. Files of the page are open: they hold no data.
pub const ROUTES: &[(&str, &str, Access)] = &[
    ("GET", "/healthz", Open),
    ("GET", "/api/v1/session", Open),
    ("POST", "/api/v1/session", Open),
    ("DELETE", "/api/v1/session", Open),
    ("POST", "/api/v1/session/password", From(Role::Viewer)),
    ("GET", "/readyz", From(Role::Viewer)),
    ("GET", "/metrics", From(Role::Viewer)),
    ("GET", "/api/v1/agreement", From(Role::Viewer)),
    ("GET", "/api/v1/alerts", From(Role::Viewer)),
    ("GET", "/api/v1/alerts/{id}", From(Role::Viewer)),
    ("GET", "/api/v1/stats", From(Role::Viewer)),
    ("GET", "/api/v1/readings", From(Role::Analyst)),
    ("GET", "/api/v1/devices", From(Role::Analyst)),
    ("GET", "/api/v1/events", From(Role::Analyst)),
    ("GET", "/api/v1/events/{id}", From(Role::Analyst)),
    ("GET", "/api/v1/alerts/{id}/reviews", From(Role::Analyst)),
    ("POST", "/api/v1/alerts/{id}/reviews", From(Role::Analyst)),
    ("POST", "/api/v1/alerts/{id}/attachments", From(Role::Analyst)),
    ("GET", "/api/v1/attachments/{sha256}", From(Role::Analyst)),
    ("GET", "/api/v1/rejects", From(Role::Admin)),
    ("GET", "/api/v1/audit", From(Role::Supervisor)),
    ("POST", "/api/v1/agreement/reload", From(Role::Admin)),
    ("GET", "/api/v1/people", From(Role::Admin)),
    ("POST", "/api/v1/people", From(Role::Admin)),
    ("PATCH", "/api/v1/people/{name}", From(Role::Admin)),
    ("GET", "/api/v1/tokens", From(Role::Admin)),
    ("POST", "/api/v1/tokens", From(Role::Admin)),
    ("DELETE", "/api/v1/tokens/{id}", From(Role::Admin)),
];

/// Who may use this route.
pub(super) fn access(method: &Method, path: &str) -> Access {
    if path == "/" || path.starts_with("/assets/") {
        return Open;
    }
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let found = ROUTES.iter().find(|(m, p, _)| *m == method && *p == path);
    found.map_or(From(Role::Admin), |(_, _, access)| *access)
}

/// Finds out who asks, and refuses what they may not; what passes carries its [`Caller`].
pub(super) async fn identify(State(context): State<Context>, mut request: Request, next: Next) -> Response {
    // Nothing is there: the answer says so without asking who.
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else {
        return next.run(request).await;
    };
    let (method, headers) = (request.method().clone(), request.headers().clone());
    match admitted(&context, &path, &method, &headers).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(problem) => {
            let unauthorized = problem.is_unauthorized();
            let mut response = problem.into_response();
            if unauthorized {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

async fn admitted(
    context: &Context,
    path: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Problem> {
    let Some(staff) = context.staff.as_ref() else { return Ok(None) };
    let needed = if staff.required { access(method, path) } else { Open };
    let nobody = || match needed {
        Open => Ok(None),
        From(_) => Err(not_signed_in()),
    };
    let Some(credential) = credential(headers) else { return nobody() };
    if let Credential::Token(token) = &credential
        && super::control::is_control_token(context, token)
    {
        return Ok(Some(Caller { name: "control token".to_owned(), role: Role::Admin, csrf: None }));
    }
    let (people, is_session) = (staff.people.clone(), matches!(credential, Credential::Session(_)));
    let Some(caller) = turn(context, move |_| people.caller(&credential)).await? else { return nobody() };
    // A browser sends its cookie also for a page of another site. To sign in or out needs no more than the same site.
    if is_session && !matches!(*method, Method::GET | Method::HEAD) && path != SESSION {
        same_site(headers)?;
        let told = headers.get(CSRF).and_then(|value| value.to_str().ok());
        if told.is_none() || told != caller.csrf.as_deref() {
            metrics::counter!("truceline_http_limited_total", "limit" => "csrf").increment(1);
            let detail = format!("send the session's csrf in the header {CSRF}; GET {SESSION} shows it");
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
    }
    match needed {
        From(role) if caller.role < role => {
            metrics::counter!("truceline_http_limited_total", "limit" => "role").increment(1);
            Err(Problem::new(StatusCode::FORBIDDEN, format!("this needs the role {role}; yours is {}", caller.role)))
        }
        _ => Ok(Some(caller)),
    }
}

fn not_signed_in() -> Problem {
    metrics::counter!("truceline_http_limited_total", "limit" => "sign_in").increment(1);
    let detail = "sign in with POST /api/v1/session, or send 'Authorization: Bearer TOKEN' with a token of yours";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

/// What a request shows; a token goes before a cookie, for a program may have both.
pub(super) fn credential(headers: &HeaderMap) -> Option<Credential> {
    let mut told = headers.get_all(header::AUTHORIZATION).iter();
    if let (Some(value), None) = (told.next(), told.next())
        && let Some(token) = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "))
    {
        return Some(Credential::Token(token.to_owned()));
    }
    session(headers).map(Credential::Session)
}

/// The secret of the session, if exactly one is told.
pub(super) fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut told = pairs.filter(|(name, _)| *name == COOKIE);
    match (told.next(), told.next()) {
        (Some((_, secret)), None) => Some(secret.to_owned()),
        _ => None,
    }
}

/// Where a request comes from: the last that the proxy in front told, if there is one.
pub(super) fn address(request_from: Option<SocketAddr>, headers: &HeaderMap, behind_proxy: bool) -> IpAddr {
    let told = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse().ok()
    };
    let peer = request_from.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |from| from.ip());
    if behind_proxy { told().unwrap_or(peer) } else { peer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_the_table_does_not_know_is_for_admins() {
        assert_eq!(access(&Method::PUT, "/api/v1/alerts"), From(Role::Admin));
        assert_eq!(access(&Method::GET, "/api/v1/new"), From(Role::Admin));
        assert_eq!(access(&Method::HEAD, "/healthz"), Open);
    }

    #[test]
    fn a_session_is_told_once_or_not_at_all() {
        let mut headers = HeaderMap::new();
        assert_eq!(session(&headers), None);
        headers.append(header::COOKIE, "a=1; truceline-session=abc; b=2".parse().unwrap());
        assert_eq!(session(&headers), Some("abc".to_owned()));
        headers.append(header::COOKIE, "truceline-session=def".parse().unwrap());
        assert_eq!(session(&headers), None);
    }

    #[test]
    fn only_a_proxy_may_say_where_a_request_comes_from() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "9.9.9.9, 10.1.1.1".parse().unwrap());
        let peer = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(address(peer, &headers, false), IpAddr::from([127, 0, 0, 1]));
        assert_eq!(address(peer, &headers, true), IpAddr::from([10, 1, 1, 1]));
    }
}
