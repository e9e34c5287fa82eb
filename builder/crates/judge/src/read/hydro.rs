//! Hydro: testdata/config.yaml, or tests that are paired by name.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::amount;
use super::hydro_rates;
use super::plain::{self, empty};
use super::yaml::{self, Ignored, NameOr, Number, Text, Words};
use crate::compare::{Compare, LineRules, Testlib};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{
    Aggregate, Checker, Format, Group, Include, Io, Kind, Member, Problem, Program, Protocol, StopAt, Test,
};

/// Where the tests of an exported problem are.
const DATA: &str = "testdata/";
const SHEETS: [&str; 2] = ["config.yaml", "config.yml"];
/// What it was before: Vijos's.
const OLD_SHEET: &str = "config.ini";
/// What Hydro grants when nothing says otherwise.
const DEFAULT_TIME_US: u64 = 1_000_000;
const DEFAULT_MEMORY: u64 = 256 << 20;
const FULL_SCORE: f64 = 100.0;
const UNITS: [&str; 4] = [".c", ".cc", ".cpp", ".cxx"];
/// Extra files that Hydro runs instead of its compilers.
const COMPILE_SCRIPTS: [&str; 2] = ["compile.sh", "execute.sh"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    title: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    r#type: Text,
    time: Option<Text>,
    memory: Option<Text>,
    filename: Option<Text>,
    checker_type: Text,
    checker: Option<FileName>,
    interactor: Option<FileName>,
    manager: Option<FileName>,
    validator: Ignored,
    num_processes: Option<Number>,
    multi_pass: Option<Number>,
    user_extra_files: Words,
    judge_extra_files: Words,
    detail: Ignored,
    key: Ignored,
    redirect: Ignored,
    template: Ignored,
    subtype: Ignored,
    #[serde(rename = "subType")]
    sub_type: Text,
    target: Ignored,
    rerun: Ignored,
    score: Ignored,
    count: Ignored,
    langs: Option<Words>,
    time_limit_rate: BTreeMap<String, Number>,
    memory_limit_rate: BTreeMap<String, Number>,
    cases: Vec<Case>,
    subtasks: Vec<Subtask>,
    answers: Ignored,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    input: Text,
    output: Text,
    time: Option<Text>,
    memory: Option<Text>,
    score: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Subtask {
    id: Option<Text>,
    score: Option<Number>,
    r#type: Text,
    r#if: Words,
    time: Option<Text>,
    memory: Option<Text>,
    cases: Vec<Case>,
}

type FileName = NameOr<FileKeys>;

#[derive(Debug, Clone, Deserialize)]
struct FileKeys {
    file: String,
    lang: Option<String>,
}

/// Whether the files are an exported problem, or a directory of tests with a configuration.
pub(super) fn is_one(files: &Files) -> bool {
    let has_sheet = |below: &str| SHEETS.iter().any(|sheet| files.has(&format!("{below}{sheet}")));
    has_sheet(DATA) || has_sheet("") || files.has("problem.yaml") && files.has_directory("testdata")
}

pub(super) fn read(files: &Files) -> Result<Problem, Error> {
    let below = if files.has_directory("testdata") { DATA } else { "" };
    let sheet = SHEETS.iter().map(|sheet| format!("{below}{sheet}")).find(|sheet| files.has(sheet));
    let config: Config = match &sheet {
        Some(sheet) => yaml::read(files, sheet)?,
        None => Config::default(),
    };
    let sheet = sheet.unwrap_or_else(|| format!("{below}{}", SHEETS[0]));
    let mut reader = Reader { files, below, sheet: &sheet, problem: empty(Format::Hydro) };
    if files.has("problem.yaml") {
        reader.problem.name = yaml::read::<Page>(files, "problem.yaml")?.title.0;
    }
    if files.has(&format!("{below}{OLD_SHEET}")) {
        reader.problem.unsupported.push(format!("{below}{OLD_SHEET}: a list of tests of Vijos"));
    }
    reader.limits(&config)?;
    reader.kind(&config)?;
    reader.checker(&config)?;
    let names = (config.sub_type.0 == "multi").then(|| config.filename.clone().unwrap_or_default().0);
    reader.tests(config)?;
    if let Some(names) = names.filter(|_| reader.problem.kind == Kind::SubmitAnswer) {
        reader.submitted(&names)?;
    }
    Ok(reader.problem)
}

struct Reader<'a> {
    files: &'a Files,
    below: &'a str,
    sheet: &'a str,
    problem: Problem,
}

impl Reader<'_> {
    fn wrong(&self, what: impl Into<String>) -> Error {
        self.files.error(Mistake::new(self.sheet, what))
    }

    fn limits(&mut self, config: &Config) -> Result<(), Error> {
        self.problem.limits.cpu_us = Some(self.time(config.time.as_ref())?.unwrap_or(DEFAULT_TIME_US));
        self.problem.limits.memory_bytes = Some(self.size(config.memory.as_ref())?.unwrap_or(DEFAULT_MEMORY));
        let mut rates = |key, rates| hydro_rates::of_packs(self.sheet, key, rates, &mut self.problem);
        let time_rates = rates("time_limit_rate", &config.time_limit_rate);
        let memory_rates = rates("memory_limit_rate", &config.memory_limit_rate);
        (self.problem.limits.time_rates, self.problem.limits.memory_rates) = (time_rates, memory_rates);
        let pack = |name: &String| super::language::of_hydro(name).unwrap_or(name).to_owned();
        let packs = |langs: &Words| langs.0.iter().map(pack).collect();
        self.problem.languages = config.langs.as_ref().map(packs);
        Ok(())
    }

    fn time(&self, text: Option<&Text>) -> Result<Option<u64>, Error> {
        let parse = |text: &Text| {
            amount::time(&text.0)
                .ok_or_else(|| self.wrong(format!("`{}` is not a time", text.0.escape_debug())))
        };
        text.map(parse).transpose()
    }

    fn size(&self, text: Option<&Text>) -> Result<Option<u64>, Error> {
        let parse = |text: &Text| {
            amount::size(&text.0)
                .ok_or_else(|| self.wrong(format!("`{}` is not a size", text.0.escape_debug())))
        };
        text.map(parse).transpose()
    }

    fn kind(&mut self, config: &Config) -> Result<(), Error> {
        self.problem.kind = match config.r#type.0.as_str() {
            "" | "default" | "fileio" => Kind::Batch,
            "submit_answer" => Kind::SubmitAnswer,
            "interactive" => Kind::Interactive,
            "communication" => {
                Kind::Communication(config.num_processes.map_or(2, |count| count.0.clamp(1.0, 100.0) as u32))
            }
            kind @ ("objective" | "remote_judge") => {
                self.problem.unsupported.push(format!("{}: a problem of type {kind}", self.sheet));
                Kind::Batch
            }
            other => return Err(self.wrong(format!("unknown type `{}`", other.escape_debug()))),
        };
        let has_program = self.problem.kind != Kind::SubmitAnswer;
        if let Some(Text(name)) = config.filename.as_ref().filter(|name| has_program && !name.0.is_empty()) {
            self.problem.io = Io::Files { input: format!("{name}.in"), output: format!("{name}.out") };
        }
        if let Some(passes) = config.multi_pass {
            self.problem.passes = passes.0.clamp(1.0, 1000.0) as u32;
        }
        self.include(&config.user_extra_files.0)?;
        let talker = match self.problem.kind {
            Kind::Interactive => config.interactor.as_ref(),
            Kind::Communication(_) => config.manager.as_ref(),
            _ => return Ok(()),
        };
        let talker =
            talker.ok_or_else(|| self.wrong("the program that talks with the submission is missing"))?;
        self.problem.interactor =
            Some(self.program(talker, Protocol::Testlib, &config.judge_extra_files.0)?);
        self.problem.checker = Checker::Interactor;
        Ok(())
    }

    fn include(&mut self, names: &[String]) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        if let Some(script) = names.iter().find(|name| COMPILE_SCRIPTS.contains(&name.as_str())) {
            self.problem.unsupported.push(format!("{}: a compiler's script, `{script}`", self.sheet));
        }
        // Hydro compiles the submission's own file alone. capsule would compile these with it.
        let is_unit = |name: &&String| UNITS.iter().any(|ending| name.ends_with(ending));
        if let Some(unit) = names.iter().find(is_unit) {
            let what =
                format!("{}: `{unit}` among the extra files, a source that is not compiled", self.sheet);
            self.problem.unsupported.push(what);
        }
        let files = names.iter().map(|name| self.named(name)).collect::<Result<_, _>>()?;
        let directory = self.below.to_owned();
        self.problem.include.push(Include { language: None, files, directory, entry: None, stem: None });
        Ok(())
    }

    /// The path of a file that the sheet names.
    fn named(&self, name: &str) -> Result<String, Error> {
        let path = format!("{}{name}", self.below);
        if self.files.has(&path) {
            return Ok(path);
        }
        let what = format!("the file is missing, {} names it", self.sheet);
        Err(self.files.error(Mistake::new(path, what)))
    }

    fn checker(&mut self, config: &Config) -> Result<(), Error> {
        if self.problem.checker == Checker::Interactor {
            return Ok(());
        }
        let protocol = match config.checker_type.0.as_str() {
            "" | "default" => return self.builtin(LineRules::Trailing),
            "strict" => return self.builtin(LineRules::CarriageReturns),
            "testlib" => Protocol::Testlib,
            "lemon" => Protocol::Lemon,
            "syzoj" => Protocol::Syzoj,
            "hustoj" => Protocol::Hustoj,
            "qduoj" => Protocol::Qduoj,
            "kattis" => Protocol::Kattis,
            other => return Err(self.wrong(format!("unknown checker_type `{}`", other.escape_debug()))),
        };
        let checker = config.checker.as_ref().ok_or_else(|| self.wrong("`checker` is missing"))?;
        let (NameOr::Name(name) | NameOr::Keys(FileKeys { file: name, .. })) = checker;
        let is_standard = protocol == Protocol::Testlib && !self.files.has(&format!("{}{name}", self.below));
        self.problem.checker = match Testlib::from_name(name).filter(|_| is_standard) {
            Some(standard) => Checker::Builtin(Compare::Testlib(standard)),
            None => Checker::Program(self.program(checker, protocol, &config.judge_extra_files.0)?),
        };
        Ok(())
    }

    fn builtin(&mut self, rules: LineRules) -> Result<(), Error> {
        self.problem.checker = Checker::Builtin(Compare::Lines(rules));
        Ok(())
    }

    fn program(&self, name: &FileName, protocol: Protocol, extra: &[String]) -> Result<Program, Error> {
        let (file, language) = match name {
            NameOr::Name(file) => (file, None),
            NameOr::Keys(FileKeys { file, lang }) => (file, lang.clone().filter(|lang| lang != "auto")),
        };
        let names = [file].into_iter().chain(extra).map(|name| self.named(name)).collect::<Result<_, _>>()?;
        let language = language.as_deref().and_then(super::language::of_hydro).map(str::to_owned);
        Ok(Program { protocol, files: names, directory: self.below.to_owned(), language, args: Vec::new() })
    }

    fn tests(&mut self, config: Config) -> Result<(), Error> {
        let mut root = Group::new("", Aggregate::Sum);
        root.stop_at = StopAt::Never;
        let subtasks = if !config.subtasks.is_empty() {
            config.subtasks
        } else if !config.cases.is_empty() {
            vec![Subtask { r#type: Text("sum".to_owned()), cases: config.cases, ..Subtask::default() }]
        } else {
            self.problem.root = self.by_name(root)?;
            return Ok(());
        };
        let shares =
            shares(FULL_SCORE, &subtasks.iter().map(|subtask| given(subtask.score)).collect::<Vec<_>>());
        let mut names: Vec<String> = Vec::new();
        for (index, (subtask, points)) in subtasks.iter().zip(shares).enumerate() {
            let name = subtask.id.as_ref().map_or_else(|| (index + 1).to_string(), |id| id.0.clone());
            if let Some(required) = subtask.r#if.0.iter().find(|required| !names.contains(required)) {
                return Err(self.wrong(format!(
                    "subtask {name} needs subtask `{}`, which does not come before it",
                    required.escape_debug()
                )));
            }
            if subtask.cases.is_empty() {
                return Err(self.wrong(format!("subtask {name} lists no `cases`")));
            }
            names.push(name.clone());
            let group = self.subtask(subtask, name, points)?;
            root.members.push(Member::Group(group));
        }
        self.problem.root = root;
        Ok(())
    }

    /// The names of the outputs in a submission of several files: `#` is the number of the test. Without a pattern, the
    /// input is the name.
    fn submitted(&mut self, pattern: &str) -> Result<(), Error> {
        for number in 0..self.problem.tests.len() {
            let name = match (pattern, &self.problem.tests[number].input) {
                ("", Some(input)) => self.files.text(input)?.chars().filter(|c| is_of_name(*c)).collect(),
                _ => pattern.replacen('#', &(number + 1).to_string(), 1),
            };
            self.problem.tests[number].submitted = vec![name];
        }
        Ok(())
    }

    /// Tests that no configuration lists: `SUB-N` makes subtasks, of which all tests must be right. The others share the
    /// points of one more subtask.
    fn by_name(&mut self, mut root: Group) -> Result<Group, Error> {
        let tests = plain::pairs(self.files, self.below)?;
        let mut subtasks: Vec<(Option<String>, Vec<Test>)> = Vec::new();
        for test in tests {
            let name = plain::subtask(&test.name);
            match subtasks.iter_mut().find(|(other, _)| *other == name) {
                Some((_, tests)) => tests.push(test),
                None => subtasks.push((name, vec![test])),
            }
        }
        let scores = shares(FULL_SCORE, &vec![None; subtasks.len()]);
        for ((name, tests), points) in subtasks.into_iter().zip(scores) {
            let (mut group, scores) = match &name {
                Some(name) => (Group::new(name, Aggregate::Min), vec![points; tests.len()]),
                None => (Group::new("", Aggregate::Sum), shares(points, &vec![None; tests.len()])),
            };
            group.points = Some(points);
            group.stop_at = stop_at(group.score);
            for (mut test, points) in tests.into_iter().zip(scores) {
                test.points = points;
                group.members.push(Member::Test(self.problem.tests.len()));
                self.problem.tests.push(test);
            }
            match name {
                Some(_) => root.members.push(Member::Group(group)),
                None => root.members.extend(group.members),
            }
        }
        Ok(root)
    }

    fn subtask(&mut self, subtask: &Subtask, name: String, points: f64) -> Result<Group, Error> {
        let score = match subtask.r#type.0.as_str() {
            "" | "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "sum" => Aggregate::Sum,
            other => {
                return Err(self.wrong(format!("unknown type `{}` of subtask {name}", other.escape_debug())));
            }
        };
        let mut group = Group::new(name, score);
        group.points = Some(points);
        group.stop_at = stop_at(score);
        group.requires.clone_from(&subtask.r#if.0);
        let own: Vec<_> = subtask.cases.iter().map(|case| given(case.score)).collect();
        let scores = match score {
            Aggregate::Sum => shares(points, &own),
            _ => own.iter().map(|score| score.unwrap_or(points)).collect(),
        };
        let (cpu_us, memory_bytes) = (self.time(subtask.time.as_ref())?, self.size(subtask.memory.as_ref())?);
        for (case, points) in subtask.cases.iter().zip(scores) {
            let name = format!("{}/{}", group.name, case.input.0);
            let answer = Some(&case.output.0).filter(|name| !name.is_empty() && *name != "/dev/null");
            let mut test = Test::new(
                name,
                format!("{}{}", self.below, case.input.0),
                answer.map(|name| format!("{}{name}", self.below)),
            );
            test.points = points;
            test.cpu_us = self.time(case.time.as_ref())?.or(cpu_us);
            test.memory_bytes = self.size(case.memory.as_ref())?.or(memory_bytes);
            group.members.push(Member::Test(self.problem.tests.len()));
            self.problem.tests.push(test);
        }
        Ok(group)
    }
}

/// A subtask ends when its score is decided: only at a case that is worth nothing, or all (hydrojudge/src/flow.ts).
fn stop_at(score: Aggregate) -> StopAt {
    match score {
        Aggregate::Min => StopAt::Nothing,
        Aggregate::Max => StopAt::Everything,
        _ => StopAt::Never,
    }
}

/// What Hydro leaves of an input that is a name.
fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}

/// A score of 0 is as good as none (packages/common/subtask.ts).
fn given(score: Option<Number>) -> Option<f64> {
    score.map(|score| score.0).filter(|score| *score != 0.0)
}

/// Scores that are not given share what is left, in whole numbers: the last ones get the remainder.
fn shares(total: f64, given: &[Option<f64>]) -> Vec<f64> {
    let left = (total - given.iter().flatten().sum::<f64>()).max(0.0);
    let open = given.iter().filter(|score| score.is_none()).count();
    let base = if open == 0 { 0.0 } else { (left / open as f64).floor() };
    let larger = (left - base * open as f64) as usize;
    let mut seen = 0;
    let mut share = |score: &Option<f64>| {
        score.unwrap_or_else(|| {
            seen += 1;
            if seen > open - larger.min(open) { base + 1.0 } else { base }
        })
    };
    given.iter().map(&mut share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_are_not_given_share_the_rest() {
        assert_eq!(shares(100.0, &[None; 3]), [33.0, 33.0, 34.0]);
        assert_eq!(shares(100.0, &[Some(30.0), None, None]), [30.0, 35.0, 35.0]);
        assert_eq!(shares(10.0, &[Some(30.0), None]), [30.0, 0.0]);
        assert!(shares(100.0, &[]).is_empty());
    }
}
