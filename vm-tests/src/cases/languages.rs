//! Languages: programs as judges run them, compiled and run in the bundle by its init alone.
//!
//! The programs and their expected results are those of builder/tests/packs. Each is two steps of the plan that share
//! a workspace: the compile step writes it, the run step sees it read-only. The bundle's manifest has the commands.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use corpus::{Case as Ending, Cases, read};

use super::case;
use crate::case::{Case, Expect};
use crate::guest::source_tree;
use crate::language::{InitArgs, Language, Languages, Limit, WORK_DIR};
use crate::plan::{Stdin, Step};
use crate::suite::Suite;
use crate::workspace::Workspace;

// A file of the builder's tests, which is public there and uses all of it.
#[allow(unreachable_pub, dead_code)]
#[path = "../../../builder/tests/packs/corpus.rs"]
mod corpus;

/// In the source tree.
const PROGRAMS: &str = "builder/tests/packs";
/// Limits that only a step that hangs reaches. Emulation is slow, and on a busy host the guest counts the time that its
/// processor waits for one of the host's.
const PATIENCE: [(&str, &str); 2] = [("cpu-time", "900s"), ("wall-time", "1500s")];
/// Longer than the sandbox's own limit.
const STEP_LIMIT_MS: u64 = 1_520_000;
/// How many times longer than on a host a runtime may take to start.
const SLOWER: u64 = 40;

/// `expect.toml`: where a language differs.
#[derive(Deserialize, Default)]
struct Own {
    #[serde(default)]
    case: BTreeMap<String, Ending>,
}

/// Every language of this bundle.
pub(crate) fn cases(bundle: &Path) -> Result<Vec<Case>, String> {
    let languages = Languages::of(bundle)?;
    let programs = source_tree().join(PROGRAMS);
    let table = Cases::load(&programs.join("cases.toml"))?;
    let mut cases = Vec::new();
    for (name, language) in languages.iter() {
        let directory = programs.join(name);
        let own: Own = read(&directory.join("expect.toml"))?;
        for program in &table.order {
            let common = table.case.get(program).cloned().unwrap_or_default();
            let ending = own.case.get(program).map_or(common.clone(), |own| common.with(own));
            let submission = Submission {
                name: format!("{name}/{program}"),
                text: text(&directory, program)?,
                languages: &languages,
                language,
                ending,
            };
            cases.extend(submission.cases());
        }
    }
    Ok(cases)
}

/// One program of one language.
struct Submission<'a> {
    name: String,
    text: String,
    languages: &'a Languages,
    language: &'a Language,
    ending: Ending,
}

impl Submission<'_> {
    /// Compiled, and run unless it must not compile.
    fn cases(&self) -> Vec<Case> {
        let patience = PATIENCE.map(|(name, amount)| (name.to_string(), amount.to_string()));
        let compile = self.languages.compile(self.language, &patience);
        let run = self.languages.run(self.language, &[&patience[..], &self.ending.limits()].concat());
        let ending = self.reported();
        let is_refused = self.ending.status.as_deref() == Some("compile-error");
        let compile = compile.map(|args| {
            let expect = if is_refused { self.ending.refused() } else { Ending::compiled() };
            case(Suite::Languages, self.step("compile", args, true), &[], expect)
        });
        let run = (!is_refused).then(|| {
            let stdin = self.ending.input();
            case(Suite::Languages, Step { stdin, ..self.step("run", run, false) }, &[], ending.ran())
        });
        compile.into_iter().chain(run).collect()
    }

    /// The ending in init's words: `capsule exec` knows what a runtime's exit code means.
    fn reported(&self) -> Ending {
        match (self.ending.status.as_deref(), self.language.run.full_heap()) {
            (Some("memory-limit"), Some(code)) => {
                Ending { status: Some("nonzero-exit".into()), exit_code: Some(code), ..self.ending.clone() }
            }
            _ => self.ending.clone(),
        }
    }

    fn step(&self, which: &str, args: InitArgs, writable: bool) -> Step {
        let is_first = writable || self.language.compile.is_none();
        let file = is_first.then(|| (self.language.source().to_string(), self.text.clone()));
        let workspace = Workspace {
            name: self.name.replace('/', "-"),
            inside: WORK_DIR.into(),
            writable,
            files: file.into_iter().collect(),
        };
        Step {
            options: args.options,
            argv: args.argv,
            workspace: Some(workspace),
            limit_ms: STEP_LIMIT_MS,
            ..Step::sandbox(format!("{}: {which}", self.name), &[])
        }
    }
}

impl Ending {
    /// The options as limits, times stretched.
    fn limits(&self) -> Vec<Limit> {
        let limit = |pair: &[String]| {
            let name = pair[0].trim_start_matches('-').to_string();
            let amount = if name.ends_with("-time") { stretched(&pair[1]) } else { pair[1].clone() };
            (name, amount)
        };
        self.options.chunks_exact(2).map(limit).collect()
    }

    fn input(&self) -> Stdin {
        match (self.integers, &self.stdin) {
            (Some(count), _) => Stdin::Integers(count),
            (None, Some(text)) => Stdin::Text(text.clone()),
            (None, None) => Stdin::Empty,
        }
    }

    fn compiled() -> Vec<Expect> {
        vec![Expect::Status("ok".into()), Expect::Exit(0)]
    }

    /// The exit code in the table is that of `capsule exec`; init's report has the compiler's own end.
    fn refused(&self) -> Vec<Expect> {
        let status = self.compile.clone().unwrap_or_else(|| "nonzero-exit".into());
        [Expect::Status(status.into())].into_iter().chain(self.messages()).collect()
    }

    fn ran(&self) -> Vec<Expect> {
        let status = self.status.clone().map(|status| Expect::Status(status.into()));
        let code = self.exit_code.map(Expect::Exit);
        let stdout = self.output().map(Expect::Stdout);
        status.into_iter().chain(code).chain(stdout).chain(self.messages()).collect()
    }

    /// What must be on standard error.
    fn messages(&self) -> impl Iterator<Item = Expect> {
        self.stderr.iter().map(|text| Expect::StderrHas(text.clone().into()))
    }
}

/// `400ms` times [`SLOWER`].
fn stretched(amount: &str) -> String {
    let digits = amount.trim_end_matches(|unit: char| !unit.is_ascii_digit());
    let number = digits.parse::<u64>().map(|number| number * SLOWER);
    number.map_or(amount.to_string(), |number| format!("{number}{}", &amount[digits.len()..]))
}

/// The program's text, whatever its file's ending.
fn text(directory: &Path, program: &str) -> Result<String, String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut named = entries.filter(|path| path.file_stem().is_some_and(|stem| stem == program));
    let path = named.next().ok_or_else(|| format!("`{}` has no program `{program}`", directory.display()))?;
    fs::read_to_string(&path).map_err(|cause| format!("`{}`: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_overrides_what_it_says_and_no_more() {
        let common = Ending { status: Some("ok".into()), exit_code: Some(0), ..Ending::default() };
        let own = Ending { exit_code: Some(3), ..Ending::default() };
        let both = common.with(&own);
        assert_eq!((both.status.as_deref(), both.exit_code), (Some("ok"), Some(3)));
    }

    #[test]
    fn times_are_stretched_and_nothing_else() {
        let options = ["--cpu-time", "400ms", "--memory", "64M"].map(str::to_string).to_vec();
        let limits = Ending { options, ..Ending::default() }.limits();
        assert_eq!(limits, [("cpu-time".into(), "16000ms".into()), ("memory".into(), "64M".into())]);
    }

    #[test]
    fn the_sum_of_the_integers_is_the_expected_one() {
        let integers = crate::integers::integers(1_000_000);
        let sum: i64 = integers.lines().skip(1).map(|line| line.parse::<i64>().unwrap()).sum();
        assert_eq!(sum, -62_581_086_562_241);
    }
}
