//! The dependencies of many programs to one closure: a path is one member, with everything that needs it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;

use foldhash::fast::RandomState;

use crate::arch::Machine;
use crate::loader::attempt::Rule;
use crate::loader::names::{NameId, Names};
use crate::loader::objects::{OpenedPath, PathId};
use crate::member::{Closure, Member, MemberKind, Reason, Why};

/// One path that is needed.
pub(super) struct Dependency<'w> {
    pub(super) opened: &'w OpenedPath,
    /// The file that needs it; `None` for a requested program.
    pub(super) by: Option<&'w OpenedPath>,
    pub(super) kind: DependencyKind,
}

/// Why a path is needed.
pub(super) enum DependencyKind {
    /// An entry of a dynamic section. These are apart because there are many of them, and most are the same in many
    /// programs.
    Needed(NameId, Rule),
    /// Anything else.
    Other(Box<Why>),
}

impl DependencyKind {
    pub(super) fn other(why: Why) -> Self {
        DependencyKind::Other(Box::new(why))
    }

    fn into_why(self, names: &Names) -> Why {
        match self {
            DependencyKind::Needed(soname, rule) => {
                Why::Needed { soname: names.text(soname).to_owned(), rule: rule.to_string() }
            }
            DependencyKind::Other(why) => *why,
        }
    }
}

/// Collects members; a path is one member with all its reasons.
pub(super) struct Merge<'a> {
    names: &'a Names,
    members: Vec<Member>,
    /// Members by the number of their file: found without a look at the path.
    files: HashMap<NameId, usize, RandomState>,
    /// Members by the path's text.
    paths: HashMap<OsString, usize, RandomState>,
    /// Dependencies that were merged before: the file that needs it, the name, the path.
    merged: HashSet<(NameId, NameId, PathId), RandomState>,
    /// The reasons that members have already.
    recorded: HashSet<(usize, ReasonKey), RandomState>,
}

/// A reason to compare; the most frequent kind has no text.
#[derive(PartialEq, Eq, Hash)]
enum ReasonKey {
    /// An entry of a dynamic section: the file that needs it, and the name.
    Needed(NameId, NameId),
    /// Anything else.
    Other(Reason),
}

impl<'a> Merge<'a> {
    /// `names` must be those of the dependencies that are added.
    pub(super) fn new(names: &'a Names) -> Self {
        Self {
            names,
            members: Vec::new(),
            files: HashMap::default(),
            paths: HashMap::default(),
            merged: HashSet::default(),
            recorded: HashSet::default(),
        }
    }

    /// Everything that was added, in the order of the additions.
    pub(super) fn into_closure(self, machine: Option<Machine>) -> Closure {
        Closure { members: self.members, machine }
    }

    pub(super) fn add_all(&mut self, dependencies: Vec<Dependency>) {
        dependencies.into_iter().for_each(|dependency| self.add(dependency));
    }

    /// Adds a path with every link on the way to it.
    ///
    /// The reason belongs to the path that was opened; if that is a link, the reason of the file at its end is
    /// [`Why::LinkTarget`].
    fn add(&mut self, Dependency { opened, by, kind }: Dependency) {
        let needed = match (&kind, by) {
            (DependencyKind::Needed(name, _), Some(by)) => Some((by.file, *name)),
            _ => None,
        };
        // Most programs have the same dependencies, and to compare numbers is faster than to compare texts.
        if let Some((by, name)) = needed
            && !self.merged.insert((by, name, opened.id))
        {
            return;
        }
        let by = by.map(|by| by.resolved.file.clone());
        let reason = Reason { by, why: kind.into_why(self.names) };
        let key = || match needed {
            Some((by, name)) => ReasonKey::Needed(by, name),
            None => ReasonKey::Other(reason.clone()),
        };
        let last_link = self.add_links(opened, &reason, &key);
        let member = self.file_member(opened);
        match last_link {
            Some(link) => self.record_link_target(member, link),
            None => self.record(member, &reason, key()),
        }
    }

    /// Adds the links on the way to a file. The result is the last link that is a whole path, not a directory in one.
    fn add_links<'p>(
        &mut self,
        opened: &'p OpenedPath,
        reason: &Reason,
        key: &impl Fn() -> ReasonKey,
    ) -> Option<&'p Path> {
        let mut last_link: Option<&Path> = None;
        for link in &opened.resolved.links {
            let member = self.member_at(&link.path, || MemberKind::Symlink { target: link.target.clone() });
            match last_link {
                Some(previous) if link.is_last => self.record_link_target(member, previous),
                _ if link.is_last => self.record(member, reason, key()),
                // A link among the directories: everything below it is a reason for it, the first one is enough.
                _ if self.members[member].reasons.is_empty() => {
                    let target = last_link.map(link_target_of);
                    self.members[member].reasons.push(target.unwrap_or_else(|| way_to(reason)));
                }
                _ => {}
            }
            last_link = if link.is_last { Some(&link.path) } else { last_link };
        }
        last_link
    }

    fn record_link_target(&mut self, member: usize, link: &Path) {
        let reason = link_target_of(link);
        self.record(member, &reason, ReasonKey::Other(reason.clone()));
    }

    fn record(&mut self, member: usize, reason: &Reason, key: ReasonKey) {
        if self.recorded.insert((member, key)) {
            self.members[member].reasons.push(reason.clone());
        }
    }

    fn file_member(&mut self, opened: &OpenedPath) -> usize {
        if let Some(&index) = self.files.get(&opened.file) {
            return index;
        }
        let index = self.member_at(&opened.resolved.file, || MemberKind::File);
        self.files.insert(opened.file, index);
        index
    }

    fn member_at(&mut self, path: &Path, kind: impl FnOnce() -> MemberKind) -> usize {
        if let Some(&index) = self.paths.get(path.as_os_str()) {
            return index;
        }
        self.paths.insert(path.into(), self.members.len());
        self.members.push(Member { path: path.to_owned(), kind: kind(), reasons: Vec::new() });
        self.members.len() - 1
    }
}

/// Why a link among the directories of a path is needed. It is not itself what the caller requested.
fn way_to(reason: &Reason) -> Reason {
    match reason.why {
        Why::Requested { .. } => Reason { by: None, why: Why::Directory },
        _ => reason.clone(),
    }
}

/// Why a file is needed that a link leads to.
fn link_target_of(link: &Path) -> Reason {
    Reason { by: Some(link.to_owned()), why: Why::LinkTarget }
}
