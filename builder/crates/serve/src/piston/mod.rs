//! Piston's API v2: `/api/v2/execute`, `/connect`, `/runtimes` and `/packages`, as Piston's documents and its clients have them.

mod answer;
mod connect;
mod constraint;
mod range;
mod request;
mod runtimes;
mod streams;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::alias;
use crate::app::{App, Busy};
use crate::http::{BodyError, caller, later, parse, read_body};
use crate::settings::Tenant;
use answer::answer;
use request::Execute;
use runtimes::{packages, runtimes};

/// Where clients expect it: at a server of one's own, and as at the public one.
const PREFIXES: [&str; 2] = ["/api/v2", "/api/v2/piston"];

/// Why a request is not answered: Piston's own form of it.
struct Message(StatusCode, String);

impl IntoResponse for Message {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

impl From<BodyError> for Message {
    fn from(error: BodyError) -> Message {
        Message(error.status(), error.message())
    }
}

/// A field that cannot be as it is.
fn wrong(message: impl Into<String>) -> Message {
    Message(StatusCode::BAD_REQUEST, message.into())
}

/// Its paths. Some clients end them with a slash.
pub(crate) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for prefix in PREFIXES {
        for slash in ["", "/"] {
            router = router
                .route(&format!("{prefix}/execute{slash}"), post(execute))
                .route(&format!("{prefix}/connect{slash}"), get(connect::connect))
                .route(&format!("{prefix}/runtimes{slash}"), get(list_runtimes))
                .route(
                    &format!("{prefix}/packages{slash}"),
                    get(list_packages).post(read_only).delete(read_only),
                );
        }
    }
    router
}

fn tenant(app: &App, headers: &HeaderMap) -> Result<Tenant, Message> {
    let needed = |_| Message(StatusCode::UNAUTHORIZED, "a token is needed".to_owned());
    caller(headers, &app.settings).map_err(needed)
}

async fn list_runtimes(State(app): State<Arc<App>>) -> Json<Value> {
    Json(runtimes(&app))
}

async fn list_packages(State(app): State<Arc<App>>) -> Json<Value> {
    Json(packages(&app))
}

async fn read_only() -> Message {
    let message = "The packages are those of the bundle, which its operator builds";
    Message(StatusCode::FORBIDDEN, message.to_owned())
}

async fn execute(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Message> {
    let tenant = tenant(&app, &headers)?;
    let body = read_body(body, &app.settings).await?;
    // Whatever its Content-Type: a client that runs in browsers too says that it is text.
    let body: Value = parse(&body).map_err(|error| wrong(error.to_string()))?;
    let Execute { language, version, work } = Execute::read(&body, &app)?;
    match app.run(&tenant, work).await {
        Ok(done) => match done.failure() {
            None => Ok(Json(answer(&done, alias::in_piston(&language), &version)).into_response()),
            Some(failure) => Err(Message(StatusCode::INTERNAL_SERVER_ERROR, failure)),
        },
        Err(Busy { retry_after, .. }) => {
            let message = "the server is busy".to_owned();
            Ok(later(Message(StatusCode::SERVICE_UNAVAILABLE, message).into_response(), retry_after))
        }
    }
}
