//! The plan: what the agent runs, in order. Written by the harness, read by the agent.

use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// Everything the agent needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The runner: `init` of the bundle, or an `init-serve`.
    pub init: String,
    /// Which of the two it is.
    #[serde(default)]
    pub runner: Runner,
    /// The sandbox's root.
    pub root: String,
    /// Options of every sandbox run, before those of the step.
    pub options: Vec<String>,
    /// What to look at around each step.
    pub watch: Watch,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// Which program makes the sandboxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// `init run`, once for each.
    #[default]
    Once,
    /// `init-serve`: each step has one that stood ready ([`crate::pooled`]).
    Pool,
}

/// How much of the machine the agent's census covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watch {
    /// The machine is ours: any process, mount, cgroup or IPC object that a step leaves is a finding.
    Machine,
    /// Other programs work on the machine too: only the canaries are looked at.
    Canaries,
}

/// One thing to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the plan; names the step in reports.
    pub name: String,
    /// Where it runs.
    pub place: Place,
    /// Another runner than the plan's.
    #[serde(default)]
    pub init: Option<String>,
    /// Options of the sandbox, for this step only.
    #[serde(default)]
    pub options: Vec<String>,
    /// Program and arguments. `{canary}`, `{pid}`, `{port}`, `{socket}` and `{token}` are replaced by the agent.
    pub argv: Vec<String>,
    /// What the program reads on standard input.
    pub(crate) stdin: Stdin,
    /// How its standard output and error are read.
    #[serde(default)]
    pub(crate) sink: Sink,
    /// Program and arguments of a second run, made like this one, that is under way when this one starts: it says one
    /// line when it is ready, and ends when its standard input does.
    #[serde(default)]
    pub(crate) neighbour: Option<Vec<String>>,
    /// A directory that it shares with other steps.
    #[serde(default)]
    pub(crate) workspace: Option<Workspace>,
    /// What to read of the run's cgroup from outside while it runs. The agent looks when the program has printed
    /// something, and ends its standard input afterwards.
    #[serde(default)]
    pub(crate) peek: Option<Peek>,
    /// After this many milliseconds the agent kills the step and reports it as overdue.
    pub limit_ms: u64,
}

/// A look at the cgroups that a run made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Peek {
    /// Names of files to read in each of them.
    pub files: Vec<String>,
}

/// Where a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In a sandbox that the bundle's init makes.
    Sandbox,
    /// In a sandbox that init makes as an ordinary user.
    User,
    /// The same, and root has delegated a cgroup to that user (version 2).
    Delegated,
    /// As root in the VM itself: the control that shows what a probe sees without a sandbox.
    Bare,
}

/// Standard input of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stdin {
    /// At its end from the start.
    Empty,
    /// This text, then the end.
    Text(String),
    /// As many integers ([`crate::integers`]), then the end.
    Integers(usize),
    /// A pipe on which nothing ever comes.
    Silent,
    /// A file of so many bytes, which every user may read.
    File(usize),
    /// A file that the runner itself could write, as a careless supervisor opens it.
    Writable,
}

/// Who reads what a step writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sink {
    /// All of it, at once.
    #[default]
    Read,
    /// All of it, but only after so many milliseconds.
    ReadAfter(u64),
    /// All of it, but only after the end of the run.
    ReadAfterEnd,
    /// None of it: both streams are one pipe, which another writer has left almost full.
    AlmostFull,
    /// Not at all: the reading end is closed.
    Closed,
}

/// How long a step may take unless it sets its own limit: emulation is slow, and a hang must still end.
pub(crate) const STEP_LIMIT_MS: u64 = 30_000;

impl Step {
    /// A sandboxed step without options, with an empty standard input.
    pub fn sandbox(name: impl Into<String>, argv: &[&str]) -> Step {
        Step {
            name: name.into(),
            place: Place::Sandbox,
            init: None,
            options: Vec::new(),
            argv: argv.iter().map(|word| word.to_string()).collect(),
            stdin: Stdin::Empty,
            sink: Sink::Read,
            neighbour: None,
            workspace: None,
            peek: None,
            limit_ms: STEP_LIMIT_MS,
        }
    }

    /// The same program outside of any sandbox.
    pub fn bare(name: impl Into<String>, argv: &[&str]) -> Step {
        Step { place: Place::Bare, ..Step::sandbox(name, argv) }
    }

    /// The same in a sandbox that an ordinary user makes.
    pub fn by_user(self) -> Step {
        Step { place: Place::User, ..self }
    }

    /// The same with these additional options of init.
    pub fn with(mut self, options: &[&str]) -> Step {
        self.options.extend(options.iter().map(|word| word.to_string()));
        self
    }
}
