//! PID 1 of a virtual machine: mounts what the runner needs, does what it is told, powers off.
//!
//! Told by the words behind `--` on the kernel's command line (one command), else by /etc/capsule (one a line),
//! else an interactive shell in /rootfs on the console.

use core::ffi::{CStr, c_char};

use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount};
use rustix::process::{Pid, WaitOptions, wait};
use rustix::system::RebootCommand;

use crate::cgroup::read_file;
use crate::error::{Call, Error, Step, Subject, at, push_errno};
use crate::sys::{self, Args, Forked};
use crate::text::Text;
use crate::{command, say};

/// What is mounted, in this order: type, place, data.
const MOUNTS: &[(&CStr, &CStr, &CStr)] = &[
    (c"devtmpfs", c"/dev", c"mode=755"),
    (c"proc", c"/proc", c""),
    (c"sysfs", c"/sys", c""),
    (c"tmpfs", c"/run", c"mode=755"),
];
const CGROUP_V2: &[(&CStr, &CStr, &CStr)] = &[(c"cgroup2", c"/sys/fs/cgroup", c"")];
/// With `capsule.cgroup=v1` on the kernel's command line. The places are those of every distribution.
const CGROUP_V1: &[(&CStr, &CStr, &CStr)] = &[
    (c"tmpfs", c"/sys/fs/cgroup", c"mode=755"),
    (c"cgroup", c"/sys/fs/cgroup/memory", c"memory"),
    (c"cgroup", c"/sys/fs/cgroup/pids", c"pids"),
    (c"cgroup", c"/sys/fs/cgroup/cpuacct", c"cpuacct"),
    (c"cgroup", c"/sys/fs/cgroup/cpuset", c"cpuset"),
    (c"cgroup", c"/sys/fs/cgroup/freezer", c"freezer"),
];

/// Done when nobody says what to do: where it stands, and what it is called inside.
const SHELLS: &[(&CStr, &[u8])] = &[(c"/rootfs/bin/bash", b"/bin/bash"), (c"/rootfs/bin/sh", b"/bin/sh")];

/// The longest /etc/capsule, and the most words on one of its lines.
const MAX_SCRIPT: usize = 32 << 10;
const MAX_WORDS: usize = 256;
/// The longest command line of an x86 kernel (COMMAND_LINE_SIZE, `asm/setup.h`), twice.
const MAX_KERNEL_LINE: usize = 4096;

/// From here on we are PID 1 of a machine: exiting would be a kernel panic. All signals are blocked.
pub fn run(arguments: Args<'_>) -> ! {
    let mut kernel_line = [0; MAX_KERNEL_LINE];
    if let Err(error) = prepare() {
        let mut line = [0; 256];
        let mut line = Text::new(&mut line);
        line.push(b"init: ").push(error.step()).push(b": ");
        line.push(error.call()).push(b": ");
        push_errno(&mut line, error.errno());
        say(line.as_bytes());
    } else {
        match command_on(read_kernel_line(&mut kernel_line)) {
            Some(command) => obey_line(command, arguments),
            None => obey_script(arguments),
        }
    }
    let _ = rustix::system::reboot(RebootCommand::PowerOff); // nothing can be done about a machine without power off
    loop {
        crate::clock::sleep_ms(1_000);
    }
}

fn prepare() -> Result<(), Error> {
    leave_initial_rootfs().map_err(at(Step::Boot, Call::MoveMount, Subject::None))?;
    MOUNTS.iter().try_for_each(mount_one)?;
    let mut buffer = [0; MAX_KERNEL_LINE];
    let v1 =
        read_kernel_line(&mut buffer).split(u8::is_ascii_whitespace).any(|word| word == b"capsule.cgroup=v1");
    let cgroup = if v1 { CGROUP_V1 } else { CGROUP_V2 };
    cgroup.iter().try_for_each(mount_one)?;
    open_console();
    Ok(())
}

/// With its newline, which gives the last word room for its NUL.
fn read_kernel_line(buffer: &mut [u8; MAX_KERNEL_LINE]) -> &mut [u8] {
    let len = read_file(CWD, c"/proc/cmdline", buffer).map_or(0, <[u8]>::len);
    buffer.get_mut(..len).unwrap_or_default()
}

/// What stands behind the first ` -- `. The kernel hands that to us as arguments too, but only up to the next `--`,
/// which each command of ours has.
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
    move_mount(root.as_fd(), c"", CWD, c"/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    rustix::process::fchdir(&root)?;
    rustix::process::chroot(c".")
}

fn mount_one((kind, place, data): &(&CStr, &CStr, &CStr)) -> Result<(), Error> {
    match rustix::fs::mkdir(*place, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(at(Step::Boot, Call::Mkdir, Subject::None)(errno)),
    }
    match mount(*kind, *place, *kind, MountFlags::empty(), *data) {
        // A kernel without this controller in version 1 (Debian's 6.12 has no memory there): the rest is still of use.
        Err(Errno::INVAL) if *kind == c"cgroup" => Ok(()),
        result => result.map_err(at(Step::Boot, Call::Mount, Subject::None)),
    }
}

/// The kernel opens the console for us only if the image has a node for it.
fn open_console() {
    if sys::terminal_mode(sys::stdio(0)).is_ok() {
        return;
    }
    if let Ok(console) = sys::fd::open(c"/dev/console", OFlags::RDWR, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&console); // a machine without console works in silence
        let _ = rustix::stdio::dup2_stdout(&console);
        let _ = rustix::stdio::dup2_stderr(&console);
    }
}

fn obey_script(arguments: Args<'_>) {
    let mut script = [0; MAX_SCRIPT];
    match read_whole(c"/etc/capsule", &mut script) {
        // The line end goes along: it becomes the last word's NUL.
        Ok(len) => script
            .get_mut(..=len)
            .unwrap_or_default()
            .split_inclusive_mut(|byte| *byte == b'\n')
            .for_each(|line| obey_line(line, arguments)),
        Err(Errno::NOENT) => open_shell(arguments),
        Err(_) => say(b"init: /etc/capsule cannot be read, or is longer than 32 KiB"),
    }
}

fn obey_line(line: &mut [u8], arguments: Args<'_>) {
    if line.trim_ascii_start().starts_with(b"#") {
        return;
    }
    let mut pointers = [core::ptr::null::<c_char>(); MAX_WORDS];
    match Args::split(line, &mut pointers) {
        Some(words) if words.is_empty() => {}
        Some(words) => in_child(words, arguments),
        None => say(b"init: /etc/capsule: a line with an open quote, or with more than 255 words"),
    }
}

fn open_shell(arguments: Args<'_>) {
    let Some((_, inside)) = SHELLS.iter().find(|(shell, _)| rustix::fs::stat(*shell).is_ok()) else {
        say(b"init: nothing to do: no words behind `--`, no /etc/capsule, and no shell in /rootfs");
        return;
    };
    let mut line = [0; 256];
    let mut text = Text::new(&mut line);
    text.push(b"run --root /rootfs --tty --env TERM=linux -- ").push(inside).push(b" ");
    obey_line(&mut line, arguments);
}

/// Does one command in a process of its own, and reaps all that ends meanwhile.
fn in_child(words: Args<'_>, arguments: Args<'_>) {
    match sys::clone3(0, None) {
        Ok(Forked::Child) => sys::exit(child(words, arguments)),
        Ok(Forked::Parent { pid, .. }) => reap_until(pid),
        Err(_) => say(b"init: clone3: no process can be made"),
    }
}

/// `exec` runs a program outside of any sandbox, as root; all else is a command of the runner.
fn child(words: Args<'_>, arguments: Args<'_>) -> u8 {
    if words.get(0) != Some(c"exec") {
        return command(words, arguments);
    }
    let _ = rustix::process::setsid(); // a new process leads no session yet
    sys::block_signals(sys::Signals::NONE);
    let environment = [c"PATH=/usr/bin:/bin".as_ptr(), core::ptr::null()];
    let words = words.from(1);
    if let Some(program) = words.get(0) {
        sys::execve(program, words, &environment);
    }
    say(b"init: exec: no such program, or it cannot be executed");
    127
}

fn reap_until(child: Pid) {
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
    fn a_command_stands_behind_the_first_dashes() {
        let mut line = *b"console=ttyS0 -- run --root /r -- /bin/ls\n";
        assert_eq!(command_on(&mut line).map(|command| &*command), Some(&b"run --root /r -- /bin/ls\n"[..]));
        assert_eq!(command_on(&mut b"console=ttyS0 quiet\n".to_owned()), None);
    }
}
