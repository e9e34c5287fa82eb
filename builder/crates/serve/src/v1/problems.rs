//! Problems: uploaded as archives, and named by the digest of their bytes.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use judge::judging::Session;
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::{Problem, caller, read_body};
use crate::shelf::Unready;

/// A problem that submissions can name.
#[derive(Serialize, ToSchema)]
pub(super) struct Uploaded {
    /// The SHA-256 of the archive.
    id: String,
    /// Its own name.
    name: String,
    /// The format that it was read from.
    format: String,
    /// How many tests it has.
    tests: usize,
    /// CPU time of a test.
    time_limit_us: Option<u64>,
    /// Memory of a test.
    memory_limit_bytes: Option<u64>,
    /// What was found and has no effect.
    warnings: Vec<String>,
}

impl Uploaded {
    fn new(id: String, session: &Session) -> Uploaded {
        let problem = session.problem();
        Uploaded {
            id,
            name: problem.name.clone(),
            format: problem.format.title().to_owned(),
            tests: problem.tests.len(),
            time_limit_us: problem.limits.cpu_us,
            memory_limit_bytes: problem.limits.memory_bytes,
            warnings: problem.warnings.clone(),
        }
    }
}

/// The tenant's problems.
#[derive(Serialize, ToSchema)]
pub(super) struct Problems {
    /// Their ids.
    problems: Vec<String>,
}

fn failed(what: impl ToString) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, what.to_string())
}

impl From<Unready> for Problem {
    fn from(unready: Unready) -> Problem {
        match unready {
            Unready::Mistake(what) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what),
            Unready::Passing(what) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, what),
        }
    }
}

fn absent() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such problem")
}

/// Upload a problem: a zip archive in any of the formats that `capsule judge` reads. The same bytes are the same problem.
#[utoipa::path(
    post,
    path = "/v1/problems",
    request_body(content = String, content_type = "application/zip"),
    responses(
        (status = 201, body = Uploaded, description = "Submissions can name it."),
        (status = 413, body = Problem, description = "It is too long.", content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "It cannot be judged here.", content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "It could not be tried now: the queue is full, the sandbox failed, or the service ends. The same again may do.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let archive = read_body(body, &app.settings).await?;
    let (own, name) = (Arc::clone(&app), tenant.name.clone());
    let kept = spawn_blocking(move || own.shelf.put(&name, &archive)).await.map_err(failed)?;
    let (id, is_new) =
        kept.map_err(|error| Problem::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?;
    match app.problem(&tenant, &id).await? {
        Ok(session) => Ok((StatusCode::CREATED, Json(Uploaded::new(id, &session))).into_response()),
        Err(unready) => {
            // What was good once stays, and what may be good another time.
            if is_new && matches!(unready, Unready::Mistake(_)) {
                let (own, name) = (Arc::clone(&app), tenant.name.clone());
                let _tried_again_by_its_owner = spawn_blocking(move || own.shelf.remove(&name, &id)).await;
            }
            Err(unready.into())
        }
    }
}

/// The tenant's problems.
#[utoipa::path(get, path = "/v1/problems", responses((status = 200, body = Problems)))]
pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<Problems>, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let problems = spawn_blocking(move || app.shelf.list(&tenant.name)).await.map_err(failed)?;
    Ok(Json(Problems { problems }))
}

/// What was understood of a problem.
#[utoipa::path(
    get,
    path = "/v1/problems/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = Uploaded),
        (status = 404, body = Problem, description = "This tenant has no such problem.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn look(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Uploaded>, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    app.shelf.find(&tenant.name, &id).ok_or_else(absent)?;
    let session = app.problem(&tenant, &id).await?;
    let session = session?;
    Ok(Json(Uploaded::new(id, &session)))
}

/// Remove a problem. What is judged with it now goes on.
#[utoipa::path(
    delete,
    path = "/v1/problems/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "It is removed."),
        (status = 404, body = Problem, description = "This tenant has no such problem.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let removed = spawn_blocking(move || app.shelf.remove(&tenant.name, &id)).await.map_err(failed)?;
    if removed.map_err(failed)? { Ok(StatusCode::NO_CONTENT) } else { Err(absent()) }
}
