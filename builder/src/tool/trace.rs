//! `capsule trace`: finds the files that a command opens while it runs, and that no closure can predict.
//!
//! The command runs under ptrace(2), with all its threads and children. Other means are less exact: a preloaded library
//! misses static programs, and a seccomp listener sees calls but not whether they succeeded. The trace holds what the
//! kernel reports for the descriptor that a successful open(2) returned.
#![allow(unsafe_code)] // `Command::pre_exec` is unsafe; PTRACE_TRACEME must be called in the child.

mod recipe_snippet;
mod stop;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use closure::arch;
use closure::sysroot::Sysroot;
use image::ImageRequest;
use image::gather::bytecode;
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Event, Options};
use nix::unistd::Pid;

use crate::error::Error;
use recipe_snippet::RecipeSnippet;
use stop::Stop;

/// What a command did.
#[derive(Debug, Default)]
pub struct Trace {
    /// Files that were opened for reading or executed: absolute paths as the command gave them.
    pub read: BTreeSet<PathBuf>,
    /// Files that were opened for writing, with links followed.
    pub written: BTreeSet<PathBuf>,
    /// Files that were only asked about, as by stat(2): absolute paths as the command gave them. Python finds its library
    /// by such a landmark.
    pub asked: BTreeSet<PathBuf>,
    /// Absolute paths that the command tried to open or to look up, and that do not exist.
    pub missed: BTreeSet<PathBuf>,
    /// The program that opened a library, by the library's path.
    pub openers: BTreeMap<PathBuf, PathBuf>,
    /// The exit code, or 128 + N for signal N.
    pub exit_code: i32,
}

/// A command to trace.
#[derive(Debug)]
pub struct TraceRequest {
    /// The image whose missing files are reported.
    pub image: ImageRequest,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Where the lines for the recipe go; stdout by default.
    pub output: Option<PathBuf>,
}

/// Trees that the sandbox makes itself.
pub(super) const MADE_BY_THE_SANDBOX: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];
/// Files that list this machine's own libraries: in an image they would name files that it does not have.
const OF_THIS_MACHINE: [&str; 2] = ["/etc/ld.so.cache", "/etc/ld.so.preload"];
/// PATH_MAX: the kernel accepts no longer path.
const PATH_LIMIT: usize = 4096;

/// Runs `command` with our stdin, stdout and stderr, until it and all its children have ended.
///
/// # Errors
/// A program that cannot be started, and a kernel that forbids ptrace(2).
pub fn trace(command: &[OsString]) -> Result<Trace, Error> {
    start(command, Tracer { records: true, ..Tracer::default() })
}

/// The same for a program that starts another one, as a sandbox does: records nothing before that execve(2).
pub(super) fn trace_after_exec(command: &[OsString]) -> Result<Trace, Error> {
    start(command, Tracer::default())
}

fn start(command: &[OsString], tracer: Tracer) -> Result<Trace, Error> {
    let program = PathBuf::from(command.first().cloned().unwrap_or_default());
    let mut child = Command::new(&program);
    child.args(command.iter().skip(1));
    // SAFETY: `pre_exec` requires that the closure does only what is safe between fork and exec in a program with
    // threads: it makes one system call.
    unsafe { child.pre_exec(|| Ok(ptrace::traceme()?)) };
    let child = child.spawn().map_err(|error| Error::start(&program, error))?;
    let mut tracer = Tracer { first: Pid::from_raw(child.id().cast_signed()), ..tracer };
    tracer.follow().map_err(|errno| Error::Ptrace { program, errno })?;
    Ok(tracer.trace)
}

/// `capsule trace`: runs the command, and gives the lines that the image's recipe lacks.
///
/// # Errors
/// Those of [`trace`], and a recipe with a mistake.
pub fn report(request: &TraceRequest) -> Result<String, Error> {
    // A mistake in the recipe is found before the command runs, which may take long.
    let planned = image::build::paths(&request.image)?;
    let trace = trace(&request.command)?;
    let lacking = trace.lacking(|path| planned.contains(path));
    let openers = trace.openers;
    let command: Vec<_> = request.command.iter().map(|word| word.to_string_lossy()).collect();
    // A newline in an argument would end the comment.
    let command = command.join(" ").replace(char::is_control, " ");
    let heading = format!("# `{command}` ended with {} and opened", trace.exit_code);
    Ok(match lacking.len() {
        0 => format!("{heading} nothing that the image lacks\n"),
        count => {
            let snippet = RecipeSnippet::new(lacking, &openers, &request.image)?;
            format!("{heading} {count} files that the image lacks\n{snippet}")
        }
    })
}

impl Trace {
    /// Adds another command's files, and takes its exit code.
    pub(super) fn join(&mut self, other: Trace) {
        self.read.extend(other.read);
        self.written.extend(other.written);
        self.asked.extend(other.asked);
        self.missed.extend(other.missed);
        self.openers.extend(other.openers);
        self.exit_code = other.exit_code;
    }

    /// The files that are neither planned nor made by the command itself, each with the links that lead to it.
    ///
    /// `is_planned` gets absolute paths whose directories are not links.
    pub fn lacking(&self, is_planned: impl Fn(&Path) -> bool) -> BTreeSet<PathBuf> {
        let Ok(host) = Sysroot::new(Path::new("/")) else { return BTreeSet::new() };
        let mut lacking = BTreeSet::new();
        for path in self.read.union(&self.asked) {
            // If bytecode exists, Python opens it alone, and would not use it without its module.
            for path in bytecode::module(path).iter().chain([path]) {
                // A file that does not exist any more was temporary.
                let Ok(resolved) = host.resolve_path(path) else { continue };
                if self.written.contains(&resolved.file) || !is_ordinary(&host, &resolved.file) {
                    continue;
                }
                let places = resolved.links.into_iter().map(|link| link.path).chain([resolved.file]);
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

/// Waits for everything that the traced threads do. It waits for children of this thread only (`__WNOTHREAD`), so other
/// threads of this process may have children of their own.
struct Tracer {
    first: Pid,
    known: HashSet<Pid>,
    /// Whether system calls are recorded yet.
    records: bool,
    trace: Trace,
}

impl Default for Tracer {
    fn default() -> Self {
        Self { first: Pid::from_raw(0), known: HashSet::new(), records: false, trace: Trace::default() }
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
                        self.records = true;
                        self.note_exec(pid);
                    }
                    resume(pid, None)?;
                }
                Stop::Signal(signal) => self.stopped(pid, signal)?,
            }
        }
        Ok(())
    }

    /// The first stop of a thread comes from ptrace(2) itself: the SIGTRAP of the first execve, or the SIGSTOP of a new
    /// thread. Any other is a signal that the thread must get.
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
            if self.records {
                self.note_exec(pid);
            }
        }
        resume(pid, None)
    }

    fn note_call(&mut self, pid: Pid) {
        let Some(registers) = ptrace::getregs(pid).ok().filter(|_| self.records) else { return };
        if let Some(call) = arch::open_call(&registers) {
            self.note_open(pid, &call);
        } else if let Some(call) = arch::lookup_call(&registers) {
            let path = string_at(pid, call.path);
            let path = path.and_then(|path| absolute(&base(pid, call.directory), &path));
            let paths = if call.exists { &mut self.trace.asked } else { &mut self.trace.missed };
            paths.extend(path);
        }
    }

    /// After a successful open, the descriptor shows what was opened, and the argument the path that led to it.
    fn note_open(&mut self, pid: Pid, call: &arch::OpenCall) {
        let Ok(opened) = fs::read_link(format!("/proc/{pid}/fd/{}", call.fd)) else { return };
        if opens_for_writing(pid, call.fd) {
            self.trace.written.insert(opened);
            return;
        }
        // Another thread may have changed the path meanwhile, or unmapped it: then the opened file itself counts.
        let path = string_at(pid, call.path);
        let path = path.and_then(|path| absolute(&base(pid, call.directory), &path));
        let path = path.unwrap_or(opened);
        if is_library_name(&path)
            && let Ok(program) = fs::read_link(format!("/proc/{pid}/exe"))
        {
            self.trace.openers.entry(path.clone()).or_insert(program);
        }
        self.trace.read.insert(path);
    }

    /// The program that now runs, and the path it was started by, which is the script's if it is a script.
    fn note_exec(&mut self, pid: Pid) {
        self.trace.read.extend(mapped_files(pid));
        let name = started_as(pid).and_then(|address| string_at(pid, address));
        self.trace.read.extend(name.and_then(|path| absolute(&format!("/proc/{pid}/cwd"), &path)));
    }
}

/// Whether a name has `.so` at its end, or before a version.
fn is_library_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.")
}

/// The files that execve(2) has mapped: the program and its ELF interpreter (proc_pid_maps(5)).
fn mapped_files(pid: Pid) -> BTreeSet<PathBuf> {
    let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    let path = |line: &[u8]| line.iter().position(|byte| *byte == b'/').map(|at| line[at..].to_vec());
    maps.split(|byte| *byte == b'\n').filter_map(path).map(|path| OsString::from_vec(path).into()).collect()
}

/// The directory that a relative path starts from.
fn base(pid: Pid, directory: i32) -> String {
    if directory >= 0 { format!("/proc/{pid}/fd/{directory}") } else { format!("/proc/{pid}/cwd") }
}

/// Lets a thread go on to its next system call, with a signal for it. A thread may be killed while it is stopped, and
/// ptrace(2) then fails with ESRCH.
fn resume(pid: Pid, signal: Option<i32>) -> Result<(), Errno> {
    let signal = std::ptr::without_provenance_mut::<libc::c_void>(signal.unwrap_or(0) as usize);
    // SAFETY: ptrace(2) with PTRACE_SYSCALL reads none of our memory: `data` is the number of a signal (a real-time one
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
        // The next page may not be mapped: read up to the end of this one.
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

/// Joined with the directory that `base` is a link to. Drops `.` and keeps `..`, whose meaning depends on links.
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
    fn an_absolute_path_has_no_dots_and_keeps_its_parents() {
        assert_eq!(absolute("", "/usr/./lib/../x".as_ref()), Some("/usr/lib/../x".into()));
        assert_eq!(absolute("", "".as_ref()), None);
    }
}
