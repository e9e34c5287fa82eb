//! The submission's process, from its birth to execve(2): everything that must be true of it is made true here.

use core::ffi::{CStr, c_char};

use rustix::io::Errno;

use crate::cgroup::Version;
use crate::channel::Inside;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::list::List;
use crate::message::Message;
use crate::mounts::WORK_DIRECTORY;
use crate::options::{MAX_ENV, Options};
use crate::path::PathBuffer;
use crate::preparation::Preparation;
use crate::seccomp::Filters;
use crate::setup::Setup;
use crate::streams::JobStreams;
use crate::sys::fd::Fd;
use crate::sys::{self, Signals};
use crate::text::{Parts, strip_prefix};
use crate::{clock, credentials, rlimits, terminal};

/// Why there is no submission.
pub(crate) enum Failure {
    /// Something before execve(2).
    Setup(Error),
    /// execve(2) itself.
    Exec(Errno),
}

/// Variables that a program finds unless `--env` says otherwise.
const DEFAULT_ENVIRONMENT: &[&CStr] = &[
    c"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    c"HOME=/home/judge",
    c"LANG=C.UTF-8",
    c"USER=judge",
];

/// Room for the environment: the defaults, TERM, `--env`, and the closing NULL.
const MAX_ENVIRONMENT: usize = DEFAULT_ENVIRONMENT.len() + 1 + MAX_ENV + 1;

/// Becomes the submission. Returns only when that fails.
pub(crate) fn exec(preparation: &Preparation<'_>, terminal: Option<Fd>) -> Failure {
    let cpu_before = match prepare(preparation, terminal) {
        Ok(cpu_before) => cpu_before,
        Err(error) => return Failure::Setup(error),
    };
    let options = preparation.setup.options;
    let environment = Environment::new(options);
    // Set-up is over; from here on the clocks run.
    let started = Started { channel: &preparation.channel, cpu_before };
    Failure::Exec(search_and_exec(options, environment.pointers.as_slice(), started))
}

/// The steps, in the order that they force on each other. Returns the CPU time from which on the run's cgroup counts.
fn prepare(preparation: &Preparation<'_>, terminal: Option<Fd>) -> Result<u64, Error> {
    let Preparation { setup, place, streams, .. } = preparation;
    connect(setup, streams.as_ref(), terminal)?;
    // A process that is born into its cgroup is counted from birth, and what it spends on set-up comes off at exec.
    // One that joins (version 1) brings nothing with it: its own clock at that moment is what must not come off.
    let mut cpu_before = 0;
    if let Some(place) = place
        && place.version == Version::V1
    {
        cpu_before = clock::own_cpu_time();
        place.join()?;
    }
    if setup.has(Guard::CgroupNamespace) {
        // After joining: the cgroup that this process is in now becomes the root of what it sees, and nothing above
        // it can be named (cgroup_namespaces(7)).
        sys::unshare(sys::clone_flags::NEWCGROUP).map_err(at(Step::Cgroup, Call::Unshare, Subject::None))?;
    }
    // While still root: the hard limits may have to be raised above the caller's (setrlimit(2), CAP_SYS_RESOURCE).
    rlimits::apply(setup)?;
    if let Some(cpus) = &setup.options.cpus {
        sys::set_affinity(cpus).map_err(at(Step::Limits, Call::SetAffinity, Subject::None))?;
    }
    credentials::drop_all(setup)?;
    // After the change of user: a directory that the submission may not enter is refused now.
    let directory = setup.options.cwd.unwrap_or(WORK_DIRECTORY);
    rustix::process::chdir(directory).map_err(at(Step::Exec, Call::Chdir, Subject::Cwd))?;
    if setup.has(Guard::CloseFds) && !cfg!(capsule_mutation = "skip-close-range") {
        // At exec and not now: the channel must live until then, and a failed execve(2) be reported on it.
        sys::close_range_on_exec(3).map_err(at(Step::Exec, Call::CloseRange, Subject::None))?;
    }
    #[cfg(capsule_mutation = "keep-one-fd")]
    place.iter().for_each(|place| place.leak());
    // A blocked signal stays blocked over execve(2): the program would never see SIGTERM.
    sys::block_signals(Signals::NONE);
    // Last: the policy need not allow what set-up does.
    filter(preparation)?;
    Ok(cpu_before)
}

/// From here on this process makes only such calls as its program may.
fn filter(preparation: &Preparation<'_>) -> Result<(), Error> {
    let installed = preparation.filters.as_ref().map_or(Ok(()), Filters::install);
    installed.map_err(at(Step::Seccomp, Call::Seccomp, Subject::None))
}

/// Own session, and the streams on 0, 1 and 2.
fn connect(setup: &Setup<'_>, streams: Option<&JobStreams>, terminal: Option<Fd>) -> Result<(), Error> {
    if setup.has(Guard::Session) && !cfg!(capsule_mutation = "no-setsid") {
        // In the caller's session it could type into the caller's terminal (ioctl_tty(2), TIOCSTI; CVE-2016-7545).
        rustix::process::setsid().map_err(at(Step::Streams, Call::Setsid, Subject::None))?;
    }
    if let Some(terminal) = terminal {
        return terminal::adopt(&terminal);
    }
    let Some(JobStreams { ends: [stdin, stdout, stderr] }) = streams else { return Ok(()) };
    let fail = |stream| at(Step::Streams, Call::Dup, Subject::Stream(stream));
    rustix::stdio::dup2_stdin(stdin).map_err(fail(0))?;
    rustix::stdio::dup2_stdout(stdout).map_err(fail(1))?;
    rustix::stdio::dup2_stderr(stderr).map_err(fail(2))
}

/// Announces to the supervisor that the clocks start. Last before each execve(2) that may succeed.
struct Started<'a> {
    channel: &'a Inside,
    cpu_before: u64,
}

impl Started<'_> {
    fn announce(&self) {
        let cpu = clock::own_cpu_time().saturating_sub(self.cpu_before);
        self.channel.send(Message::Started { at: clock::now(), cpu });
    }
}

/// As execvp(3): a name with a slash is a path, another one is looked up on the submission's own PATH.
fn search_and_exec(options: &Options<'_>, environment: &[*const c_char], started: Started<'_>) -> Errno {
    let Some(name) = options.command.get(0) else { return Errno::NOENT };
    let exec = |path: &CStr| {
        // Before each try, as none returns on success. The supervisor takes the last one.
        started.announce();
        sys::execve(path, options.command, environment)
    };
    // The slice's own `contains` would cost 200 bytes: it searches word by word.
    let is_slash = |byte: &u8| *byte == b'/';
    if name.to_bytes().iter().any(is_slash) {
        return exec(name);
    }
    search(name.to_bytes(), options, exec)
}

/// Tries the directories of PATH.
#[inline(never)] // the path would be room on the stack of every run
fn search(name: &[u8], options: &Options<'_>, exec: impl Fn(&CStr) -> Errno) -> Errno {
    // If a variable is given twice, the last one counts.
    let mut variables = options.env.as_slice().iter().rev().chain(DEFAULT_ENVIRONMENT);
    let path = variables.find_map(|entry| strip_prefix(entry.to_bytes(), b"PATH=")).unwrap_or_default();
    let mut buffer = PathBuffer::new();
    let mut denied = None;
    for directory in Parts::new(path, b':') {
        let Ok(candidate) = buffer.join(&[directory, b"/", name]) else { continue };
        match exec(candidate) {
            // As execvp(3): EACCES is remembered while the search goes on.
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => denied = Some(Errno::ACCESS),
            errno => return errno,
        }
    }
    denied.unwrap_or(Errno::NOENT)
}

/// The environment, as execve(2) wants it: with a NULL at its end.
struct Environment<'a> {
    pointers: List<*const c_char, MAX_ENVIRONMENT>,
    _strings: core::marker::PhantomData<&'a CStr>,
}

impl<'a> Environment<'a> {
    /// The defaults that `--env` does not replace, then `--env`; of one name the last.
    fn new(options: &Options<'a>) -> Self {
        let mut environment =
            Environment { pointers: List::new(core::ptr::null()), _strings: core::marker::PhantomData };
        let given = options.env.as_slice();
        let replaced = |entry: &CStr, by: &[&CStr]| by.iter().any(|other| name_of(other) == name_of(entry));
        let defaults = DEFAULT_ENVIRONMENT.iter().filter(|default| !replaced(default, given));
        let later = |at: usize| given.get(at + 1..).unwrap_or_default();
        let last = given.iter().enumerate().filter(|(at, entry)| !replaced(entry, later(*at)));
        // The strings lie in our own argument vector, which execve(2) copies.
        let strings = defaults.chain(last.map(|(_, entry)| entry)).map(|entry| entry.as_ptr());
        for pointer in strings.chain([core::ptr::null()]) {
            let _ = environment.pointers.push(pointer); // there is room for all that the options can hold
        }
        environment
    }
}

fn name_of(entry: &CStr) -> &[u8] {
    Parts::new(entry.to_bytes(), b'=').next().unwrap_or_default()
}
