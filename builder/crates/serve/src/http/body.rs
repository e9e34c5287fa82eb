//! The body of a request, no longer and no slower than the operator allows.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use tokio::time::timeout;

use super::problem::Problem;
use crate::settings::Settings;

/// Why a body is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// It did not come in time.
    TooSlow,
    /// The client went away.
    Broken,
}

/// Reads it.
pub(crate) async fn read_body(body: Body, settings: &Settings) -> Result<Bytes, BodyError> {
    read_bytes(body, settings.body, settings.request_time).await
}

/// Reads so many bytes, if they come in this time.
pub(crate) async fn read_bytes(body: Body, most: usize, time: Duration) -> Result<Bytes, BodyError> {
    match timeout(time, to_bytes(body, most)).await {
        Err(_) => Err(BodyError::TooSlow),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(BodyError::TooLong(most)),
        Ok(Err(_)) => Err(BodyError::Broken),
    }
}

/// The cause says so, and has no type that could be named.
fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string().contains("limit"))
}

impl BodyError {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            BodyError::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn message(self) -> String {
        match self {
            BodyError::TooLong(most) => format!("the request has more than {most} bytes"),
            BodyError::TooSlow => "the request did not come in time".to_owned(),
            BodyError::Broken => "the request ended in the middle".to_owned(),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        Problem::new(error.status(), error.message())
    }
}
