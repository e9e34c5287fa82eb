//! `--tty`: a pseudo-terminal made inside the sandbox, and the caller's own terminal in raw mode while it lasts.
//!
//! The line discipline inside does all that a terminal does (Ctrl-C, job control, echo); we carry bytes and the
//! window's size (pty(7)).

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use crate::channel::Inside;
use crate::error::{Call, Error, Step, Subject, at};

/// Makes the pair in the sandbox's own devpts: the master goes to the supervisor, the slave stays for the submission.
pub fn open(channel: &Inside) -> Result<OwnedFd, Error> {
    let fail = |call| at(Step::Terminal, call, Subject::None);
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = rustix::fs::open(c"/dev/pts/ptmx", flags, Mode::empty()).map_err(fail(Call::Open))?;
    rustix::pty::unlockpt(&master).map_err(fail(Call::Ioctl))?;
    let peer = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, peer).map_err(fail(Call::Ioctl))?;
    channel.send_descriptor(master.as_fd()).map_err(fail(Call::Write))?;
    Ok(slave)
}

/// Makes the slave the controlling terminal and the three streams of this process, a session leader.
pub fn adopt(slave: &OwnedFd) -> Result<(), Error> {
    let fail = |call| at(Step::Terminal, call, Subject::None);
    rustix::process::ioctl_tiocsctty(slave).map_err(fail(Call::Ioctl))?;
    rustix::stdio::dup2_stdin(slave).map_err(fail(Call::Dup))?;
    rustix::stdio::dup2_stdout(slave).map_err(fail(Call::Dup))?;
    rustix::stdio::dup2_stderr(slave).map_err(fail(Call::Dup))
}

/// The caller's terminal, if its stdin is one: raw as long as this lives.
pub struct Caller {
    saved: Option<Termios>,
}

impl Caller {
    /// Goes raw, and gives the sandbox's terminal the caller's size.
    pub fn take_over(stdin: BorrowedFd<'_>, master: BorrowedFd<'_>) -> Caller {
        let saved = if isatty(stdin) { tcgetattr(stdin).ok() } else { None };
        if let Some(saved) = &saved {
            let mut raw = saved.clone();
            raw.make_raw();
            let _ = tcsetattr(stdin, OptionalActions::Now, &raw); // cooked input is a nuisance, not a failure
            follow_size(stdin, master);
        }
        Caller { saved }
    }

    /// As it was before.
    pub fn restore(&mut self, stdin: BorrowedFd<'_>) {
        if let Some(saved) = self.saved.take() {
            let _ = tcsetattr(stdin, OptionalActions::Now, &saved); // a terminal that is gone needs no restoring
        }
    }
}

/// Passes the window's size on; the kernel tells the programs inside by SIGWINCH.
pub fn follow_size(stdin: BorrowedFd<'_>, master: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(stdin) {
        let _ = tcsetwinsize(master, size); // the sandbox may be gone already
    }
}
