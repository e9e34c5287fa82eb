//! The page at `/`: choose a language, write a program, run it. All of it is in this program, and the browser may ask nobody
//! else.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::language::{self, Listed};
use crate::limit::Limits;

const SCRIPT: &str = include_str!("../../../../templates/serve.js");
const STYLE: &str = include_str!("../../../../templates/serve.css");
/// Nothing from elsewhere, nothing in the page itself, and no other page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

#[derive(Template)]
#[template(path = "serve.html")]
struct Page {
    languages: Vec<Listed>,
    slots: usize,
    version: &'static str,
    has_tenants: bool,
    /// What a run gets that asks for nothing: seconds,
    cpu: String,
    /// and MiB.
    memory: String,
}

/// Its paths.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(page))
        .route("/page.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/page.css", get(async || asset("text/css; charset=utf-8", STYLE)))
}

async fn page(State(app): State<Arc<App>>) -> Response {
    let default = app.workshop.limits(None, Limits::default());
    let page = Page {
        languages: language::all(&app.workshop),
        slots: app.settings.slots,
        version: app.version,
        has_tenants: !app.settings.tenants.is_empty(),
        cpu: default.cpu_us.map_or_else(String::new, |time| (time as f64 / 1e6).to_string()),
        memory: default.memory_bytes.map_or_else(String::new, |bytes| (bytes >> 20).to_string()),
    };
    match page.render() {
        Ok(text) => {
            ([(CONTENT_SECURITY_POLICY, POLICY)], asset("text/html; charset=utf-8", text)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Asked for again each time: it is small, and the next version has another one.
fn asset(kind: &'static str, content: impl IntoResponse) -> Response {
    let head = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")];
    let mut response = content.into_response();
    for (name, value) in head {
        response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}
