//! A child that does not outlive us, started without a copy of this process.
//!
//! `Command` would have to fork for it: only the child itself can ask for a signal at its parent's death. To copy the page
//! tables, and then each page that one of both writes to, takes as long as half a sandbox. Here the child borrows this
//! process's memory until it is another program, and this process sleeps until then (vfork(2)).
#![allow(unsafe_code)] // A process that shares our memory is nothing that the compiler knows of.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;

use nix::libc;
use nix::sched::{CloneFlags, clone};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, set_parent_process_death_signal, waitpid};

/// A process to wait for.
pub struct Child(Pid);

/// Far more than a few system calls need.
const STACK: usize = 32 << 10;

impl Child {
    /// Starts a program, its path first among the words; it gets streams of its own where one is given.
    ///
    /// # Errors
    /// What clone(2) or execve(2) says, and `EINVAL` for a word with a NUL in it.
    pub fn start(words: Vec<OsString>, streams: [Option<BorrowedFd<'_>>; 3]) -> io::Result<Child> {
        let words: Vec<CString> =
            words.into_iter().map(|word| CString::new(word.into_vec())).collect::<Result<_, _>>()?;
        let pointers: Vec<*const libc::c_char> =
            words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        let (us, mut failure) = (getpid(), Ok(()));
        let child = Box::new(|| {
            failure = become_program(us, &pointers, &streams);
            libc::EXIT_FAILURE as isize
        });
        let mut stack = vec![0; STACK];
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: with CLONE_VM the closure must leave this process's memory as it is, and no other thread may wait for a
        // lock that is held in here. It makes system calls, allocates nothing, and writes to `failure` and `stack` alone.
        // CLONE_VFORK keeps the calling thread, whose variables it borrows, where it is until the child has its own memory.
        let pid = unsafe { clone(child, &mut stack, flags, Some(libc::SIGCHLD)) }?;
        let pid = Pid::from_raw(pid.as_raw()).ok_or(Errno::CHILD)?;
        match failure {
            Ok(()) => Ok(Child(pid)),
            Err(errno) => {
                waitpid(Some(pid), WaitOptions::empty())?;
                Err(errno.into())
            }
        }
    }

    /// Waits for its end.
    pub fn wait(self) -> io::Result<ExitStatus> {
        match waitpid(Some(self.0), WaitOptions::empty())? {
            Some((_, status)) => Ok(ExitStatus::from_raw(status.as_raw())),
            None => Err(Errno::CHILD.into()),
        }
    }
}

/// In the child: comes back only with an error.
fn become_program(
    parent: Pid,
    words: &[*const libc::c_char],
    streams: &[Option<BorrowedFd<'_>>; 3],
) -> Result<(), Errno> {
    for (number, stream) in streams.iter().enumerate() {
        let Some(stream) = stream else { continue };
        // SAFETY: the descriptor is open, as it is borrowed. What the other one was is the parent's still: this process has
        // a table of its own.
        if unsafe { libc::dup2(stream.as_raw_fd(), number as libc::c_int) } < 0 {
            return Err(last_error());
        }
    }
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that.
    if getppid() != Some(parent) {
        return Err(Errno::INTR);
    }
    // SAFETY: execv(3) takes strings that end in NUL, the last of them null; `words` point to such, and are not empty.
    unsafe { libc::execv(words[0], words.as_ptr()) };
    Err(last_error())
}

fn last_error() -> Errno {
    Errno::from_raw_os_error(nix::errno::Errno::last_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn it_writes_where_it_is_told_and_says_how_it_ended() {
        let (mut reader, writer) = io::pipe().unwrap();
        let script = words(&["/bin/sh", "-c", "echo out; exit 7"]);
        let child = Child::start(script, [None, Some(writer.as_fd()), None]).unwrap();
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!((said.as_str(), child.wait().unwrap().code()), ("out\n", Some(7)));
    }

    #[test]
    fn what_cannot_start_says_why() {
        let error = |program| Child::start(words(&[program]), [None; 3]).map(|_| ()).unwrap_err();
        assert_eq!(error("/nowhere").kind(), io::ErrorKind::NotFound);
        assert_eq!(error("/etc/passwd").kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error("/a\0b").kind(), io::ErrorKind::InvalidInput);
    }
}
