//! Streams: fresh pipes between the submission and the world, through the supervisor, which counts and cuts.
//!
//! None of the caller's descriptors ever enters the sandbox: not its files (which could be reopened through
//! /proc/self/fd with other rights, proc_pid_fd(5)), not its terminal, not its pipes.

mod access;
mod end;
pub(crate) mod input;
mod pump;
mod relay;

use rustix::fd::{AsFd, AsRawFd};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};

pub(crate) use self::access::Access;
pub(crate) use self::end::{End, Unopened};
pub(crate) use self::pump::{Pump, Wanted, turn, wanted};
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::setup::Setup;
use crate::sys;
use crate::sys::fd::Fd;

/// Makes sure that 0, 1 and 2 are open, so that none of our files becomes a standard stream by accident: open(2)
/// takes the lowest free number.
pub(crate) fn fill_standard() {
    loop {
        // open(2) takes the lowest free number: one above 2 means that all three are open, and is closed again.
        match sys::fd::open(c"/dev/null", OFlags::RDWR, Mode::empty()) {
            Ok(fd) if fd.as_fd().as_raw_fd() <= 2 => core::mem::forget(fd),
            _ => return,
        }
    }
}

/// The submission's ends of its three streams.
pub(crate) struct JobStreams {
    /// stdin, stdout, stderr.
    pub(crate) ends: [Fd; 3],
}

/// The world's side of the three streams, opened before anything is started.
pub(crate) struct World {
    pub(crate) ends: [End; 3],
    /// stdin, where it is a file and the submission is to have one of its own.
    pub(crate) input: Option<Fd>,
}

/// As an error of the run's.
pub(crate) fn unopened(subject: Subject) -> impl Fn(Unopened) -> Error {
    move |Unopened(call, errno)| at(Step::Streams, call, subject)(errno)
}

impl World {
    /// As the options have it.
    pub(crate) fn open(setup: &Setup<'_>) -> Result<World, Error> {
        let options = setup.options;
        let end = |number: u8| {
            let access = if number == 0 { Access::Read } else { Access::Write };
            let end = match options.streams[usize::from(number)] {
                Some(path) => End::open(path, access),
                None => End::inherited(number.into(), access),
            };
            end.map_err(unopened(Subject::Stream(number)))
        };
        let ends = [end(0)?, end(1)?, end(2)?];
        let has_pipes = !options.tty && setup.has(Guard::Streams);
        let input = if has_pipes { ends[0].regular() } else { None };
        Ok(World { ends, input })
    }
}

/// Puts what is always at its end, and can never be written, in the place of this process's stdin and stdout, and of
/// stderr too if that is to go. The caller's own would stay open as long as this process lives, and their other ends
/// would not be closed.
pub(crate) fn release_standard(stderr_too: bool) -> Result<(), Error> {
    let fail = |call| at(Step::Streams, call, Subject::None);
    let [nothing, _] = sys::fd::pipe().map_err(fail(Call::Pipe))?;
    let released = rustix::stdio::dup2_stdin(&nothing).and_then(|()| rustix::stdio::dup2_stdout(&nothing));
    let released =
        if stderr_too { released.and_then(|()| rustix::stdio::dup2_stderr(&nothing)) } else { released };
    released.map_err(fail(Call::Dup))
}

/// Makes the three pipes. Where stdin is a file, its pipe is only in the place of that.
///
/// The supervisor's ends (stdin's to write, the others to read) do not block; the submission's do. They belong to the
/// submission, where that has a user of its own: programs open `/dev/stdin` by its name, which asks for the owner.
pub(crate) fn pipes(setup: &Setup<'_>) -> Result<([Fd; 3], JobStreams), Error> {
    let pipe = |number| sys::fd::pipe().map_err(at(Step::Streams, Call::Pipe, Subject::Stream(number)));
    let [stdin_read, stdin_write] = pipe(0)?;
    let [stdout_read, stdout_write] = pipe(1)?;
    let [stderr_read, stderr_write] = pipe(2)?;
    // Each pipe end is a file description of its own, so this is not seen by the submission (fcntl(2), O_NONBLOCK).
    for ours in [&stdin_write, &stdout_read, &stderr_read] {
        rustix::io::ioctl_fionbio(ours, true).map_err(at(Step::Streams, Call::Ioctl, Subject::None))?;
    }
    let ends = [stdin_read, stdout_write, stderr_write];
    if setup.identity.privileged {
        let owner = setup.ids.outside;
        let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        // By descriptor: a pipe has no path (fchownat(2), AT_EMPTY_PATH).
        for theirs in &ends {
            rustix::fs::chownat(theirs, c"", uid, gid, AtFlags::EMPTY_PATH).map_err(at(
                Step::Streams,
                Call::Chown,
                Subject::None,
            ))?;
        }
    }
    Ok(([stdin_write, stdout_read, stderr_read], JobStreams { ends }))
}

/// The supervisor's own streams for the submission: what it must not have, for the test that notices.
pub(crate) fn own() -> Result<JobStreams, Error> {
    let copy = |number: u8| {
        let copy = sys::fd::inherited(number.into());
        copy.map_err(at(Step::Streams, Call::Dup, Subject::Stream(number)))
    };
    Ok(JobStreams { ends: [copy(0)?, copy(1)?, copy(2)?] })
}
