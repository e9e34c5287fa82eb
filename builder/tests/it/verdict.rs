//! A verdict is the submission's own: what the caller, its command line or the host does wrong never looks like one.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{Said, Scene, needs_root};

/// Starts the submission through a shell that changes what every process inherits.
const AS_CALLER: &str = "; exec \"$@\"";

/// One bundle for all tests here.
fn bundle() -> &'static Path {
    static BUNDLE: OnceLock<(Scene, PathBuf)> = OnceLock::new();
    let (_, path) = BUNDLE.get_or_init(|| {
        let scene = Scene::new();
        scene.succeeds("build bash ionice yes -o B --format dir");
        let path = scene.path("B");
        (scene, path)
    });
    path
}

/// init on the bundle's tree. Not through `capsule`, whose own memory some callers' limits would not allow.
fn init(options: &[&str], script: &str) -> Command {
    let mut command = Command::new(bundle().join("init"));
    command.arg("run").arg("--root").arg(bundle().join("rootfs")).args(options);
    command.args(["--", "/bin/bash", "-c", script]).stdin(Stdio::null());
    command
}

/// The same, from a shell that first runs `before`.
fn init_after(before: &str, options: &[&str], script: &str) -> Command {
    let init = init(options, script);
    let mut command = Command::new("env");
    // A shell cannot undo what its own caller ignores, as nohup(1) does with SIGHUP (POSIX, trap).
    command.args(["--default-signal", "bash", "-c"]).arg(format!("{before}{AS_CALLER}"));
    command.arg("bash").arg(init.get_program());
    command.args(init.get_args()).stdin(Stdio::null());
    command
}

/// The report on stdout after the submission's own output.
fn report_of(said: &Said) -> Value {
    serde_json::from_str(said.stdout.lines().last().expect("a report")).expect("JSON")
}

/// Calls `capsule` with an old report in place, and gives the new one.
fn refused(scene: &Scene, line: &str) -> Value {
    scene.file("report", "{\"status\":\"ok\"}\n");
    let said = scene.capsule(line);
    assert_eq!((said.code, said.stdout.as_str()), (125, ""), "capsule {line}: {}", said.stderr);
    assert!(!said.stderr.is_empty(), "capsule {line} says nothing");
    let report = fs::read(scene.path("report")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["status"], "sandbox-error", "capsule {line}: {report}");
    report
}

#[test]
fn a_bundle_that_cannot_be_used_is_a_sandbox_error_with_a_report() {
    let scene = Scene::new();
    let report = refused(&scene, "run nowhere --report report -- x");
    assert_eq!(report["error"]["errno"], "ENOENT", "{report}");
    assert_eq!(report["error"]["step"], "bundle");
    assert!(report["error"]["message"].as_str().expect("a text").contains("`nowhere`"), "{report}");
    refused(&scene, "shell nowhere --report report");
    let report = refused(&scene, "exec nowhere x.c --report report");
    assert!(report["error"].as_str().expect("a text").contains("nowhere"), "{report}");

    scene.file("B/manifest.json", "{");
    assert_eq!(refused(&scene, "run B --report report -- x")["error"]["errno"], "EINVAL");
    assert_eq!(refused(&scene, "run B --report - --report report -- x")["error"]["errno"], "EINVAL");

    // Without a report the exit code alone says it.
    assert_eq!(scene.capsule("run nowhere -- x").code, 125);
}

#[test]
fn a_command_line_that_is_not_valid_is_a_sandbox_error_with_a_report() {
    let scene = Scene::new();
    let message = |line: &str| refused(&scene, line)["error"]["message"].as_str().expect("a text").to_owned();
    // What clap reads, since an option stands before the bundle or the bundle is missing.
    assert!(message("run --frob B --report report -- x").contains("--frob"));
    assert!(message("run --report=report").contains("not provided"));
    assert!(message("shell B --report report --frob").contains("--frob"));
    assert!(message("run B --report report").contains("no command"));
    for line in
        ["exec --frob B x.c --report report", "exec B --report report", "exec B x.c y.c --report report"]
    {
        assert!(refused(&scene, line)["error"].is_string(), "{line}");
    }
    // Help is still help.
    assert_eq!(scene.capsule("run --help").code, 0);
    // Not a command whose exit code could be a submission's.
    assert_eq!(scene.capsule("verify --frob B").code, 2);
}

#[test]
fn what_init_does_not_understand_is_a_sandbox_error_with_a_report() {
    let scene = bundle_in_scene();
    let report = refused(&scene, "run B --memroy 1G --report report -- x");
    assert_eq!(report["version"], 1);
    let error = &report["error"];
    assert_eq!(
        (&error["step"], &error["call"], &error["errno"]),
        (&"options".into(), &"parse".into(), &"EINVAL".into())
    );
    assert_eq!(error["message"], "unknown option `--memroy`; did you mean `--memory`?");
    for line in [
        "--report report --memory lots -- x",
        "stray --report report -- x",
        "--report report --report fd:x -- x",
    ] {
        refused(&scene, &format!("run B {line}"));
    }
}

/// The bundle by a short name.
fn bundle_in_scene() -> Scene {
    let scene = Scene::new();
    std::os::unix::fs::symlink(bundle(), scene.path("B")).expect("linked");
    scene
}

#[test]
fn a_report_that_cannot_be_written_is_never_exit_code_0() {
    needs_root!();
    let said = Said::of(&mut init(&["--report", "/dev/full"], "exit 0"));
    assert_eq!((said.code, said.stderr.as_str()), (125, "init: supervise: write: `--report`: ENOSPC\n"));
}

#[test]
fn output_that_is_lost_and_input_that_cannot_be_read_are_sandbox_errors() {
    needs_root!();
    for (options, script, message) in [
        (["--stdout", "/dev/full"], "echo lost; exit 0", "init: streams: write: `stdout`: ENOSPC\n"),
        (["--stderr", "/dev/full"], "echo lost >&2; exit 0", "init: streams: write: `stderr`: ENOSPC\n"),
        (["--stdin", "/"], "read -r line; exit 0", "init: streams: read: `stdin`: EISDIR (is a directory)\n"),
        (["--stdin", "/proc/self/mem"], "read -r line; exit 0", "init: streams: read: `stdin`: EIO\n"),
    ] {
        let said = Said::of(&mut init(&options, script));
        assert_eq!((said.code, said.stderr.as_str()), (125, message));
        let reporting = [&options[..], &["--report", "fd:1"]].concat();
        let report = report_of(&Said::of(&mut init(&reporting, script)));
        assert_eq!(report["status"], "sandbox-error", "{report}");
        assert_eq!(report["error"]["subject"], message.split('`').nth(1).expect("a subject"));
    }
}

#[test]
fn a_reader_that_has_left_and_a_caller_without_input_are_no_errors() {
    needs_root!();
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let said = Said::of(init(&["--report", "fd:2"], "exec yes").stdout(writer));
    let report: Value = serde_json::from_str(&said.stderr).expect("JSON");
    assert_eq!((&report["status"], &report["signal"]), (&"signaled".into(), &13.into()), "{report}");
    // As nohup(1) leaves it: open for writing only.
    let only_to_write = fs::File::options().write(true).open("/dev/null").expect("opened");
    let said = Said::of(init(&[], "read -r line || echo none").stdin(only_to_write));
    assert_eq!((said.code, said.stdout.as_str()), (0, "none\n"));
}

/// All that a submission can see of what a process inherits.
const STATE: &str = "ulimit -Sa; ulimit -Ha; umask; cat=$(</proc/$$/stat); set -- ${cat##*)}; echo ${16} ${17} ${38} ${39}; \
    echo $(</proc/$$/timerslack_ns) $(</proc/$$/personality) $(</proc/$$/oom_score_adj)";

#[test]
fn nothing_that_a_caller_inherits_reaches_the_submission() {
    needs_root!();
    let bare = Said::of(&mut init(&[], STATE));
    assert_eq!(bare.code, 0, "{}", bare.stderr);
    for before in [
        "ulimit -Sv 60000",
        "ulimit -Sd 20000",
        "ulimit -St 1",
        "ulimit -Sf 0",
        "ulimit -Ss 4096",
        "ulimit -Sn 24",
        "ulimit -Su 1",
        "ulimit -Sl 0",
        "ulimit -Si 1",
        "ulimit -Sq 0",
        "ulimit -Sm 1000",
        "umask 777",
        "echo 1000000000 > /proc/$$/timerslack_ns",
        "echo 500 > /proc/$$/oom_score_adj",
        "trap '' HUP INT TERM CHLD PIPE USR1",
        "set -- setarch -R -X \"$@\"",
        "set -- chrt -f 1 \"$@\"",
        "set -- chrt -i 0 \"$@\"",
        "set -- chrt -b 0 \"$@\"",
        "set -- nice -n 7 \"$@\"",
    ] {
        let said = Said::of(&mut init_after(before, &[], STATE));
        assert_eq!((said.code, said.stdout.as_str()), (0, bare.stdout.as_str()), "{before}: {}", said.stderr);
    }
    let io_priority = "exec ionice";
    let bare = Said::of(&mut init(&["--seccomp", "off"], io_priority));
    let said = Said::of(&mut init_after("set -- ionice -c 3 \"$@\"", &["--seccomp", "off"], io_priority));
    assert_eq!((said.code, said.stdout.as_str()), (0, bare.stdout.as_str()), "{}", said.stderr);
}

/// More CPU time than the caller's limit.
#[test]
fn a_limit_of_the_callers_ends_no_submission() {
    needs_root!();
    let busy = "while (( SECONDS < 3 )); do :; done";
    let said = Said::of(&mut init_after("ulimit -St 1", &["--cpu-time", "20s"], busy));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    // 50 MB in one piece.
    let large = "printf -v x %050000000d 1; echo ${#x}";
    let said = Said::of(&mut init_after("ulimit -Sv 60000", &[], large));
    assert_eq!((said.code, said.stdout.as_str()), (0, "50000000\n"), "{}", said.stderr);
}

#[test]
fn a_hard_limit_of_the_callers_that_cannot_be_raised_is_named() {
    needs_root!();
    for (limit, name) in [
        ("-t 9", "RLIMIT_CPU"),
        ("-v 60000", "RLIMIT_AS"),
        ("-d 20000", "RLIMIT_DATA"),
        ("-f 100", "RLIMIT_FSIZE"),
        ("-s 1000", "RLIMIT_STACK"),
        ("-n 30", "RLIMIT_NOFILE"),
        ("-u 20", "RLIMIT_NPROC"),
        ("-l 0", "RLIMIT_MEMLOCK"),
    ] {
        let said = Said::of(&mut init_after(&format!("ulimit {limit}"), &[], "exit 0"));
        // With CAP_SYS_RESOURCE it is raised.
        if said.code != 0 {
            let start =
                format!("init: limits: setrlimit: `{name}`: EPERM (operation not permitted), hard limit ");
            assert!(said.code == 125 && said.stderr.starts_with(&start), "ulimit {limit}: {}", said.stderr);
            assert!(
                said.stderr.ends_with("; raise the caller's limit, or ask for less\n"),
                "{}",
                said.stderr
            );
        }
    }
    // What is not lower than the options is no error.
    let said = Said::of(&mut init_after("ulimit -f 100", &["--output", "10K"], "exit 0"));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

/// A memory cgroup with a limit, below this process's own; removed when it is dropped.
struct Parent(PathBuf);

impl Parent {
    const LIMIT: &str = "48M";

    /// `None` where no hierarchy can be written.
    fn new() -> Option<Parent> {
        let memberships = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = memberships.lines().find_map(|line| line.split_once(":memory:"))?.1;
        let path = PathBuf::from(format!("/sys/fs/cgroup/memory{own}/outer-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let parent = Parent(path);
        fs::write(parent.0.join("memory.limit_in_bytes"), Parent::LIMIT).ok()?;
        let _no_swap_accounting = fs::write(parent.0.join("memory.memsw.limit_in_bytes"), Parent::LIMIT);
        Some(parent)
    }

    fn run(&self, options: &[&str]) -> Said {
        let enter = format!("echo $$ > {}/cgroup.procs", self.0.display());
        let options = [&["--cgroup", "v1", "--wall-time", "20s", "--report", "fd:1"], options].concat();
        Said::of(&mut init_after(&enter, &options, "printf -v x %0200000000d 1; echo survived"))
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ended = fs::remove_dir(&self.0);
    }
}

#[test]
fn memory_that_others_used_up_is_a_sandbox_error_and_the_runs_own_limit_a_verdict() {
    needs_root!();
    let Some(parent) = Parent::new() else {
        eprintln!(
            "SKIPPED: this test needs a memory cgroup of version 1 (the virtual machines have both versions)"
        );
        return;
    };
    let said = parent.run(&["--memory", "1G"]);
    let report = report_of(&said);
    assert_eq!((said.code, &report["status"]), (125, &"sandbox-error".into()), "{report}");
    assert_eq!(report["error"]["call"], "oom-kill", "{report}");
    assert_eq!(report["error"]["subject"], "memory outside the run");
    let said = parent.run(&["--memory", "16M"]);
    assert_eq!((said.code, &report_of(&said)["status"]), (137, &"memory-limit".into()), "{}", said.stdout);
}

#[test]
fn an_amount_is_held_or_refused() {
    needs_root!();
    for (options, takes) in [
        (["--tmp", "0"], "`--tmp` takes a size in bytes such as `64M`, at least 4K"),
        (["--tmp", "4095"], "`--tmp` takes a size in bytes such as `64M`, at least 4K"),
        (["--pids", "0"], "`--pids` takes a number from 1 to 4194304, or `none`"),
        (["--pids", "4194305"], "`--pids` takes a number from 1 to 4194304, or `none`"),
        (["--open-files", "4"], "`--open-files` takes a number from 5, or `none`"),
        (["--open-files", "-1"], "`--open-files` takes a number from 5, or `none`"),
        (["--memory", "1g"], "`--memory` takes a size in bytes such as `64K` or `256M`, or `none`"),
    ] {
        let said = Said::of(&mut init(&options, "echo started"));
        let message = format!("init: {takes}, not `{}`\n", options[1]);
        assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (125, "", message.as_str()));
    }
    let written = "printf -v x %020000d 1; echo $x 2>&- > /tmp/x; read -r y < /tmp/x; echo ${#y}";
    for (options, script, expected) in [
        (["--tmp", "4K"], written, "4096\n"),
        (["--tmp", "10000"], written, "8192\n"),
        (["--open-files", "5"], "ulimit -n", "5\n"),
        (["--open-files", "none"], "echo many", "many\n"),
        (["--stack", "none"], "ulimit -s", "unlimited\n"),
        (["--pids", "1"], "echo one", "one\n"),
        // A caller whose own limit of processes is lower cannot have more (rlimits.rs).
        (["--pids", "1000"], "echo many", "many\n"),
    ] {
        let said = Said::of(&mut init(&options, script));
        assert_eq!((said.code, said.stdout.as_str()), (0, expected), "{options:?}: {}", said.stderr);
    }
}

#[test]
fn a_limit_below_what_any_program_needs_is_warned_about() {
    needs_root!();
    let said = Said::of(&mut init(&["--memory", "128", "--report", "fd:1"], "exit 0"));
    let warning = "--memory is less than any program needs (bytes, unless K, M or G follows)";
    assert_eq!(said.stderr, format!("init: warning: {warning}\n"));
    let report = report_of(&said);
    assert_eq!(
        (&report["warning"], &report["status"]),
        (&warning.into(), &"memory-limit".into()),
        "{report}"
    );
    let report = report_of(&Said::of(&mut init(&["--memory", "16M", "--report", "fd:1"], "exit 0")));
    assert_eq!((&report["warning"], &report["status"]), (&Value::Null, &"ok".into()), "{report}");
}

#[test]
fn descriptors_that_a_caller_left_open_do_not_hinder_a_run() {
    needs_root!();
    let before = "for i in {3..90}; do eval \"exec $i</dev/null\"; done";
    let look = "for i in {3..99}; do [ -e /proc/$$/fd/$i ] && echo $i; done; echo end";
    let said = Said::of(&mut init_after(before, &["--open-files", "16"], look));
    assert_eq!((said.code, said.stdout.as_str()), (0, "end\n"), "{}", said.stderr);
}

#[test]
fn the_last_value_of_a_variable_counts() {
    needs_root!();
    let options = ["--env", "A=1", "--env", "B=0", "--env", "A=2", "--env", "LANG=de", "--env", "LANG=C"];
    let script = "mapfile -d '' -t all < /proc/$$/environ; printf '%s\\n' \"${all[@]}\"";
    let said = Said::of(&mut init(&options, script));
    let mut lines: Vec<&str> = said.stdout.lines().filter(|line| "ABL".contains(&line[..1])).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A=2", "B=0", "LANG=C"], "{}", said.stderr);

    let mut command = Command::new(bundle().join("init"));
    command.arg("run").arg("--root").arg(bundle().join("rootfs"));
    command.args(["--env", "PATH=/nowhere", "--env", "PATH=/bin", "--", "bash", "-c", "echo found"]);
    assert_eq!(Said::of(&mut command).stdout, "found\n");
}

/// bash catches the signal, as Python and others ignore it.
#[test]
fn a_file_that_outgrows_its_limit_is_an_output_limit_whatever_the_program_does_about_the_signal() {
    needs_root!();
    let outgrow = "printf -v x %010000d 1; echo $x > /tmp/x; exit 3";
    for script in [outgrow.to_owned(), format!("trap '' XFSZ; {outgrow}"), format!("trap : XFSZ; {outgrow}")]
    {
        let said = Said::of(&mut init(&["--output", "4K", "--report", "fd:2"], &script));
        let report: Value = serde_json::from_str(&said.stderr).expect("JSON");
        assert_eq!((said.code, &report["status"]), (153, &"output-limit".into()), "{script}: {report}");
    }
    let said = Said::of(&mut init(&["--report", "fd:1"], "kill -XFSZ $$ 2>&-; exit 3"));
    assert_eq!(report_of(&said)["status"], "nonzero-exit", "no limit was reached: {}", said.stdout);
}

#[test]
fn output_at_a_terminal_is_limited_where_that_is_asked_for() {
    needs_root!();
    let said = Said::of(&mut init(&["--tty", "--output", "1K"], "printf %05000d 1"));
    assert_eq!((said.code, said.stdout.len()), (153, 1024), "{}", said.stderr);
    let said = Said::of(&mut init(&["--tty", "--report", "fd:2"], "printf %020000000d 1"));
    assert_eq!((said.code, said.stdout.len()), (0, 20_000_000));
    let report: Value = serde_json::from_str(&said.stderr).expect("JSON");
    assert_eq!(report["guards"]["output-cap"], "off");
    assert_eq!(report["limits"]["output_bytes"]["mechanism"], "RLIMIT_FSIZE");
}

#[test]
fn the_input_of_a_terminal_ends_after_a_line_and_within_one() {
    needs_root!();
    for input in ["line\n", "line", ""] {
        let mut command = init(&["--tty", "--wall-time", "10s"], "while read -r x; do :; done; echo end");
        let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        run.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        let output = run.wait_with_output().expect("waited");
        assert_eq!(output.status.code(), Some(0), "{input:?}");
        assert!(output.stdout.ends_with(b"end\r\n"), "{input:?}");
    }
}

#[test]
fn a_signal_that_the_caller_ignores_does_not_end_the_run() {
    needs_root!();
    for (before, signal, code) in
        [(":", Signal::HUP, 125), ("trap '' HUP", Signal::HUP, 0), ("trap '' HUP", Signal::TERM, 125)]
    {
        let mut command = init_after(before, &["--report", "fd:2"], "echo up; read -r line; exit 0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut run = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(run.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        kill_process(Pid::from_child(&run), signal).expect("signalled");
        // The signal is first; then the input ends.
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(run.stdin.take());
        assert_eq!(run.wait().expect("waited").code(), Some(code), "{before} {signal:?}");
    }
}

#[test]
fn a_run_without_input_leaves_the_callers_alone() {
    needs_root!();
    let scene = bundle_in_scene();
    for line in ["run B -n", "run B --no-input", "run -n B", "run --no-input B"] {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(b"the loop's\n").expect("written");
        let mut command = scene.command();
        command.args(line.split(' ')).args(["--", "/bin/bash", "-c", "read -r line || echo none"]);
        let said = Said::of(command.stdin(reader.try_clone().expect("copied")));
        assert_eq!((said.code, said.stdout.as_str()), (0, "none\n"), "{line}: {}", said.stderr);
        assert_eq!(rustix::io::ioctl_fionread(&reader).expect("asked"), 11, "{line}");
    }
}
