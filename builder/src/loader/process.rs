//! One program as the loader lays it out: what is loaded, in which order, asked for by whom, found by which rule.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{NameId, Names};
use super::objects::{Content, Objects, Place};
use super::{Fatal, Found, Journal, Loader, Outcome, Rule, Setting, Unusable};
use crate::elf::{Abi, ElfFacts, NeededTag};

/// The objects of one program. Index 0 is the program itself, index 1 its loader.
pub struct Process<'w> {
    pub(super) objects: &'w Objects<'w>,
    pub(super) loader: Arc<Loader>,
    pub(super) setting: &'w Setting,
    /// In load order.
    pub loaded: Vec<Loaded<'w>>,
    /// Every dependency that was satisfied, in the order of the walk.
    pub edges: Vec<Edge<'w>>,
    /// Every dependency that was not.
    pub missing: Vec<Missing>,
    /// For each name the number of the object that answers to it, the first in load order; 0 is none.
    ///
    /// Numbers count from 1 and have 32 bits: there are thousands of processes in a large closure.
    answers: Vec<u32>,
    /// The order in which dependencies are loaded; it differs from the load order where there are filters.
    walk: Vec<usize>,
    /// How many of `walk`, from its start, had their dependencies loaded.
    walked: usize,
}

/// An object in the address space.
#[derive(Debug, Clone)]
pub struct Loaded<'w> {
    /// The path as opened, and the file. For the program, links are followed.
    pub place: &'w Place,
    /// The object that brought it in; an index into `loaded`.
    pub loader: Option<usize>,
    /// `DT_RPATH`, expanded.
    pub(super) rpath: Vec<PathBuf>,
    /// `DT_RUNPATH`, expanded.
    pub(super) runpath: Vec<PathBuf>,
    /// It, or an object above it, has a run path that those below inherit.
    bequeaths: bool,
}

/// One satisfied dependency; `by` and `to` are indices into `loaded`.
#[derive(Debug, Clone)]
pub struct Edge<'w> {
    /// Who asked.
    pub by: usize,
    /// What it got.
    pub to: usize,
    /// The name as written in the dynamic section.
    pub name: NameId,
    /// The rule that found it.
    pub rule: Rule,
    /// The path that was opened, where one was: it can be another name of an object that is loaded already.
    pub opened: Option<&'w Place>,
}

/// One dependency that no rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Who asked; an index into `loaded`.
    pub by: usize,
    /// The name it asked for.
    pub name: NameId,
    /// How it asked: a program starts without what a `DT_AUXILIARY` names.
    pub tag: NeededTag,
}

impl<'w> Loaded<'w> {
    /// What the file says; every loaded object has been checked to be ELF.
    pub fn facts(&self) -> &'w ElfFacts {
        match &self.place.object.content {
            Content::Elf(facts) => facts,
            _ => unreachable!("only ELF objects are loaded"),
        }
    }

    /// The path as opened.
    pub fn path(&self) -> &'w Path {
        &self.place.path
    }
}

impl<'w> Process<'w> {
    /// Starts `program`, which must be an ELF file, with its loader; nothing else is loaded yet.
    ///
    /// There must be no link in the program's path. `itself` is the loader's own file.
    pub fn start(
        objects: &'w Objects<'w>,
        loader: Arc<Loader>,
        setting: &'w Setting,
        program: &'w Place,
        itself: &'w Place,
    ) -> Self {
        let name = loader.name;
        let mut process = Self {
            objects,
            loader,
            setting,
            loaded: vec![],
            edges: vec![],
            missing: vec![],
            answers: vec![],
            walk: vec![],
            walked: 0,
        };
        process.push(program, None);
        process.push(itself, None);
        process.answer(name, 1);
        // glibc calls the program by the empty name.
        process.answer(Names::EMPTY, 0);
        process
    }

    /// A name space of its own in the same process (dlmopen(3)): the program's libraries are not loaded in it.
    pub fn apart(mut self) -> Self {
        self.walked = self.walk.len();
        self
    }

    /// Loads what /etc/ld.so.preload names, then everything that is needed, breadth first.
    pub fn load_all(&mut self) -> Result<(), Fatal> {
        let loader = Arc::clone(&self.loader);
        for name in loader.preloads() {
            // A preload that cannot be found is ignored by the loader, with a message.
            self.load(0, self.objects.names().id(name), Some(Rule::Preload))?;
        }
        self.load_needed()
    }

    /// Loads `name` as dlopen(3) called by the object `by` would, with all that it needs.
    ///
    /// False when that is not possible: then the process is as before.
    pub fn dlopen(&mut self, by: usize, name: &OsStr) -> bool {
        let (loaded, edges, missing) = (self.loaded.len(), self.edges.len(), self.missing.len());
        let name = self.objects.names().id(name);
        let is_loaded = matches!(self.load(by, name, None), Ok(Some(_)));
        let is_complete = is_loaded && self.load_needed().is_ok();
        if is_complete && self.missing[missing..].iter().all(|m| m.tag == NeededTag::Auxiliary) {
            return true;
        }
        self.loaded.truncate(loaded);
        self.edges.truncate(edges);
        self.missing.truncate(missing);
        self.walk.retain(|index| *index < loaded);
        self.walked = self.walk.len();
        self.answers.iter_mut().filter(|number| **number as usize > loaded).for_each(|number| *number = 0);
        false
    }

    /// Every path that a search for `name` by the object `by` tries, in order.
    pub fn attempts(&self, by: usize, name: &OsStr) -> Vec<super::Attempt> {
        let mut journal = Journal::kept();
        let name = self.loader.expand_name(self, by, name);
        // The journal ends with the file that ended the search: the error says nothing more.
        let _ = self.loader.search(self, by, &name, &mut journal);
        journal.into_attempts()
    }

    /// A name as text.
    pub fn name(&self, name: NameId) -> &'w OsStr {
        self.objects.names().text(name)
    }

    /// The version of its glibc; `None` for another libc.
    pub fn glibc_version(&self) -> Option<(u32, u32)> {
        self.loader.glibc_version()
    }

    /// The loader's own path, as the program names it.
    pub fn loader_path(&self) -> &Path {
        self.loader.path()
    }

    /// The chain of objects from `index` up to the program.
    pub fn chain(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(index), |&i| self.loaded[i].loader)
    }

    /// The program's class and machine: what every library must have.
    pub(super) fn abi(&self) -> Abi {
        self.loaded[0].facts().abi
    }

    fn load_needed(&mut self) -> Result<(), Fatal> {
        while let Some(&by) = self.walk.get(self.walked) {
            let object = &self.loaded[by].place.object;
            for (name, needed) in object.needed.iter().zip(&self.loaded[by].facts().needed) {
                self.load_one(by, *name, needed.tag)?;
            }
            self.move_behind_walked(by);
        }
        Ok(())
    }

    /// An object is done: what now stands before it are its filters, whose turn is next.
    fn move_behind_walked(&mut self, done: usize) {
        if self.walk[self.walked] != done {
            self.walk.retain(|index| *index != done);
            self.walk.insert(self.walked, done);
        }
        self.walked += 1;
    }

    fn load_one(&mut self, by: usize, name: NameId, tag: NeededTag) -> Result<(), Fatal> {
        let found = match self.load(by, name, None) {
            Err(_) if tag == NeededTag::Auxiliary => return Ok(()),
            other => other?,
        };
        match found {
            None => self.missing.push(Missing { by, name, tag }),
            Some(to) if tag != NeededTag::Needed => self.put_before(by, to),
            Some(_) => {}
        }
        Ok(())
    }

    /// A filter's dependencies are loaded before those of anything else that waits (`_dl_map_object_deps`).
    fn put_before(&mut self, by: usize, filter: usize) {
        let place = |process: &Self, index| process.walk.iter().position(|&i| i == index);
        if let (Some(current), Some(later)) = (place(self, by), place(self, filter))
            && later > current
        {
            let moved = self.walk.remove(later);
            self.walk.insert(current, moved);
        }
    }

    fn load(&mut self, by: usize, raw: NameId, rule: Option<Rule>) -> Result<Option<usize>, Fatal> {
        // Most names are known, and then nobody has to look at their text.
        if let Some(to) = self.answerer(raw) {
            return Ok(Some(self.note_known(by, to, raw)));
        }
        let name = self.expanded(by, raw);
        if let Some(to) = self.known(name) {
            return Ok(Some(self.note_known(by, to, raw)));
        }
        let Some(found) = self.search(by, name)? else { return Ok(None) };
        let place = self.objects.place(found.place);
        // The program was mapped by the kernel: the loader does not know its inode.
        let is_same = |loaded: &Loaded| Arc::ptr_eq(&loaded.place.object, &place.object);
        let to = match self.loaded.iter().skip(1).position(is_same) {
            Some(index) => index + 1,
            None => self.push(place, Some(by)),
        };
        self.answer(name, to);
        self.edges.push(Edge { by, to, name: raw, rule: rule.unwrap_or(found.rule), opened: Some(place) });
        Ok(Some(to))
    }

    /// The name with its tokens replaced.
    fn expanded(&self, by: usize, raw: NameId) -> NameId {
        if !raw.has_token() {
            return raw;
        }
        self.objects.names().id(&self.loader.expand_name(self, by, self.name(raw)))
    }

    fn search(&self, by: usize, name: NameId) -> Result<Option<Found>, Fatal> {
        let found = if self.is_plain(by) {
            self.loader.search_plainly(self, by, name)
        } else {
            self.loader.search(self, by, self.name(name), &mut Journal::default())
        };
        found.map_err(|(path, unusable)| Fatal {
            by: self.loaded[by].path().to_owned(),
            name: self.name(name).to_owned(),
            path,
            unusable,
        })
    }

    fn note_known(&mut self, by: usize, to: usize, name: NameId) -> usize {
        let rule = if to == 1 { Rule::Itself } else { Rule::Loaded };
        self.edges.push(Edge { by, to, name, rule, opened: None });
        to
    }

    /// The object that is loaded already, whatever the name says of it.
    fn known(&self, name: NameId) -> Option<usize> {
        if self.loader.is_musl() && super::musl::is_itself(self.name(name)) {
            return Some(1);
        }
        self.answerer(name).or_else(|| if name.has_slash() { self.opened_as(self.name(name)) } else { None })
    }

    fn opened_as(&self, path: &OsStr) -> Option<usize> {
        let is_same = |loaded: &Loaded| loaded.path().as_os_str() == path;
        self.loaded.iter().skip(1).position(is_same).map(|index| index + 1)
    }

    /// The object that has the name, by a search or by its SONAME.
    fn answerer(&self, name: NameId) -> Option<usize> {
        self.answers.get(name.index()).and_then(|number| (*number as usize).checked_sub(1))
    }

    /// From now on `to` answers to a name, unless another object does.
    fn answer(&mut self, name: NameId, to: usize) {
        let index = name.index();
        if self.answers.len() <= index {
            self.answers.resize(index + 1, 0);
        }
        if self.answers[index] == 0 {
            self.answers[index] = to as u32 + 1;
        }
    }

    fn push(&mut self, place: &'w Place, by: Option<usize>) -> usize {
        let soname = place.object.soname;
        let mut loaded = Loaded { place, loader: by, rpath: vec![], runpath: vec![], bequeaths: false };
        loaded.rpath = self.loader.run_path(self.setting, &loaded, loaded.facts().rpath.as_deref());
        loaded.runpath = self.loader.run_path(self.setting, &loaded, loaded.facts().runpath.as_deref());
        // RUNPATH is not inherited with glibc, but it is with musl.
        let own = !loaded.rpath.is_empty() || (self.loader.is_musl() && !loaded.runpath.is_empty());
        loaded.bequeaths = own || by.is_some_and(|above| self.loaded[above].bequeaths);
        self.loaded.push(loaded);
        let index = self.loaded.len() - 1;
        self.walk.push(index);
        // musl does not look at sonames.
        if let Some(soname) = soname.filter(|_| !self.loader.is_musl()) {
            self.answer(soname, index);
        }
        index
    }

    /// Whether a search by this object depends on nothing but the name.
    fn is_plain(&self, by: usize) -> bool {
        let asker = &self.loaded[by];
        let inherits = asker.bequeaths || self.loaded[0].bequeaths;
        !inherits && asker.runpath.is_empty() && !asker.facts().no_default_lib
    }
}

/// The directory part of a path as it is written: `$ORIGIN`.
pub(super) fn directory(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().rposition(|&b| b == b'/') {
        Some(0) => b"/",
        Some(at) => &bytes[..at],
        None => b".",
    }
}

/// What trying one path means for the list it stands in.
pub(super) enum Tried {
    Found(Found),
    /// Go on with the next candidate.
    Next,
    /// Go on with the next rule.
    EndOfList,
}

/// Opens one candidate and judges it as glibc's `open_verify` and `_dl_map_object_from_fd` do.
pub(super) fn try_glibc(
    process: &Process,
    path: &Path,
    rule: Rule,
    journal: &mut Journal,
) -> Result<Tried, (PathBuf, Unusable)> {
    let opened = process.objects.open(path);
    let outcome = match &opened {
        Err(errno) => Outcome::Errno(*errno),
        Ok(place) => judge(&place.object.content, process.abi()),
    };
    journal.note(path, rule, || outcome.clone());
    match (outcome, opened) {
        (Outcome::Found, Ok(place)) => Ok(Tried::Found(Found { place: place.id, rule })),
        (Outcome::Fatal(unusable), _) => Err((path.to_owned(), unusable)),
        (Outcome::Errno(rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS), _) => Ok(Tried::Next),
        (Outcome::Errno(_), _) => Ok(Tried::EndOfList),
        _ => Ok(Tried::Next),
    }
}

/// Whether a file can be loaded as a library into a process of `abi`.
fn judge(content: &Content, abi: Abi) -> Outcome {
    match content {
        Content::Elf(facts) if facts.abi != abi => Outcome::OtherAbi(facts.abi),
        Content::BadElf(other, _) if *other != abi => Outcome::OtherAbi(*other),
        Content::Elf(facts) if !facts.has_dynamic_section => Outcome::Fatal(Unusable::NoDynamicSection),
        Content::Elf(facts) if facts.is_pie => Outcome::Fatal(Unusable::Program),
        Content::Elf(_) => Outcome::Found,
        Content::BadElf(_, error) | Content::NotElf { error, .. } => Outcome::Fatal(error.clone().into()),
        Content::Directory => Outcome::Fatal(Unusable::Directory),
        Content::Special => Outcome::Fatal(Unusable::Special),
    }
}
