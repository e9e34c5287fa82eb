//! The recipes of recipes/examples: each is built from this machine's packages and started in the sandbox.
//!
//! They need some 2 GB of Debian packages: `just test examples` installs them and runs these tests.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the recipe of numpy has its virtual environment.
const VENV: &str = "/var/tmp/capsule-example-venv";
/// Lines of a recipe, at most.
const MOST_LINES: usize = 10;

/// An example: options of the run, command, and a line of its output.
struct Example<'a> {
    name: &'static str,
    options: &'static str,
    command: &'a [&'a str],
    line: &'static str,
}

fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/examples").join(format!("{name}.toml"))
}

/// Builds the example in a directory of its own, starts it, and looks for its line.
fn show(example: &Example<'_>) {
    let Example { name, options, command, line } = example;
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let capsule = || {
        let mut capsule = Command::new(env!("CARGO_BIN_EXE_capsule"));
        capsule.current_dir(place.path());
        capsule
    };
    let built =
        capsule().args(["build", "-o", "B", "--format", "dir", "-r"]).arg(recipe(name)).output().unwrap();
    assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
    let options = options.split_whitespace();
    let run = capsule()
        .args(["run", "B", "--wall-time", "120s"])
        .args(options)
        .arg("--")
        .args(*command)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(output.lines().any(|found| found.contains(line)), "{name}: {output}{errors}");
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn nginx_serves_a_page() {
    let script =
        "/usr/sbin/nginx -c /etc/nginx/nginx.conf & until curl -s http://127.0.0.1:8080/; do sleep 0.1; done";
    show(&Example {
        name: "nginx",
        options: "",
        command: &["/bin/bash", "-c", script],
        line: "hello from nginx",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn redis_counts() {
    let script = "redis-server --save '' --dir /tmp >/dev/null & until redis-cli set k 41 2>/dev/null; do sleep 0.1; done; redis-cli incr k";
    show(&Example { name: "redis", options: "", command: &["/bin/bash", "-c", script], line: "42" });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn postgres_makes_a_database_and_answers_a_query() {
    let script = "cd /usr/lib/postgresql/15/bin && ./initdb -D /tmp/db -A trust --no-sync >/dev/null && \
        echo 'select 6*7 as answer' | ./postgres --single -D /tmp/db postgres";
    show(&Example {
        name: "postgres",
        options: "--open-files 256 --tmp 256M --memory 512M",
        command: &["/bin/bash", "-c", script],
        line: "answer = \"42\"",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn git_clones_over_ssh() {
    let script = "set -e; cd /tmp; git init -q -b main a; cd a; git config user.email a@b; git config user.name a; \
        echo cloned > f; git add f; git commit -qm one; cd ..; for key in user host; do ssh-keygen -q -t ed25519 -N '' -f $key; done; \
        /usr/sbin/sshd -D -e -f /dev/null -p 2222 -h /tmp/host -o PidFile=none -o StrictModes=no -o AuthorizedKeysFile=/tmp/user.pub & \
        export GIT_SSH_COMMAND='ssh -q -p 2222 -i /tmp/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'; \
        until git clone -q ssh://judge@127.0.0.1/tmp/a b 2>/dev/null; do sleep 0.1; done; cat b/f";
    show(&Example {
        name: "git-ssh",
        options: "--uid 60000 --env HOME=/home/judge",
        command: &["/bin/bash", "-c", script],
        line: "cloned",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn pdflatex_makes_a_pdf() {
    let script = "cd /tmp && echo '\\documentclass{article}\\begin{document}Hello\\end{document}' > a.tex && \
        pdflatex -interaction=batchmode a.tex >/dev/null || cat a.log; head -c 8 a.pdf";
    show(&Example {
        name: "pdflatex",
        options: "--tmp 128M",
        command: &["/bin/bash", "-c", script],
        line: "%PDF-1.",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn ffmpeg_decodes_a_picture() {
    show(&Example {
        name: "ffmpeg",
        options: "--memory 1G --pids 256",
        command: &[
            "/usr/bin/ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=d=1:s=64x64:r=5",
            "-f",
            "framemd5",
            "-",
        ],
        line: "0,          4,          4,        1,    12288, ",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn numpy_multiplies_in_a_virtual_environment() {
    if !Path::new(VENV).join("lib/python3.11/site-packages/numpy").exists() {
        let made =
            |program: &str, args: &[&str]| Command::new(program).args(args).status().unwrap().success();
        assert!(made("/usr/bin/python3", &["-m", "venv", VENV]));
        assert!(made(&format!("{VENV}/bin/pip"), &["install", "--quiet", "numpy"]));
    }
    let program = "import numpy, sys; print(sys.prefix, numpy.arange(7).sum() * 2)";
    show(&Example {
        name: "numpy-venv",
        options: "--memory 512M --pids 128",
        command: &["/opt/venv/bin/python", "-c", program],
        line: "/opt/venv 42",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn a_cross_compiler_makes_a_program_for_arm64() {
    let script = "cd /tmp; echo 'int main(void) { return 0; }' > a.c && aarch64-linux-gnu-gcc -O a.c -o a && \
        aarch64-linux-gnu-readelf -h a | grep Machine";
    show(&Example { name: "cross-gcc", options: "", command: &["/bin/bash", "-c", script], line: "AArch64" });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn perl_asks_a_database() {
    let program = "my $d = DBI->connect('dbi:SQLite:dbname=:memory:', '', '', { RaiseError => 1 }); print $d->selectrow_array('select 6*7'), \"\\n\"";
    show(&Example {
        name: "perl-dbi",
        options: "",
        command: &["/usr/bin/perl", "-MDBI", "-e", program],
        line: "42",
    });
}

#[test]
#[ignore = "needs some 2 GB of Debian packages: just test examples"]
fn no_recipe_is_longer_than_ten_lines() {
    let directory = recipe("x").parent().unwrap().to_owned();
    let recipes: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(recipes.len(), 9);
    for path in recipes {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{}: {lines} lines", path.display());
    }
}
