//! One test: the submission runs and its output is judged, once or as often as the judge's program asks for.
//!
//! ```text
//!   input ──► run, or talk with the interactor ──► check ──► nextpass.in? ──► the next pass's input
//! ```
//!
//! Each pass is a run in a fresh sandbox with all of the limits. The directory for feedback stays the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Seek;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use run::Cancel;
use run::exec::{Artifact, StepOption};

use super::answers::Answers;
use super::check::{Check, Finding, checked, compared};
use super::conduct::Leeway;
use super::desk::{Desk, Names};
use super::facts::Facts;
use super::feedback::Feedback;
use super::input::Input;
use super::interact::{Decides, Ended, Interactor, Talk, decide};
use super::program::{Case, JudgeProgram};
use super::protocol::TALK;
use super::report::WarmUp;
use super::result::TestResult;
use super::scratch::{beginning, scratch};
use super::slots::Gate;
use super::spool::Spool;
use super::visible::Visible;
use super::{cpu_option, patience_options, wall_us};
use crate::files::Files;
use crate::problem::{Io, Kind, Problem, Test, Verdict};

/// The file that asks for another pass, in Kattis's protocol.
const NEXT_PASS: &str = "nextpass.in";
/// As much of a submission's stderr is kept, in bytes.
const KEPT: u64 = 4 << 10;

/// What all tests share.
pub(super) struct Bench<'a> {
    pub(super) files: &'a Files,
    pub(super) problem: &'a Problem,
    pub(super) subject: Subject<'a>,
    pub(super) language: &'a str,
    pub(super) check: &'a Check,
    pub(super) interactor: Option<&'a JudgeProgram>,
    /// CPU time instead of the problem's.
    pub(super) limit_us: Option<u64>,
    /// The most time from start to end that the caller allows a run.
    pub(super) most_wall: Option<Duration>,
    /// Where directories can be made that no other process sees and that end with this one.
    pub(super) shelf: &'a Path,
    /// Where reports wait for the judgement's end.
    pub(super) spool: &'a Arc<Spool>,
    /// What ends all runs.
    pub(super) cancel: Option<&'a Arc<Cancel>>,
}

/// What a submission is.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A program, and the names of its files, if there are several.
    Program(&'a Artifact, &'a [String]),
    /// The output.
    Output(&'a Answers),
}

/// What follows a pass.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Done,
    Again,
    /// The judge's program asked for what it may not.
    Fault(String),
}

/// A test, and how much more than its time limit a run of it may take.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) test: &'a Test,
    pub(super) leeway: Leeway,
}

/// From the test's input to the result, which stays as it is if the gate does not let the test run. An error is the host's.
pub(super) fn judge(
    bench: &Bench<'_>,
    attempt: Attempt<'_>,
    gate: Gate<'_>,
    result: &mut TestResult,
) -> Result<(), String> {
    let test = attempt.test;
    let has_program = bench.interactor.is_some() || bench.check.is_program();
    let feedback = has_program.then(|| Feedback::new(bench.shelf)).transpose()?;
    let most = bench.problem.passes;
    let is_shown = has_program || bench.problem.io != Io::Std;
    let visible = if is_shown { Visible::new(bench.files, test, bench.shelf)? } else { Visible::default() };
    let mut input = Input::of_test(bench.files, test, &visible);
    for pass in 1.. {
        // It let the first pass run, so that the next ones may.
        let gate: Gate<'_> = if pass == 1 { &mut *gate } else { &mut || true };
        let cancel = bench.cancel;
        let case = feedback.as_ref();
        let case = case.map(|feedback| Case { test, input: &input, visible: &visible, feedback, cancel });
        let ruled = match (bench.subject, bench.interactor, case) {
            (Subject::Output(answers), ..) => read(bench, test, answers, case, gate, result)?,
            (Subject::Program(artifact, _), Some(interactor), Some(case)) => {
                let parties = (artifact, interactor);
                talk(bench, parties, case, attempt.leeway, gate, result)?
            }
            (Subject::Program(artifact, files), ..) => {
                run(bench, (artifact, files), attempt, &input, case, gate, result)?
            }
        };
        if most <= 1 {
            break;
        }
        result.passes = Some(pass);
        let next = feedback.as_ref().map(|feedback| feedback.take(NEXT_PASS)).transpose()?.flatten();
        match (step(pass, most, result.verdict, ruled, next.is_some()), next) {
            (Step::Again, Some(next)) => input = Input::made(&next, bench.shelf)?,
            (Step::Fault(what), _) => {
                (result.verdict, result.share, result.message) = (Verdict::JudgeError, 0.0, what);
                break;
            }
            _ => break,
        }
    }
    Ok(())
}

/// `ruled` is whether the judge's program accepted, if it was asked and has decided.
fn step(pass: u32, most: u32, verdict: Verdict, ruled: Option<bool>, wants_more: bool) -> Step {
    match (verdict, ruled) {
        (Verdict::JudgeError | Verdict::InternalError, _) => Step::Done,
        (_, Some(false)) if wants_more => {
            Step::Fault(format!("`{NEXT_PASS}` was written, and the output is rejected"))
        }
        (Verdict::Accepted, _) if wants_more && pass >= most => {
            Step::Fault(format!("`{NEXT_PASS}` was written after pass {pass}, the last one"))
        }
        (Verdict::Accepted, _) if wants_more => Step::Again,
        _ => Step::Done,
    }
}

/// A pass without an interactor.
fn run(
    bench: &Bench<'_>,
    (artifact, files): (&Artifact, &[String]),
    Attempt { test, leeway }: Attempt<'_>,
    input: &Input<'_>,
    case: Option<Case<'_>>,
    gate: Gate<'_>,
    result: &mut TestResult,
) -> Result<Option<bool>, String> {
    let names = Names::of(&bench.problem.io);
    let desk = names.map(|names| Desk::new(names, bench.shelf, bench.problem.limits.output_bytes, files));
    let desk = desk.transpose()?;
    let source = if desk.as_ref().is_some_and(Desk::has_input) { nothing()? } else { input.open()? };
    let [mut output, mut errors] = [scratch()?, scratch()?];
    let streams = [source.as_fd(), output.as_fd(), errors.as_fd()];
    let arguments: Vec<_> = test.args.iter().map(Into::into).collect();
    let mut options = bench.options(test, leeway);
    options.extend(bench.patience(test, leeway));
    options.extend(desk.iter().flat_map(|desk| desk.options(input)));
    let prepared = artifact.prepare(&options, &arguments, streams);
    let prepared = prepared.map_err(|error| error.to_string())?;
    if !gate() {
        prepared.call_off();
        return Ok(None);
    }
    let ended = prepared.start().wait().map_err(|error| error.to_string())?;
    let mut facts = Facts::read(&ended.report);
    facts.hold_to_limit(bench.cpu_us(test));
    ran(bench, test, result, facts, &mut errors)?;
    if result.verdict != Verdict::Accepted {
        return Ok(None);
    }
    output.rewind().map_err(|error| error.to_string())?;
    match desk.as_ref().and_then(Desk::output).unwrap_or(Ok(output)) {
        Ok(output) => check(bench, test, case, output, result)?,
        Err(missing) => (result.verdict, result.message) = (Verdict::WrongAnswer, missing),
    }
    Ok(Some(result.verdict == Verdict::Accepted))
}

/// A submission that is the output.
fn read(
    bench: &Bench<'_>,
    test: &Test,
    answers: &Answers,
    case: Option<Case<'_>>,
    gate: Gate<'_>,
    result: &mut TestResult,
) -> Result<Option<bool>, String> {
    if !gate() {
        return Ok(None);
    }
    match answers.output(test)? {
        Ok(output) => check(bench, test, case, output, result)?,
        Err(missing) => (result.verdict, result.message) = (Verdict::WrongAnswer, missing),
    }
    Ok(None)
}

fn nothing() -> Result<File, String> {
    File::open("/dev/null").map_err(|error| format!("/dev/null: {error}"))
}

/// What a run adds to the result: the most of what it used in any pass, and the rest of the last one.
fn ran(
    bench: &Bench<'_>,
    test: &Test,
    result: &mut TestResult,
    facts: Facts,
    errors: &mut File,
) -> Result<(), String> {
    result.is_near |= facts.is_near(bench.cpu_us(test));
    if facts.cpu_us >= result.time_us {
        result.error_us = facts.timing.and_then(|timing| timing.error_us);
    }
    let is_reliable = facts.is_reliable(bench.cpu_us(test));
    result.reliable = is_reliable.map(|is_reliable| is_reliable && result.reliable != Some(false));
    result.stderr = beginning(errors, KEPT)?;
    result.time_us = result.time_us.max(facts.cpu_us);
    result.wall_us = result.wall_us.max(facts.wall_us);
    result.memory_bytes = result.memory_bytes.max(facts.memory_bytes);
    (result.verdict, result.share, result.message) = (facts.verdict, 0.0, facts.message);
    result.status = facts.status;
    result.run = facts.report.as_ref().map(|report| bench.spool.put(report)).transpose()?;
    Ok(())
}

/// Judges an output.
fn check(
    bench: &Bench<'_>,
    test: &Test,
    case: Option<Case<'_>>,
    output: File,
    result: &mut TestResult,
) -> Result<(), String> {
    let finding = match (bench.check, case) {
        (Check::Builtin(compare), _) => {
            compared(test.compare.as_ref().unwrap_or(compare), bench.files, test, output)?
        }
        (Check::Program(program), Some(case)) => checked(program, case, &output)?,
        _ => return Err("no program decides about the output".to_owned()),
    };
    found(bench, result, finding)
}

fn found(bench: &Bench<'_>, result: &mut TestResult, finding: Finding) -> Result<(), String> {
    let Finding { verdict, share, message, report } = finding;
    (result.verdict, result.share, result.message) = (verdict, share, message);
    result.check = report.as_ref().map(|report| bench.spool.put(report)).transpose()?;
    Ok(())
}

/// A pass with an interactor.
fn talk(
    bench: &Bench<'_>,
    (artifact, interactor): (&Artifact, &JudgeProgram),
    case: Case<'_>,
    leeway: Leeway,
    gate: Gate<'_>,
    result: &mut TestResult,
) -> Result<Option<bool>, String> {
    let processes = match bench.problem.kind {
        Kind::Communication(processes) => processes as usize,
        _ => 1,
    };
    let (wall, interactor_wall) = bench.talk_time(case.test, leeway, interactor, processes);
    let talk = Talk {
        interactor,
        artifact,
        case,
        processes,
        options: bench.options(case.test, leeway),
        wall,
        interactor_wall,
    };
    let Some(mut talked) = talk.hold(gate)? else { return Ok(None) };
    result.interaction = Some(bench.spool.put(&talked.interaction)?);
    let (ended, ruled) = match &talked.ruled {
        Ok(ruling) if ruling.is_worth_something() => (Interactor::Accepts, Some(ruling.is_accepted)),
        Ok(_) => (Interactor::Rejects, Some(false)),
        Err((verdict, _)) => (Interactor::Failed(*verdict), None),
    };
    let limit_us = bench.cpu_us(case.test);
    talked.users.iter_mut().for_each(|user| user.facts.hold_to_limit(limit_us));
    let decides = |user: &Ended| decide(ended, user.facts.verdict, user.first) == Decides::Submission;
    let decisive = talked.users.iter().position(decides);
    let shown = decisive.unwrap_or(0);
    let mut total = talked.users[shown].facts.clone();
    total.add_up(talked.users.iter().map(|user| &user.facts));
    let cpu_us = total.cpu_us;
    ran(bench, case.test, result, total, &mut talked.users[shown].errors)?;
    if decisive.is_some() {
        return Ok(ruled);
    }
    // The limit is for all processes of a submission together.
    let is_slow = |limit| cpu_us.is_some_and(|cpu_us| cpu_us > limit);
    let is_ruled = !matches!(ended, Interactor::Failed(_));
    if processes > 1 && is_ruled && limit_us.is_some_and(is_slow) {
        (result.verdict, result.message) =
            (Verdict::TimeLimit, "cpu-time-limit of all processes together".to_owned());
        return Ok(ruled);
    }
    found(bench, result, Finding::of(talked.ruled, None))?;
    if result.verdict == Verdict::Accepted && !matches!(bench.check, Check::Interactor) {
        let output = match case.feedback.file(TALK) {
            Some(output) => output,
            None => scratch()?,
        };
        check(bench, case.test, Some(case), output, result)?;
    }
    Ok(ruled)
}

/// What the run before the tests may use, in microseconds of CPU time.
const WARM_UP: u64 = 200_000;

impl Bench<'_> {
    /// Runs a program without input, for the files that it reads when it starts. Where that fails, the first test will say why.
    pub(super) fn warm_up(&self) -> Option<WarmUp> {
        let Subject::Program(artifact, _) = self.subject else { return None };
        // Alone, the test would be no sooner at its end.
        let test = self.problem.tests.get(..2)?.first()?;
        let (input, output) = (nothing().ok()?, scratch().ok()?);
        let mut options = self.options(test, Leeway { times: 1.0, has_error: false });
        options.push(cpu_option(self.cpu_us(test).unwrap_or(WARM_UP).min(WARM_UP)));
        options.extend(patience_options(WARM_UP));
        let streams = [input.as_fd(), output.as_fd(), output.as_fd()];
        let ended = artifact.prepare(&options, &[], streams).ok()?.start().wait().ok()?;
        Facts::read(&ended.report).wall_us.map(|wall_us| WarmUp { wall_us })
    }

    /// CPU time: the problem's, or the test's, times the language's rate.
    fn cpu_us(&self, test: &Test) -> Option<u64> {
        let limits = &self.problem.limits;
        let limit = test.cpu_us.or(self.limit_us).or(limits.cpu_us)?;
        Some(scaled(limit, self.rate(&limits.time_rates)))
    }

    /// The limits of a test, its time limit with the leeway.
    fn options(&self, test: &Test, leeway: Leeway) -> Vec<StepOption> {
        let limits = &self.problem.limits;
        let mut options = Vec::new();
        options.extend(self.cpu_us(test).map(|limit| cpu_option(leeway.of(limit))));
        let size = |name: &str, bytes: u64| (name.to_owned(), bytes.to_string().into());
        if let Some(bytes) = test.memory_bytes.or(limits.memory_bytes) {
            options.push(size("memory", scaled(bytes, self.rate(&limits.memory_rates))));
        }
        options.extend(limits.output_bytes.map(|bytes| size("output", bytes)));
        options
    }

    /// How long a run may wait that has nobody to wait for.
    fn patience(&self, test: &Test, leeway: Leeway) -> impl Iterator<Item = StepOption> {
        self.cpu_us(test).into_iter().flat_map(move |limit| leeway.patience(limit))
    }

    /// How long a submission may take that talks, and its interactor in addition.
    fn talk_time(
        &self,
        test: &Test,
        leeway: Leeway,
        interactor: &JudgeProgram,
        processes: usize,
    ) -> (Duration, Duration) {
        let of_interactor = interactor.limits.cpu_us.map_or(0, wall_us);
        let wall = self.cpu_us(test).map_or(of_interactor, |cpu_us| leeway.wall_us(cpu_us));
        // Each may wait for all others, and a manager for each of them.
        let wall = Duration::from_micros(wall).saturating_mul(processes as u32);
        patience(self.most_wall, wall, Duration::from_micros(of_interactor))
    }

    fn rate(&self, rates: &BTreeMap<String, f64>) -> f64 {
        rates.get(self.language).copied().unwrap_or(1.0)
    }
}

/// How long a submission may take, and its interactor in addition, if both together may have at most this. Something is left
/// for the interactor, so that it sees a submission end that waits for too long.
fn patience(most: Option<Duration>, wall: Duration, interactor: Duration) -> (Duration, Duration) {
    let Some(most) = most else { return (wall, interactor) };
    let wall = wall.min(most - most / 8);
    (wall, interactor.min(most - wall))
}

fn scaled(amount: u64, rate: f64) -> u64 {
    (amount as f64 * rate) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Accepted, InternalError, JudgeError, RunTimeError, WrongAnswer};

    #[test]
    fn a_talk_has_no_more_time_than_a_run_may() {
        let within = |most: Option<u64>, wall, interactor| {
            let [wall, interactor] = [wall, interactor].map(Duration::from_secs);
            let (wall, interactor) = patience(most.map(Duration::from_secs), wall, interactor);
            (wall.as_secs(), interactor.as_secs())
        };
        assert_eq!(within(None, 500, 500), (500, 500));
        assert_eq!(within(Some(80), 6, 301), (6, 74));
        assert_eq!(within(Some(80), 301, 301), (70, 10));
        assert_eq!(within(Some(80), 30, 10), (30, 10));
    }

    #[test]
    fn another_pass_follows_only_where_it_may() {
        let fault = |step: Step| matches!(step, Step::Fault(_));
        assert_eq!(step(1, 3, Accepted, Some(true), true), Step::Again);
        assert_eq!(step(2, 3, Accepted, Some(true), false), Step::Done);
        assert!(fault(step(3, 3, Accepted, Some(true), true)));
        assert!(fault(step(1, 3, WrongAnswer, Some(false), true)));
        assert_eq!(step(1, 3, WrongAnswer, Some(false), false), Step::Done);
        // The submission failed: an interactor's wish for more does not matter, unless it rejects as well.
        assert_eq!(step(1, 3, RunTimeError, Some(true), true), Step::Done);
        assert!(fault(step(1, 3, RunTimeError, Some(false), true)));
        assert_eq!(step(1, 3, RunTimeError, None, false), Step::Done);
        for verdict in [JudgeError, InternalError] {
            assert_eq!(step(1, 3, verdict, None, true), Step::Done);
        }
    }
}
