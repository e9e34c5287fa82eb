//! submissions/: programs of which the verdict is known, by their directory, by submissions.yaml, or by a word in their
//! text.

use std::collections::BTreeSet;

use super::expectations::{Directory, Sheet};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::Verdict::{
    self, Accepted, CompileError, OutputLimit, RunTimeError, TimeLimit, WrongAnswer,
};
use crate::problem::{Bound, Example, Expected, Format, Rule};

/// The directories of 2025-09; formats that know no directories for submissions have the same.
const NEW: [Directory; 6] = [
    Directory { name: "accepted", permitted: &[Accepted], required: &[] },
    Directory { name: "rejected", permitted: &[], required: &[RunTimeError, TimeLimit, WrongAnswer] },
    Directory { name: "wrong_answer", permitted: &[Accepted, WrongAnswer], required: &[WrongAnswer] },
    Directory { name: "time_limit_exceeded", permitted: &[Accepted, TimeLimit], required: &[TimeLimit] },
    Directory { name: "run_time_error", permitted: &[Accepted, RunTimeError], required: &[RunTimeError] },
    Directory {
        name: "brute_force",
        permitted: &[Accepted, RunTimeError, TimeLimit],
        required: &[RunTimeError, TimeLimit],
    },
];

const LEGACY: [Directory; 4] = [
    Directory { name: "accepted", permitted: &[Accepted], required: &[] },
    Directory { name: "wrong_answer", permitted: &[Accepted, WrongAnswer], required: &[WrongAnswer] },
    Directory {
        name: "time_limit_exceeded",
        permitted: &[Accepted, TimeLimit, WrongAnswer],
        required: &[TimeLimit],
    },
    Directory { name: "run_time_error", permitted: &[], required: &[RunTimeError] },
];

/// A legacy directory for a verdict as a whole.
const PARTIAL: &str = "partially_accepted";

/// The words of DOMjudge.
const WORDS: [(&str, Verdict); 11] = [
    ("CORRECT", Accepted),
    ("ACCEPTED", Accepted),
    ("WRONG-ANSWER", WrongAnswer),
    ("WRONG_ANSWER", WrongAnswer),
    ("NO-OUTPUT", WrongAnswer),
    ("TIMELIMIT", TimeLimit),
    ("TIME_LIMIT_EXCEEDED", TimeLimit),
    ("RUN-ERROR", RunTimeError),
    ("RUN_TIME_ERROR", RunTimeError),
    ("COMPILER-ERROR", CompileError),
    ("OUTPUT-LIMIT", OutputLimit),
];

/// Its word for a submission that a person is to look at, whatever it gets.
const MANUALLY: &str = "CHECK-MANUALLY";

/// What stands in front of DOMjudge's words, and of its score.
const RESULTS: &str = "@EXPECTED_RESULTS@: ";
const SCORE: &str = "@EXPECTED_SCORE@: ";

pub(super) fn read(files: &Files, format: Format) -> Result<Vec<Example>, Error> {
    let mut examples = list(files);
    let is_legacy = matches!(format, Format::KattisLegacy | Format::IcpcLegacy);
    let known = if is_legacy { &LEGACY[..] } else { &NEW[..] };
    let sheet = if is_legacy { None } else { Sheet::read(files, known)? };
    for example in &mut examples {
        if let Some(sheet) = &sheet {
            sheet.describe(example);
        }
        let directory = example.name.split('/').next().unwrap_or_default();
        match known.iter().find(|known| known.name == directory) {
            Some(_) if sheet.is_some() => {}
            Some(directory) => example.expected.rules.push(rule(directory, is_legacy)),
            None if is_legacy && directory == PARTIAL => {
                example.expected = Expected { is_partial: true, ..Expected::verdicts(&[Accepted]) };
            }
            None => annotations(files, example)?,
        }
    }
    Ok(examples)
}

/// Before 2025-09, only submissions that are accepted bound the time limit from below.
fn rule(directory: &Directory, is_legacy: bool) -> Rule {
    let mut rule = directory.rule();
    if is_legacy && rule.bound == Bound::Lower && !directory.required.is_empty() {
        rule.bound = Bound::None;
    }
    rule
}

/// Each file or directory that is directly in a directory of submissions/.
fn list(files: &Files) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for name in files.below("submissions/") {
        let Some((directory, rest)) = name.split_once('/') else { continue };
        let path = format!("submissions/{name}");
        let (program, within) = match rest.split_once('/') {
            Some((program, _)) => (program, format!("submissions/{directory}/{program}/")),
            None => (rest, format!("submissions/{directory}/")),
        };
        let name = format!("{directory}/{program}");
        if let Some(last) = examples.last_mut().filter(|last| last.name == name) {
            last.files.push(path);
            continue;
        }
        let (language, entry, expected) = Default::default();
        examples.push(Example { name, files: vec![path], directory: within, language, entry, expected });
    }
    examples
}

/// The verdicts and the score that a line of the source names.
fn annotations(files: &Files, example: &mut Example) -> Result<(), Error> {
    example.expected.verdicts = annotation(files, &example.files, RESULTS, verdicts)?.flatten();
    if let Some(score) = annotation(files, &example.files, SCORE, score)? {
        example.expected.rules.push(Rule { score: Some([score; 2]), ..Rule::default() });
    }
    Ok(())
}

fn annotation<T>(
    files: &Files,
    names: &[String],
    tag: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Error> {
    let mut found = None;
    for name in names {
        // A binary file next to the sources has no annotation.
        let Ok(text) = files.text(name) else { continue };
        for (number, line) in text.lines().enumerate() {
            let Some(at) = line.find(tag) else { continue };
            let wrong = |what: String| files.error(Mistake::at(name, number as u64 + 1, what));
            if found.is_some() {
                return Err(wrong(format!("a second {}", tag.trim())));
            }
            found = Some(parse(&line[at + tag.len()..]).map_err(wrong)?);
        }
    }
    Ok(found)
}

/// Absent if any will do.
fn verdicts(list: &str) -> Result<Option<BTreeSet<Verdict>>, String> {
    let verdict = |word: &str| {
        let word = word.trim().trim_end_matches("*/").trim().to_ascii_uppercase();
        if word == MANUALLY {
            return Ok(None);
        }
        let found = WORDS.iter().find(|(known, _)| *known == word).map(|(_, verdict)| Some(*verdict));
        found.ok_or_else(|| format!("`{}` is not a result that DOMjudge knows", word.escape_debug()))
    };
    let all = list.split(',').map(verdict).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().collect())
}

fn score(text: &str) -> Result<f64, String> {
    let text = text.trim().trim_end_matches("*/").trim();
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("`{}` is not a score", text.escape_debug()))
}
