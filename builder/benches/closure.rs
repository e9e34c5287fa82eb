//! How long a closure takes, beside the tools that people use for it: `just bench builder` prints the table.
//!
//! Every tool is started as a process, so start-up counts for all of them alike. Rounds are interleaved and the
//! fastest of each is shown: the machine may be busy, and then it is busy for all. Absent tools are named as absent.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use builder::audit::dynamic_files;
use builder::loader::objects::Objects;
use builder::resolve::{Options, Root, resolve};
use builder::sysroot::Sysroot;

/// Ordinary programs; those that a machine lacks are left out.
const ORDINARY: [&str; 24] = [
    "/bin/bash",
    "/bin/ls",
    "/bin/cat",
    "/bin/cp",
    "/usr/bin/git",
    "/usr/bin/perl",
    "/usr/bin/python3",
    "/usr/bin/vim",
    "/usr/bin/ssh",
    "/usr/bin/gcc",
    "/usr/bin/g++",
    "/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
    "/usr/bin/ld",
    "/usr/bin/as",
    "/usr/bin/curl",
    "/bin/ps",
    "/bin/ip",
    "/usr/bin/tar",
    "/usr/bin/find",
    "/usr/bin/gawk",
    "/usr/bin/sed",
    "/usr/bin/make",
    "/usr/bin/openssl",
    "/usr/bin/gdb",
];
const MACHINE: [&str; 4] = ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"];
const ROUNDS: usize = 5;

struct Tool {
    name: &'static str,
    /// Empty for this very program.
    program: &'static str,
    takes_all: bool,
}

const TOOLS: [Tool; 4] = [
    Tool { name: "capsule, one call", program: "", takes_all: true },
    Tool { name: "libtree, one call", program: "libtree", takes_all: true },
    Tool { name: "ldd in a loop", program: "ldd", takes_all: false },
    Tool { name: "lddtree in a loop (pax-utils)", program: "lddtree", takes_all: false },
];

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> =
        std::env::args_os().skip(1).filter(|a| a != "--bench").map(Into::into).collect();
    if !arguments.is_empty() {
        return closure(&arguments);
    }
    let ordinary: Vec<PathBuf> = ORDINARY.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
    table("ordinary programs", &ordinary, ROUNDS, &TOOLS);
    // lddtree would need an hour for all of them.
    table("dynamic ELF files of this machine", &machine(), 1, &TOOLS[..3]);
    ExitCode::SUCCESS
}

/// What the measured process of ours does.
fn closure(paths: &[PathBuf]) -> ExitCode {
    let roots: Vec<Root> = paths.iter().cloned().map(Root::Path).collect();
    match resolve(&Options::default(), &roots) {
        Ok(closure) => {
            println!("{} members", closure.members.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
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

fn table(title: &str, files: &[PathBuf], rounds: usize, tools: &[Tool]) {
    println!("{} {title}", files.len());
    let mut fastest: Vec<Option<Duration>> = vec![None; tools.len()];
    for _ in 0..rounds {
        for (best, tool) in fastest.iter_mut().zip(tools) {
            let calls: Vec<&[PathBuf]> = if tool.takes_all { vec![files] } else { files.chunks(1).collect() };
            *best = [*best, measure(tool, &calls)].into_iter().flatten().min();
        }
    }
    let own = fastest[0].unwrap_or_default().as_secs_f64();
    for (time, Tool { name, .. }) in fastest.iter().zip(tools) {
        match time.map(|time| time.as_secs_f64()) {
            Some(time) => println!("  {name:<32}{time:>10.4} s{:>9.1} x", time / own),
            None => println!("  {name:<32}    absent"),
        }
    }
}

/// `None` when the tool is not installed.
fn measure(tool: &Tool, calls: &[&[PathBuf]]) -> Option<Duration> {
    let ours = std::env::current_exe().ok()?;
    let program = if tool.program.is_empty() { ours } else { tool.program.into() };
    let start = Instant::now();
    for files in calls {
        Command::new(&program).args(*files).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    }
    Some(start.elapsed())
}
