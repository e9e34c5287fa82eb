//! Many programs' dependencies to one closure: a path is one member, with everybody who asked for it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;

use foldhash::fast::RandomState;

use crate::closure::{Closure, Member, MemberKind, Reason, Why};
use crate::loader::Rule;
use crate::loader::names::{NameId, Names};
use crate::loader::objects::{Place, PlaceId};

/// One path that something asks for.
pub(super) struct Use<'w> {
    pub place: &'w Place,
    pub by: Option<&'w Place>,
    pub claim: Claim,
}

/// What it is asked for as.
pub(super) enum Claim {
    /// A dependency: there are many of them, and most are the same in many programs.
    Needed(NameId, Rule),
    /// Anything else.
    Other(Box<Why>),
}

impl Claim {
    pub fn other(why: Why) -> Self {
        Claim::Other(Box::new(why))
    }

    fn into_why(self, names: &Names) -> Why {
        match self {
            Claim::Needed(soname, rule) => {
                Why::Needed { soname: names.text(soname).to_owned(), rule: rule.to_string() }
            }
            Claim::Other(why) => *why,
        }
    }
}

/// Collects members; a path is one member with all its reasons.
pub(super) struct Merge<'a> {
    names: &'a Names,
    members: Vec<Member>,
    /// Members by the number of their file, for those that were asked for.
    files: HashMap<NameId, usize, RandomState>,
    /// Members by the path's text.
    paths: HashMap<OsString, usize, RandomState>,
    /// Dependencies that are in already: asker, name and place.
    known: HashSet<(NameId, NameId, PlaceId), RandomState>,
    /// What a member's reasons say already.
    told: HashSet<(usize, Short), RandomState>,
}

/// A reason without a text for what there is most of.
#[derive(PartialEq, Eq, Hash)]
enum Short {
    /// A dependency: asker and name.
    Needed(NameId, NameId),
    /// Anything else.
    Other(Reason),
}

impl<'a> Merge<'a> {
    /// Nothing yet. `names` are those of the claims.
    pub fn new(names: &'a Names) -> Self {
        Self {
            names,
            members: Vec::new(),
            files: HashMap::default(),
            paths: HashMap::default(),
            known: HashSet::default(),
            told: HashSet::default(),
        }
    }

    /// Everything that was added, in the order in which it came.
    pub fn into_closure(self) -> Closure {
        Closure { members: self.members }
    }

    /// Adds what one program needs.
    pub fn add_all(&mut self, uses: Vec<Use>) {
        uses.into_iter().for_each(|one| self.add(one));
    }

    /// Adds a path with every link on the way to it.
    ///
    /// The asker's reason belongs to the path asked for; behind a link stands [`Why::LinkTarget`].
    fn add(&mut self, one: Use) {
        let place = one.place;
        let short = match (&one.claim, one.by) {
            (Claim::Needed(name, _), Some(by)) => Some((by.file, *name)),
            _ => None,
        };
        // Most programs of a closure have the same dependencies: they are told apart without a look at any text.
        if let Some((by, name)) = short
            && !self.known.insert((by, name, place.id))
        {
            return;
        }
        let by = one.by.map(|asker| asker.trail.file.clone());
        let reason = Reason { by, why: one.claim.into_why(self.names) };
        let short = |reason: &Reason| match short {
            Some((by, name)) => Short::Needed(by, name),
            None => Short::Other(reason.clone()),
        };
        let mut last_link: Option<&Path> = None;
        for link in &place.trail.links {
            let member = self.at(&link.path, || MemberKind::Symlink { target: link.target.clone() });
            match last_link {
                Some(before) if link.is_last => self.tell_target(member, before),
                _ if link.is_last => self.tell(member, &reason, short(&reason)),
                // Among the directories of a path: everything below it would be a reason, the first is enough.
                _ if self.members[member].reasons.is_empty() => {
                    let target = last_link.map(behind);
                    self.members[member].reasons.push(target.unwrap_or_else(|| reason.clone()));
                }
                _ => {}
            }
            last_link = if link.is_last { Some(&link.path) } else { last_link };
        }
        let member = self.file(place);
        match last_link {
            Some(link) => self.tell_target(member, link),
            None => self.tell(member, &reason, short(&reason)),
        }
    }

    fn tell_target(&mut self, member: usize, link: &Path) {
        let reason = behind(link);
        self.tell(member, &reason, Short::Other(reason.clone()));
    }

    fn tell(&mut self, member: usize, reason: &Reason, short: Short) {
        if self.told.insert((member, short)) {
            self.members[member].reasons.push(reason.clone());
        }
    }

    fn file(&mut self, place: &Place) -> usize {
        if let Some(&index) = self.files.get(&place.file) {
            return index;
        }
        let index = self.at(&place.trail.file, || MemberKind::File);
        self.files.insert(place.file, index);
        index
    }

    fn at(&mut self, path: &Path, kind: impl FnOnce() -> MemberKind) -> usize {
        if let Some(&index) = self.paths.get(path.as_os_str()) {
            return index;
        }
        self.paths.insert(path.into(), self.members.len());
        self.members.push(Member { path: path.to_owned(), kind: kind(), reasons: Vec::new() });
        self.members.len() - 1
    }
}

/// Why something is there that a link leads to.
fn behind(link: &Path) -> Reason {
    Reason { by: Some(link.to_owned()), why: Why::LinkTarget }
}
