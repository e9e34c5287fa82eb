//! What a compile step left in a workspace, as one text of bytes: for [`super::cache`].
//!
//! The step has ended before anything is read here, and no process of its is left that could exchange a file. Each is opened
//! below the workspace, without following links; what is neither a file nor a directory makes the artifact one that is not
//! kept.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use bundle::digest::Sha;
use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use serde::{Deserialize, Serialize};

use super::processes::Compiled;
use super::submission::check_path;
use super::workspace::Workspace;
use crate::error::Error;

/// An artifact with more than this is compiled each time.
const MOST_BYTES: u64 = 256 << 20;
const MOST_FILES: usize = 5000;
const DEEPEST: usize = 32;

/// A compile step that went well, or one in which the compiler refused the submission: that has no files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    head: Head,
    /// The contents of the files, one after the other.
    contents: Vec<u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// init's report of the step.
    report: String,
    /// What the compiler wrote.
    text: Vec<u8>,
    files: Vec<KeptFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptFile {
    path: String,
    size: usize,
    is_program: bool,
}

impl Kept {
    /// Reads a workspace. `None` if it has something that is not kept.
    pub(super) fn read(workspace: &Path, report: &str, text: &[u8]) -> Option<Kept> {
        let mut kept = Kept::refused(report, text);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open(workspace, flags, Mode::empty()).ok()?;
        kept.add_directory(&root, "", DEEPEST)?;
        kept.head.files.sort_by(|one, other| one.path.cmp(&other.path));
        // In the order of the sorted files.
        let contents = kept.head.files.clone().iter().try_fold(Vec::new(), |mut all, file| {
            let content = open(root.as_fd(), &file.path, OFlags::RDONLY)?;
            let read = File::from(content).take(file.size as u64 + 1).read_to_end(&mut all).ok()?;
            (read == file.size).then_some(all)
        })?;
        Some(Kept { contents, ..kept })
    }

    /// What is kept of a step that left nothing to run.
    pub(super) fn refused(report: &str, text: &[u8]) -> Kept {
        let head = Head { report: report.to_owned(), text: text.to_vec(), files: Vec::new() };
        Kept { head, contents: Vec::new() }
    }

    fn add_directory(&mut self, root: &OwnedFd, below: &str, deeper: usize) -> Option<()> {
        let here = open(root.as_fd(), if below.is_empty() { "." } else { below }, OFlags::DIRECTORY)?;
        for entry in Dir::read_from(&here).ok()? {
            let entry = entry.ok()?;
            let name = entry.file_name().to_str().ok()?;
            if matches!(name, "." | "..") {
                continue;
            }
            let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            check_path(&path).ok()?;
            let facts = fstat(open(root.as_fd(), &path, OFlags::PATH)?).ok()?;
            match FileType::from_raw_mode(facts.st_mode) {
                FileType::Directory if deeper > 0 => self.add_directory(root, &path, deeper - 1)?,
                FileType::RegularFile => {
                    let size = usize::try_from(facts.st_size).ok()?;
                    self.head.files.push(KeptFile { path, size, is_program: facts.st_mode & 0o111 != 0 });
                }
                _ => return None,
            }
            let bytes: usize = self.head.files.iter().map(|file| file.size).sum();
            if self.head.files.len() > MOST_FILES || bytes as u64 > MOST_BYTES {
                return None;
            }
        }
        Some(())
    }

    /// The first line is the digest of the rest, so that a damaged one is noticed.
    pub(super) fn write(&self, mut to: impl Write) -> std::io::Result<()> {
        let mut bytes = serde_json::to_vec(&self.head)?;
        bytes.push(b'\n');
        bytes.extend(&self.contents);
        writeln!(to, "{}", Sha::of(&bytes).as_str())?;
        to.write_all(&bytes)
    }

    /// `None` if it is damaged, or of another version.
    pub(super) fn parse(bytes: &[u8]) -> Option<Kept> {
        let (digest, rest) = split_line(bytes)?;
        if Sha::of(rest).as_str().as_bytes() != digest {
            return None;
        }
        let (head, contents) = split_line(rest)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        let sizes = head.files.iter().map(|file| file.size).sum::<usize>();
        let is_whole =
            sizes == contents.len() && head.files.iter().all(|file| check_path(&file.path).is_ok());
        is_whole.then(|| Kept { head, contents: contents.to_vec() })
    }

    /// Puts the files into a new workspace, and gives what the step wrote.
    pub(super) fn put(self, workspace: &Workspace) -> Result<Compiled, Error> {
        let mut rest = self.contents.as_slice();
        for KeptFile { path, size, is_program } in &self.head.files {
            let (content, others) = rest.split_at(*size);
            workspace.put_file(path, content, if *is_program { 0o755 } else { 0o644 })?;
            rest = others;
        }
        Ok(Compiled { report: self.head.report, text: self.head.text })
    }
}

fn open(root: impl AsFd, path: &str, flags: OFlags) -> Option<OwnedFd> {
    // A pipe must not make this process wait; with O_PATH nothing is opened (openat2(2) refuses both together).
    let nonblock = if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NONBLOCK };
    let flags = flags | nonblock | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    openat2(root, path, flags, Mode::empty(), resolve).ok()
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b.class"), "class").unwrap();
        fs::write(directory.path().join("main"), [0, 10, 255]).unwrap();
        fs::set_permissions(directory.path().join("main"), fs::Permissions::from_mode(0o700)).unwrap();
        directory
    }

    #[test]
    fn what_is_written_is_read_again() {
        let directory = directory();
        let kept = Kept::read(directory.path(), "{}", b"warning").unwrap();
        let files: Vec<_> =
            kept.head.files.iter().map(|file| (file.path.as_str(), file.is_program)).collect();
        assert_eq!(files, [("a/b.class", false), ("main", true)]);
        assert_eq!(kept.contents, b"class\x00\x0a\xff");
        let mut bytes = Vec::new();
        kept.write(&mut bytes).unwrap();
        assert_eq!(Kept::parse(&bytes), Some(kept));
    }

    #[test]
    fn a_damaged_one_is_noticed() {
        let mut bytes = Vec::new();
        Kept::read(directory().path(), "{}", b"").unwrap().write(&mut bytes).unwrap();
        assert_eq!(Kept::parse(&bytes[..bytes.len() - 1]), None);
        for at in [0, 70, bytes.len() - 1] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(Kept::parse(&other), None, "{at}");
        }
    }

    #[test]
    fn links_and_pipes_are_not_kept() {
        let with_link = directory();
        symlink("/etc/passwd", with_link.path().join("a/link")).unwrap();
        assert_eq!(Kept::read(with_link.path(), "", b""), None);
        let with_pipe = directory();
        let (mode, pipe) = (Mode::from_raw_mode(0o600), with_pipe.path().join("pipe"));
        rustix::fs::mknodat(rustix::fs::CWD, pipe, FileType::Fifo, mode, 0).unwrap();
        assert_eq!(Kept::read(with_pipe.path(), "", b""), None);
    }
}
