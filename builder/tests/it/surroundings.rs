//! Places in which init can make no sandbox, or only in another way: it names what is missing, and what mends it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::scene::{Said, Scene, needs_root};
use crate::streams::FILTERED;

/// What the submission ends with, where there is one.
const STARTED: i32 = 3;

/// A place, and what init says there.
struct Place {
    name: &'static str,
    /// A script in the scene that calls init, which is in `$@`.
    enter: &'static str,
    options: &'static [&'static str],
    /// The end of the one line on stderr; empty where the submission starts.
    says: &'static str,
}

const fn place(
    name: &'static str,
    enter: &'static str,
    options: &'static [&'static str],
    says: &'static str,
) -> Place {
    Place { name, enter, options, says }
}

/// As an ordinary user whom no other process has. (Into a file: for a pipe of another user init needs one process more.)
const BY_USER: &str = "setpriv --reuid 61950 --regid 61950 --clear-groups bash -c 'ulimit -u 1; exec \"$@\"' bash \"$@\" > /dev/null 2> err; \
    code=$?; cat err >&2; exit $code";
/// The same with the caller's pipe as stdout.
const BY_USER_IN_A_PIPE: &str = "setpriv --reuid 61950 --regid 61950 --clear-groups bash -c 'ulimit -u 1; exec \"$@\"' bash \"$@\" 2> err; \
    code=$?; cat err >&2; exit $code";
/// As a user who has more processes than the run may have.
const BUSY_USER: &str = "for i in 1 2 3; do setpriv --reuid 61951 --regid 61951 --clear-groups sleep 60 & all+=($!); done; \
    trap 'kill ${all[*]}' EXIT; for i in ${all[*]}; do until grep -q '^Uid:.61951' /proc/$i/status; do :; done; done; \"$@\"";
const FEW_NAMESPACES: &str = "exec unshare -Ur bash -c 'echo 0 > /proc/sys/user/max_pid_namespaces; exec setpriv --bounding-set -all --inh-caps -all \"$@\"' bash \"$@\"";
const NO_NET_ADMIN: &str = "exec setpriv --bounding-set -net_admin --inh-caps -net_admin \"$@\"";
/// As containers and bubblewrap do it.
const COVERED_PROC: &str = "mount --bind /dev/null /proc/version && exec \"$@\"";

const PLACES: &[Place] = &[
    place("here", "exec \"$@\"", &[], ""),
    place(
        "in a user namespace of one user",
        "exec unshare -Ur \"$@\"",
        &[],
        "EINVAL; this user namespace does not map the uid: see --uid-range",
    ),
    place(
        "where namespaces are used up",
        FEW_NAMESPACES,
        &[],
        "ENOSPC; raise user.max_*_namespaces (sysctl)",
    ),
    place(
        "without CAP_NET_ADMIN",
        NO_NET_ADMIN,
        &[],
        "ioctl: EPERM (operation not permitted); the container needs CAP_NET_ADMIN, or --net none",
    ),
    place("without CAP_NET_ADMIN and without a network", NO_NET_ADMIN, &["--net", "none"], ""),
    place(
        "below a filter that refuses clone3(2)",
        "exec perl -e \"$FILTERED\" 435 \"$@\"",
        &[],
        "clone3: EPERM (operation not permitted); it needs CAP_SYS_ADMIN, or user namespaces that the host allows",
    ),
    place(
        "below a filter that refuses sethostname(2)",
        "exec perl -e \"$FILTERED\" 170 \"$@\"",
        &[],
        "sethostname: EPERM (operation not permitted); the container needs CAP_SYS_ADMIN",
    ),
    place(
        "by an ordinary user with a nice value above 0",
        "exec nice -n 19 setpriv --reuid 61952 --regid 61952 --clear-groups \"$@\"",
        &["--cgroup", "none"],
        "sched_setattr: `nice value`: EPERM (operation not permitted); the nice value is above 0: start it with 0, or with CAP_SYS_NICE",
    ),
    place(
        "by a user who may have no more processes",
        BY_USER,
        &[],
        "clone3: EAGAIN; no more processes: RLIMIT_NPROC, or pids.max of a cgroup above",
    ),
    place(
        "by such a user, whose stdout is a pipe of another user",
        BY_USER_IN_A_PIPE,
        &[],
        "streams: clone3: `stdout`: EAGAIN; no more processes: RLIMIT_NPROC, or pids.max of a cgroup above",
    ),
    place(
        "with a uid that has more processes than the run may have",
        BUSY_USER,
        &["--uid", "61951", "--cgroup", "none", "--pids", "2"],
        "execve: `/bin/bash`: EAGAIN; the user has too many processes (RLIMIT_NPROC)",
    ),
    place("where parts of /proc are covered", COVERED_PROC, &[], ""),
    place(
        "in a user namespace where parts of /proc are covered",
        COVERED_PROC,
        &["--userns"],
        "fsmount: `/proc`: EPERM (operation not permitted); parts of /proc are covered: unmask them (podman: --security-opt unmask=ALL)",
    ),
    place(
        "with a bind that has no place in the image",
        "exec \"$@\"",
        &["--bind", "/etc:/nowhere"],
        "openat2: `/nowhere`: EROFS (read-only file system); no such path in the image: make it there, or bind below /tmp",
    ),
    place(
        "in a directory as the root",
        "mount -t proc none B/proc && exec chroot B /init run --root /rootfs \"${@:5}\"",
        &[],
        "mount_setattr: `/`: EINVAL; the root is a directory (chroot): bind-mount it onto itself first",
    ),
    place(
        "in a directory that is mounted onto itself",
        "mount --bind B B && mount -t proc none B/proc && exec chroot B /init run --root /rootfs \"${@:5}\"",
        &[],
        "",
    ),
];

/// A bundle that ordinary users may enter, too.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir");
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
    fs::create_dir(scene.path("B/proc")).expect("made");
    scene
}

impl Place {
    fn run(&self, scene: &Scene) -> Said {
        let mut command = Command::new("unshare");
        command.args(["-m", "bash", "-c", self.enter, "bash"]).arg(scene.path("B/init"));
        command.args(["run", "--root"]).arg(scene.path("B/rootfs")).args(self.options);
        command.args(["--", "/bin/bash", "-c", &format!("exit {STARTED}")]);
        Said::of(command.env("FILTERED", FILTERED).current_dir(scene.path("")).stdin(Stdio::null()))
    }
}

#[test]
fn what_is_missing_is_named_with_its_mend() {
    needs_root!();
    let scene = scene();
    for place in PLACES {
        let said = place.run(&scene);
        let is_right = match place.says {
            "" => (said.code, said.stderr.as_str()) == (STARTED, ""),
            says => said.stderr.starts_with("init: ") && said.stderr.ends_with(&format!("{says}\n")),
        };
        assert!(is_right && said.stderr.lines().count() < 2, "{}: {said:?}", place.name);
        assert!(place.says.is_empty() || said.code >= 125, "{}: {said:?}", place.name);
    }
}

/// All of the host below a directory that is not a mount.
const HOST_BELOW: &str = "mkdir R && for d in usr bin lib lib64 proc dev etc tmp var run sys root; do \
    [ -e /$d ] && mkdir R/$d && mount --rbind /$d R/$d; done; mkdir -p R/\"${1%/*}\" && mount --bind \"${1%/*}\" R/\"${1%/*}\" && \
    exec chroot R \"$@\"";

#[test]
fn doctor_has_the_mend_of_the_call_that_failed() {
    needs_root!();
    let scene = scene();
    for (enter, mend) in [
        (HOST_BELOW, "the root is a directory (chroot): bind-mount it onto itself first"),
        (COVERED_PROC, "mend: uncover /proc, where another mount hides parts of it"),
        (FEW_NAMESPACES, "raise user.max_*_namespaces (sysctl)"),
    ] {
        let mut command = Command::new("unshare");
        command.args(["-m", "bash", "-c", enter, "bash", env!("CARGO_BIN_EXE_capsule"), "doctor"]);
        let said = Said::of(command.current_dir(scene.path("")));
        assert!(said.code == 1 && said.stdout.contains(mend), "{enter}: {said:?}");
        // What a run would have to ask for is not missing: no run is possible at all.
        assert!(!said.stdout.contains("\ncpuset: "), "{said:?}");
    }
}
