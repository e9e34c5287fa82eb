//! Who a submission is, inside and outside; and an ordinary user with a cgroup of its own.

use super::guards::at_most_eight;
use super::{PROBE, case};
use crate::case::{Case, Expect};
use crate::plan::{Place, Step};
use crate::suite::Suite;

/// All but the [`delegated`] ones.
pub(crate) fn cases() -> Vec<Case> {
    let as_whom = |name: &str, options: &[&str], command: &str, stdout: &str| {
        let step = Step::sandbox(name, &["/bin/bash", "-c", command]).with(options);
        case(Suite::Identity, step, &["KRN-37"], vec![Expect::Exit(0), Expect::Stdout(stdout.into())])
    };
    const RANGE: [&str; 2] = ["--uid-range", "61000-61000"];
    const NAMES: &str = "id -un; stat -c %U /etc/passwd; stat -c %U .; ps -o user= 1";
    vec![
        as_whom("a uid of its own", &["--uid", "1234", "--gid", "77"], "id -u; id -g", "1234\n77\n"),
        as_whom("a uid from a range", &RANGE, "id -u; id -g", "61000\n61000\n"),
        as_whom(
            "in a user namespace everybody has the usual name",
            &["--userns", RANGE[0], RANGE[1]],
            NAMES,
            "judge\nroot\njudge\nroot\n",
        ),
        as_whom(
            "in a user namespace the host has another uid",
            &["--userns", RANGE[0], RANGE[1]],
            "{ read root; read judge; echo $judge; } < /proc/self/uid_map",
            "60000 61000 1\n",
        ),
    ]
}

/// Limits that take a cgroup.
const NEEDED: [&str; 2] = ["--require", "memory,swap,oom-group,pids,cpu-accounting"];

/// For VMs: on a host this would change cgroups that are not ours.
pub(crate) fn delegated() -> Vec<Case> {
    let in_place = |place, name: &str, program: &[&str], options: &[&str], expect| {
        let argv = [&[PROBE, "verdict"], program].concat();
        let mut step = Step::sandbox(name, &argv).with(&NEEDED).with(options);
        step.place = place;
        case(Suite::Delegated, step, &[], expect)
    };
    vec![
        in_place(
            Place::Delegated,
            "an ordinary user's cgroup holds the memory of all",
            &["memory-children", "100"],
            &["--memory", "32M"],
            vec![Expect::Status("memory-limit".into()), Expect::Exit(137)],
        ),
        in_place(
            Place::Delegated,
            "an ordinary user's cgroup holds the processes",
            &["fork-until-refused", "40"],
            &["--pids", "8"],
            vec![Expect::Status("ok".into()), Expect::Rule(at_most_eight)],
        ),
        in_place(
            Place::Delegated,
            "an ordinary user's cgroup counts the CPU time of children",
            &["busy-child"],
            &["--cpu-time", "300ms", "--wall-time", "20s"],
            vec![Expect::Status("cpu-time-limit".into()), Expect::Exit(124)],
        ),
        in_place(
            Place::User,
            "without a cgroup nothing is started that needs one",
            &["hello"],
            &[],
            vec![Expect::Status("sandbox-error".into()), Expect::Exit(125), Expect::Stdout(String::new())],
        ),
    ]
}
