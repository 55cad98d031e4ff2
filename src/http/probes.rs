//! What orchestrators and Prometheus ask.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::params::Params;
use super::problem::Problem;
use super::queries::PartStatus;
use super::router::Context;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    parts: Vec<PartStatus>,
}

/// Alive: the server answers.
pub(super) async fn healthz(uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[]).finish()?;
    Ok(Json(serde_json::json!({ "alive": true })).into_response())
}

/// Ready: every part does its work. The same document either way, so that a person sees why not.
pub(super) async fn readyz(State(context): State<Context>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[]).finish()?;
    let parts = context.queries.readiness();
    let ready = parts.iter().all(|part| part.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(Readiness { ready, parts })).into_response())
}

/// Prometheus's text format.
pub(super) async fn metrics(State(context): State<Context>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[]).finish()?;
    let text = (context.render_metrics)();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
