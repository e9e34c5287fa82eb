//! What a recipe says about languages: `extends`, `[language]` and `[variants]`.

use std::collections::BTreeMap;

use regex::Regex;
use toml::de::{DeTable, DeValue};

use crate::document::{Document, Key, Value, in_order};
use crate::error::RecipeError;
use crate::extension::{Differences, Extension, StepDifferences};
use crate::language::{self, Language, Variant};
use crate::recipe::Recipe;
use crate::source_name::{self, Scan, SourceName};
use crate::span::Spanned;

const LANGUAGE_KEYS: [&str; 6] = ["name", "title", "source", "units", "output", "flags"];
const VARIANT_KEYS: [&str; 2] = ["title", "flags"];
const RULE_KEYS: [&str; 4] = ["match", "name", "otherwise", "scan"];

/// The tables that make a language together, as they were met.
#[derive(Default)]
pub(crate) struct Parts<'v, 'i> {
    pub(crate) extends: Part<'v, 'i>,
    pub(crate) language: Part<'v, 'i>,
    pub(crate) variants: Part<'v, 'i>,
    pub(crate) compile: Part<'v, 'i>,
    pub(crate) run: Part<'v, 'i>,
    pub(crate) prepare: Part<'v, 'i>,
    pub(crate) test: Part<'v, 'i>,
}

/// A key of the recipe with its value.
type Part<'v, 'i> = Option<(&'v Key<'i>, &'v Value<'i>)>;

impl Document<'_> {
    /// Adds the language of this file, if it has one: `[language]` and `[run]` make one, the rest is optional. With
    /// `extends` all is optional, and the language is complete when the other pack is known.
    pub(crate) fn language(&self, parts: &Parts<'_, '_>, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let whole = match (parts.language, parts.extends) {
            (Some((key, _)), _) | (None, Some((key, _))) => key,
            (None, None) => return self.no_language(parts),
        };
        let mut name = self.stem();
        let mut differences = self.differences(parts)?;
        if let Some((key, value)) = parts.language {
            self.head(key, value, &mut name, &mut differences)?;
        }
        let span = self.span(whole.span());
        let name = name.ok_or_else(|| {
            self.mistake(whole.span(), "a language without a name", "add name = \"…\" below [language]")
        })?;
        match parts.extends {
            Some((_, base)) => {
                recipe.extension = Some(Extension { base: self.spanned(base)?, name, span, differences });
            }
            None => {
                let value = self.complete(parts, whole, differences)?;
                recipe.languages.insert(name, Spanned { value, span });
            }
        }
        Ok(())
    }

    /// A part of a language alone is a mistake.
    fn no_language(&self, parts: &Parts<'_, '_>) -> Result<(), RecipeError> {
        match [parts.run, parts.compile, parts.prepare, parts.test, parts.variants]
            .into_iter()
            .flatten()
            .next()
        {
            Some((key, _)) => Err(self.mistake(
                key.span(),
                &format!("`{}` without a `[language]`", key.get_ref()),
                "add [language] with source = \"main.EXT\": what the submission's file is called",
            )),
            None => Ok(()),
        }
    }

    /// The tables next to `[language]`.
    fn differences(&self, parts: &Parts<'_, '_>) -> Result<Differences, RecipeError> {
        let step = |part: Part<'_, '_>| part.map(|(key, value)| self.step(key, value)).transpose();
        Ok(Differences {
            compile: step(parts.compile)?,
            run: step(parts.run)?,
            variants: parts
                .variants
                .map_or(Ok(BTreeMap::new()), |(key, value)| self.variants(self.table(key, value)?))?,
            preparations: parts
                .prepare
                .map_or(Ok(Vec::new()), |(key, value)| self.preparations(key, value))?,
            tests: parts.test.map_or(Ok(Vec::new()), |(key, value)| self.tests(key, value))?,
            ..Differences::default()
        })
    }

    /// `[language]` itself.
    fn head(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        name: &mut Option<String>,
        language: &mut Differences,
    ) -> Result<(), RecipeError> {
        for (key, value) in in_order(self.table(key, value)?) {
            match key.get_ref().as_ref() {
                "name" => *name = Some(self.plain(value, self.string(key, value)?)?),
                "title" => language.title = Some(self.string(key, value)?),
                "source" => language.source = Some(self.source(key, value)?),
                "units" => {
                    let units = self.strings(key, value)?.map(|glob| self.unit(glob));
                    language.units = Some(units.collect::<Result<_, _>>()?);
                }
                "output" => language.output = Some(self.output(key, value)?),
                "flags" => language.flags = Some(self.flags(key, value)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &LANGUAGE_KEYS)),
            }
        }
        Ok(())
    }

    /// A language that extends no other.
    fn complete(
        &self,
        parts: &Parts<'_, '_>,
        whole: &Key<'_>,
        found: Differences,
    ) -> Result<Language, RecipeError> {
        let Some((run_key, _)) = parts.run else {
            return Err(self.mistake(
                whole.span(),
                "a language without `[run]`",
                "add [run] with argv = [\"PROGRAM\", \"{source}\"]: how a submission is started",
            ));
        };
        let Some(source) = found.source else {
            return Err(self.mistake(
                whole.span(),
                "a language without `source`",
                "add source = \"main.EXT\": what the submission's file is called",
            ));
        };
        let step = |part: Part<'_, '_>, step: Option<StepDifferences>| match (part, step) {
            (Some((key, _)), Some(step)) => step.alone().map(Some).ok_or_else(|| self.no_program(key)),
            _ => Ok(None),
        };
        let compile = step(parts.compile, found.compile)?;
        let run = step(parts.run, found.run)?.ok_or_else(|| self.no_program(run_key))?;
        Ok(Language {
            title: found.title,
            units: found.units.unwrap_or_default(),
            output: found.output,
            flags: found.flags.unwrap_or_default(),
            variants: found.variants,
            compile,
            preparations: found.preparations,
            tests: found.tests,
            ..Language::new(source, run)
        })
    }

    fn variants(&self, table: &DeTable<'_>) -> Result<BTreeMap<String, Variant>, RecipeError> {
        let mut variants = BTreeMap::new();
        for (name, value) in in_order(table) {
            let mut variant = Variant::default();
            for (key, value) in in_order(self.table(name, value)?) {
                match key.get_ref().as_ref() {
                    "title" => variant.title = Some(self.string(key, value)?),
                    "flags" => variant.flags = Some(self.flags(key, value)?),
                    unknown => return Err(self.unknown(key.span(), "key", unknown, &VARIANT_KEYS)),
                }
            }
            if !source_name::is_plain(name.get_ref()) {
                let what = format!("`{}` is not a language's name", name.get_ref().escape_debug());
                return Err(self.mistake(name.span(), &what, "write letters and digits, such as cpp17"));
            }
            variants.insert(name.get_ref().to_string(), variant);
        }
        Ok(variants)
    }

    /// Arguments as they are.
    fn flags(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<String>, RecipeError> {
        self.strings(key, value)?.map(|flag| self.flag(flag)).collect()
    }

    fn flag(&self, value: &Value<'_>) -> Result<String, RecipeError> {
        let Spanned { value: flag, .. } = self.spanned(value)?;
        if flag.contains('\0') {
            return Err(self.mistake(value.span(), "an argument cannot hold a NUL byte", "leave it out"));
        }
        Ok(flag)
    }

    /// The file's name without `.toml`: what its language is called unless it says otherwise.
    fn stem(&self) -> Option<String> {
        let name = self.file.file_stem()?.to_str()?;
        source_name::is_plain(name).then(|| name.to_owned())
    }

    fn source(&self, key: &Key<'_>, value: &Value<'_>) -> Result<SourceName, RecipeError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Ok(SourceName::Fixed(self.plain(value, self.string(key, value)?)?));
        };
        let (mut patterns, mut name, mut otherwise, mut scan) = (Vec::new(), None, None, None);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "match" => {
                    for pattern in self.strings(key, value)? {
                        patterns.push(self.expression(pattern)?);
                    }
                }
                "name" => name = Some(self.string(key, value)?),
                "scan" => scan = Some(self.one_of(key, value, &Scan::ALL, Scan::word)?),
                "otherwise" => otherwise = Some(self.plain(value, self.string(key, value)?)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &RULE_KEYS)),
            }
        }
        match (name, otherwise, scan) {
            (Some(name), Some(otherwise), None) if !patterns.is_empty() => {
                Ok(SourceName::Rule { patterns, name, otherwise })
            }
            (None, Some(otherwise), Some(scan)) if patterns.is_empty() => {
                Ok(SourceName::Scanned { scan, otherwise })
            }
            _ => Err(self.mistake(
                value.span(),
                "a rule for the file's name has `match`, `name` and `otherwise`, or `scan` and `otherwise`",
                r#"write source = { match = ['class (\w+)'], name = "{1}.java", otherwise = "Main.java" }"#,
            )),
        }
    }

    fn output(&self, key: &Key<'_>, value: &Value<'_>) -> Result<String, RecipeError> {
        let output = self.string(key, value)?;
        if Language::is_output(&output) { Ok(output) } else { self.plain(value, output) }
    }

    fn unit(&self, value: &Value<'_>) -> Result<String, RecipeError> {
        let Spanned { value: glob, .. } = self.spanned(value)?;
        if language::matcher(&glob).is_some() && !glob.contains('/') {
            return Ok(glob);
        }
        let what = format!("`{}` is not a glob for a file's name", glob.escape_debug());
        Err(self.mistake(value.span(), &what, "write a name without a directory, such as \"*.cpp\""))
    }

    fn expression(&self, value: &Value<'_>) -> Result<String, RecipeError> {
        let Spanned { value: text, .. } = self.spanned(value)?;
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
                Err(self.mistake(value.span(), &format!("`{text}` is not a regular expression: {why}"), hint))
            }
        }
    }

    fn plain(&self, value: &Value<'_>, name: String) -> Result<String, RecipeError> {
        if source_name::is_plain(&name) {
            return Ok(name);
        }
        Err(self.mistake(
            value.span(),
            &format!("`{}` is not a plain file name", name.escape_debug()),
            "write letters, digits, `_`, `-`, `.`, `+`, beginning with a letter, such as \"main.cpp\"",
        ))
    }
}
