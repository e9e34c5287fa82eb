//! Packs: recipes that others name. Some come with capsule; a user's own pack is a file.

use std::path::Path;

use crate::error::RecipeError;
use crate::extension::Extension;
use crate::recipe::Recipe;
use crate::span::{Span, Spanned};

/// The packs of this version, by name: every file of recipes/packs (see build.rs).
const PACKS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The pack of builds that name binaries only.
pub const HELLO: &str = "hello";

/// As many packs in a row may extend each other.
const DEEPEST: usize = 8;

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
pub fn whole(name: &str) -> Result<Recipe, RecipeError> {
    let pack = Spanned { value: name.to_owned(), span: Span::CommandLine };
    let mut recipe = Recipe { packs: vec![pack], ..Recipe::default() };
    expand_packs(&mut recipe)?;
    Ok(recipe)
}

/// Adds the packs that `recipe` names, and those that they name, each once.
pub fn expand_packs(recipe: &mut Recipe) -> Result<(), RecipeError> {
    extend(recipe, 0)?;
    let mut next = 0;
    while let Some(Spanned { value: name, span }) = recipe.packs.get(next).cloned() {
        if recipe.packs[..next].iter().all(|earlier| earlier.value != name) {
            let mut pack = load(&name, &span)?;
            extend(&mut pack, 0)?;
            recipe.merge(pack)?;
        }
        next += 1;
    }
    Ok(())
}

/// Completes the language of a recipe that extends another pack's, and adds the rest of that pack.
fn extend(recipe: &mut Recipe, depth: usize) -> Result<(), RecipeError> {
    let Some(Extension { base, name, span, differences }) = recipe.extension.take() else { return Ok(()) };
    let refuse =
        |what: String, hint: &str| RecipeError { span: base.span.clone(), what, hint: Some(hint.to_owned()) };
    if depth == DEEPEST {
        return Err(refuse(format!("`{}` extends itself in the end", base.value), "extend another pack"));
    }
    let mut pack = load(&base.value, &base.span)?;
    extend(&mut pack, depth + 1)?;
    let Some((_, language)) = std::mem::take(&mut pack.languages).into_iter().next() else {
        return Err(refuse(
            format!("`{}` has no language to extend", base.value),
            "name it in `packs` instead",
        ));
    };
    let value = differences.over(language.value);
    recipe.languages.insert(name, Spanned { value, span });
    recipe.merge(pack)
}

/// The pack called `name`. A file lies next to the recipe that names it, or below the working directory when the
/// command line does.
fn load(name: &str, at: &Span) -> Result<Recipe, RecipeError> {
    if is_file(name) {
        let directory = match at {
            Span::CommandLine => Path::new(""),
            // A pack that comes with capsule has no directory.
            Span::File { file, .. } if file.starts_with(OWN) => return Err(unknown(name, at)),
            Span::File { file, .. } => file.parent().unwrap_or(Path::new("")),
        };
        return Recipe::load(&directory.join(name));
    }
    match text(name) {
        Some(text) => Recipe::parse(text, &Path::new(OWN).join(format!("{name}.toml"))),
        None => Err(unknown(name, at)),
    }
}

fn unknown(name: &str, at: &Span) -> RecipeError {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let nearest = names().min_by_key(distance).filter(|nearest| distance(nearest) <= 1 + nearest.len() / 4);
    let hint = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? `capsule pack list` shows all"),
        None => {
            "`capsule pack list` shows all; a pack of your own is named by its path, `./my.toml`".to_owned()
        }
    };
    RecipeError { span: at.clone(), what: format!("unknown pack `{name}`"), hint: Some(hint) }
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

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("made");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        directory
    }

    fn expanded(directory: &tempfile::TempDir, name: &str) -> Result<Recipe, String> {
        let path = directory.path().join(name).display().to_string();
        whole(&path).map_err(|error| error.what)
    }

    #[test]
    fn a_language_extends_another() {
        let files = written(&[
            (
                "science.toml",
                "extends = \"python\"\napt = [\"python3-numpy\"]\n[run]\nlimits = { memory = \"1G\" }\nenv = { A = \"1\" }",
            ),
            (
                "more.toml",
                "extends = \"./science.toml\"\n[language]\ntitle = \"More\"\n[run]\nenv = { A = \"2\" }",
            ),
        ]);
        let python = whole("python").expect("known").languages["python"].value.clone();
        let recipe = expanded(&files, "more.toml").expect("good");
        assert_eq!(recipe.languages.keys().collect::<Vec<_>>(), ["more"]);
        let more = &recipe.languages["more"].value;
        assert_eq!(
            (&more.source, &more.compile, &more.run.argv),
            (&python.source, &python.compile, &python.run.argv)
        );
        assert_eq!((more.title.as_deref(), more.run.env["A"].as_str()), (Some("More"), "2"));
        assert_eq!(
            (more.run.limits["memory"].as_str(), &more.run.env["PYTHONIOENCODING"]),
            ("1G", &python.run.env["PYTHONIOENCODING"])
        );
        assert!(
            recipe.apt.contains(&"python3".to_owned()) && recipe.apt.contains(&"python3-numpy".to_owned())
        );
        assert!(recipe.extension.is_none());
    }

    #[test]
    fn what_cannot_be_extended_is_refused() {
        let files = written(&[
            ("a.toml", "extends = \"./b.toml\""),
            ("b.toml", "extends = \"./a.toml\""),
            ("c.toml", "extends = \"terminal\""),
            ("d.toml", "extends = \"pyton\""),
            ("e.toml", "packs = [\"cpp\"]\nextends = \"c\"\n[variants]\ncpp17 = {}"),
        ]);
        for (name, what) in [
            ("a.toml", "extends itself"),
            ("c.toml", "`terminal` has no language to extend"),
            ("d.toml", "unknown pack `pyton`"),
            ("e.toml", "language `cpp17` is given a second time"),
        ] {
            let error = expanded(&files, name).expect_err(name);
            assert!(error.contains(what), "{name}: {error}");
        }
    }

    #[test]
    fn a_pack_named_twice_counts_once() {
        let named = |name: &str| Spanned { value: name.to_owned(), span: Span::CommandLine };
        let mut recipe = Recipe { packs: vec![named("vim"), named("vim")], ..Recipe::default() };
        expand_packs(&mut recipe).expect("known");
        let mut patterns: Vec<String> =
            recipe.include.into_iter().map(|include| include.value.pattern.text).collect();
        let all = patterns.len();
        patterns.dedup();
        assert_eq!(patterns.len(), all);
    }
}
