//! Whether the processes of a run sleep, as seen from outside: in /proc, for which no right over them is needed.

use std::fs;
use std::io;
use std::path::Path;

/// What the processes of a run did when they were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// At least one of them runs, waits for a CPU or for a disk, starts, or is about to end.
    Busy,
    /// All of them sleep. Two equal values one after the other: none of them has run in between.
    Asleep(Vec<String>),
    /// This kernel does not say which processes there are (CONFIG_PROC_CHILDREN).
    Unknown,
}

/// A run has its supervisor, the sandbox's PID 1, and at least this one when the program has begun.
const PROGRAM: usize = 2;

/// Looks at a supervisor and all below it, from the outside in: that is the way that input goes. What was found empty
/// stays so when nothing more is sent, so that input on its way keeps a process awake that is looked at later.
pub(super) fn look(supervisor: i32) -> Activity {
    // Asked about this process, which is there: a supervisor that has just ended would look like a kernel without the list.
    if !Path::new("/proc/thread-self/children").exists() {
        return Activity::Unknown;
    }
    let (mut threads, mut deepest) = (Vec::new(), 0);
    match visit(supervisor, 0, &mut threads, &mut deepest) {
        // A process that is not there any more has just ended.
        Ok(true) if deepest >= PROGRAM => Activity::Asleep(threads),
        _ => Activity::Busy,
    }
}

/// Whether a process of the run has been stopped and the others sleep; true where this kernel does not tell.
pub(super) fn is_stopped(supervisor: i32) -> bool {
    match look(supervisor) {
        Activity::Busy => false,
        Activity::Asleep(threads) => threads.iter().any(|stat| state(stat) == Some('T')),
        Activity::Unknown => true,
    }
}

/// Whether this process and all below it sleep.
fn visit(pid: i32, depth: usize, threads: &mut Vec<String>, deepest: &mut usize) -> io::Result<bool> {
    let tasks = format!("/proc/{pid}/task");
    let mut children = Vec::new();
    for task in fs::read_dir(&tasks)? {
        let task = task?.path();
        let stat = fs::read_to_string(task.join("stat"))?;
        match state(&stat) {
            // Sleeping, stopped, traced.
            Some('S' | 'T' | 't') => {}
            _ => return Ok(false),
        }
        // How often it has run; absent on kernels without CONFIG_SCHED_INFO, where the line before has the ticks.
        let runs = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        threads.push(stat + &runs);
        let list = fs::read_to_string(task.join("children"))?;
        children.extend(list.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    *deepest = depth.max(*deepest);
    for child in children {
        if !visit(child, depth + 1, threads, deepest)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The letter after the name in parentheses, which may have parentheses in it (proc_pid_stat(5)).
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, kill_process_group};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    #[test]
    fn the_state_follows_the_name() {
        assert_eq!(state("12 (a) R (b) S 1 2"), Some('S'));
        assert_eq!(state("12 nothing"), None);
    }

    /// A pool's supervisor is reaped by its server, before its report is read.
    #[test]
    fn a_run_whose_supervisor_has_been_reaped_does_not_sleep() {
        let mut child = below_two_shells("cat");
        child.wait().unwrap();
        assert_eq!(look(child.id() as i32), Activity::Busy);
    }

    /// A shell for the supervisor, one for PID 1, and a program; in a process group of their own.
    fn below_two_shells(program: &str) -> Child {
        let script = format!("sh -c '{program}; true'; true");
        Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).process_group(0).spawn().unwrap()
    }

    /// What two looks find, as soon as it is what is wanted.
    fn becomes(child: &Child, wanted: fn(&Activity, &Activity) -> bool) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            let first = look(child.id() as i32);
            sleep(Duration::from_millis(5));
            if wanted(&first, &look(child.id() as i32)) {
                return true;
            }
        }
        false
    }

    #[test]
    fn a_program_that_waits_for_input_sleeps_and_one_that_computes_does_not() {
        let mut waits = below_two_shells("cat");
        assert!(becomes(&waits, |first, next| matches!(first, Activity::Asleep(_)) && first == next));
        // Another look finds the same, for as long as nothing comes.
        assert_eq!(look(waits.id() as i32), look(waits.id() as i32));
        drop(waits.stdin.take());
        waits.wait().unwrap();
        let mut computes = below_two_shells("while :; do :; done");
        assert!(becomes(&computes, |first, next| [first, next] == [&Activity::Busy; 2]));
        // However long it computes: it never sleeps.
        sleep(Duration::from_millis(20));
        assert_eq!(look(computes.id() as i32), Activity::Busy);
        let group = Pid::from_raw(computes.id() as i32).unwrap();
        kill_process_group(group, Signal::KILL).unwrap();
        computes.wait().unwrap();
    }
}
