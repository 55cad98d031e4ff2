//! Signing in and out, and one's own password.

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use truceline_core::review::Role;
use truceline_core::time::Time;

use super::access::{COOKIE, address, session};
use super::api::turn;
use super::body::JsonBody;
use super::control::same_site;
use super::problem::Problem;
use super::router::{Context, StaffAccess};
use super::staff::{Caller, SignInError};

/// Whom the service takes somebody for.
#[derive(Serialize)]
struct Me {
    /// Whether there is sign-in here at all; without it everybody may do all that has no need of a name.
    required: bool,
    signed_in: bool,
    name: Option<String>,
    role: Option<Role>,
    csrf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    old: String,
    new: String,
}

pub(super) fn staff_of(context: &Context) -> Result<StaffAccess, Problem> {
    context.staff.clone().ok_or_else(|| Problem::busy("there is no sign-in here"))
}

pub(super) async fn me(State(context): State<Context>, caller: Option<Extension<Caller>>) -> Response {
    let caller = caller.map(|caller| caller.0);
    Json(Me {
        required: context.staff.as_ref().is_some_and(|staff| staff.required),
        signed_in: caller.is_some(),
        name: caller.as_ref().map(|caller| caller.name.clone()),
        role: caller.as_ref().map(|caller| caller.role),
        csrf: caller.and_then(|caller| caller.csrf),
        expires_at: None,
    })
    .into_response()
}

pub(super) async fn sign_in(
    State(context): State<Context>,
    from: Option<Extension<SocketAddr>>,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<SignIn>,
) -> Result<Response, Problem> {
    // A page of another site must not sign somebody in under a name of its own.
    same_site(&headers)?;
    let staff = staff_of(&context)?;
    let from = address(from.map(|from| from.0), &headers, context.behind_proxy);
    let people = staff.people.clone();
    let done = ask_sign_in(&context, move || people.sign_in(&asked.name, &asked.password, from)).await?;
    let secure = if context.behind_proxy { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", done.secret, done.lasts_s);
    let me = Me {
        required: staff.required,
        signed_in: true,
        name: Some(done.caller.name),
        role: Some(done.caller.role),
        csrf: done.caller.csrf,
        expires_at: Some(done.expires_at),
    };
    with_cookie(Json(me).into_response(), &cookie)
}

pub(super) async fn sign_out(
    State(context): State<Context>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    same_site(&headers)?;
    let staff = staff_of(&context)?;
    if let (Some(Extension(caller)), Some(secret)) = (caller, session(&headers)) {
        turn(&context, move |_| staff.people.sign_out(&caller, &secret)).await?;
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie)
}

pub(super) async fn password(
    State(context): State<Context>,
    caller: Option<Extension<Caller>>,
    from: Option<Extension<SocketAddr>>,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<NewPassword>,
) -> Result<StatusCode, Problem> {
    let staff = staff_of(&context)?;
    let Some(Extension(caller)) = caller.filter(|caller| caller.csrf.is_some()) else {
        return Err(Problem::new(StatusCode::FORBIDDEN, "only a person who has signed in has a password"));
    };
    let from = address(from.map(|from| from.0), &headers, context.behind_proxy);
    let change = move || staff.people.change_own_password(&caller.name, &asked.old, &asked.new, from);
    ask_sign_in(&context, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ask_sign_in<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce() -> Result<T, SignInError> + Send + 'static,
) -> Result<T, Problem> {
    let answer = turn(context, move |_| Ok(question())).await?;
    answer.map_err(|error| match error {
        SignInError::Wrong => Problem::new(StatusCode::UNAUTHORIZED, error.to_string()),
        SignInError::Wait(seconds) => {
            metrics::counter!("truceline_http_limited_total", "limit" => "sign_ins").increment(1);
            Problem::too_many(format!("{error} {seconds} s"), seconds)
        }
        SignInError::Password(why) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why),
        SignInError::Query(error) => error.into(),
    })
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, Problem> {
    let value = HeaderValue::from_str(cookie)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the cookie cannot be written"))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}
