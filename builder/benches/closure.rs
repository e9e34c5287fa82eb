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

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> =
        std::env::args_os().skip(1).filter(|a| a != "--bench").map(Into::into).collect();
    if !arguments.is_empty() {
        return closure(&arguments);
    }
    let ordinary: Vec<PathBuf> = ORDINARY.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
    table("ordinary programs", &ordinary, ROUNDS);
    table("dynamic ELF files of this machine", &machine(), 1);
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

fn table(title: &str, files: &[PathBuf], rounds: usize) {
    println!("{} {title}", files.len());
    let ours = std::env::current_exe().unwrap_or_default();
    let tools: [(&str, PathBuf, bool); 4] = [
        ("capsule, one call", ours, true),
        ("libtree, one call", "libtree".into(), true),
        ("ldd in a loop", "ldd".into(), false),
        ("lddtree in a loop (pax-utils)", "lddtree".into(), false),
    ];
    let mut fastest: [Option<Duration>; 4] = [None; 4];
    for _ in 0..rounds {
        for (best, (_, tool, takes_all)) in fastest.iter_mut().zip(&tools) {
            let calls: Vec<&[PathBuf]> = if *takes_all { vec![files] } else { files.chunks(1).collect() };
            let time = measure(tool, &calls);
            *best = [*best, time].into_iter().flatten().min();
        }
    }
    let own = fastest[0].unwrap_or_default().as_secs_f64();
    for (time, (name, ..)) in fastest.iter().zip(&tools) {
        match time {
            Some(time) => {
                println!("  {name:<32}{:>10.4} s{:>9.1} x", time.as_secs_f64(), time.as_secs_f64() / own)
            }
            None => println!("  {name:<32}    absent"),
        }
    }
}

/// `None` when the tool is not installed.
fn measure(tool: &PathBuf, calls: &[&[PathBuf]]) -> Option<Duration> {
    let start = Instant::now();
    for files in calls {
        Command::new(tool).args(*files).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    }
    Some(start.elapsed())
}
