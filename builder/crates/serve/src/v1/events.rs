//! `GET /v1/submissions/{id}/events`: what happens to a submission, as server-sent events that can be resumed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::handed::{absent, of_store};
use crate::app::App;
use crate::desk;
use crate::http::{Pieces, Problem, caller, streamed};
use crate::store::{Event, Store};

/// The events of a submission, until it is finished; `Last-Event-ID` resumes after one.
#[utoipa::path(
    get,
    path = "/v1/submissions/{id}/events",
    params(("id" = String, Path), ("last-event-id" = Option<i64>, Header, description = "The last event that was seen.")),
    responses(
        (status = 200, body = String, description = "`queued`, `running`, then `done`, `dead` or `cancelled`.", content_type = "text/event-stream"),
        (status = 404, body = Problem, description = "This tenant has no such submission.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let (name, own) = (tenant.name.clone(), id.clone());
    let row = desk::ask(&app, move |store| store.get(&name, &own)).await.map_err(of_store)?;
    row.ok_or_else(absent)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (sender, body) = streamed(1, LONGEST);
    tokio::spawn(send(app, id, last, sender));
    Ok(([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")], body).into_response())
}

/// Bytes of events that wait for a client.
const LONGEST: usize = 1 << 20;

/// Until the last event, or until the client is gone.
async fn send(app: Arc<App>, id: String, mut last: i64, to: Pieces) {
    let mut changes = app.board.changes();
    loop {
        let own = id.clone();
        // Asked for first: what is not open then has had its last event.
        let seen = move |store: &Store| Ok((store.is_open(&own)?, store.events(&own, last)?));
        let Ok((is_open, events)) = desk::ask(&app, seen).await else { return };
        for Event { seq, kind, data } in events {
            last = seq;
            let text = format!("id: {seq}\nevent: {kind}\ndata: {data}\n\n");
            if to.send(text).await.is_err() || ["done", "dead", "cancelled"].contains(&&*kind) {
                return;
            }
        }
        if !is_open {
            return;
        }
        tokio::select! {
            () = to.closed() => return,
            () = async { while changes.recv().await.is_ok_and(|changed| *changed != *id) {} } => {}
        }
    }
}
