//! What mends a finding: the one setting, or the smallest set of privileges.

use super::read;
use crate::report::Failure;

/// For a guard that this host or this user lacks.
pub(super) fn guard(guard: &str, why: &str) -> String {
    if why.starts_with("not root") {
        // Root of a container may lack what init takes for root's right to change users.
        return match rustix::process::geteuid().is_root() {
            true => capabilities().unwrap_or_else(|| "run it as root".to_owned()),
            false => "run it as root".to_owned(),
        };
    }
    if why.contains("cgroup") || why.contains("controller") {
        return cgroup();
    }
    match guard {
        "user-namespace" if why.contains("fsmount") => {
            "uncover /proc, where another mount hides parts of it (podman: `--security-opt unmask=ALL`)"
                .to_owned()
        }
        "user-namespace" => {
            user_namespace_switch().unwrap_or_else(|| "use a kernel with CONFIG_USER_NS".to_owned())
        }
        "oom-group" => "boot with cgroup version 2: `systemd.unified_cgroup_hierarchy=1`".to_owned(),
        // A real-time class needs the capability and, with version 1, a cgroup that has real time (sched(7)).
        "first-in-line" if effective().is_some_and(|effective| effective >> SYS_NICE & 1 == 1) => {
            "let the cgroup `cpu` of the caller have real time: `cpu.rt_runtime_us`".to_owned()
        }
        "first-in-line" => {
            "run it as root; in a container `--cap-add SYS_NICE` for podman and docker".to_owned()
        }
        "unique-uid" => "let root write to /run".to_owned(),
        "swap" => "boot with `swapaccount=1`, or `swapoff -a`".to_owned(),
        "seccomp" => "use a kernel with CONFIG_SECCOMP_FILTER".to_owned(),
        _ => "run it as root on a kernel of 5.12 or later".to_owned(),
    }
}

/// For a sandbox that cannot be made at all.
pub(super) fn sandbox(failure: Option<&Failure>) -> String {
    let is = |step: &str| failure.is_some_and(|failure| failure.step == step);
    if is("clone") {
        // A limit of the host's or of the user's. EPERM is what a switch of the host's gives, too.
        let limit =
            failure.filter(|failure| failure.errno != "EPERM").and_then(|failure| failure.hint.clone());
        return user_namespace_switch()
            .or(limit)
            .unwrap_or_else(|| "run it as root, or let ordinary users make user namespaces".to_owned());
    }
    if rustix::process::geteuid().is_root() {
        if failure.is_some_and(|failure| failure.call == "setrlimit") {
            return "raise the caller's hard limit (podman: `--ulimit nofile=1024:1024 --ulimit nproc=4096:4096`), or give it CAP_SYS_RESOURCE".to_owned();
        }
        if let Some(mend) = capabilities() {
            return mend;
        }
        if let Some(mend) = few_users(&read("/proc/self/uid_map").unwrap_or_default()) {
            return mend;
        }
    }
    // What init knows about this call and errno.
    failure.and_then(|failure| failure.hint.clone()).unwrap_or_else(|| {
        "see the call that failed; in a container it needs `--privileged` or its like".to_owned()
    })
}

/// As root any hierarchy will do; an ordinary user must be given one.
fn cgroup() -> String {
    match rustix::process::geteuid().is_root() {
        true if is_nspawn() => "hand the host's cgroups on: `--bind=/sys/fs/cgroup` for systemd-nspawn".to_owned(),
        true if is_container() => {
            "mount the host's cgroups into the container (podman: `-v /sys/fs/cgroup:/sys/fs/cgroup:rw`)".to_owned()
        }
        true => "mount cgroup version 2: `mount -t cgroup2 none /sys/fs/cgroup`".to_owned(),
        false => {
            "delegate a cgroup, and start from one below it (docs/operator.md, \"Cgroups\"), or run it as root".to_owned()
        }
    }
}

/// podman, docker and Kubernetes leave one of these in each container.
fn is_container() -> bool {
    let names = ["/run/.containerenv", "/.dockerenv", "/var/run/secrets/kubernetes.io"];
    names.iter().any(|name| std::path::Path::new(name).exists())
}

/// systemd's container interface: a container has the name of what made it in this file.
fn is_nspawn() -> bool {
    read("/run/host/container-manager").as_deref() == Some("systemd-nspawn")
}

/// What a run needs of root's capabilities (capabilities(7)), and their numbers. Each was taken away alone, and failed.
const NEEDED: [(u32, &str); 9] = [
    (0, "CHOWN"),
    (1, "DAC_OVERRIDE"),
    (5, "KILL"),
    (6, "SETGID"),
    (7, "SETUID"),
    (8, "SETPCAP"),
    (12, "NET_ADMIN"),
    (18, "SYS_CHROOT"),
    (21, "SYS_ADMIN"),
];

/// For a real-time class.
const SYS_NICE: u32 = 23;

/// The capabilities that this process has (proc_pid_status(5), CapEff).
fn effective() -> Option<u64> {
    let status = read("/proc/self/status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(effective.trim(), 16).ok()
}

/// The capabilities that this process lacks.
fn capabilities() -> Option<String> {
    missing_capabilities(effective()?, is_nspawn())
}

fn missing_capabilities(effective: u64, is_nspawn: bool) -> Option<String> {
    let lacks = |(number, _): &&(u32, &str)| effective >> number & 1 == 0;
    let names: Vec<&str> = NEEDED.iter().filter(lacks).map(|(_, name)| *name).collect();
    let option = match (&names[..], is_nspawn) {
        ([], _) => return None,
        // systemd-nspawn(1): a container with a network of its own has this one.
        (["NET_ADMIN"], true) => "`--private-network` for systemd-nspawn".to_owned(),
        (names, true) => format!("`--capability=CAP_{}` for systemd-nspawn", names.join(",CAP_")),
        (names, false) => format!("`--cap-add {}` for podman and docker", names.join(",")),
    };
    Some(format!("give it the capabilities it lacks: {option}"))
}

/// A user namespace that has root and no user for submissions, as `unshare -r` makes it.
fn few_users(map: &str) -> Option<String> {
    // FIRST-INSIDE FIRST-OUTSIDE COUNT (user_namespaces(7)).
    let uid = u64::from(init::contract::DEFAULT_RANGE.first);
    let is_mapped = map.lines().any(|line| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u64>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        first.zip(count).is_some_and(|(first, count)| (first..first.saturating_add(count)).contains(&uid))
    });
    (!is_mapped && !map.is_empty()).then(|| {
        format!(
            "this user namespace has no user {uid} for submissions: map 65536 users (`unshare --map-auto`, /etc/subuid), or start it outside as the ordinary user"
        )
    })
}

/// The setting that keeps ordinary users from making user namespaces: file, value that forbids, what to write.
const USER_NAMESPACE_SWITCHES: &[(&str, &str, &str)] = &[
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
];

fn user_namespace_switch() -> Option<String> {
    let forbids = |(file, value, _): &&(&str, &str, &str)| read(file).as_deref() == Some(*value);
    USER_NAMESPACE_SWITCHES.iter().find(forbids).map(|(.., mend)| format!("`{mend}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_that_are_missing_are_named() {
        let without_admin = !(1 << 21) & !(1 << 12);
        for (effective, is_nspawn, wanted) in [
            (without_admin, false, "`--cap-add NET_ADMIN,SYS_ADMIN`"),
            (without_admin, true, "`--capability=CAP_NET_ADMIN,CAP_SYS_ADMIN`"),
            (!(1 << 12), true, "`--private-network`"),
        ] {
            assert_eq!(missing_capabilities(u64::MAX, is_nspawn), None);
            let without = missing_capabilities(effective, is_nspawn).unwrap();
            assert!(without.contains(wanted), "{without}");
        }
    }

    #[test]
    fn a_namespace_without_a_user_for_submissions_is_recognised() {
        assert!(few_users("         0          0          1\n").is_some());
        assert!(few_users("0 1000 1\n1 100000 60000\n").is_some());
        assert_eq!(few_users("0 1000 1\n1 100000 65536\n"), None);
        assert_eq!(few_users("         0          0 4294967295\n"), None);
    }
}
