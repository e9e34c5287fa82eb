//! `capsule exec` and what a submission leaves in its box for a supervisor that reads, writes or changes files there by
//! name: links, pipes, devices, names that move, more than can be copied. The compile step plants it. Afterwards there
//! is always an answer, and the host is unchanged.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::scene::{Said, Scene, needs_root};

/// The submission is a shell script that is "compiled" by running it, and "run" by printing what it made.
const PACK: &str = r#"
packs = ["hello"]
binaries = ["sh", "cat", "head", "ln", "rm", "mkdir", "mkfifo", "mknod", "truncate", "chmod", "PLANT"]
[language]
source = "main.planted"
output = "made"
[compile]
argv = ["sh", "{source}"]
limits = { cpu-time = "30s", wall-time = "300s", memory = "64M", tmp = "8M", output = "8M" }
[run]
argv = ["cat", "{output}"]
limits = { cpu-time = "20s", wall-time = "300s", output = "1M" }
"#;

/// Does what no program of the shell does.
const PLANT: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <unistd.h>
int main(int count, char **words) {
    if (!strcmp(words[1], "socket")) {
        struct sockaddr_un at = {AF_UNIX, "made"};
        return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at);
    }
    if (!strcmp(words[1], "exchange"))
        for (;;) renameat2(AT_FDCWD, "made", AT_FDCWD, "other", RENAME_EXCHANGE);
    if (!strcmp(words[1], "deep"))
        for (int level = 0; level < 1000; level++)
            if (mkdir("a-directory-of-many", 0777) || chdir("a-directory-of-many")) return 1;
    if (!strcmp(words[1], "names")) {
        char name[256] = {0};
        for (int byte = 1; byte < 256; byte++) {
            memset(name, byte, 255);
            if (byte != '/' && close(open(name, O_CREAT | O_WRONLY, 0644))) return 1;
        }
    }
    return 0;
}
"#;

/// An entry of the catalogue of attacks, what the compile step does (`SECRET` is a file of the host), how often, and the
/// statuses that are correct.
type Planted = (&'static str, &'static str, u32, &'static [&'static str]);

const PLANTED: &[Planted] = &[
    ("FS-15: a link to the host's file", "ln -s SECRET made", 1, &["nonzero-exit"]),
    ("FS-15: a link up and out", "ln -s ../../../../../../../..SECRET made", 1, &["nonzero-exit"]),
    ("FS-15: a link through /proc", "ln -s /proc/1/root/SECRET made", 1, &["nonzero-exit"]),
    ("FS-15: a link to what never ends", "ln -s /dev/zero made", 1, &["output-limit"]),
    (
        "FS-16: links in the place of every file that has a name",
        "rm main.planted; for f in main.planted made report.json stdout stderr meta; do ln -s SECRET $f; done",
        1,
        &["nonzero-exit"],
    ),
    (
        "FS-17: links for a recursive chown or chmod",
        "mkdir d; ln -s SECRET d/a; ln -s SECRET b; chmod 0 d; echo x > made",
        1,
        &["ok"],
    ),
    (
        "FS-18: two names exchanged all the time",
        "echo x > made; ln -s SECRET other; plant exchange & plant exchange & :",
        25,
        &["ok", "nonzero-exit"],
    ),
    (
        "FS-18: exchanged for a directory",
        "echo x > made; mkdir other; plant exchange & :",
        10,
        &["ok", "nonzero-exit"],
    ),
    ("FS-19: a pipe", "mkfifo made", 1, &["wall-time-limit"]),
    ("FS-19: a socket", "plant socket", 1, &["nonzero-exit"]),
    ("FS-19: a device", "mknod made c 1 5", 1, &["compile-error"]),
    ("FS-19: a directory", "mkdir made", 1, &["nonzero-exit"]),
    ("FS-19: nothing", ":", 1, &["nonzero-exit"]),
    ("FS-20: a hard link to a file of the image", "ln /etc/passwd made", 1, &["compile-error"]),
    // Whether it may is a setting of the machine (fs.protected_hardlinks).
    ("FS-20: a hard link to the submission", "ln main.planted made", 1, &["ok", "compile-error"]),
    ("FS-21: a sparse petabyte", "truncate -s 1P made", 1, &["compile-error"]),
    ("FS-21: sparse, as large as allowed", "truncate -s 8M made", 1, &["output-limit"]),
    (
        "FS-21: many links to a large file",
        "head -c 4M /dev/zero > made; i=0; while [ $i -lt 200 ]; do ln made l$i; i=$((i + 1)); done",
        1,
        &["output-limit"],
    ),
    ("FS-21: a thousand directories deep", "plant deep && echo x > made", 1, &["ok"]),
    ("FS-21: names of every byte, as long as can be", "plant names && echo * && echo x > made", 1, &["ok"]),
];

#[test]
fn the_host_is_unchanged_whatever_is_planted_in_the_box() {
    needs_root!();
    let host = Host::new();
    for &(name, script, times, right) in PLANTED {
        for _ in 0..times {
            let options = if right == ["wall-time-limit"] { "--wall-time 500ms" } else { "" };
            let (report, said) = host.exec(script, options);
            let status = report["status"].as_str().expect("a status");
            assert!(right.contains(&status), "{name}: {report}");
            assert!(
                !format!("{}{}{report}", said.stdout, said.stderr).contains("S3CRET"),
                "{name}: {report}"
            );
            host.is_as_it_was(name);
        }
    }
}

/// A bundle, and a file of the host that no submission may read or change.
struct Host {
    scene: Scene,
    secret: PathBuf,
}

impl Host {
    fn new() -> Host {
        let scene = Scene::new();
        fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
        let plant = scene.path("plant");
        let mut gcc = Command::new("gcc");
        gcc.args(["-static", "-x", "c", "-", "-o"]).arg(&plant).stdin(Stdio::piped());
        let mut gcc = gcc.spawn().expect("gcc");
        gcc.stdin.take().expect("a pipe").write_all(PLANT.as_bytes()).expect("written");
        assert!(gcc.wait().expect("waited for").success());
        scene.file("planted.toml", PACK.replace("PLANT", &plant.to_string_lossy()));
        scene.succeeds(&format!(
            "build --pack ./planted.toml -o B --format dir --allow unowned={}",
            plant.display()
        ));
        let secret = scene.file("secret", "S3CRET");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("set");
        Host { scene, secret }
    }

    fn exec(&self, script: &str, options: &str) -> (Value, Said) {
        let plant = self.scene.path("plant");
        let script = script
            .replace("SECRET", &self.secret.to_string_lossy())
            .replace("plant ", &format!("{} ", plant.display()));
        self.scene.file("a.planted", script);
        let said = self.scene.capsule(&format!("exec B a.planted --report report.json {options}"));
        let text = fs::read_to_string(self.scene.path("report.json")).expect("a report");
        (serde_json::from_str(&text).unwrap_or_else(|cause| panic!("{cause}: {text}")), said)
    }

    fn is_as_it_was(&self, name: &str) {
        let facts = fs::symlink_metadata(&self.secret).expect("still there");
        let owner = (facts.uid(), facts.gid(), facts.mode() & 0o7777, facts.nlink());
        assert_eq!(owner, (0, 0, 0o600, 1), "{name}");
        assert_eq!(fs::read_to_string(&self.secret).expect("readable"), "S3CRET", "{name}");
        let inside = fs::read_dir(self.scene.path("B/box")).expect("listed").count();
        assert_eq!(inside, 0, "{name}: something is left in the box");
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("readable");
        let place = Path::new("B/box");
        assert!(!mounts.contains(&*place.to_string_lossy()), "{name}: {mounts}");
    }
}
