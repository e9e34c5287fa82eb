//! `agent pooled INIT-SERVE run …`: does a run as `init run …` would, but in a sandbox that stood ready for it.
//!
//! ```text
//!   init-serve ◄── a request of the same shape that cannot start ──► its answer; the next sandbox is made
//!              ◄── the request ──► taken, done ──► its exit code
//! ```
//!
//! So the cases of the matrix need not know what makes their sandboxes. The protocol is that of init/src/serve.rs.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::{Child, Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The number that a request's fourth descriptor has in the run.
const REPORT: &str = "fd:3";
/// No program: a directory cannot be executed (execve(2), EACCES).
const NO_PROGRAM: &str = "/";

/// Returns the exit code of the run.
pub fn run(server: &str, args: &[&str]) -> io::Result<u8> {
    let (words, report) = split(args).ok_or(io::ErrorKind::InvalidInput)?;
    let pool = Pool::start(server)?;
    let nothing = OwnedFd::from(File::options().read(true).write(true).open("/dev/null")?);
    let of_shape: Vec<&str> = options(&words).iter().copied().chain(["--", NO_PROGRAM]).collect();
    pool.send(&of_shape, [nothing.as_fd(); 4])?;
    pool.answer()?;
    let report = inherited(report)?;
    let streams = [io::stdin().as_fd().try_clone_to_owned()?, io::stdout().as_fd().try_clone_to_owned()?];
    let errors = io::stderr().as_fd().try_clone_to_owned()?;
    // A stream that this process kept open would not end when the submission closes it.
    release_streams(&nothing)?;
    pool.send(&words, [streams[0].as_fd(), streams[1].as_fd(), errors.as_fd(), report.as_fd()])?;
    drop((streams, errors, report));
    let code = pool.answer()?;
    pool.end()?;
    Ok(code)
}

/// The words of a request, and the number of the descriptor that is to get the report.
fn split<'a>(args: &[&'a str]) -> Option<(Vec<&'a str>, RawFd)> {
    let at = args.iter().position(|word| *word == "--report")? + 1;
    let number = args.get(at)?.strip_prefix("fd:")?.parse().ok()?;
    let mut words = args.to_vec();
    words[at] = REPORT;
    Some((words, number))
}

/// All before the command.
fn options<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
    &words[..end]
}

/// A copy of a descriptor that this process was started with.
fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    let us = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(us, number, PidfdGetfdFlags::empty())?)
}

fn release_streams(nothing: &OwnedFd) -> io::Result<()> {
    rustix::stdio::dup2_stdin(nothing)?;
    rustix::stdio::dup2_stdout(nothing)?;
    rustix::stdio::dup2_stderr(nothing)?;
    Ok(())
}

/// A server that is this process's alone.
struct Pool {
    server: Child,
    socket: OwnedFd,
}

impl Pool {
    fn start(program: &str) -> io::Result<Pool> {
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        fcntl_setfd(&theirs, FdFlags::empty())?;
        let mut command = Command::new(program);
        command.args(["serve", "--slots", "1", "--socket"]).arg(format!("fd:{}", theirs.as_raw_fd()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Pool { server: command.spawn()?, socket })
    }

    fn send(&self, words: &[&str], descriptors: [BorrowedFd<'_>; 4]) -> io::Result<()> {
        let request: Vec<u8> =
            ["case"].iter().chain(words).flat_map(|word| word.bytes().chain([0])).collect();
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut rights = SendAncillaryBuffer::new(&mut room);
        rights.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&self.socket, &[IoSlice::new(&request)], &mut rights, SendFlags::empty())?;
        Ok(())
    }

    /// The exit code in the next answer. What comes before it says that the request was taken.
    fn answer(&self) -> io::Result<u8> {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut rights = RecvAncillaryBuffer::new(&mut room);
            let received = recvmsg(
                &self.socket,
                &mut [IoSliceMut::new(&mut bytes)],
                &mut rights,
                RecvFlags::CMSG_CLOEXEC,
            )?;
            if received.bytes == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut parts = bytes[..received.bytes].split(|byte| *byte == 0).skip(1);
            if parts.next() == Some(b"done") {
                let code = parts.next().and_then(|code| str::from_utf8(code).ok()?.parse().ok());
                return code.ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }

    /// The server ends with its caller, and with it the sandbox that waits for the next request.
    fn end(self) -> io::Result<()> {
        let Pool { mut server, socket } = self;
        drop(socket);
        server.wait().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_options_of_the_run_and_its_own_number_for_the_report() {
        let args = ["run", "--root", "/r", "--report", "fd:17", "--pids", "8", "--", "/bin/probe", "--", "x"];
        let (words, report) = split(&args).unwrap();
        assert_eq!((words[4], report), ("fd:3", 17));
        assert_eq!(options(&words), ["run", "--root", "/r", "--report", "fd:3", "--pids", "8"]);
        assert!(split(&["run", "--root", "/r"]).is_none() && split(&["--report", "file"]).is_none());
    }
}
