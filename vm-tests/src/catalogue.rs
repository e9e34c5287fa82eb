//! The catalogue of attacks: every row, and where it is tried. Cases name the rows that they try; every other row has the
//! place where it is tried instead, or the reason why it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::case::Case;
use crate::suite::Suite;

/// One attack.
struct CatalogueRow {
    id: &'static str,
    attack: &'static str,
    /// Where else it is tried, or why it is not. Only where no case of this crate tries it.
    instead: Option<&'static str>,
}

const fn row(id: &'static str, attack: &'static str) -> CatalogueRow {
    CatalogueRow { id, attack, instead: None }
}

const fn except(id: &'static str, attack: &'static str, instead: &'static str) -> CatalogueRow {
    CatalogueRow { id, attack, instead: Some(instead) }
}

const A_RUN_LIKE_ANY: &str = "not applicable: a compiler is a submission like any other, with its own run, limits and empty scratch space";
const NOT_OURS: &str = "not applicable: the judge's own harness or files, which the runner does not know";
const OF_THE_BUILDER: &str = "builder/tests/it/guards.rs";
/// Only `capsule exec` passes on files that a submission has written: from its compile step to its run step.
const OF_THE_WORKSPACE: &str = "builder/tests/it/planted.rs";

const ROWS: &[CatalogueRow] = &[
    row("FS-01", "double chroot"),
    row("FS-02", "a directory kept open over a chroot"),
    row("FS-03", "a descriptor that the supervisor leaked"),
    row("FS-04", "a directory received over a unix socket"),
    row("FS-05", "a working directory outside of the root"),
    row("FS-06", "roots and directories of processes in /proc"),
    row("FS-07", "the runner's own program, opened for writing"),
    row("FS-08", "climbing by .. to the judge's files"),
    row("FS-09", "a descriptor reopened with more rights"),
    row("FS-10", "open_by_handle_at"),
    row("FS-11", "a device node made and opened"),
    row("FS-12", "mounting, by the old calls and the new"),
    row("FS-13", "pivot_root"),
    row("FS-14", "a mask peeled off"),
    except("FS-15", "a symbolic link as the output file", OF_THE_WORKSPACE),
    except("FS-16", "a symbolic link where the supervisor writes next", OF_THE_WORKSPACE),
    except("FS-17", "a symbolic link under a recursive chown", OF_THE_WORKSPACE),
    except("FS-18", "a path exchanged while it is read", OF_THE_WORKSPACE),
    except("FS-19", "output that is a pipe, a socket or a device", OF_THE_WORKSPACE),
    except("FS-20", "a hard link to a foreign file", OF_THE_WORKSPACE),
    except("FS-21", "sparse, deep and oddly named output", OF_THE_WORKSPACE),
    row("FS-22", "set-user-ID programs, an empty argument vector"),
    row("FS-23", "file capabilities"),
    row("FS-24", "kernel settings in /proc"),
    row("FS-25", "binfmt_misc"),
    row("FS-26", "/sys"),
    row("FS-27", "release_agent of a cgroup"),
    row("FS-28", "out of the cgroup, or its limits raised"),
    row("FS-29", "files of /proc that reveal the machine"),
    row("FS-30", "a root whose /proc, /dev or /tmp is a symbolic link"),
    except(
        "FS-31",
        "a program written and executed",
        "policy: what was compiled in the sandbox may run in it; nosuid, nodev and the filter hold for it too",
    ),
    row("FS-32", "writing outside of the scratch space"),
    row("FS-33", "the judge's input rewritten"),
    row("FS-34", "locks, leases and notifications on shared files"),
    row("FS-35", "shared files of the root changed"),
    row("FS-36", "very many and very deep files"),
    except("FS-37", "hostile input of the builder", OF_THE_BUILDER),
    row("FS-38", "pages and hints of shared files"),
    row("PR-01", "kill every process"),
    row("PR-02", "stop the parent"),
    row("PR-03", "every signal to PID 1"),
    row("PR-04", "abort and fatal signals of the only process"),
    row("PR-05", "ptrace"),
    row("PR-06", "memory of other processes"),
    row("PR-07", "descriptors of other processes"),
    row("PR-08", "secrets of PID 1 in /proc"),
    row("PR-09", "fork bomb"),
    row("PR-10", "thread bomb"),
    row("PR-11", "a daemon that outlives"),
    row("PR-12", "children that outlive"),
    row("PR-13", "a double fork"),
    row("PR-14", "zombies"),
    row("PR-15", "a child of the parent's"),
    row("PR-16", "all process numbers used up"),
    row("PR-17", "signals of limits ignored"),
    row("PR-18", "a process that stops itself"),
    row("PR-19", "children that cannot be waited for"),
    row("PR-20", "job control of the operator's terminal"),
    row("PR-21", "signals by descriptor and timer"),
    row("PR-22", "a forged name"),
    row("PR-23", "a reused process number"),
    row("PR-24", "argument vectors: empty, huge, a chain, a loop"),
    row("PR-25", "core dumps"),
    row("NET-01", "a service on the host's loopback"),
    row("NET-02", "the world"),
    row("NET-03", "the metadata service of a cloud"),
    row("NET-04", "abstract sockets"),
    row("NET-05", "sockets with a path"),
    row("NET-06", "netlink"),
    row("NET-07", "packets and raw IP"),
    row("NET-08", "vsock"),
    row("NET-09", "the kernel's cryptography"),
    row("NET-10", "other socket families"),
    row("NET-11", "sockets by the 32-bit call"),
    row("NET-12", "descriptors in flight"),
    row("NET-13", "out-of-band bytes"),
    row("NET-14", "one port, two runs"),
    row("NET-15", "a server and a client in one sandbox"),
    row("NET-16", "tunnels and interfaces"),
    row("NET-17", "IPC objects of others"),
    row("NET-18", "shared memory of others"),
    row("NET-19", "socket options that reach more of the kernel"),
    row("NET-20", "socket types that load modules"),
    row("KRN-01", "new namespaces"),
    row("KRN-02", "clone3"),
    row("KRN-03", "setns"),
    row("KRN-04", "bpf"),
    row("KRN-05", "performance counters"),
    row("KRN-06", "userfaultfd"),
    row("KRN-07", "keyrings"),
    row("KRN-08", "io_uring"),
    row("KRN-09", "kexec"),
    row("KRN-10", "modules"),
    row("KRN-11", "reboot"),
    row("KRN-12", "personality"),
    row("KRN-13", "segments and ports"),
    row("KRN-14", "x32 numbers"),
    row("KRN-15", "the 32-bit entry"),
    row("KRN-16", "rubbish in the upper half of an argument"),
    row("KRN-17", "typing into the terminal"),
    row("KRN-18", "a looser filter"),
    row("KRN-19", "numbers that no kernel knows"),
    except(
        "KRN-20",
        "memory changed under a supervisor's decision",
        "not applicable: no decision is made on memory; the notifier only reports",
    ),
    row("KRN-21", "programs and data in a memfd"),
    except(
        "KRN-22",
        "memory to write and execute",
        "policy: compilers at run time need it (JVM, V8, LuaJIT)",
    ),
    row("KRN-23", "page zero"),
    row("KRN-24", "devices"),
    row("KRN-25", "the clock"),
    row("KRN-26", "the host's name"),
    row("KRN-27", "swap, quotas, accounting, the kernel's log"),
    row("KRN-28", "pages merged with those of others"),
    row("KRN-29", "fsopen and its options"),
    row("KRN-30", "network administration in a user namespace"),
    row("KRN-31", "requests to terminals and sound"),
    row("KRN-32", "a forged signal frame"),
    row("KRN-33", "fanotify and inotify"),
    row("KRN-34", "the mount table"),
    row("KRN-35", "environment and auxiliary vector"),
    row("KRN-36", "users, groups and capabilities"),
    row("KRN-37", "another run of the same user"),
    row("KRN-38", "the kernel's file systems"),
    row("KRN-39", "calls at random"),
    except(
        "KRN-40",
        "speculative execution",
        "not ours: the mitigations are the kernel's; the host's are in /sys/devices/system/cpu/vulnerabilities",
    ),
    row("KRN-41", "requests to namespaces and file systems"),
    row("RES-01", "memory of the heap"),
    row("RES-02", "a large static array"),
    row("RES-03", "the stack"),
    row("RES-04", "memory of many children"),
    row("RES-05", "address space without memory"),
    row("RES-06", "memory in files"),
    row("RES-07", "memory in shared segments"),
    row("RES-08", "memory of the kernel's"),
    row("RES-09", "space and number of files"),
    row("RES-10", "the size of a file"),
    row("RES-11", "a flood of output"),
    row("RES-12", "a pipe that no process reads"),
    row("RES-13", "output that is not text"),
    row("RES-14", "a busy loop"),
    row("RES-15", "sleep"),
    row("RES-16", "CPU time of children"),
    row("RES-17", "CPU time of threads"),
    row("RES-18", "children shorter than a tick"),
    row("RES-19", "what an earlier run used"),
    row("RES-20", "what the supervisor uses"),
    row("RES-21", "limits raised"),
    row("RES-22", "priorities raised"),
    row("RES-23", "memory locked"),
    row("RES-24", "open files"),
    row("RES-25", "sync and fsync"),
    row("RES-26", "storms of calls, signals and timers"),
    except("RES-27", "swap", "the suite of guards: swap, up and removed"),
    row("RES-28", "another victim for the OOM killer"),
    row("RES-29", "exactly at the limit"),
    row("RES-30", "core files"),
    except(
        "RES-31",
        "a neighbour that takes everything",
        "not shown here: how a busy machine divides its CPUs is the operator's (`--cpus`); memory and processes are each run's own by their limits",
    ),
    except(
        "RES-32",
        "a huge command line from the judge",
        "init/src/options.rs: more arguments than there is room for are refused; the kernel refuses longer strings to init itself",
    ),
    row("RES-33", "a last answer after the limit"),
    row("RES-34", "huge pages"),
    row("JDG-01", "the judge's answers"),
    row("JDG-02", "a forged verdict in the output"),
    row("JDG-03", "the report's descriptor"),
    row("JDG-04", "exit codes that mean something to us"),
    row("JDG-05", "signals that mean a limit"),
    except(
        "JDG-06",
        "an interactor killed or starved",
        "not applicable: one run is one program; the caller that joins two has both reports",
    ),
    row("JDG-07", "the right answer, then a crash"),
    except("JDG-08", "a test harness in the same process", NOT_OURS),
    row("JDG-09", "what the run before left"),
    except("JDG-10", "files of the judge included at compile time", A_RUN_LIKE_ANY),
    except("JDG-11", "a compiler that computes for ever", A_RUN_LIKE_ANY),
    except("JDG-12", "a compiler that takes all memory", A_RUN_LIKE_ANY),
    except("JDG-13", "a flood of compiler messages", A_RUN_LIKE_ANY),
    except("JDG-14", "a huge program", A_RUN_LIKE_ANY),
    row("JDG-15", "a daemon from compiling to running"),
    except("JDG-16", "files smuggled among the sources", NOT_OURS),
    row("JDG-17", "odd arguments"),
    row("JDG-18", "output that breaks a report or a terminal"),
    row("JDG-19", "standard input changed"),
    row("JDG-20", "standard output read back"),
    row("JDG-21", "two programs that talk"),
    except(
        "JDG-22",
        "a verdict as a channel",
        "accepted: a user who sees the exit code, time and memory of a program learns what the program can express by them",
    ),
    except("JDG-23", "several limits at once", "init/src/outcome.rs: the first cause wins"),
    row("JDG-24", "a forged proof on the console"),
    row("JDG-25", "from the VM to its host"),
    row("JDG-26", "a step of the set-up made to fail"),
    row("JDG-27", "the supervisor killed"),
    row("JDG-28", "a program that cannot be executed"),
];

/// Where each row is tried, as a document.
pub fn document(cases: &[Case]) -> String {
    let mut text = String::from(HEAD);
    let tried = tried(cases);
    for row in ROWS {
        let place = match (tried.get(row.id), row.instead) {
            (Some(names), _) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" "),
            (None, Some(instead)) => instead.to_string(),
            (None, None) => "**nowhere**".to_string(),
        };
        writeln!(text, "| {} | {} | {place} |", row.id, row.attack).expect("a String takes everything");
    }
    text
}

const HEAD: &str = "\
# Attacks, and where each is tried

Every row is tried by a case of vm-tests (`just vm-test` in virtual machines, `just host-test` on this host), unless it
names another place, or a reason. `control/…` are the same probes without a sandbox, where they get through. This file
is the output of `vm-tests --coverage`, and a test compares.

| row | attack | tried by |
|---|---|---|
";

/// What is wrong with the catalogue: rows that no case tries, rows that are tried and excused, cases without a row.
#[cfg(test)]
fn gaps(cases: &[Case]) -> Vec<String> {
    let tried = tried(cases);
    let mut gaps = Vec::new();
    for row in ROWS {
        match (tried.contains_key(row.id), row.instead) {
            (false, None) => gaps.push(format!("{} ({}) is tried nowhere", row.id, row.attack)),
            (true, Some(_)) => gaps.push(format!("{} is tried, and excused all the same", row.id)),
            _ => {}
        }
    }
    let known: BTreeSet<&str> = ROWS.iter().map(|row| row.id).collect();
    let unknown = tried.keys().filter(|id| !known.contains(*id));
    gaps.extend(unknown.map(|id| format!("{id} is not a row of the catalogue")));
    gaps
}

/// The cases of each row. The exit codes and signals are one name with a star.
fn tried(cases: &[Case]) -> BTreeMap<&str, BTreeSet<String>> {
    let mut tried: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.suite != Suite::Controls) {
        let name = &case.step.name;
        let name = match (case.suite, case.suite.without_suite(name).split_once(' ')) {
            (Suite::Verdicts, Some((first @ ("exit" | "raise"), _))) => {
                case.suite.case_name(&format!("{first} *"))
            }
            _ => name.clone(),
        };
        for id in &case.ids {
            tried.entry(id).or_default().insert(name.clone());
        }
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::of_scope;
    use crate::suite::Scope;

    fn all() -> Vec<Case> {
        of_scope(Scope::All, true)
    }

    #[test]
    fn every_row_is_tried_or_says_why_not() {
        assert_eq!(gaps(&all()), Vec::<String>::new());
    }

    #[test]
    fn a_row_without_a_case_is_a_gap() {
        let without: Vec<Case> =
            all().into_iter().filter(|case| !case.ids.contains(&"FS-10".to_string())).collect();
        assert_eq!(gaps(&without), ["FS-10 (open_by_handle_at) is tried nowhere"]);
    }

    #[test]
    fn the_catalogue_is_whole() {
        let ids: BTreeSet<&str> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!((ROWS.len(), ids.len()), (186, 186));
    }

    #[test]
    fn the_document_is_the_catalogue() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/attacks.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == document(&all()), "write it again: vm-tests --coverage > docs/attacks.md");
    }
}
