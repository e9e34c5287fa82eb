//! A submission that is ready to run, and its runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bundle::digest::Sha;
use recipe::language::Language;
use recipe::placeholder::Names;
use rustix::process::Signal;

use super::ceiling::{Ceiling, lowered};
use super::pool::Pool;
use super::processes;
use super::request::StepOption;
use super::sleep::{self, Activity};
use super::steps::Steps;
use super::submission_uid::SubmissionUid;
use super::supervisor::Supervisor;
use super::warm::{self, WarmRun};
use super::workspace::Workspace;
use crate::cancel::Cancel;
use crate::ending_signals::Heeded;
use crate::error::Error;
use crate::init_command::InitCommand;
use crate::report::{self, INITS, Report};
use crate::timing::{self, Observation};

/// The one status that is not a verdict.
const SANDBOX_ERROR: &str = "sandbox-error";
/// The exit code for a limit that kills, as with SIGKILL.
const KILLED: u8 = 137;

/// A submission in its workspace, compiled if its language wants that. It runs as often as its owner likes, also several
/// times at once: a run sees the workspace read-only. The end of this value is the workspace's.
#[derive(Debug)]
pub struct Artifact {
    bundle: PathBuf,
    root: PathBuf,
    digest: Option<Sha>,
    limits: BTreeMap<String, String>,
    language: Language,
    names: Names,
    has_several: bool,
    workspace: Workspace,
    /// The uid of the compile step and of all runs: the compiler may have left files that only its own user can read.
    pub(super) uid: Option<SubmissionUid>,
    /// The most that a run may have.
    pub(super) ceilings: Vec<Ceiling>,
    /// Where its runs find sandboxes that stand ready.
    pub(super) pool: Option<Arc<Pool>>,
    /// What ends its runs.
    pub(super) cancel: Option<Arc<Cancel>>,
    /// A run that has got ready.
    pub(super) warm: Mutex<Option<WarmRun>>,
}

/// A run that can start, and what it will write.
#[derive(Debug)]
pub struct Primed {
    /// To be started.
    pub prepared: Prepared,
    /// A file in memory.
    pub stdout: File,
    /// Likewise.
    pub stderr: File,
}

/// A run that has begun.
///
/// The kernel kills it when the thread that began it ends (PR_SET_PDEATHSIG in prctl(2) means threads): that thread should
/// wait for it.
pub struct Running {
    supervisor: Supervisor,
    init: PathBuf,
    memory_exit_code: Option<u8>,
    seen: Observation,
    /// Whether its program had got ready before.
    is_warm: bool,
    /// What ends it.
    cancel: Option<Arc<Cancel>>,
}

/// A sandbox that stands and in which nothing runs yet. What is said of threads at [`Running`] holds for it too.
#[must_use]
#[derive(Debug)]
pub struct Prepared {
    supervisor: Supervisor,
    init: PathBuf,
    memory_exit_code: Option<u8>,
    is_warm: bool,
    /// What ends it.
    cancel: Option<Arc<Cancel>>,
    starter: PipeWriter,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The status, in init's words. It is `memory-limit` too if the language's runtime says so by its exit code, which init
    /// does not know, and `sandbox-error` if init left no report.
    pub status: String,
    /// The exit code for it.
    pub code: u8,
    /// init's report with the block `timing`, one JSON object on one line; empty when it did not understand its options.
    pub report: String,
}

impl Artifact {
    pub(super) fn new(steps: &Steps<'_>, workspace: Workspace) -> Artifact {
        Artifact {
            bundle: steps.bundle.to_owned(),
            root: steps.root.to_owned(),
            digest: steps.digest.cloned(),
            limits: steps.limits.clone(),
            language: steps.language.clone(),
            names: steps.names.clone(),
            has_several: steps.has_several,
            workspace,
            uid: None,
            ceilings: Vec::new(),
            pool: None,
            cancel: None,
            warm: Mutex::new(None),
        }
    }

    /// The start of a run, for a caller that starts init in its own way. `arguments` are the submission's.
    pub fn command(&self, options: &[StepOption], arguments: &[OsString]) -> InitCommand {
        self.steps().run(&self.lowered(options), arguments)
    }

    fn lowered(&self, options: &[StepOption]) -> Vec<StepOption> {
        lowered(&self.ceilings, &[&self.language.run.limits, &self.limits], options)
    }

    fn steps(&self) -> Steps<'_> {
        Steps {
            bundle: &self.bundle,
            root: &self.root,
            workspace: self.workspace.place(),
            digest: self.digest.as_ref(),
            limits: &self.limits,
            language: &self.language,
            names: &self.names,
            uid: self.uid.as_ref(),
            has_several: self.has_several,
        }
    }

    /// The run that has got ready, if it is one with these options, with its input; the first time only.
    ///
    /// # Errors
    /// The input does not fit into memory.
    pub fn take_warm(
        &self,
        options: &[StepOption],
        arguments: &[OsString],
        stdin: &[u8],
    ) -> io::Result<Option<Primed>> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wanted = self.steps().run_warm(&self.lowered(options), arguments);
        let Some(warm) = warm.filter(|warm| warm.step.is_for(wanted.as_ref())) else { return Ok(None) };
        let (step, [stdout, stderr]) = warm.with_input(stdin)?;
        let init = step.init().to_path_buf();
        let Some((run, starter)) = step.take() else { return Ok(None) };
        let (memory_exit_code, cancel) = (self.memory_exit_code(), self.cancel.clone());
        let supervisor = Supervisor::Pooled(run);
        let prepared = Prepared { supervisor, init, memory_exit_code, is_warm: true, cancel, starter };
        Ok(Some(Primed { prepared, stdout, stderr }))
    }

    /// Begins a run with these streams; one that is not given is this process's own.
    ///
    /// # Errors
    /// init cannot be started.
    pub fn start(
        &self,
        options: &[StepOption],
        arguments: &[OsString],
        streams: [Option<BorrowedFd<'_>>; 3],
    ) -> Result<Running, Error> {
        let init = self.command(options, arguments);
        let (path, seen) = (init.init().to_path_buf(), Observation::begin());
        match processes::reporting(self.pool.as_deref(), init, streams) {
            Ok(supervisor) => Ok(self.running(supervisor, path, seen)),
            Err(error) => Err(Error::Start { path, error }),
        }
    }

    /// Prepares a run with these streams: everything but the start of the program is done, and no limit counts yet.
    ///
    /// # Errors
    /// init cannot be started. Whatever else fails is in the report of the run.
    pub fn prepare(
        &self,
        options: &[StepOption],
        arguments: &[OsString],
        streams: [BorrowedFd<'_>; 3],
    ) -> Result<Prepared, Error> {
        let init = self.command(options, arguments);
        let path = init.init().to_path_buf();
        match processes::waiting(self.pool.as_deref(), init, streams.map(Some)) {
            Ok((supervisor, starter)) => {
                let (memory_exit_code, cancel) = (self.memory_exit_code(), self.cancel.clone());
                Ok(Prepared { supervisor, init: path, memory_exit_code, is_warm: false, cancel, starter })
            }
            Err(error) => Err(Error::Start { path, error }),
        }
    }

    /// Prepares a run whose streams are files in memory, with its input.
    ///
    /// # Errors
    /// The streams do not fit into memory, or init cannot be started.
    pub fn prime(
        &self,
        options: &[StepOption],
        arguments: &[OsString],
        stdin: &[u8],
    ) -> Result<Primed, Error> {
        let files = warm::files(stdin);
        let [stdin, stdout, stderr] = files.map_err(|error| Error::read("memory".as_ref(), error))?;
        let prepared = self.prepare(options, arguments, [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])?;
        Ok(Primed { prepared, stdout, stderr })
    }

    fn running(&self, supervisor: Supervisor, init: PathBuf, seen: Observation) -> Running {
        let (memory_exit_code, cancel) = (self.memory_exit_code(), self.cancel.clone());
        Running { supervisor, init, memory_exit_code, seen, is_warm: false, cancel }
    }

    /// Whether this process has to see the end of a run to name it.
    pub(super) fn needs_an_observer(&self) -> bool {
        self.memory_exit_code().is_some()
    }

    fn memory_exit_code(&self) -> Option<u8> {
        self.language.run.memory_exit_code
    }
}

impl Prepared {
    /// The same run, which ends when the work is called off.
    pub fn until(self, cancel: Option<&Arc<Cancel>>) -> Prepared {
        Prepared { cancel: cancel.cloned(), ..self }
    }

    /// Starts the program. Where the sandbox has failed meanwhile, the report of the run says so. Where the work is called
    /// off already, no program starts.
    pub fn start(self) -> Running {
        let Prepared { supervisor, init, memory_exit_code, is_warm, cancel, mut starter } = self;
        let seen = Observation::begin();
        let running = Running { supervisor, init, memory_exit_code, seen, is_warm, cancel };
        if !running.is_called_off() {
            let _ended_already = starter.write_all(&[0]);
        }
        running
    }

    /// Takes it back: no program is started, and no verdict follows.
    pub fn call_off(self) {
        // Without another end of its pipe, init ends.
        drop(self.starter);
        let _canceled = self.supervisor.wait(Heeded::default());
    }
}

impl Running {
    /// Of a command that no language's runtime speaks for.
    pub(super) fn new(supervisor: Supervisor, init: PathBuf) -> Running {
        let (seen, is_warm) = (Observation::begin(), false);
        Running { supervisor, init, memory_exit_code: None, seen, is_warm, cancel: None }
    }

    /// The same run, which ends when the work is called off: a report of it then says `sandbox-error`.
    #[must_use]
    pub fn until(self, cancel: Option<&Arc<Cancel>>) -> Running {
        Running { cancel: cancel.cloned(), ..self }
    }

    fn is_called_off(&self) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.is_set())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The report cannot be read, or the process is not ours.
    pub fn wait(self) -> Result<Ended, Error> {
        self.wait_heeding(Heeded::default())
    }

    /// The same; what is heeded ends the run, too.
    pub(super) fn wait_heeding(self, heeded: Heeded<'_>) -> Result<Ended, Error> {
        let cancel = self.cancel.as_ref().or(heeded.cancel);
        match self.supervisor.wait(Heeded { cancel, ..heeded }) {
            Ok((code, report)) => {
                let ended = Ended::new(code, report, self.memory_exit_code, Some(self.seen))?;
                Ok(if self.is_warm { ended.marked_warm() } else { ended })
            }
            Err(error) => Err(Error::Start { path: self.init, error }),
        }
    }

    /// Kills it. Nothing of it is left; its report is empty, or says `sandbox-error` and no more than that.
    pub fn kill(&self) {
        self.supervisor.signal(Signal::KILL);
    }

    /// Has it end. Its report then says `sandbox-error`, and has what was measured so far.
    pub fn terminate(&self) {
        self.supervisor.signal(Signal::TERM);
    }

    /// What its processes do.
    pub fn activity(&self) -> Activity {
        // One that is over has just ended.
        self.supervisor.observe(sleep::look).unwrap_or(Activity::Busy)
    }
}

/// Ready to be read when the run is over, so that [`Running::wait`] does not sleep.
impl AsFd for Running {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.supervisor.as_fd()
    }
}

impl Ended {
    /// Its times are not those of a run that starts its runtime itself, and its report says so.
    fn marked_warm(mut self) -> Ended {
        self.report = report::with(&self.report, report::WARM);
        self
    }

    fn new(
        code: u8,
        mut report: String,
        memory_exit_code: Option<u8>,
        seen: Option<Observation>,
    ) -> Result<Ended, Error> {
        if report.is_empty() {
            return Ok(Ended { status: SANDBOX_ERROR.to_owned(), code, report });
        }
        let Report { status, cpu_us, .. } = Report::parse(report.as_bytes(), INITS)?;
        if let Some(seen) = seen {
            report = timing::added(&report, &seen.end(cpu_us));
        }
        if status == "nonzero-exit" && memory_exit_code == Some(code) {
            return Ok(Ended { status: "memory-limit".to_owned(), code: KILLED, report });
        }
        Ok(Ended { status, code, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: u8, status: &str, memory_exit_code: Option<u8>) -> (String, u8) {
        let report = format!("{{\"status\":\"{status}\"}}\n");
        let Ended { status, code, .. } = Ended::new(code, report, memory_exit_code, None).expect("a report");
        (status, code)
    }

    #[test]
    fn a_runtime_says_by_its_exit_code_that_memory_ran_out() {
        assert_eq!(ended(3, "nonzero-exit", Some(3)), ("memory-limit".to_owned(), 137));
        assert_eq!(ended(1, "nonzero-exit", Some(3)), ("nonzero-exit".to_owned(), 1));
        assert_eq!(ended(3, "nonzero-exit", None), ("nonzero-exit".to_owned(), 3));
        assert_eq!(ended(124, "cpu-time-limit", Some(124)), ("cpu-time-limit".to_owned(), 124));
    }

    #[test]
    fn a_run_without_a_report_is_no_verdict() {
        let ended = Ended::new(3, String::new(), Some(3), None).expect("ended");
        assert_eq!((ended.status.as_str(), ended.code), ("sandbox-error", 3));
    }
}
