//! The resources below `/api/v1/`.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use truceline_core::agreement::Severity;
use truceline_core::engine::DeviceStatus;
use truceline_core::id::Id;
use truceline_core::review::Role;
use truceline_core::wire::{KINDS, RejectReason};
use uuid::Uuid;

use super::agreement::{AgreementItem, CATEGORIES};
use super::cursor::{self, List};
use super::items::{AlertDetail, AlertItem, EventItem, ListPage, ReadingItem, RejectItem, StatsItem};
use super::params::{MAX_LIMIT, Params};
use super::problem::Problem;
use super::queries::{AlertFilter, AlertState, EventFilter, Queries, QueryError, ReadingFilter, RejectFilter};
use super::router::{Context, StaffAccess};
use super::staff::Caller;

type Answer<T> = Result<Json<T>, Problem>;

/// Bytes of stored messages that a page may hold.
const PAGE_BYTES: usize = 8 << 20;
/// Most rejects of a page that shows their bytes.
const MAX_LIMIT_WITH_BYTES: usize = 100;
/// Most revisions of an alert's history.
const MAX_HISTORY: usize = 200;

const SEVERITIES: [(&str, Severity); 4] = [
    ("minor", Severity::Minor),
    ("moderate", Severity::Moderate),
    ("severe", Severity::Severe),
    ("extreme", Severity::Extreme),
];
const STATES: [(&str, AlertState); 2] = [("open", AlertState::Open), ("ended", AlertState::Ended)];
const DEVICE_STATES: [&str; 4] = ["ok", "silent", "maintenance", "never_heard"];

pub(super) async fn readings(State(context): State<Context>, uri: Uri) -> Answer<ListPage<ReadingItem>> {
    let known = ["device", "station", "kind", "from", "to", "limit", "cursor"];
    let mut params = Params::read(&uri, &known);
    let (from, to) = params.interval();
    let filter = ReadingFilter {
        device: params.id("device"),
        station: params.id("station"),
        kind: params.word("kind", &KINDS.map(|kind| (kind, kind))),
        from,
        to,
        before: params.place(List::Readings),
        limit: params.limit(MAX_LIMIT),
        max_bytes: PAGE_BYTES,
    };
    params.finish()?;
    // Decoding a thousand readings is work of its own: it stays on the blocking thread.
    ask(&context, move |queries| Ok(ListPage::new(List::Readings, queries.readings(&filter)?, ReadingItem::from))).await
}

pub(super) async fn rejects(State(context): State<Context>, uri: Uri) -> Answer<ListPage<RejectItem>> {
    let known = ["reason", "device", "bytes", "limit", "cursor"];
    let mut params = Params::read(&uri, &known);
    let with_bytes = params.word("bytes", &[("true", true), ("false", false)]).unwrap_or(false);
    let filter = RejectFilter {
        reason: params.word("reason", &RejectReason::ALL.map(|reason| (reason.as_str(), reason))),
        device: params.id("device"),
        before: params.place(List::Rejects),
        limit: params.limit(if with_bytes { MAX_LIMIT_WITH_BYTES } else { MAX_LIMIT }),
        max_bytes: PAGE_BYTES,
    };
    params.finish()?;
    ask(&context, move |queries| {
        Ok(ListPage::new(List::Rejects, queries.rejects(&filter)?, |row| RejectItem::new(row, with_bytes)))
    })
    .await
}

pub(super) async fn devices(State(context): State<Context>, uri: Uri) -> Answer<ListPage<DeviceStatus>> {
    let mut params = Params::read(&uri, &["station", "state", "limit", "cursor"]);
    let station = params.id("station");
    let state = params.word("state", &DEVICE_STATES.map(|state| (state, state)));
    let after: Option<Id> = params.cursor(List::Devices);
    let limit = params.limit(MAX_LIMIT);
    params.finish()?;
    ask(&context, move |queries| {
        let mut items: Vec<DeviceStatus> = queries
            .devices()?
            .into_iter()
            .filter(|device| after.as_ref().is_none_or(|after| device.device > *after))
            .filter(|device| station.as_ref().is_none_or(|station| device.station == *station))
            .filter(|device| state.is_none_or(|state| device.state == state))
            .take(limit + 1)
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| cursor::encode(List::Devices, last.device.as_str()));
        Ok(ListPage { items, next })
    })
    .await
}

/// Whether whoever asks gets the viewers' form: coarsened, and as it was a while ago.
fn for_viewers(context: &Context, caller: Option<Extension<Caller>>) -> Option<StaffAccess> {
    let staff = context.staff.clone().filter(|staff| staff.required)?;
    // Without a caller nobody comes here; if so all the same, it is the form that tells least.
    let is_viewer = caller.is_none_or(|caller| caller.role < Role::Analyst);
    is_viewer.then_some(staff)
}

pub(super) async fn alerts(
    State(context): State<Context>,
    caller: Option<Extension<Caller>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let known = ["state", "rule", "category", "severity", "from", "to", "limit", "cursor"];
    let mut params = Params::read(&uri, &known);
    let (from, to) = params.interval();
    let filter = AlertFilter {
        state: params.word("state", &STATES),
        rule: params.id("rule"),
        category: params.word("category", &CATEGORIES.map(|category| (category, category))),
        severity: params.word("severity", &SEVERITIES),
        from,
        to,
        before: params.place(List::Alerts),
        limit: params.limit(MAX_LIMIT),
    };
    params.finish()?;
    if let Some(staff) = for_viewers(&context, caller) {
        let found = turn(&context, move |_| staff.people.viewer_alerts(&filter)).await?;
        return Ok(Json(ListPage::new(List::Alerts, found, |alert| alert)).into_response());
    }
    let found =
        ask(&context, move |queries| Ok(ListPage::new(List::Alerts, queries.alerts(&filter)?, AlertItem::from))).await;
    Ok(found?.into_response())
}

pub(super) async fn alert(
    State(context): State<Context>,
    caller: Option<Extension<Caller>>,
    Path(text): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::read(&uri, &[]).finish()?;
    let id = alert_id(&text)?;
    let missing = || Problem::not_found(format!("there is no alert {id}"));
    if let Some(staff) = for_viewers(&context, caller) {
        let found = turn(&context, move |_| staff.people.viewer_alert(id)).await?;
        return found.map(|alert| Json(alert).into_response()).ok_or_else(missing);
    }
    let found = ask(&context, move |queries| {
        let Some(alert) = queries.alert(id)? else { return Ok(None) };
        let history = queries.alert_history(id, MAX_HISTORY)?;
        Ok(Some(AlertDetail { alert: alert.into(), history: history.into_iter().map(Into::into).collect() }))
    })
    .await?;
    found.0.map(|found| Json(found).into_response()).ok_or_else(missing)
}

pub(super) async fn events(State(context): State<Context>, uri: Uri) -> Answer<ListPage<EventItem>> {
    let known = ["state", "rule", "category", "subject", "zone", "from", "to", "limit", "cursor"];
    let mut params = Params::read(&uri, &known);
    let (from, to) = params.interval();
    let filter = EventFilter {
        state: params.word("state", &STATES),
        rule: params.id("rule"),
        category: params.word("category", &CATEGORIES.map(|category| (category, category))),
        subject: params.text("subject"),
        zone: params.id("zone"),
        from,
        to,
        before: params.place(List::Events),
        limit: params.limit(MAX_LIMIT),
    };
    params.finish()?;
    ask(&context, move |queries| Ok(ListPage::new(List::Events, queries.events(&filter)?, EventItem::from))).await
}

pub(super) async fn event(State(context): State<Context>, Path(text): Path<String>, uri: Uri) -> Answer<EventItem> {
    Params::read(&uri, &[]).finish()?;
    let id: Uuid =
        text.parse().map_err(|_| Problem::not_found("an event's id is a UUID; take it from /api/v1/events"))?;
    let found = ask(&context, move |queries| Ok(queries.event(id)?.map(EventItem::from))).await?;
    found.0.map(Json).ok_or_else(|| Problem::not_found(format!("there is no event {id}")))
}

pub(super) async fn agreement(State(context): State<Context>, uri: Uri) -> Answer<AgreementItem> {
    Params::read(&uri, &[]).finish()?;
    let found = ask(&context, |queries| Ok(queries.agreement()?.map(|now| AgreementItem::new(&now)))).await?;
    found.0.map(Json).ok_or_else(|| {
        Problem::not_found(
            "no agreement is in force: set agreement.dir and start again; readings are stored, not judged",
        )
    })
}

pub(super) async fn stats(State(context): State<Context>, uri: Uri) -> Answer<StatsItem> {
    Params::read(&uri, &[]).finish()?;
    ask(&context, |queries| Ok(StatsItem::from(queries.stats()?))).await
}

/// What whoever asked is told of a store that did not answer; the rest goes to the log.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Unavailable(why) => Self::busy(why),
            QueryError::Failed(why) => {
                tracing::error!(error = %why, "a query failed");
                let detail = "a store could not be read; the service's log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        }
    }
}

/// The id of an alert in a path.
pub(super) fn alert_id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::not_found("an alert's id is a UUID; take it from /api/v1/alerts"))
}

/// Asks the stores on a blocking thread, a bounded number at once; the answer as JSON.
pub(super) async fn ask<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce(&dyn Queries) -> Result<T, QueryError> + Send + 'static,
) -> Answer<T> {
    turn(context, question).await.map(Json)
}

/// As [`ask`]; the answer as it is.
pub(super) async fn turn<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce(&dyn Queries) -> Result<T, QueryError> + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(context.limits.query_wait, context.turns.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        metrics::counter!("truceline_http_limited_total", "limit" => "queries").increment(1);
        return Err(Problem::busy("too many queries are under way; ask again in a moment"));
    };
    let queries = context.queries.clone();
    let work = tokio::task::spawn_blocking(move || {
        // The turn ends with the work, also when nobody waits for its answer any more.
        let _turn = turn;
        question(&*queries)
    });
    match work.await {
        Ok(answer) => Ok(answer?),
        Err(error) => {
            tracing::error!(%error, "a query broke off");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the query broke off; the service's log says why"))
        }
    }
}
