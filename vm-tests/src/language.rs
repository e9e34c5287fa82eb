//! The languages of a bundle, as its manifest has them (docs/packs.md): how a submission is compiled and run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Where the submission's file, and what is made of it, lie inside of a sandbox.
pub const BOX: &str = "/home/judge/box";
/// What init grants when nothing is said. Said here, so that words that name a limit agree with it.
const DEFAULTS: [(&str, &str); 2] = [("memory", "256M"), ("stack", "64M")];
/// The heap is at least this part of the memory.
const SMALLEST_HEAP: u64 = 4;

/// A limit of init's: the option without its dashes, and the amount.
pub type Limit = (String, String);

/// What is read of a manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Languages {
    languages: BTreeMap<String, Language>,
    /// The bundle's own limits, for submissions.
    limits: BTreeMap<String, String>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub struct Language {
    source: SourceName,
    output: Option<String>,
    /// Absent where a submission runs as it is.
    pub compile: Option<Launch>,
    /// How it is run.
    pub run: Launch,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SourceName {
    Fixed(String),
    /// By the text. The programs that are tried here have the usual name.
    Rule {
        otherwise: String,
    },
}

/// One start of a program.
#[derive(Debug, Deserialize)]
pub struct Launch {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    limits: BTreeMap<String, String>,
    #[serde(default)]
    reserve: u64,
}

/// What `init run` is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// Options.
    pub options: Vec<String>,
    /// Program and arguments.
    pub argv: Vec<String>,
}

impl Languages {
    /// Reads the bundle's manifest.
    pub fn of(bundle: &Path) -> Result<Languages, String> {
        let path = bundle.join("manifest.json");
        let named = |cause: String| format!("`{}`: {cause}", path.display());
        let text = fs::read(&path).map_err(|cause| named(cause.to_string()))?;
        let languages: Languages = serde_json::from_slice(&text).map_err(|cause| named(cause.to_string()))?;
        if languages.languages.is_empty() {
            return Err(format!(
                "`{}` has no language\n  hint: build it with `capsule build --pack NAME`",
                bundle.display()
            ));
        }
        Ok(languages)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Language)> {
        self.languages.iter()
    }

    /// The compile step, with more limits, of which the last one wins.
    pub fn compile(&self, language: &Language, more: &[Limit]) -> Option<Words> {
        let mut words = language.compile.as_ref()?.words(language, &BTreeMap::new(), more);
        words.options.extend(["--cwd", BOX].map(str::to_string));
        Some(words)
    }

    /// The run step, likewise.
    pub fn run(&self, language: &Language, more: &[Limit]) -> Words {
        language.run.words(language, &self.limits, more)
    }
}

impl Language {
    /// What the submission's file is called.
    pub fn source(&self) -> &str {
        match &self.source {
            SourceName::Fixed(name) | SourceName::Rule { otherwise: name } => name,
        }
    }
}

impl Launch {
    fn words(&self, language: &Language, bundle: &BTreeMap<String, String>, more: &[Limit]) -> Words {
        let defaults = DEFAULTS.map(|(name, amount)| (name.to_string(), amount.to_string()));
        let owned = |limits: &BTreeMap<String, String>| limits.clone().into_iter();
        let limits: Vec<Limit> = defaults
            .into_iter()
            .chain(owned(&self.limits))
            .chain(owned(bundle))
            .chain(more.iter().cloned())
            .collect();
        let meanings = self.meanings(language, &limits);
        let fill = |word: &String| fill(word, &meanings);
        let mut options: Vec<String> =
            limits.iter().flat_map(|(name, amount)| [format!("--{name}"), amount.clone()]).collect();
        for (name, value) in &self.env {
            let variable = fill(value).map(|value| ["--env".to_string(), format!("{name}={value}")]);
            options.extend(variable.into_iter().flatten());
        }
        Words { options, argv: self.argv.iter().filter_map(fill).collect() }
    }

    /// What stands for what; nothing stands for an amount that is not limited.
    fn meanings(&self, language: &Language, limits: &[Limit]) -> Vec<(&'static str, Option<String>)> {
        let source = language.source();
        let output = language.output.as_deref().unwrap_or(source);
        let amount = |wanted: &str| {
            let (_, amount) = limits.iter().rev().find(|(name, _)| name == wanted)?;
            bytes(amount)
        };
        let (memory, stack) = (amount("memory"), amount("stack"));
        let heap = memory.map(|all| all.saturating_sub(self.reserve).max(all / SMALLEST_HEAP));
        let shifted = |amount: Option<u64>, bits: u32| amount.map(|bytes| (bytes >> bits).to_string());
        vec![
            ("{source}", Some(format!("{BOX}/{source}"))),
            ("{output}", Some(format!("{BOX}/{output}"))),
            ("{dir}", Some(BOX.to_string())),
            ("{name}", Some(source.rsplit_once('.').map_or(source, |(stem, _)| stem).to_string())),
            ("{memory}", shifted(memory, 0)),
            ("{memory_mb}", shifted(memory, 20)),
            ("{heap}", shifted(heap, 0)),
            ("{heap_mb}", shifted(heap, 20)),
            ("{stack}", shifted(stack, 0)),
            ("{stack_kb}", shifted(stack, 10)),
            ("{stack_mb}", shifted(stack, 20)),
        ]
    }
}

/// A word that names a limit that is not set is left out.
fn fill(word: &str, meanings: &[(&str, Option<String>)]) -> Option<String> {
    let mut filled = word.to_string();
    for (placeholder, value) in meanings.iter().filter(|(placeholder, _)| word.contains(placeholder)) {
        filled = filled.replace(placeholder, value.as_deref()?);
    }
    Some(filled)
}

/// `512M`; nothing for `none`.
fn bytes(amount: &str) -> Option<u64> {
    let digits = amount.trim_end_matches(|unit: char| !unit.is_ascii_digit());
    let bits = match &amount[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()? << bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(more: &[(&str, &str)]) -> Words {
        let manifest = r#"{ "limits": {}, "languages": { "java": {
            "source": { "match": ["class"], "name": "{1}.java", "otherwise": "Main.java" },
            "run": { "argv": ["java", "-Xmx{heap_mb}m", "-cp", "{dir}", "{name}"], "env": { "HEAP": "{heap}" },
                     "limits": { "memory": "512M" }, "reserve": 134217728 } } } }"#;
        let languages: Languages = serde_json::from_str(manifest).unwrap();
        let more: Vec<Limit> =
            more.iter().map(|(name, amount)| (name.to_string(), amount.to_string())).collect();
        let (_, java) = languages.iter().next().unwrap();
        languages.run(java, &more)
    }

    #[test]
    fn words_name_files_and_limits() {
        assert_eq!(words(&[]).argv, ["java", "-Xmx384m", "-cp", "/home/judge/box", "Main"]);
        assert_eq!(words(&[("memory", "256M")]).argv[1], "-Xmx128m");
        assert!(words(&[]).options.contains(&"HEAP=402653184".to_string()));
    }

    #[test]
    fn a_limit_that_is_not_set_has_no_words() {
        let words = words(&[("memory", "none")]);
        assert_eq!(words.argv, ["java", "-cp", "/home/judge/box", "Main"]);
        assert!(!words.options.contains(&"--env".to_string()));
    }

    #[test]
    fn a_heap_is_never_less_than_a_quarter() {
        assert_eq!(words(&[("memory", "64M")]).argv[1], "-Xmx16m");
    }
}
