//! Forbidden system calls: their verdict is final, whatever the submission does to hide them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::scene::{Said, Scene, needs_root};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/forbidden.c");

/// A bundle, and the program next to it.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.succeeds("build yes -o B --format dir");
    let output = scene.path("forbidden");
    let said =
        Said::of(Command::new("gcc").args(["-O1", "-static", "-pthread", "-o"]).arg(output).arg(PROGRAM));
    assert_eq!(said.code, 0, "gcc: {}", said.stderr);
    scene
}

/// The report of the program's run.
fn report(scene: &Scene, options: &str, way: &str) -> Value {
    let bind = scene.path("forbidden");
    let bind = Path::display(&bind);
    scene.capsule(&format!("run B --bind {bind}:/tmp/f --report R {options} -- /tmp/f {way}"));
    let report = std::fs::read(scene.path("R")).expect("a report");
    serde_json::from_slice(&report).expect("JSON")
}

#[test]
fn a_forbidden_call_is_final_whatever_signals_come() {
    needs_root!();
    let scene = scene();
    // Without PID 1 in the kernel's wait, every second run was `ok`.
    for _ in 0..40 {
        for way in ["storm", "busy-init"] {
            let report = report(&scene, "", way);
            assert_eq!(report["status"], "forbidden-syscall", "{way}: {report}");
            let syscall = &report["syscall"];
            assert!(syscall["name"] == "reboot" || syscall["reason"].is_string(), "{way}: {report}");
        }
    }
}

/// As many times as `TIMES` says: `just repeat-storm 10000`.
#[test]
#[ignore = "takes minutes"]
fn a_forbidden_call_is_final_every_time() {
    needs_root!();
    let scene = scene();
    let times = std::env::var("TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(10_000);
    let ends = (0..times).map(|time| report(&scene, "", ["storm", "busy-init"][time % 2]));
    let wrong: Vec<Value> = ends.filter(|report| report["status"] != "forbidden-syscall").collect();
    println!("{times} tries, {} not final", wrong.len());
    assert!(wrong.is_empty(), "{} of {times}, as {}", wrong.len(), wrong[0]);
}

#[test]
fn a_forbidden_call_of_any_process_ends_the_run_and_sigsys_is_a_signal() {
    needs_root!();
    let scene = scene();
    for way in ["call", "child"] {
        let report = report(&scene, "", way);
        assert_eq!(
            (&report["status"], &report["syscall"]["name"]),
            (&"forbidden-syscall".into(), &"reboot".into())
        );
    }
    let raised = report(&scene, "", "raise");
    assert_eq!((&raised["status"], &raised["signal"]), (&"signaled".into(), &31.into()));
    assert_eq!(report(&scene, "", "nothing")["status"], "ok");
}

#[test]
fn a_policy_may_kill_what_init_calls_itself() {
    needs_root!();
    let scene = scene();
    // All that a static program of the C library calls.
    let allowed = "brk mprotect arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink getrandom newfstatat \
                   readlinkat mmap munmap getpid gettid tgkill rt_sigprocmask rt_sigaction read";
    let text = format!("default kill # x\nallow clock_gettime write execve exit_group {allowed} # x\n");
    scene.file("strict.policy", text);
    scene.succeeds("seccomp compile strict.policy");
    let run = |way: &str| report(&scene, "--seccomp strict.bpf", way);
    assert_eq!(run("nothing")["status"], "ok");
    assert_eq!(run("call")["syscall"]["name"], "reboot");
    // Of init's own calls nobody is told, so SIGSYS says it.
    let unshare = run("unshare");
    assert_eq!((&unshare["status"], &unshare["syscall"]), (&"forbidden-syscall".into(), &Value::Null));
}
