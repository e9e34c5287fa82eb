//! Languages: how a submission in one is compiled and run. A pack says it, the bundle's manifest keeps it, and
//! `capsule exec` (or whoever has the bundle only) does it.
//!
//! Both steps see one directory, [`BOX`]: the submission's file and what the compile step makes of it. Words and
//! environment may have placeholders in them; [`PLACEHOLDERS`] is the table.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::quantity::Kind;

/// Where the submission's file and what is made of it lie inside the sandbox.
pub const BOX: &str = "/home/judge/box";

/// What init grants when nothing says otherwise: what `{memory}` and `{stack}` stand for then.
const DEFAULTS: init::options::Limits = init::options::Limits::DEFAULT;

/// The smallest part of the memory that `{heap}` can be, whatever the runtime needs beside it.
const SMALLEST_HEAP: u64 = 4;

/// One language of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// For people: `C++ 20 (g++)`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// What the submission's file is called.
    pub source: SourceName,
    /// What the compile step makes, for `{output}`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<String>,
    /// How the submission is compiled; absent when it runs as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compile: Option<Step>,
    /// How it is run.
    pub run: Step,
    /// Programs that show that the pack works. The bundle does not need them.
    #[serde(skip)]
    pub tests: Vec<SelfTest>,
}

/// The name of the submission's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SourceName {
    /// Always this.
    Fixed(String),
    /// It depends on the text, as Java's does on its public class.
    Rule {
        /// Regular expressions with one group each; the first that matches decides.
        #[serde(rename = "match")]
        patterns: Vec<String>,
        /// The name, with `{1}` for the group.
        name: String,
        /// The name when none matches.
        otherwise: String,
    },
}

/// One start of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Environment beside init's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub env: BTreeMap<String, String>,
    /// Limits unless somebody says otherwise: init's options without their dashes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub limits: BTreeMap<String, String>,
    /// Bytes of the memory limit that the runtime needs beside its heap.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reserve: Option<u64>,
}

/// A program and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTest {
    /// Its name.
    pub name: String,
    /// Its text.
    pub source: String,
    /// What it reads.
    pub stdin: String,
    /// What it must write, when that matters.
    pub stdout: Option<String>,
    /// The status that it must have, when that matters.
    pub status: Option<String>,
}

/// What a placeholder stands for: a name, or an amount that exists only where the limit is set.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Name(fn(&Names) -> String),
    Amount(fn(&Amounts) -> Option<u64>),
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// All placeholders.
const PLACEHOLDERS: [(&str, Meaning); 11] = [
    ("source", Meaning::Name(|names| format!("{BOX}/{}", names.source))),
    ("output", Meaning::Name(|names| format!("{BOX}/{}", names.output))),
    ("dir", Meaning::Name(|_| BOX.to_owned())),
    ("name", Meaning::Name(|names| stem(&names.source).to_owned())),
    ("memory", Meaning::Amount(|amounts| amounts.memory)),
    ("memory_mb", Meaning::Amount(|amounts| amounts.memory.map(|bytes| bytes / MIB))),
    ("heap", Meaning::Amount(|amounts| amounts.heap())),
    ("heap_mb", Meaning::Amount(|amounts| amounts.heap().map(|bytes| bytes / MIB))),
    ("stack", Meaning::Amount(|amounts| amounts.stack)),
    ("stack_kb", Meaning::Amount(|amounts| amounts.stack.map(|bytes| bytes / KIB))),
    ("stack_mb", Meaning::Amount(|amounts| amounts.stack.map(|bytes| bytes / MIB))),
];

/// The files in the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The submission's.
    pub source: String,
    /// What the compile step makes.
    pub output: String,
}

/// The limits of a step that its words can name, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    memory: Option<u64>,
    stack: Option<u64>,
    reserve: u64,
}

impl Language {
    /// The files' names for this submission.
    pub fn names(&self, text: &str) -> Names {
        let source = self.source.of(text);
        let output = self.output.clone().unwrap_or_else(|| source.clone());
        Names { source, output }
    }

    /// The ending of its files, without the dot: what tells the language of `sol.cpp`.
    pub fn extension(&self) -> Option<&str> {
        self.source.usual().rsplit_once('.').map(|(_, extension)| extension)
    }
}

impl SourceName {
    /// The name when the text says nothing else.
    pub fn usual(&self) -> &str {
        match self {
            SourceName::Fixed(name) | SourceName::Rule { otherwise: name, .. } => name,
        }
    }

    fn of(&self, text: &str) -> String {
        match self {
            SourceName::Fixed(name) => name.clone(),
            SourceName::Rule { patterns, name, otherwise } => {
                let group = patterns.iter().find_map(|pattern| {
                    let found = Regex::new(pattern).ok()?.captures(text)?;
                    found.get(1).map(|group| group.as_str().to_owned())
                });
                // The group is the submission's own text: only what is a plain name becomes one.
                group
                    .map(|group| name.replace("{1}", &group))
                    .filter(|name| is_plain(name))
                    .unwrap_or_else(|| otherwise.clone())
            }
        }
    }
}

impl Step {
    /// The words, filled in. One that names a limit that is not set is left out.
    pub fn words(&self, names: &Names, amounts: &Amounts) -> Vec<String> {
        self.argv.iter().filter_map(|word| fill(word, names, amounts)).collect()
    }

    /// The environment as `NAME=VALUE`, filled in likewise.
    pub fn environment(&self, names: &Names, amounts: &Amounts) -> Vec<String> {
        let filled =
            |(name, value): (&String, &String)| Some(format!("{name}={}", fill(value, names, amounts)?));
        self.env.iter().filter_map(filled).collect()
    }

    /// The amounts under `limits`: init's options without their dashes, later ones win.
    pub fn amounts<'a>(&self, limits: impl Iterator<Item = (&'a str, &'a str)>) -> Amounts {
        let mut amounts =
            Amounts { memory: DEFAULTS.memory, stack: DEFAULTS.stack, reserve: self.reserve.unwrap_or(0) };
        for (name, amount) in limits {
            match name {
                "memory" => amounts.memory = Kind::Size.read(amount),
                "stack" => amounts.stack = Kind::Size.read(amount),
                _ => {}
            }
        }
        amounts
    }
}

impl Amounts {
    /// The memory less what the runtime needs itself.
    fn heap(&self) -> Option<u64> {
        self.memory.map(|memory| memory.saturating_sub(self.reserve).max(memory / SMALLEST_HEAP))
    }
}

/// Whether `name` is a file's name that means nothing else to anybody: no path, no option, nothing hidden.
pub fn is_plain(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    starts_well && name.len() <= 128 && name.chars().all(|c| c.is_alphanumeric() || "_-.+$".contains(c))
}

/// The first word in braces that looks like a placeholder and is none.
pub fn unknown_placeholder(word: &str) -> Option<&str> {
    placeholders(word).map(|(_, name)| name).find(|name| meaning(name).is_none())
}

/// All names that may stand in braces.
pub fn placeholder_names() -> Vec<&'static str> {
    PLACEHOLDERS.iter().map(|(name, _)| *name).collect()
}

/// `{word}`s of lower-case letters and `_`, each with where it starts. Other braces are a program's own.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('{').filter_map(|(at, _)| {
        let (name, _) = text[at + 1..].split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then_some((at, name))
    })
}

fn meaning(name: &str) -> Option<Meaning> {
    PLACEHOLDERS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

fn fill(word: &str, names: &Names, amounts: &Amounts) -> Option<String> {
    let mut filled = String::new();
    let mut done = 0;
    for (at, name) in placeholders(word) {
        let value = match meaning(name) {
            Some(Meaning::Name(value)) => value(names),
            Some(Meaning::Amount(value)) => value(amounts)?.to_string(),
            None => continue,
        };
        filled += &word[done..at];
        filled += &value;
        done = at + name.len() + 2;
    }
    Some(filled + &word[done..])
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(argv: &[&str]) -> Step {
        Step {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: BTreeMap::from([("HEAP".to_owned(), "{heap_mb}m".to_owned())]),
            limits: BTreeMap::new(),
            reserve: Some(64 << 20),
        }
    }

    fn names() -> Names {
        Names { source: "Main.java".to_owned(), output: "main".to_owned() }
    }

    #[test]
    fn words_name_files_and_limits() {
        let step = step(&["java", "-Xmx{heap_mb}m", "-cp", "{dir}", "{name}", "{source}", "{\"a\": 1}"]);
        let amounts = step.amounts([("memory", "512M"), ("memory", "256M")].into_iter());
        let words = step.words(&names(), &amounts);
        assert_eq!(
            words,
            ["java", "-Xmx192m", "-cp", "/home/judge/box", "Main", "/home/judge/box/Main.java", "{\"a\": 1}"]
        );
        assert_eq!(step.environment(&names(), &amounts), ["HEAP=192m"]);
    }

    #[test]
    fn a_limit_that_is_not_set_has_no_words() {
        let step = step(&["java", "-Xmx{heap_mb}m", "{name}"]);
        let amounts = step.amounts([("memory", "none")].into_iter());
        assert_eq!(step.words(&names(), &amounts), ["java", "Main"]);
        assert!(step.environment(&names(), &amounts).is_empty());
    }

    #[test]
    fn a_heap_is_never_less_than_a_quarter() {
        let step = step(&["x", "{heap_mb}"]);
        let amounts = step.amounts([("memory", "64M")].into_iter());
        assert_eq!(step.words(&names(), &amounts), ["x", "16"]);
    }

    #[test]
    fn a_name_from_the_text_is_a_plain_one_or_none() {
        let rule = SourceName::Rule {
            patterns: vec![r"public\s+class\s+(\S+)".to_owned()],
            name: "{1}.java".to_owned(),
            otherwise: "Main.java".to_owned(),
        };
        assert_eq!(rule.of("public  class Sol {"), "Sol.java");
        assert_eq!(rule.of("class Sol {"), "Main.java");
        assert_eq!(rule.of("public class ../../etc/x"), "Main.java");
        assert_eq!(rule.of("public class -J-agent"), "Main.java");
        assert_eq!(rule.of("public class .hidden"), "Main.java");
    }

    #[test]
    fn an_unknown_placeholder_is_found() {
        assert_eq!(unknown_placeholder("-o{outptu}"), Some("outptu"));
        assert_eq!(unknown_placeholder("print({1}, {A}, {'x'}, {source}"), None);
    }
}
