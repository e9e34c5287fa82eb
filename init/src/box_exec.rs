//! `box-exec`: the last step before a program in a box of `capsule isolate`. It is a program of its own, next to init.
//!
//! isolate's manual has things happen inside, as the box's user and under its limits, that no option of init does: files
//! for the standard streams are opened by their names inside, stderr can be a second descriptor of stdout, one process can
//! have a limit of its address space, and the environment has nothing that the caller did not ask for. init starts this
//! program in the place of the submission, with all guards up; it does these things and becomes the submission.
//!
//! What fails here is a failure of the sandbox and not of the program, which has the same user. So it is reported on a
//! descriptor that the program does not get: init leaves descriptors open for it (`--without close-fds`), and it marks all
//! of them as to be closed at exec. Where the program inherits none, `capsule isolate` has kept the caller's from init, and
//! what has a number above that of the failures is closed before any path is opened.

use core::ffi::{CStr, c_char};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::list::List;
use crate::sys::fd::Fd;
use crate::sys::{self, Args};
use crate::text::{Text, parse_number};

/// The most variables of the environment.
pub const MAX_VARIABLES: usize = 4096;

/// The arguments, in this order, all of them given; an empty one asks for nothing. After them come the variables of the
/// environment, and after those the command.
#[derive(Clone, Copy)]
enum Argument {
    /// The descriptor for failures, with a number above those of the caller's.
    Failures = 1,
    /// Anything: the program keeps the descriptors of the caller's.
    Inherit,
    /// The most bytes of one process's address space.
    AddressSpace,
    /// The file to be stdin.
    Stdin,
    /// The file to be stdout.
    Stdout,
    /// The file to be stderr.
    Stderr,
    /// Anything: stderr is stdout.
    StderrToStdout,
    /// The directory to change to, at last.
    Directory,
    /// How many variables follow.
    Variables,
}

/// The arguments before the variables, and the program's own name.
const FIXED: usize = Argument::Variables as usize + 1;

/// What failed, as its first letter in the failure that is written; the errno follows as a number.
#[derive(Clone, Copy)]
enum Step {
    Limits = b'l' as isize,
    Stdin = b'i' as isize,
    Stdout = b'o' as isize,
    Stderr = b'e' as isize,
    Directory = b'd' as isize,
    Arguments = b'a' as isize,
}

/// The whole program.
pub fn box_exec(argv: Args<'_>) -> ! {
    // 126 as a shell's for a command that exists and cannot be executed: nobody reads it, as a failure is written.
    const FAILED: u8 = 126;
    if let Err((step, errno)) = prepare(argv) {
        let mut line = [0; 16];
        let mut line = Text::new(&mut line);
        line.push(&[step as u8]).number(errno.raw_os_error().unsigned_abs().into());
        if let Some(failures) = failures(argv) {
            let _ = rustix::io::write(&failures, line.as_bytes()); // a caller that is gone reads nothing
        }
        sys::exit(FAILED);
    }
    start(argv)
}

fn prepare(argv: Args<'_>) -> Result<(), (Step, Errno)> {
    let at = |step| move |errno| (step, errno);
    let failures = number(argv).ok_or((Step::Arguments, Errno::BADF))?;
    let first = match given(argv, Argument::Inherit) {
        // The caller's own are below that one.
        Some(_) => failures,
        None => {
            // A path through /proc/self/fd would lead out of the sandbox (CVE-2024-21626).
            sys::close_range(failures.saturating_add(1)).map_err(at(Step::Arguments))?;
            3
        }
    };
    sys::close_range_on_exec(first).map_err(at(Step::Arguments))?;
    if let Some(text) = given(argv, Argument::AddressSpace) {
        let most = parse_number(text.to_bytes()).ok_or((Step::Arguments, Errno::INVAL))?;
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(Resource::As, limit).map_err(at(Step::Limits))?;
    }
    let written = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    if let Some(file) = open(argv, Argument::Stdin, OFlags::RDONLY).map_err(at(Step::Stdin))? {
        rustix::stdio::dup2_stdin(&file).map_err(at(Step::Stdin))?;
    }
    if let Some(file) = open(argv, Argument::Stdout, written).map_err(at(Step::Stdout))? {
        rustix::stdio::dup2_stdout(&file).map_err(at(Step::Stdout))?;
    }
    if let Some(file) = open(argv, Argument::Stderr, written).map_err(at(Step::Stderr))? {
        rustix::stdio::dup2_stderr(&file).map_err(at(Step::Stderr))?;
    }
    if given(argv, Argument::StderrToStdout).is_some() {
        rustix::stdio::dup2_stderr(sys::stdio(1)).map_err(at(Step::Stderr))?;
    }
    if let Some(directory) = given(argv, Argument::Directory) {
        rustix::process::chdir(directory).map_err(at(Step::Directory))?;
    }
    Ok(())
}

/// Becomes the program. Where that fails it says so on stderr, as isolate's last step does, and ends as a shell would.
fn start(argv: Args<'_>) -> ! {
    const NOT_STARTED: u8 = 127;
    let mut environment: List<*const c_char, { MAX_VARIABLES + 1 }> = List::new(core::ptr::null());
    let count = variables(argv);
    for at in FIXED..FIXED + count {
        let _ = environment.push(argv.get(at).map_or(core::ptr::null(), CStr::as_ptr)); // the count fits, see below
    }
    let _ = environment.push(core::ptr::null());
    let command = argv.from(FIXED + count);
    let Some(program) = command.get(0) else { sys::exit(NOT_STARTED) };
    let errno = sys::execve(program, command, environment.as_slice());
    let mut number = [0; 16];
    let mut number = Text::new(&mut number);
    number.push(b"error ").number(errno.raw_os_error().unsigned_abs().into());
    let reason = reason(errno).unwrap_or(number.as_bytes());
    crate::print::print(2, &[b"execve(\"", program.to_bytes(), b"\"): ", reason, b"\n"]);
    sys::exit(NOT_STARTED)
}

/// strerror(3) of what execve(2) says most, in the words that callers of isolate look for.
fn reason(errno: Errno) -> Option<&'static [u8]> {
    Some(match errno {
        Errno::NOENT => b"No such file or directory",
        Errno::ACCESS => b"Permission denied",
        Errno::NOEXEC => b"Exec format error",
        Errno::NOTDIR => b"Not a directory",
        Errno::ISDIR => b"Is a directory",
        Errno::TOOBIG => b"Argument list too long",
        Errno::NOMEM => b"Cannot allocate memory",
        Errno::TXTBSY => b"Text file busy",
        Errno::LOOP => b"Too many levels of symbolic links",
        _ => return None,
    })
}

/// An argument that is not empty.
fn given(argv: Args<'_>, argument: Argument) -> Option<&CStr> {
    argv.get(argument as usize).filter(|value| !value.is_empty())
}

/// The number of the descriptor for failures.
fn number(argv: Args<'_>) -> Option<u32> {
    u32::try_from(parse_number(given(argv, Argument::Failures)?.to_bytes())?).ok()
}

fn failures(argv: Args<'_>) -> Option<Fd> {
    sys::fd::inherited(i32::try_from(number(argv)?).ok()?).ok()
}

/// How many variables there are: no more than the list has room for.
fn variables(argv: Args<'_>) -> usize {
    let count = given(argv, Argument::Variables).and_then(|text| parse_number(text.to_bytes())).unwrap_or(0);
    usize::try_from(count).unwrap_or(0).min(MAX_VARIABLES)
}

fn open(argv: Args<'_>, argument: Argument, flags: OFlags) -> Result<Option<Fd>, Errno> {
    let Some(path) = given(argv, argument) else { return Ok(None) };
    // init gives the submission the usual mask of 022.
    sys::fd::open(path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::from_raw_mode(0o666)).map(Some)
}
