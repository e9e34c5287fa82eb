//! The directories of data/: tests and groups, in the order of their names, samples first.

use std::collections::BTreeMap;

use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::Test;

/// A directory with tests.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// From data/ on, without a `/` at the end: `secret/large`.
    pub(super) name: String,
    pub(super) entries: BTreeMap<String, Entry>,
}

/// A test or a group, by the name that orders it.
#[derive(Debug)]
pub(super) enum Entry {
    Test(Test),
    Group(Directory),
}

/// Endings of files that belong to a test and are not read.
const OTHERS: [&str; 16] = [
    "hint",
    "desc",
    "png",
    "jpg",
    "jpeg",
    "svg",
    "interaction",
    "out",
    "yaml",
    "statement",
    "download",
    "args",
    "files",
    "md",
    "txt",
    "ini",
];

/// data/sample and data/secret, those that there are.
pub(super) fn read(files: &Files) -> Result<Vec<Directory>, Error> {
    let mut roots = Vec::new();
    for name in ["sample", "secret"] {
        if files.has_directory(&format!("data/{name}")) {
            roots.push(directory(files, name)?);
        }
    }
    Ok(roots)
}

fn directory(files: &Files, name: &str) -> Result<Directory, Error> {
    let mut directory = Directory { name: name.to_owned(), entries: BTreeMap::new() };
    let below = format!("data/{name}/");
    let mut seen = String::new();
    for file in files.below(&below) {
        if let Some((group, _)) = file.split_once('/') {
            // Names are sorted: all of a group come one after the other.
            if group != seen && !group.ends_with(".files") {
                seen = group.to_owned();
                let group = self::directory(files, &format!("{name}/{group}"))?;
                directory.entries.insert(seen.clone(), Entry::Group(group));
            }
            continue;
        }
        let path = format!("{below}{file}");
        match file.rsplit_once('.') {
            Some((base, "in")) => {
                let answer = format!("{below}{base}.ans");
                if !files.has(&answer) {
                    return Err(
                        files.error(Mistake::new(path, format!("its answer `{base}.ans` is missing")))
                    );
                }
                let mut test = Test::new(format!("{name}/{base}"), path, Some(answer));
                test.sample = name.starts_with("sample");
                directory.entries.insert(base.to_owned(), Entry::Test(test));
            }
            Some((base, "ans")) if !files.has(&format!("{below}{base}.in")) => {
                return Err(files.error(Mistake::new(path, format!("its input `{base}.in` is missing"))));
            }
            Some((_, "ans")) => {}
            Some((_, ending)) if OTHERS.contains(&ending) => {}
            _ => {
                return Err(files.error(
                    Mistake::new(path, "it is not a file of a test").hint("tests are pairs of .in and .ans"),
                ));
            }
        }
    }
    Ok(directory)
}

impl Directory {
    /// Its tests, without those of groups in it.
    pub(super) fn count_tests(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry, Entry::Test(_))).count()
    }
}
