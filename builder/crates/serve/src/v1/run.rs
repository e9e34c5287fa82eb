//! `POST /v1/run`: one program.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::run_request::{RunRequest, read};
use crate::app::{App, Busy};
use crate::http::{Problem, caller, read_body};
use crate::pool::Refused;
use crate::text::{Text, Written};
use crate::work::{Done, Step};

/// What came of a program: the report of `capsule exec` (docs/report.md), and what it wrote.
#[derive(Serialize, ToSchema)]
pub(super) struct RunAnswer {
    /// Of this format: 1.
    version: u32,
    /// `ok`, `compile-error`, `sandbox-error`, or the status of the run step. `sandbox-error` is never the program's fault.
    status: String,
    /// Why it is a compile error.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// The language that was chosen.
    #[serde(skip_serializing_if = "String::is_empty")]
    language: String,
    /// The exit code that `capsule exec` would have.
    exit_code: u8,
    /// Why the sandbox failed before any step.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// init's report of the compile step, and `text`, the start of what the compiler printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    compile: Option<Map<String, Value>>,
    /// init's report of the run step.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Map<String, Value>>,
    /// What the program wrote to stdout.
    #[schema(value_type = Written)]
    stdout: Text,
    /// What the program wrote to stderr.
    #[schema(value_type = Written)]
    stderr: Text,
}

impl From<Done> for RunAnswer {
    fn from(done: Done) -> RunAnswer {
        let compile = |Step { mut report, text, .. }: Step| {
            report.insert("text".to_owned(), String::from_utf8_lossy(&text.0).into());
            report
        };
        RunAnswer {
            version: 1,
            status: done.status,
            cause: done.cause,
            language: done.language,
            exit_code: done.code,
            error: done.error,
            compile: done.compile.map(compile),
            run: done.run.map(|step| step.report),
            stdout: done.stdout,
            stderr: done.stderr,
        }
    }
}

impl From<Busy> for Problem {
    fn from(Busy { refused, retry_after }: Busy) -> Problem {
        match refused {
            Refused::Full => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the queue is full").later(retry_after)
            }
            Refused::TenantFull => {
                let detail = "too many of this tenant's jobs wait";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).later(retry_after)
            }
            Refused::Closing => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service ends").later(retry_after)
            }
        }
    }
}

/// Compile and run one program, and wait for its end. If the client goes away, the program is ended.
#[utoipa::path(
    post,
    path = "/v1/run",
    request_body = RunRequest,
    responses(
        (status = 200, body = RunAnswer, description = "It ran, or did not compile, or the sandbox failed: `status` tells."),
        (status = 400, body = Problem, description = "The request is not JSON.", content_type = "application/problem+json"),
        (status = 401, body = Problem, description = "It has no tenant's token.", content_type = "application/problem+json"),
        (status = 408, body = Problem, description = "It came too slowly.", content_type = "application/problem+json"),
        (status = 413, body = Problem, description = "It is too long.", content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "A field is wrong.", content_type = "application/problem+json"),
        (status = 429, body = Problem, description = "Too many of this tenant's jobs wait.", content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "The queue is full, or the service ends.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RunAnswer>, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let body = read_body(body, &app.settings).await?;
    let work = read::<RunRequest>(&body)?.into_run(&app.workshop)?;
    // The source is in the work now.
    drop(body);
    Ok(Json(app.run(&tenant, work).await?.into()))
}
