//! What a recipe says about languages: `[language]`, `[compile]`, `[run]`, `[[test]]`, `[[slice]]` and `apt`.

use std::collections::BTreeMap;

use regex::Regex;
use toml::de::{DeTable, DeValue};

use super::document::{Document, Key, Value, a_kind, in_order};
use super::{Asked, Mistake};
use crate::language::{self, Language, SelfTest, SourceName, Step};
use crate::pattern::Pattern;
use crate::quantity::Kind;
use crate::slice::{Exclusion, Slice};

const LANGUAGE_KEYS: [&str; 4] = ["name", "title", "source", "output"];
const RULE_KEYS: [&str; 3] = ["match", "name", "otherwise"];
const STEP_KEYS: [&str; 4] = ["argv", "env", "limits", "reserve"];
const TEST_KEYS: [&str; 5] = ["name", "source", "stdin", "stdout", "status"];
const SLICE_KEYS: [&str; 3] = ["package", "include", "exclude"];

/// The tables that make a language together, as they were met.
#[derive(Default)]
pub(super) struct Parts<'v, 'i> {
    pub language: Option<(&'v Key<'i>, &'v Value<'i>)>,
    pub compile: Option<(&'v Key<'i>, &'v Value<'i>)>,
    pub run: Option<(&'v Key<'i>, &'v Value<'i>)>,
    pub test: Option<(&'v Key<'i>, &'v Value<'i>)>,
}

impl Document<'_> {
    /// The language of this file, if it has one: `[language]` and `[run]` make one, the rest is optional.
    pub(super) fn language(
        &self,
        parts: &Parts<'_, '_>,
    ) -> Result<Option<(String, Asked<Language>)>, Mistake> {
        let Some((key, value)) = parts.language else {
            let lonely = [parts.run, parts.compile, parts.test].into_iter().flatten().next();
            return match lonely {
                Some((key, _)) => Err(self.mistake(
                    key.span(),
                    &format!("`{}` without a `[language]`", key.get_ref()),
                    "add [language] with source = \"main.EXT\": what the submission's file is called",
                )),
                None => Ok(None),
            };
        };
        let Some((run_key, run)) = parts.run else {
            return Err(self.mistake(
                key.span(),
                "a language without `[run]`",
                "add [run] with argv = [\"PROGRAM\", \"{source}\"]: how a submission is started",
            ));
        };
        let (mut name, mut title, mut source, mut output) = (self.stem(), None, None, None);
        for (key, value) in in_order(self.table(key, value)?) {
            match key.get_ref().as_ref() {
                "name" => name = Some(self.plain(value, self.string(key, value)?)?),
                "title" => title = Some(self.string(key, value)?),
                "source" => source = Some(self.source(key, value)?),
                "output" => output = Some(self.plain(value, self.string(key, value)?)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &LANGUAGE_KEYS)),
            }
        }
        let Some(source) = source else {
            return Err(self.mistake(
                key.span(),
                "a language without `source`",
                "add source = \"main.EXT\": what the submission's file is called",
            ));
        };
        let name = name.ok_or_else(|| {
            self.mistake(key.span(), "a language without a name", "add name = \"…\" below [language]")
        })?;
        let compile = parts.compile.map(|(key, value)| self.step(key, value)).transpose()?;
        let run = self.step(run_key, run)?;
        let tests = parts.test.map_or(Ok(Vec::new()), |(key, value)| self.tests(key, value))?;
        let language = Language { title, source, output, compile, run, tests };
        Ok(Some((name, Asked { value: language, at: self.place(key.span()) })))
    }

    /// The file's name without `.toml`: what its language is called unless it says otherwise.
    fn stem(&self) -> Option<String> {
        let name = self.file.file_stem()?.to_str()?;
        language::is_plain(name).then(|| name.to_owned())
    }

    fn source(&self, key: &Key<'_>, value: &Value<'_>) -> Result<SourceName, Mistake> {
        let DeValue::Table(table) = value.get_ref() else {
            return Ok(SourceName::Fixed(self.plain(value, self.string(key, value)?)?));
        };
        let (mut patterns, mut name, mut otherwise) = (Vec::new(), None, None);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "match" => {
                    for pattern in self.strings(key, value)? {
                        patterns.push(self.expression(pattern)?);
                    }
                }
                "name" => name = Some(self.string(key, value)?),
                "otherwise" => otherwise = Some(self.plain(value, self.string(key, value)?)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &RULE_KEYS)),
            }
        }
        match (name, otherwise) {
            (Some(name), Some(otherwise)) if !patterns.is_empty() => {
                Ok(SourceName::Rule { patterns, name, otherwise })
            }
            _ => Err(self.mistake(
                value.span(),
                "a rule for the file's name has `match`, `name` and `otherwise`",
                r#"write source = { match = ['class (\w+)'], name = "{1}.java", otherwise = "Main.java" }"#,
            )),
        }
    }

    fn expression(&self, value: &Value<'_>) -> Result<String, Mistake> {
        let Asked { value: text, .. } = self.asked(value)?;
        let hint = "one group in parentheses tells the name; the syntax is that of the Rust crate `regex`";
        match Regex::new(&text) {
            Ok(regex) if regex.captures_len() == 2 => Ok(text),
            Ok(regex) => {
                let groups = regex.captures_len() - 1;
                Err(self.mistake(value.span(), &format!("`{text}` has {groups} groups, not one"), hint))
            }
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(self.mistake(value.span(), &format!("`{text}` is no regular expression: {why}"), hint))
            }
        }
    }

    fn step(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Step, Mistake> {
        let mut step =
            Step { argv: Vec::new(), env: BTreeMap::new(), limits: BTreeMap::new(), reserve: None };
        for (key, value) in in_order(self.table(key, value)?) {
            match key.get_ref().as_ref() {
                "argv" => {
                    for word in self.strings(key, value)? {
                        step.argv.push(self.word(word)?);
                    }
                }
                "env" => step.env = self.environment(key, value)?,
                "limits" => {
                    let limits = self.limits(key, value)?;
                    step.limits = limits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                }
                "reserve" => step.reserve = Kind::Size.read(&self.amount(key, value, Kind::Size)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &STEP_KEYS)),
            }
        }
        if step.argv.is_empty() {
            return Err(self.mistake(
                key.span(),
                &format!("`{}` has no program to start", key.get_ref()),
                "add argv = [\"PROGRAM\", \"ARGUMENT\", \"{source}\"]",
            ));
        }
        Ok(step)
    }

    fn word(&self, value: &Value<'_>) -> Result<String, Mistake> {
        let Asked { value: text, .. } = self.asked(value)?;
        if let Some(unknown) = language::unknown_placeholder(&text) {
            return Err(self.unknown(value.span(), "placeholder", unknown, &language::placeholder_names()));
        }
        if text.contains('\0') {
            return Err(self.mistake(value.span(), "an argument cannot hold a NUL byte", "leave it out"));
        }
        Ok(text)
    }

    fn environment(&self, key: &Key<'_>, value: &Value<'_>) -> Result<BTreeMap<String, String>, Mistake> {
        let mut environment = BTreeMap::new();
        for (name, value) in in_order(self.table(key, value)?) {
            if name.get_ref().is_empty() || name.get_ref().contains(['=', '\0']) {
                return Err(self.mistake(
                    name.span(),
                    &format!("`{}` is no name of a variable", name.get_ref().escape_debug()),
                    "write NAME = \"value\"",
                ));
            }
            environment.insert(name.get_ref().to_string(), self.word(value)?);
        }
        Ok(environment)
    }

    fn plain(&self, value: &Value<'_>, name: String) -> Result<String, Mistake> {
        if language::is_plain(&name) {
            return Ok(name);
        }
        Err(self.mistake(
            value.span(),
            &format!("`{}` is no plain name", name.escape_debug()),
            "write letters, digits, `_`, `-`, `.`, `+`, beginning with a letter, such as \"main.cpp\"",
        ))
    }

    fn tests(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<SelfTest>, Mistake> {
        self.tables(key, value)?.into_iter().map(|(value, table)| self.test(value, table)).collect()
    }

    fn test(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<SelfTest, Mistake> {
        let mut test = SelfTest {
            name: String::new(),
            source: String::new(),
            stdin: String::new(),
            stdout: None,
            status: Some("ok".to_owned()),
        };
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "name" => test.name = self.string(key, value)?,
                "source" => test.source = self.string(key, value)?,
                "stdin" => test.stdin = self.string(key, value)?,
                "stdout" => test.stdout = Some(self.string(key, value)?),
                "status" => test.status = Some(self.string(key, value)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &TEST_KEYS)),
            }
        }
        if test.name.is_empty() || test.source.is_empty() {
            return Err(self.mistake(
                whole.span(),
                "a test has a `name` and a `source`",
                "add name = \"hello\" and source = '''…'''",
            ));
        }
        Ok(test)
    }

    pub(super) fn slices(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<Asked<Slice>>, Mistake> {
        self.tables(key, value)?.into_iter().map(|(value, table)| self.slice(value, table)).collect()
    }

    fn slice(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<Asked<Slice>, Mistake> {
        let (mut package, mut include, mut exclude) = (None, Vec::new(), Vec::new());
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "package" => package = Some(self.package(value, self.string(key, value)?)?),
                "include" => {
                    for pattern in self.strings(key, value)? {
                        include.push(self.pattern(pattern)?.value);
                    }
                }
                "exclude" => {
                    for pattern in self.strings(key, value)? {
                        exclude.push(self.exclusion(pattern)?);
                    }
                }
                unknown => return Err(self.unknown(key.span(), "key", unknown, &SLICE_KEYS)),
            }
        }
        let Some(package) = package else {
            return Err(self.mistake(
                whole.span(),
                "a slice without a `package`",
                "add package = \"NAME\": an installed Debian package, `*` stands for a version",
            ));
        };
        Ok(Asked { value: Slice { package, include, exclude }, at: self.place(whole.span()) })
    }

    /// `apt`: the packages by name, as apt-get(8) takes them.
    pub(super) fn packages(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<String>, Mistake> {
        self.strings(key, value)?.map(|name| self.package(name, self.asked(name)?.value)).collect()
    }

    /// Debian's names of packages (Debian Policy 5.6.1), and globs for them.
    fn package(&self, value: &Value<'_>, name: String) -> Result<String, Mistake> {
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.*?[]{},".contains(c);
        if !name.is_empty() && name.chars().all(is_good) && Slice::matcher(&name).is_ok() {
            return Ok(name);
        }
        Err(self.mistake(
            value.span(),
            &format!("`{}` is no name of a package", name.escape_debug()),
            "write it as dpkg -l does, with `*` for what changes with its version, such as \"libpython3.*-stdlib\"",
        ))
    }

    pub(super) fn exclusion(&self, value: &Value<'_>) -> Result<Exclusion, Mistake> {
        let Asked { value: text, .. } = self.asked(value)?;
        if text.starts_with('/') {
            return Ok(Exclusion::Path(self.pattern(value)?.value));
        }
        // A name is matched as one that stands alone below the root.
        match Pattern::new(&format!("/{text}")) {
            Ok(pattern) if !text.contains('/') && !text.is_empty() => Ok(Exclusion::Name(pattern)),
            _ => Err(self.mistake(
                value.span(),
                &format!("`{text}` is neither a name nor an absolute path"),
                "write a name such as \"test\" or \"*.pyc\", which counts at any depth, or an absolute path or glob",
            )),
        }
    }

    /// The tables of `[[key]]`.
    fn tables<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<Vec<(&'v Value<'i>, &'v DeTable<'i>)>, Mistake> {
        let hint = format!("write [[{}]] and its entries below it", key.get_ref());
        let wrong = |value: &Value<'_>| {
            let what = format!("`{}` is a list of tables, not {}", key.get_ref(), a_kind(value.get_ref()));
            self.mistake(value.span(), &what, &hint)
        };
        let DeValue::Array(items) = value.get_ref() else { return Err(wrong(value)) };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok((item, table)),
                _ => Err(wrong(item)),
            })
            .collect()
    }
}
