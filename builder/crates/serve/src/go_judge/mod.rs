//! go-judge's API: commands with files, pipes between them, and files that are kept from one request to the next.
//!
//! `request` is what clients send, by `POST /run` or by a `socket`, `group` runs the commands of one request at a time, `result` is what
//! came of each, and `budget` bounds the outputs of a request.

mod budget;
mod group;
mod request;
mod result;
mod socket;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use run::Cancel;
use serde_json::{Value, json};

use crate::app::{App, Busy};
use crate::http::{BodyError, caller, later, parse, read_body};
use crate::pool::{Begins, Way};
use crate::settings::Tenant;

use request::{Plan, Run};

/// Its clients compare it with the versions that they know; this is the one whose documents were followed.
const VERSION: &str = "v1.9.0";

/// What went wrong, as go-judge says it: a text as JSON, or a status alone.
struct Refused {
    status: StatusCode,
    what: Option<String>,
    retry_after: Option<Duration>,
}

impl Refused {
    fn new(status: StatusCode, what: impl Into<String>) -> Refused {
        Refused { status, what: Some(what.into()), retry_after: None }
    }

    fn bare(status: StatusCode) -> Refused {
        Refused { status, what: None, retry_after: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let response = match self.what {
            Some(what) => (self.status, Json(what)).into_response(),
            None => self.status.into_response(),
        };
        match self.retry_after {
            Some(time) => later(response, time),
            None => response,
        }
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Refused {
        Refused::new(error.status(), error.message())
    }
}

fn bad(what: impl Into<String>) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, what)
}

/// Its paths.
pub(crate) fn routes() -> Router<Arc<App>> {
    // The setting `body` is the limit (`read_body`), and not axum's own of 2 MiB.
    let upload = post(upload).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/run", post(run))
        .route("/ws", get(socket::connect))
        .route("/file", get(list).merge(upload))
        .route("/file/{id}", get(download).delete(remove))
        .route("/version", get(version))
        .route("/config", get(config))
}

fn tenant(app: &App, headers: &HeaderMap) -> Result<Tenant, Refused> {
    caller(headers, &app.settings).map_err(|_| Refused::bare(StatusCode::UNAUTHORIZED))
}

async fn run(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<Value>, Refused> {
    let tenant = tenant(&app, &headers)?;
    let body = read_body(body, &app.settings).await?;
    let run: Run = parse(&body).map_err(|error| bad(error.to_string()))?;
    let plan = plan(&app, &tenant, run)?;
    execute(&app, &tenant, &plan).await?.map(|results| Json(Value::Array(results)))
}

fn plan(app: &App, tenant: &Tenant, run: Run) -> Result<Arc<Plan>, Refused> {
    Plan::new(run, |id| app.kept.get(&tenant.name, id)).map(Arc::new)
}

/// Runs the commands of a request in a slot, and gives each one's result.
async fn execute(
    app: &Arc<App>,
    tenant: &Tenant,
    plan: &Arc<Plan>,
) -> Result<Result<Vec<Value>, Refused>, Busy> {
    let (own, name, plan) = (Arc::clone(app), tenant.name.clone(), Arc::clone(plan));
    let job = move |way: &Way<'_>, cancel: &Arc<Cancel>| group::run(&own, &name, &plan, way.cpus(), cancel);
    let done = app.in_slot(tenant, Begins::InSlot, job).await?;
    Ok(done.ok_or_else(|| failed("the service ended before the commands did")))
}

fn failed(what: &str) -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, what)
}

impl From<Busy> for Refused {
    fn from(busy: Busy) -> Refused {
        Refused { retry_after: Some(busy.retry_after), ..failed("worker queue is full") }
    }
}

async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<BTreeMap<String, String>>, Refused> {
    let tenant = tenant(&app, &headers)?;
    Ok(Json(app.kept.list(&tenant.name)))
}

/// One field `file` of a form.
async fn upload(State(app): State<Arc<App>>, request: Request) -> Result<Json<String>, Refused> {
    let (parts, body) = request.into_parts();
    let tenant = tenant(&app, &parts.headers)?;
    let body = read_body(body, &app.settings).await?;
    let form = Multipart::from_request(Request::from_parts(parts, Body::from(body)), &()).await;
    let mut form = form.map_err(|error| bad(error.body_text()))?;
    let wrong = |error: MultipartError| bad(error.body_text());
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or_default().to_owned();
            let content = field.bytes().await.map_err(wrong)?;
            let id = app.kept.put(&tenant.name, &name, content.to_vec());
            return id.map(Json).map_err(|what| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, what));
        }
    }
    Err(bad("the form has no field `file`"))
}

async fn download(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let tenant = tenant(&app, &headers)?;
    let (name, content) = app.kept.get(&tenant.name, &id).ok_or_else(absent)?;
    // A name is its client's: what could end the header is left out.
    let name: String = name.chars().filter(|one| one.is_ascii_graphic() && !"\"\\".contains(*one)).collect();
    let head = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((head, content.to_vec()).into_response())
}

async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let tenant = tenant(&app, &headers)?;
    if app.kept.remove(&tenant.name, &id) { Ok(StatusCode::OK) } else { Err(absent()) }
}

fn absent() -> Refused {
    Refused::bare(StatusCode::NOT_FOUND)
}

/// What this service has of go-judge.
fn features() -> Value {
    json!({
        "copyOutOptional": true,
        "pipeProxy": true,
        "symlink": false,
        "addressSpaceLimit": false,
        "stream": false,
        "procPeak": false,
        "copyOutTruncate": true,
        "pipeProxyZeroCopy": false,
        // No link of a program's is followed.
        "fixSymlinkEscape": true,
    })
}

async fn version(State(app): State<Arc<App>>) -> Json<Value> {
    let mut answer = features();
    answer["buildVersion"] = VERSION.into();
    answer["goVersion"] = format!("capsule {}", app.version).into();
    answer["platform"] = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }.into();
    answer["os"] = "linux".into();
    Json(answer)
}

async fn config() -> Json<Value> {
    let mut answer = features();
    answer["fileStorePath"] = "".into();
    let is_second = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    answer["runnerConfig"] = json!({
        "cgroupType": if is_second { 2 } else { 1 },
        "cgroupControllers": ["cpu", "memory", "pids"],
    });
    Json(answer)
}
