//! Which module of the same crate a path leads into.

use crate::module::{Module, child};
use crate::paths::{Kind, Mention};
use crate::source::Tree;

/// Enough for every chain of imports that ends.
const MOST_IMPORTS: usize = 16;

/// The deepest module that is a file of its own: what comes after it in the path are its items. An item that a module
/// around the path has only imported is of the module that it was imported from, or two children could know each other
/// by way of their parent.
pub(crate) fn module_of(tree: &Tree, mention: &Mention, globs: &[Module]) -> Option<Module> {
    let mut path = resolve(tree, mention, globs)?;
    for _ in 0..MOST_IMPORTS {
        let is_around = mention.module.starts_with(&path[..depth(tree, &path)]);
        match through_import(tree, &path) {
            Some(origin) if is_around => path = origin,
            _ => break,
        }
    }
    path.truncate(depth(tree, &path));
    Some(path)
}

/// Where `crate::a::B` leads when `a` has `use b::B`.
fn through_import(tree: &Tree, path: &[String]) -> Option<Module> {
    let (module, items) = path.split_at(depth(tree, path));
    let (name, rest) = items.split_first()?;
    let files = tree.files.iter().filter(|file| file.module == module);
    let mut mentions = files.flat_map(|file| &file.mentions).filter(|mention| mention.module == module);
    let import = mentions.find(|mention| mention.kind == Kind::Import(name.clone()))?;
    let origin = resolve(tree, import, &[])?;
    Some([&origin, rest].concat())
}

/// How many names of a path are modules with a file.
fn depth(tree: &Tree, path: &[String]) -> usize {
    (0..=path.len()).rev().find(|depth| tree.has(&path[..*depth])).unwrap_or(0)
}

/// The modules whose names a file imports all: their children can be named without them.
pub(crate) fn globs(tree: &Tree, mentions: &[Mention]) -> Vec<Module> {
    let globs = mentions.iter().filter(|mention| mention.kind == Kind::Glob);
    globs.filter_map(|mention| resolve(tree, mention, &[])).collect()
}

/// The path from the root of the crate, if it is of this crate.
fn resolve(tree: &Tree, mention: &Mention, globs: &[Module]) -> Option<Module> {
    let path = mention.path.as_slice();
    let (first, rest) = path.split_first()?;
    let from_own_name = || (*first == tree.name).then(|| rest.to_vec());
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" | "super" => Some(from_here(&mention.module, path)),
        _ if mention.global => from_own_name(),
        name => {
            let visible = [&mention.module].into_iter().chain(globs);
            let mut children = visible.map(|module| child(module, name));
            let found = children.find(|module| tree.has(module));
            found.map(|module| [&module, rest].concat()).or_else(from_own_name)
        }
    }
}

/// A path that starts with `self` or `super`.
fn from_here(module: &[String], path: &[String]) -> Module {
    let steps = path.iter().take_while(|name| matches!(name.as_str(), "self" | "super")).count();
    let up = path[..steps].iter().filter(|name| *name == "super").count();
    [&module[..module.len().saturating_sub(up)], &path[steps..]].concat()
}
