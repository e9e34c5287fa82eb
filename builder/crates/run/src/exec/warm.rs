//! Steps that get ready before they are needed: a program that has started, and has stopped itself before it looks at a
//! submission.
//!
//! ```text
//!   Kind ──Workroom::warm──► Warm: a workspace, and steps that are stopped ──Workroom::compile_warm──► Artifact ──► Running
//! ```
//!
//! The pack says how a step gets ready ([`recipe::language::WarmUp`]). Each is one run of the pool, in a sandbox of its own
//! under all of its limits, and serves once: nothing is forked from it, so that no submission shares memory, addresses or a
//! random seed with another. It is for the run that has the same command line, to the last option; only the files in
//! the workspace and the bytes of stdin come later. Every other run starts cold, and so does one whose warm step has ended.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::thread::Builder;

use rustix::fs::{MemfdFlags, memfd_create};

use super::pool::{Pool, PooledRun};
use super::request::StepOption;
use super::sleep;
use super::submission_uid::SubmissionUid;
use super::workspace::Workspace;
use crate::init_command::InitCommand;

/// Submissions for which the same programs get ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The language or the variant of one, by its name in the bundle.
    pub language: String,
    /// The caller's options for the compile step.
    pub compile: Vec<StepOption>,
    /// And for the run.
    pub run: Vec<StepOption>,
    /// The submission's arguments.
    pub arguments: Vec<OsString>,
}

/// What stands ready for one submission.
#[derive(Debug)]
pub struct Warm {
    pub(super) compile: Option<WarmCompile>,
    pub(super) run: Option<WarmRun>,
    pub(super) uid: Option<SubmissionUid>,
    /// After the steps, which see it.
    pub(super) workspace: Workspace,
    /// Bytes of the workspace.
    pub(super) size: u64,
}

impl Warm {
    /// Whether all of it still waits: a step that has ended was killed, or could not get ready.
    pub fn stands(&self) -> bool {
        self.steps().all(WarmStep::stands)
    }

    /// Whether all of it has got ready.
    pub fn is_ready(&self) -> bool {
        self.steps().all(WarmStep::is_ready)
    }

    fn steps(&self) -> impl Iterator<Item = &WarmStep> {
        let compile = self.compile.as_ref().map(|compile| &compile.step);
        [compile, self.run.as_ref().map(|run| &run.step)].into_iter().flatten()
    }
}

/// A compile step.
#[derive(Debug)]
pub(super) struct WarmCompile {
    step: WarmStep,
    said: PipeReader,
}

impl WarmCompile {
    pub(super) fn begin(pool: &Pool, init: InitCommand) -> io::Result<Option<WarmCompile>> {
        let nothing = File::open("/dev/null")?;
        let (said, says) = io::pipe()?;
        let step = WarmStep::begin(pool, init, [nothing.as_fd(), says.as_fd(), says.as_fd()])?;
        Ok(step.map(|step| WarmCompile { step, said }))
    }

    /// Has it go on, if it is this step; what it says comes from the pipe.
    pub(super) fn start_as(self, init: Option<&InitCommand>) -> Option<(PooledRun, PipeReader)> {
        let said = self.said;
        self.step.start_as(init).map(|run| (run, said))
    }
}

/// A run step, whose streams are files in memory.
#[derive(Debug)]
pub(super) struct WarmRun {
    pub(super) step: WarmStep,
    streams: [File; 3],
}

impl WarmRun {
    pub(super) fn begin(pool: &Pool, init: InitCommand) -> io::Result<Option<WarmRun>> {
        let streams = files(b"")?;
        let step = WarmStep::begin(pool, init, streams.each_ref().map(AsFd::as_fd))?;
        Ok(step.map(|step| WarmRun { step, streams }))
    }

    /// Gives it its input; then it can go on. stdout and stderr come with it.
    pub(super) fn with_input(mut self, stdin: &[u8]) -> io::Result<(WarmStep, [File; 2])> {
        fill(&mut self.streams[0], stdin)?;
        let WarmRun { step, streams: [_, stdout, stderr] } = self;
        Ok((step, [stdout, stderr]))
    }
}

/// A step that gets ready, or has got ready.
#[derive(Debug)]
pub(super) struct WarmStep {
    init: InitCommand,
    /// `None` only after the start.
    waiting: Option<(PooledRun, PipeWriter)>,
}

impl WarmStep {
    /// `None` where the pool does not take it.
    fn begin(pool: &Pool, init: InitCommand, streams: [BorrowedFd<'_>; 3]) -> io::Result<Option<WarmStep>> {
        let (starts, starter) = io::pipe()?;
        let mut asked = init.clone();
        asked.option("start-on", format!("fd:{}", starts.as_raw_fd()));
        let run = pool.warm_up(&asked, streams.map(Some))?;
        Ok(run.map(|run| WarmStep { init, waiting: Some((run, starter)) }))
    }

    pub(super) fn init(&self) -> &Path {
        self.init.init()
    }

    fn stands(&self) -> bool {
        self.waiting.as_ref().is_some_and(|(run, _)| !run.is_over())
    }

    fn is_ready(&self) -> bool {
        let is_stopped = |run: &PooledRun| run.is_taken() && run.observe(sleep::is_stopped) == Some(true);
        self.waiting.as_ref().is_some_and(|(run, _)| is_stopped(run))
    }

    /// Whether it has got ready for this.
    pub(super) fn is_for(&self, init: Option<&InitCommand>) -> bool {
        init == Some(&self.init) && self.stands()
    }

    /// Its run, and what starts it.
    pub(super) fn take(mut self) -> Option<(PooledRun, PipeWriter)> {
        self.waiting.take()
    }

    fn start_as(self, init: Option<&InitCommand>) -> Option<PooledRun> {
        if !self.is_for(init) {
            return None;
        }
        let (run, mut starter) = self.take()?;
        let _ended_already = starter.write_all(&[0]);
        Some(run)
    }
}

/// Its submission does not wait for this.
impl Drop for WarmStep {
    fn drop(&mut self) {
        if let Some((run, starter)) = self.waiting.take() {
            // Without another end of its pipe, its supervisor ends it, and removes its cgroup.
            drop(starter);
            // If no thread can be started, the run is killed, and its PID 1 removes the cgroup.
            let _killed = Builder::new().spawn(move || run.wait());
        }
    }
}

/// Streams of a run that are files in memory: only their descriptors name them.
pub(super) fn files(stdin: &[u8]) -> io::Result<[File; 3]> {
    let file = |name: &str| memfd_create(name, MemfdFlags::CLOEXEC).map(File::from);
    let mut files = [file("stdin")?, file("stdout")?, file("stderr")?];
    fill(&mut files[0], stdin)?;
    Ok(files)
}

fn fill(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.rewind()
}
