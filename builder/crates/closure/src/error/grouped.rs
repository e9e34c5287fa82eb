//! Equal errors about many files as one message that lists the files.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use super::{Error, Failure, above, cannot_open, list, whose};
use crate::arch;

/// The most files that one message names.
const SHOWN: usize = 10;

/// The messages about `failures`, each once, with all the files that it is about; in the order in which they came first.
pub fn grouped(failures: &[Failure]) -> Vec<String> {
    let mut groups = Groups::default();
    for failure in failures {
        failure.error.parts().into_iter().for_each(|part| groups.add(part));
    }
    groups.as_slice().iter().map(Group::to_string).collect()
}

/// What one error says about one file.
pub(super) struct Part {
    kind: Kind,
    /// The file that the error is about, the one that brought it, and so on up to the program; may be empty.
    chain: Vec<PathBuf>,
}

/// What errors have in common that become one message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    what: String,
    relation: Relation,
    /// The indented lines at the end, each with its newline in front.
    facts: String,
}

/// How a message introduces the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Relation {
    /// `WHAT, needed by FILES`
    NeededBy,
    /// `FILES WHAT`
    Subject,
}

impl Part {
    pub(super) fn needed(what: String, chain: &[PathBuf], facts: String) -> Part {
        Part { kind: Kind { what, relation: Relation::NeededBy, facts }, chain: chain.to_vec() }
    }
}

impl Error {
    /// The error as parts, one for each file that is missing.
    fn parts(&self) -> Vec<Part> {
        match self {
            Error::LibrariesNotFound(libraries) => libraries.iter().map(|library| library.part()).collect(),
            Error::Open { path, needed_by, errno } => {
                let what = format!("`{}` {}", path.display(), cannot_open(*errno));
                vec![Part::needed(what, needed_by, String::new())]
            }
            Error::NotOnPath { name, needed_by, searched } => {
                let what = format!("`{}` not found on PATH", name.display());
                vec![Part::needed(what, needed_by, format!("\n  searched: {}", list(searched)))]
            }
            Error::OtherMachine { path, abi, sysroot, expected } => {
                let what = format!(
                    "for {}, but {} is {}",
                    arch::describe(*abi),
                    whose(sysroot),
                    arch::describe(*expected)
                );
                let facts = super::OTHER_MACHINE_HINT.to_owned();
                vec![Part {
                    kind: Kind { what, relation: Relation::Subject, facts },
                    chain: vec![path.clone()],
                }]
            }
            other => vec![Part::needed(other.to_string(), &[], String::new())],
        }
    }
}

/// Parts by what they have in common.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    index: HashMap<Kind, usize>,
}

/// One message.
pub(super) struct Group {
    kind: Kind,
    /// Each file once, by its shortest chain.
    chains: Vec<Vec<PathBuf>>,
    /// Indices into `chains`.
    files: HashMap<PathBuf, usize>,
}

impl Groups {
    pub(super) fn add(&mut self, part: Part) {
        let index = *self.index.entry(part.kind.clone()).or_insert(self.groups.len());
        if index == self.groups.len() {
            self.groups.push(Group { kind: part.kind, chains: Vec::new(), files: HashMap::new() });
        }
        self.groups[index].add(part.chain);
    }

    pub(super) fn as_slice(&self) -> &[Group] {
        &self.groups
    }
}

impl Group {
    fn add(&mut self, chain: Vec<PathBuf>) {
        let Some(file) = chain.first() else { return };
        match self.files.get(file) {
            None => {
                self.files.insert(file.clone(), self.chains.len());
                self.chains.push(chain);
            }
            Some(&at) if chain.len() < self.chains[at].len() => self.chains[at] = chain,
            Some(_) => {}
        }
    }
}

impl Group {
    /// The indented lines at the end.
    pub(super) fn facts(&self) -> &str {
        &self.kind.facts
    }

    /// The message without its facts.
    pub(super) fn head(&self) -> String {
        let Kind { what, relation, .. } = &self.kind;
        let mut text = match (self.chains.as_slice(), relation) {
            ([], _) => what.clone(),
            ([one], Relation::NeededBy) => format!("{what}, needed by {}", chain_text(one)),
            ([one], Relation::Subject) => format!("{} is {what}", chain_text(one)),
            (many, Relation::NeededBy) => format!("{what}, needed by {} files", many.len()),
            (many, Relation::Subject) => format!("{} files are {what}", many.len()),
        };
        if self.chains.len() > 1 {
            let shown = self.chains.iter().take(SHOWN).map(|chain| format!("\n  {}", chain_text(chain)));
            text.extend(shown);
        }
        match self.chains.len().saturating_sub(SHOWN) {
            0 => text,
            more => format!("{text}\n  and {more} more"),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.head(), self.facts())
    }
}

fn chain_text(chain: &[PathBuf]) -> String {
    format!("`{}`{}", chain[0].display(), above(&chain[1..]))
}
