//! `capsule run`, `shell` and `doctor`: become the bundle's init. Its options pass unread, its exit code is ours.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::digest::Sha;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::leftover;
use crate::manifest::{self, Head, Manifest};
use crate::request::{Run, RunWhat};

/// Shells in the order in which `capsule shell` tries them.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Does not return unless init cannot be started.
pub fn run(run: Run) -> Result<Infallible, Error> {
    let limits = Head::load(&run.bundle)?.limits;
    let init = run.bundle.join("init");
    let root = run.bundle.join("rootfs");
    for (part, missing) in [(&init, "init"), (&root, "rootfs")] {
        if !part.exists() {
            return Err(Error::NotABundle { path: run.bundle.clone(), missing });
        }
    }
    let (options, command) = match run.what {
        RunWhat::Command { options, command } => (options, command),
        RunWhat::Shell { options } => {
            let shell = shell(&Manifest::load(&run.bundle)?);
            (on_terminal(options, env::var_os("TERM")), vec![shell.into()])
        }
    };
    // It takes as long to make as a short run does.
    let digest = wants_report(&options).then(|| manifest::digest(&run.bundle)).transpose()?;
    leftover::sweep();
    let error = Command::new(&init).args(arguments(&root, digest.as_ref(), &limits, options, command)).exec();
    Err(Error::Start { path: init, error })
}

/// Whether somebody will read the digest.
fn wants_report(options: &[OsString]) -> bool {
    options.iter().any(|option| option.as_bytes().starts_with(b"--report"))
}

/// The bundle's own limits come before the given options, so that these win.
fn arguments(
    root: &Path,
    digest: Option<&Sha>,
    limits: &BTreeMap<String, String>,
    options: Vec<OsString>,
    command: Vec<OsString>,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["run", "--root"].map(OsString::from).to_vec();
    arguments.push(root.into());
    if let Some(digest) = digest {
        arguments.extend(["--rootfs-digest".into(), digest.as_str().into()]);
    }
    for (name, amount) in limits {
        arguments.extend([format!("--{name}").into(), amount.into()]);
    }
    arguments.extend(options);
    arguments.push("--".into());
    arguments.extend(command);
    arguments
}

/// The options of a shell: `--tty`, and the one thing that programs inside must know of the terminal outside.
fn on_terminal(options: Vec<OsString>, terminal: Option<OsString>) -> Vec<OsString> {
    let mut all = vec![OsString::from("--tty")];
    if let Some(terminal) = terminal {
        let mut term = OsString::from("TERM=");
        term.push(terminal);
        all.extend(["--env".into(), term]);
    }
    all.extend(options);
    all
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

    fn line(digest: Option<&Sha>, options: Vec<OsString>, command: &[&str]) -> String {
        let limits = BTreeMap::from([("cpu-time".to_owned(), "1s".to_owned())]);
        let command = command.iter().map(OsString::from).collect();
        let words = arguments(Path::new("B/rootfs"), digest, &limits, options, command);
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn given_options_come_after_the_bundles_own() {
        let options = vec!["--cpu-time".into(), "2s".into()];
        assert_eq!(
            line(None, options, &["/bin/ls", "--"]),
            "run --root B/rootfs --cpu-time 1s --cpu-time 2s -- /bin/ls --"
        );
    }

    #[test]
    fn a_report_names_the_image() {
        let options = vec!["--report".into(), "-".into()];
        assert!(wants_report(&options) && !wants_report(&["--require".into()]));
        let digest = Sha::of(b"manifest");
        let line = line(Some(&digest), options, &["x"]).replace(digest.as_str(), "DIGEST");
        assert_eq!(line, "run --root B/rootfs --rootfs-digest DIGEST --cpu-time 1s --report - -- x");
    }

    #[test]
    fn a_shell_gets_a_terminal_and_its_name() {
        let options = on_terminal(vec!["--memory".into(), "1G".into()], Some("vt100".into()));
        assert_eq!(
            line(None, options, &["/bin/sh"]),
            "run --root B/rootfs --cpu-time 1s --tty --env TERM=vt100 --memory 1G -- /bin/sh"
        );
    }
}
