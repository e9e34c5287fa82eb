//! One program as the loader lays it out: what is loaded, in which order, needed by what, found by which rule.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use super::attempt::{Attempt, Fatal, Found, Journal, Rule};
use super::flavour::Loader;
use super::loaded::{AddressSpace, LOADER, Loaded, PROGRAM};
use super::names::{NameId, Names};
use super::objects::{Objects, OpenedPath};
use super::setting::Setting;
use crate::elf::NeededTag;

/// The objects of one program. The first is the program itself, the second its loader.
pub struct Process<'w> {
    space: AddressSpace<'w>,
    loader: Arc<Loader>,
    /// Every dependency that was satisfied, in the order of the walk.
    pub(crate) edges: Vec<Edge<'w>>,
    /// Every dependency that was not.
    pub(crate) missing: Vec<Missing>,
    /// For each name the number of the object that answers to it, the first in load order; 0 when none does.
    ///
    /// Numbers count from 1 and have 32 bits: there are thousands of processes in a large closure.
    named: Vec<u32>,
    /// The order in which dependencies are loaded; filters make it differ from the load order.
    walk: Vec<usize>,
    /// How many of `walk`, from its start, had their dependencies loaded.
    walked: usize,
}

/// One satisfied dependency; `by` and `to` are indices of loaded objects.
#[derive(Debug, Clone)]
pub(crate) struct Edge<'w> {
    /// The object that needs it.
    pub(crate) by: usize,
    /// The object that it got.
    pub(crate) to: usize,
    /// The name as written in the dynamic section.
    pub(crate) name: NameId,
    /// The rule that found it.
    pub(crate) rule: Rule,
    /// The path that was opened, where one was: it can be another name of an object that is loaded already.
    pub(crate) opened: Option<&'w OpenedPath>,
}

/// One dependency that no rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The index of the object that needs it.
    pub(crate) by: usize,
    pub(crate) name: NameId,
    /// The tag that named it: a program starts without what a `DT_AUXILIARY` names.
    pub(crate) tag: NeededTag,
}

impl<'w> Process<'w> {
    /// Starts `program`, which must be an ELF file, with its loader; nothing else is loaded yet.
    ///
    /// There must not be a link in the program's path. `itself` is the loader's own file.
    pub(super) fn start(
        objects: &'w Objects<'w>,
        loader: Arc<Loader>,
        setting: &'w Setting,
        program: &'w OpenedPath,
        itself: &'w OpenedPath,
    ) -> Self {
        let name = loader.name;
        let mut process = Self {
            space: AddressSpace { objects, setting, loaded: vec![] },
            loader,
            edges: vec![],
            missing: vec![],
            named: vec![],
            walk: vec![],
            walked: 0,
        };
        process.push(program, None);
        process.push(itself, None);
        process.set_name(name, LOADER);
        // glibc calls the program by the empty name (elf/rtld.c, `_dl_new_object` of the main map).
        process.set_name(Names::EMPTY, PROGRAM);
        process
    }

    /// A name space of its own in the same process (dlmopen(3)): the program's libraries are not loaded in it.
    pub(crate) fn in_new_namespace(mut self) -> Self {
        self.walked = self.walk.len();
        self
    }

    /// Loads what /etc/ld.so.preload names, then everything that is needed, breadth first.
    ///
    /// # Errors
    /// The file at which the loader would end the program.
    pub fn load_all(&mut self) -> Result<(), Fatal> {
        let loader = Arc::clone(&self.loader);
        for name in loader.preloads() {
            // The loader prints a message about a preload that it does not find, and continues (ld.so(8)).
            self.load(PROGRAM, self.names().id(name), Some(Rule::Preload))?;
        }
        self.load_needed()
    }

    /// Loads `name` as dlopen(3) called by the object `by` would, with all that it needs.
    ///
    /// False when that is not possible: then the process is as before.
    pub(crate) fn dlopen(&mut self, by: usize, name: &OsStr) -> bool {
        let (loaded, edges, missing) = (self.space.loaded.len(), self.edges.len(), self.missing.len());
        let name = self.names().id(name);
        let is_loaded = matches!(self.load(by, name, None), Ok(Some(_)));
        let is_complete = is_loaded && self.load_needed().is_ok();
        if is_complete && self.missing[missing..].iter().all(|m| m.tag == NeededTag::Auxiliary) {
            return true;
        }
        self.space.loaded.truncate(loaded);
        self.edges.truncate(edges);
        self.missing.truncate(missing);
        self.walk.retain(|index| *index < loaded);
        self.walked = self.walk.len();
        self.named.iter_mut().filter(|number| **number as usize > loaded).for_each(|number| *number = 0);
        false
    }

    /// Loads the file `name` as dlopen(3) called by the program would, with those of its needs that are found: the rest
    /// is in [`Process::missing`]. Returns false if the file does not exist.
    ///
    /// # Errors
    /// A file that the loader cannot load.
    pub(crate) fn open_plugin(&mut self, name: &OsStr) -> Result<bool, Fatal> {
        let name = self.names().id(name);
        if self.load(PROGRAM, name, None)?.is_none() {
            return Ok(false);
        }
        self.load_needed().map(|()| true)
    }

    /// Every path that a search for `name` by the object `by` tries, in order.
    pub(crate) fn attempts(&self, by: usize, name: &OsStr) -> Vec<Attempt> {
        let mut journal = Journal::kept();
        let name = self.loader.expand_name(&self.space, by, name);
        // The last entry of the journal is the file that ended the search: the error adds nothing.
        let _ = self.loader.search(&self.space, by, &name, &mut journal);
        journal.into_attempts()
    }

    /// The objects that are loaded, in load order.
    pub(crate) fn loaded(&self) -> &[Loaded<'w>] {
        &self.space.loaded
    }

    /// The paths of the libraries that are loaded, as opened, in load order.
    pub fn libraries(&self) -> impl Iterator<Item = &'w Path> {
        self.space.loaded[LOADER + 1..].iter().map(Loaded::path)
    }

    /// The names that no rule found, in the order of the walk.
    pub fn missing_names(&self) -> impl Iterator<Item = &'w OsStr> {
        self.missing.iter().map(|missing| self.name(missing.name))
    }

    /// The objects whose dynamic section names `soname`.
    pub(crate) fn requesters(&self, soname: &OsStr) -> Vec<usize> {
        let loaded = self.space.loaded.iter().enumerate();
        let names_it = |object: &Loaded| object.facts().needed.iter().any(|needed| needed.name == soname);
        loaded.filter(|(_, object)| names_it(object)).map(|(index, _)| index).collect()
    }

    /// A name as text.
    pub(crate) fn name(&self, name: NameId) -> &'w OsStr {
        self.names().text(name)
    }

    /// The version of its glibc; `None` for another libc.
    pub(crate) fn glibc_version(&self) -> Option<(u32, u32)> {
        self.loader.glibc_version()
    }

    /// The loader's own path, as the program names it.
    pub(crate) fn loader_path(&self) -> &Path {
        self.loader.path()
    }

    /// The chain of objects from `index` up to the program: each was loaded by the next.
    pub(crate) fn chain(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        self.space.chain(index)
    }

    fn names(&self) -> &'w Names {
        self.space.objects.names()
    }

    fn load_needed(&mut self) -> Result<(), Fatal> {
        while let Some(&by) = self.walk.get(self.walked) {
            let object = &self.space.loaded[by].opened.object;
            for (name, needed) in object.needed.iter().zip(&self.space.loaded[by].facts().needed) {
                self.load_one(by, *name, needed.tag)?;
            }
            self.finish(by);
        }
        Ok(())
    }

    /// Takes an object whose dependencies are loaded to the end of the walked part. Its filters may be in front of it
    /// now; their turn is next.
    fn finish(&mut self, done: usize) {
        if self.walk[self.walked] != done {
            self.walk.retain(|index| *index != done);
            self.walk.insert(self.walked, done);
        }
        self.walked += 1;
    }

    fn load_one(&mut self, by: usize, name: NameId, tag: NeededTag) -> Result<(), Fatal> {
        let found = match self.load(by, name, None) {
            // `_dl_map_object_deps` catches every error of a DT_AUXILIARY (glibc elf/dl-deps.c).
            Err(_) if tag == NeededTag::Auxiliary => return Ok(()),
            other => other?,
        };
        match found {
            None => self.missing.push(Missing { by, name, tag }),
            Some(to) if tag != NeededTag::Needed => self.move_before(by, to),
            Some(_) => {}
        }
        Ok(())
    }

    /// A filter's dependencies are loaded before those of anything else that waits: `_dl_map_object_deps` inserts it
    /// before the object that names it (glibc elf/dl-deps.c).
    fn move_before(&mut self, by: usize, filter: usize) {
        let position = |process: &Self, index| process.walk.iter().position(|&i| i == index);
        if let (Some(current), Some(later)) = (position(self, by), position(self, filter))
            && later > current
        {
            let moved = self.walk.remove(later);
            self.walk.insert(current, moved);
        }
    }

    fn load(&mut self, by: usize, raw: NameId, rule: Option<Rule>) -> Result<Option<usize>, Fatal> {
        // Most names are loaded already, and to compare their numbers saves a look at the text.
        if let Some(to) = self.object_named(raw) {
            return Ok(Some(self.note_known(by, to, raw)));
        }
        let name = self.expanded(by, raw);
        if let Some(to) = self.known(name) {
            return Ok(Some(self.note_known(by, to, raw)));
        }
        let Some(found) = self.search(by, name)? else { return Ok(None) };
        let opened = self.space.objects.opened(found.path);
        // Two paths with the same device and inode are one object (glibc elf/dl-load.c, `_dl_map_object_from_fd`). The
        // program is not compared: the kernel mapped it, so the loader does not know its inode.
        let is_same = |loaded: &Loaded| Arc::ptr_eq(&loaded.opened.object, &opened.object);
        let to = match self.space.loaded.iter().skip(1).position(is_same) {
            Some(index) => index + 1,
            None => self.push(opened, Some(by)),
        };
        self.set_name(name, to);
        self.edges.push(Edge { by, to, name: raw, rule: rule.unwrap_or(found.rule), opened: Some(opened) });
        Ok(Some(to))
    }

    /// The name with its tokens replaced.
    fn expanded(&self, by: usize, raw: NameId) -> NameId {
        if !raw.has_token() {
            return raw;
        }
        self.names().id(&self.loader.expand_name(&self.space, by, self.name(raw)))
    }

    fn search(&self, by: usize, name: NameId) -> Result<Option<Found>, Fatal> {
        let found = if self.depends_on_name_only(by) {
            self.loader.search_once(&self.space, by, name)
        } else {
            self.loader.search(&self.space, by, self.name(name), &mut Journal::default())
        };
        found.map_err(|(path, unusable)| Fatal {
            by: self.space.loaded[by].path().to_owned(),
            name: self.name(name).to_owned(),
            path,
            unusable,
        })
    }

    fn note_known(&mut self, by: usize, to: usize, name: NameId) -> usize {
        let rule = if to == LOADER { Rule::Itself } else { Rule::Loaded };
        self.edges.push(Edge { by, to, name, rule, opened: None });
        to
    }

    /// The object that is loaded already under an expanded name.
    fn known(&self, name: NameId) -> Option<usize> {
        if self.loader.is_itself(self.name(name)) {
            return Some(LOADER);
        }
        self.object_named(name)
            .or_else(|| if name.has_slash() { self.opened_as(self.name(name)) } else { None })
    }

    fn opened_as(&self, path: &OsStr) -> Option<usize> {
        let is_same = |loaded: &Loaded| loaded.path().as_os_str() == path;
        self.space.loaded.iter().skip(1).position(is_same).map(|index| index + 1)
    }

    /// The object that has the name, by a search or by its SONAME.
    fn object_named(&self, name: NameId) -> Option<usize> {
        self.named.get(name.index()).and_then(|number| (*number as usize).checked_sub(1))
    }

    /// From now on `to` has a name, unless another object has it.
    fn set_name(&mut self, name: NameId, to: usize) {
        let index = name.index();
        if self.named.len() <= index {
            self.named.resize(index + 1, 0);
        }
        if self.named[index] == 0 {
            self.named[index] = to as u32 + 1;
        }
    }

    fn push(&mut self, opened: &'w OpenedPath, by: Option<usize>) -> usize {
        let soname = opened.object.soname;
        let mut loaded = Loaded { opened, by, rpath: vec![], runpath: vec![], has_inherited_path: false };
        let setting = self.space.setting;
        loaded.rpath = self.loader.run_path(setting, &loaded, loaded.facts().rpath.as_deref());
        loaded.runpath = self.loader.run_path(setting, &loaded, loaded.facts().runpath.as_deref());
        // RUNPATH is not inherited with glibc (ld.so(8)), but it is with musl (ldso/dynlink.c, `load_library`).
        let own = !loaded.rpath.is_empty() || (self.loader.is_musl() && !loaded.runpath.is_empty());
        loaded.has_inherited_path =
            own || by.is_some_and(|above| self.space.loaded[above].has_inherited_path);
        self.space.loaded.push(loaded);
        let index = self.space.loaded.len() - 1;
        self.walk.push(index);
        // glibc compares names with SONAMEs (elf/dl-load.c, `_dl_map_object`), musl does not.
        if let Some(soname) = soname.filter(|_| !self.loader.is_musl()) {
            self.set_name(soname, index);
        }
        index
    }

    /// Whether the name alone decides a search by this object.
    fn depends_on_name_only(&self, by: usize) -> bool {
        let object = &self.space.loaded[by];
        let inherits = object.has_inherited_path || self.space.loaded[PROGRAM].has_inherited_path;
        !inherits && object.runpath.is_empty() && !object.facts().no_default_lib
    }
}
