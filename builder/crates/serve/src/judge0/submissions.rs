//! Submissions and batches.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bundle::digest::Sha;
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::MOST_IN_BATCH;
use super::answer::{Wish, answer};
use super::form::{self, Extra};
use super::languages;
use crate::app::App;
use crate::desk::{self, Handed, Refusal};
use crate::http::{caller, parse, read_body};
use crate::pool::Refused;
use crate::settings::Tenant;
use crate::store::Row;
use crate::work::Work;

const FRONT: &str = "judge0";
/// As long as Judge0 waits at most.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What a query may say.
#[derive(Deserialize)]
pub(super) struct Asked {
    base64_encoded: Option<String>,
    wait: Option<String>,
    fields: Option<String>,
    tokens: Option<String>,
}

impl Asked {
    fn is_base64(&self) -> bool {
        self.base64_encoded.as_deref() == Some("true")
    }

    fn wish(&self) -> Wish<'_> {
        Wish { is_base64: self.is_base64(), fields: self.fields.as_deref() }
    }
}

/// Judge0's forms of a refusal.
pub(super) enum Refuse {
    /// Without a body.
    Status(StatusCode),
    /// `{"error": …}`
    Error(StatusCode, String),
    /// By field.
    Form(form::Wrong),
}

impl IntoResponse for Refuse {
    fn into_response(self) -> Response {
        match self {
            Refuse::Status(status) => status.into_response(),
            Refuse::Error(status, error) => (status, Json(json!({ "error": error }))).into_response(),
            Refuse::Form(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!(wrong))).into_response(),
        }
    }
}

impl From<Refusal> for Refuse {
    fn from(refusal: Refusal) -> Refuse {
        match refusal {
            Refusal::Busy(busy) if busy.refused == Refused::Closing => Refuse::Error(
                StatusCode::SERVICE_UNAVAILABLE,
                "Judge0 is currently in maintenance.".to_owned(),
            ),
            Refusal::Busy(_) => Refuse::Error(StatusCode::SERVICE_UNAVAILABLE, "queue is full".to_owned()),
            Refusal::Conflict => Refuse::Status(StatusCode::CONFLICT),
            Refusal::Store(what) => Refuse::Error(StatusCode::INSUFFICIENT_STORAGE, what),
        }
    }
}

fn tenant(headers: &HeaderMap, app: &App) -> Result<Tenant, Refuse> {
    caller(headers, &app.settings).map_err(|_| Refuse::Status(StatusCode::UNAUTHORIZED))
}

async fn json(body: Body, app: &App) -> Result<Value, Refuse> {
    let body = read_body(body, &app.settings).await;
    let body = body.map_err(|error| Refuse::Error(error.status(), error.message()))?;
    parse(&body).map_err(|error| Refuse::Error(StatusCode::BAD_REQUEST, error.to_string()))
}

/// `POST /submissions`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refuse> {
    let tenant = tenant(&headers, &app)?;
    let token = hand_in(&app, &tenant, &json(body, &app).await?, asked.is_base64()).await?;
    if asked.wait.as_deref() != Some("true") {
        return Ok((StatusCode::CREATED, Json(json!({ "token": token }))).into_response());
    }
    let found = find(&app, &tenant, &token, LONGEST_WAIT, &asked).await?;
    Ok((StatusCode::CREATED, Json(found)).into_response())
}

/// `POST /submissions/batch`
pub(super) async fn create_batch(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refuse> {
    let tenant = tenant(&headers, &app)?;
    let body = json(body, &app).await?;
    let forms = body["submissions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refuse = |what: String| Err(Refuse::Error(StatusCode::BAD_REQUEST, what));
    if forms.is_empty() {
        return refuse("there should be at least one submission in a batch".to_owned());
    }
    if forms.len() > MOST_IN_BATCH {
        return refuse(format!(
            "number of submissions in a batch should be less than or equal to {MOST_IN_BATCH}"
        ));
    }
    let mut answers = Vec::new();
    let mut is_any = false;
    for form in forms {
        match hand_in(&app, &tenant, form, asked.is_base64()).await {
            Ok(token) => {
                is_any = true;
                answers.push(json!({ "token": token }));
            }
            Err(Refuse::Form(wrong)) => answers.push(json!(wrong)),
            // The earlier ones are stored, so the client must get their tokens.
            Err(Refuse::Error(_, error)) if is_any => answers.push(json!({ "error": error })),
            Err(refusal) => return Err(refusal),
        }
    }
    let status = if is_any { StatusCode::CREATED } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Json(answers)).into_response())
}

/// `GET /submissions/{token}`
pub(super) async fn look(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refuse> {
    let tenant = tenant(&headers, &app)?;
    find(&app, &tenant, &token, Duration::ZERO, &asked).await.map(Json)
}

/// `GET /submissions/batch?tokens=a,b`
pub(super) async fn look_at_batch(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refuse> {
    let tenant = tenant(&headers, &app)?;
    let tokens: Vec<&str> = asked.tokens.as_deref().unwrap_or_default().split(',').collect();
    if tokens.len() > MOST_IN_BATCH {
        let what =
            format!("number of submissions in a batch should be less than or equal to {MOST_IN_BATCH}");
        return Err(Refuse::Error(StatusCode::BAD_REQUEST, what));
    }
    let mut found = Vec::new();
    for token in tokens {
        match find(&app, &tenant, token.trim(), Duration::ZERO, &asked).await {
            Err(Refuse::Status(StatusCode::NOT_FOUND)) => found.push(Value::Null),
            one => found.push(one?),
        }
    }
    Ok(Json(json!({ "submissions": found })))
}

async fn hand_in(app: &Arc<App>, tenant: &Tenant, form: &Value, is_base64: bool) -> Result<String, Refuse> {
    let (work, extra) = form::read(form, is_base64, &app.workshop).map_err(Refuse::Form)?;
    let extra = json!(extra).to_string();
    let digest = Sha::of(form.to_string().as_bytes());
    let handed = Handed { key: None, digest, front: FRONT, priority: 0, work, extra };
    Ok(desk::hand_in(app, tenant, handed).await?.0)
}

async fn find(
    app: &Arc<App>,
    tenant: &Tenant,
    token: &str,
    time: Duration,
    asked: &Asked,
) -> Result<Value, Refuse> {
    let failed = |what| Refuse::Error(StatusCode::INTERNAL_SERVER_ERROR, what);
    let row = desk::wait(app, tenant, token, time).await.map_err(failed)?;
    let row = row.filter(|row| row.front == FRONT).ok_or(Refuse::Status(StatusCode::NOT_FOUND))?;
    let work = if asked.fields.is_some() { work(app, &row).await.map_err(failed)? } else { None };
    let extra: Option<Extra> = serde_json::from_str(&row.extra).ok();
    let language = extra.and_then(|extra| languages::entry(&app.workshop, extra.language_id));
    let answer = answer(&row, work.as_ref(), &language.unwrap_or_default(), &asked.wish());
    answer.map_err(|what| Refuse::Error(StatusCode::BAD_REQUEST, what.to_owned()))
}

async fn work(app: &Arc<App>, row: &Row) -> Result<Option<Work>, String> {
    let id = row.id.clone();
    let work = desk::ask(app, move |store| store.work(&id)).await?;
    Ok(work.and_then(|work| serde_json::from_str(&work).ok()))
}
