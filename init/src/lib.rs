//! capsule's runner: one static program that isolates one submission, holds it to its limits and reports what happened.
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
//!   capabilities (to clean up after a dead supervisor) and cannot be inspected. When it ends, the kernel kills all that is left.
//! * The **submission** ([`job`]) is set up by its own process, as the last step before execve(2).
//! * The supervisor sleeps in ppoll(2) alone ([`streams`]): a limit or a signal is answered at once, whatever the caller
//!   does with its ends of the streams. Where only a process that sleeps can use one, a **relay** does.
//! * They talk over one socket pair ([`channel`]); a process that finds the other end closed knows that the other is
//!   dead, and cleans up in its place. The submission has no descriptor but its three streams, which are fresh pipes.
//!
//! There is no heap, no thread, and the environment is not read; every buffer has a named size. As PID 1 of a virtual
//! machine the same program boots it ([`boot`]).
//!
//! # Where things are
//!
//! ```text
//!   command, boot      what init was started for
//!   supervise          one run, outside: launch, event loop, report        options      command line → Options
//!   pid1, job          one run, inside: mounts, namespaces, credentials     setup        Options + what was found
//!   cgroup, watch      limits with an account      rlimits, streams         outcome      facts → verdict
//!   report, describe   what people and programs read                       error        step, call, errno
//!   serve              init-serve: a supervisor for many runs, with sandboxes that stand ready
//!   sys, arch          every unsafe system call, every processor           contract     what other crates may use
//! ```
//!
//! Arrows go down: `error` and `sys` know nothing of what stands above them, and `describe` alone finds the names for
//! the subject and the errno of an error.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(not(feature = "serve"), allow(dead_code, unused_imports))] // only `serve` has a use
#![warn(unreachable_pub)]

mod amount;
#[doc(hidden)] // for the program alone: its entry and its memory functions
pub mod arch;
mod boot;
#[doc(hidden)] // a program of its own
pub mod box_exec;
mod cgroup;
mod channel;
mod clock;
mod command;
pub mod contract;
mod cpus;
mod credentials;
mod describe;
mod error;
mod guard;
mod hint;
mod identity;
mod inherited;
mod job;
mod kernel_file;
mod limits;
mod list;
mod message;
mod mounts;
mod named;
mod namespaces;
mod options;
mod outcome;
mod packed;
mod path;
mod pid1;
mod preparation;
mod print;
mod report;
mod rlimits;
mod sandbox;
mod seccomp;
#[cfg(feature = "serve")]
mod serve;
mod setup;
mod streams;
mod supervise;
mod sys;
mod terminal;
mod text;
mod uids;
mod user;
mod waiting;
mod watch;

use rustix::process::Pid;

use crate::command::command;
use crate::outcome::exit_code;
use crate::print::eprint;
use crate::sys::{Args, Signals};
use crate::text::Text;

/// The whole program, from its first instruction in Rust to its exit code.
pub fn main(argv: Args<'_>) -> ! {
    begin();
    if rustix::process::getpid() == Pid::INIT && !is_in_container() {
        boot::run(argv);
    }
    sys::exit(command(argv.from(1), argv))
}

/// The same of `init-serve`, which has one command more, and boots nothing.
#[cfg(feature = "serve")]
pub fn serve_main(argv: Args<'_>) -> ! {
    begin();
    sys::exit(match argv.get(1).map(|arg| arg.to_bytes()) {
        Some(b"serve") => serve::serve(argv.from(2), argv),
        _ => command(argv.from(1), argv),
    })
}

/// What holds for every process of ours.
fn begin() {
    // Before anything is opened: one of our descriptors on 0, 1 or 2 would be taken for a stream.
    streams::fill_standard();
    // Signals reach us as data (signalfd(2), rt_sigtimedwait(2)) or not at all: none can kill us half-way.
    sys::block_signals(Signals::ALL);
    // Blocked and ignored signals are both inherited over execve(2) (signal(7)); both are reset before the submission.
    // nohup(1) and shells ignore signals that must not end this process, so these stay ignored until then.
    sys::default_signal_actions(Signals::ALL.without(inherited::ENDING));
}

/// PID 1 of a container finds /proc mounted; PID 1 of a machine has nothing yet.
fn is_in_container() -> bool {
    rustix::fs::stat(c"/proc/self").is_ok()
}

/// Prints where a bug of init is, and dies as a broken sandbox does.
pub fn panicked(location: Option<&core::panic::Location<'_>>) -> ! {
    if let Some(location) = location {
        let mut line = [0; 256];
        let mut line = Text::new(&mut line);
        line.push(b"init: bug at ")
            .push(location.file().as_bytes())
            .push(b":")
            .number(location.line().into());
        eprint(line.as_bytes());
    }
    sys::exit(exit_code::SANDBOX_ERROR)
}
