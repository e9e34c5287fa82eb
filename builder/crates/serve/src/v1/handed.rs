//! Submissions: a program that is handed in, done later, and asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bundle::digest::Sha;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::run::RunAnswer;
use super::run_request::{RunRequest, read};
use crate::app::App;
use crate::desk::{self, Handed, Refusal};
use crate::http::{Problem, caller, read_body};
use crate::store::{self, Row};
use crate::work::Done;

/// The front's name in the store.
const FRONT: &str = "v1";
/// A client that wants to wait for longer asks again.
const LONGEST_WAIT: f64 = 600.0;
/// Of the client's own name for a submission, in bytes.
const LONGEST_KEY: usize = 256;
const KEY: &str = "idempotency-key";

/// A submission, and what has come of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Submission {
    /// Its name in this API.
    id: String,
    /// Where it stands.
    state: store::State,
    /// How often it was begun; more than once where the sandbox failed or the service was killed.
    attempt: u32,
    /// Milliseconds since 1970.
    created_ms: i64,
    /// When its last attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_ms: Option<i64>,
    /// When it was finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_ms: Option<i64>,
    /// What came of it; of a dead submission, its last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<RunAnswer>,
    /// The report of `capsule judge` (docs/judge-report.schema.json) for a submission with a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    judgement: Option<Box<RawValue>>,
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
pub(super) struct Wait {
    /// Seconds to wait for the result, up to 600.
    #[serde(default)]
    wait: f64,
}

impl Wait {
    fn time(&self) -> Duration {
        Duration::try_from_secs_f64(self.wait.clamp(0.0, LONGEST_WAIT)).unwrap_or_default()
    }
}

impl From<Row> for Submission {
    fn from(row: Row) -> Submission {
        let (done, judgement) = match row.result {
            Some(result) => match serde_json::from_str::<Done>(&result) {
                Ok(done) => (Some(done), None),
                Err(_) => (None, RawValue::from_string(result).ok()),
            },
            None => (None, None),
        };
        Submission {
            id: row.id,
            state: row.state,
            attempt: row.attempt,
            created_ms: row.created_ms,
            started_ms: row.started_ms,
            finished_ms: row.finished_ms,
            result: done.map(RunAnswer::from),
            judgement,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Busy(busy) => busy.into(),
            Refusal::Conflict => {
                Problem::new(StatusCode::CONFLICT, "this `Idempotency-Key` was used for another submission")
            }
            Refusal::Store(what) => of_writing(what),
        }
    }
}

pub(super) fn of_store(what: String) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, what)
}

/// The store could not write something, for example because the disk is full.
fn of_writing(what: String) -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, what)
}

pub(super) fn absent() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such submission")
}

/// Hand a program in. The answer means that it is kept, and will be done even if the service is killed.
///
/// The header `Idempotency-Key` names a submission: the same one again is not a second submission.
#[utoipa::path(
    post,
    path = "/v1/submissions",
    params(Wait, ("idempotency-key" = Option<String>, Header, description = "The client's own name for it, up to 256 bytes.")),
    request_body = RunRequest,
    responses(
        (status = 200, body = Submission, description = "It is finished."),
        (status = 202, body = Submission, description = "It is kept."),
        (status = 409, body = Problem, description = "The key was used for another submission.", content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "A field is wrong.", content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "The queue is full, or the service ends.", content_type = "application/problem+json"),
        (status = 507, body = Problem, description = "It cannot be kept.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn hand_in(
    State(app): State<Arc<App>>,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let key = key(&headers)?;
    let body = read_body(body, &app.settings).await?;
    let work = read::<RunRequest>(&body)?.into_work(&app.workshop)?;
    if let Some(problem) = &work.problem
        && app.shelf.find(&tenant.name, problem).is_none()
    {
        return Err(Problem::of_field("problem", "there is no such problem"));
    }
    let (digest, extra) = (Sha::of(&body), "null".to_owned());
    drop(body);
    let handed = Handed { key, digest, front: FRONT, priority: 0, work, extra };
    let (id, _) = desk::hand_in(&app, &tenant, handed).await?;
    let row = desk::wait(&app, &tenant, &id, wait.time()).await.map_err(of_store)?;
    Ok(answer(row.ok_or_else(absent)?))
}

/// What has come of a submission so far.
#[utoipa::path(
    get,
    path = "/v1/submissions/{id}",
    params(Wait, ("id" = String, Path)),
    responses(
        (status = 200, body = Submission, description = "It is finished."),
        (status = 202, body = Submission, description = "It is not finished."),
        (status = 404, body = Problem, description = "This tenant has no such submission.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn look(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let row = desk::wait(&app, &tenant, &id, wait.time()).await.map_err(of_store)?;
    Ok(answer(row.ok_or_else(absent)?))
}

/// Call a submission off.
#[utoipa::path(
    delete,
    path = "/v1/submissions/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "It was called off."),
        (status = 404, body = Problem, description = "This tenant has no such submission.", content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "It is finished.", content_type = "application/problem+json"),
        (status = 507, body = Problem, description = "The store cannot record the cancellation.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn call_off(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    if desk::call_off(&app, &tenant, &id).await.map_err(of_writing)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let row = desk::wait(&app, &tenant, &id, Duration::ZERO).await.map_err(of_store)?;
    row.ok_or_else(absent)?;
    Err(Problem::new(StatusCode::CONFLICT, "the submission is finished"))
}

fn answer(row: Row) -> Response {
    let status = if row.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, Json(Submission::from(row))).into_response()
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let wrong =
        || Problem::of_field("Idempotency-Key", format!("it has 1 to {LONGEST_KEY} ASCII characters"));
    Ok(Some(key.ok_or_else(wrong)?.to_owned()))
}
