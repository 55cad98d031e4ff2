//! The routes, and what every handler has at hand.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Router, extract::Request};
use tokio::sync::Semaphore;

use super::problem::Problem;
use super::queries::Queries;
use super::server::RenderMetrics;
use super::{HttpConfig, Limits, api, control, guard, page, probes};

/// The only route that changes something.
pub(super) const RELOAD: &str = "/api/v1/agreement/reload";

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
}

pub(super) fn router(config: &HttpConfig, queries: Arc<dyn Queries>, render_metrics: RenderMetrics) -> Router {
    let context = Context {
        queries,
        render_metrics,
        turns: Arc::new(Semaphore::new(config.limits.queries)),
        limits: config.limits,
        host_names: config.host_names.clone().into(),
        control_token: config.control_token.as_deref().map(Into::into),
        pace: Arc::default(),
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
        .route("/api/v1/stats", get(api::stats));
    for asset in page::ASSETS {
        router = router.route(asset.path, get(async move || page::answer(asset)));
    }
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(context.clone(), guard::admit))
        .layer(from_fn(guard::observe))
        .with_state(context)
}

async fn no_such_path(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(128).collect();
    Problem::not_found(format!("there is nothing at {path}; the API is below /api/v1/"))
}

async fn no_such_method(request: Request) -> Problem {
    let own = if request.uri().path() == RELOAD { "POST" } else { "GET" };
    let detail = format!("{} is not possible here; use {own}", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
