//! What was understood of a problem, as text.

use std::fmt::{self, Write};

use bundle::human_bytes;

use crate::problem::{Accept, Aggregate, Checker, Group, Io, Kind, Member, Problem, Program};

/// A problem for `capsule problem show`.
pub struct Shown<'a>(pub &'a Problem);

/// As many tests of a group are named.
const NAMED: usize = 4;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = self.0;
        let mut row = |name: &str, value: String| writeln!(f, "{name:<12}{value}");
        row("name", problem.name.escape_debug().to_string())?;
        row("format", problem.format.title().to_owned())?;
        row("kind", kind(problem))?;
        row("limits", limits(problem))?;
        row("input", io(&problem.io))?;
        row("checker", checker(problem))?;
        if let Some(interactor) = &problem.interactor {
            row("interactor", program(interactor))?;
        }
        if let Some(languages) = &problem.languages {
            row("languages", languages.join(", "))?;
        }
        row("tests", problem.tests.len().to_string())?;
        writeln!(f, "groups")?;
        group(f, problem, &problem.root, 1)?;
        if !problem.submissions.is_empty() {
            writeln!(f, "submissions")?;
        }
        for example in &problem.submissions {
            writeln!(f, "  {}: {}", example.name.escape_debug(), example.expected)?;
        }
        for warning in &problem.warnings {
            writeln!(f, "warning: {}", warning.escape_debug())?;
        }
        for unsupported in &problem.unsupported {
            writeln!(f, "not supported: {}", unsupported.escape_debug())?;
        }
        Ok(())
    }
}

fn kind(problem: &Problem) -> String {
    let mut text = match problem.kind {
        Kind::Batch => "batch".to_owned(),
        Kind::Interactive => "interactive".to_owned(),
        Kind::Communication(processes) => format!("communication with {processes} processes"),
        Kind::SubmitAnswer => "the submission is the output".to_owned(),
    };
    if problem.passes > 1 {
        let _string_never_fails = write!(text, ", at most {} passes", problem.passes);
    }
    text
}

fn limits(problem: &Problem) -> String {
    let limits = &problem.limits;
    let time = match limits.cpu_us {
        Some(limit) => format!("{} s CPU time", limit as f64 / 1e6),
        None => "CPU time not given".to_owned(),
    };
    let size = |bytes: Option<u64>, what: &str| {
        bytes.map(|bytes| format!(", {} {what}", human_bytes(bytes))).unwrap_or_default()
    };
    format!("{time}{}{}", size(limits.memory_bytes, "memory"), size(limits.output_bytes, "output"))
}

fn io(io: &Io) -> String {
    let name = |name: &str, stream: &str| {
        if name.is_empty() { stream.to_owned() } else { format!("`{}`", name.escape_debug()) }
    };
    match io {
        Io::Std => "stdin, output on stdout".to_owned(),
        Io::Files { input, output } => {
            format!("{}, output in {}", name(input, "stdin"), name(output, "stdout"))
        }
    }
}

fn checker(problem: &Problem) -> String {
    let mut own: Vec<_> = problem.tests.iter().map(|test| test.compare).collect();
    own.dedup();
    match (&problem.checker, &own[..]) {
        (_, [Some(compare)]) => compare.title(),
        (Checker::Builtin(compare), [] | [None]) => compare.title(),
        (Checker::Builtin(compare), _) => format!("{}; other flags in some tests", compare.title()),
        (Checker::Program(checker), _) => program(checker),
        (Checker::Interactor, _) => "the interactor".to_owned(),
    }
}

fn program(program: &Program) -> String {
    let name = program.files.first().map_or("", String::as_str);
    format!("`{}`, called as {:?} does", name.escape_debug(), program.protocol)
}

fn group(f: &mut fmt::Formatter<'_>, problem: &Problem, group: &Group, depth: usize) -> fmt::Result {
    let tests: Vec<&str> = group
        .members
        .iter()
        .filter_map(|member| match member {
            Member::Test(test) => problem.tests.get(*test).map(|test| test.name.as_str()),
            Member::Group(_) => None,
        })
        .collect();
    let name = if group.name.is_empty() { "all" } else { &group.name };
    write!(f, "{:indent$}{}: {}", "", name.escape_debug(), score(group), indent = 2 * depth)?;
    if !group.requires.is_empty() {
        write!(f, ", after {}", group.requires.join(", ").escape_debug())?;
    }
    if group.ignored {
        write!(f, ", not counted")?;
    }
    match tests.len() {
        0 => writeln!(f)?,
        count => {
            let named = tests.iter().take(NAMED).copied().collect::<Vec<_>>().join(" ");
            let rest = if count > NAMED { format!(" … {}", tests[count - 1]) } else { String::new() };
            let noun = if count == 1 { "test" } else { "tests" };
            writeln!(f, ", {count} {noun}: {}{}", named.escape_debug(), rest.escape_debug())?;
        }
    }
    group.groups().try_for_each(|inner| self::group(f, problem, inner, depth + 1))
}

fn score(group: &Group) -> String {
    let points = group.points.map(|points| format!(" of {points}")).unwrap_or_default();
    let rule = match group.score {
        Aggregate::None => match group.accept {
            Accept::Any => "one must pass",
            Accept::Always => "always accepted",
            Accept::Worst | Accept::First => "all must pass",
        },
        Aggregate::PassFail => "all or nothing",
        Aggregate::Sum => "sum",
        Aggregate::Min => "smallest",
        Aggregate::Max => "largest",
        Aggregate::Average => "mean",
        Aggregate::Product => "product",
        Aggregate::Threshold(_) => "threshold",
    };
    format!("{rule}{points}")
}
