//! How long a closure takes, compared with other tools: `just bench builder` prints the tables, `just bench builder busy`
//! those of a machine whose every CPU is kept busy.
//!
//! Every tool is started as a process, so start-up counts for all alike. A tool that is not installed is listed as absent.
//! Next to the time that passed stands the CPU time of all processes of a tool, which says more on a machine that others
//! use, too. Fails if `capsule closure` is not faster than a tool by the factor given for it, at the median of the rounds.

mod rounds;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use closure::loader::objects::Objects;
use closure::loader::walk::dynamic_files;
use closure::resolve::{ImageFacts, Options, Root, resolve};
use closure::sysroot::Sysroot;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use rounds::{Neighbours, Ratio, median, order};

/// Ordinary programs; those that are not installed are left out.
const ORDINARY: [&str; 20] = [
    "/bin/bash",
    "/bin/ls",
    "/bin/cp",
    "/usr/bin/find",
    "/usr/bin/tar",
    "/usr/bin/sed",
    "/usr/bin/git",
    "/usr/bin/perl",
    "/usr/bin/python3",
    "/usr/bin/vim",
    "/usr/bin/ssh",
    "/usr/bin/curl",
    "/usr/bin/openssl",
    "/usr/bin/make",
    "/usr/bin/gcc",
    "/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
    "/usr/bin/as",
    "/usr/bin/ld",
    "/usr/bin/gdb",
    "/bin/ip",
];
const MACHINE: [&str; 4] = ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"];

struct Tool {
    name: &'static str,
    /// The program and its first arguments.
    command: &'static [&'static str],
    takes_all: bool,
    rounds: usize,
    /// The least time it takes, as a multiple of capsule's.
    at_least: f64,
}

const CAPSULE: Tool = Tool {
    name: "capsule closure, one call",
    command: &[env!("CARGO_BIN_EXE_capsule"), "closure"],
    takes_all: true,
    rounds: 9,
    at_least: 1.0,
};
const LIBTREE: Tool =
    Tool { name: "libtree, one call", command: &["libtree"], takes_all: true, rounds: 9, at_least: 1.0 };
const LDD: Tool =
    Tool { name: "ldd in a loop", command: &["ldd"], takes_all: false, rounds: 3, at_least: 8.0 };
const LDDTREE: Tool = Tool {
    name: "lddtree in a loop (pax-utils)",
    command: &["lddtree"],
    takes_all: false,
    rounds: 1,
    at_least: 100.0,
};

fn main() -> ExitCode {
    let _neighbours = Neighbours::as_asked();
    let ordinary: Vec<PathBuf> = ORDINARY.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
    // With few files we would measure how fast libtree starts, so this case sets no limit.
    let few = [CAPSULE, Tool { at_least: 0.0, ..LIBTREE }, LDD, LDDTREE];
    // lddtree would need an hour for all of them.
    let all = [CAPSULE, LIBTREE, Tool { rounds: 1, at_least: 150.0, ..LDD }];
    let holds = table("ordinary programs", &ordinary, &few);
    if table("dynamic ELF files of this machine", &machine(), &all) && holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every dynamic ELF file whose libraries all exist: the tools treat the others differently.
fn machine() -> Vec<PathBuf> {
    let Ok(sysroot) = Sysroot::new("/".as_ref()) else { return Vec::new() };
    let objects = Objects::new(&sysroot);
    let directories = MACHINE.map(PathBuf::from);
    let files = dynamic_files(&objects, &directories).into_iter().map(|place| place.path.clone());
    let (options, image) = (Options::default(), ImageFacts::default());
    files.filter(|path| resolve(&options, &image, &[Root::Path(path.clone())]).is_ok()).collect()
}

/// Measures and prints; true if every tool takes at least as long as it should.
fn table(title: &str, files: &[PathBuf], tools: &[Tool]) -> bool {
    println!("{} {title}", files.len());
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); tools.len()];
    let mut cpu_times = times.clone();
    let rounds = tools.iter().map(|tool| tool.rounds).max().unwrap_or_default();
    for round in 0..rounds {
        for at in order(round, tools.len()).filter(|at| round < tools[*at].rounds) {
            let before = cpu_of_children();
            times[at].extend(measure(&tools[at], files));
            cpu_times[at].push(cpu_of_children() - before);
        }
    }
    let line = |at: usize| line(&tools[at], [&times[at], &times[0]], [&cpu_times[at], &cpu_times[0]]);
    let lines: Vec<bool> = (0..tools.len()).map(line).collect();
    lines.into_iter().all(|holds| holds)
}

/// `times` and `cpu_times` have the tool's own and those of capsule.
fn line(tool: &Tool, times: [&[Duration]; 2], cpu_times: [&[Duration]; 2]) -> bool {
    let Tool { name, at_least, .. } = tool;
    let ([times, own], [cpu_times, own_cpu]) = (times, cpu_times);
    let (Some(ratio), Some(cpu)) = (Ratio::of(times, own), Ratio::of(cpu_times, own_cpu)) else {
        println!("  {name:<32}    absent");
        return true;
    };
    let holds = ratio.median >= *at_least;
    let verdict = if holds { String::new() } else { format!("   should be at least {at_least}") };
    println!("  {name:<32}{:>10.4} s {ratio}   CPU {cpu}{verdict}", median(times).as_secs_f64());
    holds
}

/// CPU time of all children that have ended.
fn cpu_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage(2) of the children");
    let time =
        |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default());
    time(usage.user_time()) + time(usage.system_time())
}

/// `None` when the tool is not installed.
fn measure(tool: &Tool, files: &[PathBuf]) -> Option<Duration> {
    let calls: Vec<&[PathBuf]> = if tool.takes_all { vec![files] } else { files.chunks(1).collect() };
    let start = Instant::now();
    for files in calls {
        let mut command = Command::new(Path::new(tool.command[0]));
        command.args(&tool.command[1..]).args(files).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().ok()?;
    }
    Some(start.elapsed())
}
