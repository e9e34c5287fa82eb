//! The processes of a run: all are descendants of this one, and stay so when their parents die.

use std::fmt;
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper, wait,
};

/// How long after the supervisor's end the last process of a run may live. The kernel tears namespaces down and the
/// machine may be busy; what is left for good is left after any time.
const GRACE: Duration = Duration::from_secs(10);

/// Whom `kill -9` hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// Outside, with the caller's privilege.
    Supervisor,
    /// init of the pid namespace.
    Pid1,
    /// The program, or what it started.
    Submission,
    /// Supervisor and PID 1 in the same instant: no process is left that cleans up.
    Both,
}

impl Victim {
    /// In the order of their depth below the caller; then both.
    pub(crate) const ALL: [Victim; 4] = [Victim::Supervisor, Victim::Pid1, Victim::Submission, Victim::Both];
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Victim::Supervisor => "supervisor",
            Victim::Pid1 => "PID 1",
            Victim::Submission => "submission",
            Victim::Both => "supervisor and PID 1",
        })
    }
}

/// From here on a descendant that loses its parent becomes our child (PR_SET_CHILD_SUBREAPER, prctl(2)).
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// A blow that was dealt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blow {
    /// Whom it hit.
    pub(crate) victim: Victim,
    /// How many processes of the run were alive, the victim among them.
    pub of: usize,
}

/// Kills one process of the run of `supervisor`, or its first two, each with the same chance, and returns which.
pub(crate) fn strike(supervisor: u32, random: &mut fastrand::Rng) -> Option<Blow> {
    let family = below(supervisor);
    let has_both = matches!(family[..], [(_, Victim::Supervisor), (_, Victim::Pid1), ..]);
    let chosen = random.usize(..family.len().max(1) + usize::from(has_both));
    let (targets, victim) = match family.get(chosen) {
        Some(&(pid, victim)) => (vec![(pid, victim)], victim),
        None if has_both => (family[..2].to_vec(), Victim::Both),
        None => return None,
    };
    let handles: Option<Vec<_>> = targets
        .iter()
        .map(|(pid, _)| pidfd_open(Pid::from_raw(*pid as i32)?, PidfdFlags::empty()).ok())
        .collect();
    // The kernel may have given the number to another process before the handle was opened; afterwards it cannot.
    let now = below(supervisor);
    let handles = handles.filter(|_| targets.iter().all(|target| now.contains(target)))?;
    let killed = handles.iter().filter(|handle| pidfd_send_signal(handle, Signal::KILL).is_ok()).count();
    let victim = match killed {
        0 => return None,
        all if all == handles.len() => victim,
        // PID 1 was gone already, for the supervisor had reaped it.
        _ => Victim::Supervisor,
    };
    Some(Blow { victim, of: family.len() })
}

/// The living processes of a run, from the supervisor on.
fn below(supervisor: u32) -> Vec<(u32, Victim)> {
    let processes = processes();
    let mut family = Vec::new();
    let mut generation = vec![supervisor];
    for victim in [Victim::Supervisor, Victim::Pid1, Victim::Submission, Victim::Submission] {
        let living = processes.iter().filter(|process| generation.contains(&process.pid) && process.lives);
        family.extend(living.map(|process| (process.pid, victim)));
        let children = processes.iter().filter(|process| generation.contains(&process.parent));
        generation = children.map(|process| process.pid).collect();
    }
    family
}

/// Reaps until no descendant is left. Those that live when the grace is over are named, and killed.
pub(crate) fn survivors() -> Vec<String> {
    let deadline = Instant::now() + GRACE;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            // ECHILD: no descendant is left.
            Err(_) => return Vec::new(),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_micros(200)),
            Ok(None) => return name_and_end(),
        }
    }
}

/// They are descendants of this process only, so it may kill them.
fn name_and_end() -> Vec<String> {
    let processes = processes();
    let mut found = vec![getpid().as_raw_nonzero().get() as u32];
    let mut names = Vec::new();
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        for child in processes.iter().filter(|process| process.parent == parent) {
            found.push(child.pid);
            names.push(format!("left behind: process {} ({})", child.pid, child.name));
            let handle =
                Pid::from_raw(child.pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
            // Fails for one that has just ended by itself.
            handle.map(|handle| pidfd_send_signal(&handle, Signal::KILL).ok());
        }
        next += 1;
    }
    names
}

struct Process {
    pid: u32,
    parent: u32,
    name: String,
    /// Neither a zombie nor dead.
    lives: bool,
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| read(entry.file_name().to_str()?)).collect()
}

/// `PID (NAME) STATE PARENT …` (proc_pid_stat(5)). `None` for a process that has ended meanwhile.
fn read(pid: &str) -> Option<Process> {
    let pid: u32 = pid.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let lives = !matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let (_, name) = head.split_once('(')?;
    Some(Process { pid, parent, name: name.to_string(), lives })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_with_its_parent() {
        let own = read(&std::process::id().to_string()).expect("this process");
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(own.lives);
    }

    #[test]
    fn generations_are_told_apart() {
        let mut child = std::process::Command::new("sh").args(["-c", "sleep 60; true"]).spawn().unwrap();
        let grandchild = |family: &[(u32, Victim)]| family.iter().any(|(_, victim)| *victim == Victim::Pid1);
        while !grandchild(&below(child.id())) {
            thread::sleep(Duration::from_millis(1));
        }
        let family = below(child.id());
        assert_eq!(family[0], (child.id(), Victim::Supervisor));
        let sleep = Pid::from_raw(family[1].0 as i32).unwrap();
        rustix::process::kill_process(sleep, Signal::KILL).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
