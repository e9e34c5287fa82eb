//! A command in a workspace of its own: for callers that bring files and a command instead of a submission in a language.
//!
//! The command can write to its workspace, as a compile step can. What it left there is read when its last process has ended:
//! below the workspace, and without following links.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use bundle::digest::Sha;
use recipe::placeholder::WORK_DIR;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use super::args;
use super::artifact::Running;
use super::ceiling::{Ceiling, lowered};
use super::processes;
use super::request::StepOption;
use super::submission::check_path;
use super::submission_uid::SubmissionUid;
use super::workspace::Workspace;
use crate::error::Error;
use crate::init_command::InitCommand;

/// A workspace for one command. Its end is the workspace's.
#[derive(Debug)]
pub struct Booth {
    pub(super) bundle: PathBuf,
    pub(super) digest: Option<Sha>,
    pub(super) limits: BTreeMap<String, String>,
    pub(super) workspace: Workspace,
    pub(super) uid: Option<SubmissionUid>,
    pub(super) ceilings: Vec<Ceiling>,
}

/// What a command left under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// A file, with its content.
    File(Vec<u8>),
    /// A file of so many bytes, more than were wanted.
    TooLong(u64),
    /// Something else: a directory, a pipe, a link.
    Odd,
    /// Nothing.
    Absent,
}

impl Booth {
    /// Whether a file can have this name here.
    ///
    /// # Errors
    /// It is no relative path that stays below the workspace.
    pub fn check_name(name: &str) -> Result<(), Error> {
        check_path(name)
    }

    /// Writes a file, which can be run. Nothing has started yet.
    ///
    /// # Errors
    /// Its name is not one for a file here, two names collide, or there is no room.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        check_path(name)?;
        self.workspace.put_file(name, content, 0o755)
    }

    /// Begins the command, which starts in the workspace.
    ///
    /// # Errors
    /// init cannot be started.
    pub fn start(
        &self,
        options: &[StepOption],
        command: &[OsString],
        streams: [BorrowedFd<'_>; 3],
    ) -> Result<Running, Error> {
        let mut init = InitCommand::of_bundle(&self.bundle);
        if let Some(digest) = &self.digest {
            init.reported(digest);
        }
        init.limits(&self.limits);
        let mut bind = self.workspace.place().as_os_str().to_owned();
        bind.push(format!(":{WORK_DIR}:rw"));
        init.option("cwd", WORK_DIR).option("bind", bind);
        if let Some(uid) = &self.uid {
            uid.add_to(&mut init);
        }
        let options = lowered(&self.ceilings, &[&self.limits], options);
        init.given(options.iter().flat_map(args::to_init_args));
        init.command(command);
        let path = init.init().to_path_buf();
        match processes::reporting(None, init, streams.map(Some)) {
            Ok(supervisor) => Ok(Running::new(supervisor, path)),
            Err(error) => Err(Error::Start { path, error }),
        }
    }

    /// What the command left under a name, up to so many bytes. It must have ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take(&self, name: &str, most: u64) -> Result<Left, Error> {
        let place = self.workspace.place();
        take(place, name, most).map_err(|errno| Error::read(&place.join(name), errno.into()))
    }
}

fn take(workspace: &Path, name: &str, most: u64) -> Result<Left, Errno> {
    if check_path(name).is_err() {
        return Ok(Left::Absent);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = rustix::fs::open(workspace, flags, Mode::empty())?;
    let open = |flags: OFlags| -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        openat2(&root, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), resolve)
    };
    // Looked at before it is opened: a pipe would make this process wait.
    let facts = match open(OFlags::PATH) {
        Ok(file) => fstat(file)?,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Left::Absent),
        Err(Errno::LOOP) => return Ok(Left::Odd),
        Err(errno) => return Err(errno),
    };
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Ok(Left::Odd);
    }
    let size = facts.st_size.unsigned_abs();
    if size > most {
        return Ok(Left::TooLong(size));
    }
    let (file, mut content) = (File::from(open(OFlags::RDONLY)?), Vec::new());
    let read = file.take(most).read_to_end(&mut content);
    read.map(|_| Left::File(content)).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_files_below_the_workspace_are_taken_and_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("box");
        fs::create_dir_all(place.join("a")).unwrap();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        fs::write(place.join("a/b"), "12345").unwrap();
        symlink("../secret", place.join("link")).unwrap();
        symlink("..", place.join("up")).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, place.join("pipe"), FileType::Fifo, mode, 0).unwrap();
        for (name, left) in [
            ("a/b", Left::File(b"12345".to_vec())),
            ("a", Left::Odd),
            ("link", Left::Odd),
            ("up/secret", Left::Odd),
            ("pipe", Left::Odd),
            ("none", Left::Absent),
            ("a/b/c", Left::Absent),
            ("../secret", Left::Absent),
            ("/etc/passwd", Left::Absent),
        ] {
            assert_eq!(take(&place, name, 5), Ok(left), "{name}");
        }
        assert_eq!(take(&place, "a/b", 4), Ok(Left::TooLong(5)));
    }
}
