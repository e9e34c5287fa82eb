//! submissions.yaml of 2025-09: what submissions are expected to get, by patterns for their names and those of tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use globset::GlobMatcher;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de::IgnoredAny};

use super::yaml::{self, Text};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::pattern;
use crate::problem::Verdict::{self, Accepted, RunTimeError, TimeLimit, WrongAnswer};
use crate::problem::{Bound, Example, Rule};

const SHEET: &str = "submissions/submissions.yaml";

/// Verdicts that tests may have, and of which one must occur; empty for all.
pub(super) struct Directory {
    pub(super) name: &'static str,
    pub(super) permitted: &'static [Verdict],
    pub(super) required: &'static [Verdict],
}

/// The file, with the rules of directories that it does not change.
pub(super) struct Sheet(Vec<(GlobMatcher, Keys)>);

#[derive(Debug, Clone, Default)]
struct Keys {
    language: Option<String>,
    entry: Option<String>,
    /// For all tests.
    rule: RuleKeys,
    /// By a pattern for tests.
    parts: BTreeMap<String, RuleKeys>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RuleKeys {
    permitted: Option<Vec<Word>>,
    required: Option<Vec<Word>>,
    score: Option<Score>,
    message: Option<Text>,
    use_for_time_limit: Option<Text>,
}

/// A verdict by the words that the format has.
#[derive(Debug, Clone, Copy)]
struct Word(Verdict);

#[derive(Debug, Clone, Copy)]
struct Score([f64; 2]);

impl Directory {
    pub(super) fn rule(&self) -> Rule {
        let set = |verdicts: &[Verdict]| {
            (!verdicts.is_empty()).then(|| verdicts.iter().copied().collect::<BTreeSet<_>>())
        };
        let (permitted, required) = (set(self.permitted), set(self.required));
        let bound = bound(permitted.as_ref(), required.as_ref());
        Rule { permitted, required, bound, ..Rule::default() }
    }

    fn keys(&self) -> Keys {
        let words = |verdicts: &[Verdict]| {
            (!verdicts.is_empty()).then(|| verdicts.iter().map(|verdict| Word(*verdict)).collect())
        };
        let rule = RuleKeys {
            permitted: words(self.permitted),
            required: words(self.required),
            ..RuleKeys::default()
        };
        Keys { rule, ..Keys::default() }
    }
}

/// A submission that must be too slow bounds the time limit from above, one that must not be from below.
fn bound(permitted: Option<&BTreeSet<Verdict>>, required: Option<&BTreeSet<Verdict>>) -> Bound {
    if required.is_some_and(|required| required.iter().eq([&TimeLimit])) {
        Bound::Upper
    } else if permitted.is_some_and(|permitted| !permitted.contains(&TimeLimit)) {
        Bound::Lower
    } else {
        Bound::None
    }
}

impl Sheet {
    pub(super) fn read(files: &Files, directories: &[Directory]) -> Result<Option<Sheet>, Error> {
        if !files.has(SHEET) {
            return Ok(None);
        }
        let wrong = |what: String| files.error(Mistake::new(SHEET, what));
        let mut given: BTreeMap<String, Keys> = yaml::read(files, SHEET)?;
        for directory in directories {
            let default = directory.keys();
            let own = given.entry(directory.name.to_owned()).or_default();
            own.rule.permitted = own.rule.permitted.take().or(default.rule.permitted);
            own.rule.required = own.rule.required.take().or(default.rule.required);
        }
        let mut all = Vec::new();
        for (glob, keys) in given {
            for rule in [&keys.rule].into_iter().chain(keys.parts.values()) {
                rule.check().map_err(|what| wrong(format!("{}: {what}", glob.escape_debug())))?;
            }
            for part in keys.parts.keys() {
                pattern::matcher(part).map_err(wrong)?;
            }
            all.push((pattern::matcher(&glob).map_err(wrong)?, keys));
        }
        Ok(Some(Sheet(all)))
    }

    /// Adds what the file says of a submission: under its own name, or under its directory's.
    pub(super) fn describe(&self, example: &mut Example) {
        for (matcher, keys) in &self.0 {
            if !pattern::is_match_or_below(matcher, &example.name) {
                continue;
            }
            example.language = keys.language.clone().or(example.language.take());
            example.entry = keys.entry.clone().or(example.entry.take());
            let own = ("", &keys.rule);
            let parts = keys.parts.iter().map(|(part, keys)| (part.as_str(), keys));
            let rules = [own].into_iter().chain(parts).map(|(part, keys)| keys.rule(part));
            example.expected.rules.extend(rules.filter(|rule| *rule != Rule::default()));
        }
    }
}

impl RuleKeys {
    fn check(&self) -> Result<(), String> {
        match self.use_for_time_limit.as_ref().map(|text| text.0.as_str()) {
            None | Some("true" | "false" | "lower" | "upper") => Ok(()),
            Some(other) => Err(format!(
                "`use_for_time_limit` is true, false, lower or upper, not `{}`",
                other.escape_debug()
            )),
        }
    }

    fn rule(&self, part: &str) -> Rule {
        let set = |words: &Option<Vec<Word>>| {
            words.as_ref().map(|words| words.iter().map(|word| word.0).collect::<BTreeSet<_>>())
        };
        let (mut permitted, mut required) = (set(&self.permitted), set(&self.required));
        let bound = match self.use_for_time_limit.as_ref().map(|text| text.0.as_str()) {
            Some("false") => Bound::None,
            Some("lower") => {
                permitted = permitted.or_else(|| Some([Accepted, WrongAnswer, RunTimeError].into()));
                Bound::Lower
            }
            Some("upper") => {
                required = required.or_else(|| Some([TimeLimit].into()));
                Bound::Upper
            }
            _ => bound(permitted.as_ref(), required.as_ref()),
        };
        let message = self.message.as_ref().map(|text| text.0.clone()).filter(|text| !text.is_empty());
        let score = self.score.map(|score| score.0);
        Rule { part: part.to_owned(), permitted, required, score, message, bound }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
        let Text(word) = Text::deserialize(from)?;
        match word.as_str() {
            "AC" => Ok(Word(Accepted)),
            "WA" => Ok(Word(WrongAnswer)),
            "TLE" => Ok(Word(TimeLimit)),
            "RTE" => Ok(Word(RunTimeError)),
            _ => Err(de::Error::custom(format_args!("expected AC, WA, TLE or RTE, found `{word}`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Score, D::Error> {
        let yaml::Words(words) = yaml::Words::deserialize(from)?;
        let numbers: Option<Vec<f64>> = words.iter().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some([score]) if score.is_finite() => Ok(Score([*score; 2])),
            Some([least, most]) if least <= most => Ok(Score([*least, *most])),
            _ => Err(de::Error::custom("`score` is a number, or the least and the largest one")),
        }
    }
}

struct KeysVisitor;

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Keys, D::Error> {
        from.deserialize_map(KeysVisitor)
    }
}

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keys of a submission")
    }

    // Not with `flatten`, which would accept any key and lose the lines of mistakes.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_str() {
                "language" => keys.language = Some(map.next_value::<Text>()?.0),
                "entrypoint" => keys.entry = Some(map.next_value::<Text>()?.0),
                "authors" | "model_solution" => {
                    map.next_value::<IgnoredAny>()?;
                }
                "permitted" => keys.rule.permitted = Some(map.next_value()?),
                "required" => keys.rule.required = Some(map.next_value()?),
                "score" => keys.rule.score = Some(map.next_value()?),
                "message" => keys.rule.message = Some(map.next_value()?),
                "use_for_time_limit" => keys.rule.use_for_time_limit = Some(map.next_value()?),
                _ if ["sample", "secret", "*"].iter().any(|start| key.starts_with(start)) => {
                    keys.parts.insert(key, map.next_value()?);
                }
                _ => return Err(de::Error::custom(format_args!("unknown key `{}`", key.escape_debug()))),
            }
        }
        Ok(keys)
    }
}
