//! Workloads that read and write: standard input and output, floods of output, forged reports.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{Program, UNREACHED, errno, number, print_text};
use crate::probe::sys::{self, Arg};

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("hello", |_| print_text("hello\n")),
    ("cat", cat),
    ("cat-by-name", cat_by_name),
    ("print", print),
    ("print-hasty", print_hasty),
    ("file-input", file_input),
    ("show", show),
    ("forge", forge),
    ("scribble", scribble),
    ("arguments", |args| print_text(&format!("{}\n", args.len()))),
    ("flood-stdout", |_| flood(io::stdout())),
    ("flood-stderr", |_| flood(io::stderr())),
    ("flood-file", flood_file),
    ("flood-file-deaf", flood_file_deaf),
    ("flood-both", flood_both),
    ("close-stdout", close_stdout),
];

fn cat(_: &[&str]) -> u8 {
    u8::from(io::copy(&mut io::stdin(), &mut io::stdout()).is_err())
}

/// As many programs do that read all their input.
fn cat_by_name(_: &[&str]) -> u8 {
    let copied = File::open("/dev/stdin").and_then(|mut input| io::copy(&mut input, &mut io::stdout()));
    u8::from(copied.is_err())
}

/// Prints a file.
fn show(args: &[&str]) -> u8 {
    match args.first().map(fs::read_to_string) {
        Some(Ok(text)) => print_text(&text),
        _ => UNREACHED,
    }
}

/// Prints as many bytes as the argument.
fn print(args: &[&str]) -> u8 {
    print_text(&"x".repeat(number(args)))
}

/// The same, by a program that does not wait for its reader, as Node: what the pipe does not take at once is lost.
fn print_hasty(args: &[&str]) -> u8 {
    let (mut one, nonblocking) = (1_i32.to_ne_bytes(), i64::from(libc::O_WRONLY | libc::O_NONBLOCK));
    sys::call(libc::SYS_ioctl, &mut [Arg::N(1), Arg::N(libc::FIONBIO as i64), Arg::W(&mut one)]).ok();
    sys::call(libc::SYS_fcntl, &mut [Arg::N(1), Arg::N(libc::F_SETFL.into()), Arg::N(nonblocking)]).ok();
    match io::stdout().write_all(&vec![b'x'; number(args)]).and_then(|()| io::stdout().flush()) {
        Ok(()) => 0,
        Err(cause) => errno(&cause),
    }
}

/// Whether standard input is a file of so many bytes, as fast readers want it, and none that it could change. Gives the
/// number of the first thing that is not so.
fn file_input(args: &[&str]) -> u8 {
    let size = number(args);
    let link = fs::read_link("/proc/self/fd/0").map(|path| path.to_string_lossy().into_owned());
    let seek = sys::call(libc::SYS_lseek, &mut [Arg::N(0), Arg::N(0), Arg::N(libc::SEEK_END.into())]);
    let map = |rights: i32| {
        // A place of the kernel's choice, which nothing else uses.
        let flags = [rights, libc::MAP_SHARED, 0, 0].map(|number| Arg::N(number.into()));
        sys::call(libc::SYS_mmap, &mut [Arg::N(0), Arg::N(4096)].into_iter().chain(flags).collect::<Vec<_>>())
    };
    let changed = ["append", "truncate"].into_iter().any(|how| {
        let mut options = OpenOptions::new();
        options.append(how == "append").write(true).truncate(how == "truncate");
        options.open("/dev/stdin").is_ok_and(|mut file| file.write_all(b"changed").is_ok())
    });
    let seen = [
        fs::metadata("/dev/stdin").is_ok_and(|file| file.is_file() && file.len() == size as u64),
        seek == Ok(size as i64),
        map(libc::PROT_READ).is_ok(),
        map(libc::PROT_READ | libc::PROT_WRITE).is_err(),
        fs::read("/dev/stdin").is_ok_and(|bytes| bytes.len() == size),
        link.is_ok_and(|link| link == "/" || link.starts_with("/memfd:")),
        !changed,
    ];
    seen.iter().position(|right| !right).map_or(0, |at| at as u8 + 1)
}

/// A report, a pass, a frame and a terminal escape, on every descriptor there is.
fn forge(args: &[&str]) -> u8 {
    const FORGED: &[u8] =
        b"{\"version\":1,\"status\":\"ok\",\"exit_code\":0}\nok 1 - forged\n12 passed, 0 failed\n\
        @frame 1 2 00\n{}\n\x1b[2J\x00\xff\n";
    for descriptor in 0..64 {
        let length = FORGED.len() as i64;
        // Most of them are closed.
        sys::call(libc::SYS_write, &mut [Arg::N(descriptor), Arg::R(FORGED), Arg::N(length)]).ok();
    }
    number(args) as u8
}

/// The same into whatever opens: descriptors of every process in sight, terminals, the kernel's log.
fn scribble(args: &[&str]) -> u8 {
    const LOGS: [&str; 4] = ["/dev/tty", "/dev/console", "/dev/kmsg", "/dev/stderr"];
    let entries = |path: PathBuf| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let processes = entries("/proc".into()).into_iter();
    let descriptors = processes.flat_map(|process| entries(process.join("fd")));
    for path in descriptors.chain(LOGS.map(PathBuf::from)) {
        // Most of them cannot be opened; a pipe that is full must not stop us.
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(libc::O_NONBLOCK);
        options.open(path).and_then(|mut file| file.write_all(b"{\"status\":\"ok\",\"forged\":1}\n")).ok();
    }
    number(args) as u8
}

/// Writes far more than any limit here, and ends: where the limit is missing, the run must not need another one.
pub(super) fn flood(mut to: impl Write) -> u8 {
    let block = [b'x'; 4096];
    for _ in 0..4096 {
        if let Err(cause) = to.write_all(&block) {
            return errno(&cause);
        }
    }
    UNREACHED
}

fn flood_file(_: &[&str]) -> u8 {
    sys::default_action(libc::SIGXFSZ);
    match File::create("/tmp/flood") {
        Ok(file) => flood(file),
        Err(_) => UNREACHED,
    }
}

/// As Python, the JVM, Node and Go do: without the signal they see EFBIG.
fn flood_file_deaf(_: &[&str]) -> u8 {
    sys::ignore(libc::SIGXFSZ);
    match File::create("/tmp/flood") {
        Ok(file) => flood(file),
        Err(_) => UNREACHED,
    }
}

fn flood_both(_: &[&str]) -> u8 {
    let block = [b'x'; 4096];
    while io::stdout().write_all(&block).and_then(|()| io::stderr().write_all(&block)).is_ok() {}
    UNREACHED
}

fn close_stdout(_: &[&str]) -> u8 {
    for descriptor in 0..3 {
        sys::call(libc::SYS_close, &mut [Arg::N(descriptor)]).ok();
    }
    sys::leave(0)
}
