//! The process of the server, and the thread that reads what it answers.

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use bundle::init::INIT_SERVE;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg,
    socketpair,
};
use rustix::process::Signal;

use super::answer::Answer;
use crate::exec::child::Child;

/// More than the longest report and what is before it (init/src/report.rs).
const LONGEST_ANSWER: usize = 32 << 10;

/// Starts the reader of a server that is about to be started.
pub(super) struct Reader {
    program: File,
    theirs: OwnedFd,
    ours: OwnedFd,
    args: Vec<String>,
}

/// Our end of the socket, and what starts the rest.
pub(super) fn start(slots: usize, ahead: usize, binds: &str) -> io::Result<(OwnedFd, Reader)> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let mut program = File::from(memfd_create("init-serve", MemfdFlags::CLOEXEC)?);
    program.write_all(INIT_SERVE)?;
    // Of a file that is open for writing nothing is executed (ETXTBSY, execve(2)).
    let program = File::open(format!("/proc/self/fd/{}", program.as_raw_fd()))?;
    let args = ["--slots", &slots.to_string(), "--ahead", &ahead.to_string(), "--binds", binds];
    let args = args.map(str::to_owned).to_vec();
    Ok((ours.try_clone()?, Reader { program, theirs, ours, args }))
}

impl Reader {
    /// Starts the server, and a thread that calls `note` with each of its answers, at last with `None`.
    ///
    /// # Errors
    /// The server cannot be started.
    pub(super) fn spawn(self, note: impl Fn(Option<Answer>) + Send + 'static) -> io::Result<JoinHandle<()>> {
        let (said, hears) = mpsc::channel();
        let Reader { program, theirs, ours, args } = self;
        // The child gets its signal when the thread that made it ends (PR_SET_PDEATHSIG), so this one makes it. Not SIGKILL:
        // when this process is gone the server has its runs end, and each takes its cgroup away. Killed meanwhile, it would
        // have the kernel kill the runs in the middle of that.
        let reader = Builder::new().name("pool".to_owned()).spawn(move || {
            let path = format!("/proc/self/fd/{}", program.as_raw_fd());
            let args = [path, "serve".to_owned()].into_iter().chain(args).map(Into::into).collect();
            match Child::start_until(Signal::TERM, args, [Some(theirs.as_fd()), None, None], &[]) {
                Ok(server) => {
                    drop((program, theirs));
                    let _it_is_awaited = said.send(Ok(()));
                    let mut message = vec![0; LONGEST_ANSWER];
                    while let Some(answer) = receive(&ours, &mut message) {
                        answer.into_iter().for_each(|answer| note(Some(answer)));
                    }
                    note(None);
                    let _ended = server.wait();
                }
                Err(error) => drop(said.send(Err(error))),
            }
        })?;
        hears.recv().unwrap_or_else(|_| Err(Errno::PIPE.into()))?;
        Ok(reader)
    }
}

/// The next answer; `None` at the end, `Some(None)` for what is not one. It comes into `message`.
fn receive(socket: &OwnedFd, message: &mut [u8]) -> Option<Option<Answer>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let parts = &mut [IoSliceMut::new(message)];
        match recvmsg(socket, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            received => break received.ok()?,
        }
    };
    let descriptor = control.drain().find_map(|one| match one {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let message = message.get(..received.bytes).filter(|message| !message.is_empty())?;
    Some(Answer::parse(message, descriptor))
}
