//! What workers ask of the service: the other side of `worker`. Nobody else has their token, and none of it is for clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::desk;
use crate::http::{Problem, is_token, read_bytes};
use crate::perform::Finished;
use crate::queue::Queue;
use crate::wire::{Agreed, Ask, Ended, Held, Hello, PREFIX, Told, Wanted, Welcome};

/// Of a result: both streams of a program and the texts of a compiler, as the operator's limits allow them.
const LONGEST: usize = 512 << 20;
/// For all of it to come.
const PATIENCE: Duration = Duration::from_secs(300);

/// Its paths; without a queue there are no workers.
pub(crate) fn routes() -> Router<Arc<App>> {
    let path = |name: &str| format!("{PREFIX}/{name}");
    Router::new()
        .route(&path("hello"), post(hello))
        .route(&path("begin"), post(begin))
        .route(&path("renew"), post(renew))
        .route(&path("tell"), post(tell))
        .route(&path("end"), post(end))
        .route(&path("problem"), post(problem))
}

/// The request, if it is a worker's.
async fn read<T: DeserializeOwned>(app: &App, headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let token = app.settings.worker_token.as_deref();
    if app.queue.is_none() || token.is_none_or(|token| !is_token(headers, token)) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "this is for workers, and needs their token"));
    }
    let body = read_bytes(body, LONGEST, PATIENCE).await?;
    serde_json::from_slice(&body).map_err(|error| Problem::of_json(&error))
}

fn queue(app: &App) -> Result<&Queue, Problem> {
    app.queue.as_ref().ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "this service has no workers"))
}

/// Does what may wait for a disk, all of it, whether or not the worker still waits.
async fn in_store<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |what: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, what);
    spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

async fn hello(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Welcome>, Problem> {
    let hello: Hello = read(&app, &headers, body).await?;
    refuse_another_bundle(&app, &hello.bundle)?;
    let queue = queue(&app)?;
    queue.ledger().seen(&hello.worker, hello.slots, Instant::now());
    Ok(Json(Welcome { lease_ms: queue.lease.as_millis() as u64 }))
}

/// The same program could get another verdict with another compiler.
fn refuse_another_bundle(app: &App, bundle: &str) -> Result<(), Problem> {
    if bundle == app.workshop.digest() {
        return Ok(());
    }
    Err(Problem::new(StatusCode::CONFLICT, "this worker has another bundle than the service"))
}

async fn begin(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let Ask { worker, id, bundle } = read(&app, &headers, body).await?;
    refuse_another_bundle(&app, &bundle)?;
    let answer = in_store(move || desk::begin(&app, &id, &worker)).await?;
    Ok(Json(answer).into_response())
}

async fn renew(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<Agreed>, Problem> {
    let Held { worker, id, attempt } = read(&app, &headers, body).await?;
    let agreed = queue(&app)?.ledger().renew(&id, &worker, attempt, Instant::now());
    Ok(Json(Agreed { agreed }))
}

async fn tell(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<Agreed>, Problem> {
    let Told { held, events } = read(&app, &headers, body).await?;
    let agreed = queue(&app)?.ledger().holds(&held.id, &held.worker, held.attempt);
    if agreed {
        let all = move || {
            events.iter().for_each(|(kind, data)| desk::tell(&app, &held.id, kind, data));
            Ok(())
        };
        in_store(all).await?;
    }
    Ok(Json(Agreed { agreed }))
}

async fn end(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<Agreed>, Problem> {
    let Ended { held, result, failure } = read(&app, &headers, body).await?;
    in_store(move || desk::end(&app, &held, Finished { result, failure })).await?;
    Ok(Json(Agreed { agreed: true }))
}

async fn problem(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let Wanted { tenant, problem } = read(&app, &headers, body).await?;
    let absent = || Problem::new(StatusCode::NOT_FOUND, "there is no such problem");
    let place = app.shelf.find(&tenant, &problem).ok_or_else(absent)?;
    let archive = in_store(move || std::fs::read(place).map_err(|error| error.to_string())).await?;
    Ok(archive.into_response())
}
