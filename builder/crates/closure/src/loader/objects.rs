//! Files as the loader sees them: opened once, parsed once, identified by device and inode.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::names::{NameId, Names};
use crate::dlopen::{self, DlopenNote};
use crate::elf::{self, Abi, ElfError, ElfFacts, FileSource, Source};
use crate::shards::Shards;
use crate::symlink::ResolvedPath;
use crate::sysroot::{self, Sysroot};

/// A path that was opened, and the file that it leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedPath {
    pub(crate) id: PathId,
    /// The path as it was opened.
    pub path: PathBuf,
    /// The links on the way, and the path of the file.
    pub(crate) resolved: ResolvedPath,
    /// `resolved.file` by number: many paths can lead to one.
    pub(crate) file: NameId,
    pub(crate) object: Arc<Object>,
}

/// The number of an opened path: no two paths of the same [`Objects`] have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PathId(u32);

/// A file that could be opened. Whether it can be loaded depends on the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Two paths with the same device and inode are one object to the loader (glibc elf/dl-load.c,
    /// `_dl_map_object_from_fd`).
    pub(crate) id: FileId,
    /// Permission bits, with setuid and setgid.
    pub(crate) mode: u32,
    pub(crate) content: Content,
    /// The names of `ElfFacts::needed`, in the same order.
    pub(super) needed: Vec<NameId>,
    /// `ElfFacts::soname`
    pub(super) soname: Option<NameId>,
    /// The libraries that it opens at run time, by its notes and the built-in table.
    pub(crate) dlopen_notes: Vec<DlopenNote>,
}

/// Device and inode number.
pub(crate) type FileId = (u64, u64);

/// The content of a file that was opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// An ELF file that can be loaded.
    Elf(ElfFacts),
    /// An ELF file with a good header that is damaged, or of a type that cannot be loaded.
    BadElf(Abi, ElfError),
    /// Not an ELF file; the first bytes show what it is instead.
    NotElf {
        /// Why the loader would refuse it.
        error: ElfError,
        /// The first bytes of the file, at most 256.
        head: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A device, FIFO or socket.
    Special,
}

/// How much of a file that is not ELF is kept: the kernel's limit for a `#!` line (BINPRM_BUF_SIZE, execve(2)).
pub(crate) const HEAD_BYTES: usize = 256;

/// Remembers which files were opened. All threads share it.
pub struct Objects<'a> {
    sysroot: &'a Sysroot,
    names: Names,
    files: Names,
    paths: boxcar::Vec<OpenedPath>,
    /// By the path's text: to compare paths by components takes longer.
    by_path: Shards<OsString, Result<PathId, Errno>>,
    by_id: Shards<FileId, Arc<Object>>,
}

impl<'a> Objects<'a> {
    /// No file of `sysroot` is opened yet.
    pub fn new(sysroot: &'a Sysroot) -> Self {
        Self {
            sysroot,
            names: Names::default(),
            files: Names::default(),
            paths: boxcar::Vec::new(),
            by_path: Shards::default(),
            by_id: Shards::default(),
        }
    }

    pub(crate) fn sysroot(&self) -> &'a Sysroot {
        self.sysroot
    }

    /// The names that are used in dynamic sections.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// A path that was opened.
    pub(crate) fn opened(&self, id: PathId) -> &OpenedPath {
        &self.paths[id.0 as usize]
    }

    /// Opens and reads the file at `path`, once.
    ///
    /// # Errors
    /// The errno of openat2(2) or of a read.
    pub fn open(&self, path: &Path) -> Result<&OpenedPath, Errno> {
        let known = self.by_path.get(path.as_os_str());
        known.unwrap_or_else(|| self.read(path)).map(|id| self.opened(id))
    }

    fn read(&self, path: &Path) -> Result<PathId, Errno> {
        let found = self.look(path);
        // Another thread may have been faster: all must use the same number.
        self.by_path.get_or_insert(path.into(), || {
            let (resolved, object) = found?;
            let file = self.files.id(resolved.file.as_os_str());
            let make = |index| OpenedPath {
                id: PathId(index as u32),
                path: path.to_owned(),
                resolved,
                file,
                object,
            };
            Ok(PathId(self.paths.push_with(make) as u32))
        })
    }

    fn look(&self, path: &Path) -> Result<(ResolvedPath, Arc<Object>), Errno> {
        let (file, resolved) = self.sysroot.open_resolved(path).map_err(|error| sysroot::errno(&error))?;
        let stat = rustix::fs::fstat(&file)?;
        let known = self.by_id.get(&(stat.st_dev, stat.st_ino));
        Ok((resolved, known.map_or_else(|| self.read_object(&file, &stat), Ok)?))
    }

    fn read_object(&self, file: &File, stat: &Stat) -> Result<Arc<Object>, Errno> {
        let content = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let head = FileSource::read(file, stat.st_size as u64)?;
                classify(&head, head.page())
            }
            FileType::Directory => Content::Directory,
            _ => Content::Special,
        };
        let (mut needed, mut soname, mut dlopen_notes) = (Vec::new(), None, Vec::new());
        if let Content::Elf(facts) = &content {
            needed = facts.needed.iter().map(|needed| self.names.id(&needed.name)).collect();
            soname = facts.soname.as_ref().map(|name| self.names.id(name));
            dlopen_notes = dlopen::dlopen_notes(facts);
        }
        let id = (stat.st_dev, stat.st_ino);
        let mode = stat.st_mode & 0o7777;
        let object = Arc::new(Object { id, mode, content, needed, soname, dlopen_notes });
        // Another thread may have been faster: all must use the same object.
        Ok(self.by_id.get_or_insert(id, || object))
    }
}

/// The content of a regular file; `head` is its start.
pub fn classify<S: Source + ?Sized>(source: &S, head: &[u8]) -> Content {
    match (elf::identify(source), elf::parse(source)) {
        (_, Ok(facts)) => Content::Elf(facts),
        (Ok(abi), Err(error)) => Content::BadElf(abi, error),
        (Err(error), _) => Content::NotElf { error, head: head[..head.len().min(HEAD_BYTES)].to_vec() },
    }
}
