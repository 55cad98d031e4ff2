//! The routes, and what every handler has at hand.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, patch, post};
use tokio::sync::Semaphore;
use truceline_core::review::MAX_ATTACHMENT;

use super::problem::Problem;
use super::queries::Queries;
use super::server::RenderMetrics;
use super::staff::Staff;
use super::{HttpConfig, Limits, access, api, control, guard, page, people, probes, reviews, session};

/// Reads agreement and devices again; waits for the end of it.
pub(super) const RELOAD: &str = "/api/v1/agreement/reload";

/// Where a review is, and is acted on.
pub(super) const REVIEWS: &str = "/api/v1/alerts/{id}/reviews";
/// Where files are attached.
pub(super) const ATTACHMENTS: &str = "/api/v1/alerts/{id}/attachments";

/// Who people are, and whether that is asked.
#[derive(Clone)]
pub struct StaffAccess {
    /// Knows them.
    pub people: Arc<dyn Staff>,
    /// Whether nothing but `/healthz` and the sign-in is answered without it.
    pub required: bool,
}

/// What every handler has at hand; cheap to clone.
#[derive(Clone)]
pub(super) struct Context {
    pub queries: Arc<dyn Queries>,
    pub render_metrics: RenderMetrics,
    pub turns: Arc<Semaphore>,
    pub limits: Limits,
    pub host_names: Arc<[String]>,
    pub control_token: Option<Arc<str>>,
    pub pace: Arc<control::Pace>,
    pub staff: Option<StaffAccess>,
    pub behind_proxy: bool,
}

pub(super) fn router(
    config: &HttpConfig,
    queries: Arc<dyn Queries>,
    render_metrics: RenderMetrics,
    staff: Option<StaffAccess>,
) -> Router {
    let context = Context {
        queries,
        render_metrics,
        turns: Arc::new(Semaphore::new(config.limits.queries)),
        limits: config.limits,
        host_names: config.host_names.clone().into(),
        control_token: config.control_token.as_deref().map(Into::into),
        pace: Arc::default(),
        staff,
        behind_proxy: config.behind_proxy,
    };
    let mut router = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .route("/api/v1/readings", get(api::readings))
        .route("/api/v1/rejects", get(api::rejects))
        .route("/api/v1/devices", get(api::devices))
        .route("/api/v1/alerts", get(api::alerts))
        .route("/api/v1/alerts/{id}", get(api::alert))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/events/{id}", get(api::event))
        .route("/api/v1/agreement", get(api::agreement))
        .route(RELOAD, post(control::reload))
        .route("/api/v1/audit", get(control::audit))
        .route("/api/v1/stats", get(api::stats))
        .route("/api/v1/session", get(session::me).post(session::sign_in).delete(session::sign_out))
        .route("/api/v1/session/password", post(session::password))
        .route(REVIEWS, get(reviews::review).post(reviews::act))
        .route(ATTACHMENTS, post(reviews::attach).layer(DefaultBodyLimit::max(MAX_ATTACHMENT as usize)))
        .route("/api/v1/attachments/{sha256}", get(reviews::attachment))
        .route("/api/v1/people", get(people::list).post(people::add))
        .route("/api/v1/people/{name}", patch(people::change))
        .route("/api/v1/tokens", get(people::tokens).post(people::add_token))
        .route("/api/v1/tokens/{id}", delete(people::revoke_token));
    for asset in page::ASSETS {
        router = router.route(asset.path, get(async move || page::answer(asset)));
    }
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(context.clone(), access::identify))
        .layer(from_fn_with_state(context.clone(), guard::admit))
        .layer(from_fn(guard::observe))
        .with_state(context)
}

async fn no_such_path(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(128).collect();
    Problem::not_found(format!("there is nothing at {path}; the API is below /api/v1/"))
}

async fn no_such_method(request: Request) -> Problem {
    let path = request.extensions().get::<MatchedPath>().map_or("", |path| path.as_str()).to_owned();
    let own: Vec<&str> =
        access::ROUTES.iter().filter(|(_, known, _)| *known == path).map(|(method, _, _)| *method).collect();
    let own = if own.is_empty() { "GET".to_owned() } else { own.join(" or ") };
    let detail = format!("{} is not possible here; use {own}", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
