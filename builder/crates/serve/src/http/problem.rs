//! Errors of the native API (RFC 9457).

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Its media type.
const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request is not answered as it wanted to be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The field of the request that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// A field that cannot be as it is.
    pub(crate) fn of_field(field: &str, detail: impl Into<String>) -> Problem {
        let field = Some(field.to_owned());
        Problem { field, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// The same of an object that is a part of the request.
    pub(crate) fn below(self, part: &str) -> Problem {
        let field = self.field.map(|field| format!("{part}.{field}"));
        Problem { field, ..self }
    }

    /// With a time after which the same request may be answered.
    pub(crate) fn later(self, retry_after: Duration) -> Problem {
        Problem { retry_after: Some(retry_after), ..self }
    }

    /// JSON that is not, or that has other fields.
    pub(crate) fn of_json(error: &serde_json::Error) -> Problem {
        let status = match error.classify() {
            serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(time) = self.retry_after {
            response = later(response, time);
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, const { axum::http::HeaderValue::from_static("Bearer") });
        }
        response
    }
}

/// For a path that nothing is at.
pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path; /openapi.json lists what there is")
}

/// For a path that has other methods.
pub(crate) async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has other methods; /openapi.json lists them")
}

/// An answer with a time after which the same request may be answered otherwise.
pub(crate) fn later(mut response: Response, time: Duration) -> Response {
    response.headers_mut().insert(RETRY_AFTER, time.as_secs().max(1).into());
    response
}
