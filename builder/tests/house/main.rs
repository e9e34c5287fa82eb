//! Keeps the structure of the source: which module and which crate may name which other one, and how long a file and
//! a function may be. The layout that it keeps is drawn in ARCHITECTURE.md. The rules for what comes from elsewhere are
//! in deny.toml.
#![allow(clippy::unwrap_used)] // In a test a panic is the report; clippy.toml covers `#[test]` functions only.

mod code;
mod crates;
mod dependencies;
mod graph;
mod lengths;
mod limits;
mod module;
mod names;
mod paths;
mod resolve;
mod source;

use std::fmt::Display;
use std::fs;
use std::sync::LazyLock;

use crates::Manifest;
use dependencies::{Graph, Rules};
use limits::TABLES;
use source::Tree;

/// The compiler of seccomp policies: init's build script, `capsule` and a fuzz target include it.
const POLICY: &str = "init/policy";

/// The source of every package and of the compiler of policies, parsed once for all tests.
static TREES: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let root = source::root();
    let packages = source::packages(&root);
    let trees = packages.iter().map(|package| Tree::load(&root, package));
    trees.chain([Tree::load_included(&root, POLICY)]).collect()
});

/// The crates of the host's side: `builder` itself and all below `builder/crates`.
fn host_trees() -> impl Iterator<Item = &'static Tree> {
    TREES.iter().filter(|tree| tree.directory.starts_with("builder/"))
}

/// Fails with every violation on lines of its own.
fn expect_none<T: Display>(rule: &str, violations: impl IntoIterator<Item = T>) {
    let lines: Vec<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert!(lines.is_empty(), "{rule}\n{}\n", lines.join("\n"));
}

#[test]
fn sibling_modules_import_each_other_in_no_circle() {
    let circles = TREES.iter().flat_map(graph::circles);
    expect_none("sibling modules must not import each other in a circle:", circles);
}

/// `just test` runs the programs called `it` beside those whose names begin with another letter.
#[test]
fn no_program_of_tests_is_missed_by_just_test() {
    let root = source::root();
    let missed =
        source::packages(&root).into_iter().filter(|package| package != "init").flat_map(|package| {
            let programs = fs::read_dir(root.join(&package).join("tests")).into_iter().flatten();
            let names = programs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let missed = names.filter(|name| name.starts_with('i') && name != "it" && name != "it.rs");
            missed.map(move |name| format!("{package}/tests/{name}")).collect::<Vec<_>>()
        });
    expect_none("`just test` would not run:", missed);
}

#[test]
fn no_crate_depends_on_a_higher_one() {
    let root = source::root();
    let manifests: Vec<Manifest> =
        source::packages(&root).iter().map(|package| Manifest::load(&root, package)).collect();
    let violations = manifests.iter().flat_map(Manifest::violations);
    expect_none("a crate must only depend on crates below it:", violations);
}

#[test]
fn every_package_keeps_the_rules_of_deny_toml() {
    let root = source::root();
    let rules = Rules::parse(&fs::read_to_string(root.join("deny.toml")).unwrap());
    let graph = Graph::load(&root, &rules);
    expect_none("a package must keep the rules of deny.toml:", dependencies::violations(&rules, &graph));
}

#[test]
fn the_host_names_only_the_contract_of_init() {
    let violations = host_trees().flat_map(names::beyond_the_contract);
    expect_none("other crates must name only `init::contract`:", violations);
}

#[test]
fn clap_and_goblin_are_named_only_where_they_belong() {
    let violations = host_trees().flat_map(names::misplaced);
    expect_none("a crate that belongs to one place must not be named elsewhere:", violations);
}

#[test]
fn files_and_functions_are_short() {
    let violations = TREES.iter().flat_map(|tree| limits::violations(tree, TABLES));
    expect_none("a file or a function that is not a table is too long:", violations);
}

#[test]
fn every_table_is_still_long_and_named_in_the_architecture() {
    let architecture = fs::read_to_string(source::root().join("ARCHITECTURE.md")).unwrap();
    expect_none("an exception for a table must be needed:", limits::unneeded(&TREES, TABLES));
    expect_none("ARCHITECTURE.md must name each table:", limits::unnamed(&architecture, TABLES));
}
