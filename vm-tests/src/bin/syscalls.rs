//! `syscalls`: traces one run of `/bin/true` and compares its system calls with docs/syscalls.md; `just syscalls`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use vm_tests::findings;
use vm_tests::syscalls::{compare, documented, traced};

/// Compares the system calls of one run with the document that gives each a reason.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The bundle, as `capsule build` left it.
    #[arg(long, value_name = "DIR", default_value = "out/rootfs")]
    bundle: PathBuf,
    /// The document.
    #[arg(long, value_name = "FILE", default_value = "docs/syscalls.md")]
    document: PathBuf,
}

fn main() -> ExitCode {
    findings::report(check(&Cli::parse()), "every system call of a run has its reason")
}

fn check(cli: &Cli) -> Result<Vec<String>, String> {
    let document =
        fs::read_to_string(&cli.document).map_err(|cause| format!("{}: {cause}", cli.document.display()))?;
    let rows = documented(&document);
    if rows.is_empty() {
        return Err(format!("{}: no table of system calls", cli.document.display()));
    }
    let trace = trace(&cli.bundle)?;
    Ok(compare(&traced(&trace), &rows))
}

fn trace(bundle: &Path) -> Result<String, String> {
    let output = tempfile::NamedTempFile::new().map_err(|cause| format!("no temporary file: {cause}"))?;
    let mut strace = Command::new("strace");
    strace.arg("-f").arg("-o").arg(output.path());
    strace
        .arg(bundle.join("init"))
        .arg("run")
        .arg("--root")
        .arg(bundle.join("rootfs"))
        .args(["--", "/bin/true"]);
    let status = strace.status().map_err(|cause| format!("strace: {cause}"))?;
    if !status.success() {
        return Err(format!("`{strace:?}` ended with {status}"));
    }
    fs::read_to_string(output.path()).map_err(|cause| format!("{}: {cause}", output.path().display()))
}
