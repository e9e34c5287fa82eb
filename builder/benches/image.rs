//! `capsule build` of about 300 MB compared with `cp -a` of the same files: `just bench image`, and `just bench image busy`
//! with every CPU kept busy.
//!
//! A bundle is on the disk when the command ends. `cp -a` leaves that to the kernel, so it is measured with and without a
//! flush.

mod rounds;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rounds::{Neighbours, Ratio, median, order};

/// Directories of a Debian machine with large and small files. Those that exist are taken in this order until the image
/// is large enough.
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
const ROUNDS: usize = 8;
/// `capsule build` may take this many times what a flushed `cp -a` takes, also when every CPU is busy.
const LIMIT: f64 = 1.1;

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
    let _neighbours = Neighbours::as_asked();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); contenders.len()];
    for round in 0..ROUNDS {
        for at in order(round, contenders.len()) {
            shell(place, "rm -rf bundle copy sums && sync -f .");
            let start = Instant::now();
            contenders[at].1();
            times[at].push(start.elapsed());
        }
    }
    let ratio = |of: &[Duration]| Ratio::of(of, &times[FLUSHED_COPY]).expect("rounds");
    for ((name, _), times) in contenders.iter().zip(&times) {
        println!("{name:18} {:6.0} ms {}", median(times).as_secs_f64() * 1e3, ratio(times));
    }
    let ratio = ratio(&times[0]);
    println!("capsule build, as a multiple of a flushed cp -a: {ratio}; the limit is {LIMIT}");
    if ratio.median <= LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The contender that the others are compared with.
const FLUSHED_COPY: usize = 1;

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
        size = bundle::manifest::Manifest::load(&place.join("warm"))
            .expect("a manifest")
            .entries
            .iter()
            .map(|entry| entry.size())
            .sum();
    }
    println!("{} in {} sources", bundle::human_bytes(size), arguments.len() - 2);
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
