//! A language's directory: its programs, and the results that differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::corpus::{Case, Cases, read};

/// The file with the results that differ for a language.
const EXPECT: &str = "expect.toml";

/// A language and its programs.
#[derive(Debug)]
pub struct Language {
    /// Its pack's name, and its directory's.
    pub name: String,
    /// The programs for the cases of all languages come first.
    pub programs: Vec<Program>,
}

/// One program and its expected result.
#[derive(Debug)]
pub struct Program {
    /// The file's name without its ending.
    pub name: String,
    /// The file, or the directory of a program that has several.
    pub file: PathBuf,
    /// The expected result.
    pub case: Case,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    /// Another language's directory that has the programs.
    programs: Option<String>,
    /// By the program's name.
    case: BTreeMap<String, Case>,
}

/// The names of the packs that have a language, sorted. Each must have a directory with programs.
pub fn packs(packs: &Path) -> Vec<String> {
    let entries = fs::read_dir(packs).expect("the packs are there").flatten().map(|entry| entry.path());
    let has_language = |path: &PathBuf| {
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        is_toml && read::<toml::Table>(path).is_ok_and(|pack| pack.contains_key("language"))
    };
    let name = |path: PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.filter(has_language).map(name).collect();
    names.sort();
    names
}

impl Language {
    /// Reads a directory. A program without a case is a mistake, and so is a case without a program.
    pub fn load(directory: &Path, cases: &Cases) -> Result<Language, String> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own: Expect = read(&directory.join(EXPECT))?;
        let mut files = programs(directory);
        if let Some(other) = &own.programs {
            for (name, file) in programs(&directory.join(other)) {
                files.entry(name).or_insert(file);
            }
        }
        let mut tried: Vec<Program> = Vec::new();
        for case in &cases.order {
            let file = files.remove(case).ok_or_else(|| format!("{name} has no program `{case}`"))?;
            let common = &cases.case[case];
            let case_here = own.case.get(case).map_or_else(|| common.clone(), |own| common.with(own));
            tried.push(Program { name: case.clone(), file, case: case_here });
        }
        for case in &cases.derived {
            let common = &cases.case[case];
            let case_here = own.case.get(case).map_or_else(|| common.clone(), |own| common.with(own));
            let of = tried.iter().find(|program| Some(&program.name) == common.of.as_ref());
            let of = of.ok_or_else(|| format!("cases.toml: `{case}` is of no case in `order`"))?;
            tried.push(Program { name: case.clone(), file: of.file.clone(), case: case_here });
        }
        let is_common = |program: &String| cases.order.contains(program) || cases.derived.contains(program);
        for (program, own) in own.case.iter().filter(|(program, _)| !is_common(program)) {
            let file = files.remove(program).ok_or_else(|| format!("{name} has no program `{program}`"))?;
            let case = cases.case.get(program).map_or_else(|| own.clone(), |common| common.with(own));
            tried.push(Program { name: program.clone(), file, case });
        }
        match files.keys().next() {
            Some(stray) if own.programs.is_none() => Err(format!("{name} expects nothing of `{stray}`")),
            _ => Ok(Language { name, programs: tried }),
        }
    }
}

/// A directory's programs by name.
fn programs(directory: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let programs = entries.filter(|path| path.file_name().is_some_and(|name| name != EXPECT));
    programs.map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path)).collect()
}
