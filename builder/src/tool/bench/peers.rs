//! Other sandboxes, each with its own options for the same program: no network, and processes, mounts and a hostname of its own.
//! None of them holds a limit of time or writes a report; runc alone has cgroups.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use serde_json::json;

use super::contender::{Contender, program};
use super::stage::Stage;
use crate::error::Error;

const CGROUPS: &str = "/sys/fs/cgroup";
/// A version 2 next to version 1.
const HYBRID: &str = "/sys/fs/cgroup/unified";

/// bubblewrap's name in results, and its command.
pub(super) fn bubblewrap(root: &Path) -> (&'static str, Vec<OsString>) {
    let command = args("bwrap --unshare-all --ro-bind").chain([root.into()]);
    ("bwrap --unshare-all", found(command.chain(args("/ --proc /proc --dev /dev /exit")).collect()))
}

/// All others.
pub(super) fn others<'a>(stage: &Stage) -> Result<Vec<Contender<'a>>, Error> {
    let root = stage.root();
    let bundle = oci_bundle(stage)?;
    let unshared =
        args("unshare --fork --pid --mount --ipc --uts --net --cgroup --root").chain([root.into()]);
    let unshared = unshared.chain(args("--mount-proc /exit")).collect();
    let jailed = args(
        "firejail --quiet --noprofile --net=none --caps.drop=all --seccomp --private-dev --keep-var-tmp --",
    );
    let jailed = jailed.chain([root.join("exit").into()]).collect();
    Ok(vec![
        Contender::new("unshare --root", program(found(unshared))),
        oci_runtime("crun run, no cgroup", "crun --cgroup-manager=disabled", &bundle),
        oci_runtime("runc run", "runc", &bundle),
        Contender::new("firejail --net=none", program(found(jailed))),
    ])
}

/// Hides a version 2 of cgroups that is mounted next to version 1: crun refuses to run with both, and cannot use cgroups
/// without the one that the kernel has told it of. This process and its children alone see that.
pub(super) fn hide_hybrid() -> nix::Result<()> {
    let is_version_2 =
        |place: &str| statfs(place).is_ok_and(|facts| facts.filesystem_type() == CGROUP2_SUPER_MAGIC);
    // On a host of version 2 it is a cgroup with this name.
    if !is_version_2(HYBRID) || is_version_2(CGROUPS) {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    umount2(HYBRID, MntFlags::MNT_DETACH)
}

/// A container for each run, as each needs a name of its own.
fn oci_runtime<'a>(name: &str, runtime: &'static str, bundle: &Path) -> Contender<'a> {
    let command = args(runtime).chain(args("run --bundle")).chain([bundle.as_os_str().to_owned()]);
    let command = found(command.collect());
    Contender::new(
        name,
        Box::new(move |number| {
            let container = format!("bench-{}-{number}", std::process::id());
            program(command.iter().cloned().chain([container.into()]).collect())(number)
        }),
    )
}

/// A directory with the file that says what such a container has (opencontainers/runtime-spec, config.md).
fn oci_bundle(stage: &Stage) -> Result<PathBuf, Error> {
    let bundle = stage.root().join("oci");
    let namespaces = ["pid", "mount", "ipc", "uts", "network", "cgroup"].map(|name| json!({ "type": name }));
    let config = json!({
        "ociVersion": "1.0.2",
        "root": { "path": stage.root(), "readonly": true },
        "process": {
            "terminal": false, "user": { "uid": 60_000, "gid": 60_000 }, "args": ["/exit"], "cwd": "/",
            "noNewPrivileges": true,
        },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
        ],
        "linux": {
            "namespaces": namespaces,
            "resources": { "memory": { "limit": 256 << 20 }, "pids": { "limit": 64 } },
        },
    });
    let file = bundle.join("config.json");
    let written = fs::create_dir_all(&bundle).and_then(|()| fs::write(&file, config.to_string()));
    written.map_err(|error| Error::write(&file, error))?;
    Ok(bundle)
}

fn args(text: &str) -> impl Iterator<Item = OsString> {
    text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter()
}

/// A command whose program has its path: a search by each child would be a part of its time.
fn found(mut command: Vec<OsString>) -> Vec<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where runc is, for an ordinary user.
    let places = env::split_paths(&path).chain(["/usr/sbin".into()]);
    let place = places.map(|directory| directory.join(&command[0])).find(|place| place.is_file());
    command[0] = place.map_or_else(|| command[0].clone(), PathBuf::into_os_string);
    command
}
