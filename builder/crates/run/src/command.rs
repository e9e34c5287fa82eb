//! `capsule run` and `capsule shell`: become the bundle's init. Its options pass unread; its exit code is theirs.
//!
//! Only a run that is verified and reported stays next to init: its report says `verified`, which init does not know.

mod observed;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bundle::digest::Sha;
use bundle::layout;
use bundle::manifest::{self, Head, Manifest};
use recipe::image_path::ImagePath;

use crate::ending_signals::EndingSignals;
use crate::error::Error;
use crate::exec::Destination;
use crate::init_command::InitCommand;
use crate::run_options::RunOptions;
use crate::{refusal, stale_cgroups, verification};

/// A start of init.
#[derive(Debug)]
pub struct Run {
    /// The bundle.
    pub bundle: PathBuf,
    /// What to start.
    pub what: RunWhat,
}

/// What init is started for.
#[derive(Debug)]
pub enum RunWhat {
    /// A command, with options that init reads.
    Command {
        /// Options as they were given.
        options: Vec<OsString>,
        /// The program and its arguments.
        command: Vec<OsString>,
    },
    /// A shell, on a terminal if stdin is one.
    Shell {
        /// Options as they were given.
        options: Vec<OsString>,
    },
}

/// Shells in the order in which `capsule shell` tries them.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Becomes init, or waits for it and gives its exit code. An error is in the report too.
///
/// # Errors
/// Whatever fails here is not a verdict: the error's exit code is 125.
pub fn run(mut run: Run) -> Result<u8, Error> {
    let (RunWhat::Command { options, .. } | RunWhat::Shell { options }) = &mut run.what;
    let RunOptions { init, verify, report } = RunOptions::parse(std::mem::take(options));
    *options = init.clone();
    let started = match (verify, report) {
        (true, Some(report)) => Destination::parse(&report).and_then(|report| observed::run(run, &report)),
        (verify, report) => become_init(run, verify, report.is_some()),
    };
    started.map_err(|error| {
        refusal::report_start(&init, verify, &error);
        Error::sandbox(error)
    })
}

/// Does not come back, unless it fails.
fn become_init(run: Run, verify: bool, is_reported: bool) -> Result<u8, Error> {
    // What comes before init waits for it: execve(2) keeps it pending, and init reports it.
    let _held = is_reported.then(EndingSignals::hold).transpose()?;
    init_command(run, verify).and_then(|init| Err(init.exec()))
}

/// init as it is to be started, after the tree was compared if that is asked for.
fn init_command(mut run: Run, verify: bool) -> Result<InitCommand, Error> {
    run.bundle = layout::resolved(&run.bundle);
    let limits = Head::load_to_run(&run.bundle)?.limits;
    for missing in [layout::INIT, layout::ROOTFS] {
        if !run.bundle.join(missing).exists() {
            return Err(bundle::Error::NotABundle { path: run.bundle, missing }.into());
        }
    }
    if verify {
        verification::verify(&run.bundle)?;
    }
    let (options, command) = match run.what {
        RunWhat::Command { options, command } => (options, command),
        RunWhat::Shell { options } => {
            let shell = shell(&Manifest::load(&run.bundle)?);
            // As ssh(1): a terminal inside only where there is one outside. A shell that reads a file ends with it.
            let options = match io::stdin().is_terminal() {
                true => on_terminal(options, env::var_os("TERM")),
                false => options,
            };
            (options, vec![shell.into()])
        }
    };
    // To hash the manifest takes as long as a short run does.
    let digest = wants_report(&options).then(|| manifest::digest(&run.bundle)).transpose()?;
    stale_cgroups::remove();
    Ok(assemble(&run.bundle, digest.as_ref(), &limits, options, command))
}

/// Whether the report will name the image.
fn wants_report(options: &[OsString]) -> bool {
    options.iter().any(|option| option.as_bytes().starts_with(b"--report"))
}

/// The bundle's own limits come before the given options, so that the given ones win.
fn assemble(
    bundle: &Path,
    digest: Option<&Sha>,
    limits: &BTreeMap<String, String>,
    options: Vec<OsString>,
    command: Vec<OsString>,
) -> InitCommand {
    let mut init = InitCommand::of_bundle(bundle);
    if let Some(digest) = digest {
        init.reported(digest);
    }
    init.limits(limits).given(options).command(command);
    init
}

/// The options of a shell: `--tty`, and the one thing that programs inside must know about the terminal outside.
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
        let args = assemble(Path::new("B"), digest, &limits, options, command).to_args();
        args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
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
        // The holes of the kernel, where they are known, are this machine's.
        let begin = "run --root B/rootfs --rootfs-digest DIGEST ";
        assert!(line.starts_with(begin) && line.ends_with(" --cpu-time 1s --report - -- x"), "{line}");
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
