//! The keys of a recipe, each read strictly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::document::{Document, Key, Value, a_kind, in_order};
use super::{Allowance, Asked, Budget, Guard, Mistake, OwnContent, OwnFile, Recipe, language};
use crate::arch::Level;
use crate::dlopen::DlopenLevel;
use crate::image_path::ImagePath;
use crate::name_pattern::{Case, NamePattern};
use crate::pattern::Pattern;
use crate::quantity::{self, Kind};

/// The keys of a recipe itself.
pub(super) const KEYS: [&str; 23] = [
    "binaries",
    "packs",
    "include",
    "terminfo",
    "locales",
    "timezones",
    "charsets",
    "certificates",
    "cpu",
    "dlopen",
    "library_path",
    "files",
    "symlinks",
    "limits",
    "budget",
    "allow",
    "apt",
    "absent",
    "slice",
    "language",
    "compile",
    "run",
    "test",
];
const BUDGET_KEYS: [&str; 3] = ["max_files", "max_bytes", "no_shell"];
const FILE_KEYS: [&str; 3] = ["content", "from", "mode"];

impl Document<'_> {
    /// The whole recipe.
    pub(super) fn recipe(&self, table: &DeTable<'_>) -> Result<Recipe, Mistake> {
        let mut recipe = Recipe::default();
        let mut parts = language::Parts::default();
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
                "language" => parts.language = Some((key, value)),
                "compile" => parts.compile = Some((key, value)),
                "run" => parts.run = Some((key, value)),
                "test" => parts.test = Some((key, value)),
                "binaries" => {
                    recipe.binaries =
                        self.strings(key, value)?.map(|name| self.binary(name)).collect::<Result<_, _>>()?
                }
                "packs" => {
                    recipe.packs =
                        self.strings(key, value)?.map(|name| self.asked(name)).collect::<Result<_, _>>()?
                }
                "include" => {
                    recipe.include =
                        self.strings(key, value)?.map(|text| self.pattern(text)).collect::<Result<_, _>>()?
                }
                "terminfo" => recipe.data.terminfo = Some(self.names(key, value, Case::Told)?),
                "locales" => recipe.data.locales = Some(self.names(key, value, Case::Told)?),
                "timezones" => recipe.data.timezones = self.names(key, value, Case::Told)?,
                "charsets" => recipe.data.charsets = self.names(key, value, Case::Ignored)?,
                "certificates" => {
                    recipe.data.certificates = self.boolean(key, value)?.then(|| self.place(key.span()))
                }
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
                "allow" => recipe.allow = self.allow(key, value)?,
                unknown => return Err(self.unknown(key.span(), "key", unknown, &KEYS)),
            }
        }
        self.no_double_source(&recipe)?;
        recipe.languages.extend(self.language(&parts)?);
        Ok(recipe)
    }

    fn binary(&self, name: &Value<'_>) -> Result<Asked<String>, Mistake> {
        let asked = self.asked(name)?;
        let text = &asked.value;
        if text.is_empty() {
            return Err(self.mistake(
                name.span(),
                "an empty name cannot be looked up",
                "write a name such as \"bash\", or an absolute path",
            ));
        }
        if text.contains('/') && !text.starts_with('/') {
            return Err(self.mistake(
                name.span(),
                &format!("`{text}` is neither a bare name nor an absolute path"),
                "a bare name is looked up on PATH inside the sysroot; a path starts with `/`",
            ));
        }
        if text.contains(char::is_whitespace) {
            return Err(self.mistake(
                name.span(),
                &format!("`{text}` has white space in it"),
                "one binary for each string: [\"bash\", \"ls\"]; arguments are given when it is run",
            ));
        }
        Ok(asked)
    }

    pub(super) fn pattern(&self, value: &Value<'_>) -> Result<Asked<Pattern>, Mistake> {
        let text = self.asked(value)?;
        match Pattern::new(&text.value) {
            Ok(pattern) => Ok(Asked { value: pattern, at: text.at }),
            Err(what) => Err(self.mistake(value.span(), &what, "write the path as it is on the build host, with `*`, `?`, `[…]`, `{a,b}` or `**` where wanted")),
        }
    }

    fn names(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        case: Case,
    ) -> Result<Vec<Asked<NamePattern>>, Mistake> {
        let name = |value: &Value<'_>| {
            let text = self.asked(value)?;
            match NamePattern::new(&text.value, case) {
                Ok(name) => Ok(Asked { value: name, at: text.at }),
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

    fn directories(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<PathBuf>, Mistake> {
        let directory = |value: &Value<'_>| {
            let text = self.asked(value)?.value;
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
    ) -> Result<BTreeMap<ImagePath, Asked<OwnFile>>, Mistake> {
        let mut files = BTreeMap::new();
        for (path, content) in in_order(self.table(key, value)?) {
            let file = self.own_file(path, content)?;
            files.insert(self.image_path(path)?, Asked { value: file, at: self.place(path.span()) });
        }
        Ok(files)
    }

    fn own_file(&self, path: &Key<'_>, value: &Value<'_>) -> Result<OwnFile, Mistake> {
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

    fn own_file_table(&self, path: &Key<'_>, table: &DeTable<'_>) -> Result<OwnFile, Mistake> {
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
                "from" => content = Some(OwnContent::From(self.beside(&self.string(key, value)?))),
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

    fn inline(&self, value: &Value<'_>, text: &str) -> Result<OwnContent, Mistake> {
        if text.contains('\0') {
            return Err(self.mistake(
                value.span(),
                "inline content cannot hold a NUL byte",
                "put it in a file of its own and name that with `from`",
            ));
        }
        Ok(OwnContent::Inline(text.to_owned()))
    }

    fn beside(&self, from: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(from)
    }

    fn mode(&self, key: &Key<'_>, value: &Value<'_>) -> Result<u32, Mistake> {
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
    ) -> Result<BTreeMap<ImagePath, Asked<String>>, Mistake> {
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
            links.insert(self.image_path(path)?, Asked { value: target_text, at: self.place(path.span()) });
        }
        Ok(links)
    }

    pub(super) fn limits(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<BTreeMap<&'static str, String>, Mistake> {
        let mut limits = BTreeMap::new();
        let names: Vec<&str> = quantity::LIMITS.iter().map(|limit| limit.name).collect();
        for (name, amount) in in_order(self.table(key, value)?) {
            let Some(limit) = quantity::LIMITS.iter().find(|limit| limit.name == name.get_ref()) else {
                return Err(self.unknown(name.span(), "limit", name.get_ref(), &names));
            };
            limits.insert(limit.name, self.amount(name, amount, limit.kind)?);
        }
        Ok(limits)
    }

    pub(super) fn amount(&self, name: &Key<'_>, value: &Value<'_>, kind: Kind) -> Result<String, Mistake> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if kind != Kind::Time => number.to_string(),
            other => {
                return Err(self.mistake(
                    value.span(),
                    &format!("`{}` is {}, not {}", name.get_ref(), kind.noun(), a_kind(other)),
                    kind.example(),
                ));
            }
        };
        match kind.read(&text) {
            Some(_) => Ok(text),
            None => Err(self.mistake(
                value.span(),
                &format!("`{}` is {}, and `{text}` is none", name.get_ref(), kind.noun()),
                kind.example(),
            )),
        }
    }

    fn most(&self, name: &Key<'_>, value: &Value<'_>, kind: Kind) -> Result<Option<Asked<u64>>, Mistake> {
        let amount = kind.read(&self.amount(name, value, kind)?);
        Ok(amount.map(|value| Asked { value, at: self.place(name.span()) }))
    }

    fn budget(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Budget, Mistake> {
        let mut budget = Budget::default();
        for (name, value) in in_order(self.table(key, value)?) {
            match name.get_ref().as_ref() {
                "max_files" => budget.max_files = self.most(name, value, Kind::Count)?,
                "max_bytes" => budget.max_bytes = self.most(name, value, Kind::Size)?,
                "no_shell" => {
                    budget.no_shell = self.boolean(name, value)?.then(|| self.place(name.span()));
                }
                unknown => return Err(self.unknown(name.span(), "key", unknown, &BUDGET_KEYS)),
            }
        }
        Ok(budget)
    }

    fn allow(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<Asked<Allowance>>, Mistake> {
        let names = Guard::ALL.map(Guard::key);
        let mut allowed = Vec::new();
        for (name, patterns) in in_order(self.table(key, value)?) {
            let Some(guard) = Guard::from_key(name.get_ref()) else {
                return Err(self.unknown(name.span(), "guard", name.get_ref(), &names));
            };
            for pattern in self.strings(name, patterns)? {
                let Asked { value: pattern, at } = self.pattern(pattern)?;
                allowed.push(Asked { value: Allowance { guard, pattern }, at });
            }
        }
        Ok(allowed)
    }

    fn no_double_source(&self, recipe: &Recipe) -> Result<(), Mistake> {
        for (path, link) in &recipe.symlinks {
            if let Some(file) = recipe.files.get(path) {
                let what = format!("`{path}` is a link here and a file at {}", file.at);
                return Err(Mistake {
                    at: link.at.clone(),
                    what,
                    hint: Some("keep one of the two".to_owned()),
                });
            }
        }
        Ok(())
    }

    fn image_path(&self, key: &Key<'_>) -> Result<ImagePath, Mistake> {
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
