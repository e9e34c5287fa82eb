//! A submission of the problem's own, and what it is expected to get.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::verdict::Verdict;

/// A submission of the problem's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// Its name in reports.
    pub name: String,
    /// Its files.
    pub files: Vec<String>,
    /// What stands before its files' names in the problem.
    pub directory: String,
    /// Its language, where the problem says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The file where it starts, where the problem says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What it should get.
    pub expected: Expected,
}

/// What a submission should get.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Expected {
    /// The submission as a whole has one of these verdicts; absent means any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<BTreeSet<Verdict>>,
    /// Whether its score is below that of a submission that is right everywhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    /// What holds for its tests; all of these do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What should come of some tests of a submission.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rule {
    /// A pattern for the names of the tests, or of the groups that have them; empty for all tests.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Each test has one of these verdicts; absent means any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permitted: Option<BTreeSet<Verdict>>,
    /// Some test has one of these verdicts; absent means any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<BTreeSet<Verdict>>,
    /// The least and the largest score of the group of that name, or of the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<[f64; 2]>,
    /// The message of some test has this in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the times of the tests mean for a time limit.
    pub bound: Bound,
}

/// What the slowest of some tests means for a time limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Nothing.
    #[default]
    None,
    /// The limit is above it, with a margin.
    Lower,
    /// The limit is below it, with a margin.
    Upper,
}

impl Expected {
    /// One of these verdicts as a whole.
    pub(crate) fn verdicts(verdicts: &[Verdict]) -> Expected {
        Expected { verdicts: Some(verdicts.iter().copied().collect()), ..Expected::default() }
    }

    /// Whether a rule says this of the time limit.
    pub fn bounds(&self, bound: Bound) -> bool {
        self.rules.iter().any(|rule| rule.bound == bound)
    }
}

/// In a few words, as in `WA` and `TLE or AC`.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |verdicts: &BTreeSet<Verdict>| {
            verdicts.iter().map(|verdict| verdict.word()).collect::<Vec<_>>().join(" or ")
        };
        let of_rule = |rule: &Rule| rule.required.as_ref().or(rule.permitted.as_ref()).map(&words);
        let mut all: Vec<String> = self.verdicts.as_ref().map(&words).into_iter().collect();
        if self.is_partial {
            all.push("a part of the score".to_owned());
        }
        for rule in &self.rules {
            let place = if rule.part.is_empty() { String::new() } else { format!(" in {}", rule.part) };
            all.extend(of_rule(rule).map(|words| format!("{words}{place}")));
            if let Some([least, most]) = rule.score {
                let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
                all.push(format!("score {range}{place}"));
            }
        }
        if all.is_empty() {
            return f.write_str("any verdict");
        }
        write!(f, "{}", all.join(", ").escape_debug())
    }
}
