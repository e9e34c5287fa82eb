//! Where the names of other crates may stand: of init only its contract, and a crate that is made for one place only
//! there.

use crate::module::child;
use crate::paths::{Kind, Mention};
use crate::source::{SourceFile, Tree};

/// The part of init that other crates may use.
const CONTRACT: &str = "contract";

/// A crate and the files that may name it: a file, or a directory that ends with `/`.
const PLACES: [(&str, &[&str]); 4] = [
    ("clap", COMMAND_LINE),
    ("clap_complete", COMMAND_LINE),
    ("clap_mangen", COMMAND_LINE),
    ("goblin", &["builder/crates/closure/src/elf/"]),
];
/// Nothing after the command line sees a flag.
const COMMAND_LINE: &[&str] = &["builder/src/cli.rs", "builder/src/cli/"];

pub(crate) fn beyond_the_contract(tree: &Tree) -> Vec<String> {
    let private = |mention: &Mention| mention.path.get(1).is_none_or(|part| part != CONTRACT);
    tree.files.iter().flat_map(|file| named(tree, file, "init", private)).collect()
}

pub(crate) fn misplaced(tree: &Tree) -> Vec<String> {
    let outside = |file: &&SourceFile, places: &[&str]| !places.iter().any(|place| is_in(&file.path, place));
    PLACES
        .iter()
        .flat_map(|(krate, places)| {
            let files = tree.files.iter().filter(|file| outside(file, places));
            files.flat_map(|file| named(tree, file, krate, |_| true))
        })
        .collect()
}

fn is_in(path: &str, place: &str) -> bool {
    path == place || place.ends_with('/') && path.starts_with(place)
}

/// Where a file names a crate in a way that is `wrong`.
fn named(tree: &Tree, file: &SourceFile, krate: &str, wrong: impl Fn(&Mention) -> bool) -> Vec<String> {
    let is_own_name = file.mentions.iter().any(|mention| gives_name(mention, krate));
    file.mentions
        .iter()
        .filter(|mention| mention.path[0] == krate && wrong(mention))
        .filter(|mention| mention.global || !is_own_name && !tree.has(&child(&mention.module, krate)))
        .map(|mention| format!("{}:{}: {}", file.path, mention.line, mention.path.join("::")))
        .collect()
}

/// Whether an import gives the name of a crate to something else: `use crate::init`.
fn gives_name(mention: &Mention, krate: &str) -> bool {
    matches!(&mention.kind, Kind::Import(name) if name == krate) && mention.path[0] != krate
}

/// A crate of one file at this place.
fn tree_of(package: &str, below: &str, text: &str) -> Tree {
    Tree::new(package, [("init.rs", ""), (below, text)])
}

#[test]
fn only_the_contract_of_init_may_be_named() {
    let found = |text| beyond_the_contract(&tree_of("builder/crates/run", "a.rs", text));
    let place = "builder/crates/run/src/a.rs";
    assert_eq!(
        found("use init::{contract::Options,\nguard::Guard};"),
        [format!("{place}:2: init::guard::Guard")]
    );
    assert_eq!(
        found("fn f() { assert!(init::options::parse()) }"),
        [format!("{place}:1: init::options::parse")]
    );
    assert_eq!(found("use init as runner;"), [format!("{place}:1: init")]);
    assert_eq!(found("use ::init::*;"), [format!("{place}:1: init")]);
    assert_eq!(found("use crate::init; use init::BYTES; fn f() { init::g() }"), Vec::<String>::new());
}

#[test]
fn a_child_with_the_name_of_a_crate_is_not_the_crate() {
    let found = |text| beyond_the_contract(&tree_of("builder/crates/bundle", "lib.rs", text));
    assert_eq!(found("mod init; pub use init::BYTES;"), Vec::<String>::new());
    assert_eq!(found("use ::init::sys::Args;"), ["builder/crates/bundle/src/lib.rs:1: init::sys::Args"]);
}

#[test]
fn clap_and_goblin_belong_to_one_place_each() {
    let found = |package, below, text| misplaced(&tree_of(package, below, text));
    assert_eq!(found("builder", "cli.rs", "use clap::Parser;"), Vec::<String>::new());
    assert_eq!(found("builder", "cli/run.rs", "#[derive(clap::Args)] struct Run;"), Vec::<String>::new());
    assert_eq!(
        found("builder", "run.rs", "#[derive(clap::Args)] struct Run;"),
        ["builder/src/run.rs:1: clap::Args"]
    );
    assert_eq!(found("builder/crates/closure", "elf/read.rs", "use goblin::elf::Elf;"), Vec::<String>::new());
    assert_eq!(
        found("builder/crates/closure", "resolve.rs", "use goblin::elf::Elf;"),
        ["builder/crates/closure/src/resolve.rs:1: goblin::elf::Elf"]
    );
}
