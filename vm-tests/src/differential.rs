//! The differential: one program, the same answer in every world, or a reason why not.
//!
//! A judge that moves from one kernel, cgroup version or user to another must not give other verdicts. So the rows of a
//! run are compared case by case. Where worlds answer differently, [`EXPLAINED`] has to give the reason. A difference
//! without a reason fails the run, and so does a reason without a difference.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::case::Verdict;
use crate::matrix::CaseResult;
use crate::message::{End, Observation};
use crate::probe::Finding;

/// A kind of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// [`EXPLAINED`] may be empty, and then names none of them.
#[allow(dead_code)]
pub(crate) enum WorldKind {
    /// Those that an ordinary user makes, without a cgroup.
    OrdinaryUser,
    /// Those with cgroups of version 1.
    CgroupV1,
    /// This machine, and not a VM.
    Host,
    /// Those with a kernel whose name begins so.
    Kernel(&'static str),
}

/// Why worlds of one kind answer a case differently from the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownDifference {
    pub(crate) case: &'static str,
    pub(crate) kind: WorldKind,
    /// Their answer, as [`answer`] gives it.
    pub(crate) answer: &'static str,
    /// Why that has to be so.
    pub(crate) why: &'static str,
}

/// Every difference that is known, and why it is left.
pub(crate) const EXPLAINED: &[KnownDifference] = &[];

/// One case that worlds answer differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    pub(crate) case: String,
    pub(crate) answers: Vec<Answer>,
    /// Why they differ; `None` where no reason is known.
    pub(crate) why: Option<String>,
}

/// One answer, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    /// Status, end, and the outcome that the probe reports.
    pub(crate) answer: String,
    pub(crate) worlds: Vec<String>,
}

/// The result of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    /// Cases that more than one world answered.
    pub(crate) compared: usize,
    /// Those with different answers.
    pub(crate) differences: Vec<Difference>,
    /// Reasons for differences that do not exist: the case, and the reason.
    pub(crate) outdated: Vec<(String, String)>,
}

impl Comparison {
    /// Compares `rows`, in any order.
    pub(crate) fn of(rows: &[CaseResult], explained: &[KnownDifference]) -> Comparison {
        let mut cases: BTreeMap<&str, Vec<(&str, Answered)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.suite.is_compared()) {
            if let Some(answered) = answer(row) {
                cases.entry(&row.case).or_default().push((&row.world, answered));
            }
        }
        cases.retain(|_, answers| answers.len() > 1);
        let mut comparison = Comparison { compared: cases.len(), ..Comparison::default() };
        for (case, answers) in &cases {
            let known: Vec<&KnownDifference> =
                explained.iter().filter(|reason| reason.case == *case).collect();
            let outdated = known.iter().filter(|known| known.is_outdated(answers));
            comparison.outdated.extend(outdated.map(|known| (case.to_string(), known.outdated())));
            comparison.differences.extend(difference(case, answers, &known));
        }
        comparison
    }

    /// Everything that is not as it must be: the case, and what is wrong with it.
    pub(crate) fn wrong(&self) -> impl Iterator<Item = (String, String)> {
        let unexplained = self.differences.iter().filter(|difference| difference.why.is_none());
        let unexplained = unexplained.map(|difference| {
            (difference.case.clone(), format!("{}: no known reason", difference.in_words()))
        });
        let outdated = self.outdated.iter().cloned();
        unexplained.chain(outdated)
    }
}

/// What a world answers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answered {
    /// This.
    Plainly(String),
    /// The case does not apply to it, for this reason.
    NotApplicable(String),
}

/// Nothing where a VM failed before: that is a failure by itself.
fn answer(row: &CaseResult) -> Option<Answered> {
    if let Verdict::NotApplicable(why) = &row.verdict {
        return Some(Answered::NotApplicable(why.clone()));
    }
    row.seen.as_ref().map(|seen| Answered::Plainly(in_words(seen)))
}

/// The report's status, the runner's end, and how a probe's attack ended.
fn in_words(seen: &Observation) -> String {
    let status = seen.status().unwrap_or_else(|_| "no status".into());
    let end = match seen.end {
        End::Code(code) => format!("exit {code}"),
        End::Signal(signal) => format!("signal {signal}"),
        End::Overdue => "overdue".into(),
        End::Unstarted => "not started".into(),
    };
    match serde_json::from_str::<Finding>(&seen.stdout) {
        Ok(finding) => format!("{status}, {end}, {:?}", finding.outcome).to_lowercase(),
        Err(_) => format!("{status}, {end}"),
    }
}

/// The difference, if there is one. What is explained is set aside, and the rest has to agree.
fn difference(case: &str, answers: &[(&str, Answered)], known: &[&KnownDifference]) -> Option<Difference> {
    let mut groups: Vec<Answer> = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    let mut rest: Vec<&str> = Vec::new();
    for (world, answered) in answers {
        let (text, reason) = match answered {
            Answered::NotApplicable(why) => ("not applicable", Some(why.clone())),
            Answered::Plainly(text) => {
                let reason = known.iter().find(|known| known.covers(world) && known.answer == text);
                (text.as_str(), reason.map(|known| known.why.to_string()))
            }
        };
        match groups.iter_mut().find(|group| group.answer == text) {
            Some(group) => group.worlds.push(world.to_string()),
            None => groups.push(Answer { answer: text.into(), worlds: vec![world.to_string()] }),
        }
        match reason {
            Some(reason) if !reasons.contains(&reason) => reasons.push(reason),
            Some(_) => {}
            None if !rest.contains(&text) => rest.push(text),
            None => {}
        }
    }
    let why = (rest.len() < 2).then(|| reasons.join("; "));
    (groups.len() > 1).then(|| Difference { case: case.into(), answers: groups, why })
}

impl KnownDifference {
    fn covers(&self, world: &str) -> bool {
        match self.kind {
            WorldKind::OrdinaryUser => world.contains("ordinary user"),
            WorldKind::CgroupV1 => world.contains("cgroup v1"),
            WorldKind::Host => world.starts_with("host"),
            WorldKind::Kernel(name) => world.starts_with(name),
        }
    }

    /// Whether worlds of its kind and others were both asked, and this difference does not exist.
    fn is_outdated(&self, answers: &[(&str, Answered)]) -> bool {
        let plain = answers.iter().filter_map(|(world, answered)| match answered {
            Answered::Plainly(text) => Some((self.covers(world), text == self.answer)),
            Answered::NotApplicable(_) => None,
        });
        let (covered, others): (Vec<_>, Vec<_>) = plain.partition(|(is_covered, _)| *is_covered);
        let differs = covered.iter().any(|(_, is_so)| *is_so) && !others.iter().all(|(_, is_so)| *is_so);
        !covered.is_empty() && !others.is_empty() && !differs
    }

    fn outdated(&self) -> String {
        format!(
            "the reason that {:?} answers `{}` is outdated: it does not, or all worlds do",
            self.kind, self.answer
        )
    }
}

impl Difference {
    fn in_words(&self) -> String {
        let answer = |answer: &Answer| format!("`{}` in {}", answer.answer, answer.worlds.join(" and "));
        self.answers.iter().map(answer).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Scope, Suite};

    const V1: &str = "6.1.0-56, cgroup v1";
    const V2: &str = "6.12.117, cgroup v2";
    const USER: &str = "6.12.117, ordinary user";

    fn row(world: &str, case: &str, status: &str, code: i32) -> CaseResult {
        let seen = Observation {
            end: End::Code(code),
            report: format!("{{\"status\":\"{status}\"}}\n"),
            ..Observation::silent(case)
        };
        CaseResult {
            suite: Suite::of(case).expect("a case of a suite"),
            world: world.into(),
            case: case.into(),
            ids: vec![],
            command: String::new(),
            verdict: Verdict::Passed,
            seen: Some(seen),
        }
    }

    fn eater(user: &str) -> Vec<CaseResult> {
        vec![
            row(V1, "verdict/eat", "memory-limit", 137),
            row(V2, "verdict/eat", "memory-limit", 137),
            row(USER, "verdict/eat", user, 139),
        ]
    }

    const REASON: KnownDifference = KnownDifference {
        case: "verdict/eat",
        kind: WorldKind::OrdinaryUser,
        answer: "signaled, exit 139",
        why: "rlimits only",
    };

    fn wrong(rows: &[CaseResult], explained: &[KnownDifference]) -> Vec<String> {
        let comparison = Comparison::of(rows, explained);
        comparison.wrong().map(|(case, why)| format!("{case}: {why}")).collect()
    }

    #[test]
    fn worlds_that_agree_need_no_reason() {
        let rows = [row(V1, "verdict/hello", "ok", 0), row(V2, "verdict/hello", "ok", 0)];
        let comparison = Comparison::of(&rows, &[]);
        assert_eq!(comparison, Comparison { compared: 1, ..Comparison::default() });
    }

    #[test]
    fn a_difference_without_a_reason_is_wrong() {
        let expected = "verdict/eat: `memory-limit, exit 137` in 6.1.0-56, cgroup v1 and 6.12.117, cgroup v2; \
                        `signaled, exit 139` in 6.12.117, ordinary user: no known reason";
        assert_eq!(wrong(&eater("signaled"), &[]), [expected]);
    }

    #[test]
    fn an_explained_difference_is_listed_and_not_wrong() {
        let comparison = Comparison::of(&eater("signaled"), &[REASON]);
        assert_eq!(comparison.wrong().count(), 0);
        assert_eq!(comparison.differences[0].why.as_deref(), Some("rlimits only"));
        assert_eq!(comparison.differences[0].answers.len(), 2);
    }

    #[test]
    fn a_reason_holds_for_its_worlds_and_its_answer_only() {
        let by_version = KnownDifference { kind: WorldKind::CgroupV1, ..REASON };
        let other_answer = KnownDifference { answer: "signaled, exit 137", ..REASON };
        for reason in [by_version, other_answer] {
            let wrong = wrong(&eater("signaled"), &[reason]);
            assert!(wrong.iter().any(|line| line.ends_with("no known reason")), "{wrong:?}");
        }
        let mut rows = eater("signaled");
        rows[0] = row(V1, "verdict/eat", "ok", 0);
        assert_eq!(wrong(&rows, &[REASON]).len(), 1, "the rest has to agree");
    }

    #[test]
    fn a_reason_that_nothing_needs_is_wrong() {
        let mut rows = eater("memory-limit");
        rows[2] = row(USER, "verdict/eat", "memory-limit", 137);
        let outdated = "verdict/eat: the reason that OrdinaryUser answers `signaled, exit 139` is outdated: it does not, or all worlds do";
        assert_eq!(wrong(&rows, &[REASON]), [outdated]);
        let as_the_rest = KnownDifference { answer: "memory-limit, exit 137", ..REASON };
        assert_eq!(wrong(&rows, &[as_the_rest]).len(), 1);
        // A reason for a world that was not asked is not outdated.
        assert_eq!(wrong(&rows[..2], &[REASON]), [""; 0]);
    }

    #[test]
    fn a_case_that_is_not_applicable_has_its_reason() {
        let mut rows = eater("signaled");
        rows[2].verdict = Verdict::NotApplicable("no such part".into());
        let comparison = Comparison::of(&rows, &[]);
        assert_eq!(comparison.wrong().count(), 0);
        assert_eq!(comparison.differences[0].why.as_deref(), Some("no such part"));
    }

    #[test]
    fn the_outcome_of_an_attack_is_part_of_the_answer() {
        let mut rows = vec![row(V1, "attack/a", "ok", 0), row(V2, "attack/a", "ok", 0)];
        for (row, outcome) in rows.iter_mut().zip(["blocked", "escaped"]) {
            let line = format!("{{\"outcome\":\"{outcome}\",\"saw\":\"\"}}\n");
            row.seen = row.seen.take().map(|seen| Observation { stdout: line, ..seen });
        }
        assert_eq!(wrong(&rows, &[]).len(), 1);
    }

    #[test]
    fn runs_with_a_hole_on_purpose_are_not_compared() {
        let rows = [row(V1, "guard/seccomp off", "ok", 0), row(V2, "guard/seccomp off", "signaled", 1)];
        assert_eq!(Comparison::of(&rows, &[]), Comparison::default());
    }

    #[test]
    fn every_reason_names_a_case_that_there_is() {
        let cases = crate::cases::of_scope(Scope::All, true);
        for reason in EXPLAINED {
            assert!(cases.iter().any(|case| case.step.name == reason.case), "{}", reason.case);
        }
    }
}
