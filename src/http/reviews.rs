//! Reviews: how they stand, what is done about them, and files.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use truceline_core::review::{Act, Person, Refusal, Review, Role, Step};
use uuid::Uuid;

use super::api::{alert_id, turn};
use super::body::JsonBody;
use super::params::{MAX_LIMIT, Params};
use super::problem::Problem;
use super::router::Context;
use super::session::staff_of;
use super::staff::{ActError, Caller};

#[derive(Serialize)]
struct Detail {
    alert: Uuid,
    review: Review,
    steps: Vec<Step>,
    /// What `after` is for the next page.
    next: Option<u64>,
}

pub(super) async fn review(
    State(context): State<Context>,
    Path(text): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::read(&uri, &["after", "limit"]);
    let after = params.text("after").map(|text| text.parse::<u64>());
    let limit = params.limit(MAX_LIMIT);
    params.finish()?;
    let Ok(after) = after.transpose() else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "after is the number of a step"));
    };
    let (id, staff) = (alert_id(&text)?, staff_of(&context)?);
    let found = turn(&context, move |_| staff.people.review(id, after.unwrap_or(0), limit + 1)).await?;
    let Some((review, mut steps)) = found else {
        return Err(Problem::not_found(format!("there is no alert {id}")));
    };
    let more = steps.len() > limit;
    steps.truncate(limit);
    let next = steps.last().filter(|_| more).map(|step| step.n);
    let tag = tag(&review);
    let mut response = Json(Detail { alert: id, review, steps, next }).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

pub(super) async fn act(
    State(context): State<Context>,
    Path(text): Path<String>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    JsonBody(act): JsonBody<Act>,
) -> Result<Response, Problem> {
    let (id, staff, person) = (alert_id(&text)?, staff_of(&context)?, person(caller)?);
    if matches!(act, Act::Attach(_)) {
        let detail = format!("send the file itself with POST /api/v1/alerts/{id}/attachments?name=NAME");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let seen = seen(&headers, &act)?;
    done(turn(&context, move |_| Ok(staff.people.act(id, seen, &person, act))).await?)
}

pub(super) async fn attach(
    State(context): State<Context>,
    Path(text): Path<String>,
    caller: Option<Extension<Caller>>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let mut params = Params::read(&uri, &["name"]);
    let name = params.text("name");
    params.finish()?;
    let Some(name) = name else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "say the file's name: ?name=NAME"));
    };
    let (id, staff, person) = (alert_id(&text)?, staff_of(&context)?, person(caller)?);
    let told = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = told.unwrap_or("application/octet-stream").to_owned();
    done(turn(&context, move |_| Ok(staff.people.attach(id, &person, name, media_type, bytes.to_vec()))).await?)
}

pub(super) async fn attachment(
    State(context): State<Context>,
    Path(sha256): Path<String>,
) -> Result<Response, Problem> {
    let staff = staff_of(&context)?;
    let shown: String = sha256.chars().take(64).collect();
    let found = turn(&context, move |_| staff.people.attached(&sha256)).await?;
    let Some(bytes) = found else { return Err(Problem::not_found(format!("there is no file {shown}"))) };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    // Never shown in place: what somebody attached is not a page of ours.
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    Ok(response)
}

fn done(result: Result<Review, ActError>) -> Result<Response, Problem> {
    let review = result.map_err(|error| {
        let detail = error.to_string();
        match error {
            ActError::NoAlert(_) => Problem::not_found(detail),
            ActError::Refused(Refusal::Stale { .. }) => Problem::new(StatusCode::PRECONDITION_FAILED, detail),
            ActError::Refused(Refusal::Role { .. } | Refusal::SameEyes(_)) => {
                Problem::new(StatusCode::FORBIDDEN, detail)
            }
            ActError::Refused(Refusal::Stage { .. } | Refusal::Outdated { .. }) => {
                Problem::new(StatusCode::CONFLICT, detail)
            }
            ActError::Refused(Refusal::Value { .. }) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            ActError::Query(error) => error.into(),
        }
    })?;
    let tag = tag(&review);
    let mut response = Json(review).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

fn tag(review: &Review) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", review.revision)).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The revision that whoever acts had before them. What only adds need not say it.
fn seen(headers: &HeaderMap, act: &Act) -> Result<u64, Problem> {
    let told = headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default());
    match told {
        Some(text) => text
            .trim()
            .trim_matches('"')
            .parse()
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "If-Match is the review's ETag, such as \"3\"")),
        None if matches!(act, Act::Comment { .. } | Act::Contact(_) | Act::Acknowledge {}) => Ok(0),
        None => Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "say in If-Match which ETag of the review you saw, so that nobody's work is overwritten",
        )),
    }
}

/// Whoever acts signs with their name: a program, or somebody who did not sign in, has none.
fn person(caller: Option<Extension<Caller>>) -> Result<Person, Problem> {
    match caller {
        Some(Extension(caller)) if caller.csrf.is_some() => Ok(Person { name: caller.name, role: caller.role }),
        Some(Extension(caller)) if caller.role >= Role::Viewer => {
            Err(Problem::new(StatusCode::FORBIDDEN, "a review is a person's: sign in with name and password"))
        }
        _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "a review is a person's: sign in with name and password")),
    }
}
