//! Languages: how a submission in one is compiled and run. A pack defines that, the bundle's manifest keeps it, and
//! `capsule exec` (or a program that has only the bundle) carries it out.
//!
//! Both steps see one directory, [`WORK_DIR`](crate::placeholder::WORK_DIR): the submission's file and what the compile step makes of it. Arguments and
//! environment may have placeholders in them ([`crate::placeholder`]).

use std::collections::BTreeMap;
use std::path::Path;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::image_path::ImagePath;
use crate::placeholder::{Amounts, Names, expand, fill, stem};
use crate::source_name::{SourceName, is_plain};

/// Stands in [`Language::output`] for the source's name without its extension.
const NAME: &str = "{name}";

/// One language of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// Human-readable: `C++ 20 (g++)`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// What the submission's file is called.
    pub source: SourceName,
    /// Globs for the names of files that are compiled together with the one where a submission starts. The rest of a
    /// submission is only there. All files that match the first glob come before those that match the second.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub units: Vec<String>,
    /// What the compile step makes, for `{output}`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<String>,
    /// What `{flags}` stands for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub flags: Vec<String>,
    /// The same language under other names, most of them with other flags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub variants: BTreeMap<String, Variant>,
    /// How the submission is compiled; absent when it runs as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compile: Option<Step>,
    /// How it is run.
    pub run: Step,
    /// Files that the language's own programs can make ahead of time. The bundle does not need to know.
    #[serde(skip)]
    pub preparations: Vec<Preparation>,
    /// Programs that show that the pack works. The bundle does not need them.
    #[serde(skip)]
    pub tests: Vec<SelfTest>,
}

/// A language under another name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// For people: `C++ 17 (g++)`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// Instead of the language's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flags: Option<Vec<String>>,
}

/// One start of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Environment in addition to init's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub env: BTreeMap<String, String>,
    /// Limits that hold unless the bundle or the caller sets others: init's options without their dashes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub limits: BTreeMap<String, String>,
    /// Bytes of the memory limit that the runtime needs in addition to its heap.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reserve: Option<u64>,
    /// The exit code by which the runtime says that it had too little memory, where it ends before the limit does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory_exit_code: Option<u8>,
    /// How it is started where it can get ready before its program is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warm: Option<WarmUp>,
}

/// How a step gets ready: started like this, it stops itself (SIGSTOP) before it looks at the submission's files. When the
/// supervisor continues it, it does the step's work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// Instead of the step's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub argv: Option<Vec<String>>,
    /// In addition to the step's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub env: BTreeMap<String, String>,
}

/// A file that a build makes by starting a program of the image, such as an archive of a compiler's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preparation {
    /// Where it is in the image.
    pub path: ImagePath,
    /// What makes it, as `{output}`.
    pub step: Step,
    /// The program that the step compiles or runs, `{source}`.
    pub source: String,
}

/// A program and its expected result.
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

impl Language {
    /// A language with nothing but what each has.
    pub(crate) fn new(source: SourceName, run: Step) -> Language {
        Language {
            title: None,
            source,
            units: Vec::new(),
            output: None,
            flags: Vec::new(),
            variants: BTreeMap::new(),
            compile: None,
            run,
            preparations: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// The names of a submission's only file, whose text decides.
    pub fn names(&self, text: &str) -> Names {
        let source = self.source.of(text);
        let main = self.source.main([text.as_bytes()].into_iter());
        self.names_of(source, Vec::new(), main)
    }

    /// The names of a submission of several files, each with its text, which keep theirs; it starts at `files[entry]`.
    pub fn names_of_several(&self, files: &[(&str, &[u8])], entry: usize) -> Names {
        let matchers: Vec<GlobMatcher> = self.units.iter().filter_map(|glob| matcher(glob)).collect();
        let others = files.iter().enumerate().filter(|(at, _)| *at != entry).map(|(_, file)| *file);
        let ranked = others.filter_map(|file| Some((rank(&matchers, file.0)?, file)));
        let mut ranked: Vec<(usize, (&str, &[u8]))> = ranked.collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let (units, texts): (Vec<String>, Vec<&[u8]>) =
            ranked.into_iter().map(|(_, (file, text))| (file.to_owned(), text)).unzip();
        let (source, text) = files[entry];
        let main = self.source.main([text].into_iter().chain(texts));
        self.names_of(source.to_owned(), units, main)
    }

    /// The variant of this name: this language, with what differs.
    pub fn variant(&self, name: &str) -> Option<Language> {
        let Variant { title, flags } = self.variants.get(name)?.clone();
        let mut language = self.clone();
        language.title = title.or(language.title);
        language.flags = flags.unwrap_or(language.flags);
        Some(language)
    }

    fn names_of(&self, source: String, units: Vec<String>, main: Option<String>) -> Names {
        let output = match &self.output {
            Some(output) => output.replace(NAME, stem(&source)),
            None => source.clone(),
        };
        let main = main.unwrap_or_else(|| stem(&source).to_owned());
        Names { source, units, output, main, flags: self.flags.clone() }
    }

    /// Whether `output` can be the name of a file in the box.
    pub(crate) fn is_output(output: &str) -> bool {
        is_plain(&output.replacen(NAME, "name", 1))
    }

    /// The extension of its files, without the dot, which tells the language of `sol.cpp`.
    pub fn extension(&self) -> Option<&str> {
        self.source.usual().rsplit_once('.').map(|(_, extension)| extension)
    }

    /// Whether a file of this name is in this language, as far as its name says.
    pub fn claims(&self, file: &Path) -> bool {
        let ending = file.extension().and_then(|ending| ending.to_str());
        let is_usual = ending.is_some() && ending == self.extension();
        let is_unit = |glob: &String| matcher(glob).is_some_and(|glob| is_match(&glob, file));
        is_usual || self.units.iter().any(is_unit)
    }
}

/// The place of the first glob that matches the file's name.
fn rank(globs: &[GlobMatcher], file: &str) -> Option<usize> {
    globs.iter().position(|glob| is_match(glob, file.as_ref()))
}

fn is_match(glob: &GlobMatcher, file: &Path) -> bool {
    file.file_name().is_some_and(|name| glob.is_match(name))
}

/// A glob of [`Language::units`]; the reader of packs refuses one that is not valid.
pub(crate) fn matcher(glob: &str) -> Option<GlobMatcher> {
    Glob::new(glob).ok().map(|glob| glob.compile_matcher())
}

impl Step {
    /// The arguments, filled in. One that names a limit that is not set is left out.
    pub fn to_args(&self, names: &Names, amounts: &Amounts) -> Vec<String> {
        self.argv.iter().flat_map(|word| expand(word, names, amounts)).collect()
    }

    /// The environment as `NAME=VALUE`, filled in likewise.
    pub fn environment(&self, names: &Names, amounts: &Amounts) -> Vec<String> {
        let filled =
            |(name, value): (&String, &String)| Some(format!("{name}={}", fill(value, names, amounts)?));
        self.env.iter().filter_map(filled).collect()
    }

    /// The same step, started so that it gets ready and stops; `None` where it cannot.
    pub fn warming_up(&self) -> Option<Step> {
        let WarmUp { argv, env } = self.warm.clone()?;
        let env = self.env.clone().into_iter().chain(env).collect();
        Some(Step { argv: argv.unwrap_or_else(|| self.argv.clone()), env, warm: None, ..self.clone() })
    }

    /// The amounts under `limits`: init's options without their dashes, later ones win.
    pub fn amounts<'a>(&self, limits: impl Iterator<Item = (&'a str, &'a str)>) -> Amounts {
        Amounts::of(limits, self.reserve.unwrap_or(0))
    }
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
            memory_exit_code: None,
            warm: None,
        }
    }

    fn names() -> Names {
        Names {
            source: "Main.java".to_owned(),
            units: Vec::new(),
            output: "main".to_owned(),
            main: "contest.Main".to_owned(),
            flags: ["-a", "-b"].map(String::from).into(),
        }
    }

    #[test]
    fn words_name_files_and_limits() {
        let step =
            step(&["java", "-Xmx{heap_mb}m", "-cp", "{dir}", "{flags}", "{main}", "{source}", "{\"a\": 1}"]);
        let amounts = step.amounts([("memory", "512M"), ("memory", "256M")].into_iter());
        let words = step.to_args(&names(), &amounts);
        let source = "/home/judge/box/Main.java";
        let expected =
            ["java", "-Xmx192m", "-cp", "/home/judge/box", "-a", "-b", "contest.Main", source, "{\"a\": 1}"];
        assert_eq!(words, expected);
        assert_eq!(step.environment(&names(), &amounts), ["HEAP=192m"]);
    }

    #[test]
    fn a_step_that_warms_up_is_the_step_with_what_differs() {
        let mut warm = step(&["java", "{main}"]);
        assert!(warm.warming_up().is_none());
        let env = BTreeMap::from([("WARM".to_owned(), "1".to_owned())]);
        warm.warm = Some(WarmUp { argv: None, env: env.clone() });
        let started = warm.warming_up().unwrap();
        assert_eq!((started.argv, started.reserve), (warm.argv.clone(), warm.reserve));
        assert_eq!(started.env.keys().collect::<Vec<_>>(), ["HEAP", "WARM"]);
        warm.warm = Some(WarmUp { argv: Some(vec!["agent".to_owned()]), env });
        assert_eq!(warm.warming_up().unwrap().argv, ["agent"]);
    }

    #[test]
    fn a_limit_that_is_not_set_has_no_words() {
        let step = step(&["java", "-Xmx{heap_mb}m", "{name}"]);
        let amounts = step.amounts([("memory", "none")].into_iter());
        assert_eq!(step.to_args(&names(), &amounts), ["java", "Main"]);
        assert!(step.environment(&names(), &amounts).is_empty());
    }

    #[test]
    fn a_heap_is_never_less_than_a_quarter() {
        let step = step(&["x", "{heap_mb}"]);
        let amounts = step.amounts([("memory", "64M")].into_iter());
        assert_eq!(step.to_args(&names(), &amounts), ["x", "16"]);
    }

    #[test]
    fn several_files_keep_their_names_and_units_have_an_order() {
        let run = step(&["x"]);
        let source = SourceName::Fixed("main.ml".to_owned());
        let units = ["*.mli", "*.ml"].map(String::from).into();
        let ocaml = Language { units, ..Language::new(source, run) };
        let files = ["lib/a.ml", "go.ml", "data.txt", "lib/a.mli", "b.ml"].map(|name| (name, &b""[..]));
        let names = ocaml.names_of_several(&files, 1);
        assert_eq!((names.source.as_str(), names.output.as_str()), ("go.ml", "go.ml"));
        assert_eq!(names.units, ["lib/a.mli", "lib/a.ml", "b.ml"]);
        assert!(ocaml.claims("x/y.mli".as_ref()) && !ocaml.claims("ml".as_ref()));
    }

    #[test]
    fn a_variant_is_the_language_with_other_flags() {
        let mut cpp = Language::new(SourceName::Fixed("main.cpp".to_owned()), step(&["x"]));
        cpp.flags = vec!["-std=c++20".to_owned()];
        let flags = Some(vec!["-std=c++17".to_owned()]);
        cpp.variants.insert("cpp17".to_owned(), Variant { title: None, flags });
        cpp.variants.insert("gcc".to_owned(), Variant::default());
        let flags = |name| cpp.variant(name).map(|variant| variant.names("").flags.join(" "));
        assert_eq!(flags("cpp17").as_deref(), Some("-std=c++17"));
        assert_eq!(flags("gcc").as_deref(), Some("-std=c++20"));
        assert_eq!(flags("cpp14"), None);
    }
}
