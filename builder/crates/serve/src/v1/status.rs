//! What the service does now: for people, for what starts and stops it, and for Prometheus.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::Problem;
use crate::limit::Limits;
use crate::pool::Load;
use crate::queue::Queue;

/// What the service does now, and what it allows.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// capsule's.
    version: &'static str,
    /// Since the start.
    uptime_s: u64,
    /// Programs that can run at a time.
    slots: usize,
    /// Slots that do a job now, or whose job writes its result.
    busy: usize,
    /// Jobs that wait for a slot.
    waiting: usize,
    /// Jobs that may wait.
    queue: usize,
    /// Workers that were heard of lately; their slots are among `slots`.
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<usize>,
    /// Whether the service ends as soon as all jobs are done.
    draining: bool,
    /// The most bytes of a request.
    body_bytes: usize,
    /// The most that a run may ask for.
    limits: Limits,
    /// The most that a compile step may ask for.
    compile_limits: Limits,
}

/// What the service does now, and what it allows.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(app): State<Arc<App>>) -> Json<Status> {
    let Load { slots, busy, waiting } = app.load();
    Json(Status {
        version: app.version,
        uptime_s: app.started.elapsed().as_secs(),
        slots,
        busy,
        waiting,
        queue: app.settings.queue,
        workers: app.queue.as_ref().map(|queue| queue.fleet().workers),
        draining: app.is_draining.load(Ordering::SeqCst),
        body_bytes: app.settings.body,
        limits: app.workshop.most(),
        compile_limits: app.workshop.most_to_compile(),
    })
}

/// Whether the service lives.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String, description = "It does.")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the service takes work now.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, body = String, description = "It does."),
    (status = 503, body = Problem, description = "The queue is full, or the service ends.", content_type = "application/problem+json"),
))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.is_draining.load(Ordering::SeqCst) {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service ends"));
    }
    let Load { slots, busy, waiting } = app.load();
    if busy == slots && waiting >= app.settings.queue {
        let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the queue is full");
        return Err(full.later(app.pool.retry_after()));
    }
    Ok("ok\n")
}

/// Counters, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain; version=0.0.4")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        app.metrics.render(app.load(), app.queue.as_ref().map(Queue::fleet)),
    )
        .into_response()
}
