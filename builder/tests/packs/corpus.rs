//! What is asked of every language, and what must come of it: how `cases.toml` and the `expect.toml` beside the programs
//! are read. It belongs to them: the builder's tests and those in VMs both take it from here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// `cases.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// Options of every run: what ends one that would not end.
    pub options: Vec<String>,
    /// What every language is asked, in this order.
    pub order: Vec<String>,
    /// The cases by name.
    pub case: BTreeMap<String, Case>,
}

/// One program's input and end. What is not said is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Case {
    /// Options for `capsule exec`.
    pub options: Vec<String>,
    /// What is read from stdin.
    pub stdin: Option<String>,
    /// How many integers are read from stdin instead.
    pub integers: Option<usize>,
    /// The status in the report.
    pub status: Option<String>,
    /// The compile step's own status.
    pub compile: Option<String>,
    /// capsule's own exit code.
    pub exit_code: Option<i32>,
    /// All that is written to stdout.
    pub stdout: Option<String>,
    /// The first words of lines of `stdout` that this language's library has nothing for.
    pub lacks: Vec<String>,
    /// What stderr must hold.
    pub stderr: Vec<String>,
}

impl Cases {
    /// Reads the table.
    pub fn load(file: &Path) -> Result<Cases, String> {
        let cases: Cases = read(file)?;
        match cases.order.iter().find(|name| !cases.case.contains_key(*name)) {
            Some(name) => Err(format!("{}: no case `{name}`", file.display())),
            None => Ok(cases),
        }
    }
}

impl Case {
    /// This case, with what `other` says instead.
    pub fn with(&self, other: &Case) -> Case {
        let list = |theirs: &Vec<String>, ours: &Vec<String>| {
            if theirs.is_empty() { ours.clone() } else { theirs.clone() }
        };
        Case {
            options: list(&other.options, &self.options),
            stdin: other.stdin.clone().or_else(|| self.stdin.clone()),
            integers: other.integers.or(self.integers),
            status: other.status.clone().or_else(|| self.status.clone()),
            compile: other.compile.clone().or_else(|| self.compile.clone()),
            exit_code: other.exit_code.or(self.exit_code),
            stdout: other.stdout.clone().or_else(|| self.stdout.clone()),
            lacks: list(&other.lacks, &self.lacks),
            stderr: list(&other.stderr, &self.stderr),
        }
    }

    /// What must be on stdout.
    pub fn output(&self) -> Option<String> {
        let is_had = |line: &&str| !self.lacks.iter().any(|word| line.split(' ').next() == Some(word));
        let lines = self.stdout.as_ref()?.split_inclusive('\n').filter(is_had);
        Some(lines.collect())
    }
}

/// A TOML file.
pub fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
