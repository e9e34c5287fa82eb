//! What a recipe (or the command line) asks for, and how two of them add up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::allowance::Allowance;
use crate::error::RecipeError;
use crate::extension::Extension;
use crate::image_path::ImagePath;
use crate::language::Language;
use crate::pattern::Pattern;
use crate::preferences::{Data, LoaderPrefs};
use crate::slice::{Exclusion, Slice};
use crate::span::{Span, Spanned};
use crate::toolchain::Toolchain;

/// What a recipe (or the command line) asks for.
#[derive(Debug, Default, Clone)]
pub struct Recipe {
    /// Programs.
    pub binaries: Vec<Spanned<Binary>>,
    /// Named sets of files that come with capsule.
    pub packs: Vec<Spanned<String>>,
    /// Files, directories and globs of the build host.
    pub include: Vec<Spanned<Include>>,
    /// Whether the image has a link to busybox for each of its applets; true by default.
    pub applets: Option<Spanned<bool>>,
    /// Data that programs read by convention.
    pub data: Data,
    /// How libraries are chosen.
    pub loading: LoaderPrefs,
    /// Files that the recipe brings itself.
    pub files: BTreeMap<ImagePath, Spanned<OwnFile>>,
    /// Symbolic links that the recipe asks for: the link's path, and its text.
    pub symlinks: BTreeMap<ImagePath, Spanned<String>>,
    /// Defaults for init's options of the same names (`cpu-time` is `--cpu-time`).
    pub limits: BTreeMap<&'static str, String>,
    /// What the image may cost.
    pub budget: Budget,
    /// Guards against the build host that are lifted, and for which paths.
    pub allow: Vec<Spanned<Allowance>>,
    /// Files of installed packages.
    pub slices: Vec<Spanned<Slice>>,
    /// Directories of files that are not from packages of the build host; `include` and `allow` name them, too.
    pub toolchains: Vec<Spanned<Toolchain>>,
    /// How submissions are compiled and run, by the language's name.
    pub languages: BTreeMap<String, Spanned<Language>>,
    /// A language that extends another pack's, until that is known.
    pub extension: Option<Extension>,
    /// Debian packages that the build host needs for all this.
    pub apt: Vec<String>,
    /// Files that programs ask for and that are left out on purpose: `capsule pack trace` does not report them.
    pub absent: Vec<Exclusion>,
}

/// A program that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// An absolute path, or a bare name that is looked up on PATH inside the sysroot. Characters may stand for bytes.
    pub name: String,
    /// Its path in the image; the one that it has in the sysroot by default. Only for a path, not for a name.
    pub to: Option<ImagePath>,
}

impl From<String> for Binary {
    fn from(name: String) -> Binary {
        Binary { name, to: None }
    }
}

/// Files, directories or a glob of the build host.
#[derive(Debug, Clone)]
pub struct Include {
    /// Where they are.
    pub pattern: Pattern,
    /// The path in the image of what a pattern without wildcards names; the same path by default.
    pub to: Option<ImagePath>,
    /// The program that opens these libraries with dlopen(3), as [`Binary::name`] has it.
    pub opener: Option<String>,
}

impl From<Pattern> for Include {
    fn from(pattern: Pattern) -> Include {
        Include { pattern, to: None, opener: None }
    }
}

/// One request of a [`Recipe`], by its place in the list that holds it.
///
/// It travels from the recipe to the manifest, so that whatever answers a request can be traced to the line that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// Of [`Recipe::binaries`].
    Binary(usize),
    /// Of [`Recipe::include`].
    Include(usize),
    /// Of [`Recipe::slices`].
    Slice(usize),
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
    pub max_files: Option<Spanned<u64>>,
    /// Most bytes in regular files.
    pub max_bytes: Option<Spanned<u64>>,
    /// No command interpreter may be in the image.
    pub no_shell: Option<Span>,
}

impl Recipe {
    /// The place of a request.
    ///
    /// # Panics
    /// When the id is not one of this recipe's.
    pub fn span(&self, id: RequestId) -> &Span {
        match id {
            RequestId::Binary(at) => &self.binaries[at].span,
            RequestId::Include(at) => &self.include[at].span,
            RequestId::Slice(at) => &self.slices[at].span,
        }
    }

    /// Whether an image of it would be empty.
    pub fn asks_for_nothing(&self) -> bool {
        let has_data = self.data.certificates.is_some() || !self.data.timezones.is_empty();
        let has_files = !self.include.is_empty() || !self.slices.is_empty() || !self.files.is_empty();
        self.binaries.is_empty() && !has_files && !has_data
    }

    /// Adds what `other` asks for. Two different answers for one path are a mistake, reported at the later one.
    pub fn merge(&mut self, other: Recipe) -> Result<(), RecipeError> {
        // Taken apart, so that the compiler asks for a line when a field is added.
        let Recipe {
            binaries,
            packs,
            include,
            applets,
            data,
            loading,
            files,
            symlinks,
            limits,
            budget,
            allow,
            slices,
            toolchains,
            languages,
            extension,
            apt,
            absent,
        } = other;
        self.binaries.extend(binaries);
        self.packs.extend(packs);
        self.include.extend(include);
        self.allow.extend(allow);
        self.slices.extend(slices);
        self.toolchains.extend(toolchains);
        self.apt.extend(apt);
        self.absent.extend(absent);
        self.limits.extend(limits);
        self.extension = extension.or(self.extension.take());
        self.applets = applets.or(self.applets.take());
        self.data.merge(data);
        self.loading.merge(loading);
        self.budget.merge(budget);
        for (name, language) in languages {
            self.no_double_variant(&name, &language)?;
            self.add_language(name, language)?;
        }
        for (path, file) in files {
            unique(&mut self.files, path, file)?;
        }
        for (path, link) in symlinks {
            unique(&mut self.symlinks, path, link)?;
        }
        Ok(())
    }

    fn add_language(&mut self, name: String, language: Spanned<Language>) -> Result<(), RecipeError> {
        match self.languages.get(&name) {
            Some(old) if old.value != language.value => Err(RecipeError {
                what: format!("language `{name}` is given a second time; the first is at {}", old.span),
                hint: Some("give one of the two another `name`".to_owned()),
                span: language.span,
            }),
            _ => {
                self.languages.insert(name, language);
                Ok(())
            }
        }
    }
}

impl Budget {
    fn merge(&mut self, other: Budget) {
        let Budget { max_files, max_bytes, no_shell } = other;
        self.max_files = max_files.or(self.max_files.take());
        self.max_bytes = max_bytes.or(self.max_bytes.take());
        self.no_shell = no_shell.or(self.no_shell.take());
    }
}

impl Recipe {
    /// `--lang` takes the names of languages and of variants alike.
    fn no_double_variant(&self, name: &str, language: &Spanned<Language>) -> Result<(), RecipeError> {
        let taken = |wanted: &String| {
            let others = self.languages.iter().filter(|(other, _)| *other != name);
            let mut names =
                others.flat_map(|(other, language)| language.value.variants.keys().chain([other]));
            names.any(|name| name == wanted)
        };
        match language.value.variants.keys().chain([&name.to_owned()]).find(|name| taken(name)) {
            Some(double) => Err(RecipeError {
                what: format!("language `{double}` is given a second time, as a variant"),
                hint: Some("give one of the two another name".to_owned()),
                span: language.span.clone(),
            }),
            None => Ok(()),
        }
    }
}

fn unique<T: PartialEq>(
    into: &mut BTreeMap<ImagePath, Spanned<T>>,
    path: ImagePath,
    new: Spanned<T>,
) -> Result<(), RecipeError> {
    match into.get(&path) {
        Some(old) if old.value != new.value => Err(RecipeError {
            what: format!("`{path}` is given a second time; the first is at {}", old.span),
            hint: Some("keep one of the two".to_owned()),
            span: new.span,
        }),
        Some(_) => Ok(()),
        None => {
            into.insert(path, new);
            Ok(())
        }
    }
}
