//! The system calls of one run compared with the document that gives each a reason.

use std::collections::{BTreeMap, BTreeSet};

/// The processes of a run, in the order in which they appear.
pub(crate) const PROCESSES: [&str; 3] = ["supervisor", "PID 1", "submission"];

/// Calls by name, each with the indexes of the processes that make it.
pub(crate) type Calls = BTreeMap<String, BTreeSet<usize>>;

/// A row of the document: when each process makes the call; `None` for never, a condition in words, or `yes`.
pub(crate) type Rows = BTreeMap<String, [Option<String>; 3]>;

/// Reads the output of `strace -f -o`: what each process called, the submission until its program began.
pub fn traced(trace: &str) -> Calls {
    let mut pids: Vec<&str> = Vec::new();
    let mut calls = Calls::new();
    let mut executed = false;
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let Some(call) = call_of(rest.trim_start()) else { continue };
        if !pids.contains(&pid) {
            pids.push(pid);
            // The first is strace's own start of init.
            if pids.len() == 1 {
                continue;
            }
        }
        let Some(process) =
            pids.iter().position(|known| *known == pid).filter(|index| *index < PROCESSES.len())
        else {
            continue;
        };
        if process == 2 && executed {
            continue;
        }
        calls.entry(call.to_string()).or_default().insert(process);
        executed |= process == 2 && call == "execve" && line.trim_end().ends_with("= 0");
    }
    calls
}

/// `name(…`, or `<... name resumed>…`: the end of a call from an earlier line, which matters for an execve that has
/// succeeded.
fn call_of(text: &str) -> Option<&str> {
    let text = text.strip_prefix("<... ").unwrap_or(text);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, rest) = text.split_at(end);
    (!name.is_empty() && (rest.starts_with('(') || rest.starts_with(" resumed"))).then_some(name)
}

/// Reads the table of the document.
pub fn documented(document: &str) -> Rows {
    let mut rows = Rows::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [call, supervisor, pid1, submission, why] = cells[..] else { continue };
        if why.is_empty() {
            continue; // a call without a reason is not documented
        }
        let when = |cell: &str| (cell != "–").then(|| cell.to_string());
        rows.insert(call.trim_matches('`').to_string(), [when(supervisor), when(pid1), when(submission)]);
    }
    rows
}

/// What only one of them has.
pub fn compare(calls: &Calls, rows: &Rows) -> Vec<String> {
    let mut wrong = Vec::new();
    for (call, processes) in calls {
        for &process in processes {
            if rows.get(call).is_none_or(|row| row[process].is_none()) {
                wrong
                    .push(format!("{} calls `{call}`, and the document gives no reason", PROCESSES[process]));
            }
        }
    }
    for (call, row) in rows {
        for (process, when) in row.iter().enumerate() {
            let is_made = calls.get(call).is_some_and(|processes| processes.contains(&process));
            if when.as_deref() == Some("yes") && !is_made {
                wrong.push(format!("{} does not call `{call}`, as the document says", PROCESSES[process]));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
10 execve(\"init\", [\"init\"], 0x1 /* 2 vars */) = 0
10 openat(AT_FDCWD, \"/x\", O_RDONLY <unfinished ...>
11 umask(000) = 022
10 <... openat resumed>) = 3
12 setsid() = 2
12 execve(\"/bin/true\", [\"/bin/true\"], 0x2 /* 4 vars */) = 0
12 brk(NULL) = 0x1
11 +++ exited with 0 +++
";
    const DOCUMENT: &str = "\
| call | supervisor | PID 1 | submission | why |
|---|---|---|---|---|
| `openat` | yes | – | – | opens |
| `umask` | – | yes | – | modes |
| `setsid` | – | – | yes | a session |
| `execve` | – | – | yes | the program |
| `unlinkat` | root | – | – | the cgroup |
";

    #[test]
    fn a_trace_that_the_document_describes_is_right() {
        assert_eq!(compare(&traced(TRACE), &documented(DOCUMENT)), Vec::<String>::new());
    }

    #[test]
    fn the_programs_own_calls_do_not_count() {
        assert!(!traced(TRACE).contains_key("brk"));
    }

    #[test]
    fn a_call_too_many_and_one_too_few_are_named() {
        let more = format!("{TRACE}10 reboot(0) = 0\n");
        assert_eq!(compare(&traced(&more), &documented(DOCUMENT)).len(), 1);
        let fewer = TRACE.replace("11 umask(000) = 022\n", "11 chroot(\".\") = 0\n");
        assert_eq!(compare(&traced(&fewer), &documented(DOCUMENT)).len(), 2);
    }
}
