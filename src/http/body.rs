//! A request's body as JSON, with a problem that says what is wrong with it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A body that was read as JSON.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Also a guard: a form of another site cannot send this type without asking first.
        if !kind.trim().to_ascii_lowercase().starts_with("application/json") {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON, as application/json"));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), "the body could not be read to its end"))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            // serde's text names the field and the place, and of the body at most a word.
            let detail: String = format!("the body cannot be used: {error}").chars().take(300).collect();
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        })
    }
}
