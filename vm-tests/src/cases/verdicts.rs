//! Verdicts: workloads, and exactly what the runner must report about each.
//!
//! The same table runs on a host and in VMs. Amounts of memory are in MiB; the limits are small, so that the whole
//! table takes seconds under emulation too.

use super::{PROBE, case};
use crate::case::{Case, Expect, Rule};
use crate::message::Observation;
use crate::plan::{Stdin, Step};
use crate::suite::Suite;

/// A program, and how its run must end.
struct WorkloadCase {
    /// The program and its arguments.
    program: &'static [&'static str],
    /// Options of the run.
    options: &'static [&'static str],
    /// The report's status.
    status: &'static str,
    /// The runner's exit code.
    exit: i32,
    /// Standard output, where it matters.
    stdout: Option<&'static str>,
    /// Rows of the catalogue of attacks.
    ids: &'static [&'static str],
    /// Whether a cgroup holds the limit. An ordinary user has none.
    needs_root: bool,
}

/// Only a run that hangs reaches these. The limits of a row follow, and the last of each kind holds.
const LIMITS: &[&str] =
    &["--cpu-time", "10s", "--wall-time", "20s", "--memory", "64M", "--pids", "32", "--output", "1M"];
const CPU: &[&str] = &["--cpu-time", "300ms"];
const WALL: &[&str] = &["--wall-time", "500ms"];
const IDLE: &[&str] = &["--idle-time", "300ms"];
const SMALL: &[&str] = &["--memory", "32M"];
const OUTPUT: &[&str] = &["--output", "64K"];
const PIDS: &[&str] = &["--pids", "8"];

/// Without a cgroup, rlimits count something else: address space, and the processes of the whole user (setrlimit(2)).
const NO_CGROUP: &str =
    "the limit takes a cgroup, which an ordinary user's run lacks unless one is delegated";

const fn row(
    program: &'static [&'static str],
    options: &'static [&'static str],
    status: &'static str,
    exit: i32,
) -> WorkloadCase {
    WorkloadCase { program, options, status, exit, stdout: None, ids: &[], needs_root: false }
}

impl WorkloadCase {
    const fn prints(mut self, text: &'static str) -> WorkloadCase {
        self.stdout = Some(text);
        self
    }

    const fn needs_root(mut self) -> WorkloadCase {
        self.needs_root = true;
        self
    }

    const fn covers(mut self, ids: &'static [&'static str]) -> WorkloadCase {
        self.ids = ids;
        self
    }
}

const ROWS: &[WorkloadCase] = &[
    // Programs that end by themselves.
    row(&["hello"], &[], "ok", 0).prints("hello\n").covers(&["RES-19", "RES-20"]),
    row(&["loopback"], &[], "ok", 0).prints("hello\n").covers(&["NET-15"]),
    row(&["descriptors-in-flight"], &[], "ok", 0).prints("refused\n").covers(&["NET-12"]),
    row(&["deep-tree"], &[], "ok", 0).prints("done\n").covers(&["FS-36"]),
    row(&["inodes-until-refused"], &["--tmp", "1M"], "ok", 0).covers(&["FS-36", "RES-09"]),
    row(&["forged-signal-frame"], &[], "signaled", 139).covers(&["KRN-32"]),
    row(&["cat"], &[], "ok", 0).prints("question\n"),
    row(&["cat-by-name"], &[], "ok", 0).prints("question\n"),
    row(&["arguments", "a b", "", "$(id)", "-c", "--", ";"], &[], "ok", 0).prints("6\n").covers(&["JDG-17"]),
    row(&["exit-in-thread"], &[], "nonzero-exit", 3),
    row(&["close-stdout"], &[], "ok", 0),
    row(&["exec-chain", "50"], &[], "ok", 0).prints("done\n").covers(&["PR-24"]),
    row(&["exec-huge"], &[], "nonzero-exit", libc::E2BIG).covers(&["PR-24"]),
    row(&["exec-without-arguments"], &[], "nonzero-exit", 1).covers(&["PR-24", "FS-22"]),
    row(&["exec-script-of-itself"], &[], "nonzero-exit", libc::ELOOP).covers(&["PR-24"]),
    row(&["litter", "0"], &["--output", "4M"], "ok", 0).covers(&["PR-11", "PR-14"]),
    row(&["print", "200000"], &[], "ok", 0),
    // Signals: the program's own, even those that limits send too.
    row(&["abort"], &[], "signaled", 134).covers(&["PR-04"]),
    row(&["null-pointer"], &[], "signaled", 139),
    row(&["divide-by-zero"], &[], "signaled", 136).covers(&["PR-04"]),
    row(&["undefined-instruction"], &[], "signaled", 132),
    row(&["raise-in-thread"], &[], "signaled", 134),
    row(&["forge", "3"], &[], "nonzero-exit", 3).covers(&["JDG-02", "JDG-18", "RES-13"]),
    row(&["print-then-abort"], &[], "signaled", 134).prints("42\n").covers(&["JDG-07"]),
    row(&["timer", "real"], &[], "signaled", 142).covers(&["RES-33"]),
    row(&["timer", "virtual"], &[], "signaled", 154).covers(&["RES-33"]),
    row(&["timer", "prof"], &[], "signaled", 155).covers(&["RES-33"]),
    row(&["timer", "posix"], &[], "signaled", 142).covers(&["PR-21"]),
    // Requests that are refused; setsid(2) is, since the program leads a session already.
    row(&["ask", "nice"], &[], "ok", 0).prints("EACCES\n").covers(&["RES-22"]),
    row(&["ask", "fifo"], &[], "ok", 0).prints("EPERM\n").covers(&["RES-22"]),
    row(&["ask", "round-robin"], &[], "ok", 0).prints("EPERM\n").covers(&["RES-22"]),
    row(&["ask", "deadline"], &[], "ok", 0).prints("EPERM\n").covers(&["RES-22"]),
    row(&["ask", "stack"], &[], "ok", 0).prints("EPERM\n").covers(&["RES-21"]),
    row(&["ask", "session"], &[], "ok", 0).prints("EPERM\n").covers(&["PR-20"]),
    // Time.
    row(&["busy"], CPU, "cpu-time-limit", 124).covers(&["RES-14"]),
    row(&["busy-child"], CPU, "cpu-time-limit", 124).needs_root().covers(&["RES-16"]),
    row(&["busy-session"], CPU, "cpu-time-limit", 124).needs_root().covers(&["RES-16"]),
    row(&["busy-thread"], CPU, "cpu-time-limit", 124).covers(&["RES-17"]),
    row(&["busy-short-children"], CPU, "cpu-time-limit", 124).needs_root().covers(&["RES-18"]),
    row(&["busy-deaf"], CPU, "cpu-time-limit", 124).covers(&["PR-17"]),
    row(&["busy-sync"], CPU, "cpu-time-limit", 124).covers(&["RES-25"]),
    row(&["busy-yield"], CPU, "cpu-time-limit", 124).covers(&["RES-26"]),
    row(&["busy-signals"], CPU, "cpu-time-limit", 124).covers(&["RES-26"]),
    row(&["busy-timers"], CPU, "cpu-time-limit", 124).covers(&["RES-26"]),
    row(&["vfork-sleep"], WALL, "wall-time-limit", 124).covers(&["PR-19"]),
    row(&["busy-system"], CPU, "cpu-time-limit", 124).covers(&["RES-26"]),
    row(&["alternate"], CPU, "cpu-time-limit", 124),
    row(&["alternate"], WALL, "wall-time-limit", 124),
    row(&["alternate"], &["--idle-time", "3s", "--cpu-time", "300ms"], "cpu-time-limit", 124),
    row(&["alternate"], IDLE, "idle-time-limit", 124),
    row(&["busy"], WALL, "wall-time-limit", 124),
    row(&["busy"], &["--cpu-quota", "20ms", "--wall-time", "2s"], "wall-time-limit", 124).needs_root(),
    row(&["sleep"], WALL, "wall-time-limit", 124).covers(&["RES-15"]),
    row(&["sleep-child"], WALL, "wall-time-limit", 124).covers(&["PR-19"]),
    row(&["stop-self"], WALL, "wall-time-limit", 124).covers(&["PR-18"]),
    row(&["block-on-own-pipe"], WALL, "wall-time-limit", 124).covers(&["RES-12"]),
    row(&["sleep"], IDLE, "idle-time-limit", 124),
    // However long it waits for a CPU on a busy machine.
    row(&["busy"], &["--idle-time", "300ms", "--cpu-time", "300ms"], "cpu-time-limit", 124),
    row(&["read-stdin"], IDLE, "idle-time-limit", 124),
    // Memory.
    row(&["memory-heap", "16"], SMALL, "ok", 0).covers(&["RES-29"]),
    row(&["memory-heap", "100"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-01"]),
    row(&["memory-small-blocks", "100"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-01"]),
    row(&["memory-static"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-02"]),
    row(&["memory-child", "100"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-28"]),
    row(&["memory-children", "100"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-04"]),
    row(&["memory-file", "100"], &["--memory", "32M", "--tmp", "256M"], "memory-limit", 137)
        .needs_root()
        .covers(&["RES-06"]),
    row(&["memory-memfd", "100"], &["--memory", "32M", "--output", "256M"], "memory-limit", 137)
        .needs_root()
        .covers(&["RES-07", "KRN-21"]),
    row(&["memory-file", "100", "/dev/shm"], &["--memory", "32M", "--tmp", "256M"], "memory-limit", 137)
        .needs_root()
        .covers(&["RES-07"]),
    row(&["memory-shared", "100"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-07"]),
    row(&["memory-system-v", "100"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-07"]),
    row(&["memory-pipes", "24"], &["--memory", "16M"], "memory-limit", 137).needs_root().covers(&["RES-08"]),
    row(&["memory-page-tables", "32768"], SMALL, "memory-limit", 137).needs_root().covers(&["RES-08"]),
    // The program's image alone is too large: it dies inside execve(2).
    row(&["hello"], &["--memory", "64K"], "memory-limit", 137).needs_root().covers(&["RES-02"]),
    row(&["memory-reserve", "400"], SMALL, "ok", 0).needs_root().covers(&["RES-05"]),
    row(&["memory-file", "100"], &["--tmp", "8M"], "nonzero-exit", libc::ENOSPC).covers(&["RES-09"]),
    row(&["stack", "4"], &["--stack", "16M"], "ok", 0).covers(&["RES-03"]),
    row(&["stack", "64"], &["--stack", "16M"], "signaled", 139).covers(&["RES-03"]),
    // Output.
    row(&["flood-stdout"], OUTPUT, "output-limit", 153).covers(&["RES-11"]),
    row(&["flood-stderr"], OUTPUT, "output-limit", 153).covers(&["RES-11"]),
    row(&["flood-both"], OUTPUT, "output-limit", 153).covers(&["RES-11"]),
    row(&["flood-file"], OUTPUT, "output-limit", 153).covers(&["RES-10"]),
    row(&["flood-file-deaf"], OUTPUT, "output-limit", 153).covers(&["RES-10"]),
    row(&["print", "65536"], OUTPUT, "ok", 0).covers(&["RES-29"]),
    // Processes.
    row(&["fork-until-refused"], PIDS, "ok", 0).needs_root().covers(&["PR-09", "PR-16"]),
    row(&["threads-until-refused"], PIDS, "ok", 0).needs_root().covers(&["PR-10"]),
    row(&["zombies"], PIDS, "ok", 0).needs_root().covers(&["PR-14"]),
    row(&["fork-bomb"], &["--pids", "8", "--cpu-time", "300ms", "--memory", "256M"], "cpu-time-limit", 124)
        .needs_root()
        .covers(&["PR-09"]),
    row(&["daemon"], &[], "ok", 0).prints("done\n").covers(&["PR-11", "PR-13", "JDG-15"]),
    row(&["children-then-exit"], &[], "ok", 0).prints("done\n").covers(&["PR-12"]),
    row(&["many-short-children", "100"], PIDS, "ok", 0).prints("done\n"),
    row(&["files-until-refused"], &["--open-files", "20"], "ok", 0).prints("20\n").covers(&["RES-24"]),
    row(&["kill-all"], &[], "ok", 0).prints("alive\n").covers(&["PR-01"]),
    row(&["kill-init"], &[], "ok", 0).prints("alive\n").covers(&["PR-03"]),
    // Calls that kill.
    row(&["i386-call"], &[], "forbidden-syscall", 159).covers(&["KRN-15"]),
    row(&["x32-call"], &[], "forbidden-syscall", 159).covers(&["KRN-14"]),
];

/// With `thorough`, each of the 256 exit codes is tried.
pub(crate) fn cases(thorough: bool) -> Vec<Case> {
    let codes: Vec<i32> = if thorough { (0..256).collect() } else { SOME_CODES.to_vec() };
    let rows = ROWS.iter().map(WorkloadCase::case);
    rows.chain(codes.into_iter().map(exit_code)).chain((1..=64).filter_map(signal)).collect()
}

/// Codes with a meaning: in problem formats (42, 43), in the runner (124 to 159), in shells.
const SOME_CODES: [i32; 14] = [1, 2, 42, 43, 124, 125, 126, 127, 128, 137, 143, 153, 159, 255];

fn exit_code(code: i32) -> Case {
    let status = if code == 0 { "ok" } else { "nonzero-exit" };
    workload(&["exit", &code.to_string()], &[], status, code, &["JDG-04"])
}

/// The signals are the program's own, even those that limits send too.
fn signal(number: i32) -> Option<Case> {
    let (status, exit) = match number {
        // The program stops until the wall limit: that has a row of its own.
        libc::SIGSTOP => return None,
        // Ignored by default; the stop signals too, in an orphaned process group (signal(7), setpgid(2)).
        libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => ("nonzero-exit", WENT_ON),
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => ("nonzero-exit", WENT_ON),
        // The policy keeps it for the file limit: otherwise wait(2) would not tell who sent it.
        libc::SIGXFSZ => ("nonzero-exit", WENT_ON),
        _ => ("signaled", 128 + number),
    };
    Some(workload(&["raise", &number.to_string()], &[], status, exit, &["JDG-05"]))
}

/// The exit code of a program that a signal did not end.
const WENT_ON: i32 = crate::probe::workload::UNREACHED as i32;

/// A run of a workload, and how the runner must report it.
fn workload(program: &[&str], options: &[&str], status: &'static str, exit: i32, ids: &[&str]) -> Case {
    let argv: Vec<&str> = [PROBE, "verdict"].iter().chain(program).copied().collect();
    let shown: Vec<&str> = options.iter().copied().filter(|word| *word != "--").collect();
    let name = format!("{} {}", program.join(" "), shown.join(" "));
    let step = Step::sandbox(name.trim_end(), &argv).with(LIMITS).with(options);
    let mut expect = vec![Expect::Status(status.into()), Expect::Exit(exit)];
    match status {
        "signaled" => expect.push(Expect::Signal(i64::from(exit) - 128)),
        "output-limit" => expect.push(Expect::StreamsUpTo(64 << 10)),
        _ => {}
    }
    case(Suite::Verdicts, step, ids, expect)
}

impl WorkloadCase {
    fn case(&self) -> Case {
        let mut case = workload(self.program, self.options, self.status, self.exit, self.ids);
        case.step.stdin = match self.program[0] {
            "cat" | "cat-by-name" => Stdin::Text("question\n".into()),
            "read-stdin" => Stdin::Silent,
            _ => Stdin::Empty,
        };
        case.expect.extend(self.stdout.map(|text| Expect::Stdout(text.into())));
        case.expect.extend(self.rule().map(Expect::Rule));
        case.needs_root = self.needs_root.then_some(NO_CGROUP);
        case.guard = self.has_quota().then_some("cpu-quota");
        case
    }

    fn has_quota(&self) -> bool {
        self.options.contains(&"--cpu-quota")
    }

    fn rule(&self) -> Option<Rule> {
        match self.program[0] {
            _ if self.has_quota() => Some(cpu_time_is_below_the_quota),
            "hello" if self.status == "ok" => Some(what_it_used_is_its_own),
            "inodes-until-refused" => Some(as_many_files_as_room),
            "flood-stdout" => Some(stdout_is_cut_exactly),
            "print" => Some(stdout_is_whole),
            "fork-until-refused" | "zombies" | "threads-until-refused" => Some(refused_within_the_pids_limit),
            "busy" | "busy-child" | "busy-thread" | "busy-short-children" => Some(cpu_time_is_counted),
            _ => None,
        }
    }
}

/// A program that only prints a line is not charged for earlier runs, nor for the supervisor. It has one thread, so it
/// cannot have used more CPU time than passed; the addition is for clocks that count in ticks.
fn what_it_used_is_its_own(seen: &Observation) -> Result<(), String> {
    const TICKS_US: u64 = 100_000;
    let report = seen.report()?;
    let number =
        |key: &str| report.get(key).and_then(|value| value.as_u64()).ok_or(format!("no {key} in the report"));
    let (memory, cpu) = (number("memory_peak_bytes")?, number("cpu_us")?);
    let passed = number("setup_us")? + number("wall_us")?;
    if memory < 8 << 20 && cpu <= passed + TICKS_US {
        Ok(())
    } else {
        Err(format!("{memory} bytes and {cpu} µs in {passed} µs for a hello"))
    }
}

/// One for each 4 KiB of `--tmp 1M`, and some more, which init allows for the files that the sandbox itself makes.
fn as_many_files_as_room(seen: &Observation) -> Result<(), String> {
    match seen.stdout.trim().parse::<u32>() {
        Ok(200..=320) => Ok(()),
        _ => Err(format!("{:?} files in a MiB", seen.stdout)),
    }
}

fn stdout_is_cut_exactly(seen: &Observation) -> Result<(), String> {
    match seen.stdout_bytes {
        65536 => Ok(()),
        other => Err(format!("{other} bytes were passed on, the limit is 65536")),
    }
}

fn stdout_is_whole(seen: &Observation) -> Result<(), String> {
    let reported = seen.report()?.get("stdout_bytes").and_then(|bytes| bytes.as_u64());
    if seen.stdout_bytes >= 65536 && reported == Some(seen.stdout_bytes) {
        return Ok(());
    }
    Err(format!("{} bytes were passed on, the report says {reported:?}", seen.stdout_bytes))
}

/// `--pids 8` may count the sandbox's own init, so seven or eight of the program's; never more.
fn refused_within_the_pids_limit(seen: &Observation) -> Result<(), String> {
    let count = seen.stdout.split_whitespace().next().and_then(|word| word.parse::<u32>().ok());
    match count {
        Some(7..=8) => Ok(()),
        other => Err(format!("refused after {other:?} processes")),
    }
}

/// What ended at a limit of 300 ms of CPU time has used it, and cannot have used more than all CPUs had in the time that
/// went by. How much more it used depends on the machine: the supervisor looks when it gets a CPU itself. (A run that a
/// wall limit ended is exempt.)
fn cpu_time_is_counted(seen: &Observation) -> Result<(), String> {
    const LIMIT_US: u64 = 300_000;
    if seen.status()? != "cpu-time-limit" {
        return Ok(());
    }
    let report = seen.report()?;
    let number =
        |key: &str| report.get(key).and_then(|value| value.as_u64()).ok_or(format!("no {key} in the report"));
    let (used, passed) = (number("cpu_us")?, number("setup_us")? + number("wall_us")?);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    if (LIMIT_US..=LIMIT_US.max(passed * cpus)).contains(&used) {
        Ok(())
    } else {
        Err(format!("{used} µs were used in {passed} µs at a limit of {LIMIT_US}"))
    }
}

/// A program that only computes, with a fifth of a CPU. The margin is for a guest that loses its CPU for a while: the kernel
/// charges that time to what runs, and takes it off later periods.
fn cpu_time_is_below_the_quota(seen: &Observation) -> Result<(), String> {
    let report = seen.report()?;
    let number = |key: &str| report[key].as_u64().ok_or(format!("no {key} in the report"));
    let (used, passed) = (number("cpu_us")?, number("wall_us")?);
    if used * 2 < passed { Ok(()) } else { Err(format!("{used} µs of {passed} µs with a fifth of a CPU")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let cases = cases(true);
        let names: BTreeSet<&str> = cases.iter().map(|case| case.step.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn every_row_names_a_program_that_exists() {
        for row in ROWS {
            assert!(crate::probe::workload::is_known(row.program[0]), "{}", row.program[0]);
        }
    }

    #[test]
    fn signals_and_exit_codes_agree() {
        for row in ROWS.iter().filter(|row| row.status == "signaled") {
            assert!((129..=192).contains(&row.exit), "{:?}", row.program);
        }
    }
}
