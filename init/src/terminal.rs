//! `--tty`: a pseudo-terminal made inside the sandbox, and the caller's own terminal in raw mode while it lasts.
//!
//! The line discipline inside does all that a terminal does (Ctrl-C, job control, echo); we carry bytes and the
//! window's size (pty(7)).

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Uid};
use rustix::termios::{ControlModes, InputModes, LocalModes, OutputModes, tcgetwinsize, tcsetwinsize};

use crate::channel::Inside;
use crate::error::{Call, Error, Step, Subject, at};
use crate::message::Message;
use crate::sys::fd::Fd;
use crate::sys::{self, TerminalMode};
use crate::user::Owner;

/// Makes the pair in the sandbox's own devpts, so that the slave has a name inside: the master goes to the
/// supervisor, the slave stays for the submission, whose user it belongs to.
pub(crate) fn open(owner: Owner, channel: &Inside) -> Result<Fd, Error> {
    let fail = |call| at(Step::Terminal, call, Subject::None);
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = sys::fd::open(c"/dev/pts/ptmx", flags, Mode::empty()).map_err(fail(Call::Open))?;
    rustix::pty::unlockpt(&master).map_err(fail(Call::Ioctl))?;
    // By ioctl and not by name: a path could lead to another devpts (ioctl_tty(2), TIOCGPTPEER).
    let slave = sys::terminal_peer(master.as_fd(), flags).map_err(fail(Call::Ioctl))?;
    // Not by the option `uid` of the mount: devpts of Linux 6.12 reads that as an `int` (fs/devpts/inode.c, match_int), and
    // refuses each user above 2^31 - 1.
    rustix::fs::chownat(&slave, c"", Some(Uid::from_raw(owner.uid)), None, AtFlags::EMPTY_PATH)
        .map_err(fail(Call::Chown))?;
    // The copy in this process is closed when it is dropped: only the supervisor's keeps the terminal alive.
    channel.send_with(Message::Terminal, master.as_fd()).map_err(fail(Call::Write))?;
    Ok(slave)
}

/// Makes the slave the controlling terminal and the three streams of this process, a session leader.
pub(crate) fn adopt(slave: &Fd) -> Result<(), Error> {
    let fail = |call| at(Step::Terminal, call, Subject::None);
    // Only a session leader without a terminal may (ioctl_tty(2), TIOCSCTTY): setsid(2) came before.
    rustix::process::ioctl_tiocsctty(slave).map_err(fail(Call::Ioctl))?;
    rustix::stdio::dup2_stdin(slave).map_err(fail(Call::Dup))?;
    rustix::stdio::dup2_stdout(slave).map_err(fail(Call::Dup))?;
    rustix::stdio::dup2_stderr(slave).map_err(fail(Call::Dup))
}

/// The caller's terminal, if its stdin is one: raw as long as this lives.
pub(crate) struct Caller {
    saved: Option<TerminalMode>,
}

impl Caller {
    /// Goes raw, and gives the sandbox's terminal the caller's size.
    pub(crate) fn take_over(stdin: BorrowedFd<'_>, master: BorrowedFd<'_>) -> Caller {
        // ENOTTY: stdin is a pipe or a file, and there is nothing to change or restore.
        let saved = sys::terminal_mode(stdin).ok();
        if let Some(saved) = saved {
            let _ = sys::set_terminal_mode(stdin, &raw(saved)); // cooked input is a nuisance, not a failure
            follow_size(stdin, master);
        }
        Caller { saved }
    }

    /// As it was before.
    pub(crate) fn restore(&mut self, stdin: BorrowedFd<'_>) {
        if let Some(saved) = self.saved.take() {
            let _ = sys::set_terminal_mode(stdin, &saved); // a terminal that is gone needs no restoring
        }
    }
}

/// The same terminal, passing every byte on as it is: what cfmakeraw(3) does.
fn raw(mut mode: TerminalMode) -> TerminalMode {
    const INPUT: InputModes = InputModes::IGNBRK
        .union(InputModes::BRKINT)
        .union(InputModes::PARMRK)
        .union(InputModes::ISTRIP)
        .union(InputModes::INLCR)
        .union(InputModes::IGNCR)
        .union(InputModes::ICRNL)
        .union(InputModes::IXON);
    const LOCAL: LocalModes = LocalModes::ECHO
        .union(LocalModes::ECHONL)
        .union(LocalModes::ICANON)
        .union(LocalModes::ISIG)
        .union(LocalModes::IEXTEN);
    const CONTROL: ControlModes = ControlModes::CSIZE.union(ControlModes::PARENB);
    /// Indices in `characters`.
    const VTIME: usize = 5;
    const VMIN: usize = 6;
    mode.input &= !INPUT.bits();
    mode.output &= !OutputModes::OPOST.bits();
    mode.local &= !LOCAL.bits();
    mode.control = mode.control & !CONTROL.bits() | ControlModes::CS8.bits();
    // A read returns with the first byte, however long that takes (termios(3), VMIN and VTIME).
    mode.characters[VTIME] = 0;
    mode.characters[VMIN] = 1;
    mode
}

/// Passes the window's size on; the kernel sends SIGWINCH to the programs inside.
pub(crate) fn follow_size(stdin: BorrowedFd<'_>, master: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(stdin) {
        let _ = tcsetwinsize(master, size); // the sandbox may be gone already
    }
}
