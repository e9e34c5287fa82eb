//! Asking a real loader what it would load, and reading its answer.
#![allow(unsafe_code)] // `Command::pre_exec` is unsafe, and std's own chroot for children is not stable yet.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::arch;
use crate::sysroot::Sysroot;

/// What is loaded for a program, as sets: the order is not the question.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The files, with links followed, without the program itself.
    pub files: BTreeSet<PathBuf>,
    /// The names that were not found.
    pub missing: BTreeSet<OsString>,
    /// The name, without directories, of the file at which the loader gave up, or how it died.
    pub failure: Option<OsString>,
}

impl Answer {
    pub(super) fn failed(path: &Path) -> Self {
        // Some of the loader's messages have the path, some only the name that was asked for.
        Self { failure: path.file_name().map(OsStr::to_owned), ..Self::default() }
    }
}

/// Runs `loader` inside `sysroot` on `file`.
pub fn ask(sysroot: &Sysroot, loader: &Path, file: &Path) -> io::Result<Answer> {
    let mut command = Command::new(loader);
    command.env_clear().stdin(Stdio::null());
    if arch::is_musl_loader(loader) {
        command.arg("--list");
    } else {
        // `--list` would stop at the first library that is missing.
        command.env("LD_TRACE_LOADED_OBJECTS", "1");
    }
    enter(&mut command, sysroot)?;
    let output = command.arg(file).output()?;
    Ok(read(sysroot, &output))
}

/// The child starts in `/` of the sysroot.
fn enter(command: &mut Command, sysroot: &Sysroot) -> io::Result<()> {
    if sysroot.path() == Path::new("/") {
        command.current_dir("/");
        return Ok(());
    }
    let root = sysroot.root()?;
    let change = move || {
        rustix::process::fchdir(&root)?;
        rustix::process::chroot(".")?;
        Ok(())
    };
    // SAFETY: `pre_exec` requires that the closure does only what is safe between fork and exec in a program with
    // threads. It makes two system calls on a descriptor that it owns; it neither allocates nor locks.
    unsafe { command.pre_exec(change) };
    Ok(())
}

fn read(sysroot: &Sysroot, output: &Output) -> Answer {
    let real = |path: &Path| sysroot.trail(path).map_or_else(|_| path.to_owned(), |trail| trail.file);
    if let Some(signal) = output.status.signal() {
        return Answer::failed(Path::new(&format!("killed by signal {signal}")));
    }
    let mut answer = Answer::default();
    for line in output.stdout.split(|&b| b == b'\n').chain(output.stderr.split(|&b| b == b'\n')) {
        match parse_line(line) {
            Some(Line::File(path)) => {
                answer.files.insert(real(path));
            }
            Some(Line::Missing(name)) => {
                answer.missing.insert(name.to_owned());
            }
            Some(Line::Failure(path)) => return Answer::failed(path),
            None => {}
        }
    }
    answer
}

/// One line of the answer.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// `NAME => PATH (0x…)` or `PATH (0x…)`
    File(&'a Path),
    /// `NAME => not found`; musl: `Error loading shared library NAME: No such file or directory (needed by …)`
    Missing(&'a OsStr),
    /// `PROGRAM: error while loading shared libraries: FILE: cause`
    Failure(&'a Path),
}

const GLIBC_FAILURE: &[u8] = b": error while loading shared libraries: ";
const MUSL_FAILURE: &[u8] = b"Error loading shared library ";

/// What a line says; the vdso, which has no path, and anything unknown say nothing.
fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    if let Some(at) = find(line, GLIBC_FAILURE) {
        return Some(Line::Failure(Path::new(until_colon(&line[at + GLIBC_FAILURE.len()..]))));
    }
    if let Some(rest) = line.strip_prefix(MUSL_FAILURE) {
        let name = until_colon(rest);
        let not_found = find(rest, b": No such file").is_some();
        return Some(if not_found { Line::Missing(name) } else { Line::Failure(Path::new(name)) });
    }
    let line = line.strip_prefix(b"\t")?;
    let (name, rest) = find(line, b" => ").map_or((line, line), |at| (&line[..at], &line[at + 4..]));
    if rest == b"not found" {
        return Some(Line::Missing(OsStr::from_bytes(name)));
    }
    let end = rest.windows(4).rposition(|w| w == b" (0x")?;
    let path = Path::new(OsStr::from_bytes(&rest[..end]));
    path.as_os_str().as_bytes().contains(&b'/').then_some(Line::File(path))
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|w| w == pattern)
}

fn until_colon(text: &[u8]) -> &OsStr {
    OsStr::from_bytes(&text[..find(text, b": ").unwrap_or(text.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_understood() {
        let file = |path| Some(Line::File(Path::new(path)));
        assert_eq!(parse_line(b"\tlibc.so.6 => /lib/libc.so.6 (0x00007f18)"), file("/lib/libc.so.6"));
        assert_eq!(
            parse_line(b"\t/lib64/ld-linux-x86-64.so.2 (0x00007f18)"),
            file("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(parse_line(b"\tlinux-vdso.so.1 (0x00007f18)"), None);
        assert_eq!(parse_line(b"\tstatically linked"), None);
        assert_eq!(parse_line(b"\tlibx.so => not found"), Some(Line::Missing(OsStr::new("libx.so"))));
        let musl = b"Error loading shared library libx.so: No such file or directory (needed by /tmp/x)";
        assert_eq!(parse_line(musl), Some(Line::Missing(OsStr::new("libx.so"))));
        let fatal =
            b"/tmp/x: error while loading shared libraries: /tmp/libx.so: cannot read file data: Error 21";
        assert_eq!(parse_line(fatal), Some(Line::Failure(Path::new("/tmp/libx.so"))));
    }
}
