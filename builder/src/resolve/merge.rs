//! Many programs' dependencies to one closure: a path is one member, with everybody who asked for it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use crate::closure::{Closure, Member, MemberKind, Reason, Why};
use crate::loader::Rule;
use crate::loader::names::{NameId, Names};
use crate::loader::objects::Place;

/// One path that something asks for.
pub(super) struct Use {
    pub place: Arc<Place>,
    pub by: Option<Arc<Place>>,
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
                Why::Needed { soname: names.text(soname).as_ref().to_owned(), rule: rule.to_string() }
            }
            Claim::Other(why) => *why,
        }
    }
}

/// Collects members; a path is one member with all its reasons.
pub(super) struct Merge<'a> {
    names: &'a Names,
    members: Vec<Member>,
    /// By the path's text.
    places: HashMap<OsString, usize>,
    /// Dependencies that are in already: asker, name and place.
    known: HashSet<(Address, NameId, Address)>,
    /// Members that have a dependency among their reasons already: member, asker and name.
    told: HashSet<(usize, Address, NameId)>,
}

/// Askers and places are compared by address; `Objects` keeps each of them once, and alive.
type Address = usize;

impl<'a> Merge<'a> {
    /// Nothing yet. `names` are those of the claims.
    pub fn new(names: &'a Names) -> Self {
        let (members, places) = (Vec::new(), HashMap::new());
        Self { names, members, places, known: HashSet::new(), told: HashSet::new() }
    }

    /// Everything that was added, in the order in which it came.
    pub fn into_closure(self) -> Closure {
        Closure { members: self.members }
    }

    /// Adds a path with every link on the way to it.
    ///
    /// The asker's reason belongs to the path asked for; behind a link stands [`Why::LinkTarget`].
    pub fn add(&mut self, one: Use) {
        let place = one.place;
        let dependency = match (&one.claim, &one.by) {
            (Claim::Needed(name, _), Some(by)) => Some((Arc::as_ptr(by).addr(), *name)),
            _ => None,
        };
        // Most programs of a closure have the same dependencies: they are told apart without a look at any text.
        if let Some((by, name)) = dependency
            && !self.known.insert((by, name, Arc::as_ptr(&place).addr()))
        {
            return;
        }
        let by = one.by.map(|asker| asker.trail.file.clone());
        let mut reason = (Reason { by, why: one.claim.into_why(self.names) }, dependency);
        for link in &place.trail.links {
            let member = self.member(&link.path, || MemberKind::Symlink { target: link.target.clone() });
            if link.is_last {
                let behind = Reason { by: Some(link.path.clone()), why: Why::LinkTarget };
                let (reason, dependency) = std::mem::replace(&mut reason, (behind, None));
                self.tell(member, reason, dependency);
            } else if self.members[member].reasons.is_empty() {
                // Among the directories of a path: everything below it would be a reason, the first is enough.
                self.members[member].reasons.push(reason.0.clone());
            }
        }
        let member = self.member(&place.trail.file, || MemberKind::File);
        self.tell(member, reason.0, reason.1);
    }

    fn member(&mut self, path: &Path, kind: impl FnOnce() -> MemberKind) -> usize {
        if let Some(&index) = self.places.get(path.as_os_str()) {
            return index;
        }
        self.places.insert(path.into(), self.members.len());
        self.members.push(Member { path: path.to_owned(), kind: kind(), reasons: Vec::new() });
        self.members.len() - 1
    }

    fn tell(&mut self, member: usize, reason: Reason, dependency: Option<(Address, NameId)>) {
        let reasons = &mut self.members[member].reasons;
        let is_new = match dependency {
            Some((by, name)) => self.told.insert((member, by, name)),
            None => !reasons.contains(&reason),
        };
        if is_new {
            reasons.push(reason);
        }
    }
}
