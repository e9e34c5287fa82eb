//! A forbidden call in a storm of signals, many times: each must end its run.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cases::{PROBE, probe_bind};
use crate::initramfs::PROBES;

/// Returns what is wrong with the ends of so many runs.
///
/// # Errors
/// init cannot be started.
pub fn all(init: &Path, root: &Path, times: usize) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for _ in 0..times {
        let mut command = Command::new(init);
        command.arg("run").arg("--root").arg(root).args(["--bind", &probe_bind(PROBES), "--report", "fd:1"]);
        command.args(["--wall-time", "20s", "--", PROBE, "verdict", "storm"]);
        let output = command.stdin(Stdio::null()).output()?;
        let report = String::from_utf8_lossy(&output.stdout);
        if !report.contains(r#""status":"forbidden-syscall""#) {
            wrong.push(report.into_owned());
        }
    }
    println!("{times} runs, {} not ended by the call", wrong.len());
    Ok(wrong)
}
