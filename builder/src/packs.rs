//! Packs: recipes that come with capsule, by name.

use std::path::Path;

use crate::recipe::{Asked, Mistake, Place, Recipe};

/// The packs of this version: name, and the recipe's text.
const PACKS: [(&str, &str); 3] = [
    (HELLO, include_str!("../../recipes/packs/hello.toml")),
    ("terminal", include_str!("../../recipes/packs/terminal.toml")),
    ("vim", include_str!("../../recipes/packs/vim.toml")),
];

/// The pack of builds that name binaries only.
pub const HELLO: &str = "hello";

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

fn load(name: &str, at: &Place) -> Result<Recipe, Mistake> {
    let Some((name, text)) = PACKS.iter().find(|(known, _)| *known == name) else {
        let known = PACKS.map(|(name, _)| name).join(", ");
        return Err(Mistake {
            at: at.clone(),
            what: format!("unknown pack `{name}`"),
            hint: Some(format!("known are {known}")),
        });
    };
    Recipe::parse(text, Path::new(&format!("pack:{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_is_a_good_recipe() {
        for (name, _) in PACKS {
            load(name, &Place::CommandLine).expect(name);
        }
    }

    #[test]
    fn a_pack_named_twice_counts_once() {
        let named = |name: &str| Asked { value: name.to_owned(), at: Place::CommandLine };
        let mut recipe = Recipe { packs: vec![named("terminal"), named("terminal")], ..Recipe::default() };
        unfold(&mut recipe).expect("known");
        let mut patterns: Vec<String> =
            recipe.include.into_iter().map(|include| include.value.text).collect();
        let all = patterns.len();
        patterns.dedup();
        assert_eq!(patterns.len(), all);
    }
}
