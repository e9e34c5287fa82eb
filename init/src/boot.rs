//! PID 1 of a virtual machine: mounts what the runner needs, runs its commands, powers off.
//!
//! The command stands after `--` on the kernel's command line; else /etc/capsule has commands, one per line; else it is
//! an interactive shell in /rootfs on the console.

use core::ffi::{CStr, c_char};

use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount};
use rustix::process::{Pid, WaitOptions, wait};
use rustix::system::RebootCommand;

use crate::command::command;
use crate::describe::push_errno;
use crate::error::{Call, Error, Step, Subject, at};
use crate::kernel_file;
use crate::packed::{Packed, packed};
use crate::print::eprint;
use crate::sys::{self, Args, Forked};
use crate::text::{Parts, Strings, Text};

/// What is mounted, in this order: type, place, data. /run is for the uids in use (`uids::FILE`).
const MOUNTS: &[u8] = b"devtmpfs\0/dev\0mode=755\0\
    proc\0/proc\0\0\
    sysfs\0/sys\0\0\
    tmpfs\0/run\0mode=755\0";
const CGROUP_V2: &[u8] = b"cgroup2\0/sys/fs/cgroup\0\0";
/// With `capsule.cgroup=v1` on the kernel's command line. The places are those of every distribution.
const CGROUP_V1: &[u8] = b"tmpfs\0/sys/fs/cgroup\0mode=755\0\
    cgroup\0/sys/fs/cgroup/memory\0memory\0\
    cgroup\0/sys/fs/cgroup/pids\0pids\0\
    cgroup\0/sys/fs/cgroup/cpuacct\0cpuacct\0\
    cgroup\0/sys/fs/cgroup/cpuset\0cpuset\0\
    cgroup\0/sys/fs/cgroup/cpu\0cpu\0\
    cgroup\0/sys/fs/cgroup/freezer\0freezer\0";

/// The shells to try when there is no command: where each stands, and what it is called inside.
const SHELLS: &[(&CStr, &[u8])] = &[(c"/rootfs/bin/bash", b"/bin/bash"), (c"/rootfs/bin/sh", b"/bin/sh")];

/// The longest /etc/capsule, and the most arguments on one of its lines.
const MAX_SCRIPT: usize = 32 << 10;
const MAX_ARGS: usize = 256;
/// The longest command line of an x86 kernel (COMMAND_LINE_SIZE, `asm/setup.h`), twice.
const MAX_KERNEL_LINE: usize = 4096;

/// From here on we are PID 1 of a machine: to exit would be a kernel panic. All signals are blocked.
pub(crate) fn run(argv: Args<'_>) -> ! {
    let mut kernel_line = [0; MAX_KERNEL_LINE];
    if let Err(error) = prepare() {
        let mut line = [0; 256];
        let mut line = Text::new(&mut line);
        line.push(b"init: ").push_packed(error.step()).push(b": ");
        line.push_packed(error.call().packed()).push(b": ");
        push_errno(&mut line, error.errno());
        eprint(line.as_bytes());
    } else {
        match command_on(read_kernel_line(&mut kernel_line)) {
            Some(command) => run_line(command, argv),
            None => run_script(argv),
        }
    }
    let _ = rustix::system::reboot(RebootCommand::PowerOff); // a machine without power off stays on, and idles below
    // PID 1 must not end: the kernel would panic.
    loop {
        crate::clock::sleep_ms(1_000);
    }
}

fn prepare() -> Result<(), Error> {
    // First: what is mounted later must be mounted on the root that stays.
    leave_initial_rootfs().map_err(at(Step::Boot, Call::MoveMount, Subject::None))?;
    mount_all(MOUNTS)?;
    let mut buffer = [0; MAX_KERNEL_LINE];
    let line = read_kernel_line(&mut buffer).trim_ascii_end();
    let v1 = Parts::new(line, b' ').any(|option| option == b"capsule.cgroup=v1");
    let cgroup = if v1 { CGROUP_V1 } else { CGROUP_V2 };
    mount_all(cgroup)?;
    open_console();
    Ok(())
}

/// With its newline, which gives the last argument room for its NUL.
fn read_kernel_line(buffer: &mut [u8; MAX_KERNEL_LINE]) -> &mut [u8] {
    let len = kernel_file::read(CWD, c"/proc/cmdline", buffer).map_or(0, <[u8]>::len);
    buffer.get_mut(..len).unwrap_or_default()
}

/// What follows the first ` -- `. The kernel hands that to us as arguments too, but only up to the next `--`, which
/// each of our commands has.
fn command_on(kernel_line: &mut [u8]) -> Option<&mut [u8]> {
    const DASHES: &[u8] = b" -- ";
    let at = kernel_line.windows(DASHES.len()).position(|window| window == DASHES)?;
    kernel_line.get_mut(at + DASHES.len()..)
}

/// The kernel's initial file system cannot be left by pivot_root(2), which the runner uses: so a second mount of
/// it, on top, becomes the root of this process (switch_root(8) does the same with another file system).
fn leave_initial_rootfs() -> Result<(), Errno> {
    let root =
        sys::fd::open_tree(CWD, c"/", OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    // The initial root cannot be unmounted or moved (`Documentation/filesystems/ramfs-rootfs-initramfs.rst`), only
    // covered.
    move_mount(root.as_fd(), c"", CWD, c"/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    rustix::process::fchdir(&root)?;
    rustix::process::chroot(c".")
}

fn mount_all(list: &'static [u8]) -> Result<(), Error> {
    let mut list = Strings(list);
    while let (Some(kind), Some(place), Some(data)) = (list.next(), list.next(), list.next()) {
        mount_one(kind, place, data)?;
    }
    Ok(())
}

fn mount_one(kind: &CStr, place: &CStr, data: &CStr) -> Result<(), Error> {
    match rustix::fs::mkdir(place, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(at(Step::Boot, Call::Mkdir, Subject::None)(errno)),
    }
    match mount(kind, place, kind, MountFlags::empty(), data) {
        // EINVAL: a kernel without this controller in version 1 (Debian's 6.12 has no memory there). The rest is
        // still useful.
        Err(Errno::INVAL) if kind == c"cgroup" => Ok(()),
        result => result.map_err(at(Step::Boot, Call::Mount, Subject::None)),
    }
}

/// The kernel opens the console for us only if the image has a node for it.
fn open_console() {
    // A terminal on 0 is the kernel's console; /dev/null is ours (`streams::fill_standard`).
    if sys::terminal_mode(sys::stdio(0)).is_ok() {
        return;
    }
    if let Ok(console) = sys::fd::open(c"/dev/console", OFlags::RDWR, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&console); // a machine without console works in silence
        let _ = rustix::stdio::dup2_stdout(&console);
        let _ = rustix::stdio::dup2_stderr(&console);
    }
}

fn run_script(argv: Args<'_>) {
    let mut script = [0; MAX_SCRIPT];
    match read_whole(c"/etc/capsule", &mut script) {
        // With the byte after the text: it becomes the last argument's NUL.
        Ok(len) => script
            .get_mut(..=len)
            .unwrap_or_default()
            .split_inclusive_mut(|byte| *byte == b'\n')
            .for_each(|line| run_line(line, argv)),
        Err(Errno::NOENT) => open_shell(argv),
        Err(_) => complain(packed!("init: /etc/capsule cannot be read, or is longer than 32 KiB")),
    }
}

fn run_line(line: &mut [u8], argv: Args<'_>) {
    if line.trim_ascii_start().starts_with(b"#") {
        return;
    }
    let mut pointers = [core::ptr::null::<c_char>(); MAX_ARGS];
    match Args::split(line, &mut pointers) {
        Some(args) if args.is_empty() => {}
        Some(args) => in_child(args, argv),
        None => complain(packed!(
            "init: /etc/capsule: a line with an open quote, or with more than 255 arguments"
        )),
    }
}

fn open_shell(argv: Args<'_>) {
    let Some((_, inside)) = SHELLS.iter().find(|(shell, _)| rustix::fs::stat(*shell).is_ok()) else {
        complain(packed!(
            "init: nothing to do: no command after `--`, no /etc/capsule, and no shell in /rootfs"
        ));
        return;
    };
    let mut line = [0; 256];
    let mut text = Text::new(&mut line);
    text.push(b"run --root /rootfs --tty --env TERM=linux -- ").push(inside).push(b" ");
    run_line(&mut line, argv);
}

/// Prints one line on stderr.
fn complain(message: Packed) {
    let mut line = [0; 128];
    eprint(Text::new(&mut line).push_packed(message).as_bytes());
}

/// Does one command in a process of its own, and reaps all that ends meanwhile.
fn in_child(args: Args<'_>, argv: Args<'_>) {
    // A command changes its namespaces, its user and its arguments, and ends: PID 1 of the machine must not.
    match sys::clone3(0, None) {
        Ok(Forked::Child) => sys::exit(child(args, argv)),
        Ok(Forked::Parent { pid, .. }) => reap_until(pid),
        Err(_) => complain(packed!("init: clone3: no process can be made")),
    }
}

/// `exec` runs a program outside of any sandbox, as root; all else is a command of the runner.
fn child(args: Args<'_>, argv: Args<'_>) -> u8 {
    if args.get(0) != Some(c"exec") {
        return command(args, argv);
    }
    let _ = rustix::process::setsid(); // a new process leads no session yet
    sys::block_signals(sys::Signals::NONE);
    let environment = [c"PATH=/usr/bin:/bin".as_ptr(), core::ptr::null()];
    let args = args.from(1);
    if let Some(program) = args.get(0) {
        // Returns only when it fails.
        sys::execve(program, args, &environment);
    }
    complain(packed!("init: exec: no such program, or it cannot be executed"));
    127
}

fn reap_until(child: Pid) {
    // Orphans are handed to PID 1 (wait(2)), and come back here as well.
    while let Ok(Some((pid, _))) = wait(WaitOptions::empty()) {
        if pid == child {
            return;
        }
    }
}

/// Reads a file that must fit.
fn read_whole(path: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    let file = sys::fd::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut len = 0;
    loop {
        match rustix::io::read(&file, buffer.get_mut(len..).unwrap_or_default())? {
            0 if len < buffer.len() => return Ok(len),
            0 => return Err(Errno::FBIG),
            more => len += more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_follows_the_first_dashes() {
        let mut line = *b"console=ttyS0 -- run --root /r -- /bin/ls\n";
        assert_eq!(command_on(&mut line).map(|command| &*command), Some(&b"run --root /r -- /bin/ls\n"[..]));
        assert_eq!(command_on(&mut b"console=ttyS0 quiet\n".to_owned()), None);
    }
}
