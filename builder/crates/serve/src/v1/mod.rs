//! The native API, and its OpenAPI document, which is made from the handlers.

mod batch;
mod events;
mod group;
mod handed;
mod languages;
mod problems;
mod run;
mod run_request;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

#[derive(OpenApi)]
#[openapi(info(
    title = "capsule",
    version = "1",
    description = "Compiles, runs and judges programs in sandboxes. Times are in microseconds, sizes in bytes."
))]
struct Api;

fn routed() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(run::run))
        .routes(routes!(batch::batch))
        .routes(routes!(group::group))
        .routes(routes!(handed::hand_in))
        .routes(routes!(handed::look, handed::call_off))
        .routes(routes!(events::events))
        .routes(routes!(problems::upload, problems::list))
        .routes(routes!(problems::look, problems::remove))
        .routes(routes!(languages::languages))
        .routes(routes!(status::status))
        .routes(routes!(status::healthz))
        .routes(routes!(status::readyz))
        .routes(routes!(status::metrics))
}

/// Its paths.
pub(crate) fn routes() -> Router<Arc<App>> {
    routed().split_for_parts().0
}

/// The OpenAPI document, as JSON.
pub fn openapi() -> String {
    routed().to_openapi().to_pretty_json().unwrap_or_default() + "\n"
}

/// The same as an answer.
pub(crate) async fn document() -> Response {
    ([("content-type", "application/json")], openapi()).into_response()
}
