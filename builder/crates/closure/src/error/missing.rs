//! Libraries that no rule finds, and the message about one or several of them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::grouped::{Groups, Part};
use super::list;
use crate::arch;
use crate::elf::Abi;
use crate::loader::attempt::{Attempt, Outcome};

/// A library that no rule finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingLibrary {
    /// The name as the dynamic section has it.
    pub name: OsString,
    /// The object that needs it, the one that loaded that, and so on up to the program; never empty.
    pub needed_by: Vec<PathBuf>,
    /// What was tried. `None` for one of very many in one program: a file can name thousands of libraries, each to be
    /// searched in thousands of directories.
    pub search: Option<Search>,
}

/// What a search without a result tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The directories, each once, in order.
    pub directories: Arc<[PathBuf]>,
    /// The first file with the name that is for another machine.
    pub other_machine: Option<(PathBuf, Abi)>,
}

impl Search {
    pub(crate) fn new(attempts: &[Attempt]) -> Search {
        let other = attempts.iter().find_map(|attempt| match &attempt.outcome {
            Outcome::OtherAbi(abi) => Some((attempt.path.clone(), *abi)),
            _ => None,
        });
        Search { directories: searched_dirs(attempts).into(), other_machine: other }
    }

    /// Shares the directories with an equal search.
    pub(crate) fn sharing(mut self, other: Option<&Search>) -> Search {
        if let Some(other) = other.filter(|other| other.directories == self.directories) {
            self.directories = Arc::clone(&other.directories);
        }
        self
    }

    fn facts(&self) -> String {
        let hint = match &self.other_machine {
            Some((path, abi)) => format!("`{}` is for {}", path.display(), arch::describe(*abi)),
            None => "add its directory with `--library-path`".to_owned(),
        };
        format!("\n  searched: {}\n  hint: {hint}", list(&self.directories))
    }
}

impl MissingLibrary {
    pub(super) fn part(&self) -> Part {
        let facts = self.search.as_ref().map(Search::facts).unwrap_or_default();
        Part::needed(format!("`{}` not found", self.name.display()), &self.needed_by, facts)
    }
}

/// One library as a message of its own, several as a list in which equal searches are printed once.
pub(super) fn text(libraries: &[MissingLibrary]) -> String {
    let mut groups = Groups::default();
    libraries.iter().for_each(|library| groups.add(library.part()));
    let groups = groups.as_slice();
    if let [group] = groups {
        return group.to_string();
    }
    let mut text = format!("{} libraries not found", groups.len());
    for (at, group) in groups.iter().enumerate() {
        let is_last = groups.get(at + 1).is_none_or(|next| next.facts() != group.facts());
        let entry = if is_last { group.to_string() } else { group.head() };
        text.push_str("\n  ");
        text.push_str(&entry.replace('\n', "\n  "));
    }
    text
}

/// The directories of a search, each once, in order.
fn searched_dirs(attempts: &[Attempt]) -> Vec<PathBuf> {
    let mut known = HashSet::new();
    let directory = |attempt: &Attempt| attempt.path.parent().unwrap_or(Path::new("/")).to_owned();
    attempts.iter().map(directory).filter(|directory| known.insert(directory.clone())).collect()
}
