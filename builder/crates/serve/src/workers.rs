//! What workers ask of the service: the other side of `worker`. Nobody else has their token, and none of it is for clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::desk;
use crate::http::{Problem, is_token, read_bytes};
use crate::limit::Limits;
use crate::perform::Finished;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::wire::{Agreed, Ask, Ended, Held, Hello, PREFIX, Told, Wanted, Welcome};

/// Of a question, in bytes.
const QUESTION: usize = 64 << 10;
/// Of what happened during an attempt.
const EVENTS: usize = 64 << 20;
/// Of a result without the streams of its programs: reports, or what came of each test.
const REPORTS: u64 = 128 << 20;
/// Of a byte of a stream: as `\u0000` in the result, which is a text in the question and has one more backslash there.
const ESCAPED: u64 = 7;
/// For all of it to come: a worker that has no answer after that time asks again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Results that are longer than this are read and written by the service a few at a time,
const LONG: u64 = 1 << 20;
/// so many: a fleet may have all of its results at one moment, as after a restart of the service.
static LONG_ONES: Semaphore = Semaphore::const_new(2);

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
async fn read<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<T, Problem> {
    check(app, headers)?;
    let body = read_bytes(body, most, PATIENCE).await?;
    serde_json::from_slice(&body).map_err(|error| Problem::of_json(&error))
}

fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let token = app.settings.worker_token.as_deref();
    if app.queue.is_some() && token.is_some_and(|token| is_token(headers, token)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNAUTHORIZED, "this is for workers, and needs their token"))
}

/// Bytes of a result: both streams of a program and the text of a compiler, as the operator's limits allow them, and the rest.
fn longest(settings: &Settings) -> usize {
    let output = |limits: Limits| limits.output_bytes.unwrap_or_default();
    let streams = output(settings.most).saturating_mul(2).saturating_add(output(settings.compile));
    let bytes = streams.saturating_mul(ESCAPED).saturating_add(REPORTS);
    usize::try_from(bytes).unwrap_or(usize::MAX)
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
    let hello: Hello = read(&app, &headers, body, QUESTION).await?;
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
    let Ask { worker, id, bundle } = read(&app, &headers, body, QUESTION).await?;
    refuse_another_bundle(&app, &bundle)?;
    let answer = in_store(move || desk::begin(&app, &id, &worker)).await?;
    Ok(Json(answer).into_response())
}

async fn renew(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<Agreed>, Problem> {
    let Held { worker, id, attempt } = read(&app, &headers, body, QUESTION).await?;
    let agreed = queue(&app)?.ledger().renew(&id, &worker, attempt, Instant::now());
    Ok(Json(Agreed { agreed }))
}

async fn tell(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<Agreed>, Problem> {
    let Told { held, events } = read(&app, &headers, body, EVENTS).await?;
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
    check(&app, &headers)?;
    let is_long = body.size_hint().upper().is_none_or(|bytes| bytes > LONG);
    let _until_it_is_written = if is_long { LONG_ONES.acquire().await.ok() } else { None };
    let Ended { held, result, failure } = read(&app, &headers, body, longest(&app.settings)).await?;
    in_store(move || desk::end(&app, &held, Finished { result, failure })).await?;
    Ok(Json(Agreed { agreed: true }))
}

async fn problem(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let Wanted { tenant, problem } = read(&app, &headers, body, QUESTION).await?;
    let absent = || Problem::new(StatusCode::NOT_FOUND, "there is no such problem");
    let place = app.shelf.find(&tenant, &problem).ok_or_else(absent)?;
    let archive = in_store(move || std::fs::read(place).map_err(|error| error.to_string())).await?;
    Ok(archive.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    #[test]
    fn a_result_is_as_long_as_the_operators_limits_make_it() {
        let flags = [("limit.output", "10M"), ("compile.output", "5M")];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let settings = Settings::read(&Sources { flags, ..Sources::default() }).unwrap();
        // The worst that a stream can be.
        let result = serde_json::to_string(&"\0".repeat(25 << 20)).unwrap();
        let told = serde_json::to_string(&result).unwrap();
        assert!(told.len() <= longest(&settings) && longest(&settings) < told.len() + (130 << 20));
    }
}
