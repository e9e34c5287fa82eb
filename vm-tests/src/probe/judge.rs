//! JDG: the verdict itself: streams, the report, the console, and what a supervisor might have left within reach.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use super::sys::{self, Arg};
use super::{Attack, Finding, Target, find_secret};
use crate::arch;

/// The attacks of this family.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("judge/write-to-stdin", &["JDG-19", "FS-33"], write_to_stdin),
    Attack::new("judge/rewind-streams", &["JDG-20"], rewind_streams),
    Attack::new("judge/reopen-streams", &["JDG-20"], reopen_streams)
        .escapes_nowhere("the harness's streams are pipes, outside too"),
    Attack::new("judge/any-descriptor", &["JDG-03"], any_descriptor).escapes_bare(),
    Attack::new("judge/console", &["JDG-24"], console).escapes_bare(),
    Attack::new("judge/firmware-of-the-vm", &["JDG-25"], firmware_of_the_vm).escapes_bare(),
    Attack::new("judge/name-of-outside", &["KRN-26"], name_of_outside).escapes_bare(),
    Attack::new("judge/user", &["KRN-36"], user).escapes_bare(),
    Attack::new("judge/groups", &["KRN-36"], groups).escapes_bare(),
    Attack::new("judge/secure-bits", &["KRN-36"], secure_bits).escapes_bare(),
    Attack::new("judge/message-queue-of-outside", &["NET-17"], queue_of_outside).escapes_bare(),
    Attack::new("judge/secret-in-own-memory", &["KRN-35"], secret_in_own_memory).escapes_nowhere(
        "no caller passes the secret to a program; kernel/environment sees what is passed on",
    ),
    Attack::new("judge/descriptors-of-init", &["PR-08"], descriptors_of_init).escapes_bare(),
];

/// The host name that the agent gives to the VM, and the key of the message queue that it makes there.
pub const OUTSIDE_NAME: &str = "outside";
/// See [`OUTSIDE_NAME`].
pub const OUTSIDE_KEY: i64 = 0x0ca9_5c1f;

/// The judge's input, cut or overwritten for its next reader.
fn write_to_stdin(_: &Target) -> Finding {
    let truncated = sys::call(libc::SYS_ftruncate, &mut [Arg::N(0), Arg::N(0)]);
    let written = sys::call(libc::SYS_write, &mut [Arg::N(0), Arg::R(b"forged"), Arg::N(0)]);
    Finding::all([Finding::of("ftruncate", truncated), Finding::of("write", written)])
}

/// An offset that is shared with a process outside.
fn rewind_streams(_: &Target) -> Finding {
    Finding::all([0, 1, 2].map(|stream| {
        let link = fs::read_link(format!("/proc/self/fd/{stream}")).unwrap_or_default();
        // No other process has the copy that a file as stdin becomes: its offset is this program's own (memfd_create(2)).
        if link.as_os_str() == "/dev/null" || link.as_os_str().as_bytes().starts_with(b"/memfd:") {
            return Finding::blocked(format!("{stream} is {}", link.display()));
        }
        let sought =
            sys::call(libc::SYS_lseek, &mut [Arg::N(stream), Arg::N(0), Arg::N(libc::SEEK_SET.into())]);
        Finding::of(&format!("lseek {stream}"), sought)
    }))
}

/// Reopened with other rights, to read the output back.
fn reopen_streams(_: &Target) -> Finding {
    Finding::all([1, 2].map(|stream| {
        let path = format!("/proc/self/fd/{stream}");
        let is_pipe = fs::metadata(&path).is_ok_and(|kind| kind.file_type().is_fifo());
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path);
        match opened {
            // Our own pipe: bytes that are read from it are lost to this program only.
            Ok(_) if is_pipe => Finding::blocked(format!("{path} is a pipe")),
            opened => Finding::of_io(&path, opened),
        }
    }))
}

/// A forged report into every descriptor except the three streams.
fn any_descriptor(_: &Target) -> Finding {
    const FORGED: &[u8] = b"{\"status\":\"ok\"}\n";
    let written: Vec<String> = (3..1024)
        .filter(|&fd| sys::call(libc::SYS_write, &mut [Arg::N(fd), Arg::R(FORGED), Arg::N(0)]).is_ok())
        .map(|fd| fd.to_string())
        .collect();
    if written.is_empty() {
        Finding::blocked("3 to 1023 take nothing")
    } else {
        Finding::escaped(written.join(" "))
    }
}

/// A forged test result where the harness might look for one.
fn console(_: &Target) -> Finding {
    const PLACES: [&str; 6] =
        ["/dev/console", arch::CONSOLE, "/dev/hvc0", "/dev/kmsg", "/dev/tty0", "/proc/kmsg"];
    Finding::all(PLACES.map(|place| {
        let written = OpenOptions::new()
            .write(true)
            .open(place)
            .and_then(|mut file| file.write_all(b"ok 1 - forged\n"));
        Finding::of_io(place, written)
    }))
}

/// What QEMU offers a guest to read.
fn firmware_of_the_vm(_: &Target) -> Finding {
    const PLACES: [&str; 5] = [
        "/sys/firmware/fdt",
        "/sys/firmware/qemu_fw_cfg/raw",
        "/sys/firmware/qemu_fw_cfg/by_name",
        "/sys/firmware/acpi/tables/DSDT",
        "/dev/virtio-ports",
    ];
    Finding::all(PLACES.map(|place| Finding::of_io(place, File::open(place))))
}

/// uname(2) must not reveal the machine's name.
fn name_of_outside(_: &Target) -> Finding {
    let mut names = [0u8; 65 * 6];
    if let Err(errno) = sys::call(libc::SYS_uname, &mut [Arg::W(&mut names)]) {
        return Finding::of::<()>("uname", Err(errno));
    }
    let node: Vec<u8> = names[65..130].iter().copied().take_while(|&byte| byte != 0).collect();
    let node = String::from_utf8_lossy(&node).into_owned();
    if node == OUTSIDE_NAME {
        Finding::escaped(format!("nodename is {node}"))
    } else {
        Finding::blocked(node)
    }
}

fn user(_: &Target) -> Finding {
    let ids = [libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid]
        .map(|number| sys::call(number, &mut []).unwrap_or(-1));
    if ids.contains(&0) {
        Finding::escaped(format!("ids {ids:?}"))
    } else {
        Finding::blocked(format!("ids {ids:?}"))
    }
}

/// Supplementary groups that the supervisor has.
fn groups(_: &Target) -> Finding {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let groups =
        status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap_or_default().trim().to_string();
    if groups.is_empty() { Finding::blocked("none") } else { Finding::escaped(groups) }
}

/// SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP, both locked.
fn secure_bits(_: &Target) -> Finding {
    const LOCKED: i64 = 0b1111;
    let arguments = &mut [Arg::N(libc::PR_GET_SECUREBITS.into()), Arg::N(0), Arg::N(0), Arg::N(0), Arg::N(0)];
    match sys::call(libc::SYS_prctl, arguments) {
        Ok(bits) if bits & LOCKED == LOCKED => Finding::blocked(format!("{bits:#b}")),
        bits => Finding::of("secure bits are not locked", bits),
    }
}

fn queue_of_outside(_: &Target) -> Finding {
    Finding::of("msgget", sys::call(libc::SYS_msgget, &mut [Arg::N(OUTSIDE_KEY), Arg::N(0)]))
}

/// The stack above main, where argument and environment strings of an earlier program image could be.
fn secret_in_own_memory(_: &Target) -> Finding {
    let mut found = Vec::new();
    for name in ["environ", "cmdline", "auxv"] {
        let bytes = fs::read(format!("/proc/self/{name}")).unwrap_or_default();
        found.extend(find_secret(&bytes).map(|secret| Finding::escaped(format!("{name}: {secret}"))));
    }
    if found.is_empty() { Finding::blocked("no secret") } else { Finding::all(found) }
}

/// Lists PID 1's descriptors. The kernel lets only the owner do that, and not even the owner where PID 1 is not dumpable
/// (proc_pid_fd(5), PR_SET_DUMPABLE(2const)).
fn descriptors_of_init(_: &Target) -> Finding {
    let listed: io::Result<usize> = fs::read_dir("/proc/1/fd").map(Iterator::count);
    Finding::of_io("/proc/1/fd", listed)
}
