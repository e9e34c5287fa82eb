//! Processes: forking into namespaces, executing, ending.

use core::ffi::{CStr, c_char};

use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use rustix::io::Errno;
use rustix::process::Pid;

use super::args::Args;
use super::fd::Fd;
use super::{nr, syscall};

/// clone3(2) flags; [`clone3`] adds that for the pidfd.
pub(crate) mod clone_flags {
    /// New cgroup namespace: the current cgroup is the root of what is seen (cgroup_namespaces(7)).
    pub(crate) const NEWCGROUP: u64 = 0x0200_0000;
    /// New mount namespace.
    pub(crate) const NEWNS: u64 = 0x0002_0000;
    /// New UTS namespace.
    pub(crate) const NEWUTS: u64 = 0x0400_0000;
    /// New IPC namespace.
    pub(crate) const NEWIPC: u64 = 0x0800_0000;
    pub(crate) const NEWUSER: u64 = 0x1000_0000;
    /// New PID namespace: the child is its PID 1.
    pub(crate) const NEWPID: u64 = 0x2000_0000;
    pub(crate) const NEWNET: u64 = 0x4000_0000;
    pub(super) const PIDFD: u64 = 0x1000;
    pub(super) const INTO_CGROUP: u64 = 0x2_0000_0000;
}

/// Which side of a fork runs.
pub(crate) enum Forked {
    Child,
    /// The process that called.
    Parent {
        /// The child, in the caller's pid namespace.
        pid: Pid,
        /// The child, for good: unlike its pid it never comes to mean another process (pidfd_open(2)).
        pidfd: Fd,
    },
}

/// `struct clone_args`, clone3(2), as of Linux 5.7 (with `cgroup`).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Forks, with the namespaces of `flags`, into the cgroup v2 directory `cgroup` if one is given.
///
/// # Errors
/// As clone3(2): EPERM without privilege, ENOSPC at a namespace or pid limit, EAGAIN at a task limit.
pub(crate) fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Forked, Errno> {
    const SIGCHLD: u64 = 17;
    let mut pidfd: RawFd = -1;
    let mut arguments = CloneArgs {
        flags: flags | clone_flags::PIDFD,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: SIGCHLD,
        ..CloneArgs::default()
    };
    // Born there, and not moved there later: what it uses is counted from its first instruction, and a move
    // (cgroup.procs) would need the machine-wide lock against forks (clone3(2), CLONE_INTO_CGROUP).
    if let Some(cgroup) = cgroup {
        arguments.flags |= clone_flags::INTO_CGROUP;
        arguments.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `arguments` is a valid clone_args of the size given, `pidfd` outlives the call. Without CLONE_VM
    // and a stack of its own the child goes on with a copy of this memory, as after fork(2); there is one thread.
    let pid =
        unsafe { syscall(nr::CLONE3, [(&raw const arguments) as usize, size_of::<CloneArgs>(), 0, 0, 0])? };
    // 0 is the child.
    let Some(pid) = Pid::from_raw(pid as i32) else { return Ok(Forked::Child) };
    // SAFETY: the kernel has stored a new descriptor there (CLONE_PIDFD), which has no other owner.
    Ok(Forked::Parent { pid, pidfd: unsafe { Fd::new(pidfd as usize)? } })
}

/// Gives this process namespaces of its own, unshare(2): those of these [`clone_flags`].
pub(crate) fn unshare(namespaces: u64) -> Result<(), Errno> {
    // SAFETY: a number; no memory or descriptor table is unshared by any flag that we have.
    unsafe { syscall(nr::UNSHARE, [namespaces as usize, 0, 0, 0, 0]) }.map(|_| ())
}

/// Takes this process into the network namespace that the descriptor stands for, setns(2).
pub(crate) fn enter_network_namespace(namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    let arguments = [namespace.as_raw_fd() as usize, clone_flags::NEWNET as usize, 0, 0, 0];
    // SAFETY: numbers only; only which network this process sees is changed.
    unsafe { syscall(nr::SETNS, arguments) }.map(|_| ())
}

/// Replaces the program. Returns only on failure, with execve(2)'s error.
pub(crate) fn execve(path: &CStr, arguments: Args<'_>, environment: &[*const c_char]) -> Errno {
    // Without the closing NULL the kernel would read on past the slice.
    if !environment.last().is_some_and(|last| last.is_null()) {
        return Errno::TOOBIG;
    }
    // SAFETY: `path` is a C string, `arguments` ends with NULL by its type's invariant and the environment by
    // the check above.
    let result = unsafe {
        syscall(
            nr::EXECVE,
            [path.as_ptr() as usize, arguments.as_ptr() as usize, environment.as_ptr() as usize, 0, 0],
        )
    };
    result.err().unwrap_or(Errno::NOEXEC)
}

/// Ends the process (all its threads; there is one).
pub(crate) fn exit(code: u8) -> ! {
    loop {
        // SAFETY: takes a number and does not come back.
        let _ = unsafe { syscall(nr::EXIT_GROUP, [code.into(), 0, 0, 0, 0]) }; // cannot fail
    }
}

/// Marks every descriptor from `first` on close-on-exec.
pub(crate) fn close_range_on_exec(first: u32) -> Result<(), Errno> {
    // Linux 5.11 (close_range(2)); the runner needs 5.12 for mount_setattr(2) anyway.
    const CLOSE_RANGE_CLOEXEC: usize = 4;
    // SAFETY: numbers only; no descriptor is closed here.
    unsafe { syscall(nr::CLOSE_RANGE, [first as usize, u32::MAX as usize, CLOSE_RANGE_CLOEXEC, 0, 0]) }
        .map(|_| ())
}

/// Closes every descriptor from `first` on. For a process that has its own use for what is below, and never comes back
/// to code that had the others.
pub(crate) fn close_range(first: u32) -> Result<(), Errno> {
    // SAFETY: numbers only. An owner of one of them would at worst close a number that is closed already: nothing is
    // opened by such a process but what it puts on a number below `first`.
    unsafe { syscall(nr::CLOSE_RANGE, [first as usize, u32::MAX as usize, 0, 0, 0]) }.map(|_| ())
}

/// The working directory's path, in `buffer`; it starts with `(unreachable)` outside of the root (getcwd(3)).
pub(crate) fn working_directory(buffer: &mut [u8]) -> Result<&[u8], Errno> {
    // SAFETY: the kernel writes at most the buffer's length.
    let len = unsafe { syscall(nr::GETCWD, [buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0])? };
    Ok(buffer.get(..len.saturating_sub(1)).unwrap_or_default())
}

/// What processes used, as getrusage(2) has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Usage {
    /// In user space, in nanoseconds.
    pub(crate) user: u64,
    /// In the kernel, in nanoseconds.
    pub(crate) system: u64,
    /// The largest resident set of any one process, in bytes.
    pub(crate) max_rss: u64,
}

/// What all reaped children of this process used, and how often one of them left its CPU because another had
/// its turn. getrusage(2), RUSAGE_CHILDREN.
pub(crate) fn children_usage() -> (Usage, u64) {
    const RUSAGE_CHILDREN: usize = usize::MAX;
    // `struct rusage`: two timevals (user, system), then maxrss in KiB; nivcsw is the last.
    let mut usage = [0u64; 18];
    // SAFETY: the kernel writes one `struct rusage`, 144 bytes, to `usage`.
    let result = unsafe { syscall(nr::GETRUSAGE, [RUSAGE_CHILDREN, usage.as_mut_ptr() as usize, 0, 0, 0]) };
    debug_assert!(result.is_ok(), "only a bad pointer or a bad `who` can fail");
    let nanoseconds = |at: usize| usage[at] * 1_000_000_000 + usage[at + 1] * 1_000;
    let used = Usage { user: nanoseconds(0), system: nanoseconds(2), max_rss: usage[4] << 10 };
    (used, usage[17])
}
