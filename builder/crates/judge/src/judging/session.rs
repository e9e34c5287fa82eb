//! A problem whose checker is ready, and a bundle: any number of submissions are judged with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use run::Cancel;
use run::exec::{CompileResult, Submission, Workroom};

use super::added::{Dressed, dress};
use super::answers::Answers;
use super::check::Check;
use super::conduct::Conduct;
use super::grader::Grader;
use super::passes::{self, Attempt, Bench, Subject};
use super::program::JudgeProgram;
use super::protocol::Role;
use super::report::Judgement;
use super::result::TestResult;
use super::score::{self, GroupResult};
use super::slots::{Gate, Slots};
use super::spool::Spool;
use super::{Failure, limits, unsupported};
use crate::files::Files;
use crate::problem::{Kind, Problem, Verdict};

/// A problem in a bundle. A process that opens its bundle for it does so before its first thread.
pub struct Session {
    pub(super) files: Files,
    pub(super) problem: Problem,
    room: Arc<Workroom>,
    check: Check,
    interactor: Option<JudgeProgram>,
    grader: Option<Grader>,
    /// The languages whose files were read already.
    warmed: Mutex<BTreeSet<String>>,
    /// In the room's own mount namespace this is a tmpfs.
    shelf: PathBuf,
    spool: Arc<Spool>,
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
        Session::open_bounded(bundle, problem, |_| Ok(()), |bundle| open(bundle).map(Arc::new))
    }

    /// As [`Session::open`], in a bundle that is open already, for a caller whose own limits `bound` brings into the
    /// problem; its error is why the problem cannot be judged under them.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_bounded(
        bundle: &Path,
        problem: &Path,
        bound: impl FnOnce(&mut Problem) -> Result<(), String>,
        open: impl FnOnce(&Path) -> Result<Arc<Workroom>, run::Error>,
    ) -> Result<Session, Failure> {
        let mut files = Files::open(problem)?;
        let mut read = crate::read(&mut files)?;
        bound(&mut read).map_err(|what| Failure::Unsupported { problem: problem.to_path_buf(), what })?;
        if let Some(what) = unsupported(&read) {
            return Err(Failure::Unsupported { problem: problem.to_path_buf(), what });
        }
        let room = open(bundle)?;
        let shelf = std::path::absolute(bundle).unwrap_or_default().join(bundle::layout::WORKSPACE);
        let check = Check::prepare(&files, &read, &room)?;
        let prepare = |program| JudgeProgram::prepare(Role::Interactor, &files, &read, program, &room);
        let interactor = read.interactor.as_ref().map(prepare).transpose()?;
        let prepare = |program| Grader::prepare(&files, &read, program, &room);
        let grader = read.grader.as_ref().map(prepare).transpose()?;
        let spool = Spool::new().map_err(|what| Failure::Unready { problem: problem.to_path_buf(), what })?;
        Ok(Session {
            files,
            problem: read,
            room,
            check,
            interactor,
            grader,
            warmed: Mutex::default(),
            shelf,
            spool,
        })
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
        if problem.kind == Kind::SubmitAnswer {
            return self.judge_output(submission, conduct);
        }
        if let Some(judgement) = Judgement::too_large(problem, submission) {
            return Ok(judgement);
        }
        let Dressed { submission, language } = dress(&self.files, problem, &self.room, submission, language)?;
        let options = limits(problem.limits.compile);
        let compilation = self.room.compile_until(
            &submission,
            language.as_deref(),
            &options,
            conduct.watch.cancel(),
            &|| (),
        )?;
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
                let names = beside(&submission);
                let subject = Subject::Program(&artifact, &names);
                self.run_tests(subject, &compilation.language, conduct, &mut judgement);
            }
        }
        Ok(judgement)
    }

    /// Judges a submission that is the output.
    fn judge_output(&self, submission: &Submission, conduct: Conduct<'_>) -> Result<Judgement, Failure> {
        let answers = Answers::of(submission)?;
        let mut judgement = Judgement::of_output(&self.problem);
        conduct.watch.compiled();
        self.run_tests(Subject::Output(&answers), "", conduct, &mut judgement);
        Ok(judgement)
    }

    fn run_tests(
        &self,
        subject: Subject<'_>,
        language: &str,
        conduct: Conduct<'_>,
        judgement: &mut Judgement,
    ) {
        let problem = &self.problem;
        let bench = Bench {
            files: &self.files,
            problem,
            subject,
            language,
            check: &self.check,
            interactor: self.interactor.as_ref(),
            limit_us: conduct.limit_us,
            most_wall: self.room.ceilings().of_run("wall-time").map(Duration::from_nanos),
            shelf: &self.shelf,
            spool: &self.spool,
            cancel: conduct.watch.cancel(),
        };
        let is_first = self.warmed.lock().unwrap_or_else(PoisonError::into_inner).insert(language.to_owned());
        judgement.warm_up = is_first.then(|| bench.warm_up()).flatten();
        let judge = |test: &_, leeway, gate: Gate<'_>, result: &mut _| {
            passes::judge(&bench, Attempt { test, leeway }, gate, result)
        };
        let slots = Slots { problem, judge: &judge, conduct, alone: RwLock::new(()) };
        let results = slots.run();
        judgement.finish(self.total(&results, conduct.watch.cancel()), results);
        judgement.error = conduct.watch.interrupted().or(judgement.error.take());
    }

    /// Verdict and score of all tests.
    pub(super) fn total(&self, tests: &[TestResult], cancel: Option<&Arc<Cancel>>) -> GroupResult {
        let without = || (Verdict::InternalError, "the problem has no grader".to_owned());
        let grade = |flags: &[String], lines: &str| {
            self.grader.as_ref().ok_or_else(without)?.grade(flags, lines, cancel)
        };
        score::total(&self.problem, tests, &grade)
    }
}

/// The names that a submission of several files has where it starts.
fn beside(submission: &Submission) -> Vec<String> {
    let files = submission.files();
    let names: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.split('/').next()).filter(|_| files.len() > 1).collect();
    names.into_iter().map(str::to_owned).collect()
}
