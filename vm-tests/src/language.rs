//! The languages of a bundle, as its manifest has them (docs/packs.md): how a submission is compiled and run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Where the submission's file, and what the compiler makes of it, are inside the sandbox.
pub(crate) const WORK_DIR: &str = "/home/judge/box";
/// Init's own defaults. They are passed all the same, so that arguments that name a limit have its value.
const DEFAULTS: [(&str, &str); 2] = [("memory", "256M"), ("stack", "64M")];
/// The heap is at least this part of the memory.
const SMALLEST_HEAP: u64 = 4;

/// One of init's limits: the option without its dashes, and the amount.
pub(crate) type Limit = (String, String);

/// The part of the manifest that is used here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Languages {
    languages: BTreeMap<String, Language>,
    /// The bundle's own limits, for submissions.
    limits: BTreeMap<String, String>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Language {
    source: SourceName,
    output: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    /// Absent where a submission runs as it is.
    pub(crate) compile: Option<Launch>,
    /// How it is run.
    pub(crate) run: Launch,
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
pub(crate) struct Launch {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    limits: BTreeMap<String, String>,
    #[serde(default)]
    reserve: u64,
    memory_exit_code: Option<i32>,
}

/// Arguments of `init run`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InitArgs {
    /// Options.
    pub(crate) options: Vec<String>,
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
}

impl Languages {
    /// Reads the bundle's manifest.
    pub(crate) fn of(bundle: &Path) -> Result<Languages, String> {
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
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Language)> {
        self.languages.iter()
    }

    /// Arguments of the compile step, with more limits, of which the last of each kind holds.
    pub(crate) fn compile(&self, language: &Language, more: &[Limit]) -> Option<InitArgs> {
        let mut args = language.compile.as_ref()?.args(language, &BTreeMap::new(), more);
        args.options.extend(["--cwd", WORK_DIR].map(str::to_string));
        Some(args)
    }

    /// The same for the run step.
    pub(crate) fn run(&self, language: &Language, more: &[Limit]) -> InitArgs {
        language.run.args(language, &self.limits, more)
    }
}

impl Language {
    /// What the submission's file is called.
    pub(crate) fn source(&self) -> &str {
        match &self.source {
            SourceName::Fixed(name) | SourceName::Rule { otherwise: name } => name,
        }
    }
}

impl Launch {
    /// The exit code of a program that fills a heap that ends before the memory limit does; init reports it as it is.
    pub(crate) fn full_heap(&self) -> Option<i32> {
        self.memory_exit_code.filter(|_| self.reserve > 0)
    }

    fn args(&self, language: &Language, bundle: &BTreeMap<String, String>, more: &[Limit]) -> InitArgs {
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
        let argv = self.argv.iter().flat_map(|word| match word.as_str() {
            // Every program that is tried here is one file.
            "{units}" => Vec::new(),
            "{flags}" => language.flags.clone(),
            _ => fill(word).into_iter().collect(),
        });
        InitArgs { options, argv: argv.collect() }
    }

    /// The values of the placeholders; `None` for an amount that is not limited.
    fn meanings(&self, language: &Language, limits: &[Limit]) -> Vec<(&'static str, Option<String>)> {
        let source = language.source();
        let stem = source.rsplit_once('.').map_or(source, |(stem, _)| stem);
        let output = language.output.as_deref().unwrap_or(source).replace("{name}", stem);
        let amount = |wanted: &str| {
            let (_, amount) = limits.iter().rev().find(|(name, _)| name == wanted)?;
            bytes(amount)
        };
        let (memory, stack) = (amount("memory"), amount("stack"));
        let heap = memory.map(|all| all.saturating_sub(self.reserve).max(all / SMALLEST_HEAP));
        let shifted = |amount: Option<u64>, bits: u32| amount.map(|bytes| (bytes >> bits).to_string());
        vec![
            ("{source}", Some(format!("{WORK_DIR}/{source}"))),
            ("{output}", Some(format!("{WORK_DIR}/{output}"))),
            ("{dir}", Some(WORK_DIR.to_string())),
            ("{name}", Some(stem.to_string())),
            ("{main}", Some(stem.to_string())),
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

/// `None` for a word that names a limit that is not set: it is left out.
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

    fn args(more: &[(&str, &str)]) -> InitArgs {
        let manifest = r#"{ "limits": {}, "languages": { "java": {
            "source": { "match": ["class"], "name": "{1}.java", "otherwise": "Main.java" },
            "flags": ["-ea"],
            "run": { "argv": ["java", "-Xmx{heap_mb}m", "-cp", "{dir}", "{flags}", "{main}", "{units}"], "env": { "HEAP": "{heap}" },
                     "limits": { "memory": "512M" }, "reserve": 134217728 } } } }"#;
        let languages: Languages = serde_json::from_str(manifest).unwrap();
        let more: Vec<Limit> =
            more.iter().map(|(name, amount)| (name.to_string(), amount.to_string())).collect();
        let (_, java) = languages.iter().next().unwrap();
        languages.run(java, &more)
    }

    #[test]
    fn arguments_name_files_and_limits() {
        assert_eq!(args(&[]).argv, ["java", "-Xmx384m", "-cp", "/home/judge/box", "-ea", "Main"]);
        assert_eq!(args(&[("memory", "256M")]).argv[1], "-Xmx128m");
        assert!(args(&[]).options.contains(&"HEAP=402653184".to_string()));
    }

    #[test]
    fn an_argument_for_a_limit_that_is_not_set_is_left_out() {
        let args = args(&[("memory", "none")]);
        assert_eq!(args.argv, ["java", "-cp", "/home/judge/box", "-ea", "Main"]);
        assert!(!args.options.contains(&"--env".to_string()));
    }

    #[test]
    fn a_heap_is_never_less_than_a_quarter() {
        assert_eq!(args(&[("memory", "64M")]).argv[1], "-Xmx16m");
    }
}
