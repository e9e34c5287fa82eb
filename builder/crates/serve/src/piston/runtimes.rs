//! The bundle's languages as Piston lists them.

use serde_json::{Value, json};

use crate::alias;
use crate::app::App;
use crate::language::{self, Listed};

/// `GET /runtimes`: each language and each variant, with other names for it.
pub(super) fn runtimes(app: &App) -> Value {
    let all = language::all(&app.workshop);
    let is_language = |name: &str| all.iter().any(|one| one.name == name);
    let one = |one: &Listed| {
        let language = alias::in_piston(&one.name);
        let others = [one.name.as_str()].into_iter().chain(alias::of(&one.name).iter().copied());
        let is_other = |alias: &&str| *alias != language && (*alias == one.name || !is_language(alias));
        json!({ "language": language, "version": one.version, "aliases": others.filter(is_other).collect::<Vec<_>>() })
    };
    all.iter().map(one).collect()
}

/// `GET /packages`: what a bundle has is installed, and nothing else can be.
pub(super) fn packages(app: &App) -> Value {
    let all = language::all(&app.workshop).into_iter().filter(|one| one.variant_of.is_none());
    all.map(|one| json!({ "language": alias::in_piston(&one.name), "language_version": one.version, "installed": true }))
        .collect()
}
