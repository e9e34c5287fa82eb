//! A child that does not outlive us, started without a copy of this process.
//!
//! `Command` would have to fork for it: only the child itself can ask for a signal at its parent's death. To copy the page
//! tables, and then each page that one of both writes to, takes as long as half a sandbox. Here the child borrows this
//! process's memory until it is another program, and this process sleeps until then (vfork(2)).
#![allow(unsafe_code)] // A process that shares our memory is nothing that the compiler knows of.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;

use nix::libc;
use nix::sched::{CloneFlags, clone};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, waitpid,
};

/// A process to wait for. One that nobody waits for is killed at the end of this value.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    is_reaped: bool,
}

/// Far more than a few system calls need.
const STACK: usize = 32 << 10;

impl Child {
    /// Starts a program, its path first among the arguments; it gets streams of its own where one is given, and keeps some
    /// descriptors more. No other child has those, also if another thread starts one now: this process's own copies stay
    /// ones that execve(2) closes. The kernel kills it when the thread that starts it ends (PR_SET_PDEATHSIG in prctl(2)).
    ///
    /// # Errors
    /// What clone(2) or execve(2) says, and `EINVAL` for an argument with a NUL in it.
    pub fn start(
        args: Vec<OsString>,
        streams: [Option<BorrowedFd<'_>>; 3],
        kept: &[BorrowedFd<'_>],
    ) -> io::Result<Child> {
        Child::start_until(Signal::KILL, args, streams, kept)
    }

    /// The same for a program that gets this signal when the thread ends.
    pub(crate) fn start_until(
        end: Signal,
        args: Vec<OsString>,
        streams: [Option<BorrowedFd<'_>>; 3],
        kept: &[BorrowedFd<'_>],
    ) -> io::Result<Child> {
        let args: Vec<CString> =
            args.into_iter().map(|arg| CString::new(arg.into_vec())).collect::<Result<_, _>>()?;
        let pointers: Vec<*const libc::c_char> =
            args.iter().map(|arg| arg.as_ptr()).chain([ptr::null()]).collect();
        let (us, mut failure) = (getpid(), Ok(()));
        let child = Box::new(|| {
            failure = become_program((us, end), &pointers, &streams, kept);
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
            Ok(()) => Ok(Child { pid, is_reaped: false }),
            Err(errno) => {
                waitpid(Some(pid), WaitOptions::empty())?;
                Err(errno.into())
            }
        }
    }

    /// Waits for its end.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        let ended = waitpid(Some(self.pid), WaitOptions::empty())?;
        self.is_reaped = true;
        match ended {
            Some((_, status)) => Ok(ExitStatus::from_raw(status.as_raw())),
            None => Err(Errno::CHILD.into()),
        }
    }

    /// Kills it.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends it a signal; [`Child::wait`] has not been called yet, so that the pid is still its own.
    pub fn signal(&self, signal: Signal) {
        let _ended_already = kill_process(self.pid, signal);
    }

    /// Its pid, which is its own until [`Child::wait`].
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            let _no_zombie_is_left = waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}

/// In the child, which gets a signal when its parent ends: comes back only with an error.
fn become_program(
    (parent, end): (Pid, Signal),
    args: &[*const libc::c_char],
    streams: &[Option<BorrowedFd<'_>>; 3],
    kept: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    for (number, stream) in streams.iter().enumerate() {
        let Some(stream) = stream else { continue };
        // SAFETY: the descriptor is open, as it is borrowed. What the other one was is the parent's still: this process has
        // a table of its own.
        if unsafe { libc::dup2(stream.as_raw_fd(), number as libc::c_int) } < 0 {
            return Err(last_error());
        }
    }
    for descriptor in kept {
        // The table of descriptors is the child's own.
        fcntl_setfd(descriptor, FdFlags::empty())?;
    }
    set_parent_process_death_signal(Some(end))?;
    // It may have died before that.
    if getppid() != Some(parent) {
        return Err(Errno::INTR);
    }
    // SAFETY: execv(3) takes strings that end in NUL, the last of them null; `args` point to such, and are not empty.
    unsafe { libc::execv(args[0], args.as_ptr()) };
    Err(last_error())
}

/// Marks every descriptor of this process but its standard streams to be closed by execve(2). The caller may have left some
/// open, and a path through one of those leads out of a sandbox (CVE-2024-21626).
///
/// # Errors
/// `ENOSYS`: the kernel is older than 5.11, with which init does not run either.
pub fn close_others_on_exec() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: numbers only; no descriptor is closed here, so that each keeps its owner.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) };
    if done < 0 { Err(last_error().into()) } else { Ok(()) }
}

/// A copy of a descriptor of which the caller knows the number; execve(2) closes it.
///
/// # Errors
/// `EBADF`: no such descriptor is open.
pub(crate) fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: numbers only; a new descriptor is made, of which this is the only owner.
    unsafe {
        match libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) {
            copy @ 0.. => Ok(OwnedFd::from_raw_fd(copy)),
            _ => Err(last_error().into()),
        }
    }
}

fn last_error() -> Errno {
    Errno::from_raw_os_error(nix::errno::Errno::last_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    fn args(args: &[&str]) -> Vec<OsString> {
        args.iter().map(OsString::from).collect()
    }

    #[test]
    fn it_writes_where_it_is_told_and_says_how_it_ended() {
        let (mut reader, writer) = io::pipe().unwrap();
        let script = args(&["/bin/sh", "-c", "echo out; exit 7"]);
        let child = Child::start(script, [None, Some(writer.as_fd()), None], &[]).unwrap();
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!((said.as_str(), child.wait().unwrap().code()), ("out\n", Some(7)));
    }

    #[test]
    fn one_that_nobody_waits_for_is_not_left() {
        let child = Child::start(args(&["/bin/sleep", "1000"]), [None; 3], &[]).unwrap();
        let pid = child.pid();
        drop(child);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn what_cannot_start_says_why() {
        let error = |program| Child::start(args(&[program]), [None; 3], &[]).map(|_| ()).unwrap_err();
        assert_eq!(error("/nowhere").kind(), io::ErrorKind::NotFound);
        assert_eq!(error("/etc/passwd").kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error("/a\0b").kind(), io::ErrorKind::InvalidInput);
    }
}
