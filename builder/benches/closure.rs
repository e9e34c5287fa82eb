//! How long a closure takes, beside the tools that people use for it: `just bench builder` prints the tables.
//!
//! Every tool is started as a process, so start-up counts for all of them alike. Rounds are interleaved and the
//! fastest of each is shown: the machine may be busy, and then it is busy for all. Absent tools are named as absent.
//! Fails where `capsule closure` is not as much faster than a tool as it should be.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use builder::loader::objects::Objects;
use builder::loader::walk::dynamic_files;
use builder::resolve::{Options, Root, resolve};
use builder::sysroot::Sysroot;

/// Ordinary programs; those that a machine lacks are left out.
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
    /// What it takes at least, as a multiple of what we take.
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
    let ordinary: Vec<PathBuf> = ORDINARY.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
    // For a handful of files, libtree's start is all that counts: no limit there.
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

/// Every dynamic ELF file whose libraries are all there: the tools differ in what they do about the others.
fn machine() -> Vec<PathBuf> {
    let Ok(sysroot) = Sysroot::new("/".as_ref()) else { return Vec::new() };
    let objects = Objects::new(&sysroot);
    let directories = MACHINE.map(PathBuf::from);
    let files = dynamic_files(&objects, &directories).into_iter().map(|place| place.path.clone());
    files.filter(|path| resolve(&Options::default(), &[Root::Path(path.clone())]).is_ok()).collect()
}

/// Measures and prints; whether every tool takes as long as it should.
fn table(title: &str, files: &[PathBuf], tools: &[Tool]) -> bool {
    println!("{} {title}", files.len());
    let mut fastest: Vec<Option<Duration>> = vec![None; tools.len()];
    let rounds = tools.iter().map(|tool| tool.rounds).max().unwrap_or_default();
    for round in 0..rounds {
        for (best, tool) in fastest.iter_mut().zip(tools).filter(|(_, tool)| round < tool.rounds) {
            *best = [*best, measure(tool, files)].into_iter().flatten().min();
        }
    }
    let own = fastest[0].map_or(f64::NAN, |time| time.as_secs_f64());
    let lines: Vec<bool> = fastest.iter().zip(tools).map(|(time, tool)| line(tool, *time, own)).collect();
    lines.into_iter().all(|holds| holds)
}

fn line(tool: &Tool, time: Option<Duration>, own: f64) -> bool {
    let Tool { name, at_least, .. } = tool;
    let Some(time) = time.map(|time| time.as_secs_f64()) else {
        println!("  {name:<32}    absent");
        return true;
    };
    let holds = time / own >= *at_least;
    let verdict = if holds { String::new() } else { format!("   should be at least {at_least}") };
    println!("  {name:<32}{time:>10.4} s{:>9.1} x{verdict}", time / own);
    holds
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
