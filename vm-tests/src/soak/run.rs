//! One run of the soak: it starts, may lose a process, ends, and is examined.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::family::Victim;
use super::{ORDINARY_USER, Soak};
use crate::cases::{PROBE, probe_bind};
use crate::execute;
use crate::message::End;

/// A run that takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// A run under way.
pub(crate) struct SoakRun {
    child: Child,
    /// The supervisor's.
    pub pid: u32,
    begun: Instant,
    report: File,
}

/// A run that has ended.
pub(crate) struct Ended {
    /// The supervisor's.
    pub pid: u32,
    /// From its start to its end.
    pub wall: Duration,
    end: End,
    report: String,
}

/// What happened to a run.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    /// Nothing.
    Undisturbed,
    /// It lost this one.
    Lost(Victim),
}

/// How long the cheapest process takes: the machine's own pace at this moment.
pub(crate) fn control(soak: &Soak) -> io::Result<Duration> {
    let mut command = Command::new(&soak.init);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    command.status()?;
    Ok(begun.elapsed())
}

impl SoakRun {
    /// The submission leaves as much as it can, stays for `stay`, and exits with 0.
    pub(crate) fn start(soak: &Soak, stay: Duration) -> io::Result<SoakRun> {
        let report = tempfile::tempfile()?;
        let mut command = Command::new(&soak.init);
        command.arg("run").arg("--root").arg(&soak.root).args(["--report", "-", "--stdout", "/dev/null"]);
        command.arg("--bind").arg(probe_bind(&soak.probes.to_string_lossy())).args(&soak.options);
        command.args(["--", PROBE, "verdict", "litter"]).arg(stay.as_millis().to_string());
        command.stdin(Stdio::null()).stdout(report.try_clone()?).stderr(Stdio::null());
        if soak.by_user {
            command.uid(ORDINARY_USER).gid(ORDINARY_USER);
        }
        let begun = Instant::now();
        let child = command.spawn()?;
        let pid = child.id();
        Ok(SoakRun { child, pid, begun, report })
    }

    /// Sleeps until `delay` after its start.
    pub(crate) fn sleep_until(&self, delay: Duration) {
        thread::sleep(delay.saturating_sub(self.begun.elapsed()));
    }

    /// Waits for the supervisor.
    pub(crate) fn end(mut self) -> io::Result<Ended> {
        let end = execute::wait(&mut self.child, DEADLINE)?;
        let wall = self.begun.elapsed();
        let mut report = String::new();
        self.report.rewind()?;
        self.report.read_to_string(&mut report)?;
        Ok(Ended { pid: self.pid, wall, end, report })
    }
}

impl Ended {
    /// Whether the end of the run fits what happened to it, with one whole report unless the supervisor was lost.
    pub(crate) fn is_whole(&self, fate: Fate) -> Result<(), String> {
        // A run that loses a process in its last steps ends like any other.
        let ends: &[(End, &str)] = match fate {
            Fate::Undisturbed => &[(End::Code(0), "ok")],
            Fate::Lost(Victim::Supervisor | Victim::Both) => &[(End::Signal(9), ""), (End::Code(0), "ok")],
            Fate::Lost(Victim::Pid1) => &[(End::Code(125), "sandbox-error"), (End::Code(0), "ok")],
            Fate::Lost(Victim::Submission) => {
                &[(End::Code(137), "signaled"), (End::Code(125), "sandbox-error"), (End::Code(0), "ok")]
            }
        };
        let status = self.status()?;
        let is_expected =
            ends.iter().any(|&(end, wanted)| end == self.end && (wanted == status || end == End::Signal(9)));
        if is_expected { Ok(()) } else { Err(format!("{:?} with the report {:?}", self.end, self.report)) }
    }

    /// The report's status; nothing where a lost supervisor wrote no report.
    fn status(&self) -> Result<String, String> {
        if self.report.is_empty() && self.end == End::Signal(9) {
            return Ok(String::new());
        }
        let mut lines = self.report.split_inclusive('\n');
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(format!("{:?} with the report {:?}", self.end, self.report));
        };
        let report: serde_json::Value = serde_json::from_str(line)
            .map_err(|cause| format!("the report is not JSON ({cause}): {line:?}"))?;
        let status = report.get("status").and_then(|status| status.as_str());
        status.map(str::to_string).ok_or_else(|| format!("a report without a status: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(end: End, report: &str) -> Ended {
        Ended { pid: 1, wall: Duration::ZERO, end, report: report.into() }
    }

    #[test]
    fn a_run_without_a_kill_is_ok() {
        let ok = "{\"status\":\"ok\"}\n";
        assert_eq!(ended(End::Code(0), ok).is_whole(Fate::Undisturbed), Ok(()));
        assert!(ended(End::Code(0), &ok.repeat(2)).is_whole(Fate::Undisturbed).is_err());
        assert!(ended(End::Code(0), "").is_whole(Fate::Undisturbed).is_err());
        assert!(ended(End::Overdue, "").is_whole(Fate::Undisturbed).is_err());
        let broken = "{\"status\":\"sandbox-error\"}\n";
        assert!(ended(End::Code(125), broken).is_whole(Fate::Undisturbed).is_err());
    }

    #[test]
    fn a_lost_process_shows_in_the_end() {
        let error = ended(End::Code(125), "{\"status\":\"sandbox-error\"}\n");
        assert_eq!(error.is_whole(Fate::Lost(Victim::Pid1)), Ok(()));
        assert!(error.is_whole(Fate::Lost(Victim::Supervisor)).is_err());
        assert_eq!(ended(End::Signal(9), "").is_whole(Fate::Lost(Victim::Supervisor)), Ok(()));
        let cut = ended(End::Code(125), "{\"status\":\"sand");
        assert!(cut.is_whole(Fate::Lost(Victim::Pid1)).is_err());
    }
}
