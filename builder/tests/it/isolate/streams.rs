//! Standard streams: the caller's own, and files that are opened inside.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::Host;
use crate::scene::{Said, needs_root};

#[test]
fn files_are_opened_inside_by_the_user_of_the_box() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    fs::write(directory.join("box/in"), "text\n").expect("written");
    let ran = host.shell(
        "-i in -o /box/out -r ./err",
        "cat() { while read -r line; do echo \"$line\"; done; }; cat; echo e >&2",
    );
    assert_eq!((ran.verdict(), ran.stdout.as_str()), (("", "", 0), ""), "{ran:?}");
    let read = |name: &str| fs::read_to_string(directory.join("box").join(name)).expect(name);
    assert_eq!((read("out").as_str(), read("err").as_str()), ("text\n", "e\n"));
    assert_eq!(fs::metadata(directory.join("box/out")).expect("there").mode() & 0o777, 0o644);
    // stdin is a file of the program's, in which it can seek.
    assert_eq!(
        host.shell("-i in", "read -r a; echo $a; [[ -f /dev/stdin ]] && echo file").stdout,
        "text\nfile\n"
    );
    for (options, what) in [
        ("-i absent", "open(\"absent\"): No such file or directory"),
        ("-o /etc/x/y", "open(\"/etc/x/y\"): No such file or directory"),
        ("-r /usr/x", "open(\"/usr/x\"): Read-only file system"),
        ("-c /nowhere", "chdir(\"/nowhere\"): No such file or directory"),
    ] {
        let ran = host.shell(options, ":");
        assert_eq!((ran.verdict(), ran.stderr.trim_end()), (("XX", what, 2), what), "{options}");
    }
}

#[test]
fn a_link_that_a_program_leaves_leads_nowhere_outside() {
    needs_root!();
    let host = Host::with("directories = []");
    let directory = host.init("");
    let secret = host.scene.file("secret", "secret\n");
    for name in ["out", "in"] {
        symlink(&secret, directory.join("box").join(name)).expect("linked");
    }
    let ran = host.shell("-i in", ":");
    assert_eq!(ran.verdict(), ("XX", "open(\"in\"): No such file or directory", 2));
    fs::remove_file(directory.join("box/in")).expect("there");
    let ran = host.shell("-o out", "echo changed");
    assert_eq!(ran.verdict(), ("XX", "open(\"out\"): No such file or directory", 2));
    assert_eq!(fs::read_to_string(&secret).expect("there"), "secret\n");
}

#[test]
fn stderr_to_stdout_is_one_stream_in_the_programs_order() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    let (script, order) =
        ("for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done", "o1\ne1\no2\ne2\no3\ne3\no4\ne4\no5\ne5\n");
    let ran = host.shell("-s --stderr-to-stdout", script);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (order, ""));
    assert_eq!(host.shell("-s -r err --stderr-to-stdout -o both", script).code, 0);
    assert_eq!(fs::read_to_string(directory.join("box/both")).expect("there"), order);
    assert!(!directory.join("box/err").exists());
}

#[test]
fn the_callers_streams_pass_through_and_no_other_descriptor_does() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    let input = host.scene.file("input", "one\n");
    let script = "read -r line; echo got $line; echo err >&2; echo /proc/self/fd/*";
    let mut command = host.isolate(&["-s", "--run", "--", "/bin/bash", "-c", script]);
    let said = Said::of(command.stdin(fs::File::open(input).expect("there")));
    // 3 is the shell's own, for the directory that it lists.
    assert_eq!(said.stdout, "got one\n/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");
    assert_eq!((said.code, said.stderr.as_str()), (0, "err\n"));
    assert_eq!(fs::read_dir(directory).expect("listed").count(), 3, "box, tmp and root");
}

#[test]
fn descriptors_are_inherited_where_the_operator_allows_it() {
    needs_root!();
    let host = Host::with("inherit_fds = true");
    host.init("");
    let shows = |between: &str| {
        let script = format!("exec 7< /etc; exec {between} /bin/bash -c 'echo /proc/self/fd/*'");
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", &script]).env("CAPSULE_ISOLATE_CONFIG", host.scene.path("isolate.toml"));
        Said::of(&mut shell)
    };
    let isolate = format!("{} isolate -s", env!("CARGO_BIN_EXE_capsule"));
    let none = "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n";
    assert_eq!(shows(&format!("{isolate} --run --")).stdout, none);
    // Nor does the step before the program have them, which opens paths (CVE-2024-21626).
    for (option, call) in [("--chdir=/proc/self/fd/7", "chdir"), ("-i /proc/self/fd/7/hostname", "open")] {
        let said = shows(&format!("{isolate} {option} --run --"));
        let is_absent = said.stderr.starts_with(call) && said.stderr.ends_with("No such file or directory\n");
        assert!(said.code == 2 && is_absent, "{said:?}");
    }
    let without = shows("").stdout;
    assert!(without.contains("/proc/self/fd/7"), "{without}");
    assert_eq!(shows(&format!("{isolate} --inherit-fds --run --")).stdout, without, "none of ours");
}
