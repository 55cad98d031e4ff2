//! People and tokens, for admins.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use truceline_core::review::Role;

use super::api::turn;
use super::body::JsonBody;
use super::problem::Problem;
use super::router::Context;
use super::session::staff_of;
use super::staff::{Caller, ChangeError, PeopleChange};

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    name: String,
    role: Role,
    password: String,
}

/// What of somebody changes; exactly one of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonChange {
    role: Option<Role>,
    password: Option<String>,
    disabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    role: Role,
    days: u32,
}

#[derive(Serialize)]
struct Made {
    /// Shown once, and held as its hash.
    token: String,
}

pub(super) async fn list(State(context): State<Context>) -> Result<Response, Problem> {
    let staff = staff_of(&context)?;
    let items = turn(&context, move |_| staff.people.people()).await?;
    Ok(Json(Items { items }).into_response())
}

pub(super) async fn add(
    State(context): State<Context>,
    caller: Option<Extension<Caller>>,
    JsonBody(new): JsonBody<NewPerson>,
) -> Result<Response, Problem> {
    let change = PeopleChange::Add { name: new.name, role: new.role, password: new.password };
    changed(&context, caller, change).await?;
    Ok(StatusCode::CREATED.into_response())
}

pub(super) async fn change(
    State(context): State<Context>,
    Path(name): Path<String>,
    caller: Option<Extension<Caller>>,
    JsonBody(asked): JsonBody<PersonChange>,
) -> Result<Response, Problem> {
    let change = match (asked.role, asked.password, asked.disabled) {
        (Some(role), None, None) => PeopleChange::SetRole { name, role },
        (None, Some(password), None) => PeopleChange::SetPassword { name, password },
        (None, None, Some(disabled)) => PeopleChange::SetDisabled { name, disabled },
        _ => {
            let detail = "say exactly one of role, password and disabled";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
    };
    changed(&context, caller, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn tokens(State(context): State<Context>) -> Result<Response, Problem> {
    let staff = staff_of(&context)?;
    let items = turn(&context, move |_| staff.people.tokens()).await?;
    Ok(Json(Items { items }).into_response())
}

pub(super) async fn add_token(
    State(context): State<Context>,
    caller: Option<Extension<Caller>>,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<Response, Problem> {
    let change = PeopleChange::AddToken { name: new.name, role: new.role, days: new.days };
    let token = changed(&context, caller, change).await?.unwrap_or_default();
    Ok((StatusCode::CREATED, Json(Made { token })).into_response())
}

pub(super) async fn revoke_token(
    State(context): State<Context>,
    Path(id): Path<String>,
    caller: Option<Extension<Caller>>,
) -> Result<Response, Problem> {
    changed(&context, caller, PeopleChange::RevokeToken { id }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn changed(
    context: &Context,
    caller: Option<Extension<Caller>>,
    change: PeopleChange,
) -> Result<Option<String>, Problem> {
    let staff = staff_of(context)?;
    // Without sign-in anybody on this machine could make themselves an admin of the time after.
    let Some(Extension(caller)) = caller else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "people are changed by an admin who has signed in"));
    };
    let done = turn(context, move |_| Ok(staff.people.change(&caller.name, change))).await?;
    done.map_err(|error| {
        let detail = error.to_string();
        match error {
            ChangeError::Conflict(_) => Problem::new(StatusCode::CONFLICT, detail),
            ChangeError::Unknown(_) => Problem::not_found(detail),
            ChangeError::Value(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            ChangeError::Query(error) => error.into(),
        }
    })
}
