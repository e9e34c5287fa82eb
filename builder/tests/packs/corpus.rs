//! Reads the cases that every language has in common, `cases.toml`, and the results that differ for one, `expect.toml`.
//! The builder's tests and those in VMs both use it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// `cases.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// Options of every run: limits for a program that would not end.
    pub options: Vec<String>,
    /// The languages that every run of the tests tries. The programs of the others are ignored.
    pub quick: Vec<String>,
    /// The languages that can get ready before a program comes.
    #[serde(default)]
    pub warm: Vec<String>,
    /// The cases of every language, in the order of their tests.
    pub order: Vec<String>,
    /// Cases whose programs are those of other cases, edited.
    pub derived: Vec<String>,
    /// The cases by name.
    pub case: BTreeMap<String, Case>,
}

/// One program's input and expected result. A field that is not given is not compared.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Case {
    /// The case whose program this one edits.
    pub of: Option<String>,
    /// How.
    pub edit: Option<Edit>,
    /// Options for `capsule exec`.
    pub options: Vec<String>,
    /// The input.
    pub stdin: Option<String>,
    /// How many integers the input has instead.
    pub integers: Option<usize>,
    /// The status in the report.
    pub status: Option<String>,
    /// The compile step's own status.
    pub compile: Option<String>,
    /// capsule's own exit code.
    pub exit_code: Option<i32>,
    /// What made it a compile error.
    pub cause: Option<String>,
    /// The end of a stdout that is too long to be all here.
    pub ends: Option<String>,
    /// All of stdout.
    pub stdout: Option<String>,
    /// The first words of the lines of `stdout` that this language's library cannot produce.
    pub lacks: Vec<String>,
    /// Texts that stderr must contain.
    pub stderr: Vec<String>,
}

/// What an editor made of a file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// A byte order mark at the start.
    Bom,
    /// Lines end with a carriage return and a line feed.
    Crlf,
    /// Nothing is left.
    Empty,
}

impl Edit {
    pub fn apply(self, text: &str) -> String {
        match self {
            Edit::Bom => format!("\u{feff}{text}"),
            Edit::Crlf => text.replace('\n', "\r\n"),
            Edit::Empty => String::new(),
        }
    }
}

impl Cases {
    pub fn load(file: &Path) -> Result<Cases, String> {
        let cases: Cases = read(file)?;
        match cases.order.iter().chain(&cases.derived).find(|name| !cases.case.contains_key(*name)) {
            Some(name) => Err(format!("{}: no case `{name}`", file.display())),
            None => Ok(cases),
        }
    }
}

impl Case {
    /// This case, with the fields of `other` that are given.
    pub fn with(&self, other: &Case) -> Case {
        let list = |theirs: &Vec<String>, ours: &Vec<String>| {
            if theirs.is_empty() { ours.clone() } else { theirs.clone() }
        };
        Case {
            of: other.of.clone().or_else(|| self.of.clone()),
            edit: other.edit.or(self.edit),
            options: list(&other.options, &self.options),
            stdin: other.stdin.clone().or_else(|| self.stdin.clone()),
            integers: other.integers.or(self.integers),
            status: other.status.clone().or_else(|| self.status.clone()),
            compile: other.compile.clone().or_else(|| self.compile.clone()),
            cause: other.cause.clone().or_else(|| self.cause.clone()),
            ends: other.ends.clone().or_else(|| self.ends.clone()),
            exit_code: other.exit_code.or(self.exit_code),
            stdout: other.stdout.clone().or_else(|| self.stdout.clone()),
            lacks: list(&other.lacks, &self.lacks),
            stderr: list(&other.stderr, &self.stderr),
        }
    }

    /// The expected stdout, without the lines that the language lacks.
    pub fn output(&self) -> Option<String> {
        let is_expected = |line: &&str| !self.lacks.iter().any(|word| line.split(' ').next() == Some(word));
        let lines = self.stdout.as_ref()?.split_inclusive('\n').filter(is_expected);
        Some(lines.collect())
    }
}

/// A TOML file.
pub fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
