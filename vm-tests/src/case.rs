//! A case: one step, and what must be seen of it.

use std::borrow::Cow;

use serde::Serialize;

use crate::message::{End, Observation};
use crate::plan::{Place, Step};
use crate::probe::{Finding, Outcome};
use crate::suite::Suite;

/// One step and its expectations.
#[derive(Clone)]
pub struct Case {
    /// The suite, with whose name the case's begins.
    pub suite: Suite,
    /// What to run.
    pub step: Step,
    /// Rows of the catalogue of attacks that it tries.
    pub ids: Vec<String>,
    /// All of it must be seen.
    pub expect: Vec<Expect>,
    /// Whether the rules for every sandboxed run hold here too. They do not where a guard is removed.
    pub contained: bool,
    /// Why only root's sandbox can show this. In an ordinary user's world the case is not applicable, with this reason.
    pub needs_root: Option<&'static str>,
    /// The tested guard. Where the report says that it is unavailable, the case is not applicable.
    pub guard: Option<&'static str>,
    /// Whether it leaves a machine on which nothing else can be shown: then it is the last one in its VM.
    pub alone: bool,
    /// What this bundle lacks for it. Such a case does not run, and is not applicable.
    pub lacking: Option<String>,
    /// The name of a case of the same world. Both must have the same report, apart from measured numbers.
    pub like: Option<String>,
}

/// Returns what is wrong.
pub(crate) type Rule = fn(&Observation) -> Result<(), String>;

/// One thing that must be seen.
#[derive(Clone)]
pub enum Expect {
    /// The exit code of the runner.
    Exit(i32),
    /// The report's `status`.
    Status(Cow<'static, str>),
    /// The report's `signal`.
    Signal(i64),
    /// Standard output, all of it.
    Stdout(String),
    /// Any status but this one.
    StatusIsNot(&'static str),
    /// Somewhere on standard output.
    StdoutHas(&'static str),
    /// Somewhere on standard error.
    StderrHas(Cow<'static, str>),
    /// At most this many bytes on each stream.
    StreamsUpTo(u64),
    /// Any other rule.
    Rule(Rule),
    /// A rule that must not hold.
    Broken(Rule),
    /// The outcome that the probe reports.
    Attack(Outcome),
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "why")]
pub enum Verdict {
    /// Everything was seen.
    Passed,
    /// The case does not apply to this world, kernel or bundle, for this reason.
    NotApplicable(String),
    /// Everything that was wrong.
    Failed(Vec<String>),
}

impl Case {
    /// The same case in a sandbox that an ordinary user makes. `None` where its suite takes root.
    pub fn by_user(&self) -> Option<Case> {
        let step = self.step.clone().by_user().with(self.suite.options_for_users()?);
        let lacking = self.needs_root.map(str::to_string).or_else(|| self.lacking.clone());
        Some(Case { step, lacking, ..self.clone() })
    }

    /// Whether it may run on a host: a sandbox must hold it, and that sandbox must have no hole.
    ///
    /// `contained` alone is not enough. Most runs of the guards with the guard up are contained, but other guards that
    /// would stop the same attack are removed there, so a fault in the tested guard would let the attack reach the host.
    pub(crate) fn is_for_hosts(&self) -> bool {
        matches!(self.step.place, Place::Sandbox | Place::User) && self.contained && self.suite.is_for_hosts()
    }

    /// Judges what was seen. `secret` is what no sandbox may print.
    pub fn judge(&self, seen: &Observation, secret: &str) -> Verdict {
        if let Some(why) = self.guard.and_then(|guard| missing_here(seen, guard)) {
            return Verdict::NotApplicable(why);
        }
        let mut wrong: Vec<String> =
            self.expect.iter().filter_map(|expect| expect.check(seen).err()).collect();
        if seen.end == End::Overdue {
            wrong.push(format!("not over within {} ms", self.step.limit_ms));
        }
        if self.step.place != Place::Bare && self.contained {
            wrong.extend(contained(seen, secret));
        }
        match (wrong.is_empty(), self.finding(seen)) {
            (false, _) => Verdict::Failed(wrong),
            (true, Some(finding)) if finding.outcome == Outcome::NotApplicable => {
                Verdict::NotApplicable(finding.saw)
            }
            (true, _) => Verdict::Passed,
        }
    }

    /// The probe's report, where the case is an attack and has one.
    pub fn finding(&self, seen: &Observation) -> Option<Finding> {
        let is_attack = self.expect.iter().any(|expect| matches!(expect, Expect::Attack(_)));
        if is_attack { finding(seen).ok() } else { None }
    }
}

/// Why this machine cannot have the guard, where the report says so.
fn missing_here(seen: &Observation, guard: &str) -> Option<String> {
    let state = seen.guard(guard)?;
    state.strip_prefix("unavailable: ").map(|why| format!("{guard}: {why}"))
}

/// What must hold after any sandboxed run, whatever it did.
fn contained(seen: &Observation, secret: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, text) in [("stdout", &seen.stdout), ("stderr", &seen.stderr), ("the report", &seen.report)] {
        if text.contains(secret) {
            wrong.push(format!("the secret is on {name}"));
        }
    }
    wrong.extend(seen.leftovers.iter().map(|left| format!("left behind: {left}")));
    if let (End::Code(code), Ok(report)) = (seen.end, seen.report())
        && report.get("status").and_then(|status| status.as_str()) == Some("ok")
        && code != 0
    {
        wrong.push(format!("the report says ok, the exit code is {code}"));
    }
    wrong
}

impl Expect {
    fn check(&self, seen: &Observation) -> Result<(), String> {
        match self {
            Expect::Exit(code) => {
                equal("exit", &End::Code(*code), &seen.end).map_err(|wrong| with_stderr(wrong, seen))
            }
            Expect::Status(status) => equal("status", &status.to_string(), &seen.status()?)
                .map_err(|wrong| with_stderr(wrong, seen)),
            Expect::Signal(signal) => {
                let report = seen.report()?;
                equal("signal", &Some(*signal), &report.get("signal").and_then(|value| value.as_i64()))
            }
            Expect::Stdout(text) => equal("stdout", text, &seen.stdout),
            Expect::StdoutHas(text) => has("stdout", &seen.stdout, text),
            Expect::StderrHas(text) => has("stderr", &seen.stderr, text),
            Expect::StreamsUpTo(most) if seen.stdout_bytes.max(seen.stderr_bytes) > *most => Err(format!(
                "{} and {} bytes on the streams, {most} allowed",
                seen.stdout_bytes, seen.stderr_bytes
            )),
            Expect::StreamsUpTo(_) => Ok(()),
            Expect::StatusIsNot(status) => match seen.status()? {
                other if other == *status => Err(format!("status is still {other}")),
                other if other == "sandbox-error" => Err(with_stderr("the sandbox failed".into(), seen)),
                _ => Ok(()),
            },
            Expect::Rule(rule) => rule(seen),
            Expect::Broken(rule) => broken(*rule, seen),
            Expect::Attack(outcome) => attack(*outcome, seen),
        }
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, seen: &T) -> Result<(), String> {
    if expected == seen { Ok(()) } else { Err(format!("{what} is {seen:?}, not {expected:?}")) }
}

fn has(what: &str, seen: &str, wanted: &str) -> Result<(), String> {
    if seen.contains(wanted) { Ok(()) } else { Err(format!("{wanted:?} is not on {what}: {seen:?}")) }
}

/// Adds the runner's own message, which explains an unexpected end.
fn with_stderr(wrong: String, seen: &Observation) -> String {
    let error = seen.report().ok().and_then(|report| report.get("error").map(|error| error.to_string()));
    let message: String = error.unwrap_or_else(|| seen.stderr.clone()).chars().take(300).collect();
    if message.is_empty() { wrong } else { format!("{wrong}; its message: {}", message.trim_end()) }
}

fn attack(expected: Outcome, seen: &Observation) -> Result<(), String> {
    let finding = finding(seen)?;
    let is_accepted = finding.outcome == expected
        || (expected == Outcome::Blocked && finding.outcome == Outcome::NotApplicable);
    if is_accepted { Ok(()) } else { Err(format!("{:?}: {}", finding.outcome, finding.saw)) }
}

/// A run that never started cannot show that a rule is broken, unless it left something behind. (A run whose report was
/// forged did start.)
fn broken(rule: Rule, seen: &Observation) -> Result<(), String> {
    match seen.status() {
        Err(why) if seen.report.is_empty() => return Err(why),
        Ok(status) if status == "sandbox-error" && seen.leftovers.is_empty() => {
            return Err(with_stderr("the sandbox failed".into(), seen));
        }
        _ => {}
    }
    match rule(seen) {
        Err(_) => Ok(()),
        Ok(()) => Err("nothing has changed".into()),
    }
}

/// A probe prints one line. One that the filter killed prints nothing, and init's report has the reason.
fn finding(seen: &Observation) -> Result<Finding, String> {
    let lines: Vec<&str> = seen.stdout.lines().collect();
    if let [line] = lines[..] {
        return serde_json::from_str(line)
            .map_err(|cause| format!("the probe's line is not a finding ({cause}): {line}"));
    }
    if lines.is_empty() && seen.status().is_ok_and(|status| status == "forbidden-syscall") {
        return Ok(Finding { outcome: Outcome::Blocked, saw: "killed: forbidden-syscall".into() });
    }
    Err(with_stderr(
        format!("the probe printed {} lines: {:?}; it ended with {:?}", lines.len(), seen.stdout, seen.end),
        seen,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(stdout: &str, report: &str, code: i32) -> Observation {
        Observation {
            end: End::Code(code),
            stdout: stdout.into(),
            stdout_bytes: stdout.len() as u64,
            report: report.into(),
            ..Observation::silent("case")
        }
    }

    fn case(expect: Vec<Expect>) -> Case {
        crate::cases::case(Suite::Capsule, Step::sandbox("case", &["/bin/true"]), &[], expect)
    }

    const OK: &str = "{\"status\":\"ok\"}\n";

    #[test]
    fn a_case_passes_when_all_that_it_expects_is_seen() {
        let case = case(vec![Expect::Exit(0), Expect::Status("ok".into()), Expect::Stdout("hi\n".into())]);
        assert_eq!(case.judge(&seen("hi\n", OK, 0), "canary-1"), Verdict::Passed);
    }

    #[test]
    fn a_secret_on_a_stream_fails_whatever_else_is_right() {
        let verdict = case(vec![]).judge(&seen("canary-1", OK, 0), "canary-1");
        assert_eq!(verdict, Verdict::Failed(vec!["the secret is on stdout".into()]));
    }

    #[test]
    fn a_leftover_fails_whatever_else_is_right() {
        let mut seen = seen("", OK, 0);
        seen.leftovers.push("mount tmpfs".into());
        assert_eq!(
            case(vec![]).judge(&seen, "canary-1"),
            Verdict::Failed(vec!["left behind: mount tmpfs".into()])
        );
    }

    #[test]
    fn two_reports_do_not_count_as_a_report() {
        let verdict =
            case(vec![Expect::Status("ok".into())]).judge(&seen("", &format!("{OK}{OK}"), 0), "canary-1");
        assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    }

    #[test]
    fn an_attack_that_prints_nothing_is_not_blocked() {
        let case = case(vec![Expect::Attack(Outcome::Blocked)]);
        assert!(matches!(case.judge(&seen("", OK, 0), "canary-1"), Verdict::Failed(_)));
        let killed = seen("", "{\"status\":\"forbidden-syscall\"}", 159);
        assert_eq!(case.judge(&killed, "canary-1"), Verdict::Passed);
    }

    #[test]
    fn an_attack_that_prints_a_second_line_is_not_believed() {
        let case = case(vec![Expect::Attack(Outcome::Blocked)]);
        let line = "{\"outcome\":\"blocked\",\"saw\":\"EPERM\"}\n";
        assert_eq!(case.judge(&seen(line, OK, 0), "canary-1"), Verdict::Passed);
        assert!(matches!(case.judge(&seen(&line.repeat(2), OK, 0), "canary-1"), Verdict::Failed(_)));
    }

    #[test]
    fn a_rule_is_broken_only_by_a_run_that_came_about() {
        let case = case(vec![Expect::Broken(|_| Err("broken".into()))]);
        let failed = |seen: &Observation| matches!(case.judge(seen, "canary-1"), Verdict::Failed(_));
        assert_eq!(case.judge(&seen("", OK, 0), "canary-1"), Verdict::Passed);
        assert!(failed(&seen("", "", 127)));
        assert!(failed(&seen("", "{\"status\":\"sandbox-error\"}\n", 125)));
    }

    #[test]
    fn only_what_cannot_harm_a_host_runs_on_one() {
        let on_host = |name: &str| {
            let all = crate::cases::of_scope(crate::suite::Scope::All, true);
            all.into_iter().find(|case| case.step.name == name).expect(name).is_for_hosts()
        };
        assert!(on_host("attack/files/climb"));
        assert!(on_host("net/loopback talks to itself"));
        for name in [
            "net/host reaches the host's services, and says so",
            "guard/read-only-root up: files/write-outside-of-scratch",
            "mutant/outer-proc shipped: process/see-outside",
            "control/files/climb",
        ] {
            assert!(!on_host(name), "{name}");
        }
    }

    #[test]
    fn an_escape_fails_unless_it_is_what_was_expected() {
        let line = "{\"outcome\":\"escaped\",\"saw\":\"canary-1\"}\n";
        let escape = seen(line, "{\"status\":\"nonzero-exit\"}", 1);
        assert!(matches!(
            case(vec![Expect::Attack(Outcome::Blocked)]).judge(&escape, "canary-1"),
            Verdict::Failed(_)
        ));
        let removal = Case { contained: false, ..case(vec![Expect::Attack(Outcome::Escaped)]) };
        assert_eq!(removal.judge(&escape, "canary-1"), Verdict::Passed);
    }
}
