//! SandboxFusion's `POST /run_code`, and `GET /v1/ping`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use run::exec::SourceFile;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::alias;
use crate::app::{App, Busy};
use crate::http::{caller, later, parse, read_body};
use crate::limit::Limits;
use crate::text::Text;
use crate::work::{Done, Program, Step, Work};

/// What it takes. Fields that it does not have are ignored, as by SandboxFusion.
#[derive(Deserialize)]
struct RunCode {
    code: String,
    language: String,
    /// Seconds from start to end.
    #[serde(default = "ten_seconds")]
    compile_timeout: f64,
    #[serde(default = "ten_seconds")]
    run_timeout: f64,
    /// -1 for the operator's.
    #[serde(rename = "memory_limit_MB", default = "unlimited")]
    memory_limit: f64,
    stdin: Option<String>,
    /// By path, in base64.
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    fetch_files: Vec<String>,
}

fn ten_seconds() -> f64 {
    10.0
}

fn unlimited() -> f64 {
    -1.0
}

/// A field that cannot be as it is, in the form that FastAPI gives it.
struct Invalid(StatusCode, Value);

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "detail": self.1 }))).into_response()
    }
}

fn invalid(field: &str, message: impl Into<String>) -> Invalid {
    let message = message.into();
    let detail = json!([{ "loc": ["body", field], "msg": message, "type": "value_error" }]);
    Invalid(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Its paths.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/run_code", post(run_code)).route("/v1/ping", get(async || Json("pong")))
}

async fn run_code(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Invalid> {
    let tenant = caller(&headers, &app.settings)
        .map_err(|_| Invalid(StatusCode::UNAUTHORIZED, "a token is needed".into()))?;
    let body = read_body(body, &app.settings).await;
    let body = body.map_err(|error| Invalid(error.status(), error.message().into()))?;
    let request: RunCode = parse(&body).map_err(|error| invalid("", error.to_string()))?;
    match app.run(&tenant, request.into_work(&app)?).await {
        Ok(done) => Ok(Json(answer(&done)).into_response()),
        Err(Busy { retry_after, .. }) => {
            let busy = Invalid(StatusCode::SERVICE_UNAVAILABLE, "the server is busy".into());
            Ok(later(busy.into_response(), retry_after))
        }
    }
}

impl RunCode {
    fn into_work(self, app: &App) -> Result<Work, Invalid> {
        let unknown = || invalid("language", format!("there is no language `{}`", self.language));
        let (name, language) = alias::find(&app.workshop, &self.language).ok_or_else(unknown)?;
        if !self.fetch_files.is_empty() {
            return Err(invalid("fetch_files", "files that a program writes are not given back"));
        }
        let main = language.source.usual().to_owned();
        let mut files = vec![SourceFile { path: main.clone(), content: self.code.into_bytes() }];
        for (path, content) in self.files {
            let content = STANDARD.decode(content.unwrap_or_default());
            let content = content.map_err(|_| invalid("files", format!("`{path}` is not base64")))?;
            files.push(SourceFile { path: path.trim_start_matches("./").to_owned(), content });
        }
        let program = Program::new(files, Some(main));
        let program = program.map_err(|error| invalid("files", error.to_string()))?;
        let checked = app.workshop.check_program(&program.submission, Some(&name));
        checked.map_err(|what| invalid("files", what))?;
        let run = Limits {
            wall_us: Some(microseconds(self.run_timeout)),
            // A program that computes ends by the same time.
            cpu_us: Some(microseconds(self.run_timeout)),
            memory_bytes: (self.memory_limit > 0.0)
                .then_some((self.memory_limit * f64::from(1 << 20)) as u64),
            ..Limits::default()
        };
        let compile = Limits { wall_us: Some(microseconds(self.compile_timeout)), ..Limits::default() };
        // Its clients ask for what is enough for any program: the operator's limits hold.
        let (run, compile) =
            (run.lowered_to(app.workshop.most()), compile.lowered_to(app.workshop.most_to_compile()));
        let stdin = Text(self.stdin.unwrap_or_default().into_bytes());
        Ok(Work { program, language: Some(name), args: Vec::new(), stdin, compile, run, problem: None })
    }
}

fn microseconds(seconds: f64) -> u64 {
    // A cast of a number that is too large, or of none, is the nearest one.
    ((seconds * 1e6) as u64).max(1)
}

fn answer(done: &Done) -> Value {
    let is_failed = done.status == "compile-error";
    let compile_status = if is_failed { done.cause.as_deref().unwrap_or("nonzero-exit") } else { "ok" };
    let compile = done.compile.as_ref().map(|step| result(compile_status, step, b"", &step.text.0));
    let run = done.run.as_ref().map(|step| result(&done.status, step, &done.stdout.0, &done.stderr.0));
    let failure = done.failure();
    let status = match (&failure, done.status.as_str()) {
        (Some(_), _) => "SandboxError",
        (None, "ok") => "Success",
        _ => "Failed",
    };
    json!({
        "status": status,
        "message": failure.unwrap_or_default(),
        "compile_result": compile,
        "run_result": run,
        "executor_pod_name": null,
        "files": {},
    })
}

fn result(status: &str, step: &Step, stdout: &[u8], stderr: &[u8]) -> Value {
    let is_slow = status.ends_with("-time-limit");
    let killed = step.facts.signal.map(|signal| -signal);
    json!({
        "status": if is_slow { "TimeLimitExceeded" } else { "Finished" },
        "execution_time": step.facts.wall_us.map(|time| time as f64 / 1e6),
        "return_code": if is_slow { None } else { step.facts.exit_code.or(killed) },
        "stdout": String::from_utf8_lossy(stdout),
        "stderr": String::from_utf8_lossy(stderr),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_word() {
        for (status, report, words) in [
            ("ok", r#"{"status":"ok","exit_code":0}"#, json!(["Success", "Finished", 0])),
            ("nonzero-exit", r#"{"status":"nonzero-exit","exit_code":3}"#, json!(["Failed", "Finished", 3])),
            ("memory-limit", r#"{"status":"memory-limit","signal":9}"#, json!(["Failed", "Finished", -9])),
            (
                "cpu-time-limit",
                r#"{"status":"cpu-time-limit","signal":9}"#,
                json!(["Failed", "TimeLimitExceeded", null]),
            ),
            ("sandbox-error", r#"{"status":"sandbox-error"}"#, json!(["SandboxError", "Finished", null])),
        ] {
            let run = Step::read(report, Vec::new());
            let answer = answer(&Done { status: status.to_owned(), run, ..Done::default() });
            let run = &answer["run_result"];
            assert_eq!(json!([answer["status"], run["status"], run["return_code"]]), words, "{status}");
        }
    }

    #[test]
    fn odd_amounts_of_time_are_some_time() {
        assert_eq!([1.5, 0.0, -1.0, f64::NAN].map(microseconds), [1_500_000, 1, 1, 1]);
    }
}
