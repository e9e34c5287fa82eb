//! A look around: what a user sees inside the sandbox.

use std::fs;
use std::path::Path;

use super::case;
use crate::case::{Case, Expect, Rule};
use crate::message::Observation;
use crate::plan::{Stdin, Step};
use crate::suite::Suite;

/// One look around: name, command line of bash, expectations.
type Look = (&'static str, &'static str, fn() -> Vec<Expect>);

const LOOKS: &[Look] = &[
    ("hello", "ls /home && cat /home/hello.txt", || {
        vec![ok(), Expect::StdoutHas("hello.txt\n"), Expect::StdoutHas("Hello, World!")]
    }),
    ("processes count from one", "ps aux", || vec![ok(), Expect::Rule(only_ours_in_ps)]),
    ("the shell is process 2", "echo $$", || vec![ok(), Expect::Stdout("2\n".into())]),
    ("only a loopback interface", "ip addr", || vec![ok(), Expect::Rule(only_loopback)]),
    ("a name for the user", "whoami", || vec![ok(), Expect::Stdout("judge\n".into())]),
    ("an unprivileged user without groups", "id", || {
        vec![ok(), Expect::StdoutHas("(judge) gid=60000(judge) groups=60000(judge)\n")]
    }),
    ("no capability and no new privileges", "cat /proc/self/status", || {
        vec![ok(), Expect::Rule(no_privilege)]
    }),
    ("the root is read-only", "echo x > /home/x", || {
        vec![
            Expect::Exit(1),
            Expect::Status("nonzero-exit".into()),
            Expect::StderrHas("Read-only file system".into()),
        ]
    }),
    ("no device can be made", "[ -c /dev/null ] && echo x > /dev/null && ls /dev", || {
        vec![ok(), Expect::Rule(only_harmless_devices)]
    }),
    ("a place to write", "cd /home/judge && echo kept > file && cat file && echo kept > /tmp/file", || {
        vec![ok(), Expect::Stdout("kept\n".into())]
    }),
    ("nothing is kept from the run before", "ls /home/judge /tmp/file", || {
        vec![Expect::StderrHas("/tmp/file".into()), Expect::Stdout("/home/judge:\n".into())]
    }),
    ("exit code 7 is passed on", "exit 7", || vec![Expect::Exit(7), Expect::Status("nonzero-exit".into())]),
    ("exit code 255 is passed on", "exit 255", || {
        vec![Expect::Exit(255), Expect::Status("nonzero-exit".into())]
    }),
    ("a signal is 128 and its number", "kill -TERM $$; sleep 1", || {
        vec![Expect::Exit(143), Expect::Status("signaled".into()), Expect::Signal(15)]
    }),
    ("the streams stay apart", "echo out; echo err >&2", || {
        vec![ok(), Expect::Stdout("out\n".into()), Expect::StderrHas("err\n".into())]
    }),
];

/// Programs that the looks use and that a bundle may lack.
const USED: [(&str, &[&str]); 8] = [
    ("bash", &["usr/bin/bash", "bin/bash"]),
    ("ls", &["usr/bin/ls", "bin/ls"]),
    ("cat", &["usr/bin/cat", "bin/cat"]),
    ("ps", &["usr/bin/ps", "bin/ps"]),
    ("ip", &["usr/bin/ip", "bin/ip", "usr/sbin/ip", "sbin/ip"]),
    ("whoami", &["usr/bin/whoami", "bin/whoami"]),
    ("id", &["usr/bin/id", "bin/id"]),
    ("hello.txt", &["home/hello.txt"]),
];

/// What `root` lacks for this case, if anything.
pub(crate) fn lacking(case: &Case, root: &Path) -> Option<String> {
    let words = || case.step.argv.iter().flat_map(|word| word.split(|c: char| " /;&".contains(c)));
    let is_there = |path: &&&str| fs::symlink_metadata(root.join(path)).is_ok();
    let looks = matches!(case.suite, Suite::Capsule | Suite::Identity);
    let is_used = |name: &str| looks && words().any(|word| word == name);
    let lacks = |(name, paths): &&(&str, &[&str])| is_used(name) && !paths.iter().any(|path| is_there(&path));
    USED.iter().find(lacks).map(|(name, _)| format!("the bundle has no {name}"))
}

pub(crate) fn cases() -> Vec<Case> {
    let bash = LOOKS.iter().map(|(name, command, expect)| {
        let step = Step::sandbox(*name, &["/bin/bash", "-c", command]);
        case(Suite::Capsule, step, &[], expect())
    });
    let rest = [
        missing_program(),
        report_has_what_it_promises(),
        start_on_a_byte(),
        called_off(),
        start_on_nothing(),
    ];
    bash.chain(rest).collect()
}

fn missing_program() -> Case {
    let step = Step::sandbox("a program that is not there", &["/bin/nowhere"]);
    case(Suite::Capsule, step, &["JDG-28"], vec![Expect::Exit(127), Expect::Status("not-found".into())])
}

fn report_has_what_it_promises() -> Case {
    let step = Step::sandbox("the report is complete", &["/bin/bash", "-c", "exit 0"]);
    case(
        Suite::Capsule,
        step,
        &["JDG-03"],
        vec![ok(), Expect::Status("ok".into()), Expect::Rule(report_fields)],
    )
}

/// `--start-on`: the submission starts when the byte has come, and gets the input that follows it.
fn start_on_a_byte() -> Case {
    let command = ["/bin/bash", "-c", "read -r line; echo $line"];
    let mut step = Step::sandbox("a start that is waited for", &command).with(&START_ON_STDIN);
    step.stdin = Stdin::Text("!after the byte\n".into());
    case(
        Suite::Capsule,
        step,
        &[],
        vec![ok(), Expect::Status("ok".into()), Expect::Stdout("after the byte\n".into())],
    )
}

fn called_off() -> Case {
    never_started("a start that is called off", &START_ON_STDIN, |seen| error_says(seen, "ECANCELED"))
}

fn start_on_nothing() -> Case {
    let nothing = ["--start-on", "fd:77"];
    never_started("a start on no descriptor", &nothing, |seen| error_says(seen, "EBADF"))
}

/// The submission does not start, and the report has the reason.
fn never_started(name: &str, options: &[&str], rule: Rule) -> Case {
    let step = Step::sandbox(name, &["/bin/bash", "-c", "echo started"]).with(options);
    let expect = vec![
        Expect::Exit(125),
        Expect::Status("sandbox-error".into()),
        Expect::Stdout(String::new()),
        Expect::Rule(rule),
    ];
    case(Suite::Capsule, step, &[], expect)
}

const START_ON_STDIN: [&str; 2] = ["--start-on", "fd:0"];

fn error_says(seen: &Observation, errno: &str) -> Result<(), String> {
    let report = seen.report()?;
    let error = report.get("error").map(ToString::to_string).unwrap_or_default();
    if error.contains(errno) { Ok(()) } else { Err(format!("the error is {error:?}, not {errno}")) }
}

fn ok() -> Expect {
    Expect::Exit(0)
}

/// PID 1 is init; the program and what it started are the only others.
fn only_ours_in_ps(seen: &Observation) -> Result<(), String> {
    let rows: Vec<Vec<&str>> =
        seen.stdout.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
    let first = rows.first().ok_or("ps lists nothing")?;
    if first.get(1) != Some(&"1") || !first.get(10).is_some_and(|command| command.contains("init")) {
        return Err(format!("the first process is not init: {first:?}"));
    }
    match rows
        .iter()
        .skip(1)
        .find(|row| !row.get(10).is_some_and(|word| word.contains("bash") || *word == "ps"))
    {
        Some(stranger) => Err(format!("a process from outside: {stranger:?}")),
        None => Ok(()),
    }
}

fn only_loopback(seen: &Observation) -> Result<(), String> {
    let names = seen.stdout.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let names: Vec<&str> = names.filter_map(|line| line.split(": ").nth(1)).collect();
    if names == ["lo"] { Ok(()) } else { Err(format!("interfaces: {names:?}")) }
}

fn no_privilege(seen: &Observation) -> Result<(), String> {
    let value = |key: &str| {
        let line = seen.stdout.lines().find_map(|line| line.strip_prefix(key));
        line.map(str::trim).ok_or_else(|| format!("`{key}` is not in the status"))
    };
    for key in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        if value(key)? != "0000000000000000" {
            return Err(format!("{key} {}", value(key)?));
        }
    }
    if value("NoNewPrivs:")? != "1" {
        return Err("no_new_privs is not set".into());
    }
    Ok(())
}

fn only_harmless_devices(seen: &Observation) -> Result<(), String> {
    const HARMLESS: [&str; 13] = [
        "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom",
        "zero",
    ];
    match seen.stdout.lines().find(|name| !HARMLESS.contains(name)) {
        Some(name) => Err(format!("/dev/{name} is there")),
        None => Ok(()),
    }
}

fn report_fields(seen: &Observation) -> Result<(), String> {
    let report = seen.report()?;
    let number = |key: &str| report.get(key).and_then(|value| value.as_i64());
    for key in ["version", "exit_code", "wall_us", "setup_us"] {
        number(key).ok_or_else(|| format!("`{key}` is not in the report"))?;
    }
    if number("exit_code") != Some(0) { Err("the report's exit code is not 0".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(stdout: &str) -> Observation {
        Observation { stdout: stdout.into(), wall_us: 0, ..Observation::silent("look") }
    }

    const HEAD: &str = "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n";

    #[test]
    fn a_stranger_in_the_process_list_is_seen() {
        let init = "root 1 0.0 0.0 1 1 ? S 0:00 0:00 /init run\n";
        let ps = "judge 2 0.0 0.0 1 1 ? R 0:00 0:00 ps aux\n";
        let stranger = "root 57 0.0 0.0 1 1 ? S 0:00 0:00 sshd\n";
        assert_eq!(only_ours_in_ps(&printed(&format!("{HEAD}{init}{ps}"))), Ok(()));
        assert!(only_ours_in_ps(&printed(&format!("{HEAD}{init}{ps}{stranger}"))).is_err());
        assert!(only_ours_in_ps(&printed(&format!("{HEAD}{ps}"))).is_err());
        assert!(only_ours_in_ps(&printed("")).is_err());
    }

    #[test]
    fn a_second_interface_is_seen() {
        let lo = "1: lo: <LOOPBACK,UP> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n";
        assert_eq!(only_loopback(&printed(lo)), Ok(()));
        assert!(only_loopback(&printed(&format!("{lo}2: eth0: <BROADCAST> mtu 1500\n"))).is_err());
        assert!(only_loopback(&printed("")).is_err());
    }

    #[test]
    fn one_capability_is_seen() {
        let none = "0000000000000000";
        let status = |effective: &str, nnp: &str| {
            printed(&format!(
                "CapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{effective}\nCapBnd:\t{none}\nCapAmb:\t{none}\nNoNewPrivs:\t{nnp}\n"
            ))
        };
        assert_eq!(no_privilege(&status(none, "1")), Ok(()));
        assert!(no_privilege(&status("0000000000040000", "1")).is_err());
        assert!(no_privilege(&status(none, "0")).is_err());
    }
}
