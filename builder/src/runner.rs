//! `capsule run`, `shell` and `doctor`: become the bundle's init. Its options pass unread, its exit code is ours.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::digest::Sha;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::leftover;
use crate::manifest::Manifest;
use crate::request::{Run, RunWhat};

/// Shells in the order in which `capsule shell` tries them.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Does not return unless init cannot be started.
pub fn run(run: Run) -> Result<Infallible, Error> {
    let (manifest, digest) = Manifest::load_with_digest(&run.bundle)?;
    let init = run.bundle.join("init");
    let root = run.bundle.join("rootfs");
    for (part, missing) in [(&init, "init"), (&root, "rootfs")] {
        if !part.exists() {
            return Err(Error::NotABundle { path: run.bundle.clone(), missing });
        }
    }
    leftover::sweep();
    let error =
        Command::new(&init).args(arguments(&manifest, &digest, &root, run.what, env::var_os("TERM"))).exec();
    Err(Error::Start { path: init, error })
}

/// The bundle's own limits come before the given options, so that these win.
fn arguments(
    manifest: &Manifest,
    digest: &Sha,
    root: &Path,
    what: RunWhat,
    terminal: Option<OsString>,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["run", "--root"].map(OsString::from).to_vec();
    arguments.extend([root.into(), "--rootfs-digest".into(), digest.as_str().into()]);
    for (name, amount) in &manifest.limits {
        arguments.extend([format!("--{name}").into(), amount.into()]);
    }
    let (options, command) = match what {
        RunWhat::Command { options, command } => (options, command),
        RunWhat::Shell { mut options } => {
            options.insert(0, "--tty".into());
            if let Some(terminal) = terminal {
                // The one thing that programs inside must know of the terminal outside.
                let mut term = OsString::from("TERM=");
                term.push(terminal);
                options.splice(1..1, ["--env".into(), term]);
            }
            (options, vec![shell(manifest).into()])
        }
    };
    arguments.extend(options);
    arguments.push("--".into());
    arguments.extend(command);
    arguments
}

fn shell(manifest: &Manifest) -> &'static str {
    let has = |shell: &str| {
        let merged = format!("/usr{shell}");
        [shell, &merged]
            .iter()
            .any(|path| ImagePath::parse(path).is_ok_and(|path| manifest.get(&path).is_some()))
    };
    SHELLS.into_iter().find(|shell| has(shell)).unwrap_or(SHELLS[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha;
    use std::collections::BTreeMap;

    fn manifest() -> Manifest {
        let limits = BTreeMap::from([("cpu-time".to_owned(), "1s".to_owned())]);
        Manifest {
            version: 1,
            time: 0,
            init: Sha::of(b""),
            limits,
            languages: BTreeMap::new(),
            packages: vec![],
            entries: vec![],
        }
    }

    fn line(what: RunWhat) -> String {
        let digest = Sha::of(b"manifest");
        let words = arguments(&manifest(), &digest, Path::new("B/rootfs"), what, Some("vt100".into()));
        let line = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        line.replace(digest.as_str(), "DIGEST")
    }

    #[test]
    fn given_options_come_after_the_bundles_own() {
        let what = RunWhat::Command {
            options: vec!["--cpu-time".into(), "2s".into()],
            command: vec!["/bin/ls".into(), "--".into()],
        };
        assert_eq!(
            line(what),
            "run --root B/rootfs --rootfs-digest DIGEST --cpu-time 1s --cpu-time 2s -- /bin/ls --"
        );
    }

    #[test]
    fn a_shell_gets_a_terminal_and_its_name() {
        assert_eq!(
            line(RunWhat::Shell { options: vec![] }),
            "run --root B/rootfs --rootfs-digest DIGEST --cpu-time 1s --tty --env TERM=vt100 -- /bin/sh"
        );
    }
}
