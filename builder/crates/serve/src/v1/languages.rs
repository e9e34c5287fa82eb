//! `GET /v1/languages`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::language::{self, Listed};

/// The languages of the bundle.
#[derive(Serialize, ToSchema)]
pub(super) struct Languages {
    languages: Vec<Listed>,
}

/// The languages of the bundle, and their variants.
#[utoipa::path(get, path = "/v1/languages", responses((status = 200, body = Languages)))]
pub(super) async fn languages(State(app): State<Arc<App>>) -> Json<Languages> {
    Json(Languages { languages: language::all(&app.workshop) })
}
