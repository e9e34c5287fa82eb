//! `soak`: many runs of a bundle in a row on this host, and many that lose a process; `just soak`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount_bind, mount_change, mount_remount, unmount,
};
use vm_tests::findings;
use vm_tests::guest::Guest;
use vm_tests::probe::sys::{self, Arg};
use vm_tests::soak::{Soak, parts};

/// Runs a bundle's sandbox many times, and kills its processes at random moments: nothing may be left, and the last
/// run may not take longer than the first.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The bundle, as `capsule build` left it.
    #[arg(long, value_name = "DIR", default_value = "out/rootfs")]
    bundle: PathBuf,
    /// Runs without a kill.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    runs: usize,
    /// Runs that lose a random process at a random moment.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    kills: usize,
    /// Repeats the moments and victims of a soak that failed; a random one unless given.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Who runs init; both, one after the other, unless given.
    #[arg(long = "as", value_enum)]
    identity: Option<Identity>,
    /// An option for every run, as in `--option=--cgroup=none`; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    option: Vec<String>,
    /// Static guest programs that were built before, instead of building them with cargo.
    #[arg(long, value_name = "DIR")]
    guest: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Identity {
    Root,
    User,
}

fn main() -> ExitCode {
    findings::report(soak(&Cli::parse()), "nothing was left")
}

fn soak(cli: &Cli) -> Result<Vec<String>, String> {
    let guest = match &cli.guest {
        Some(directory) => Guest::at(directory),
        None => Guest::ready().map_err(|error| error.to_string())?,
    };
    let files = tempfile::tempdir().map_err(|cause| format!("no temporary directory: {cause}"))?;
    let stage = Stage::set(files.path(), &cli.bundle, &guest)
        .map_err(|cause| format!("`{}` was not made ready: {cause}", cli.bundle.display()))?;
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut wrong = Vec::new();
    for identity in [Identity::Root, Identity::User] {
        if cli.identity.is_some_and(|chosen| chosen != identity) {
            continue;
        }
        let found = stage.soak(cli, identity, seed).endure();
        wrong.extend(found.map_err(|cause| format!("the soak was not run to its end: {cause}"))?);
    }
    Ok(wrong)
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The mount ends with the namespace at the latest; until then it is read-only.
        unmount(&self.bundle, UnmountFlags::DETACH).ok();
    }
}

/// Bundle and probe where every user can reach them.
struct Stage {
    bundle: PathBuf,
    probes: PathBuf,
}

impl Stage {
    /// In a new mount namespace: a mount that a run left outside is seen there, and no other program's mounts are.
    fn set(directory: &Path, bundle: &Path, guest: &Guest) -> io::Result<Stage> {
        let stage = Stage { bundle: directory.join("bundle"), probes: directory.join("probes") };
        for path in [&stage.bundle, &stage.probes] {
            fs::create_dir(path)?;
        }
        for path in [directory, &stage.bundle, &stage.probes] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        guest.place("probe", &stage.probes.join("probe")).map_err(io::Error::other)?;
        sys::call(libc::SYS_unshare, &mut [Arg::N(libc::CLONE_NEWNS.into())])
            .map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
        // Cut off from the machine's, then shared again, as mounts are on every machine with systemd.
        for propagation in [MountPropagationFlags::PRIVATE, MountPropagationFlags::SHARED] {
            mount_change("/", propagation | MountPropagationFlags::REC)?;
        }
        mount_bind(bundle, &stage.bundle)?;
        // A program that removes the temporary directory must not remove the bundle.
        mount_remount(&stage.bundle, MountFlags::BIND | MountFlags::RDONLY, "")?;
        Ok(stage)
    }

    fn soak(&self, cli: &Cli, identity: Identity, seed: u64) -> Soak {
        let (init, root) = parts(&self.bundle);
        Soak {
            init,
            root,
            probes: self.probes.clone(),
            options: cli.option.clone(),
            by_user: identity == Identity::User,
            runs: cli.runs,
            kills: cli.kills,
            seed,
        }
    }
}
