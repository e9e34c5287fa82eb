//! One program as the loader lays it out: what is loaded, in which order, asked for by whom, found by which rule.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::objects::{Content, Object, Objects};
use super::{Fatal, Found, Journal, Loader, Outcome, Rule, Setting, Unusable};
use crate::elf::{Abi, ElfFacts, Needed, NeededTag};

/// The objects of one program. Index 0 is the program itself, index 1 its loader.
pub struct Process<'w> {
    pub(super) objects: &'w Objects<'w>,
    pub(super) loader: Arc<Loader>,
    pub(super) setting: &'w Setting,
    /// In load order.
    pub loaded: Vec<Loaded>,
    /// Every dependency that was satisfied, in the order of the walk.
    pub edges: Vec<Edge>,
    /// Every dependency that was not.
    pub missing: Vec<Missing>,
    /// The order in which dependencies are loaded; it differs from the load order where there are filters.
    walk: Vec<usize>,
    /// How many of `walk`, from its start, had their dependencies loaded.
    walked: usize,
}

/// An object in the address space.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The path as opened, links not followed. For the program: links followed, as /proc/self/exe tells it.
    pub path: PathBuf,
    /// The file.
    pub object: Arc<Object>,
    /// The names it was asked for by.
    names: Vec<OsString>,
    /// The object that brought it in; an index into `loaded`.
    pub loader: Option<usize>,
    /// `DT_RPATH`, expanded.
    pub(super) rpath: Vec<PathBuf>,
    /// `DT_RUNPATH`, expanded.
    pub(super) runpath: Vec<PathBuf>,
}

/// One satisfied dependency; `by` and `to` are indices into `loaded`.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Who asked.
    pub by: usize,
    /// What it got.
    pub to: usize,
    /// The name as written in the dynamic section.
    pub name: OsString,
    /// The rule that found it.
    pub rule: Rule,
    /// The path that was opened, where one was: it can be another name of an object that is loaded already.
    pub opened: Option<PathBuf>,
}

/// One dependency that no rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Who asked; an index into `loaded`.
    pub by: usize,
    /// The name it asked for.
    pub name: OsString,
    /// How it asked: a program starts without what a `DT_AUXILIARY` names.
    pub tag: NeededTag,
}

impl Loaded {
    /// What the file says; every loaded object has been checked to be ELF.
    pub fn facts(&self) -> &ElfFacts {
        match &self.object.content {
            Content::Elf(facts) => facts,
            _ => unreachable!("only ELF objects are loaded"),
        }
    }

    fn answers_to(&self, name: &OsStr) -> bool {
        self.names.iter().any(|n| n == name) || self.path.as_os_str() == name
    }
}

impl<'w> Process<'w> {
    /// Starts `program`, which must be an ELF file, with its loader; nothing else is loaded yet.
    ///
    /// `path` is where the program stands with all links followed. `itself` is the loader's own file.
    pub fn start(
        objects: &'w Objects<'w>,
        loader: Arc<Loader>,
        setting: &'w Setting,
        path: &Path,
        program: Arc<Object>,
        itself: Arc<Object>,
    ) -> Self {
        let loader_path = loader.path().to_owned();
        let mut process = Self {
            objects,
            loader,
            setting,
            loaded: vec![],
            edges: vec![],
            missing: vec![],
            walk: vec![],
            walked: 0,
        };
        process.push(path.to_owned(), program, Vec::new(), None);
        let name = loader_path.clone().into_os_string();
        process.push(loader_path, itself, vec![name], None);
        process
    }

    /// Loads what /etc/ld.so.preload names, then everything that is needed, breadth first.
    pub fn load_all(&mut self) -> Result<(), Fatal> {
        for name in self.loader.preloads(self.setting) {
            // A preload that cannot be found is ignored by the loader, with a message.
            self.load(0, &name, Some(Rule::Preload))?;
        }
        self.load_needed()
    }

    /// Loads `name` as dlopen(3) called by the object `by` would, with all that it needs. `None`: not found.
    pub fn dlopen(&mut self, by: usize, name: &OsStr) -> Result<Option<usize>, Fatal> {
        let index = self.load(by, name, None)?;
        self.load_needed()?;
        Ok(index)
    }

    /// Where `name`, asked for by the object `by`, would be found.
    pub(super) fn search(
        &self,
        by: usize,
        name: &OsStr,
        journal: &mut Journal,
    ) -> Result<Option<Found>, Fatal> {
        let end = |(path, unusable)| Fatal {
            by: self.loaded[by].path.clone(),
            name: name.to_owned(),
            path,
            unusable,
        };
        match &*self.loader {
            Loader::Glibc(glibc) => glibc.search(self, by, name, journal).map_err(end),
            Loader::Musl(musl) => musl.search(self, by, name, journal).map_err(end),
        }
    }

    /// Every path that a search for `name` by the object `by` tries, in order.
    pub fn attempts(&self, by: usize, name: &OsStr) -> Vec<super::Attempt> {
        let mut journal = Journal::kept();
        // The journal ends with the file that ended the search: the error says nothing more.
        let _ = self.search(by, name, &mut journal);
        journal.into_attempts()
    }

    /// The loader's own path, as the program names it.
    pub fn loader_path(&self) -> &Path {
        self.loader.path()
    }

    /// The tree that the paths are in.
    pub fn sysroot(&self) -> &'w crate::sysroot::Sysroot {
        self.objects.sysroot()
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
            let object = Arc::clone(&self.loaded[by].object);
            if let Content::Elf(facts) = &object.content {
                for needed in &facts.needed {
                    self.load_one(by, needed)?;
                }
            }
            let at = self.walk.iter().position(|&index| index == by).unwrap_or(self.walked);
            self.move_behind_walked(at);
        }
        Ok(())
    }

    /// The object at `at` is done: what stands before it are its filters, whose turn is next.
    fn move_behind_walked(&mut self, at: usize) {
        let done = self.walk.remove(at);
        self.walk.insert(self.walked, done);
        self.walked += 1;
    }

    fn load_one(&mut self, by: usize, needed: &Needed) -> Result<(), Fatal> {
        let found = match self.load(by, &needed.name, None) {
            Err(_) if needed.tag == NeededTag::Auxiliary => return Ok(()),
            other => other?,
        };
        match found {
            None => self.missing.push(Missing { by, name: needed.name.clone(), tag: needed.tag }),
            Some(to) if needed.tag != NeededTag::Needed => self.put_before(by, to),
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

    fn load(&mut self, by: usize, raw: &OsStr, rule: Option<Rule>) -> Result<Option<usize>, Fatal> {
        let name = self.loader.expand_name(self, by, raw);
        if let Some((to, rule)) = self.known(&name) {
            self.edges.push(Edge { by, to, name: raw.to_owned(), rule, opened: None });
            return Ok(Some(to));
        }
        let Some(found) = self.search(by, &name, &mut Journal::default())? else { return Ok(None) };
        // The program was mapped by the kernel: the loader does not know its inode.
        let same = self.loaded.iter().skip(1).position(|l| l.object.id == found.object.id);
        let to = match same.map(|index| index + 1) {
            Some(same) => {
                self.loaded[same].names.push(name);
                same
            }
            None => self.push(found.path.clone(), found.object, vec![name], Some(by)),
        };
        let rule = rule.unwrap_or(found.rule);
        self.edges.push(Edge { by, to, name: raw.to_owned(), rule, opened: Some(found.path) });
        Ok(Some(to))
    }

    /// The object that answers to `name` without a search.
    fn known(&self, name: &OsStr) -> Option<(usize, Rule)> {
        if let Loader::Musl(_) = *self.loader {
            if super::musl::is_itself(name) {
                return Some((1, Rule::Itself));
            }
            let asked_before = |l: &Loaded| l.names.iter().any(|n| n == name);
            return self.loaded.iter().position(asked_before).map(|to| (to, Rule::Loaded));
        }
        let matches = |(index, l): (usize, &Loaded)| {
            (index > 0 && l.answers_to(name)) || l.facts().soname.as_deref() == Some(name)
        };
        let to = self.loaded.iter().enumerate().position(matches)?;
        Some((to, if to == 1 { Rule::Itself } else { Rule::Loaded }))
    }

    fn push(&mut self, path: PathBuf, object: Arc<Object>, names: Vec<OsString>, by: Option<usize>) -> usize {
        let mut loaded = Loaded { path, object, names, loader: by, rpath: vec![], runpath: vec![] };
        loaded.rpath = self.loader.run_path(self.setting, &loaded, loaded.facts().rpath.as_deref());
        loaded.runpath = self.loader.run_path(self.setting, &loaded, loaded.facts().runpath.as_deref());
        self.loaded.push(loaded);
        self.walk.push(self.loaded.len() - 1);
        self.loaded.len() - 1
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
    path: PathBuf,
    rule: Rule,
    journal: &mut Journal,
) -> Result<Tried, (PathBuf, Unusable)> {
    let (outcome, object) = match process.objects.open(&path) {
        Err(errno) => (Outcome::Errno(errno), None),
        Ok(object) => match judge(&object.content, process.abi()) {
            Outcome::Found => (Outcome::Found, Some(object)),
            other => (other, None),
        },
    };
    journal.note(&path, rule, || outcome.clone());
    match (outcome, object) {
        (Outcome::Found, Some(object)) => Ok(Tried::Found(Found { path, object, rule })),
        (Outcome::Fatal(unusable), _) => Err((path, unusable)),
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
