//! The system calls of a sandbox and no more, in one process that borrows this one's memory until it is another program.
//!
//! The same isolation as init's, as far as it takes time: namespaces, a mount tree, one tmpfs, device nodes, a cgroup with
//! limits, another user, a filter. What is missing is what makes it a judge: streams, clocks, limits that are watched, a
//! report, and an answer to each error.
#![allow(unsafe_code)] // A process that shares our memory, and calls that no library has.

use std::ffi::{CStr, CString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, ptr, thread};

use nix::libc;
use nix::sched::{CloneFlags, clone};
use nix::sys::wait::{WaitStatus, waitpid};
use rustix::io::Errno;
use seccompiler::{apply_filter, sock_filter};

use crate::tool::seccomp::policy::arch::X86_64;
use crate::tool::seccomp::policy::emit;
use crate::tool::seccomp::policy::rules::Policy;

/// Far more than these calls need.
const STACK: usize = 64 << 10;
/// The mode of the policy for `--net none`, with device nodes of the run's own (init/policy/image.rs).
const MODE: usize = 0;
/// The user of the program; any other one than root takes as long.
const USER: usize = 60_000;

/// A sandbox that can be made again and again.
pub(super) struct Bare {
    root: CString,
    program: CString,
    filter: Vec<sock_filter>,
    /// Where a run's cgroups are made, and the limits that are written there.
    hierarchies: Vec<(PathBuf, &'static [(&'static str, &'static str)])>,
}

impl Bare {
    /// Of this root, for a program in it.
    pub(super) fn new(root: &Path, program: &str) -> io::Result<Bare> {
        let text = |path: &str| CString::new(path).map_err(io::Error::other);
        Ok(Bare {
            root: text(&root.to_string_lossy())?,
            program: text(program)?,
            filter: default_filter()?,
            hierarchies: hierarchies(),
        })
    }

    /// One run, from nothing to nothing; with a network namespace of its own, or this thread's.
    pub(super) fn run(&self, name: &str, has_own_network: bool) -> io::Result<()> {
        let cgroups: Vec<PathBuf> = self.hierarchies.iter().map(|(parent, _)| parent.join(name)).collect();
        for (cgroup, (_, limits)) in cgroups.iter().zip(&self.hierarchies) {
            fs::create_dir(cgroup)?;
            limits.iter().try_for_each(|(file, value)| fs::write(cgroup.join(file), value))?;
        }
        let ended = self.start_and_wait(&cgroups, has_own_network);
        cgroups.iter().for_each(|cgroup| remove(cgroup));
        ended
    }

    fn start_and_wait(&self, cgroups: &[PathBuf], has_own_network: bool) -> io::Result<()> {
        let joins = |cgroup: &PathBuf| {
            let file = if cgroup.join("tasks").exists() { "tasks" } else { "cgroup.procs" };
            CString::new(cgroup.join(file).to_string_lossy().into_owned()).map_err(io::Error::other)
        };
        let joins: Vec<CString> = cgroups.iter().map(joins).collect::<Result<_, _>>()?;
        let mut flags = CloneFlags::CLONE_VM
            | CloneFlags::CLONE_VFORK
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS;
        if has_own_network {
            flags |= CloneFlags::CLONE_NEWNET;
        }
        let mut failure = Errno::IO;
        let child = Box::new(|| {
            failure = self.become_program(&joins).err().unwrap_or(Errno::IO);
            libc::EXIT_FAILURE as isize
        });
        let mut stack = vec![0; STACK];
        // SAFETY: the closure makes system calls, allocates nothing, and writes to `failure` and its stack alone; this
        // thread, whose variables it borrows, sleeps until it has become another program or has ended (CLONE_VFORK).
        let pid = unsafe { clone(child, &mut stack, flags, Some(libc::SIGCHLD)) }?;
        match waitpid(pid, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(failure.into()),
        }
    }

    /// In the child: comes back only with an error.
    fn become_program(&self, joins: &[CString]) -> Result<(), Errno> {
        // While the host's tree is there.
        joins.iter().try_for_each(|file| join(file))?;
        build_tree(&self.root)?;
        call(libc::SYS_sethostname, [text(c"capsule"), 7, 0, 0, 0])?;
        call(libc::SYS_unshare, [libc::CLONE_NEWCGROUP as usize, 0, 0, 0, 0])?;
        call(libc::SYS_setsid, [0; 5])?;
        call(libc::SYS_setgroups, [0; 5])?;
        call(libc::SYS_setresgid, [USER, USER, USER, 0, 0])?;
        call(libc::SYS_setresuid, [USER, USER, USER, 0, 0])?;
        apply_filter(&self.filter).map_err(|_| Errno::INVAL)?;
        let arguments = [self.program.as_ptr(), ptr::null()];
        // SAFETY: the path is a C string, and both lists end with a null pointer.
        unsafe { libc::execve(self.program.as_ptr(), arguments.as_ptr(), [ptr::null()].as_ptr()) };
        Err(Errno::NOEXEC)
    }
}

/// The default filter; forbidden calls end the process, as there is no listener.
fn default_filter() -> io::Result<Vec<sock_filter>> {
    let policy = Policy::parse(include_str!("../../../../../init/policy/default.policy"), &X86_64);
    let policy = policy.map_err(|mistake| io::Error::other(mistake.to_string()))?;
    let instruction = |one: emit::Instruction| sock_filter {
        code: one.code,
        jt: one.jt,
        jf: one.jf,
        k: if one.k == libc::SECCOMP_RET_USER_NOTIF { libc::SECCOMP_RET_KILL_PROCESS } else { one.k },
    };
    Ok(emit::program(&policy, MODE).into_iter().map(instruction).collect())
}

/// Limits of a run, for version 1 by controller and for version 2.
const VERSION_1: [(&str, &[(&str, &str)]); 3] = [
    ("memory", &[("memory.limit_in_bytes", "268435456"), ("memory.memsw.limit_in_bytes", "268435456")]),
    ("pids", &[("pids.max", "64")]),
    ("cpuacct", &[]),
];
const VERSION_2: &[(&str, &str)] =
    &[("memory.max", "268435456"), ("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", "64")];

/// The hierarchies in which cgroups with limits can be made, next to or below our own.
fn hierarchies() -> Vec<(PathBuf, &'static [(&'static str, &'static str)])> {
    let unified = Path::new("/sys/fs/cgroup");
    let controllers = fs::read_to_string(unified.join("cgroup.subtree_control")).unwrap_or_default();
    if controllers.contains("memory") && controllers.contains("pids") {
        return vec![(unified.to_path_buf(), VERSION_2)];
    }
    let of_controller = |(controller, limits)| (unified.join(controller), limits);
    VERSION_1.into_iter().map(of_controller).filter(|(place, _)| place.join("tasks").exists()).collect()
}

/// A process leaves its cgroup shortly after its end.
fn remove(cgroup: &Path) {
    for _ in 0..1000 {
        if fs::remove_dir(cgroup).is_ok() {
            return;
        }
        thread::sleep(Duration::from_micros(100));
    }
}

fn join(file: &CStr) -> Result<(), Errno> {
    let file = call(libc::SYS_openat, [HERE, text(file), libc::O_WRONLY as usize, 0, 0])?;
    call(libc::SYS_write, [file, text(c"0"), 1, 0, 0])?;
    call(libc::SYS_close, [file, 0, 0, 0, 0]).map(drop)
}

/// `AT_FDCWD`
const HERE: usize = libc::AT_FDCWD as usize;
/// OPEN_TREE_CLONE, linux/mount.h.
const CLONE: usize = 1;
/// MOVE_MOUNT_F_EMPTY_PATH, and with MOVE_MOUNT_T_EMPTY_PATH.
const FROM_ITSELF: usize = 4;
const BOTH_THEMSELVES: usize = 0x44;
// MOUNT_ATTR_RDONLY, NOSUID, NODEV and NOEXEC, linux/mount.h.
const READ_ONLY: u64 = 1;
const NO_SUID: u64 = 2;
const NO_DEV: u64 = 4;
const NO_EXEC: u64 = 8;

/// The root and what is mounted in it, entered, with the old one gone.
fn build_tree(root: &CStr) -> Result<(), Errno> {
    set_attributes(HERE, c"/", libc::AT_RECURSIVE as usize, [0, 0, libc::MS_PRIVATE, 0])?;
    let place = call(libc::SYS_openat, [HERE, text(root), libc::O_PATH as usize, 0, 0])?;
    let root = clone_tree(place, c"")?;
    restrict(root, READ_ONLY | NO_SUID | NO_DEV)?;
    let scratch = scratch()?;
    mount(scratch, place, c"")?;
    mount(root, HERE, c"/")?;
    mount(new_filesystem(c"proc", READ_ONLY | NO_SUID | NO_DEV | NO_EXEC, None)?, root, c"proc")?;
    for (from, to, attributes) in [
        (c"dev", c"dev", READ_ONLY | NO_SUID | NO_EXEC),
        (c"shm", c"dev/shm", NO_SUID | NO_DEV | NO_EXEC),
        (c"tmp", c"tmp", NO_SUID | NO_DEV),
        (c"work", c"home/judge", NO_SUID | NO_DEV),
    ] {
        let tree = clone_tree(scratch, from)?;
        restrict(tree, attributes)?;
        mount(tree, root, to)?;
    }
    call(libc::SYS_fchdir, [root, 0, 0, 0, 0])?;
    call(libc::SYS_pivot_root, [text(c"."), text(c"."), 0, 0, 0])?;
    call(libc::SYS_umount2, [text(c"."), libc::MNT_DETACH as usize, 0, 0, 0])?;
    // The parent closes nothing for us: the table of descriptors is a copy.
    call(libc::SYS_close_range, [3, u32::MAX as usize, 0, 0, 0]).map(drop)
}

/// One tmpfs for all that can be written, and the device nodes.
fn scratch() -> Result<usize, Errno> {
    let scratch = new_filesystem(c"tmpfs", NO_SUID, Some((c"size", c"268435456")))?;
    for (directory, mode) in
        [(c"tmp", 0o1777), (c"shm", 0o1777), (c"work", 0o755), (c"dev", 0o755), (c"dev/shm", 0o755)]
    {
        call(libc::SYS_mkdirat, [scratch, text(directory), mode, 0, 0])?;
    }
    call(libc::SYS_fchownat, [scratch, text(c"work"), USER, USER, 0])?;
    for (node, minor) in
        [(c"dev/null", 3), (c"dev/zero", 5), (c"dev/full", 7), (c"dev/random", 8), (c"dev/urandom", 9)]
    {
        call(libc::SYS_mknodat, [scratch, text(node), libc::S_IFCHR as usize | 0o666, 1 << 8 | minor, 0])?;
    }
    Ok(scratch)
}

fn new_filesystem(kind: &CStr, attributes: u64, option: Option<(&CStr, &CStr)>) -> Result<usize, Errno> {
    // FSCONFIG_SET_STRING and FSCONFIG_CMD_CREATE, linux/mount.h.
    const SET_STRING: usize = 1;
    const CREATE: usize = 6;
    let context = call(libc::SYS_fsopen, [text(kind), 0, 0, 0, 0])?;
    if let Some((key, value)) = option {
        call(libc::SYS_fsconfig, [context, SET_STRING, text(key), text(value), 0])?;
    }
    call(libc::SYS_fsconfig, [context, CREATE, 0, 0, 0])?;
    call(libc::SYS_fsmount, [context, 0, attributes as usize, 0, 0])
}

fn clone_tree(directory: usize, path: &CStr) -> Result<usize, Errno> {
    let flags = if path.is_empty() { CLONE | libc::AT_EMPTY_PATH as usize } else { CLONE };
    call(libc::SYS_open_tree, [directory, text(path), flags, 0, 0])
}

fn restrict(tree: usize, attributes: u64) -> Result<(), Errno> {
    set_attributes(tree, c"", libc::AT_EMPTY_PATH as usize, [attributes, 0, 0, 0])
}

/// mount_setattr(2), of which the last argument is set, clear, propagation and user namespace.
fn set_attributes(directory: usize, path: &CStr, flags: usize, attributes: [u64; 4]) -> Result<(), Errno> {
    let size = size_of_val(&attributes);
    call(libc::SYS_mount_setattr, [directory, text(path), flags, attributes.as_ptr() as usize, size])
        .map(drop)
}

fn mount(tree: usize, directory: usize, place: &CStr) -> Result<(), Errno> {
    let flags = if place.is_empty() { BOTH_THEMSELVES } else { FROM_ITSELF };
    call(libc::SYS_move_mount, [tree, text(c""), directory, text(place), flags]).map(drop)
}

fn text(text: &CStr) -> usize {
    text.as_ptr() as usize
}

/// A system call of this file.
fn call(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: each call of this file gives numbers, C strings that outlive it, and one structure of the size it says; those
    // that change this process change the child's own: its mounts, descriptors and user.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    if result < 0 {
        Err(Errno::from_raw_os_error(nix::errno::Errno::last_raw()))
    } else {
        Ok(result as usize)
    }
}
