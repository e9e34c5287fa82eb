//! Limits, and how each end of a program is told.

use std::os::fd::AsRawFd;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::{Host, Ran};
use crate::scene::{children, needs_root, wait_until};

#[test]
fn each_end_has_its_status_message_and_exit_code() {
    needs_root!();
    let host = Host::new();
    host.init("");
    let ran = host.shell("", "exit 0");
    assert_eq!((ran.verdict(), ran.key("exitcode"), ran.key("killed")), (("", "", 0), "0", ""));
    // Under emulation a shell takes a second to start.
    let real = ran.stderr.strip_prefix("OK (").and_then(|rest| rest.split_once(" sec real, "));
    assert!(real.is_some_and(|(seconds, _)| seconds.parse::<f64>().is_ok()), "{}", ran.stderr);
    for key in ["time", "time-wall", "max-rss", "csw-voluntary", "csw-forced"] {
        assert!(ran.key(key).parse::<f64>().is_ok(), "{key}: {:?}", ran.meta);
    }
    assert_eq!(ran.key("time").split('.').nth(1).map(str::len), Some(3));
    let ran = host.shell("", "exit 3");
    assert_eq!((ran.verdict(), ran.key("exitcode")), (("RE", "Exited with error status 3", 1), "3"));
    assert_eq!(ran.stderr, "Exited with error status 3\n");
    let ran = host.shell("", "kill -11 $$");
    assert_eq!((ran.verdict(), ran.key("exitsig")), (("SG", "Caught fatal signal 11", 1), "11"));
    let ran = host.run(&["-s", "--run", "--", "/bin/nothing"]);
    assert_eq!(ran.verdict(), ("RE", "Exited with error status 127", 1));
    assert_eq!(ran.stderr, "execve(\"/bin/nothing\"): No such file or directory\n");
    // As execve(2): no search on PATH.
    assert_eq!(host.run(&["--run", "--", "true"]).key("exitcode"), "127");
}

#[test]
fn time_limits_end_a_program_and_extra_time_shows_what_it_takes() {
    needs_root!();
    let host = Host::new();
    host.init("");
    let ran = host.shell("-t 0.2", "while :; do :; done");
    assert_eq!(
        (ran.verdict(), ran.key("killed"), ran.key("exitcode")),
        (("TO", "Time limit exceeded", 1), "1", "")
    );
    let seconds = |ran: &Ran| ran.key("time").parse::<f64>().expect("a number");
    assert!(seconds(&ran) >= 0.2, "{:?}", ran.meta);
    let ran = host.run(&["-w", "0.2", "--run", "--", "/bin/sleep", "1000"]);
    assert_eq!((ran.verdict(), ran.key("killed")), (("TO", "Time limit exceeded (wall clock)", 1), "1"));
    // By itself after its limit, and before it is killed.
    let ran = host.shell("-t 0.05 -x 600", "for ((i = 0; i < 200000; i++)); do :; done");
    assert_eq!((ran.verdict(), ran.key("killed")), (("TO", "Time limit exceeded", 1), ""), "{:?}", ran.meta);
}

#[test]
fn memory_files_and_processes_are_limited() {
    needs_root!();
    let host = Host::new();
    host.init("--cg");
    let eat = "x=aaaaaaaa; while :; do x=$x$x; done";
    let ran = host.shell("--cg --cg-mem=32768", eat);
    assert_eq!((ran.verdict(), ran.key("exitsig")), (("SG", "Caught fatal signal 9", 1), "9"));
    assert_eq!(ran.key("cg-oom-killed"), "1");
    assert!((16_000..=32_768).contains(&ran.key("cg-mem").parse::<u64>().expect("KiB")), "{:?}", ran.meta);
    // With a limit of the address space the program is told so.
    let ran = host.shell("--cg -m 65536", eat);
    assert_eq!(
        (ran.key("status"), ran.key("cg-oom-killed"), ran.key("exitsig")),
        ("RE", "", ""),
        "{:?}",
        ran.meta
    );
    assert_eq!(host.shell("--cg -m 65536", "ulimit -v").stdout, "65536\n");
    let ran = host.shell("--cg -f 4", "while :; do echo 0123456789 >> /box/file; done");
    assert_eq!((ran.verdict(), ran.key("exitsig")), (("SG", "Caught fatal signal 25", 1), "25"));
    let ran = host.run(&["--cg", "--run", "--", "/bin/timeout", "9", "/bin/true"]);
    assert_eq!(ran.key("exitcode"), "125", "one process: {ran:?}");
    assert_eq!(host.shell("--cg -p", "/bin/true; /bin/true | /bin/true; echo ok").stdout, "ok\n");
    assert_eq!(host.shell("--cg --processes=2", "/bin/true; echo ok").stdout, "ok\n");
    assert_eq!(
        host.shell("--cg", "ulimit -n; ulimit -s; ulimit -f; ulimit -v").stdout,
        "64\n".to_owned() + &"unlimited\n".repeat(3)
    );
    assert_eq!(
        host.shell("--cg -n 20 -k 1024 -f 7", "ulimit -n; ulimit -s; ulimit -f").stdout,
        "20\n1024\n7\n"
    );
}

#[test]
fn a_signal_to_isolate_ends_the_program_and_is_told() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("--cg");
    for (signal, verdict) in [
        (Signal::TERM, ("SG", "Interrupted", 1)),
        (Signal::INT, ("SG", "Interrupted", 1)),
        (Signal::ABORT, ("XX", "Sandbox keeper received fatal signal 6", 2)),
    ] {
        let meta = host.scene.path("meta");
        let option = format!("--meta={}", meta.display());
        let words = [
            "--cg",
            "-s",
            option.as_str(),
            "--run",
            "--",
            "/bin/bash",
            "-c",
            "echo > ready; exec /bin/sleep 1000",
        ];
        let child =
            host.isolate(&words).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let ready = directory.join("box/ready");
        wait_until("the program runs", || ready.exists());
        kill_process(Pid::from_child(&child), signal).expect("sent");
        let code = child.wait_with_output().expect("it ends").status.code();
        let text = std::fs::read_to_string(&meta).expect("written");
        assert!(text.contains(&format!("status:{}\nmessage:{}\n", verdict.0, verdict.1)), "{text}");
        assert!(text.lines().all(|line| line.contains(':')), "{text}");
        assert_eq!(code, Some(verdict.2));
        if verdict.0 == "SG" {
            assert!(
                text.contains(&format!("exitsig:{}\n", signal.as_raw())) && text.contains("killed:1\n"),
                "{text}"
            );
            assert!(text.contains("time:") && text.contains("time-wall:"), "{text}");
        }
        std::fs::remove_file(&ready).expect("removed");
    }
}

#[test]
fn a_keeper_that_is_killed_leaves_nothing() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    let mut child = host
        .isolate(&["--run", "--", "/bin/bash", "-c", "echo > ready; exec /bin/sleep 1000"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_until("the program runs", || directory.join("box/ready").exists());
    let keeper = Pid::from_child(&child);
    // The program, which is in pid namespaces of its own, has the box as its working directory.
    let in_box = || {
        let processes = std::fs::read_dir("/proc").expect("listed").flatten();
        let uid = (host.first_uid, format!("Uid:\t{0}\t{0}", host.first_uid)).1;
        processes
            .filter(|entry| {
                std::fs::read_to_string(entry.path().join("status")).is_ok_and(|status| status.contains(&uid))
            })
            .count()
    };
    assert_eq!((children(keeper).len(), in_box()), (1, 1));
    child.kill().expect("killed");
    child.wait().expect("it ends");
    // The box can be used at once, although what was killed is still on its way.
    let ran = host.shell("", "echo again");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "again\n"), "{ran:?}");
    wait_until("the program is gone", || in_box() == 0);
    assert_eq!(host.says("--cleanup").code, 0);
    assert!(child.stderr.expect("a pipe").as_raw_fd() > 2);
}
