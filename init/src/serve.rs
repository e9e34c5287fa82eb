//! `init-serve serve`: a persistent supervisor for a caller that has many runs.
//!
//! ```text
//!   caller ══ requests, answers ══► server ──clone3──► slot ──clone3──► PID 1 ──clone3──► submission
//!            (one SOCK_SEQPACKET)   hands out          one run's         waits in a sandbox
//!                                   requests           supervisor        that stands already
//! ```
//!
//! * A **request** is one message: an argument vector of `init run`, each string ended by a NUL, with descriptors
//!   (SCM_RIGHTS) that get the numbers 0, 1, 2 … in their order: the streams first, then those that options name as `fd:N`.
//!   The first string, in the place of the program's name, is the request's own name, which its answers begin with.
//! * With `warm` in the place of `run`, the command is started at once, to get ready: it stops itself (SIGSTOP) when it is.
//!   The run begins when it is continued, with `--start-on` if there is one. Only then it reads its stdin, and only from
//!   then on its clocks and limits of time run.
//! * **Answers** are two messages: `NAME NUL taken NUL PID`, with a pidfd of the supervisor, which ends by signals as
//!   `init run` does; then `NAME NUL done NUL CODE NUL REPORT`, with the exit code that `init run` would have had. A request
//!   that is not one gets the second alone. Of two such answers (a supervisor was killed right after it) the first counts.
//! * A **slot** is a process that serves once. It is forked ahead with the options of a request as its pattern: its PID 1
//!   builds the sandbox as far as the pattern's shape goes ([`shape`]), and waits. A request of the same shape gets it, and
//!   brings the rest: limits, command, environment, streams, binds, user, cgroup, filter. Every other request gets a slot
//!   that builds its sandbox then, exactly as `init run` does.
//! * Nothing that a submission has touched is used again: namespaces, mounts, tmpfs and cgroup end with their slot. One
//!   that it had and can be shown not to have touched is: its network ([`network`]). The end of the rest is after the answer: the slot holds the mount namespace until then, as the last exit of one waits for an RCU grace
//!   period, which is as long as all else together.
//! * At the end of the caller, of the server or of a slot nothing is left: a slot dies with the server (PR_SET_PDEATHSIG),
//!   and the PID 1 of a dead supervisor cleans up in its place, as ever.
#![deny(unsafe_code)]

mod answer;
mod handover;
mod inside;
mod network;
mod prepared;
mod seat;
mod server;
mod shape;
mod slot;

use core::ffi::CStr;

use crate::describe::push_errno;
use crate::outcome::exit_code;
use crate::print::{eprint, print};
use crate::serve::server::Server;
use crate::sys::Args;
use crate::text::Text;

const USAGE: &[u8] = b"usage: init-serve serve [--slots N] [--ahead N] [--binds WHOSE] [--socket fd:N]
       init-serve run [OPTION...] -- COMMAND [ARG...]

serve takes requests from a SOCK_SEQPACKET socket that it inherits (fd:0), and ends with it.
  --slots N     runs at one time (2; 1 to 256)
  --ahead N     sandboxes of one shape that stand ready (as many as slots; 0 to 1024)
  --binds WHOSE private: no process outside of a run listens on a socket in its
                binds; shared: one may (shared)
";

/// Runs at one time, at the most.
const MOST_SLOTS: u64 = 256;
/// Sandboxes that wait, at the most.
const MOST_AHEAD: u64 = 1024;

/// What the command line asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Config {
    slots: usize,
    ahead: usize,
    has_private_binds: bool,
    socket: i32,
}

/// Serves until the caller has gone; returns the exit code.
pub(crate) fn serve(args: Args<'_>, argv: Args<'_>) -> u8 {
    let Some(config) = parse(args) else {
        print(2, &[USAGE]);
        return exit_code::SANDBOX_ERROR;
    };
    match Server::new(config, argv) {
        Ok(mut server) => server.serve(),
        Err(errno) => {
            let mut line = [0; 128];
            let mut line = Text::new(&mut line);
            push_errno(line.push(b"init-serve: --socket: "), errno);
            eprint(line.as_bytes());
            exit_code::SANDBOX_ERROR
        }
    }
}

fn parse(args: Args<'_>) -> Option<Config> {
    let (mut slots, mut ahead, mut has_private_binds, mut socket) = (2, None, false, 0);
    let mut at = 0;
    while let Some(option) = args.get(at) {
        let value = args.get(at + 1)?;
        match option.to_bytes() {
            b"--slots" => slots = number(value, 1, MOST_SLOTS)?,
            b"--ahead" => ahead = Some(number(value, 0, MOST_AHEAD)?),
            b"--binds" => has_private_binds = is_private(value)?,
            b"--socket" => socket = number_of_fd(value)?,
            _ => return None,
        }
        at += 2;
    }
    Some(Config { slots, ahead: ahead.unwrap_or(slots), has_private_binds, socket })
}

/// Whether the run of a request with this word warms up; `None` for no word of a request.
fn warms_up(word: &CStr) -> Option<bool> {
    match word.to_bytes() {
        b"run" => Some(false),
        b"warm" => Some(true),
        _ => None,
    }
}

fn is_private(whose: &CStr) -> Option<bool> {
    match whose.to_bytes() {
        b"private" => Some(true),
        b"shared" => Some(false),
        _ => None,
    }
}

fn number(value: &CStr, least: u64, most: u64) -> Option<usize> {
    let number = crate::text::parse_number(value.to_bytes())?;
    (least..=most).contains(&number).then_some(number as usize)
}

fn number_of_fd(value: &CStr) -> Option<i32> {
    let digits = crate::text::strip_prefix(value.to_bytes(), b"fd:")?;
    i32::try_from(crate::text::parse_number(digits)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Config> {
        let line = Box::leak(format!("{line} ").into_bytes().into_boxed_slice());
        let pointers = Box::leak(vec![core::ptr::null(); 16].into_boxed_slice());
        parse(Args::split(line, pointers).unwrap())
    }

    #[test]
    fn slots_are_ready_ahead_unless_the_caller_says_otherwise() {
        let none = Config { slots: 2, ahead: 2, has_private_binds: false, socket: 0 };
        assert_eq!(parsed(""), Some(none));
        assert_eq!(parsed("--binds shared"), Some(none));
        assert_eq!(parsed("--slots 8"), Some(Config { slots: 8, ahead: 8, ..none }));
        let all = Config { slots: 1, ahead: 0, has_private_binds: true, socket: 7 };
        assert_eq!(parsed("--slots 1 --ahead 0 --binds private --socket fd:7"), Some(all));
    }

    #[test]
    fn what_is_not_an_option_is_refused() {
        for bad in [
            "--slots",
            "--slots 0",
            "--slots 257",
            "--ahead 1025",
            "--binds mine",
            "--socket 3",
            "--frob 1",
            "x",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
