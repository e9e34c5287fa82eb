//! `capsule trace`: which files a command opens while it runs, for recipes of programs that no closure explains.
//!
//! The command runs under ptrace(2), with all its threads and children. That is exact where other means guess: a
//! preloaded library misses static programs, a seccomp listener sees calls but not whether they succeeded. What is
//! written down is what the kernel says of the descriptor that a successful open(2) returned.
#![allow(unsafe_code)] // `Command::pre_exec` is unsafe; PTRACE_TRACEME must be called in the child.

mod pasted;
mod stop;

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Event, Options};
use nix::unistd::Pid;

use crate::arch;
use crate::bytecode;
use crate::sysroot::Sysroot;
use pasted::Pasted;
use stop::Stop;

/// What a command did.
#[derive(Debug, Default)]
pub struct Trace {
    /// Files that were opened for reading or executed: absolute paths as they were asked for.
    pub read: BTreeSet<PathBuf>,
    /// Files that were opened for writing, with links followed.
    pub written: BTreeSet<PathBuf>,
    /// Paths that were asked for and not there.
    pub missed: BTreeSet<PathBuf>,
    /// How it ended: its exit code, or 128 and the signal.
    pub exit_code: i32,
}

/// Why a command could not be traced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("`{}` cannot be started: {cause}", .program.display())]
    Start {
        /// Its name.
        program: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// ptrace(2) is not allowed here, or another tracer is at work.
    #[error("`{}` cannot be traced: {errno}\n  hint: containers may forbid ptrace(2)", .program.display())]
    Ptrace {
        /// Its name.
        program: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

/// Trees that the sandbox makes itself.
pub const MADE_BY_THE_SANDBOX: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];
/// What lists this machine's own libraries: in an image it would lead to files that are not there.
const OF_THIS_MACHINE: [&str; 2] = ["/etc/ld.so.cache", "/etc/ld.so.preload"];
/// The longest path that the kernel takes (PATH_MAX).
const PATH_LIMIT: usize = 4096;

/// Runs `command` with our stdin, stdout and stderr, until it and all its children have ended.
pub fn trace(command: &[OsString]) -> Result<Trace, Error> {
    follow(command, Tracer { counts: true, ..Tracer::default() })
}

/// The same for a program that starts another one (a sandbox): what it does before that does not count.
pub fn trace_behind(command: &[OsString]) -> Result<Trace, Error> {
    follow(command, Tracer::default())
}

fn follow(command: &[OsString], tracer: Tracer) -> Result<Trace, Error> {
    let program = PathBuf::from(command.first().cloned().unwrap_or_default());
    let mut child = Command::new(&program);
    child.args(command.iter().skip(1));
    // SAFETY: `pre_exec` requires that the closure does only what is safe between fork and exec in a program with
    // threads: it makes one system call.
    unsafe { child.pre_exec(|| Ok(ptrace::traceme()?)) };
    let child = child.spawn().map_err(|cause| Error::Start { program: program.clone(), cause })?;
    let mut tracer = Tracer { first: Pid::from_raw(child.id().cast_signed()), ..tracer };
    tracer.follow().map_err(|errno| Error::Ptrace { program, errno })?;
    Ok(tracer.trace)
}

/// `capsule trace`: runs the command and gives the lines that its recipe lacks.
pub fn report(request: &crate::request::Trace) -> Result<String, crate::error::Error> {
    // Before the command runs: a recipe with a mistake must not cost a run.
    let planned = crate::build::paths(&request.image)?;
    let trace = trace(&request.command).map_err(crate::error::Error::Trace)?;
    let lacking = trace.lacking(|path| planned.contains(path));
    let words: Vec<_> = request.command.iter().map(|word| word.to_string_lossy()).collect();
    // One line, whatever is in the words: the rest of a second one would be no comment.
    let words = words.join(" ").replace(char::is_control, " ");
    let heading = format!("# `{words}` ended with {} and opened", trace.exit_code);
    Ok(match lacking.len() {
        0 => format!("{heading} nothing that the image lacks\n"),
        count => {
            let pasted = Pasted::judge(lacking, &request.image)?;
            format!("{heading} {count} files that the image lacks\n{pasted}")
        }
    })
}

impl Trace {
    /// Adds what another command did.
    pub fn join(&mut self, other: Trace) {
        self.read.extend(other.read);
        self.written.extend(other.written);
        self.missed.extend(other.missed);
        self.exit_code = other.exit_code;
    }

    /// The files that are neither in a plan nor made by the command itself, each with the links that lead to it.
    ///
    /// `is_planned` is asked with absolute paths without links among their directories.
    pub fn lacking(&self, is_planned: impl Fn(&Path) -> bool) -> BTreeSet<PathBuf> {
        let Ok(host) = Sysroot::new(Path::new("/")) else { return BTreeSet::new() };
        let mut lacking = BTreeSet::new();
        for path in &self.read {
            // Where both are there, Python opens the bytecode alone, and would not use it without its module.
            for path in bytecode::module(path).iter().chain([path]) {
                // A file that is gone was temporary.
                let Ok(trail) = host.trail(path) else { continue };
                if self.written.contains(&trail.file) || !is_ordinary(&host, &trail.file) {
                    continue;
                }
                let places = trail.links.into_iter().map(|link| link.path).chain([trail.file]);
                lacking.extend(places.filter(|place| !is_planned(place)));
            }
        }
        lacking
    }
}

fn is_ordinary(host: &Sysroot, file: &Path) -> bool {
    let is_file = |stat: rustix::fs::Stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
    };
    let belongs_elsewhere = MADE_BY_THE_SANDBOX.iter().chain(&OF_THIS_MACHINE);
    !belongs_elsewhere.into_iter().any(|tree| file.starts_with(tree)) && host.stat(file).is_ok_and(is_file)
}

/// Waits for everything that the traced threads do. Only children of this thread are waited for, so other threads
/// of the process may have children of their own.
struct Tracer {
    first: Pid,
    known: HashSet<Pid>,
    /// Whether what happens is written down yet.
    counts: bool,
    trace: Trace,
}

impl Default for Tracer {
    fn default() -> Self {
        Self { first: Pid::from_raw(0), known: HashSet::new(), counts: false, trace: Trace::default() }
    }
}

impl Tracer {
    fn follow(&mut self) -> Result<(), Errno> {
        while let Some((pid, stop)) = Stop::next().map_err(|errno| Errno::from_raw(errno.raw_os_error()))? {
            let pid = Pid::from_raw(pid.as_raw_nonzero().get());
            match stop {
                Stop::Ended(code) if pid == self.first => self.trace.exit_code = code,
                Stop::Ended(_) => {}
                Stop::Call => {
                    self.note_call(pid);
                    resume(pid, None)?;
                }
                Stop::Event(event) => {
                    if event == Event::PTRACE_EVENT_EXEC as i32 {
                        self.counts = true;
                        self.note_exec(pid);
                    }
                    resume(pid, None)?;
                }
                Stop::Signal(signal) => self.stopped(pid, signal)?,
            }
        }
        Ok(())
    }

    /// The first stop of a thread is the tracer's own doing; any other is a signal that the thread must get.
    fn stopped(&mut self, pid: Pid, signal: i32) -> Result<(), Errno> {
        if !self.known.insert(pid) {
            return resume(pid, Some(signal));
        }
        if pid == self.first {
            let children =
                Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
            let stops =
                Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_EXITKILL;
            ptrace::setoptions(pid, children | stops)?;
            if self.counts {
                self.note_exec(pid);
            }
        }
        resume(pid, None)
    }

    fn note_call(&mut self, pid: Pid) {
        let Some(registers) = ptrace::getregs(pid).ok().filter(|_| self.counts) else { return };
        if let Some(call) = arch::open_call(&registers) {
            self.note_open(pid, &call);
        } else if let Some(call) = arch::missed_call(&registers) {
            let asked = string_at(pid, call.path);
            self.trace.missed.extend(asked.and_then(|path| absolute(&base(pid, call.directory), &path)));
        }
    }

    /// After a successful open, the descriptor tells what was opened, and the argument how it was asked for.
    fn note_open(&mut self, pid: Pid, call: &arch::OpenCall) {
        let Ok(opened) = fs::read_link(format!("/proc/{pid}/fd/{}", call.fd)) else { return };
        if opens_for_writing(pid, call.fd) {
            self.trace.written.insert(opened);
            return;
        }
        // A path that another thread has changed meanwhile counts as what it led to.
        let asked = string_at(pid, call.path);
        let asked = asked.and_then(|path| absolute(&base(pid, call.directory), &path));
        self.trace.read.insert(asked.unwrap_or(opened));
    }

    /// The program that now runs, and the name it was started by: that of a script, where it is one.
    fn note_exec(&mut self, pid: Pid) {
        self.trace.read.extend(mapped_files(pid));
        let name = started_as(pid).and_then(|address| string_at(pid, address));
        self.trace.read.extend(name.and_then(|path| absolute(&format!("/proc/{pid}/cwd"), &path)));
    }
}

/// The files that execve(2) itself has mapped: the program, and its ELF interpreter (proc_pid_maps(5)).
fn mapped_files(pid: Pid) -> BTreeSet<PathBuf> {
    let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    let path = |line: &[u8]| line.iter().position(|byte| *byte == b'/').map(|at| line[at..].to_vec());
    maps.split(|byte| *byte == b'\n').filter_map(path).map(|path| OsString::from_vec(path).into()).collect()
}

/// The directory that a relative path starts from.
fn base(pid: Pid, directory: i32) -> String {
    if directory >= 0 { format!("/proc/{pid}/fd/{directory}") } else { format!("/proc/{pid}/cwd") }
}

/// Lets a thread go on to its next system call, with a signal for it. One that is gone needs no resuming.
fn resume(pid: Pid, signal: Option<i32>) -> Result<(), Errno> {
    let signal = std::ptr::without_provenance_mut::<libc::c_void>(signal.unwrap_or(0) as usize);
    // SAFETY: ptrace(2) with PTRACE_SYSCALL reads no memory of ours: `data` is the number of a signal (a real-time one
    // too, for which `nix` has no name), `addr` is ignored.
    let code = unsafe {
        libc::ptrace(libc::PTRACE_SYSCALL, pid.as_raw(), std::ptr::null_mut::<libc::c_void>(), signal)
    };
    match Errno::result(code) {
        Ok(_) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// proc_pid_fdinfo(5): the access mode is the last octal digit of `flags`; 0 is O_RDONLY.
fn opens_for_writing(pid: Pid, fd: u32) -> bool {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap_or_default();
    flags & 0o3 != 0
}

/// AT_EXECFN (getauxval(3)) of a 64-bit program.
fn started_as(pid: Pid) -> Option<u64> {
    const AT_EXECFN: u64 = 31;
    let vector = fs::read(format!("/proc/{pid}/auxv")).ok()?;
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).unwrap_or_default();
    vector.chunks_exact(16).find(|pair| word(&pair[..8]) == AT_EXECFN).map(|pair| word(&pair[8..]))
}

/// The zero-terminated string at an address of a stopped thread.
fn string_at(pid: Pid, address: u64) -> Option<OsString> {
    const PAGE: u64 = 4096;
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut text = Vec::new();
    while text.len() < PATH_LIMIT {
        // The next page may not be mapped: never read beyond this one.
        let at = address + text.len() as u64;
        let mut piece = vec![0; (PAGE - at % PAGE) as usize];
        memory.read_exact_at(&mut piece, at).ok()?;
        if let Some(end) = piece.iter().position(|&b| b == 0) {
            text.extend_from_slice(&piece[..end]);
            return Some(OsString::from_vec(text));
        }
        text.extend_from_slice(&piece);
    }
    None
}

/// Joined with the directory that `base` is a link to; `.` goes, `..` stays: what it means depends on links.
fn absolute(base: &str, path: &OsStr) -> Option<PathBuf> {
    let path = Path::new(path);
    if path.as_os_str().as_bytes().is_empty() {
        return None;
    }
    let joined = if path.is_absolute() { path.to_owned() } else { fs::read_link(base).ok()?.join(path) };
    Some(joined.components().filter(|component| *component != Component::CurDir).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_go_and_parents_stay() {
        assert_eq!(absolute("", "/usr/./lib/../x".as_ref()), Some("/usr/lib/../x".into()));
        assert_eq!(absolute("", "".as_ref()), None);
    }
}
