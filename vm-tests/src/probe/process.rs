//! PR: other processes, as far as they can be seen, signalled, traced or read.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::sys::{self, Arg};
use super::{Attack, Finding, Target, look, trial};

/// The attacks of this family.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("process/see-outside", &["PR-01"], see_outside).escapes_bare(),
    Attack::new("process/signal-outside", &["PR-01", "PR-23"], signal_outside).escapes_bare(),
    Attack::new("process/signal-every-number", &["PR-01"], signal_every_number).escapes_bare(),
    Attack::new("process/stop-parent", &["PR-02"], stop_parent)
        .escapes_nowhere("without a sandbox it would stop the agent that has to report"),
    Attack::new("process/signal-init", &["PR-03"], signal_init)
        .escapes_nowhere("without a sandbox it would hit the machine's own init"),
    Attack::new("process/trace-init", &["PR-05"], trace_init).escapes_bare(),
    Attack::new("process/trace-outside", &["PR-05"], trace_outside).escapes_bare(),
    Attack::new("process/read-memory-of-init", &["PR-06"], read_memory_of_init).escapes_bare(),
    Attack::new("process/compare-with-init", &["PR-06"], compare_with_init).escapes_bare(),
    Attack::new("process/take-descriptor-of-init", &["PR-07"], take_descriptor_of_init).escapes_bare(),
    Attack::new("process/files-of-init", &["PR-08"], files_of_init).escapes_bare(),
    Attack::new("process/environment-of-outside", &["PR-08"], environment_of_outside).escapes_bare(),
    Attack::new("process/overwrite-init", &["FS-07"], overwrite_init)
        .escapes_nowhere("the kernel refuses every write to a program that runs (ETXTBSY, open(2))"),
    Attack::new("process/adopt-as-sibling", &["PR-15"], adopt_as_sibling).escapes_nowhere(
        "there is nothing to refuse: the new process is a child of PID 1 and ends with the rest",
    ),
    Attack::new("process/controlling-terminal", &["PR-20", "KRN-17"], controlling_terminal)
        .escapes_nowhere("the harness has no terminal to get hold of; guard/session shows the session"),
    Attack::new("process/session-of-the-supervisor", &["PR-20"], session_of_the_supervisor),
    Attack::new("process/signal-by-descriptor", &["PR-21"], signal_by_descriptor).escapes_bare(),
    Attack::new("process/core-dump", &["PR-25", "RES-30"], core_dump),
    Attack::new("process/raise-limits", &["RES-21"], raise_limits).escapes_bare(),
    Attack::new("process/nice", &["RES-22"], nice).escapes_bare(),
    Attack::new("process/real-time", &["RES-22"], real_time).escapes_bare(),
    Attack::new("process/io-priority", &["RES-22"], io_priority).escapes_bare(),
    Attack::new("process/spare-from-oom-killer", &["RES-28"], spare_from_oom_killer).escapes_bare(),
    Attack::new("process/lock-memory", &["RES-23"], lock_memory).escapes_bare(),
    Attack::new("process/no-new-privileges-off", &["KRN-18"], no_new_privileges_off),
    Attack::new("process/ambient-capability", &["KRN-36"], ambient_capability).escapes_nowhere(
        "it takes an inheritable capability, which root lacks too; process/capability-sets sees all sets",
    ),
    Attack::new("process/capability-sets", &["KRN-36"], capability_sets).escapes_bare(),
    Attack::new("process/nested-user-namespaces", &["KRN-01", "KRN-30"], nested_user_namespaces)
        .escapes_bare(),
];

fn number(value: u32) -> Arg<'static> {
    Arg::N(value.into())
}

/// The canary process in /proc: nothing of it, not even its name.
fn see_outside(target: &Target) -> Finding {
    let directory = format!("/proc/{}", target.pid);
    let name = fs::read_to_string(format!("{directory}/cmdline")).unwrap_or_default();
    if name.contains("canary") {
        return Finding::escaped(format!("{directory} is {}", name.replace('\0', " ")));
    }
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let count = pids.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()).count();
    match count {
        0 => Finding::not_applicable("/proc shows no process"),
        1..=3 => Finding::blocked(format!("{count} processes are visible, all of this sandbox")),
        _ => Finding::escaped(format!("{count} processes are visible")),
    }
}

/// Signal 0 only asks whether a signal could be sent.
fn may_signal(pid: i64) -> Finding {
    Finding::of(&format!("kill {pid}"), sys::call(libc::SYS_kill, &mut [Arg::N(pid), Arg::N(0)]))
}

fn signal_outside(target: &Target) -> Finding {
    may_signal(target.pid.into())
}

/// Every process number except our own and PID 1, which has attacks of its own.
fn signal_every_number(_: &Target) -> Finding {
    let me = i64::from(std::process::id());
    let reached: Vec<String> = (2..32_768)
        .filter(|&pid| pid != me && sys::call(libc::SYS_kill, &mut [Arg::N(pid), Arg::N(0)]).is_ok())
        .map(|pid| pid.to_string())
        .collect();
    if reached.is_empty() {
        Finding::blocked("none may be signalled")
    } else {
        Finding::escaped(reached.join(" "))
    }
}

/// A stopped parent would stop the clock that watches us.
fn stop_parent(_: &Target) -> Finding {
    match std::os::unix::process::parent_id() {
        0 => Finding::blocked("the parent is outside of this pid namespace"),
        parent => stay_up(parent, &[libc::SIGSTOP, libc::SIGTSTP]),
    }
}

/// Every signal there is. Were PID 1 to die of one, this process would die with it and have no finding.
fn signal_init(_: &Target) -> Finding {
    stay_up(1, &(1..=64).collect::<Vec<_>>())
}

/// Sends signals: they may be refused, or have no effect (pid_namespaces(7) shields PID 1 from its own namespace).
fn stay_up(pid: u32, signals: &[i32]) -> Finding {
    let sent = signals
        .iter()
        .filter(|&&signal| sys::call(libc::SYS_kill, &mut [number(pid), Arg::N(signal.into())]).is_ok());
    let sent = sent.count();
    // Time for the effect.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    match stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()) {
        Some('T' | 't') => Finding::escaped(format!("process {pid} is stopped")),
        Some(state) => Finding::blocked(format!("{sent} signals taken, process {pid} is in state {state}")),
        None => Finding::blocked(format!("{sent} signals taken, process {pid} is not visible")),
    }
}

fn trace_init(_: &Target) -> Finding {
    seize(1)
}

fn trace_outside(target: &Target) -> Finding {
    seize(target.pid)
}

/// PTRACE_SEIZE: unlike PTRACE_ATTACH it does not stop what it seizes; it lets go when the child ends.
fn seize(pid: u32) -> Finding {
    const SEIZE: i64 = 0x4206;
    trial(&format!("ptrace {pid}"), || {
        sys::call(libc::SYS_ptrace, &mut [Arg::N(SEIZE), number(pid), Arg::N(0), Arg::N(0)]).map(drop)
    })
}

/// One byte of where its ELF header is mapped.
fn read_memory_of_init(_: &Target) -> Finding {
    let address = lowest_address(1);
    let Ok(memory) = fs::File::open("/proc/1/mem") else {
        return vm_read(1, address);
    };
    let mut byte = [0u8; 1];
    let read = std::os::unix::fs::FileExt::read_at(&memory, &mut byte, address);
    Finding::all([Finding::of_io("/proc/1/mem", read), vm_read(1, address)])
}

/// From its maps; where they cannot be read, the usual address of programs without PIE, such as our init.
fn lowest_address(pid: u32) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let lowest = maps.split('-').next().and_then(|lowest| u64::from_str_radix(lowest, 16).ok());
    lowest.unwrap_or(0x40_0000)
}

fn vm_read(pid: u32, address: u64) -> Finding {
    let mut byte = [0u8; 1];
    let pair = |address: u64, length: u64| [address.to_ne_bytes(), length.to_ne_bytes()].concat();
    let local = pair(byte.as_mut_ptr() as u64, 1);
    let remote = pair(address, 1);
    trial("process_vm_readv", || {
        let mut args = [number(pid), Arg::R(&local), Arg::N(1), Arg::R(&remote), Arg::N(1), Arg::N(0)];
        sys::call(libc::SYS_process_vm_readv, &mut args).map(drop)
    })
}

fn compare_with_init(_: &Target) -> Finding {
    const KCMP_FILES: i64 = 2;
    trial("kcmp", || {
        let mut args = [number(std::process::id()), Arg::N(1), Arg::N(KCMP_FILES), Arg::N(0), Arg::N(0)];
        sys::call(libc::SYS_kcmp, &mut args).map(drop)
    })
}

fn take_descriptor_of_init(_: &Target) -> Finding {
    trial("pidfd_getfd", || {
        let pidfd = sys::call(libc::SYS_pidfd_open, &mut [Arg::N(1), Arg::N(0)])?;
        sys::call(libc::SYS_pidfd_getfd, &mut [Arg::N(pidfd), Arg::N(0), Arg::N(0)]).map(drop)
    })
}

/// What only the owner of a process may read of it.
fn files_of_init(_: &Target) -> Finding {
    const FILES: [&str; 6] = ["environ", "maps", "auxv", "syscall", "stack", "io"];
    let read = FILES.map(|name| {
        let path = format!("/proc/1/{name}");
        match fs::read(&path) {
            // Some are empty instead of refused: an empty file reveals nothing.
            Ok(bytes) if bytes.is_empty() => Finding::blocked(format!("{path}: empty")),
            read => Finding::of_io(&path, read),
        }
    });
    let links = ["exe", "cwd", "root", "fd/0"].map(|name| {
        let path = format!("/proc/1/{name}");
        Finding::of_io(&path, fs::read_link(&path))
    });
    Finding::all(read.into_iter().chain(links))
}

fn environment_of_outside(target: &Target) -> Finding {
    look(Path::new(&format!("/proc/{}/environ", target.pid)))
}

/// The program that runs as PID 1, opened for writing.
fn overwrite_init(_: &Target) -> Finding {
    let paths = ["/proc/1/exe", "/proc/self/exe"];
    Finding::all(paths.map(|path| Finding::of_io(path, fs::OpenOptions::new().write(true).open(path))))
}

/// Makes a child of this process's parent (CLONE_PARENT, clone(2)).
fn adopt_as_sibling(_: &Target) -> Finding {
    let flags = i64::from(libc::CLONE_PARENT | libc::SIGCHLD);
    trial("clone CLONE_PARENT", || match sys::call(libc::SYS_clone, &mut [Arg::N(flags), Arg::N(0)])? {
        0 => {
            // Inside, the parent may only be this sandbox's init.
            let parent = std::os::unix::process::parent_id();
            sys::leave(i32::from(parent > 1));
        }
        _ => Err(sys::Errno(libc::EPERM)),
    })
}

/// /dev/tty opens only where there is a controlling terminal.
fn controlling_terminal(_: &Target) -> Finding {
    Finding::of_io("/dev/tty", fs::OpenOptions::new().read(true).write(true).open("/dev/tty"))
}

/// Session 0 means: one from outside of this pid namespace.
fn session_of_the_supervisor(_: &Target) -> Finding {
    match sys::call(libc::SYS_getsid, &mut [Arg::N(0)]) {
        Ok(0) => Finding::escaped("the session is one of the outside"),
        Ok(session) => Finding::blocked(format!("session {session}")),
        Err(errno) => Finding::of::<()>("getsid", Err(errno)),
    }
}

/// The kernel sends a descriptor's signals to its owner (F_SETOWN, fcntl(2)), which must not be a process outside.
fn signal_by_descriptor(target: &Target) -> Finding {
    let Ok((reader, _writer)) = std::io::pipe() else { return Finding::blocked("no pipe") };
    let own = |pid: i64| {
        let mut args = [Arg::N(reader.as_raw_fd().into()), Arg::N(libc::F_SETOWN.into()), Arg::N(pid)];
        Finding::of(&format!("F_SETOWN {pid}"), sys::call(libc::SYS_fcntl, &mut args))
    };
    own(target.pid.into())
}

fn core_dump(_: &Target) -> Finding {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let fields: Vec<&str> = line.split_whitespace().collect();
    match fields[..] {
        [.., "0", "0", "bytes"] => Finding::blocked("the limit is 0, soft and hard"),
        _ => Finding::escaped(line),
    }
}

/// Every hard limit raised by one, where it is not unlimited.
fn raise_limits(_: &Target) -> Finding {
    let limits =
        [("core", libc::RLIMIT_CORE), ("nofile", libc::RLIMIT_NOFILE), ("memlock", libc::RLIMIT_MEMLOCK)];
    Finding::all(limits.map(|(name, resource)| {
        let mut old = [0u8; 16];
        let mut get = [Arg::N(0), Arg::N(resource.into()), Arg::N(0), Arg::W(&mut old)];
        if let Err(errno) = sys::call(libc::SYS_prlimit64, &mut get) {
            return Finding::of::<()>(name, Err(errno));
        }
        let mut hard = [0; 8];
        hard.copy_from_slice(&old[8..]);
        let hard = u64::from_ne_bytes(hard);
        if hard == u64::MAX {
            return Finding::escaped(format!("{name} is unlimited"));
        }
        let new = [(hard + 1).to_ne_bytes(); 2].concat();
        let mut set = [Arg::N(0), Arg::N(resource.into()), Arg::R(&new), Arg::N(0)];
        Finding::of(&format!("{name} above {hard}"), sys::call(libc::SYS_prlimit64, &mut set))
    }))
}

fn nice(_: &Target) -> Finding {
    trial("nice -5", || sys::call(libc::SYS_setpriority, &mut [Arg::N(0), Arg::N(0), Arg::N(-5)]).map(drop))
}

fn real_time(_: &Target) -> Finding {
    let priority = 1u32.to_ne_bytes();
    Finding::all([("SCHED_FIFO", 1), ("SCHED_RR", 2)].map(|(name, policy)| {
        trial(name, || {
            sys::call(libc::SYS_sched_setscheduler, &mut [Arg::N(0), Arg::N(policy), Arg::R(&priority)])
                .map(drop)
        })
    }))
}

fn io_priority(_: &Target) -> Finding {
    const REAL_TIME: i64 = 1 << 13;
    trial("ioprio", || {
        sys::call(libc::SYS_ioprio_set, &mut [Arg::N(1), Arg::N(0), Arg::N(REAL_TIME)]).map(drop)
    })
}

/// Lower than it is now.
fn spare_from_oom_killer(_: &Target) -> Finding {
    Finding::of_io("oom_score_adj", fs::write("/proc/self/oom_score_adj", "-1000"))
}

/// More than a judge's program needs.
fn lock_memory(_: &Target) -> Finding {
    let memory = vec![1u8; 16 << 20];
    trial("mlock 16 MiB", || sys::call(libc::SYS_mlock, &mut [Arg::R(&memory), Arg::N(16 << 20)]).map(drop))
}

fn no_new_privileges_off(_: &Target) -> Finding {
    const GET: i64 = libc::PR_GET_NO_NEW_PRIVS as i64;
    const SET: i64 = libc::PR_SET_NO_NEW_PRIVS as i64;
    let zeros = || [Arg::N(0), Arg::N(0), Arg::N(0), Arg::N(0)];
    let [a, b, c, d] = zeros();
    match sys::call(libc::SYS_prctl, &mut [Arg::N(GET), a, b, c, d]) {
        Ok(0) => return Finding::escaped("no_new_privs is off"),
        Ok(_) => {}
        Err(errno) => return Finding::of::<()>("PR_GET_NO_NEW_PRIVS", Err(errno)),
    }
    let [a, b, c, d] = zeros();
    trial("no_new_privs off", || sys::call(libc::SYS_prctl, &mut [Arg::N(SET), a, b, c, d]).map(drop))
}

fn ambient_capability(_: &Target) -> Finding {
    const RAISE: i64 = 2;
    const SYS_ADMIN: i64 = 21;
    trial("raise CAP_SYS_ADMIN", || {
        let mut args =
            [Arg::N(libc::PR_CAP_AMBIENT.into()), Arg::N(RAISE), Arg::N(SYS_ADMIN), Arg::N(0), Arg::N(0)];
        sys::call(libc::SYS_prctl, &mut args).map(drop)
    })
}

/// All five sets, the groups and the flag, as /proc has them.
fn capability_sets(_: &Target) -> Finding {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or("missing").trim().to_string()
    };
    let sets = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].map(|key| (key, value(key)));
    let wrong: Vec<String> = sets
        .iter()
        .filter(|(_, set)| set != "0000000000000000")
        .map(|(key, set)| format!("{key} {set}"))
        .collect();
    if wrong.is_empty() { Finding::blocked("all five are empty") } else { Finding::escaped(wrong.join(", ")) }
}

/// A user namespace, and a mount in it.
fn nested_user_namespaces(_: &Target) -> Finding {
    trial("unshare user, then mount", || {
        let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
        sys::call(libc::SYS_unshare, &mut [Arg::N(flags.into())])?;
        let mut args = [Arg::S(c"none"), Arg::S(c"/tmp"), Arg::S(c"tmpfs"), Arg::N(0), Arg::N(0)];
        sys::call(libc::SYS_mount, &mut args).map(drop)
    })
}
