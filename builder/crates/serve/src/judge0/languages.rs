//! The bundle's languages under Judge0's numbers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::workshop::Workshop;

/// Judge0's numbers of each pack's language: one for each version that Judge0 had. The first is the usual one.
const IDS: [(&str, &[u64]); 26] = [
    ("bash", &[46]),
    ("c", &[50, 48, 49, 75]),
    ("cpp", &[54, 52, 53, 76]),
    ("csharp", &[51]),
    ("d", &[56]),
    ("fortran", &[59]),
    ("go", &[60]),
    ("haskell", &[61]),
    ("java", &[62]),
    ("javascript", &[63]),
    ("kotlin", &[78]),
    ("lua", &[64]),
    ("nasm", &[45]),
    ("ocaml", &[65]),
    ("pascal", &[67]),
    ("perl", &[85]),
    ("php", &[68]),
    ("prolog", &[69]),
    ("python", &[71]),
    ("r", &[80]),
    ("ruby", &[72]),
    ("rust", &[73]),
    ("sbcl", &[55]),
    ("scala", &[81]),
    ("sqlite", &[82]),
    ("typescript", &[74]),
];

/// The bundle's language of a number.
pub(super) fn find(workshop: &Workshop, id: u64) -> Option<&'static str> {
    let (name, _) = IDS.iter().find(|(_, ids)| ids.contains(&id))?;
    workshop.languages().contains_key(*name).then_some(name)
}

/// A number and a name, such as `Python 3 (3.11.2)`.
pub(super) fn entry(workshop: &Workshop, id: u64) -> Option<Value> {
    let name = find(workshop, id)?;
    let title = workshop.languages().get(name).and_then(|language| language.title.as_deref()).unwrap_or(name);
    Some(json!({ "id": id, "name": format!("{title} ({})", workshop.version(name)) }))
}

pub(super) async fn all(State(app): State<Arc<App>>) -> Json<Value> {
    let ids = IDS.iter().flat_map(|(_, ids)| ids.iter());
    Json(ids.filter_map(|id| entry(&app.workshop, *id)).collect())
}

pub(super) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let Some(id) = id.parse().ok().filter(|id| find(&app.workshop, *id).is_some()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut language = entry(&app.workshop, id).unwrap_or_default();
    language["is_archived"] = false.into();
    let found = find(&app.workshop, id).and_then(|name| app.workshop.languages().get(name));
    language["source_file"] = found.map(|language| language.source.usual()).into();
    Json(language).into_response()
}
