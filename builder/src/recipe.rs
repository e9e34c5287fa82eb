//! Recipes: the TOML spelling of what goes into an image, checked strictly.
//!
//! Every mistake is answered with file, line, column and what to do. A recipe says the same things as the
//! command line, in the same words: `binaries`, `packs`, `include`, `[files]`, `[symlinks]`, `[limits]`,
//! `[budget]`, `[allow]`. A pack is a recipe that others name; one for a language also says how to compile and run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::image_path::ImagePath;
use crate::language::Language;
use crate::pattern::Pattern;
use crate::slice::{Exclusion, Slice};

mod allowance;
mod document;
mod language;
mod mistake;
mod read;
mod wishes;

pub use allowance::{Allowance, Guard};
use document::Document;
pub use mistake::{Mistake, Place};
pub use wishes::{Data, Loading};

/// Largest recipe in bytes; a person writes some kilobytes.
const LARGEST: u64 = 1 << 20;

/// What a recipe (or the command line) asks for.
#[derive(Debug, Default, Clone)]
pub struct Recipe {
    /// Programs: absolute paths, or bare names that are looked up on PATH inside the sysroot.
    pub binaries: Vec<Asked<String>>,
    /// Named sets of files that come with capsule.
    pub packs: Vec<Asked<String>>,
    /// Files, directories and globs of the build host, kept at their paths.
    pub include: Vec<Asked<Pattern>>,
    /// Data that programs read by convention.
    pub data: Data,
    /// How libraries are chosen.
    pub loading: Loading,
    /// Files that the recipe brings itself.
    pub files: BTreeMap<ImagePath, Asked<OwnFile>>,
    /// Symbolic links that the recipe asks for: the link's path, and its text.
    pub symlinks: BTreeMap<ImagePath, Asked<String>>,
    /// Defaults for init's options of the same names (`cpu-time` is `--cpu-time`).
    pub limits: BTreeMap<&'static str, String>,
    /// What the image may cost.
    pub budget: Budget,
    /// Guards against the build host that are lifted, and for which paths.
    pub allow: Vec<Asked<Allowance>>,
    /// Files of installed packages.
    pub slices: Vec<Asked<Slice>>,
    /// How submissions are compiled and run, by the language's name.
    pub languages: BTreeMap<String, Asked<Language>>,
    /// Debian packages that the build host needs for all this.
    pub apt: Vec<String>,
    /// What programs ask for and is left out on purpose: `capsule pack trace` does not miss it.
    pub absent: Vec<Exclusion>,
}

/// A value and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<T> {
    /// What was asked for.
    pub value: T,
    /// Where it was asked for.
    pub at: Place,
}

/// A file that the recipe brings itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Where its bytes come from.
    pub content: OwnContent,
    /// Permission bits; 0644 when the recipe does not say.
    pub mode: u32,
}

/// Where the bytes of an [`OwnFile`] come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnContent {
    /// Written in the recipe.
    Inline(String),
    /// Read from a file of the build host; relative paths start at the recipe's directory.
    From(PathBuf),
}

/// What the image may cost; a build that exceeds it fails.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Most regular files.
    pub max_files: Option<Asked<u64>>,
    /// Most bytes in regular files.
    pub max_bytes: Option<Asked<u64>>,
    /// No command interpreter may be in the image.
    pub no_shell: Option<Place>,
}

impl Recipe {
    /// Reads the recipe at `path`.
    pub fn load(path: &Path) -> Result<Recipe, Mistake> {
        let whole = |what: String| Mistake { at: Place::file(path, 1, 1), what, hint: None };
        let size = std::fs::metadata(path)
            .map_err(|e| whole(format!("cannot be read: {}", crate::error::cause(&e))))?
            .len();
        if size > LARGEST {
            return Err(whole(format!("is {size} bytes long; a recipe has at most {LARGEST}")));
        }
        let bytes =
            std::fs::read(path).map_err(|e| whole(format!("cannot be read: {}", crate::error::cause(&e))))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let valid = e.utf8_error().valid_up_to();
            let line = 1 + e.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
            Mistake { at: Place::file(path, line, 1), what: "is not UTF-8 text".to_owned(), hint: None }
        })?;
        Recipe::parse(&text, path)
    }

    /// Parses a recipe's text; `file` is only named in mistakes, and is where relative `from` paths start.
    pub fn parse(text: &str, file: &Path) -> Result<Recipe, Mistake> {
        let document = Document::new(text, file);
        let table = DeTable::parse(text).map_err(|e| document.syntax(&e))?;
        document.recipe(table.get_ref())
    }

    /// Whether an image of it would be empty.
    pub fn asks_for_nothing(&self) -> bool {
        let has_data = self.data.certificates.is_some() || !self.data.timezones.is_empty();
        let has_files = !self.include.is_empty() || !self.slices.is_empty() || !self.files.is_empty();
        self.binaries.is_empty() && !has_files && !has_data
    }

    /// Adds what `other` asks for. Two different answers for one path are a mistake, told at the later one.
    pub fn merge(&mut self, other: Recipe) -> Result<(), Mistake> {
        self.binaries.extend(other.binaries);
        self.packs.extend(other.packs);
        self.include.extend(other.include);
        self.allow.extend(other.allow);
        self.slices.extend(other.slices);
        self.apt.extend(other.apt);
        self.absent.extend(other.absent);
        for (name, language) in other.languages {
            match self.languages.get(&name) {
                Some(old) if old.value != language.value => {
                    return Err(Mistake {
                        what: format!("language `{name}` is given a second time; the first is at {}", old.at),
                        hint: Some("give one of the two another `name`".to_owned()),
                        at: language.at,
                    });
                }
                _ => drop(self.languages.insert(name, language)),
            }
        }
        for (path, file) in other.files {
            unique(&mut self.files, path, file)?;
        }
        for (path, link) in other.symlinks {
            unique(&mut self.symlinks, path, link)?;
        }
        self.data.merge(other.data);
        self.loading.merge(other.loading);
        self.limits.extend(other.limits);
        self.budget.max_files = other.budget.max_files.or(self.budget.max_files.take());
        self.budget.max_bytes = other.budget.max_bytes.or(self.budget.max_bytes.take());
        self.budget.no_shell = other.budget.no_shell.or(self.budget.no_shell.take());
        Ok(())
    }
}

fn unique<T: PartialEq>(
    into: &mut BTreeMap<ImagePath, Asked<T>>,
    path: ImagePath,
    new: Asked<T>,
) -> Result<(), Mistake> {
    match into.get(&path) {
        Some(old) if old.value != new.value => Err(Mistake {
            what: format!("`{path}` is given a second time; the first is at {}", old.at),
            hint: Some("keep one of the two".to_owned()),
            at: new.at,
        }),
        Some(_) => Ok(()),
        None => {
            into.insert(path, new);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Recipe, Mistake> {
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
        let names: Vec<&str> = recipe.binaries.iter().map(|binary| binary.value.as_str()).collect();
        assert_eq!(names, ["bash", "/usr/bin/ls"]);
        assert!(
            recipe.include[0]
                .value
                .matches(&ImagePath::parse("/usr/share/terminfo/x/xterm-256color").expect("path"))
        );
        assert!(
            !recipe.include[0]
                .value
                .matches(&ImagePath::parse("/usr/share/terminfo/x/xterm/y").expect("path"))
        );
        let file = &recipe.files[&ImagePath::parse("/x").expect("path")].value;
        assert_eq!(file, &OwnFile { content: OwnContent::From("x.sh".into()), mode: 0o755 });
        assert_eq!(recipe.limits[&"pids"], "64");
        assert_eq!(recipe.budget.max_bytes.map(|most| most.value), Some(2 << 20));
        assert_eq!(recipe.budget.no_shell, Some(Place::file(Path::new("r.toml"), 13, 1)));
        assert_eq!(recipe.allow[0].value.guard, Guard::Unowned);
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
