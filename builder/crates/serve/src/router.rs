//! Which path is whose.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::app::App;
use crate::{fusion, go_judge, http, judge0, page, piston, v1, workers};

/// All paths, for a service that only its own host can reach by TCP, or for another one.
pub(crate) fn all(app: &Arc<App>, is_loopback: bool) -> Router {
    let names = Arc::new(http::HostNames::new(&app.settings.hosts, is_loopback));
    Router::new()
        .merge(page::routes())
        .merge(v1::routes())
        .merge(piston::routes())
        .merge(fusion::routes())
        .merge(go_judge::routes())
        .merge(judge0::routes())
        .merge(workers::routes())
        .route("/openapi.json", get(v1::document))
        .fallback(http::not_found)
        .method_not_allowed_fallback(http::wrong_method)
        .layer(from_fn_with_state(names, http::refuse_strangers))
        .layer(from_fn_with_state(Arc::clone(app), http::observe))
        .with_state(Arc::clone(app))
}
