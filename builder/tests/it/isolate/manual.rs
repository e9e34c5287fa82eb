//! isolate's manual, option by option: each option that `--help` lists has a call here, or a test that is about it.

use std::process::Command;

use super::{Host, Ran};
use crate::scene::{Said, needs_root};

/// An option, the options of a run, a shell's line, and what is then true.
type Row = (&'static str, &'static str, &'static str, fn(&Ran) -> bool);

/// In order: a row may see what an earlier one left in the box. Box 1 is one with a control group.
const ROWS: [Row; 30] = [
    ("box-id", "--box-id=0", "echo $PWD", |ran| ran.stdout == "/box\n"),
    ("meta", "", "exit 3", |ran| ran.key("exitcode") == "3"),
    ("time", "--time=0.2", "while :; do :; done", |ran| ran.key("message") == "Time limit exceeded"),
    ("wall-time", "--wall-time=0.2", "exec sleep 600", |ran| {
        ran.key("message") == "Time limit exceeded (wall clock)"
    }),
    ("extra-time", "--time=0.2 --extra-time=0.2", "while :; do :; done", |ran| {
        ran.key("time").parse().is_ok_and(|seconds: f64| seconds >= 0.4)
    }),
    ("mem", "--mem=65536", "ulimit -v", |ran| ran.stdout == "65536\n"),
    ("stack", "--stack=4096", "ulimit -s", |ran| ran.stdout == "4096\n"),
    ("fsize", "--fsize=8", "ulimit -f", |ran| ran.stdout == "8\n"),
    ("open-files", "--open-files=20", "ulimit -n", |ran| ran.stdout == "20\n"),
    ("processes", "--processes=2", "(exit 3); echo $?", |ran| ran.stdout == "3\n"),
    ("cg", "-b 1 --cg", "echo", |ran| !ran.key("cg-mem").is_empty()),
    ("cg-mem", "-b 1 --cg --cg-mem=16384", "x=aaaaaaaa; while :; do x=$x$x; done", |ran| {
        (ran.key("status"), ran.key("cg-oom-killed")) == ("SG", "1")
    }),
    ("cg-timing", "-b 1 --cg --cg-timing", "echo x", |ran| ran.stdout == "x\n"),
    ("no-cg-timing", "-b 1 --cg --no-cg-timing", "echo x", |ran| ran.stdout == "x\n"),
    ("core", "--core=1024", "ulimit -c", |ran| ran.stdout == "0\n"),
    ("stdout", "--stdout=file", "echo x", |ran| ran.stdout.is_empty() && ran.code == 0),
    ("stdin", "--stdin=file", "read -r line; echo $line", |ran| ran.stdout == "x\n"),
    ("stderr", "--stderr=file", "echo y >&2", |ran| ran.stderr.starts_with("OK (")),
    ("stderr-to-stdout", "--stderr-to-stdout", "echo x >&2", |ran| ran.stdout == "x\n"),
    ("chdir", "--chdir=/tmp", "echo $PWD", |ran| ran.stdout == "/tmp\n"),
    ("dir", "--dir=/etc", "[ -e /etc/hosts ] && echo there", |ran| ran.stdout == "there\n"),
    // isolate enters /box before the directory of --chdir, too.
    ("no-default-dirs", "-D --dir=bin --dir=lib --dir=lib64:maybe --dir=usr", "echo", |ran| {
        (ran.code, ran.key("status")) == (2, "XX")
    }),
    (
        "no-default-dirs",
        "--no-default-dirs --dir=box=./box --dir=bin --dir=lib --dir=lib64:maybe --dir=usr",
        ": > file && echo writable || echo there",
        |ran| ran.stdout == "there\n",
    ),
    ("env", "--env=A=1", "echo $A", |ran| ran.stdout == "1\n"),
    ("full-env", "--full-env", "echo ${CAPSULE_ISOLATE_CONFIG:+set}", |ran| ran.stdout == "set\n"),
    ("special-files", "--special-files --processes", "mkfifo pipe", |ran| ran.code == 0),
    ("special-files", "", "[ -p pipe ] && echo kept", |ran| ran.stdout == "kept\n"),
    ("special-files", "", "[ -p pipe ] || echo gone", |ran| ran.stdout == "gone\n"),
    ("silent", "--silent", "exit 3", |ran| ran.stderr.is_empty()),
    ("verbose", "--verbose", "exit 0", |ran| ran.code == 0 && ran.stderr.contains("init")),
];

const BOXES: &str = include_str!("boxes.rs");
const USERS: &str = include_str!("users.rs");

/// What other tests are about, and where.
const ELSEWHERE: [(&str, &str); 15] = [
    ("quota", BOXES),
    ("share-net", BOXES),
    ("inherit-fds", include_str!("streams.rs")),
    ("tty-hack", include_str!("manual.rs")),
    ("wait", BOXES),
    ("as-uid", USERS),
    ("as-gid", USERS),
    ("init", BOXES),
    ("run", BOXES),
    ("cleanup", BOXES),
    ("print-cg-root", BOXES),
    ("check-config", BOXES),
    ("version", BOXES),
    ("help", BOXES),
    ("helper", USERS),
];

#[test]
fn each_option_does_what_the_manual_says() {
    needs_root!();
    let host = Host::new();
    host.init("");
    host.init("-b 1 --cg");
    for (option, options, line, holds) in ROWS {
        let ran = host.shell(options, line);
        assert!(holds(&ran), "--{option}: {options}: {line}: {ran:?}");
    }
}

#[test]
fn each_option_is_tried() {
    let help = Said::of(Command::new(env!("CARGO_BIN_EXE_capsule")).args(["isolate", "--help"])).stdout;
    let name = |word: &str| word.trim_end_matches(',').split(['=', '[']).next().map(str::to_owned);
    let options = help.split_whitespace().filter_map(|word| name(word.strip_prefix("--")?));
    let options: Vec<String> = options.filter(|option| !option.is_empty()).collect();
    assert!(options.len() > 35, "{help}");
    for option in options {
        let is_here = ROWS.iter().any(|row| row.0 == option);
        let elsewhere = ELSEWHERE.iter().find(|(known, _)| *known == option);
        let is_named = |tests: &str| tests.contains(&format!("--{option}"));
        assert!(is_here || elsewhere.is_some_and(|(_, tests)| is_named(tests)), "--{option} is not tried");
    }
}

#[test]
fn the_hosts_network_is_shared_where_the_operator_allows_it() {
    needs_root!();
    let host = Host::with("share_net = true");
    host.init("");
    let own = std::fs::read_link("/proc/self/ns/net").expect("there").display().to_string();
    let sees = |options: &str| host.shell(options, "exec ls -l /proc/self/ns/net").stdout;
    assert!(sees("--share-net").contains(&own));
    let apart = sees("");
    assert!(apart.contains("net:[") && !apart.contains(&own), "{apart}");
}

/// `script` is the terminal. The user is one above 2^31 - 1, as by default, which not every devpts takes as its option.
#[test]
fn a_program_has_a_terminal_where_stdout_is_one() {
    needs_root!();
    let host = Host::new();
    host.init("");
    let on_a_terminal = |option: &str| {
        let config = host.scene.path("isolate.toml");
        let line = format!(
            "CAPSULE_ISOLATE_CONFIG={} {} isolate {option} --run -- /bin/bash -c '[ -t 1 ] && : < /dev/tty && echo has one'",
            config.display(),
            env!("CARGO_BIN_EXE_capsule")
        );
        Said::of(Command::new("script").args(["-qefc", &line, "/dev/null"]))
    };
    let said = on_a_terminal("--tty-hack");
    assert!(said.stdout.contains("has one"), "{said:?}");
    let said = on_a_terminal("");
    assert!(!said.stdout.contains("has one"), "{said:?}");
}
