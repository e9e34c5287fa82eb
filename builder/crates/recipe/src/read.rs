//! The keys of a recipe, each read strictly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use closure::arch::Level;
use closure::dlopen::DlopenLevel;
use toml::de::{DeTable, DeValue};

use crate::allowance::{Allowance, Guard};
use crate::amount::{self, Unit};
use crate::document::{Document, Key, Value, a_kind, in_order};
use crate::error::RecipeError;
use crate::image_path::ImagePath;
use crate::keys::KEYS;
use crate::name_pattern::{Case, NamePattern};
use crate::pattern::Pattern;
use crate::read_language::Parts;
use crate::recipe::{Budget, OwnContent, OwnFile, Recipe};
use crate::span::Spanned;

const BUDGET_KEYS: [&str; 3] = ["max_files", "max_bytes", "no_shell"];
const FILE_KEYS: [&str; 3] = ["content", "from", "mode"];
impl Document<'_> {
    /// The whole recipe.
    pub(crate) fn recipe(&self, table: &DeTable<'_>) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::default();
        let mut parts = Parts::default();
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "apt" => recipe.apt = self.packages(key, value)?,
                "absent" => {
                    recipe.absent = self
                        .strings(key, value)?
                        .map(|text| self.exclusion(text))
                        .collect::<Result<_, _>>()?
                }
                "slice" => recipe.slices = self.slices(key, value)?,
                "toolchain" => self.toolchain(key, value, &mut recipe)?,
                "extends" => parts.extends = Some((key, value)),
                "variants" => parts.variants = Some((key, value)),
                "language" => parts.language = Some((key, value)),
                "compile" => parts.compile = Some((key, value)),
                "run" => parts.run = Some((key, value)),
                "prepare" => parts.prepare = Some((key, value)),
                "test" => parts.test = Some((key, value)),
                "binaries" => {
                    recipe.binaries =
                        self.strings(key, value)?.map(|name| self.binary(name)).collect::<Result<_, _>>()?
                }
                "packs" => {
                    recipe.packs =
                        self.strings(key, value)?.map(|name| self.spanned(name)).collect::<Result<_, _>>()?
                }
                "include" => recipe.include.extend(self.includes(key, value)?),
                "applets" => {
                    let value = Spanned { value: self.boolean(key, value)?, span: self.span(key.span()) };
                    recipe.applets = Some(value);
                }
                "terminfo" => recipe.data.terminfo = Some(self.names(key, value, Case::Told)?),
                "locales" => recipe.data.locales = Some(self.names(key, value, Case::Told)?),
                "timezones" => recipe.data.timezones = self.names(key, value, Case::Told)?,
                "charsets" => recipe.data.charsets = self.names(key, value, Case::Ignored)?,
                "certificates" => {
                    recipe.data.certificates = self.boolean(key, value)?.then(|| self.span(key.span()))
                }
                "scan" => recipe.data.scan = self.boolean(key, value)?.then(|| self.span(key.span())),
                "cpu" => recipe.loading.cpu = Some(self.one_of(key, value, &Level::ALL, Level::word)?),
                "dlopen" => {
                    recipe.loading.dlopen =
                        Some(self.one_of(key, value, &DlopenLevel::ALL, DlopenLevel::word)?)
                }
                "library_path" => recipe.loading.library_path = self.directories(key, value)?,
                "files" => recipe.files = self.files(key, value)?,
                "symlinks" => recipe.symlinks = self.symlinks(key, value)?,
                "limits" => recipe.limits = self.limits(key, value)?,
                "budget" => recipe.budget = self.budget(key, value)?,
                "allow" => recipe.allow.extend(self.allow(key, value)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &KEYS)),
            }
        }
        self.no_double_source(&recipe)?;
        self.language(&parts, &mut recipe)?;
        Ok(recipe)
    }

    pub(crate) fn pattern(&self, value: &Value<'_>) -> Result<Spanned<Pattern>, RecipeError> {
        let text = self.spanned(value)?;
        match Pattern::new(&text.value) {
            Ok(pattern) => Ok(Spanned { value: pattern, span: text.span }),
            Err(what) => Err(self.mistake(value.span(), &what, "write the path as it is on the build host, with `*`, `?`, `[…]`, `{a,b}` or `**` where wanted")),
        }
    }

    fn names(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        case: Case,
    ) -> Result<Vec<Spanned<NamePattern>>, RecipeError> {
        let name = |value: &Value<'_>| {
            let text = self.spanned(value)?;
            match NamePattern::new(&text.value, case) {
                Ok(name) => Ok(Spanned { value: name, span: text.span }),
                Err(what) => Err(self.mistake(
                    value.span(),
                    &what,
                    &format!(
                        "write names, with `*` where wanted, such as {} = [{}]",
                        key.get_ref(),
                        example(key.get_ref())
                    ),
                )),
            }
        };
        self.strings(key, value)?.map(name).collect()
    }

    fn directories(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<PathBuf>, RecipeError> {
        let directory = |value: &Value<'_>| {
            let text = self.spanned(value)?.value;
            match ImagePath::parse(&text) {
                Ok(path) => Ok(path.as_path().to_owned()),
                Err(unfit) => Err(self.mistake(
                    value.span(),
                    &format!("`{text}` {unfit}"),
                    "write the directory's absolute path inside the sysroot, such as \"/opt/lib\"",
                )),
            }
        };
        self.strings(key, value)?.map(directory).collect()
    }

    fn files(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<BTreeMap<ImagePath, Spanned<OwnFile>>, RecipeError> {
        let mut files = BTreeMap::new();
        for (path, content) in in_order(self.table(key, value)?) {
            let file = self.own_file(path, content)?;
            files.insert(self.image_path(path)?, Spanned { value: file, span: self.span(path.span()) });
        }
        Ok(files)
    }

    fn own_file(&self, path: &Key<'_>, value: &Value<'_>) -> Result<OwnFile, RecipeError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(OwnFile { content: self.inline(value, text)?, mode: 0o644 }),
            DeValue::Table(table) => self.own_file_table(path, table),
            other => Err(self.mistake(
                value.span(),
                &format!("a file's content is a string, not {}", a_kind(other)),
                "write \"/path\" = \"content\\n\", or a table with `content` or `from`, and `mode`",
            )),
        }
    }

    fn own_file_table(&self, path: &Key<'_>, table: &DeTable<'_>) -> Result<OwnFile, RecipeError> {
        let (mut content, mut mode) = (None, 0o644);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "content" | "from" if content.is_some() => {
                    return Err(self.mistake(
                        key.span(),
                        "a file has either `content` or `from`",
                        "keep one of the two",
                    ));
                }
                "content" => content = Some(self.inline(value, &self.string(key, value)?)?),
                "from" => content = Some(OwnContent::From(self.next_to_recipe(&self.string(key, value)?))),
                "mode" => mode = self.mode(key, value)?,
                unknown => return Err(self.unknown(key.span(), "key", unknown, &FILE_KEYS)),
            }
        }
        match content {
            Some(content) => Ok(OwnFile { content, mode }),
            None => Err(self.mistake(
                path.span(),
                &format!("`{}` has no content", path.get_ref()),
                "add `content = \"…\"` or `from = \"FILE\"`",
            )),
        }
    }

    fn inline(&self, value: &Value<'_>, text: &str) -> Result<OwnContent, RecipeError> {
        if text.contains('\0') {
            return Err(self.mistake(
                value.span(),
                "inline content cannot hold a NUL byte",
                "put it in a file of its own and name that with `from`",
            ));
        }
        Ok(OwnContent::Inline(text.to_owned()))
    }

    fn next_to_recipe(&self, from: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(from)
    }

    fn mode(&self, key: &Key<'_>, value: &Value<'_>) -> Result<u32, RecipeError> {
        let hint = "write it in quotes and octal, such as mode = \"0755\"";
        let DeValue::String(text) = value.get_ref() else {
            return Err(self.mistake(
                value.span(),
                &format!("`mode` is a string, not {}", a_kind(value.get_ref())),
                hint,
            ));
        };
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode & !0o777 == 0 => Ok(mode),
            Ok(_) => Err(self.mistake(
                value.span(),
                &format!("mode `{text}` is more than permission bits"),
                "a file of an image has at most 0777; set-user-id has no effect in the sandbox",
            )),
            Err(_) => {
                Err(self.mistake(value.span(), &format!("`{}` `{text}` is not octal", key.get_ref()), hint))
            }
        }
    }

    fn symlinks(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<BTreeMap<ImagePath, Spanned<String>>, RecipeError> {
        let mut links = BTreeMap::new();
        for (path, target) in in_order(self.table(key, value)?) {
            let DeValue::String(target_text) = target.get_ref() else {
                return Err(self.mistake(
                    target.span(),
                    &format!("a link's target is a string, not {}", a_kind(target.get_ref())),
                    "write one link for each path, such as \"/usr/bin/sh\" = \"dash\"",
                ));
            };
            let target_text = target_text.to_string();
            if target_text.is_empty() || target_text.contains(char::is_control) {
                return Err(self.mistake(
                    target.span(),
                    "a link needs a target",
                    "write what the link shall lead to, such as \"/usr/bin/sh\" = \"dash\"",
                ));
            }
            links
                .insert(self.image_path(path)?, Spanned { value: target_text, span: self.span(path.span()) });
        }
        Ok(links)
    }

    pub(crate) fn limits(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<BTreeMap<&'static str, String>, RecipeError> {
        let mut limits = BTreeMap::new();
        let names: Vec<&str> = amount::limits().map(|limit| limit.name).collect();
        for (name, amount) in in_order(self.table(key, value)?) {
            let Some(limit) = amount::limits().find(|limit| limit.name == name.get_ref()) else {
                return Err(self.unknown(name.span(), "limit", name.get_ref(), &names));
            };
            limits.insert(limit.name, self.amount(name, amount, limit.unit, |text| limit.accepts(text))?);
        }
        Ok(limits)
    }

    /// The text of an amount that `accepts` takes; an integer is one where the unit needs no suffix.
    fn amount(
        &self,
        name: &Key<'_>,
        value: &Value<'_>,
        unit: Unit,
        accepts: impl Fn(&str) -> bool,
    ) -> Result<String, RecipeError> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if unit != Unit::Duration => number.to_string(),
            other => {
                let what =
                    format!("`{}`: expected a {}, found {}", name.get_ref(), unit.name(), a_kind(other));
                return Err(self.mistake(value.span(), &what, unit.example()));
            }
        };
        if accepts(&text) {
            return Ok(text);
        }
        let what = format!("invalid {} `{}` for `{}`", unit.name(), text.escape_debug(), name.get_ref());
        Err(self.mistake(value.span(), &what, unit.example()))
    }

    /// An amount as a number.
    pub(crate) fn number(&self, name: &Key<'_>, value: &Value<'_>, unit: Unit) -> Result<u64, RecipeError> {
        let text = self.amount(name, value, unit, |text| unit.parse(text).is_some())?;
        Ok(unit.parse(&text).expect("an amount that was accepted"))
    }

    fn most(
        &self,
        name: &Key<'_>,
        value: &Value<'_>,
        unit: Unit,
    ) -> Result<Option<Spanned<u64>>, RecipeError> {
        let value = self.number(name, value, unit)?;
        Ok(Some(Spanned { value, span: self.span(name.span()) }))
    }

    fn budget(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Budget, RecipeError> {
        let mut budget = Budget::default();
        for (name, value) in in_order(self.table(key, value)?) {
            match name.get_ref().as_ref() {
                "max_files" => budget.max_files = self.most(name, value, Unit::Count)?,
                "max_bytes" => budget.max_bytes = self.most(name, value, Unit::Size)?,
                "no_shell" => {
                    budget.no_shell = self.boolean(name, value)?.then(|| self.span(name.span()));
                }
                unknown => return Err(self.unknown(name.span(), "key", unknown, &BUDGET_KEYS)),
            }
        }
        Ok(budget)
    }

    fn allow(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<Spanned<Allowance>>, RecipeError> {
        let names = Guard::ALL.map(Guard::key);
        let mut allowed = Vec::new();
        for (name, patterns) in in_order(self.table(key, value)?) {
            let Some(guard) = Guard::from_key(name.get_ref()) else {
                return Err(self.unknown(name.span(), "guard", name.get_ref(), &names));
            };
            for pattern in self.strings(name, patterns)? {
                let Spanned { value: pattern, span } = self.pattern(pattern)?;
                allowed.push(Spanned { value: Allowance { guard, pattern }, span });
            }
        }
        Ok(allowed)
    }

    fn no_double_source(&self, recipe: &Recipe) -> Result<(), RecipeError> {
        for (path, link) in &recipe.symlinks {
            if let Some(file) = recipe.files.get(path) {
                let what = format!("`{path}` is a link here and a file at {}", file.span);
                return Err(RecipeError {
                    span: link.span.clone(),
                    what,
                    hint: Some("keep one of the two".to_owned()),
                });
            }
        }
        Ok(())
    }

    fn image_path(&self, key: &Key<'_>) -> Result<ImagePath, RecipeError> {
        let text = key.get_ref();
        match ImagePath::parse(text) {
            Ok(path) if path.is_root() => {
                Err(self.mistake(key.span(), "`/` is the image's root", "name a path below it"))
            }
            Ok(path) => Ok(path),
            Err(e) => Err(self.mistake(
                key.span(),
                &format!("`{text}` {e}"),
                "write the absolute path inside the image, such as \"/home/hello.txt\"",
            )),
        }
    }
}

/// A good value of a list of names.
fn example(key: &str) -> &'static str {
    match key {
        "terminfo" => "\"xterm*\", \"linux\"",
        "locales" => "\"C.UTF-8\", \"de_DE.UTF-8\"",
        "timezones" => "\"UTC\", \"Europe/*\"",
        _ => "\"ISO-8859-1\", \"KOI8-R\"",
    }
}
