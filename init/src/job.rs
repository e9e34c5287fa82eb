//! The submission's process, from its birth to execve(2): everything that must be true of it is made true here.

use core::ffi::{CStr, c_char};

use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::cgroup::Version;
use crate::channel::Inside;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::list::List;
use crate::message::Message;
use crate::mounts::WORK_DIRECTORY;
use crate::options::Options;
use crate::path::PathBuffer;
use crate::pid1::Preparation;
use crate::sys::fd::Fd;
use crate::sys::{self, Signals};
use crate::text::behind;
use crate::{clock, credentials, limits, seccomp, terminal};

/// The submission's ends of its three streams.
pub struct JobStreams {
    /// stdin, stdout, stderr.
    pub ends: [Fd; 3],
}

/// Why there is no submission.
pub enum Failure {
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
const MAX_ENVIRONMENT: usize = DEFAULT_ENVIRONMENT.len() + 1 + crate::options::MAX_ENV + 1;

/// Becomes the submission. Returns only when that fails.
pub fn exec(preparation: &Preparation<'_>, terminal: Option<Fd>) -> Failure {
    let cpu_before = match prepare(preparation, terminal) {
        Ok(cpu_before) => cpu_before,
        Err(error) => return Failure::Setup(error),
    };
    let options = preparation.options;
    let environment = Environment::new(options);
    // Everything is as it must be; from here on the clocks run.
    let started = Started { channel: &preparation.channel, cpu_before };
    Failure::Exec(search_and_exec(options, environment.pointers.as_slice(), started))
}

/// The steps, in the order that they force on each other. Returns the CPU time from which on the run's cgroup counts.
fn prepare(preparation: &Preparation<'_>, terminal: Option<Fd>) -> Result<u64, Error> {
    let Preparation { options, identity, place, streams, .. } = preparation;
    connect(options, streams.as_ref(), terminal)?;
    let mut cpu_before = 0; // a process born into its cgroup is counted from birth
    if let Some(place) = place
        && place.version == Version::V1
    {
        cpu_before = clock::own_cpu_time();
        place.join()?;
    }
    if options.guards.has(Guard::CgroupNamespace) {
        // Now that this process is in its cgroup, or stays in the caller's: what it sees as the root tells nothing.
        sys::unshare(sys::clone_flags::NEWCGROUP).map_err(at(Step::Cgroup, Call::Unshare, Subject::None))?;
    }
    limits::apply(options)?;
    if let Some(cpus) = &options.cpus {
        sys::set_affinity(cpus).map_err(at(Step::Limits, Call::SetAffinity, Subject::None))?;
    }
    credentials::drop_all(options, *identity)?;
    // As the submission's user: a directory that it may not enter is refused now.
    let directory = options.cwd.unwrap_or(WORK_DIRECTORY);
    rustix::process::chdir(directory).map_err(at(Step::Exec, Call::Chdir, Subject::Cwd))?;
    if options.guards.has(Guard::CloseFds) && !cfg!(capsule_mutation = "skip-close-range") {
        sys::close_range_on_exec(3).map_err(at(Step::Exec, Call::CloseRange, Subject::None))?;
    }
    #[cfg(capsule_mutation = "keep-one-fd")]
    place.iter().for_each(|place| place.leak());
    sys::block_signals(Signals::NONE);
    filter(preparation)?;
    Ok(cpu_before)
}

/// From here on this process makes only such calls as its program may.
fn filter(preparation: &Preparation<'_>) -> Result<(), Error> {
    let Some(policy) = &preparation.policy else { return Ok(()) };
    let fail = |call| at(Step::Seccomp, call, Subject::None);
    match seccomp::install(policy, preparation.options.net, preparation.devices)
        .map_err(fail(Call::Seccomp))?
    {
        Some(listener) => {
            let sent = preparation.channel.send_with(Message::Listening, listener.as_fd());
            sent.map_err(fail(Call::Write))
        }
        None => Ok(()),
    }
}

/// Own session, and the streams on 0, 1 and 2.
fn connect(options: &Options<'_>, streams: Option<&JobStreams>, terminal: Option<Fd>) -> Result<(), Error> {
    if options.guards.has(Guard::Session) && !cfg!(capsule_mutation = "no-setsid") {
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

/// Says to the supervisor that the clocks start. Last before each execve(2) that may succeed.
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
        started.announce();
        sys::execve(path, options.command, environment)
    };
    // (The slice's own `contains` is 200 bytes of words and alignments.)
    let is_slash = |byte: &u8| *byte == b'/';
    if name.to_bytes().iter().any(is_slash) {
        return exec(name);
    }
    let mut variables = options.env.as_slice().iter().chain(DEFAULT_ENVIRONMENT);
    let path = variables.find_map(|entry| behind(entry.to_bytes(), b"PATH=")).unwrap_or_default();
    let mut buffer = PathBuffer::new();
    let mut denied = None;
    for directory in path.split(|byte| *byte == b':') {
        let Ok(candidate) = buffer.join(&[directory, b"/", name.to_bytes()]) else { continue };
        match exec(candidate) {
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
    /// The defaults that `--env` does not replace, then `--env`.
    fn new(options: &Options<'a>) -> Self {
        let mut environment =
            Environment { pointers: List::new(core::ptr::null()), _strings: core::marker::PhantomData };
        let given = options.env.as_slice();
        let replaced = |default: &CStr| given.iter().any(|entry| name_of(entry) == name_of(default));
        let defaults = DEFAULT_ENVIRONMENT.iter().filter(|default| !replaced(default));
        let strings = defaults.chain(given).map(|entry| entry.as_ptr());
        for pointer in strings.chain([core::ptr::null()]) {
            let _ = environment.pointers.push(pointer); // there is room for all that the options can hold
        }
        environment
    }
}

fn name_of(entry: &CStr) -> &[u8] {
    entry.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}
