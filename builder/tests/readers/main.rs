//! The readers of foreign bytes without a fuzzer: each accepts its seeds, and no damage to one makes it panic.
//!
//! `just fuzz` looks for new inputs, with the same functions (builder/fuzz/readers). The compiler flags of a fuzzer would
//! build all dependencies once more.

#![allow(unused_imports)] // Included files bring their test modules; without a harness these have no tests.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

#[path = "../../fuzz/readers/cache.rs"]
mod cache;
#[path = "../../fuzz/readers/dpkg.rs"]
mod dpkg;
#[path = "../../fuzz/readers/elf.rs"]
mod elf;
#[path = "../../fuzz/readers/frame.rs"]
mod frames;
#[path = "../../fuzz/readers/manifest.rs"]
mod manifest;
#[path = "../../fuzz/readers/policy.rs"]
mod policies;
#[path = "../../fuzz/readers/problem.rs"]
mod problem;
#[path = "../../fuzz/readers/recipe.rs"]
mod recipe;
#[path = "../../fuzz/readers/text.rs"]
mod text;

/// One of them.
struct Reader {
    /// Its directory below builder/fuzz/seeds.
    name: &'static str,
    /// Returns whether the bytes are valid.
    read: fn(&[u8]) -> bool,
    /// What else of this tree it accepts: a directory, and how its files' names end.
    others: &'static [(&'static str, &'static str)],
}

const READERS: [Reader; 9] = [
    Reader { name: "cache", read: cache::read, others: &[] },
    Reader { name: "dpkg", read: dpkg::read, others: &[] },
    Reader { name: "elf", read: elf::read, others: &[] },
    Reader { name: "frame", read: frames::read, others: &[] },
    Reader { name: "manifest", read: manifest::read, others: &[] },
    Reader { name: "policy", read: policies::read, others: &[("init/policy", ".policy")] },
    Reader { name: "problem", read: problem::read, others: &[] },
    Reader {
        name: "recipe",
        read: recipe::read,
        others: &[("recipes", ".toml"), ("recipes/packs", ".toml")],
    },
    Reader { name: "text", read: text::read, others: &[] },
];

/// Damaged inputs for each seed.
const CASES: u32 = 96;

fn main() {
    let trials = READERS.iter().flat_map(|reader| {
        [
            Trial::test(format!("{}::accepts_its_seeds", reader.name), || reader.accept_seeds()),
            Trial::test(format!("{}::endures_damage", reader.name), || reader.endure_damage()),
        ]
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

impl Reader {
    fn inputs(&self) -> Vec<PathBuf> {
        let mut inputs = files(&format!("builder/fuzz/seeds/{}", self.name), "");
        inputs.extend(self.others.iter().flat_map(|(directory, end)| files(directory, end)));
        inputs
    }

    fn accept_seeds(&self) -> Result<(), Failed> {
        for path in self.inputs() {
            if !(self.read)(&fs::read(&path)?) {
                return Err(format!("{} is not valid", path.display()).into());
            }
        }
        Ok(())
    }

    fn endure_damage(&self) -> Result<(), Failed> {
        self.inputs().iter().try_for_each(|path| self.endure_damage_of(path))
    }

    fn endure_damage_of(&self, path: &Path) -> Result<(), Failed> {
        let seed = fs::read(path)?;
        let mut runner =
            TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&vec((any::<Index>(), Damage::any()), 1..5), |damages| {
            let mut bytes = seed.clone();
            for (at, damage) in &damages {
                damage.apply(at.index(bytes.len() + 1), &mut bytes);
            }
            let read = panic::catch_unwind(|| (self.read)(&bytes));
            read.map(drop).map_err(|_| TestCaseError::fail("the reader panicked"))
        });
        outcome.map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

/// The files of a directory of this tree. There is one at least, or a moved directory would pass.
fn files(directory: &str, end: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(directory);
    let entries = fs::read_dir(&root).unwrap_or_else(|cause| panic!("{}: {cause}", root.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file() && path.to_string_lossy().ends_with(end));
    files.sort();
    assert!(!files.is_empty(), "{} has no file", root.display());
    files
}

/// A change to some bytes, at a place of the input.
#[derive(Debug, Clone)]
enum Damage {
    CutHere,
    Remove(usize),
    Repeat(usize),
    Replace(Vec<u8>),
}

impl Damage {
    fn any() -> impl Strategy<Value = Damage> {
        // Numbers at their limits and the separators of text are what readers stumble over.
        let bytes = prop_oneof![
            vec(any::<u8>(), 1..9),
            vec(select(&b"\0\x01\x7f\x80\xff"[..]), 1..9),
            vec(select(&b"0919\n\r\t =:,[]{}\"'#.-"[..]), 1..4),
        ];
        prop_oneof![
            1 => any::<bool>().prop_map(|_| Damage::CutHere),
            2 => (1usize..64).prop_map(Damage::Remove),
            2 => (1usize..64).prop_map(Damage::Repeat),
            6 => bytes.prop_map(Damage::Replace),
        ]
    }

    fn apply(&self, at: usize, bytes: &mut Vec<u8>) {
        let up_to = |len: usize| at..bytes.len().min(at + len);
        match self {
            Damage::CutHere => bytes.truncate(at),
            Damage::Remove(len) => drop(bytes.drain(up_to(*len))),
            Damage::Repeat(len) => {
                let again = bytes[up_to(*len)].to_vec();
                bytes.splice(at..at, again);
            }
            Damage::Replace(with) => drop(bytes.splice(up_to(with.len()), with.iter().copied())),
        }
    }
}
