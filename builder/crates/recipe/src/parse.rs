//! A recipe from a file or from text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use closure::errno::clause;
use toml::de::DeTable;

use crate::document::Document;
use crate::error::RecipeError;
use crate::recipe::Recipe;
use crate::span::Span;

/// Largest recipe in bytes; one written by hand has some kilobytes.
const LARGEST: u64 = 1 << 20;

impl Recipe {
    /// Reads the recipe at `path`.
    pub fn load(path: &Path) -> Result<Recipe, RecipeError> {
        let whole = |what: String| RecipeError { span: Span::file(path, 1, 1), what, hint: None };
        let failed = |e: std::io::Error| whole(format!("cannot be read: {}", clause(&e)));
        // A device's length cannot be asked for in advance: /dev/zero has no end.
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            return Err(whole(format!("is longer than {LARGEST} bytes, the most for a recipe")));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let valid = e.utf8_error().valid_up_to();
            let line = 1 + e.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
            RecipeError { span: Span::file(path, line, 1), what: "is not UTF-8 text".to_owned(), hint: None }
        })?;
        Recipe::parse(&text, path)
    }

    /// Parses a recipe's text; `file` is only named in mistakes, and is where relative `from` paths start.
    pub fn parse(text: &str, file: &Path) -> Result<Recipe, RecipeError> {
        let document = Document::new(text, file);
        let table = DeTable::parse(text).map_err(|e| document.syntax(&e))?;
        document.recipe(table.get_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowance::Guard;
    use crate::image_path::ImagePath;
    use crate::recipe::OwnContent;
    use crate::recipe::OwnFile;

    fn parse(text: &str) -> Result<Recipe, RecipeError> {
        Recipe::parse(text, Path::new("r.toml"))
    }

    #[test]
    fn a_recipe_says_what_the_command_line_says() {
        let recipe = parse(
            "binaries = ['bash', '/usr/bin/ls']\ninclude = ['/usr/share/terminfo/x/xterm*']\n\
             [files]\n'/home/hello.txt' = \"Hello, World!\\n\"\n'/x' = { from = 'x.sh', mode = '0755' }\n\
             [symlinks]\n'/bin/sh' = 'bash'\n[limits]\ncpu-time = '1s'\npids = 64\n\
             [budget]\nmax_bytes = '2M'\nno_shell = true\n[allow]\nunowned = ['/opt/**']\n",
        )
        .expect("a good recipe");
        let names: Vec<&str> = recipe.binaries.iter().map(|binary| binary.value.name.as_str()).collect();
        assert_eq!(names, ["bash", "/usr/bin/ls"]);
        assert!(
            recipe.include[0]
                .value
                .pattern
                .matches(&ImagePath::parse("/usr/share/terminfo/x/xterm-256color").expect("path"))
        );
        assert!(
            !recipe.include[0]
                .value
                .pattern
                .matches(&ImagePath::parse("/usr/share/terminfo/x/xterm/y").expect("path"))
        );
        let file = &recipe.files[&ImagePath::parse("/x").expect("path")].value;
        assert_eq!(file, &OwnFile { content: OwnContent::From("x.sh".into()), mode: 0o755 });
        assert_eq!(recipe.limits[&"pids"], "64");
        assert_eq!(recipe.budget.max_bytes.map(|most| most.value), Some(2 << 20));
        assert_eq!(recipe.budget.no_shell, Some(Span::file(Path::new("r.toml"), 13, 1)));
        assert_eq!(recipe.allow[0].value.guard, Guard::Unowned);
    }

    #[test]
    fn a_file_without_an_end_is_no_recipe() {
        let mistake = Recipe::load(Path::new("/dev/zero")).expect_err("no end");
        assert_eq!(mistake.to_string(), "/dev/zero:1:1: is longer than 1048576 bytes, the most for a recipe");
    }

    #[test]
    fn a_mistake_has_line_and_column_in_characters() {
        let mistake = parse("# ü\n  binarys = []\n").expect_err("misspelt");
        assert_eq!(
            mistake.to_string(),
            "r.toml:2:3: unknown key `binarys`\n  hint: did you mean `binaries`?"
        );
    }

    #[test]
    fn two_recipes_may_agree_but_not_contradict() {
        let mut one = parse("[files]\n'/a' = 'x'\n").expect("good");
        one.merge(parse("[files]\n'/a' = 'x'\n").expect("good")).expect("the same twice");
        let mistake = one.merge(parse("[files]\n'/a' = 'y'\n").expect("good")).expect_err("another content");
        assert!(mistake.what.contains("`/a` is given a second time"), "{mistake}");
    }
}
