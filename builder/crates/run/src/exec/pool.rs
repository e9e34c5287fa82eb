//! A pool of sandboxes that stand ready: the client of `init-serve` (init/src/serve.rs).
//!
//! ```text
//!   Pool::run ──request──► init-serve ──► a slot's sandbox ──► taken, done ──reader──► PooledRun
//! ```
//!
//! One thread of the pool starts the server and reads its answers; any thread may have runs. The calls block: an
//! asynchronous caller has them in a thread for blocking work. What the pool does not take (`None` from [`Pool::run`])
//! is for the caller to start as one process, which does the same: it takes longer, and no verdict differs.

mod answer;
mod server;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, write};
use rustix::net::{SendFlags, Shutdown, sendmsg};
use rustix::process::{Signal, pidfd_send_signal};

use self::answer::Answer;
use super::child::duplicate;
use crate::init_command::InitCommand;

/// Runs at one time: more than any caller has, as each of them may wait for another (a test for its checker).
const SLOTS: usize = 256;

/// The longest request, in bytes, and the most descriptors of one (init/src/serve/server.rs).
const LONGEST: usize = 64 << 10;
const MOST_DESCRIPTORS: usize = 16;
/// The most strings of one, a little less than server and PID 1 have room for (init/src/sys/buffer.rs).
const MOST_STRINGS: usize = 4000;

/// A server, and the sandboxes that it holds ready. At its end all of its runs end.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

/// What the threads share.
#[derive(Debug)]
struct Shared {
    socket: OwnedFd,
    /// The runs that were not answered yet, by their name.
    open: Mutex<HashMap<u64, Arc<Progress>>>,
    next: AtomicU64,
}

/// How far a run is.
#[derive(Debug)]
struct Progress {
    state: Mutex<State>,
    /// Notified when a supervisor takes the run, and at its end.
    is_taken: Condvar,
    /// Notified only at its end.
    is_over: Condvar,
    /// Ready to be read when the run is over, for those that sleep in poll(2).
    over: OwnedFd,
}

#[derive(Debug, Default)]
struct State {
    taken: Option<Taken>,
    done: Option<Done>,
    /// The server has gone.
    is_lost: bool,
}

/// The process that has a run.
#[derive(Debug, Clone)]
struct Taken {
    pid: i32,
    /// Absent where this process had too many descriptors open for one more.
    pidfd: Option<Arc<OwnedFd>>,
}

impl State {
    fn is_over(&self) -> bool {
        self.done.is_some() || self.is_lost
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The exit code that `init run` would have had.
    pub code: u8,
    /// The report, one JSON object on one line.
    pub report: String,
}

/// A run in the pool. One that nobody waits for is killed at the end of this value.
#[derive(Debug)]
pub struct PooledRun {
    progress: Arc<Progress>,
    shared: Arc<Shared>,
}

impl Pool {
    /// Starts a server that holds up to `ahead` sandboxes ready, of the kinds that were asked for last.
    ///
    /// # Errors
    /// It cannot be started; without it every run is one process.
    pub fn start(ahead: usize) -> io::Result<Pool> {
        Pool::start_for(ahead, "shared")
    }

    /// The same for a caller whose runs meet no process outside in their binds: on no socket that one of them shows does such
    /// a process listen, nor do two runs at a time have a directory that one of them may write to. Then the network of a run
    /// may be used again that had a directory as a bind (docs/pool.md).
    ///
    /// # Errors
    /// As [`Pool::start`].
    pub fn start_with_private_binds(ahead: usize) -> io::Result<Pool> {
        Pool::start_for(ahead, "private")
    }

    fn start_for(ahead: usize, binds: &str) -> io::Result<Pool> {
        let (socket, reader) = server::start(SLOTS, ahead, binds)?;
        let shared = Arc::new(Shared { socket, open: Mutex::default(), next: AtomicU64::new(0) });
        let heard = Arc::clone(&shared);
        let reader = reader.spawn(move |answer| heard.note(answer))?;
        Ok(Pool { shared, reader: Some(reader) })
    }

    /// Has a run done with these streams; one that is not given is this process's own. Returns when it has been asked for.
    /// `None`: the pool does not take it, as it is too long, names too many descriptors, has a NUL in a string, or as many as
    /// there can be run.
    ///
    /// # Errors
    /// The server has gone, or a descriptor is not open.
    pub fn run(
        &self,
        init: &InitCommand,
        streams: [Option<BorrowedFd<'_>>; 3],
    ) -> io::Result<Option<PooledRun>> {
        self.ask("run", init, streams)
    }

    /// Has a command get ready for a run, which begins when the command has stopped itself (SIGSTOP) and a byte has come by
    /// `--start-on`, if that is among the options. Before that it must not read its stdin. Other than with [`Pool::run`] the
    /// caller cannot have it done by itself.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub fn warm_up(
        &self,
        init: &InitCommand,
        streams: [Option<BorrowedFd<'_>>; 3],
    ) -> io::Result<Option<PooledRun>> {
        self.ask("warm", init, streams)
    }

    fn ask(
        &self,
        word: &str,
        init: &InitCommand,
        streams: [Option<BorrowedFd<'_>>; 3],
    ) -> io::Result<Option<PooledRun>> {
        let name = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let Some((request, named)) = init.to_request(&name.to_string(), word) else { return Ok(None) };
        let strings = request.iter().filter(|byte| **byte == 0).count();
        let is_too_long = request.len() > LONGEST || strings > MOST_STRINGS;
        if is_too_long || streams.len() + named.len() > MOST_DESCRIPTORS {
            return Ok(None);
        }
        let named = named.into_iter().map(duplicate).collect::<io::Result<Vec<_>>>()?;
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let own = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let streams = streams.into_iter().zip(own).map(|(given, own)| given.unwrap_or(own));
        let descriptors: Vec<BorrowedFd<'_>> = streams.chain(named.iter().map(AsFd::as_fd)).collect();
        let progress = Arc::new(Progress::begin()?);
        {
            let mut open = lock(&self.shared.open);
            if open.len() >= SLOTS {
                return Ok(None);
            }
            open.insert(name, Arc::clone(&progress));
        }
        match self.shared.send(&request, &descriptors) {
            Ok(()) => Ok(Some(PooledRun { progress, shared: Arc::clone(&self.shared) })),
            Err(errno) => {
                lock(&self.shared.open).remove(&name);
                Err(errno.into())
            }
        }
    }
}

impl Shared {
    fn send(&self, request: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
        if !control.push(rustix::net::SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOBIG);
        }
        loop {
            match sendmsg(&self.socket, &[io::IoSlice::new(request)], &mut control, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                sent => return sent.map(drop),
            }
        }
    }

    /// `None`: the server has gone.
    fn note(&self, answer: Option<Answer>) {
        match answer {
            // The first answer counts: a run is not in the list any more when there is a second.
            Some(Answer::Done { name, done }) => {
                let Some(progress) = lock(&self.open).remove(&name) else { return };
                progress.change(|state| state.done = Some(done));
            }
            Some(Answer::Taken { name, pid, pidfd }) => {
                let Some(progress) = lock(&self.open).get(&name).cloned() else { return };
                let pidfd = pidfd.map(Arc::new);
                progress.change(|state| state.taken = Some(Taken { pid, pidfd }));
            }
            // The server could not read one of the requests, and cannot say which. All runs end, or one would be waited for
            // for ever, and no more are sent.
            Some(Answer::Nameless) => self.hang_up(),
            None => {
                let all: Vec<_> = lock(&self.open).drain().collect();
                all.iter().for_each(|(_, progress)| progress.change(|state| state.is_lost = true));
            }
        }
    }

    /// Leaves the server, which ends all runs and then itself. The next runs are for the caller to start.
    fn hang_up(&self) {
        let _gone_already = rustix::net::shutdown(&self.socket, Shutdown::Both);
        self.note(None);
    }
}

impl Progress {
    fn begin() -> io::Result<Progress> {
        let over = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Progress { state: Mutex::default(), is_taken: Condvar::new(), is_over: Condvar::new(), over })
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        let is_over = {
            let mut state = lock(&self.state);
            how(&mut state);
            state.is_over()
        };
        self.is_taken.notify_all();
        if is_over {
            self.is_over.notify_all();
            // No one reads the counter, so it stays ready, and it has room for a second write (eventfd(2)).
            let _has_room = write(&self.over, &1u64.to_ne_bytes());
        }
    }

    /// Sleeps until a supervisor has it, or it is over.
    fn until_taken(&self) -> MutexGuard<'_, State> {
        let is_awaited = |state: &mut State| state.taken.is_none() && !state.is_over();
        self.is_taken.wait_while(lock(&self.state), is_awaited).unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is over.
    fn until_over(&self) -> MutexGuard<'_, State> {
        let is_awaited = |state: &mut State| !state.is_over();
        self.is_over.wait_while(lock(&self.state), is_awaited).unwrap_or_else(PoisonError::into_inner)
    }
}

impl PooledRun {
    /// Waits for its end.
    ///
    /// # Errors
    /// The server was killed; nothing of the run is left.
    pub fn wait(&self) -> io::Result<Done> {
        self.progress.until_over().done.clone().ok_or_else(|| Errno::PIPE.into())
    }

    /// Whether a supervisor has it already.
    pub fn is_taken(&self) -> bool {
        lock(&self.progress.state).taken.is_some()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        lock(&self.progress.state).is_over()
    }

    /// Kills it. Nothing of it is left; its report says so, and has no measurements.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Has it end. Its report then says `sandbox-error`, and has what was measured so far.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// The pid of its supervisor; `None` when the run is over, as the number may be another process's then.
    pub fn pid(&self) -> Option<i32> {
        let state = self.progress.until_taken();
        state.taken.as_ref().filter(|_| !state.is_over()).map(|taken| taken.pid)
    }

    /// Looks at its supervisor by the pid; `None` when the run is over, or was before the look ended: the server reaps a
    /// supervisor as soon as it has ended, and then its number may be another process's. `None`, too, where there is no
    /// descriptor of it that would tell.
    pub(super) fn observe<T>(&self, look: impl FnOnce(i32) -> T) -> Option<T> {
        let taken = self.progress.until_taken().taken.clone();
        let Taken { pid, pidfd: Some(pidfd) } = taken? else { return None };
        let seen = look(pid);
        // Ready when it has ended (pidfd_open(2)).
        let mut ended = [PollFd::new(&*pidfd, PollFlags::IN)];
        (poll(&mut ended, Some(&Timespec::default())) == Ok(0)).then_some(seen)
    }

    /// Sends a signal to its supervisor, and to no other process. Where this process had too many descriptors open to get one
    /// of the supervisor, all runs of the pool end: by its number, another process could be hit.
    pub fn signal(&self, signal: Signal) {
        let taken = {
            let state = self.progress.until_taken();
            state.taken.clone().filter(|_| !state.is_over())
        };
        match taken {
            Some(Taken { pidfd: Some(pidfd), .. }) => {
                let _ended_already = pidfd_send_signal(&*pidfd, signal);
            }
            Some(Taken { pidfd: None, .. }) => self.shared.hang_up(),
            None => {}
        }
    }
}

/// Ready to be read when the run is over, so that [`PooledRun::wait`] does not sleep.
impl AsFd for PooledRun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.progress.over.as_fd()
    }
}

impl Drop for PooledRun {
    fn drop(&mut self) {
        let is_over = { lock(&self.progress.state).done.is_some() };
        if !is_over {
            self.kill();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // The server sees its caller go, ends all runs and then itself; so the reader ends.
        let _gone_already = rustix::net::shutdown(&self.shared.socket, Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _does_not_panic = reader.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tests have instead of a server.
#[cfg(test)]
impl Pool {
    /// A pool without a server, and the server's end. Requests stay in the socket, and with them copies of their descriptors:
    /// as those of a slot that does not end.
    pub(super) fn without_server() -> (Pool, OwnedFd) {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let shared = Shared { socket, open: Mutex::default(), next: AtomicU64::new(0) };
        (Pool { shared: Arc::new(shared), reader: None }, theirs)
    }

    /// Has this be the answer about the first run, once that is asked for.
    pub(super) fn answer_first(&self, done: Done) {
        while !lock(&self.shared.open).contains_key(&0) {
            std::thread::yield_now();
        }
        self.shared.note(Some(Answer::Done { name: 0, done }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn command(argument: &str) -> InitCommand {
        let mut init = InitCommand::new(Path::new("init"), Path::new("/r"));
        init.command(["/bin/true", argument]);
        init
    }

    #[test]
    fn what_a_request_cannot_hold_is_not_asked_for() {
        let (pool, _theirs) = Pool::without_server();
        let run = pool.run(&command("x"), [None; 3]).unwrap();
        assert!(run.is_some());
        assert!(pool.run(&command("x\0--net\0host"), [None; 3]).unwrap().is_none());
        let mut many = command("x");
        many.command(std::iter::repeat_n("y", MOST_STRINGS));
        assert!(pool.run(&many, [None; 3]).unwrap().is_none());
        // Without a server, the pool's end would wait for a run that is never taken.
        pool.shared.note(None);
    }

    #[test]
    fn a_refusal_without_a_name_ends_all_runs() {
        let (pool, _theirs) = Pool::without_server();
        let run = pool.run(&command("x"), [None; 3]).unwrap().unwrap();
        pool.shared.note(Some(Answer::Nameless));
        assert!(run.wait().is_err() && run.pid().is_none());
        assert!(pool.run(&command("x"), [None; 3]).is_err(), "the next is not waited for");
    }

    #[test]
    fn a_run_that_is_over_has_no_pid() {
        let (pool, _theirs) = Pool::without_server();
        let run = pool.run(&command("x"), [None; 3]).unwrap().unwrap();
        let pidfd = Some(std::fs::File::open("/dev/null").unwrap().into());
        pool.shared.note(Some(Answer::Taken { name: 0, pid: 42, pidfd }));
        assert_eq!(run.pid(), Some(42));
        pool.shared.note(Some(Answer::Done { name: 0, done: Done { code: 0, report: String::new() } }));
        assert_eq!(run.pid(), None);
    }

    /// As recvmsg(2) gives it to a process that has as many descriptors open as it may.
    #[test]
    fn a_run_whose_pidfd_was_dropped_ends_when_it_is_told_to() {
        let (pool, server) = Pool::without_server();
        let run = pool.run(&command("x"), [None; 3]).unwrap().unwrap();
        pool.shared.note(Answer::parse(b"0\0taken\x0042", None));
        assert_eq!((run.pid(), run.observe(|_| ())), (Some(42), None));
        run.signal(Signal::TERM);
        assert!(run.wait().is_err() && run.pid().is_none());
        // The server sees its caller go, and ends the run.
        let mut ends = [PollFd::new(&server, PollFlags::RDHUP)];
        assert_eq!(poll(&mut ends, Some(&Timespec::default())), Ok(1));
        assert!(pool.run(&command("x"), [None; 3]).is_err(), "the next is not waited for");
    }
}
