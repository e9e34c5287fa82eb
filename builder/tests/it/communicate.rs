//! Several processes of a submission and a manager. The manager is what the test's input says; each process is what the
//! manager tells it first.

use std::fs;

use serde_json::Value;

use crate::judge::bundle;
use crate::scene::{Said, Scene, needs_root};

const MANAGER: &str = "import sys, time
names = sys.argv[1:]
def meet(): return [(open(hears), open(says, 'w')) for hears, says in zip(names[::2], names[1::2])]
def tell(twins, *scripts):
  for (_, says), script in zip(twins, scripts): print(repr(script), file=says, flush=True)
def end(outcome, message=''):
  print(outcome); print(message, file=sys.stderr); sys.exit()
assert sys.stdin.read() == open('input.txt').read()
exec(open('input.txt').read())
";
const SUBMISSION: &str = "import os, sys, time
me = int(sys.argv[-1])
line = sys.stdin.readline()
if line: exec(eval(line))
";

/// Name, manager, verdict, share, and a part of the message.
type Case<'a> = (&'a str, &'a str, &'a str, f64, &'a str);

fn judged(cases: &[Case<'_>], sheet: &str) -> Vec<Value> {
    let scene = Scene::new();
    scene.file("p/task.yaml", format!("name: p\nmemory_limit: 256\nnum_processes: 2\n{sheet}\n"));
    scene.file("p/check/manager.py", MANAGER);
    for (number, (_, manager, ..)) in cases.iter().enumerate() {
        scene.file(&format!("p/input/input{number}.txt"), manager);
        scene.file(&format!("p/output/output{number}.txt"), "");
    }
    let submission = scene.file("s.py", SUBMISSION);
    let mut command = scene.command();
    command.arg("judge").arg(bundle()).arg(scene.path("p")).arg(submission);
    let said = Said::of(command.args(["--stop", "never", "--jobs", "4", "--report", "report.json"]));
    let text = fs::read_to_string(scene.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    report["tests"].as_array().unwrap_or_else(|| panic!("{report} {}", said.stderr)).clone()
}

#[track_caller]
fn hold(cases: &[Case<'_>], sheet: &str) {
    for (test, (name, _, verdict, share, message)) in judged(cases, sheet).iter().zip(cases) {
        let found = test["message"].as_str().unwrap_or_default();
        let is_right = test["verdict"] == *verdict && test["share"] == *share && found.contains(message);
        assert!(is_right, "{name}: {} {} {found}", test["verdict"], test["share"]);
    }
}

#[test]
fn a_manager_and_two_processes_have_one_verdict() {
    needs_root!();
    hold(
        &[
            (
                "speak",
                "t = meet(); tell(t, 'print(me + 5)', 'print(me + 5)'); end(1.0 if [h.read() for h, _ in t] == ['5\\n', '6\\n'] else 0.0)",
                "AC",
                1.0,
                "",
            ),
            (
                "part",
                "t = meet(); tell(t, 'sys.stdin.read(); time.sleep(0.05); os.write(1, b\"x\" * 100000)', 'pass'); end(0.5, 'half')",
                "WA",
                0.5,
                "half",
            ),
            // A process that writes after the manager has left did nothing wrong.
            (
                "late",
                "t = meet(); tell(t, 'sys.stdin.read(); os.write(1, b\"x\" * 100000)', 'pass'); end(1.0)",
                "AC",
                1.0,
                "",
            ),
            (
                "crash",
                "t = meet(); tell(t, 'pass', 'sys.exit(3)'); t[1][0].read(); end(0.0)",
                "RTE",
                0.0,
                "exit code 3",
            ),
            ("manager-crash", "t = meet(); sys.exit(2)", "JE", 0.0, "the interactor: exit code 2"),
            ("manager-garbage", "t = meet(); end('good')", "JE", 0.0, "stdout is `good`"),
            ("manager-silent", "t = meet()", "JE", 0.0, "stdout is ``"),
            // It opens the FIFOs after both have ended.
            (
                "late-manager",
                "t = meet(); tell(t[:1], 'pass'); t[0][0].read(); time.sleep(0.3); end(1.0)",
                "AC",
                1.0,
                "",
            ),
        ],
        "time_limit: 5",
    );
}

#[test]
fn limits_are_for_all_processes_together() {
    needs_root!();
    let burn = "while time.process_time() < 0.35: pass";
    hold(
        &[
            (
                "both-wait",
                "t = meet(); tell(t, 'input()', 'input()'); t[0][0].read(); end(0.0)",
                "TLE",
                0.0,
                "wall-time-limit",
            ),
            (
                "together",
                &format!("t = meet(); tell(t, '{burn}', '{burn}'); [h.read() for h, _ in t]; end(1.0)"),
                "TLE",
                0.0,
                "of all processes together",
            ),
            (
                "one",
                &format!("t = meet(); tell(t, '{burn}', 'pass'); [h.read() for h, _ in t]; end(1.0)"),
                "AC",
                1.0,
                "",
            ),
        ],
        "time_limit: 0.6",
    );
}

#[test]
fn a_process_that_left_early_does_not_block_a_manager_that_opens_its_fifo_late() {
    needs_root!();
    let scene = Scene::new();
    scene.file("p/task.yaml", "name: p\ntime_limit: 2\nmemory_limit: 256\nnum_processes: 2\n");
    let manager = "import sys, time\ntime.sleep(1)
print(1.0 if [open(name).read() for name in sys.argv[1::2]] == ['x\\n', ''] else 0.0)\n";
    scene.file("p/check/manager.py", manager);
    scene.file("p/input/input0.txt", "");
    scene.file("p/output/output0.txt", "");
    let submission = scene.file("s.py", "import sys\nif sys.argv[1] == '0': print('x')");
    let mut command = scene.command();
    command.arg("judge").arg(bundle()).arg(scene.path("p")).arg(submission);
    let said = Said::of(&mut command);
    // What was said is still there, and what was not is the end.
    assert_eq!(said.stdout.lines().last(), Some("AC, score 100"), "{}{}", said.stdout, said.stderr);
}
