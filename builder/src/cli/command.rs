//! All commands, as clap reads them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use init::contract::NOTES;

use super::image_args::{BuildArgs, ImageArgs, TraceArgs};
use super::init_options::{InitOptions, StepOptions};
use super::judge_args::JudgeArgs;
use super::one_of::one_of;
use super::query_args::{ClosureArgs, ExplainArgs};
use super::serve_args::{ServeArgs, WorkerArgs};
use crate::tool::bench;
use crate::tool::calibrate::PROGRAM;
use crate::tool::seccomp::policy::{self, Arch};

/// From a list of programs to a judge sandbox that is proven on a clean kernel
#[derive(Debug, Parser)]
#[command(name = "capsule", version = env!("CAPSULE_VERSION"), max_term_width = 120)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a bundle: a root filesystem with everything that the programs need, and the runner
    Build(BuildArgs),
    /// Print build.sh, which makes the same root filesystem with mkdir, cp and ln; write nothing
    Script(ImageArgs),
    /// Explain why a file is in a bundle; without a path, print the tree of requests and what they need
    Explain(ExplainArgs),
    /// Compare a bundle's files with its manifest and its sums; exit 1 and list what differs
    Verify {
        /// The bundle
        bundle: PathBuf,
    },
    /// List what differs between two bundles; exit 1 if anything does
    Diff {
        /// The earlier bundle
        one: PathBuf,
        /// The later bundle
        other: PathBuf,
    },
    /// List every file that programs need to start, one path per line; exit 1 if something is missing
    ///
    /// Libraries may be named too, and a directory stands for all dynamic ELF files in it. What is missing is reported
    /// on stderr, with the file that needs it.
    Closure(ClosureArgs),
    /// Compare our closure of every dynamic ELF file of a tree with the answer of the tree's own loader
    Audit {
        /// The tree
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
        /// Instead, list what the loader accepts but an operator should know about: dlopen without a note, run paths
        /// that depend on the working directory, libraries that only a cache leads to
        #[arg(long)]
        lint: bool,
        /// Directories and files in the tree; without --root relative ones start here [default: all of its file system]
        directories: Vec<PathBuf>,
    },
    /// Run a command on this machine and list the files that it opens and the image lacks
    ///
    /// Without -o the list comes on stdout, after what the command itself prints there.
    #[command(override_usage = "capsule trace [OPTION…] -- COMMAND [ARGUMENT…]")]
    Trace(TraceArgs),
    /// Run a command in a bundle's sandbox
    ///
    /// The exit code is the command's own, or 124 after a time limit, 137 memory, 153 output, 159 forbidden system call,
    /// 125 if the sandbox failed (docs/report.md). The options are those of `init run`.
    #[command(override_usage = "capsule run BUNDLE [OPTION…] -- COMMAND [ARGUMENT…]", after_help = NOTES)]
    Run(RunArgs),
    /// Compile and run one submission
    ///
    /// The options are those of `capsule run` for the run step; with `--compile-` before the name, as in
    /// `--compile-memory 1G`, they are for the compile step. Exit code 122 means that the submission does not compile.
    #[command(
        override_usage = "capsule exec BUNDLE [--lang LANGUAGE] SOURCE… [OPTION…] [-- ARGUMENT…] < INPUT",
        after_help = NOTES
    )]
    Exec(ExecArgs),
    /// Keep boxes and run programs in them as isolate 2 does, for systems that call `isolate`
    ///
    /// The command line is that of isolate, also when this program is called `isolate`: `capsule isolate --help` prints it,
    /// docs/isolate.md explains what is different.
    #[command(
        disable_help_flag = true,
        override_usage = "capsule isolate [OPTION…] --init|--run|--cleanup [-- PROGRAM [ARGUMENT…]]"
    )]
    Isolate {
        /// Options of isolate, and the program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
        args: Vec<OsString>,
    },
    /// Boot a bundle on clean kernels, attack its sandbox there, and keep the proof
    ///
    /// The options are those of `capsule-prove`: `capsule prove --help` prints them.
    #[command(disable_help_flag = true, override_usage = "capsule prove BUNDLE [--kernel PATH] [OPTION…]")]
    Prove {
        /// The bundle, and options of `capsule-prove`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
        args: Vec<OsString>,
    },
    /// Open a shell on this terminal in a bundle's sandbox
    #[command(override_usage = "capsule shell BUNDLE [OPTION…]", after_help = NOTES)]
    Shell(RunArgs),
    /// Report what this host can enforce, what each missing guard weakens, and how to get it
    ///
    /// Exit 1 if a run that asks for nothing lacks a guard; with --timing, if a setting spreads the times of equal runs.
    Doctor {
        /// Instead, report which settings of this host make equal runs take different times, and how to change them
        #[arg(long)]
        timing: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Measure how fast this machine is and how far times can be off here: half a minute of work on all CPUs
    ///
    /// Reports of later runs quote the result, and state their errors by it. It is kept in $CAPSULE_CALIBRATION, for root in
    /// /var/lib/capsule/calibration.json, for others in ~/.local/state/capsule/calibration.json.
    Calibrate {
        /// Where to keep it, instead
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Seconds that it may take
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=600))]
        seconds: u64,
        /// Keep it even if the machine was not quiet
        #[arg(long)]
        force: bool,
        /// Be the program that it starts
        #[arg(long = PROGRAM, hide = true)]
        is_program: bool,
    },
    /// Measure what a run costs compared with its peers, or how exactly limits hold
    Bench {
        /// What to measure
        #[arg(value_parser = one_of(&MEASUREMENTS, measurement), default_value = "run")]
        what: bench::What,
        /// Rounds of each measurement; in `report` of `floor` [default: 200 for `run` and `guards`, 500 for `floor`, 10000 for `curve`, 50 for `limits`, 5 for `streams`, 20 for `packs` and `warm`]
        #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        rounds: Option<usize>,
        /// Where `report` writes a page with plots
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// Measure only this pack; may be given more than once
        #[arg(long = "pack", value_name = "NAME")]
        packs: Vec<String>,
    },
    /// List, show, check, fetch and trace packs: sets of files for a purpose, mostly a language
    #[command(subcommand)]
    Pack(PackCommand),
    /// Judge a submission: compile it, run the tests of a problem, check the outputs, add up the score
    ///
    /// Without a submission, judge all that the problem has, and compare them with what they are expected to get.
    ///
    /// The exit code is 0 for AC (or all as expected), 1 for any other verdict, 122 for a submission that does not compile,
    /// 125 if the judge or the sandbox failed, 128 + N after signal N (docs/judge.md).
    #[command(override_usage = "capsule judge BUNDLE PROBLEM [FILE…] [OPTION…]")]
    Judge(JudgeArgs),
    /// Show and check problems of a judge: their tests, groups, limits and checkers
    #[command(subcommand)]
    Problem(ProblemCommand),
    /// Serve a bundle by HTTP: compile, run and judge what clients send
    ///
    /// Settings come from a file, from variables of the environment such as CAPSULE_SERVE_SLOTS, and from here, later ones
    /// win; docs/serve.md lists all of them. SIGTERM ends the service when all that runs is done.
    Serve(ServeArgs),
    /// Do the submissions of a service, on its machine or another
    ///
    /// The service and its workers share a NATS server (`--queue`), a bundle, and a secret, which the variable
    /// CAPSULE_SERVE_WORKER_TOKEN or the file of settings brings. SIGTERM ends the worker when all that runs is done.
    Worker(WorkerArgs),
    /// Print the script that completes commands and options in a shell: source <(capsule completions bash)
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print a manual page: capsule man run | man -l -
    Man {
        /// The command; a subcommand is written as `pack-list` [default: capsule itself]
        command: Option<String>,
        /// Write all pages to this directory
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        output: Option<PathBuf>,
    },
    /// Compile system-call policies of your own
    #[command(subcommand)]
    Seccomp(SeccompCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum PackCommand {
    /// List the packs that come with capsule
    List,
    /// Print a pack: a file to start your own from
    Show {
        /// Its name, or a file of your own
        name: String,
    },
    /// Report what this machine lacks for packs, and the command that installs it; exit 1 if anything is missing
    Check {
        /// Their names, or files of your own [default: all]
        names: Vec<String>,
    },
    /// Bring what the toolchain of a pack names, from PyPI, npm, a URL or a file, as its lock file says
    ///
    /// Without a lock file, it takes the newest versions that the pack allows, and writes their digests to one. With a lock
    /// file, it takes exactly these files: from its cache, or again from where they came. They are in a directory next to
    /// the pack then, where `capsule build` compares them with the lock file.
    Fetch {
        /// The pack's file
        name: String,
        /// Make the lock file again, of the newest versions that the pack allows
        #[arg(long)]
        update: bool,
    },
    /// Run a pack's tests in its image and on this machine, and list the files that are missing or never used
    Trace {
        /// Its name, or a file of your own
        name: String,
        /// More programs to run: all files in this directory with the language's extension
        #[arg(long, value_name = "DIR")]
        tests: Vec<PathBuf>,
        /// List every file that is never opened, instead of only its directory
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ProblemCommand {
    /// Print what was understood of a problem
    Show(ProblemArgs),
    /// Report what of a problem has no effect or is not supported; exit 1 if anything is not supported
    Check(ProblemArgs),
}

#[derive(Debug, Args)]
pub(super) struct ProblemArgs {
    /// The problem: a directory or a zip archive
    pub(super) problem: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum SeccompCommand {
    /// Compile a readable policy to the file that `--seccomp FILE` takes
    Compile {
        /// The policy; init/policy/default.policy in capsule's source is one, and explains the language
        policy: PathBuf,
        /// The processor that it is for
        #[arg(long, value_parser = one_of(&policy::arch::ALL, |arch: &Arch| arch.name), default_value = "x86-64")]
        arch: &'static Arch,
        /// Where to write it [default: next to the policy, with the extension `bpf`]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The bundle
    pub(super) bundle: PathBuf,
    /// Compare the bundle's tree with its manifest first, and start nothing if it has changed
    #[arg(long)]
    pub(super) verify: bool,
    #[command(flatten)]
    pub(super) options: InitOptions,
}

#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// The bundle
    pub(super) bundle: PathBuf,
    /// The submission's files, or directories of them
    #[arg(required = true, value_name = "SOURCE")]
    pub(super) sources: Vec<PathBuf>,
    /// The language [default: the one whose files have the source's extension]
    #[arg(long, value_name = "LANGUAGE")]
    pub(super) lang: Option<String>,
    /// The file where the submission starts [default: the first, or the one called as the language has it]
    #[arg(long, value_name = "FILE")]
    pub(super) entry: Option<PathBuf>,
    /// Compare the bundle's tree with its manifest first, and start nothing if it has changed
    #[arg(long)]
    pub(super) verify: bool,
    #[command(flatten)]
    pub(super) options: StepOptions,
}

/// What `capsule bench` measures, by the words in [`measurement`].
const MEASUREMENTS: [bench::What; 9] = [
    bench::What::Run,
    bench::What::Floor,
    bench::What::Curve,
    bench::What::Guards,
    bench::What::Report,
    bench::What::Limits,
    bench::What::Streams,
    bench::What::Packs,
    bench::What::Warm,
];

fn measurement(what: bench::What) -> &'static str {
    match what {
        bench::What::Run => "run",
        bench::What::Floor => "floor",
        bench::What::Curve => "curve",
        bench::What::Guards => "guards",
        bench::What::Report => "report",
        bench::What::Limits => "limits",
        bench::What::Streams => "streams",
        bench::What::Packs => "packs",
        bench::What::Warm => "warm",
    }
}
