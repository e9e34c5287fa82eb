//! A submission and an interactor that talk, each in a sandbox of its own; or several processes of a submission.
//!
//! ```text
//!   submission ──pipe──► Relay ──pipe──► interactor        this process holds the ends of all four pipes,
//!   submission ◄──pipe── Relay ◄──pipe── interactor        and sees the ends of both runs
//! ```
//!
//! Who ended first is what this one observer saw, not what two supervisors measured: the end of the submission's output
//! is kept from the interactor until its run is over, and until the interactor sleeps with nothing left to read. An
//! interactor that ends before that has decided on what was said alone, however busy the machine is; one that ends
//! later knew that the submission had ended.
//!
//! No side is blocked by one that does not read ([`relay`]). If both read, the submission's wall time ends it. That does
//! not end a talk in which one of them computes, which has limits of its own, or waits for a CPU.
//!
//! A manager of CMS is an interactor with a pair of FIFOs for each process of the submission ([`fifo`]).

mod decide;
mod fifo;
mod relay;
mod table;
mod transcript;
mod watch;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use run::exec::{Artifact, Prepared, StepOption};
use serde::Serialize;
use serde_json::Value;

use super::facts::Facts;
use super::program::{Case, JudgeProgram, Ruled};
use super::protocol::DIRECTORY;
use super::scratch::scratch;
use super::slots::Gate;
use super::time_option;
use fifo::Door;
use relay::Relay;
use table::{Table, User};

pub(super) use decide::{Decides, First, Interactor, decide};
pub use transcript::{Line, Speaker, Transcript};

/// What is needed for an interaction.
pub(super) struct Talk<'a> {
    pub(super) interactor: &'a JudgeProgram,
    pub(super) artifact: &'a Artifact,
    pub(super) case: Case<'a>,
    /// How many processes of the submission there are.
    pub(super) processes: usize,
    /// Of the submission's runs.
    pub(super) options: Vec<StepOption>,
    /// How long the submission may take before it must not wait any more.
    pub(super) wall: Duration,
    /// How long the interactor may take when it is not waiting.
    pub(super) interactor_wall: Duration,
}

/// What came of it.
pub(super) struct Talked {
    /// Of each process of the submission.
    pub(super) users: Vec<Ended>,
    /// Of the interactor.
    pub(super) ruled: Ruled,
    pub(super) interaction: Interaction,
}

/// What came of one process of the submission.
pub(super) struct Ended {
    pub(super) facts: Facts,
    /// What it wrote to stderr.
    pub(super) errors: File,
    pub(super) first: First,
}

/// An interaction, as it is reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interaction {
    /// Whose end came first.
    pub first: Speaker,
    /// The interactor's report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Value>,
    /// What was said.
    pub transcript: Transcript,
}

/// What lies between one process of a submission and the interactor.
struct Wires {
    to_user: Relay,
    to_interactor: Relay,
    door: Option<Door>,
    /// What the process reads from and writes to.
    user: [OwnedFd; 2],
    /// The same of the interactor, if it has no FIFOs.
    interactor: Option<[OwnedFd; 2]>,
}

/// A process of the submission that is prepared.
struct Waiting {
    prepared: Prepared,
    to_user: Relay,
    to_interactor: Relay,
    door: Option<Door>,
    errors: File,
}

impl Talk<'_> {
    /// From the start of all to the end of all; absent if the gate does not let them start. An error is the host's.
    pub(super) fn hold(&self, gate: Gate<'_>) -> Result<Option<Talked>, String> {
        let wires = (0..self.processes).map(|process| self.wires(process)).collect::<io::Result<Vec<_>>>();
        let wires = wires.map_err(|error| format!("a pipe: {error}"))?;
        let wall = self.wall.saturating_add(self.interactor_wall).as_micros();
        let wall = [time_option("wall-time", u64::try_from(wall).unwrap_or(u64::MAX))];
        let (said, interactor_errors) = (scratch()?, scratch()?);
        let interactor = self.prepare_interactor(&wires, &wall, &said, &interactor_errors)?;
        let options = [&self.options[..], &wall].concat();
        let users = wires.into_iter().enumerate();
        let users = users.map(|(process, wires)| self.prepare_user(process, wires, &options));
        let users = users.collect::<Result<Vec<Waiting>, String>>()?;
        if !gate() {
            interactor.call_off();
            users.into_iter().for_each(|user| user.prepared.call_off());
            return Ok(None);
        }
        let interactor = interactor.start();
        let users = users.into_iter().map(Waiting::start).collect();
        Table::new(self, users, interactor, [said, interactor_errors]).sit().map(Some)
    }

    fn wires(&self, process: usize) -> io::Result<Wires> {
        if self.interactor.has_fifos() {
            let (to_user, to_interactor, door, user) = fifo::relays(self.case.feedback.path(), process)?;
            return Ok(Wires { to_user, to_interactor, door: Some(door), user, interactor: None });
        }
        let (to_user, user_reads, interactor_writes) = Relay::new(true)?;
        let (to_interactor, interactor_reads, user_writes) = Relay::new(false)?;
        let (user, interactor) = ([user_reads, user_writes], Some([interactor_reads, interactor_writes]));
        Ok(Wires { to_user, to_interactor, door: None, user, interactor })
    }

    fn prepare_interactor(
        &self,
        wires: &[Wires],
        wall: &[StepOption],
        said: &File,
        errors: &File,
    ) -> Result<Prepared, String> {
        let input = self.case.input.open()?;
        let mut streams = [input.as_fd(), said.as_fd(), errors.as_fd()];
        if let Some([reads, writes]) = wires.first().and_then(|wires| wires.interactor.as_ref()) {
            (streams[0], streams[1]) = (reads.as_fd(), writes.as_fd());
        }
        let names = (0..self.processes).filter(|_| self.interactor.has_fifos()).flat_map(fifo::names);
        let fifos: Vec<String> = names.map(|name| format!("{DIRECTORY}/{name}")).collect();
        self.interactor.prepare_run(self.case, wall, &fifos, streams)
    }

    /// Its ends of the pipes, and those of the interactor, end with the two runs from here on.
    fn prepare_user(&self, process: usize, wires: Wires, options: &[StepOption]) -> Result<Waiting, String> {
        let errors = scratch()?;
        let streams = [wires.user[0].as_fd(), wires.user[1].as_fd(), errors.as_fd()];
        let number = (self.processes > 1).then(|| process.to_string());
        let arguments: Vec<_> = self.case.test.args.iter().chain(&number).map(Into::into).collect();
        let prepared = self.artifact.prepare(options, &arguments, streams);
        let prepared = prepared.map_err(|error| error.to_string())?;
        let Wires { to_user, to_interactor, door, .. } = wires;
        Ok(Waiting { prepared, to_user, to_interactor, door, errors })
    }
}

impl Waiting {
    fn start(self) -> User {
        let Waiting { prepared, to_user, to_interactor, door, errors } = self;
        User::new(prepared.start(), to_user, to_interactor, door, errors)
    }
}
