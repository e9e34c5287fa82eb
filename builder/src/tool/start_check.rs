//! `capsule build --check`: starts each program of a finished bundle in its sandbox, as `PROGRAM --version`, and lists the
//! files that it looked for and that only the build host has.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use bundle::manifest::{Manifest, RecordKind};
use bundle::{Error as BundleError, layout};
use recipe::image_path::ImagePath;
use run::InitCommand;
use serde_json::Value;

use crate::error::Error;
use crate::tool::pack::missed_files;
use crate::tool::scratch::Scratch;
use crate::tool::trace as tracer;

/// A program that waits for something else must end.
const LIMITS: [(&str, &str); 3] = [("wall-time", "20s"), ("memory", "1G"), ("pids", "256")];
/// How many lines of a program's stderr, and how many files, are shown.
const MAX_LINES: usize = 10;

/// The programs that do not start.
#[derive(Debug)]
pub struct StartCheck {
    started: usize,
    failed: Vec<FailedStart>,
}

#[derive(Debug)]
struct FailedStart {
    program: ImagePath,
    /// How it ended: `nonzero-exit, exit code 1`.
    end: String,
    stderr: String,
    missed: Vec<PathBuf>,
}

impl StartCheck {
    /// Whether every program starts.
    pub fn ok(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Starts every requested program of the bundle.
///
/// # Errors
/// The bundle has no tree or no runner, or no program can be started here.
pub fn check(bundle: &Path) -> Result<StartCheck, Error> {
    let manifest = Manifest::load(bundle)?;
    for missing in [layout::INIT, layout::ROOTFS] {
        if !bundle.join(missing).exists() {
            return Err(BundleError::NotABundle { path: bundle.to_path_buf(), missing }.into());
        }
    }
    let scratch = Scratch::new()?;
    let is_program = |kind: &RecordKind| !matches!(kind, RecordKind::Directory);
    let programs = manifest.requested().filter(|record| is_program(&record.kind));
    let mut check = StartCheck { started: 0, failed: Vec::new() };
    for record in programs {
        check.started += 1;
        check.failed.extend(start(bundle, &manifest, &record.path, &scratch)?);
    }
    Ok(check)
}

fn start(
    bundle: &Path,
    manifest: &Manifest,
    program: &ImagePath,
    scratch: &Scratch,
) -> Result<Option<FailedStart>, Error> {
    let [stdout, stderr, report] = ["stdout", "stderr", "report"].map(|name| scratch.path().join(name));
    let mut init = InitCommand::of_bundle(bundle);
    for (name, amount) in LIMITS {
        init.option(name, amount);
    }
    init.option("stdin", "/dev/null")
        .option("stdout", &stdout)
        .option("stderr", &stderr)
        .option("report", &report);
    init.command([program.as_path().as_os_str(), "--version".as_ref()]);
    let trace = tracer::trace_after_exec(&init.to_argv())?;
    let json = fs::read(&report).map_err(|error| Error::read(&report, error))?;
    let report: Value = serde_json::from_slice(&json)
        .map_err(|error| run::Error::Report { whose: "init's", what: error.to_string() })?;
    let status = report["status"].as_str().unwrap_or_default();
    let missed = missed_files(manifest, &bundle.join(layout::ROOTFS), &trace)?;
    // Not every program has `--version`: one that refuses it has started.
    if status == "ok" || status == "nonzero-exit" && missed.is_empty() && report["exit_code"] != 127 {
        return Ok(None);
    }
    let end = match (&report["exit_code"], &report["signal"]) {
        (Value::Number(code), _) => format!("{status}, exit code {code}"),
        (_, Value::Number(signal)) => format!("{status}, signal {signal}"),
        _ => status.to_owned(),
    };
    let stderr = fs::read(&stderr).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Ok(Some(FailedStart { program: program.clone(), end, stderr, missed: missed.into_iter().collect() }))
}

impl fmt::Display for StartCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for FailedStart { program, end, stderr, missed } in &self.failed {
            writeln!(f, "`{program} --version` ended with {end}")?;
            for line in stderr.lines().take(MAX_LINES) {
                writeln!(f, "  {}", line.escape_debug())?;
            }
            if !missed.is_empty() {
                writeln!(f, "  it looked for files that the build host has and the image does not:")?;
            }
            for path in missed.iter().take(MAX_LINES) {
                writeln!(f, "    {}", path.display())?;
            }
            if let more @ 1.. = missed.len().saturating_sub(MAX_LINES) {
                writeln!(f, "    and {more} more")?;
            }
        }
        writeln!(f, "{} programs started with `--version`, {} failed", self.started, self.failed.len())
    }
}
