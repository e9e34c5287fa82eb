//! `capsule isolate`: the command line of isolate 2 on capsule's runner, for systems that call `isolate`.
//!
//! # Theory of operation
//!
//! ```text
//!   root's caller ───────────────────────────► Call ──► boxes ──► stage ──► init run … box-exec … program
//!   ordinary caller ──socket──► helper (root) ──► Call            │              │
//!                                                    verdict ◄── keeper ◄── report
//!                                                       └──► meta file, message, exit code
//! ```
//!
//! * [`options`] reads the command line as getopt_long(3) does; [`rules`] and [`environment`] hold what `-d` and `-E` ask
//!   for; [`config`] is the operator's file, without which no host directory is shown but a few.
//! * [`boxes`] keeps the directory of a box between `--init`, `--run` and `--cleanup`, and its lock; [`tree`] changes owners
//!   in it and removes it, whatever a program has left there.
//! * [`source`] finds what a rule shows, with the rights of the caller ([`access`]).
//! * [`stage`] mounts the root of a run: empty, with a mount point for each rule, in a mount namespace of our own. init
//!   takes each of these mounts by `--bind`.
//! * [`keeper`] starts init and waits; [`verdict`] turns init's report into isolate's words, and decides nothing else.
//! * [`helper`] does the same for ordinary users of one group; nothing here is setuid.
//!
//! Every limit, guard and clock is init's.
#![warn(unreachable_pub)]

mod access;
mod boxes;
mod call;
mod codec;
mod commands;
mod config;
mod environment;
mod fault;
mod helper;
mod keeper;
mod meta;
mod misuse;
mod mount_table;
mod options;
mod quota;
mod rules;
mod signals;
mod source;
mod stage;
mod tree;
mod usage;
mod verdict;

pub use commands::isolate;
