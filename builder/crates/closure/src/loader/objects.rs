//! Files as the loader sees them: opened once, parsed once, told apart by device and inode.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::names::{NameId, Names};
use crate::dlopen::{self, Wish};
use crate::elf::{self, Abi, ElfError, ElfFacts, Head, Source};
use crate::shards::Shards;
use crate::sysroot::{self, Sysroot, Trail};

/// A path that leads to a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) id: PlaceId,
    /// The path as asked for.
    pub path: PathBuf,
    /// The links on the way, and where the file stands.
    pub trail: Trail,
    /// `trail.file` by number: many paths can lead to one.
    pub(crate) file: NameId,
    /// The file.
    pub object: Arc<Object>,
}

/// A place by number: no two places of the same [`Objects`] have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlaceId(u32);

/// A file that could be opened. Whether it is usable depends on who asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    /// Device and inode: two paths with the same pair are one object to the loader.
    pub id: FileId,
    /// Permission bits, with setuid and setgid.
    pub mode: u32,
    /// What is in the file.
    pub content: Content,
    /// The names of `ElfFacts::needed`, in the same order.
    pub(super) needed: Vec<NameId>,
    /// `ElfFacts::soname`
    pub(super) soname: Option<NameId>,
    /// What its notes, and our rules, say that it opens at run time.
    pub wishes: Vec<Wish>,
}

/// Device and inode number.
pub type FileId = (u64, u64);

/// What an opened file holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// An ELF file that can be loaded.
    Elf(ElfFacts),
    /// An ELF file that is damaged, or of a kind that cannot be loaded, behind a good header.
    BadElf(Abi, ElfError),
    /// No ELF file at all; the first bytes tell what it is instead.
    NotElf {
        /// What the loader would say.
        error: ElfError,
        /// The first bytes of the file, at most [`HEAD_BYTES`].
        head: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A device, FIFO or socket.
    Special,
}

/// How much of a file that is not ELF is kept: the kernel's limit for a `#!` line (BINPRM_BUF_SIZE, execve(2)).
pub const HEAD_BYTES: usize = 256;

/// Remembers what was opened. Shared by all threads.
pub struct Objects<'a> {
    sysroot: &'a Sysroot,
    names: Names,
    files: Names,
    places: boxcar::Vec<Place>,
    /// By the path's text: paths compare by components, which takes longer.
    by_path: Shards<OsString, Result<PlaceId, Errno>>,
    by_id: Shards<FileId, Arc<Object>>,
}

impl<'a> Objects<'a> {
    /// An empty memory for one tree.
    pub fn new(sysroot: &'a Sysroot) -> Self {
        Self {
            sysroot,
            names: Names::default(),
            files: Names::default(),
            places: boxcar::Vec::new(),
            by_path: Shards::default(),
            by_id: Shards::default(),
        }
    }

    /// The tree.
    pub fn sysroot(&self) -> &'a Sysroot {
        self.sysroot
    }

    /// The names that the objects ask for.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// A place that was opened.
    pub(crate) fn place(&self, id: PlaceId) -> &Place {
        &self.places[id.0 as usize]
    }

    /// Opens and reads the file at `path`, once; the errno is that of open(2).
    pub fn open(&self, path: &Path) -> Result<&Place, Errno> {
        let known = self.by_path.get(path.as_os_str());
        known.unwrap_or_else(|| self.read(path)).map(|id| self.place(id))
    }

    fn read(&self, path: &Path) -> Result<PlaceId, Errno> {
        let found = self.look(path);
        // Another thread may have been faster: all must use the same place.
        self.by_path.get_or_insert(path.into(), || {
            let (trail, object) = found?;
            let file = self.files.id(trail.file.as_os_str());
            let make =
                |index| Place { id: PlaceId(index as u32), path: path.to_owned(), trail, file, object };
            Ok(PlaceId(self.places.push_with(make) as u32))
        })
    }

    fn look(&self, path: &Path) -> Result<(Trail, Arc<Object>), Errno> {
        let (file, trail) = self.sysroot.open_with_trail(path).map_err(|error| sysroot::errno(&error))?;
        let stat = rustix::fs::fstat(&file)?;
        let known = self.by_id.get(&(stat.st_dev, stat.st_ino));
        Ok((trail, known.map_or_else(|| self.read_object(&file, &stat), Ok)?))
    }

    fn read_object(&self, file: &File, stat: &Stat) -> Result<Arc<Object>, Errno> {
        let content = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let head = Head::read(file, stat.st_size as u64)?;
                classify(&head, head.page())
            }
            FileType::Directory => Content::Directory,
            _ => Content::Special,
        };
        let (mut needed, mut soname, mut wishes) = (Vec::new(), None, Vec::new());
        if let Content::Elf(facts) = &content {
            needed = facts.needed.iter().map(|needed| self.names.id(&needed.name)).collect();
            soname = facts.soname.as_ref().map(|name| self.names.id(name));
            wishes = dlopen::wishes(facts);
        }
        let id = (stat.st_dev, stat.st_ino);
        let mode = stat.st_mode & 0o7777;
        let object = Arc::new(Object { id, mode, content, needed, soname, wishes });
        // Another thread may have been faster: all must use the same object.
        Ok(self.by_id.get_or_insert(id, || object))
    }
}

/// What a regular file holds; `head` is its start.
pub fn classify<S: Source + ?Sized>(source: &S, head: &[u8]) -> Content {
    match (elf::identify(source), elf::parse(source)) {
        (_, Ok(facts)) => Content::Elf(facts),
        (Ok(abi), Err(error)) => Content::BadElf(abi, error),
        (Err(error), _) => Content::NotElf { error, head: head[..head.len().min(HEAD_BYTES)].to_vec() },
    }
}
