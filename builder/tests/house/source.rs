//! The source trees of the workspace: every file is read, and what the rules look at is taken from its code.

use std::fs;
use std::path::{Path, PathBuf};

use crate::code;
use crate::lengths::{self, Part};
use crate::module::{self, Module, child};
use crate::paths::{self, Mention};

/// The source of one package, or files that several packages include.
pub(crate) struct Tree {
    /// The package as code names it.
    pub(crate) name: String,
    /// Relative to the workspace: `builder/crates/closure/src`.
    pub(crate) directory: String,
    pub(crate) files: Vec<SourceFile>,
}

/// What the rules look at.
pub(crate) struct SourceFile {
    /// Relative to the workspace.
    pub(crate) path: String,
    pub(crate) module: Module,
    /// Lines, without the test modules at the end.
    pub(crate) length: usize,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) parts: Vec<Part>,
    /// The modules that this file declares for tests only, in files of their own.
    test_modules: Vec<Module>,
}

/// The directory of the workspace.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|directory| directory.join("justfile").exists()).unwrap().to_owned()
}

/// The directories of all packages, relative to the workspace. Those in `builder/crates` are found, not listed.
pub(crate) fn packages(root: &Path) -> Vec<String> {
    let mut packages = ["init", "vm-tests", "builder"].map(str::to_owned).to_vec();
    let crates = root.join("builder/crates");
    if crates.exists() {
        let directories = entries(&crates).into_iter().filter(|path| path.join("Cargo.toml").exists());
        packages.extend(directories.map(|path| relative(&path, root)));
    }
    packages
}

impl Tree {
    pub(crate) fn load(root: &Path, package: &str) -> Tree {
        Tree::new(package, read(root, &source_of(package)))
    }

    /// Rust files that several programs include by their path, and that are part of no package.
    pub(crate) fn load_included(root: &Path, directory: &str) -> Tree {
        Tree::parse(directory, directory.to_owned(), read(root, directory))
    }

    /// From paths below `src` and their texts.
    pub(crate) fn new<P: AsRef<str>, T: AsRef<str>>(
        package: &str,
        texts: impl IntoIterator<Item = (P, T)>,
    ) -> Tree {
        Tree::parse(package, source_of(package), texts)
    }

    fn parse<P: AsRef<str>, T: AsRef<str>>(
        package: &str,
        directory: String,
        texts: impl IntoIterator<Item = (P, T)>,
    ) -> Tree {
        let name = package.rsplit('/').next().unwrap().replace('-', "_");
        let parse = |(path, text): (P, T)| SourceFile::parse(&directory, path.as_ref(), text.as_ref());
        let mut files: Vec<SourceFile> = texts.into_iter().map(parse).collect();
        let tests: Vec<Module> = files.iter().flat_map(|file| file.test_modules.clone()).collect();
        files.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
        Tree { name, directory, files }
    }

    pub(crate) fn has(&self, module: &[String]) -> bool {
        self.files.iter().any(|file| file.module == module)
    }
}

impl SourceFile {
    fn parse(directory: &str, below: &str, text: &str) -> SourceFile {
        let path = format!("{directory}/{below}");
        let code = code::parse(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let module = module::of_file(below);
        SourceFile {
            path,
            length: code.length,
            mentions: paths::mentions(&module, &code.items),
            parts: lengths::parts(&code.items),
            test_modules: code.test_modules.iter().map(|name| child(&module, name)).collect(),
            module,
        }
    }
}

fn source_of(package: &str) -> String {
    format!("{package}/src")
}

/// The Rust files below a directory: their paths relative to it, and their texts.
fn read(root: &Path, directory: &str) -> Vec<(String, String)> {
    let directory = root.join(directory);
    let mut paths = Vec::new();
    find_rust_files(&directory, &mut paths);
    let text = |path: &PathBuf| (relative(path, &directory), fs::read_to_string(path).unwrap());
    paths.iter().map(text).collect()
}

fn find_rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(directory) {
        if path.is_dir() {
            find_rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What a directory holds, in order of name.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn relative(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_crates_of_the_builder_are_found_once_there_are_any() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(packages(root.path()), ["init", "vm-tests", "builder"]);
    let closure = root.path().join("builder/crates/closure");
    fs::create_dir_all(&closure).unwrap();
    fs::write(closure.join("Cargo.toml"), "").unwrap();
    assert_eq!(packages(root.path()), ["init", "vm-tests", "builder", "builder/crates/closure"]);
}

#[test]
fn a_file_that_is_declared_for_tests_only_is_left_out() {
    let texts = [("lib.rs", "#[cfg(test)] mod fake; mod real;"), ("fake/a.rs", ""), ("real.rs", "")];
    let tree = Tree::new("demo", texts);
    assert_eq!(
        tree.files.iter().map(|file| &*file.path).collect::<Vec<_>>(),
        ["demo/src/lib.rs", "demo/src/real.rs"]
    );
}

#[test]
fn included_files_are_a_tree_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let policy = root.path().join("init/policy");
    fs::create_dir_all(&policy).unwrap();
    fs::write(policy.join("mod.rs"), "mod parse;").unwrap();
    fs::write(policy.join("parse.rs"), "").unwrap();
    let tree = Tree::load_included(root.path(), "init/policy");
    let paths: Vec<&str> = tree.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["init/policy/mod.rs", "init/policy/parse.rs"]);
    assert!(tree.has(&["parse".to_owned()]));
}
