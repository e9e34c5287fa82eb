//! Packs: recipes that others name. Some come with capsule; anybody's own is a file.

use std::path::Path;

use crate::recipe::{Asked, Mistake, Place, Recipe};

/// The packs of this version, by name: every file of recipes/packs (see build.rs).
const PACKS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The pack of builds that name binaries only.
pub const HELLO: &str = "hello";

/// The directory that stands in mistakes for the packs that come with capsule.
const OWN: &str = "pack:";

/// The names of the packs that come with capsule, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    PACKS.iter().map(|(name, _)| *name)
}

/// The text of the pack called `name`, when it comes with capsule.
pub fn text(name: &str) -> Option<&'static str> {
    PACKS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Whether `name` is that of a file: it has a slash in it, or ends in `.toml`.
pub fn is_file(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

/// The recipe that is the pack called `name`, with all that it names.
pub fn whole(name: &str) -> Result<Recipe, Mistake> {
    let pack = Asked { value: name.to_owned(), at: Place::CommandLine };
    let mut recipe = Recipe { packs: vec![pack], ..Recipe::default() };
    unfold(&mut recipe)?;
    Ok(recipe)
}

/// Adds the packs that `recipe` names, and those that they name, each once.
pub fn unfold(recipe: &mut Recipe) -> Result<(), Mistake> {
    let mut next = 0;
    while let Some(Asked { value: name, at }) = recipe.packs.get(next).cloned() {
        if recipe.packs[..next].iter().all(|earlier| earlier.value != name) {
            recipe.merge(load(&name, &at)?)?;
        }
        next += 1;
    }
    Ok(())
}

/// The pack called `name`. A file lies beside the recipe that names it, or below the working directory when the
/// command line does.
fn load(name: &str, at: &Place) -> Result<Recipe, Mistake> {
    if is_file(name) {
        let beside = match at {
            Place::CommandLine => Path::new(""),
            // What comes with capsule lies beside nothing.
            Place::File { file, .. } if file.starts_with(OWN) => return Err(unknown(name, at)),
            Place::File { file, .. } => file.parent().unwrap_or(Path::new("")),
        };
        return Recipe::load(&beside.join(name));
    }
    match text(name) {
        Some(text) => Recipe::parse(text, &Path::new(OWN).join(format!("{name}.toml"))),
        None => Err(unknown(name, at)),
    }
}

fn unknown(name: &str, at: &Place) -> Mistake {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let nearest = names().min_by_key(distance).filter(|nearest| distance(nearest) <= 1 + nearest.len() / 4);
    let hint = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? `capsule pack list` shows all"),
        None => {
            "`capsule pack list` shows all; a pack of your own is named by its path, `./my.toml`".to_owned()
        }
    };
    Mistake { at: at.clone(), what: format!("unknown pack `{name}`"), hint: Some(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_is_a_good_recipe() {
        for name in names() {
            whole(name).expect(name);
        }
    }

    #[test]
    fn a_pack_named_twice_counts_once() {
        let named = |name: &str| Asked { value: name.to_owned(), at: Place::CommandLine };
        let mut recipe = Recipe { packs: vec![named("vim"), named("vim")], ..Recipe::default() };
        unfold(&mut recipe).expect("known");
        let mut patterns: Vec<String> =
            recipe.include.into_iter().map(|include| include.value.text).collect();
        let all = patterns.len();
        patterns.dedup();
        assert_eq!(patterns.len(), all);
    }
}
