//! DMOJ: init.yml, with the tests in an archive or next to it. Graders and checkers in Python need DMOJ's own runtime.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::plain::{self, empty};
use super::yaml::{self, Ignored, NameOr, Number, Text, Words};
use crate::compare::{Compare, LineRules, TokenRules};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{
    Aggregate, Checker, Format, Group, Kind, Member, Problem, Program, Protocol, StopAt, Test,
};

const SHEET: &str = "init.yml";
/// Bytes of output, where the problem says nothing else (dmoj/problem.py).
const OUTPUT_LIMIT: f64 = 25_165_824.0;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Init {
    archive: Option<Text>,
    test_cases: Vec<Case>,
    pretest_test_cases: Ignored,
    checker: Option<CheckerKey>,
    points: Option<Number>,
    output_limit_length: Option<Number>,
    output_prefix_length: Ignored,
    wall_time_factor: Ignored,
    binary_data: Ignored,
    short_circuit: Ignored,
    unbuffered: Ignored,
    hints: Ignored,
    meta: Ignored,
    symlinks: Ignored,
    generator: Ignored,
    generator_args: Ignored,
    generator_in: Ignored,
    interactive: Option<Args>,
    signature_grader: Ignored,
    custom_judge: Ignored,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    r#in: Option<Text>,
    out: Option<Text>,
    points: Option<Number>,
    batched: Vec<Case>,
    dependencies: Vec<Number>,
    checker: Option<CheckerKey>,
    output_limit_length: Ignored,
    output_prefix_length: Ignored,
    binary_data: Ignored,
    generator_args: Ignored,
    generator: Ignored,
}

type CheckerKey = NameOr<CheckerKeys>;

#[derive(Debug, Clone, Deserialize)]
struct CheckerKeys {
    name: String,
    #[serde(default)]
    args: Args,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Args {
    precision: Option<Number>,
    error_mode: Option<Text>,
    files: Option<Words>,
    lang: Option<Text>,
    r#type: Option<Text>,
    args_format_string: Option<Text>,
}

pub(super) fn read(files: &mut Files) -> Result<Problem, Error> {
    let init: Init = yaml::read(files, SHEET)?;
    if let Some(Text(archive)) = &init.archive {
        if !files.has(archive) {
            return Err(
                files.error(Mistake::new(archive, format!("the archive is missing, {SHEET} names it")))
            );
        }
        files.attach(archive)?;
    }
    let files = &*files;
    let mut reader = Reader { files, problem: empty(Format::Dmoj) };
    let keys = [
        (init.generator.is_some(), "a generator"),
        (init.signature_grader.is_some(), "a signature grader"),
        (init.custom_judge.is_some(), "a grader in Python"),
    ];
    for (_, what) in keys.iter().filter(|(is_there, _)| *is_there) {
        reader.problem.unsupported.push(format!("{SHEET}: {what}"));
    }
    let output = init.output_limit_length.map_or(OUTPUT_LIMIT, |bytes| bytes.0);
    reader.problem.limits.output_bytes = super::amount::bytes(output, 1);
    reader.problem.checker = reader.checker(init.checker.as_ref())?;
    if let Some(interactive) = &init.interactive {
        reader.problem.kind = Kind::Interactive;
        reader.problem.interactor = Some(reader.program(interactive)?);
        reader.problem.checker = Checker::Interactor;
    }
    reader.tests(&init)?;
    Ok(reader.problem)
}

struct Reader<'a> {
    files: &'a Files,
    problem: Problem,
}

impl Reader<'_> {
    fn wrong(&self, what: impl Into<String>) -> Error {
        self.files.error(Mistake::new(SHEET, what))
    }

    fn tests(&mut self, init: &Init) -> Result<(), Error> {
        let mut root = Group::new("", Aggregate::Sum);
        // A case without points that fails ends everything (dmoj/judge.py).
        root.stop_at = StopAt::Sample;
        if init.test_cases.is_empty() {
            let tests = plain::pairs(self.files, "")?;
            root.members.extend((0..tests.len()).map(Member::Test));
            self.problem.tests = tests;
            let points = init.points.map_or(1.0, |points| points.0);
            self.problem.tests.iter_mut().for_each(|test| test.points = points);
        }
        let mut batches = 0;
        for (index, case) in init.test_cases.iter().enumerate() {
            let points = case.points.or(init.points).map_or(1.0, |points| points.0);
            if case.batched.is_empty() {
                root.members.push(self.test(case, (index + 1).to_string(), points)?);
                continue;
            }
            batches += 1;
            let mut group = Group::new(batches.to_string(), Aggregate::Min);
            group.points = Some(points);
            for dependency in &case.dependencies {
                if dependency.0 < 1.0 || dependency.0 >= f64::from(batches) || dependency.0.fract() != 0.0 {
                    return Err(self.wrong(format!(
                        "batch {batches} depends on batch {}, which does not come before it",
                        dependency.0
                    )));
                }
                group.requires.push((dependency.0 as u32).to_string());
            }
            for (number, inner) in case.batched.iter().enumerate() {
                if !inner.batched.is_empty() {
                    return Err(self.wrong(format!("batch {batches} has a batch in it")));
                }
                group.members.push(self.test(inner, format!("{batches}/{}", number + 1), points)?);
            }
            root.members.push(Member::Group(group));
        }
        self.problem.root = root;
        Ok(())
    }

    fn test(&mut self, case: &Case, name: String, points: f64) -> Result<Member, Error> {
        if case.checker.is_some() {
            self.problem.unsupported.push(format!("{SHEET}: a checker of test {name} alone"));
        }
        let mut test = Test::new(name, "", case.out.as_ref().map(|name| name.0.clone()));
        test.input = case.r#in.as_ref().map(|name| name.0.clone());
        test.points = points;
        self.problem.tests.push(test);
        Ok(Member::Test(self.problem.tests.len() - 1))
    }

    fn checker(&mut self, key: Option<&CheckerKey>) -> Result<Checker, Error> {
        let (name, args) = match key {
            None => ("standard", Args::default()),
            Some(NameOr::Name(name)) => (name.as_str(), Args::default()),
            Some(NameOr::Keys(CheckerKeys { name, args })) => (name.as_str(), args.clone()),
        };
        let standard = TokenRules { case_sensitive: true, line_sensitive: true, ..TokenRules::default() };
        let compare = match name {
            "standard" => Compare::Tokens(standard),
            "identical" => Compare::Lines(LineRules::Exact),
            "rstripped" => Compare::Lines(LineRules::Trailing),
            "floats" | "floatsabs" | "floatsrel" => Compare::Tokens(self.floats(name, &args)?),
            "bridged" => return Ok(Checker::Program(self.program(&args)?)),
            other => {
                self.problem.unsupported.push(format!("{SHEET}: the checker `{}`", other.escape_debug()));
                Compare::Tokens(standard)
            }
        };
        Ok(Checker::Builtin(compare))
    }

    fn floats(&self, name: &str, args: &Args) -> Result<TokenRules, Error> {
        let precision = args.precision.map_or(6.0, |precision| precision.0);
        let tolerance = Some(10_f64.powf(-precision));
        let mode = args.error_mode.as_ref().map(|mode| mode.0.as_str());
        let (absolute, relative) = match (name, mode) {
            ("floatsabs", _) | (_, Some("absolute")) => (tolerance, None),
            ("floatsrel", _) | (_, Some("relative")) => (None, tolerance),
            (_, None | Some("default")) => (tolerance, tolerance),
            (_, Some(other)) => {
                return Err(self.wrong(format!("unknown error_mode `{}`", other.escape_debug())));
            }
        };
        Ok(TokenRules { case_sensitive: true, absolute, relative, ..TokenRules::default() })
    }

    fn program(&mut self, args: &Args) -> Result<Program, Error> {
        if args.args_format_string.is_some() {
            self.problem.unsupported.push(format!("{SHEET}: arguments in an order of its own"));
        }
        let protocol = match args.r#type.as_ref().map(|kind| kind.0.as_str()) {
            None | Some("default") => Protocol::Dmoj,
            Some("testlib" | "coci") => Protocol::Testlib,
            Some(other) => {
                self.problem
                    .unsupported
                    .push(format!("{SHEET}: programs of the type `{}`", other.escape_debug()));
                Protocol::Dmoj
            }
        };
        let names = args.files.as_ref().map(|names| names.0.clone()).filter(|names| !names.is_empty());
        let names = names.ok_or_else(|| self.wrong("a program has no `files`"))?;
        for name in &names {
            if !self.files.has(name) {
                return Err(self
                    .files
                    .error(Mistake::new(name, format!("the file is missing, {SHEET} names it"))));
            }
        }
        Ok(Program {
            protocol,
            files: names,
            directory: String::new(),
            language: args.lang.as_ref().and_then(pack),
            args: Vec::new(),
        })
    }
}

/// The language of a pack for one of DMOJ's names.
fn pack(name: &Text) -> Option<String> {
    let packs: BTreeMap<&str, &str> = [
        ("CPP", "cpp"),
        ("C", "c"),
        ("PY", "python"),
        ("JAVA", "java"),
        ("PAS", "pascal"),
        ("RUST", "rust"),
        ("GO", "go"),
    ]
    .into();
    let letters = name.0.trim_end_matches(|c: char| c.is_ascii_digit());
    packs.get(letters).map(|pack| (*pack).to_owned())
}
