//! One line of JSON on stderr for each request, with the id that the answer has too; and the check that no page of another
//! site speaks for the browser's user.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use crate::app::App;

/// The header with the id of a request.
const REQUEST_ID: &str = "x-request-id";
/// Of a client's own id.
const LONGEST_ID: usize = 64;

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    request: &'a str,
    method: &'a str,
    path: &'a str,
    status: u16,
    duration_us: u64,
}

/// Answers, counts and logs.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = own_id(request.headers()).unwrap_or_else(|| app.new_id());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    app.metrics.request(front(&path), status);
    if app.settings.log {
        let line = Line {
            time_ms: milliseconds(SystemTime::now()),
            request: &id,
            method: method.as_str(),
            path: &path,
            status,
            duration_us: start.elapsed().as_micros().try_into().unwrap_or(u64::MAX),
        };
        eprintln!("{}", serde_json::to_string(&line).unwrap_or_default());
    }
    response
}

/// A page of another site can have a browser send a request to a service on its user's own machine. Such a request has an
/// `Origin` that is not the service's.
pub(crate) async fn refuse_strangers(request: Request, next: Next) -> Response {
    if is_strange(request.headers()) {
        let detail = "a page of another site may not use this service";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

fn is_strange(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = value("origin") else { return false };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_none() || authority != value("host")
}

/// The client's own id, if it can be in a log.
fn own_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (!id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(is_plain)).then(|| id.to_owned())
}

fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis().try_into().unwrap_or(u64::MAX))
}

/// Whose API a path is, for the counters: a path itself may be anything.
fn front(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "v1" => "v1",
        "api" => "piston",
        "submissions" | "languages" | "statuses" | "config_info" | "about" => "judge0",
        "run_code" => "sandbox-fusion",
        "run" | "file" | "version" | "config" => "go-judge",
        "" => "page",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn strange(origin: &str, host: &str) -> bool {
        is_strange(&headers(&[("origin", origin), ("host", host)]))
    }

    #[test]
    fn a_page_of_another_site_is_a_stranger() {
        assert!(!strange("http://127.0.0.1:2000", "127.0.0.1:2000"));
        assert!(strange("https://evil.example", "127.0.0.1:2000") && strange("null", "127.0.0.1:2000"));
        assert!(!is_strange(&headers(&[("host", "127.0.0.1:2000")])));
    }

    #[test]
    fn a_clients_id_is_kept_if_it_is_plain() {
        let id = |value: &str| own_id(&headers(&[(REQUEST_ID, value)]));
        assert_eq!(id("a-1:b").as_deref(), Some("a-1:b"));
        assert_eq!((id("a b"), id("\"}"), id(&"x".repeat(65))), (None, None, None));
    }
}
