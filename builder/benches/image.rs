//! `capsule build` of about 300 MB beside `cp -a` of the same files: `cargo bench -p builder --bench image`.
//!
//! Rounds are interleaved, so that a noisy machine is noisy for everybody, and medians are compared. A bundle
//! is on the disk when the command ends; `cp -a` alone leaves that to the kernel, so it is shown both ways.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Directories of a Debian machine with ordinary large and small files; those that are there are taken in
/// order until the image is large enough.
const SOURCES: [&str; 10] = [
    "/usr/lib/gcc",
    "/usr/lib/go-1.19/pkg/tool",
    "/usr/share/perl",
    "/usr/lib/x86_64-linux-gnu/perl",
    "/usr/lib/git-core",
    "/usr/share/vim",
    "/usr/lib/python3",
    "/usr/lib/python3.11",
    "/usr/share/i18n",
    "/usr/share/locale",
];
const WANTED: u64 = 300_000_000;
const ROUNDS: usize = 7;
/// `capsule build` may take this many times what a flushed `cp -a` takes.
const LIMIT: f64 = 1.3;

fn main() -> ExitCode {
    if !rustix::process::geteuid().is_root() {
        eprintln!("error: this bench needs root, as `capsule build` does");
        return ExitCode::FAILURE;
    }
    let place = tempfile::tempdir_in("/var/tmp").expect("a directory");
    let place = place.path();
    let arguments = arguments(place);
    type Contender<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let contenders: [Contender<'_>; 4] = [
        ("capsule build", Box::new(|| build(place, &arguments, "bundle"))),
        ("cp -a, flushed", Box::new(|| shell(place, "cp -a warm/rootfs copy && sync -f copy"))),
        ("cp -a", Box::new(|| shell(place, "cp -a warm/rootfs copy"))),
        (
            "cp -a, sha256sum",
            Box::new(|| {
                shell(place, "cp -a warm/rootfs copy && find copy -type f -exec sha256sum {} + >sums")
            }),
        ),
    ];
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for ((_, run), times) in contenders.iter().zip(&mut times) {
            shell(place, "rm -rf bundle copy sums && sync -f .");
            let start = Instant::now();
            run();
            times.push(start.elapsed());
        }
    }
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    for ((name, _), time) in contenders.iter().zip(&medians) {
        println!(
            "{name:18} {:6.0} ms  {:5.2} x",
            time.as_secs_f64() * 1e3,
            time.as_secs_f64() / medians[1].as_secs_f64()
        );
    }
    let ratio = medians[0].as_secs_f64() / medians[1].as_secs_f64();
    println!("capsule build takes {ratio:.2} times a flushed cp -a; the limit is {LIMIT}");
    if ratio <= LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The build's arguments; leaves a first bundle at `warm`, with everything in the page cache.
fn arguments(place: &Path) -> Vec<String> {
    let mut arguments = vec!["--format=dir".to_owned(), "--allow=unowned=/**".to_owned()];
    let mut size = 0;
    for source in SOURCES.into_iter().filter(|source| Path::new(source).is_dir()) {
        if size >= WANTED {
            break;
        }
        arguments.push(format!("--include={source}"));
        shell(place, "rm -rf warm");
        build(place, &arguments, "warm");
        size = builder::manifest::Manifest::load(&place.join("warm"))
            .expect("a manifest")
            .entries
            .iter()
            .map(|entry| entry.size())
            .sum();
    }
    println!("{} in {} sources", builder::quantity::bytes_for_people(size), arguments.len() - 2);
    arguments
}

fn build(place: &Path, arguments: &[String], name: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsule"));
    let status = command
        .arg("build")
        .args(arguments)
        .args(["-o", name])
        .current_dir(place)
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("it starts").success(), "capsule build failed");
}

fn shell(place: &Path, script: &str) {
    let status = Command::new("sh").args(["-euc", script]).current_dir(place).status();
    assert!(status.expect("sh starts").success(), "{script}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
