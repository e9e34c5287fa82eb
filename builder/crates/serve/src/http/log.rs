//! One line of JSON on stderr for each request, with the id that the answer has too; and the check that no page of another
//! site speaks for the browser's user.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use crate::app::App;
use crate::journal;

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
        journal::tell(&line);
    }
    response
}

/// A page of another site can have a browser send a request to a service on its user's own machine. Such a request has an
/// `Origin` that is not the service's.
///
/// A site can also give its own name the address of the user's machine (DNS rebinding). The origin of its pages then is the
/// `Host` of the request: only the name itself tells.
pub(crate) async fn refuse_strangers(
    State(names): State<Arc<HostNames>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get("host").and_then(|value| value.to_str().ok());
    if let Some(host) = host.filter(|host| !names.have(host)) {
        let name = name_of(host).escape_debug();
        let detail =
            format!("this service is not called `{name}`; its operator's setting `hosts` has its names");
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    if is_strange(request.headers()) {
        let detail = "a page of another site may not use this service";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

/// What the service may be called, beside numbers and `localhost`.
pub(crate) struct HostNames {
    names: Vec<String>,
    /// Whether it may be called anything.
    are_free: bool,
}

impl HostNames {
    /// The operator's. Without them a service that others can reach may be called anything: its names are many.
    pub(crate) fn new(names: &[String], is_loopback: bool) -> HostNames {
        let are_free = names.iter().any(|name| name == "*") || (names.is_empty() && !is_loopback);
        HostNames { names: names.to_vec(), are_free }
    }

    fn have(&self, host: &str) -> bool {
        let name = name_of(host);
        let is_one = |own: &str| name.eq_ignore_ascii_case(own);
        self.are_free
            || name.parse::<IpAddr>().is_ok()
            || is_one("localhost")
            || self.names.iter().any(|own| is_one(own))
    }
}

/// The name in `name:port`, `[::1]:port`, or without a port.
fn name_of(host: &str) -> &str {
    if let Some((number, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return number;
    }
    host.split_once(':').map_or(host, |(name, _)| name)
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
        "run" | "file" | "version" | "config" | "ws" => "go-judge",
        "worker" => "worker",
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
    fn a_service_on_localhost_is_called_by_its_number_or_by_its_operators_names() {
        let names = |list: &[&str], is_loopback| {
            let names: Vec<String> = list.iter().map(|name| (*name).to_owned()).collect();
            HostNames::new(&names, is_loopback)
        };
        let local = names(&[], true);
        for host in ["127.0.0.1:2000", "127.0.0.1", "[::1]:2000", "localhost", "LocalHost:80"] {
            assert!(local.have(host), "{host}");
        }
        for host in
            ["evil.example:2000", "evil.example", "", "localhost.evil.example", "1.2.3.4.evil.example"]
        {
            assert!(!local.have(host), "{host}");
        }
        let named = names(&["judge.example"], true);
        assert!(named.have("Judge.Example:80") && named.have("localhost") && !named.have("x.example"));
        assert!(!names(&["judge.example"], false).have("x.example"));
        assert!(names(&[], false).have("x.example") && names(&["*"], true).have("x.example"));
    }

    #[test]
    fn a_clients_id_is_kept_if_it_is_plain() {
        let id = |value: &str| own_id(&headers(&[(REQUEST_ID, value)]));
        assert_eq!(id("a-1:b").as_deref(), Some("a-1:b"));
        assert_eq!((id("a b"), id("\"}"), id(&"x".repeat(65))), (None, None, None));
    }
}
