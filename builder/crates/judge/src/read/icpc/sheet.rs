//! problem.yaml, of both generations.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SHEET;
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::Format;
use crate::read::yaml::{self, Ignored, NameOr, Number, Text, Words};

/// What matters of problem.yaml.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) format: Format,
    pub(super) name: String,
    pub(super) is_scoring: bool,
    /// Whether checkers write scores.
    pub(super) has_custom_score: bool,
    pub(super) is_custom: bool,
    pub(super) is_interactive: bool,
    pub(super) is_multi_pass: bool,
    pub(super) is_submit_answer: bool,
    pub(super) flags: Vec<String>,
    pub(super) languages: Option<Vec<String>>,
    pub(super) limits: YamlLimits,
    /// What legacy packages say of scores.
    pub(super) grading: Grading,
    pub(super) constants: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct YamlLimits {
    time_multiplier: Option<Number>,
    time_safety_margin: Option<Number>,
    time_multipliers: Multipliers,
    pub(super) time_limit: Option<Number>,
    pub(super) time_resolution: Option<Number>,
    pub(super) memory: Option<Number>,
    pub(super) output: Option<Number>,
    pub(super) code: Option<Number>,
    pub(super) compilation_time: Option<Number>,
    pub(super) compilation_memory: Option<Number>,
    pub(super) validation_time: Option<Number>,
    pub(super) validation_memory: Option<Number>,
    pub(super) validation_output: Option<Number>,
    validation_passes: Option<Number>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Multipliers {
    ac_to_time_limit: Option<Number>,
    time_limit_to_tle: Option<Number>,
}

impl YamlLimits {
    pub(super) fn passes(&self) -> Option<u32> {
        self.validation_passes.map(|number| number.0.clamp(1.0, 1000.0) as u32)
    }

    pub(super) fn accepted_to_limit(&self) -> Option<f64> {
        self.time_multipliers.ac_to_time_limit.or(self.time_multiplier).map(|number| number.0)
    }

    pub(super) fn limit_to_slow(&self) -> Option<f64> {
        self.time_multipliers.time_limit_to_tle.or(self.time_safety_margin).map(|number| number.0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    problem_format_version: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Legacy {
    problem_format_version: Ignored,
    name: Option<Name>,
    r#type: Text,
    limits: YamlLimits,
    validation: Words,
    validator_flags: Words,
    languages: Option<Words>,
    grading: Grading,
    uuid: Ignored,
    author: Ignored,
    source: Ignored,
    source_url: Ignored,
    license: Ignored,
    rights_owner: Ignored,
    keywords: Ignored,
    libraries: Ignored,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Grading {
    objective: Text,
    show_test_data_groups: Ignored,
    pub(super) on_reject: Option<Text>,
    pub(super) accept_score: Option<Number>,
    pub(super) reject_score: Option<Number>,
    range: Ignored,
}

impl Grading {
    /// With the words that testdata.yaml has for what happens after a failure.
    fn translated(mut self) -> Grading {
        let word = |text: Text| match text.0.as_str() {
            "first_error" => Text("break".to_owned()),
            "worst_error" | "grade" => Text("continue".to_owned()),
            _ => text,
        };
        self.on_reject = self.on_reject.take().map(word);
        self
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct New {
    problem_format_version: Ignored,
    name: Option<Name>,
    r#type: Words,
    limits: YamlLimits,
    languages: Option<Words>,
    constants: BTreeMap<String, NameOr<BTreeMap<String, Text>>>,
    uuid: Ignored,
    version: Ignored,
    credits: Ignored,
    source: Ignored,
    license: Ignored,
    rights_owner: Ignored,
    embargo_until: Ignored,
    keywords: Ignored,
    allow_file_writing: Ignored,
    // Of drafts.
    validation: Words,
    validator_flags: Words,
    author: Ignored,
    source_url: Ignored,
}

/// A name, or one for each language.
type Name = NameOr<BTreeMap<String, Text>>;

/// The languages that a submission may be in; `None` for all.
fn only(languages: Option<Words>) -> Option<Vec<String>> {
    languages.map(|languages| languages.0).filter(|languages| languages != &["all"])
}

/// The values by `NAME`, and by `NAME.VARIANT`.
fn constants(
    all: BTreeMap<String, NameOr<BTreeMap<String, Text>>>,
) -> Result<BTreeMap<String, String>, Mistake> {
    let mut constants = BTreeMap::new();
    for (name, value) in all {
        match value {
            NameOr::Name(value) => drop(constants.insert(name, value)),
            NameOr::Keys(variants) => {
                if !variants.contains_key("value") {
                    let what = format!("the constant `{}` has no `value`", name.escape_debug());
                    return Err(Mistake::new(SHEET, what));
                }
                for (variant, Text(text)) in variants {
                    let key = if variant == "value" { name.clone() } else { format!("{name}.{variant}") };
                    constants.insert(key, text);
                }
            }
        }
    }
    Ok(constants)
}

/// The English one, or the first.
fn name(name: Option<Name>) -> String {
    match name {
        None => String::new(),
        Some(NameOr::Name(name)) => name,
        Some(NameOr::Keys(names)) => {
            let name = names.get("en").or_else(|| names.values().next());
            name.map(|name| name.0.clone()).unwrap_or_default()
        }
    }
}

impl Sheet {
    /// Reads problem.yaml; a package of DOMjudge may have none.
    pub(super) fn read(files: &Files) -> Result<Sheet, Error> {
        let text = if files.has(SHEET) { files.text(SHEET)? } else { String::new() };
        Sheet::parse(&text, files.has(super::INI)).map_err(|mistake| files.error(mistake))
    }

    fn parse(text: &str, is_domjudge: bool) -> Result<Sheet, Mistake> {
        let version: Version = yaml::parse(text, SHEET)?;
        let version = version.problem_format_version.map(|version| version.0);
        match version.as_deref() {
            None if is_domjudge => Sheet::legacy(text, Format::IcpcLegacy),
            None | Some("legacy") => Sheet::legacy(text, Format::KattisLegacy),
            Some("legacy-icpc") => Sheet::legacy(text, Format::IcpcLegacy),
            Some("2025-09" | "2023-07" | "2023-07-draft" | "draft") => Sheet::new(text),
            Some(other) => {
                let what = format!("unknown problem_format_version `{}`", other.escape_debug());
                Err(Mistake::new(SHEET, what)
                    .hint("known are legacy, legacy-icpc, 2023-07-draft and 2025-09"))
            }
        }
    }

    fn legacy(text: &str, format: Format) -> Result<Sheet, Mistake> {
        let read: Legacy = yaml::parse(text, SHEET)?;
        if read.grading.objective.0 == "min" {
            return Err(Mistake::new(
                SHEET,
                "scores that are to be small (`objective: min`) are not supported",
            ));
        }
        let mut words = read.validation.0.iter().map(String::as_str);
        let (is_custom, mut sheet) = match words.next() {
            None | Some("default") => (false, Sheet::empty(format)),
            Some("custom") => (true, Sheet::empty(format)),
            Some(other) => {
                return Err(Mistake::new(
                    SHEET,
                    format!("`validation` is `default` or `custom …`, not `{}`", other.escape_debug()),
                ));
            }
        };
        for word in words {
            match word {
                "score" => sheet.has_custom_score = true,
                "interactive" => sheet.is_interactive = true,
                "multi-pass" => sheet.is_multi_pass = true,
                _ => {
                    let what = format!("`validation: custom` has no word `{}`", word.escape_debug());
                    return Err(Mistake::new(SHEET, what).hint("it has score, interactive and multi-pass"));
                }
            }
        }
        sheet.is_custom = is_custom;
        sheet.grading = read.grading.translated();
        sheet.is_scoring = match read.r#type.0.as_str() {
            "" | "pass-fail" => false,
            "scoring" => true,
            other => return Err(unknown_type(other)),
        };
        sheet.flags = read.validator_flags.0;
        sheet.name = name(read.name);
        sheet.languages = only(read.languages);
        sheet.limits = read.limits;
        Ok(sheet)
    }

    fn new(text: &str) -> Result<Sheet, Mistake> {
        let read: New = yaml::parse(text, SHEET)?;
        let mut sheet = Sheet::empty(Format::Kattis2025);
        let words = read.r#type.0.iter().chain(&read.validation.0);
        for word in words {
            match word.as_str() {
                "pass-fail" | "default" => {}
                "custom" => sheet.is_custom = true,
                "scoring" => (sheet.is_scoring, sheet.has_custom_score) = (true, true),
                "score" => sheet.has_custom_score = true,
                "interactive" => sheet.is_interactive = true,
                "multi-pass" => sheet.is_multi_pass = true,
                "submit-answer" => sheet.is_submit_answer = true,
                other => return Err(unknown_type(other)),
            }
        }
        let both = |one: &str, other: &str| {
            read.r#type.0.iter().any(|word| word == one) && read.r#type.0.iter().any(|word| word == other)
        };
        for (one, other) in
            [("pass-fail", "scoring"), ("submit-answer", "multi-pass"), ("submit-answer", "interactive")]
        {
            if both(one, other) {
                return Err(Mistake::new(SHEET, format!("a problem cannot be both {one} and {other}")));
            }
        }
        sheet.flags = read.validator_flags.0;
        sheet.name = name(read.name);
        sheet.languages = only(read.languages);
        sheet.limits = read.limits;
        sheet.constants = constants(read.constants)?;
        Ok(sheet)
    }

    fn empty(format: Format) -> Sheet {
        Sheet {
            format,
            name: String::new(),
            is_scoring: false,
            has_custom_score: false,
            is_custom: false,
            is_interactive: false,
            is_multi_pass: false,
            is_submit_answer: false,
            flags: Vec::new(),
            languages: None,
            limits: YamlLimits::default(),
            grading: Grading::default(),
            constants: BTreeMap::new(),
        }
    }
}

fn unknown_type(word: &str) -> Mistake {
    let hint = "known are pass-fail, scoring, interactive, multi-pass and submit-answer";
    Mistake::new(SHEET, format!("unknown problem type `{}`", word.escape_debug())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        Sheet::parse(text, false).unwrap_err().to_string()
    }

    #[test]
    fn the_version_decides_which_keys_there_are() {
        assert_eq!(Sheet::parse("name: A", false).unwrap().format, Format::KattisLegacy);
        assert_eq!(Sheet::parse("", true).unwrap().format, Format::IcpcLegacy);
        assert_eq!(
            Sheet::parse("problem_format_version: legacy", true).unwrap().format,
            Format::KattisLegacy
        );
        let new = Sheet::parse("problem_format_version: 2025-09\nname: {de: Summe, en: Sum}\nuuid: x", false)
            .unwrap();
        assert_eq!((new.format, new.name.as_str()), (Format::Kattis2025, "Sum"));
        assert!(
            mistake("problem_format_version: 2030-01").contains("unknown problem_format_version `2030-01`")
        );
        assert!(mistake("name: A\nlimit: {}").starts_with("problem.yaml:2: "));
        assert!(mistake("problem_format_version: 2025-09\ngrading: {}").contains("grading"));
    }

    #[test]
    fn words_of_the_validation_are_read() {
        let sheet =
            Sheet::parse("validation: custom score interactive\nvalidator_flags: a b", false).unwrap();
        assert!(sheet.is_custom && sheet.has_custom_score && sheet.is_interactive && !sheet.is_multi_pass);
        assert_eq!(sheet.flags, ["a", "b"]);
        assert!(mistake("validation: own").contains("not `own`"));
        assert!(mistake("validation: custom fast").contains("no word `fast`"));
        assert!(mistake("type: fun").contains("unknown problem type `fun`"));
    }

    #[test]
    fn types_that_exclude_each_other_are_refused() {
        let new =
            |types: &str| Sheet::parse(&format!("problem_format_version: 2025-09\ntype: {types}"), false);
        assert!(new("[scoring, interactive, multi-pass]").unwrap().is_interactive);
        assert!(new("[pass-fail, scoring]").unwrap_err().to_string().contains("both pass-fail and scoring"));
        assert!(new("[submit-answer, multi-pass]").is_err());
    }
}
