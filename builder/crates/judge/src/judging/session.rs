//! A problem whose checker is ready, and a bundle: any number of submissions are judged with them.

use std::path::{Path, PathBuf};
use std::sync::RwLock;

use run::exec::{CompileResult, Submission, Workroom};

use super::check::Check;
use super::conduct::Conduct;
use super::passes::{self, Attempt, Bench};
use super::program::JudgeProgram;
use super::protocol::Role;
use super::report::Judgement;
use super::slots::Slots;
use super::{Failure, limits, unsupported};
use crate::files::Files;
use crate::problem::{Problem, Verdict};

/// A problem in a bundle. A process opens one, before its first thread.
pub struct Session {
    pub(super) files: Files,
    pub(super) problem: Problem,
    room: Workroom,
    check: Check,
    interactor: Option<JudgeProgram>,
    /// In the room's own mount namespace this is a tmpfs.
    shelf: PathBuf,
}

impl Session {
    /// Reads the problem, leaves the host's mount namespace, and compiles the checker. `open` opens the bundle.
    ///
    /// # Errors
    /// Whatever is wrong with the problem or its checker, and a bundle that cannot run.
    pub fn open(
        bundle: &Path,
        problem: &Path,
        open: impl FnOnce(&Path) -> Result<Workroom, run::Error>,
    ) -> Result<Session, Failure> {
        let mut files = Files::open(problem)?;
        let read = crate::read(&mut files)?;
        if let Some(what) = unsupported(&read) {
            return Err(Failure::Unsupported { problem: problem.to_path_buf(), what });
        }
        let room = open(bundle)?;
        let shelf = std::path::absolute(bundle).unwrap_or_default().join(bundle::layout::WORKSPACE);
        let check = Check::prepare(&files, &read, &room)?;
        let prepare = |program| JudgeProgram::prepare(Role::Interactor, &files, &read, program, &room);
        let interactor = read.interactor.as_ref().map(prepare).transpose()?;
        Ok(Session { files, problem: read, room, check, interactor, shelf })
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether the bundle's tree was compared with its manifest, and was as it was built.
    pub(super) fn is_verified(&self) -> bool {
        self.room.is_verified()
    }

    /// Compiles and judges a submission; its files decide about the language if none is given.
    ///
    /// # Errors
    /// Whatever fails before the first test, except a submission that does not compile. A sandbox that fails in a test
    /// makes that test's verdict IE.
    pub fn judge(
        &self,
        submission: &Submission,
        language: Option<&str>,
        conduct: Conduct<'_>,
    ) -> Result<Judgement, Failure> {
        let problem = &self.problem;
        let options = limits(problem.limits.compile);
        let compilation = self.room.compile(submission, language, &options)?;
        let mut judgement = Judgement::new(problem, &compilation);
        judgement.verified = self.is_verified();
        if let Some(why) = conduct.watch.interrupted() {
            // The interruption may have ended the compile step, so its result says nothing about the submission.
            judgement.error = Some(why);
            return Ok(judgement);
        }
        match compilation.result {
            CompileResult::CompileError(_) => judgement.verdict = Verdict::CompileError,
            CompileResult::SandboxError => judgement.verdict = Verdict::InternalError,
            CompileResult::Ready(artifact) => {
                conduct.watch.compiled();
                let bench = Bench {
                    files: &self.files,
                    problem,
                    artifact: &artifact,
                    language: &compilation.language,
                    check: &self.check,
                    interactor: self.interactor.as_ref(),
                    limit_us: conduct.limit_us,
                    shelf: &self.shelf,
                };
                let judge = |test: &_, leeway, result: &mut _| {
                    passes::judge(&bench, Attempt { test, leeway }, result)
                };
                let slots = Slots { problem, judge: &judge, conduct, alone: RwLock::new(()) };
                judgement.finish(problem, slots.run());
                judgement.error = conduct.watch.interrupted();
            }
        }
        Ok(judgement)
    }
}
