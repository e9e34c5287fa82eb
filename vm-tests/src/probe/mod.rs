//! The probes: a file for each family, a function for each attack of the catalogue. Each reports what it saw.
//!
//! An attack is real where that is possible: it tries to reach a canary and prints the secret when it does. It never
//! decides whether the sandbox is good: it reports, and the harness compares.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::WaitStatus;
use serde::{Deserialize, Serialize};

pub mod channel;
pub mod files;
pub mod judge;
pub mod kernel;
pub(crate) mod network;
pub mod process;
pub mod rate;
pub mod sys;
pub mod workload;

use sys::Errno;

/// Where the canaries are, outside of the sandbox.
pub struct Target {
    /// The file with the secret.
    pub canary: PathBuf,
    /// The process with the secret.
    pub pid: u32,
    /// Its loopback port.
    pub port: u16,
    /// Its abstract socket.
    pub socket: String,
}

impl Target {
    /// From the command line. Text that is not a number becomes 0, which reaches nothing.
    pub fn new(canary: &str, pid: &str, port: &str, socket: &str) -> Target {
        Target {
            canary: canary.into(),
            pid: pid.parse().unwrap_or(0),
            port: port.parse().unwrap_or(0),
            socket: socket.to_string(),
        }
    }
}

/// One attack, and what is known about it.
pub struct Attack {
    /// `family/name`, unique.
    pub name: &'static str,
    /// Its rows in the catalogue of attacks.
    pub ids: &'static [&'static str],
    /// Where it gets through. An attack that succeeds nowhere proves nothing when it is blocked.
    pub(crate) control: Control,
    /// Tries it.
    pub run: fn(&Target) -> Finding,
}

/// Where an attack gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// In a sandbox without one guard: a row of the guards removes it.
    WithoutGuard,
    /// As root without any sandbox.
    Bare,
    /// Nowhere in these tests, for this reason.
    Nowhere(&'static str),
}

impl Attack {
    const fn new(name: &'static str, ids: &'static [&'static str], run: fn(&Target) -> Finding) -> Attack {
        Attack { name, ids, control: Control::WithoutGuard, run }
    }

    const fn escapes_bare(mut self) -> Attack {
        self.control = Control::Bare;
        self
    }

    const fn escapes_nowhere(mut self, why: &'static str) -> Attack {
        self.control = Control::Nowhere(why);
        self
    }
}

/// How an attack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was refused.
    Blocked,
    /// It got through.
    Escaped,
    /// This kernel has nothing to attack here.
    NotApplicable,
}

/// What an attack reports, as one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// What it saw, human-readable: errors of the kernel, or the secret.
    pub(crate) saw: String,
}

/// Every attack, family by family.
pub fn attacks() -> impl Iterator<Item = &'static Attack> {
    [files::ATTACKS, process::ATTACKS, network::ATTACKS, kernel::ATTACKS, judge::ATTACKS]
        .into_iter()
        .flatten()
}

/// Runs the attack of this name and prints what it found.
pub fn attack(name: &str, target: &Target) -> ExitCode {
    let Some(attack) = attacks().find(|attack| attack.name == name) else {
        eprintln!("error: `{name}` is not an attack");
        return ExitCode::FAILURE;
    };
    print(&(attack.run)(target))
}

/// Prints one line. The exit code is for a user who starts the probe by hand.
fn print(finding: &Finding) -> ExitCode {
    match serde_json::to_string(finding) {
        Ok(line) => println!("{line}"),
        Err(cause) => eprintln!("error: {cause}"),
    }
    match finding.outcome {
        Outcome::Escaped => ExitCode::FAILURE,
        Outcome::Blocked | Outcome::NotApplicable => ExitCode::SUCCESS,
    }
}

impl Finding {
    fn blocked(saw: impl Into<String>) -> Finding {
        Finding { outcome: Outcome::Blocked, saw: saw.into() }
    }

    fn escaped(saw: impl Into<String>) -> Finding {
        Finding { outcome: Outcome::Escaped, saw: saw.into() }
    }

    fn not_applicable(saw: impl Into<String>) -> Finding {
        Finding { outcome: Outcome::NotApplicable, saw: saw.into() }
    }

    /// Escaped when one of them did; not applicable when all were.
    fn all(findings: impl IntoIterator<Item = Finding>) -> Finding {
        let findings: Vec<Finding> = findings.into_iter().collect();
        let any = |outcome| findings.iter().any(|finding| finding.outcome == outcome);
        let outcome = match (any(Outcome::Escaped), any(Outcome::Blocked)) {
            (true, _) => Outcome::Escaped,
            (false, true) => Outcome::Blocked,
            (false, false) => Outcome::NotApplicable,
        };
        let saw: Vec<&str> = findings.iter().map(|finding| finding.saw.as_str()).collect();
        Finding { outcome, saw: saw.join("; ") }
    }

    /// A call that must be refused.
    fn of<T>(what: &str, returned: Result<T, Errno>) -> Finding {
        match returned {
            Ok(_) => Finding::escaped(format!("{what}: done")),
            Err(errno) => Finding::blocked(format!("{what}: {errno}")),
        }
    }

    /// The same for a call of std.
    fn of_io<T>(what: &str, returned: std::io::Result<T>) -> Finding {
        Finding::of(what, returned.map_err(|cause| Errno(cause.raw_os_error().unwrap_or(0))))
    }
}

/// Runs `body`, which must be refused, in a child, since the refusal may be a kill.
fn trial(what: &str, body: impl FnOnce() -> Result<(), Errno>) -> Finding {
    let ended = sys::in_child(|| match body() {
        Ok(()) => 0,
        Err(errno) => errno.0 as u8,
    });
    match ended {
        Err(errno) => Finding::blocked(format!("{what}: no child: {errno}")),
        Ok(status) => of_status(what, status),
    }
}

fn of_status(what: &str, status: WaitStatus) -> Finding {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => Finding::escaped(format!("{what}: done")),
        (Some(code), _) => Finding::blocked(format!("{what}: {}", Errno(code))),
        (None, Some(libc::SIGSYS)) => Finding::blocked(format!("{what}: killed by the filter")),
        (None, signal) => Finding::blocked(format!("{what}: killed by signal {}", signal.unwrap_or(0))),
    }
}

/// How a canary's secret begins.
const SECRET: &str = "canary-";

/// Reads a file that should not be there. A secret is an escape; any other content is not.
fn look(path: &Path) -> Finding {
    let shown = path.display();
    match fs::read(path) {
        Ok(bytes) => match find_secret(&bytes) {
            Some(secret) => Finding::escaped(format!("{shown}: {secret}")),
            None => Finding::blocked(format!("{shown}: another file")),
        },
        Err(cause) => Finding::of_io::<()>(&shown.to_string(), Err(cause)),
    }
}

/// The first secret in these bytes.
fn find_secret(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(SECRET.len()).position(|window| window == SECRET.as_bytes())?;
    let rest = &bytes[at + SECRET.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    // The canary file's own name has the same beginning, with fewer digits.
    (digits == 32).then(|| String::from_utf8_lossy(&bytes[at..at + SECRET.len() + digits]).into_owned())
}
