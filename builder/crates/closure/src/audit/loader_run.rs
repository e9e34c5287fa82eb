//! Runs a real loader that prints what it would load, and reads its output.
#![allow(unsafe_code)] // `Command::pre_exec` and execve(2) are unsafe, and std has no call for a plain execve(2).

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::ptr;

use rustix::io::Errno;

use crate::arch;
use crate::sysroot::Sysroot;

/// What is loaded for a program, as sets: an audit does not compare the order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LoadResult {
    /// The files without the program itself, with links followed.
    pub files: BTreeSet<PathBuf>,
    /// The names that were not found.
    pub missing: BTreeSet<OsString>,
    /// The name, without directories, of the file that ended the program, or the signal that did.
    pub failure: Option<OsString>,
}

impl LoadResult {
    pub(super) fn failed(path: &Path) -> Self {
        // Some of the loader's messages have the path, some only the name that it searched for.
        Self { failure: path.file_name().map(OsStr::to_owned), ..Self::default() }
    }
}

/// The end of a loader's run.
#[derive(Debug)]
pub(super) enum Run {
    /// It printed what it would load.
    Printed(LoadResult),
    /// execve(2) refused to start it: it is for another machine, or not executable.
    Refused(Errno),
}

/// Runs `loader` inside `sysroot` on `file`.
///
/// # Errors
/// No process can be made, or the sysroot cannot be entered.
pub(super) fn run(sysroot: &Sysroot, loader: &Path, file: &Path) -> io::Result<Run> {
    let call = Call::new(loader, file)?;
    let mut command = Command::new(loader);
    command.env_clear().stdin(Stdio::null()).current_dir("/");
    let root = if sysroot.is_whole_machine() { None } else { Some(sysroot.root()?) };
    let start = move || {
        if let Some(root) = &root {
            rustix::process::fchdir(root)?;
            rustix::process::chroot(".")?;
        }
        Err(call.execve())
    };
    // SAFETY: `pre_exec` requires that the closure does only what is safe between fork and exec in a program with
    // threads. It makes three system calls on what was prepared before the fork; it neither allocates nor locks.
    unsafe { command.pre_exec(start) };
    match command.output() {
        Ok(output) => Ok(Run::Printed(read(sysroot, &output))),
        Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(errno @ (Errno::NOEXEC | Errno::ACCESS | Errno::NOENT | Errno::LIBBAD | Errno::INVAL)) => {
                Ok(Run::Refused(errno))
            }
            _ => Err(error),
        },
    }
}

/// The arguments of one execve(2).
///
/// [`Command`] itself calls execvp(3), which gives a file that the kernel does not take to /bin/sh: the libraries of that
/// shell would count as the loader's answer.
struct Call {
    path: CString,
    /// The texts that `argv` and `envp` point to.
    _texts: Vec<CString>,
    /// Both end with a null pointer.
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
}

// SAFETY: the pointers lead to texts that the value owns and that nothing changes.
unsafe impl Send for Call {}
// SAFETY: as above; the type has no interior mutability.
unsafe impl Sync for Call {}

impl Call {
    fn new(loader: &Path, file: &Path) -> io::Result<Self> {
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
        let (path, file) = (text(loader)?, text(file)?);
        let mut texts = vec![path.clone(), file];
        if arch::is_musl_loader(loader) {
            texts.insert(1, c"--list".to_owned());
        }
        let mut argv: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        argv.push(ptr::null());
        let mut envp = vec![ptr::null()];
        if !arch::is_musl_loader(loader) {
            // `--list` would stop at the first library that is missing (ld.so(8)).
            let variable = c"LD_TRACE_LOADED_OBJECTS=1".to_owned();
            envp.insert(0, variable.as_ptr());
            texts.push(variable);
        }
        Ok(Self { path, _texts: texts, argv, envp })
    }

    /// Returns only when the kernel refuses.
    fn execve(&self) -> io::Error {
        // SAFETY: execve(2) wants a path that ends with NUL and two lists of such texts that end with a null pointer;
        // `new` made them so, and `self` keeps them alive.
        unsafe { libc::execve(self.path.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) };
        io::Error::last_os_error()
    }
}

fn read(sysroot: &Sysroot, output: &Output) -> LoadResult {
    let real =
        |path: &Path| sysroot.resolve_path(path).map_or_else(|_| path.to_owned(), |resolved| resolved.file);
    if let Some(signal) = output.status.signal() {
        return LoadResult::failed(Path::new(&format!("killed by signal {signal}")));
    }
    let mut result = LoadResult::default();
    for line in output.stdout.split(|&b| b == b'\n').chain(output.stderr.split(|&b| b == b'\n')) {
        match parse_line(line) {
            Some(OutputLine::File(path)) => {
                result.files.insert(real(path));
            }
            Some(OutputLine::Missing(name)) => {
                result.missing.insert(name.to_owned());
            }
            Some(OutputLine::Failure(path)) => return LoadResult::failed(path),
            None => {}
        }
    }
    result
}

/// One line of the output.
#[derive(Debug, PartialEq, Eq)]
enum OutputLine<'a> {
    /// `NAME => PATH (0x…)` or `PATH (0x…)`
    File(&'a Path),
    /// `NAME => not found`; musl: `Error loading shared library NAME: No such file or directory (needed by …)`
    Missing(&'a OsStr),
    /// `PROGRAM: error while loading shared libraries: FILE: cause`
    Failure(&'a Path),
}

const GLIBC_FAILURE: &[u8] = b": error while loading shared libraries: ";
const MUSL_FAILURE: &[u8] = b"Error loading shared library ";

/// Reads a line. The vdso, which does not have a path, and unknown lines are ignored.
fn parse_line(line: &[u8]) -> Option<OutputLine<'_>> {
    if let Some(at) = find(line, GLIBC_FAILURE) {
        return Some(OutputLine::Failure(Path::new(until_colon(&line[at + GLIBC_FAILURE.len()..]))));
    }
    if let Some(rest) = line.strip_prefix(MUSL_FAILURE) {
        let name = until_colon(rest);
        let not_found = find(rest, b": No such file").is_some();
        return Some(if not_found {
            OutputLine::Missing(name)
        } else {
            OutputLine::Failure(Path::new(name))
        });
    }
    let line = line.strip_prefix(b"\t")?;
    let (name, rest) = find(line, b" => ").map_or((line, line), |at| (&line[..at], &line[at + 4..]));
    if rest == b"not found" {
        return Some(OutputLine::Missing(OsStr::from_bytes(name)));
    }
    let end = rest.windows(4).rposition(|w| w == b" (0x")?;
    let path = Path::new(OsStr::from_bytes(&rest[..end]));
    path.as_os_str().as_bytes().contains(&b'/').then_some(OutputLine::File(path))
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
        let file = |path| Some(OutputLine::File(Path::new(path)));
        assert_eq!(parse_line(b"\tlibc.so.6 => /lib/libc.so.6 (0x00007f18)"), file("/lib/libc.so.6"));
        assert_eq!(
            parse_line(b"\t/lib64/ld-linux-x86-64.so.2 (0x00007f18)"),
            file("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(parse_line(b"\tlinux-vdso.so.1 (0x00007f18)"), None);
        assert_eq!(parse_line(b"\tstatically linked"), None);
        assert_eq!(parse_line(b"\tlibx.so => not found"), Some(OutputLine::Missing(OsStr::new("libx.so"))));
        let musl = b"Error loading shared library libx.so: No such file or directory (needed by /tmp/x)";
        assert_eq!(parse_line(musl), Some(OutputLine::Missing(OsStr::new("libx.so"))));
        let fatal =
            b"/tmp/x: error while loading shared libraries: /tmp/libx.so: cannot read file data: Error 21";
        assert_eq!(parse_line(fatal), Some(OutputLine::Failure(Path::new("/tmp/libx.so"))));
    }
}
