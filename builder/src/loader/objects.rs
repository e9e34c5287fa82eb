//! Files as the loader sees them: opened once, parsed once, told apart by device and inode.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, Hash, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::FileType;

use super::mapped;
use super::names::{NameId, Names};
use crate::elf::{self, Abi, ElfError, ElfFacts};
use crate::sysroot::{Sysroot, Trail};

/// A path that leads to a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// The path as asked for.
    pub path: PathBuf,
    /// The links on the way, and where the file stands.
    pub trail: Trail,
    /// The file.
    pub object: Arc<Object>,
}

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
    /// By the path's text: paths compare by components, which takes longer.
    by_path: Shards<OsString, Opened>,
    by_id: Shards<FileId, Arc<Object>>,
    directories: Shards<OsString, bool>,
}

/// A place, or the errno that open(2) gave.
pub type Opened = Result<Arc<Place>, rustix::io::Errno>;

impl<'a> Objects<'a> {
    /// An empty memory for one tree.
    pub fn new(sysroot: &'a Sysroot) -> Self {
        Self {
            sysroot,
            names: Names::default(),
            by_path: Shards::new(),
            by_id: Shards::new(),
            directories: Shards::new(),
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

    /// Opens and reads the file at `path`, once.
    pub fn open(&self, path: &Path) -> Opened {
        if let Some(known) = self.by_path.get(path.as_os_str()) {
            return known;
        }
        let opened = self
            .read(path)
            .map_err(|error| rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO));
        self.by_path.insert(path.into(), opened.clone());
        // Another thread may have been faster: all must use the same place.
        self.by_path.get(path.as_os_str()).unwrap_or(opened)
    }

    /// Whether a directory stands at `path`. Asked once.
    pub fn is_dir(&self, path: &Path) -> bool {
        self.directories.get(path.as_os_str()).unwrap_or_else(|| {
            let answer = self.sysroot.is_dir(path);
            self.directories.insert(path.into(), answer);
            answer
        })
    }

    fn read(&self, path: &Path) -> io::Result<Arc<Place>> {
        let (file, trail) = self.sysroot.open_with_trail(path)?;
        let stat = rustix::fs::fstat(&file)?;
        let id = (stat.st_dev, stat.st_ino);
        let object = match self.by_id.get(&id) {
            Some(known) => known,
            None => self.read_object(&file, id, stat.st_mode)?,
        };
        Ok(Arc::new(Place { path: path.to_owned(), trail, object }))
    }

    fn read_object(&self, file: &File, id: FileId, mode: u32) -> io::Result<Arc<Object>> {
        let content = match FileType::from_raw_mode(mode) {
            FileType::RegularFile => mapped::with_bytes(file, classify)?,
            FileType::Directory => Content::Directory,
            _ => Content::Special,
        };
        let (mut needed, mut soname) = (Vec::new(), None);
        if let Content::Elf(facts) = &content {
            needed = facts.needed.iter().map(|needed| self.names.id(&needed.name)).collect();
            soname = facts.soname.as_ref().map(|name| self.names.id(name));
        }
        let object = Arc::new(Object { id, mode: mode & 0o7777, content, needed, soname });
        self.by_id.insert(id, Arc::clone(&object));
        // Another thread may have been faster: all must use the same object.
        Ok(self.by_id.get(&id).unwrap_or(object))
    }
}

/// What a regular file holds; `bytes` is all of it.
pub fn classify(bytes: &[u8]) -> Content {
    match (elf::identify(bytes), elf::parse(bytes)) {
        (_, Ok(facts)) => Content::Elf(facts),
        (Ok(abi), Err(error)) => Content::BadElf(abi, error),
        (Err(error), _) => Content::NotElf { error, head: bytes[..bytes.len().min(HEAD_BYTES)].to_vec() },
    }
}

/// A hash map in pieces, so that threads rarely wait for each other.
struct Shards<K, V> {
    hasher: RandomState,
    maps: [RwLock<HashMap<K, V>>; 16],
}

impl<K: Hash + Eq, V: Clone> Shards<K, V> {
    fn new() -> Self {
        Self { hasher: RandomState::new(), maps: Default::default() }
    }

    fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// What was there first stays.
    fn insert(&self, key: K, value: V) {
        self.shard(&key).write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(value);
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<HashMap<K, V>> {
        let hash = self.hasher.hash_one(key);
        &self.maps[(hash >> 60) as usize]
    }
}
