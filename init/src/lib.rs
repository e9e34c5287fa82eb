//! capsule's runner: one static program that isolates one submission, holds it to its limits and says what happened.
//!
//! # Theory of operation
//!
//! ```text
//!   caller ──► supervisor ──clone3──► PID 1 of the sandbox ──clone3──► submission (PID 2)
//!              outside                new pid, mount, network,         born into the run's cgroup, then a new
//!              all limits, clocks,    ipc and uts namespaces           cgroup namespace; no privilege at all
//!              streams, the report    builds the tree, reaps
//! ```
//!
//! * The **supervisor** ([`supervise`]) keeps the caller's privilege, and never enters the sandbox. It opens
//!   everything by name before the sandbox exists, and nothing afterwards.
//! * **PID 1** ([`pid1`]) is root of a pid namespace. It builds the mount tree, starts the submission, then keeps two
//!   capabilities (to clean up after a dead supervisor) and cannot be looked into. When it ends, the kernel kills all that is left.
//! * The **submission** ([`job`]) is made what it must be by its own process, the last step before execve(2).
//! * They talk over one socket pair ([`channel`]); whoever finds the other end closed knows that the other is dead,
//!   and cleans up in its place. The submission has no descriptor but its three streams, which are fresh pipes.
//!
//! There is no heap, no thread, no environment read; every buffer has a named size. As PID 1 of a virtual machine
//! the same program boots it ([`boot`]).
#![cfg_attr(not(test), no_std)]

pub mod boot;
pub mod cgroup;
pub mod channel;
pub mod clock;
pub mod cpus;
pub mod credentials;
pub mod error;
pub mod guard;
pub mod identity;
pub mod ids;
pub mod job;
pub mod limits;
pub mod list;
pub mod message;
pub mod mounts;
pub mod namespaces;
pub mod options;
pub mod outcome;
pub mod path;
pub mod pid1;
pub mod report;
pub mod sandbox;
pub mod seccomp;
pub mod streams;
pub mod supervise;
pub mod sys;
pub mod terminal;
pub mod text;
pub mod watch;

use rustix::process::Pid;

use crate::guard::Guard;
use crate::sys::{Args, Signals};
use crate::text::Text;

const USAGE: &[u8] = b"usage: init run --root DIR [option ...] -- CMD [ARG ...]
       init guards
       init --version

As PID 1 of a machine init boots it. `capsule run --help` explains the options.
";

/// The whole program, from its first instruction in Rust to its exit code.
pub fn main(arguments: Args<'_>) -> ! {
    streams::fill_standard();
    // Signals reach us as data (signalfd(2), rt_sigtimedwait(2)) or not at all: none can kill us half-way.
    sys::block_signals(Signals::ALL);
    sys::default_signal_actions();
    if rustix::process::getpid() == Pid::INIT && !is_in_container() {
        boot::run(arguments);
    }
    sys::exit(command(arguments.from(1), arguments))
}

/// PID 1 of a container finds /proc mounted; PID 1 of a machine has nothing yet.
fn is_in_container() -> bool {
    rustix::fs::stat(c"/proc/self").is_ok()
}

/// Does one command. `arguments` are all of the process's own words, to be wiped where the sandbox could see them.
pub fn command(words: Args<'_>, arguments: Args<'_>) -> u8 {
    let started = clock::now();
    match words.get(0).map(|word| word.to_bytes()) {
        Some(b"run") => run(words.from(1), arguments, started),
        Some(b"guards") => {
            Guard::ALL.iter().for_each(|guard| print(1, &[guard.name(), b"\n"]));
            0
        }
        Some(b"--version") => {
            print(1, &[b"init ", env!("INIT_VERSION").as_bytes(), b"\n"]);
            0
        }
        Some(b"--help") => {
            print(1, &[USAGE]);
            0
        }
        Some(word) => {
            print(2, &[b"init: unknown command `", word, b"`\n", USAGE]);
            125
        }
        None => {
            print(2, &[USAGE]);
            125
        }
    }
}

fn run(words: Args<'_>, arguments: Args<'_>, started: u64) -> u8 {
    match options::parse(words) {
        Ok(options) => supervise::run(options, arguments, started),
        Err(error) => {
            let mut line = [0; 1024];
            let mut line = Text::new(&mut line);
            error.render(&mut line);
            say(line.as_bytes());
            125
        }
    }
}

/// One line on stderr.
pub(crate) fn say(line: &[u8]) {
    print(2, &[line, b"\n"]);
}

fn print(stream: u8, parts: &[&[u8]]) {
    for part in parts {
        let _ = rustix::io::write(sys::stdio(stream), part); // nobody is left to tell
    }
}

/// Says where a bug of ours is, and dies as a broken sandbox does.
pub fn panicked(location: Option<&core::panic::Location<'_>>) -> ! {
    if let Some(location) = location {
        let mut line = [0; 256];
        let mut line = Text::new(&mut line);
        line.push(b"init: bug at ")
            .push(location.file().as_bytes())
            .push(b":")
            .number(location.line().into());
        say(line.as_bytes());
    }
    sys::exit(125)
}
