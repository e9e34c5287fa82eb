//! Judge0's API, as version 1.13.1 has it: submissions, batches, languages, statuses, and what its SDK asks for first.

mod about;
mod answer;
mod form;
mod languages;
mod submissions;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// Its paths.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/submissions", post(submissions::create))
        .route("/submissions/", post(submissions::create))
        .route("/submissions/batch", post(submissions::create_batch).get(submissions::look_at_batch))
        .route("/submissions/{token}", get(submissions::look))
        .route("/languages", get(languages::all))
        .route("/languages/", get(languages::all))
        .route("/languages/all", get(languages::all))
        .route("/languages/{id}", get(languages::one))
        .route("/statuses", get(about::statuses))
        .route("/config_info", get(about::config_info))
        .route("/about", get(about::about))
        .route("/workers", get(about::workers))
}
