//! The differential: one program, the same answer in every world, or a reason why not.
//!
//! A judge that moves from one kernel, cgroup version or user to another must not give other verdicts. So the rows of a
//! run are laid side by side, case by case. Where worlds answer differently, [`EXPLAINED`] has to say why; a difference
//! without a reason fails the run, and so does a reason that nothing needs any more.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::campaign::Row;
use crate::case::{SUITES, Verdict};
use crate::message::{End, Observation};
use crate::probe::Finding;

/// A kind of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those that an ordinary user makes, without a cgroup.
    OrdinaryUser,
    /// Those with cgroups of version 1.
    CgroupV1,
    /// This machine, and not a VM.
    Host,
    /// Those with a kernel whose name begins so.
    Kernel(&'static str),
}

/// Why worlds of one kind answer a case otherwise than the rest.
#[derive(Debug, Clone, Copy)]
pub struct Explained {
    /// The case.
    pub case: &'static str,
    /// Which worlds.
    pub kind: Kind,
    /// What they answer, in the words of [`answer`].
    pub answer: &'static str,
    /// Why that has to be so.
    pub why: &'static str,
}

/// Every difference that is known, and why it is left.
pub const EXPLAINED: &[Explained] = &[];

/// One case that worlds answer differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// The answers.
    pub answers: Vec<Answer>,
    /// Why they differ; nothing where nobody knows.
    pub why: Option<String>,
}

/// One answer, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Status, end, and what the probe says of itself.
    pub answer: String,
    /// The worlds.
    pub worlds: Vec<String>,
}

/// What came of laying the rows side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Cases that more than one world answered.
    pub compared: usize,
    /// Those with different answers.
    pub differences: Vec<Difference>,
    /// Reasons for differences that are none: the case, and the reason.
    pub outdated: Vec<(String, String)>,
}

impl Comparison {
    /// Lays `rows` side by side, whatever order they have.
    pub fn of(rows: &[Row], explained: &[Explained]) -> Comparison {
        let mut cases: BTreeMap<&str, Vec<(&str, Answered)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| SUITES.iter().any(|suite| row.case.starts_with(suite))) {
            if let Some(answered) = answer(row) {
                cases.entry(&row.case).or_default().push((&row.world, answered));
            }
        }
        cases.retain(|_, answers| answers.len() > 1);
        let mut comparison = Comparison { compared: cases.len(), ..Comparison::default() };
        for (case, answers) in &cases {
            let known: Vec<&Explained> = explained.iter().filter(|reason| reason.case == *case).collect();
            let outdated = known.iter().filter(|known| known.is_outdated(answers));
            comparison.outdated.extend(outdated.map(|known| (case.to_string(), known.outdated())));
            comparison.differences.extend(difference(case, answers, &known));
        }
        comparison
    }

    /// Everything that is not as it must be: the case, and what is wrong with it.
    pub fn wrong(&self) -> impl Iterator<Item = (String, String)> {
        let unexplained = self.differences.iter().filter(|difference| difference.why.is_none());
        let unexplained = unexplained.map(|difference| {
            (difference.case.clone(), format!("{}: nobody knows why", difference.in_words()))
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
    /// It has nothing to attack, and says why.
    NotApplicable(String),
}

/// Nothing where a VM failed before: that is a failure by itself.
fn answer(row: &Row) -> Option<Answered> {
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
fn difference(case: &str, answers: &[(&str, Answered)], known: &[&Explained]) -> Option<Difference> {
    let mut groups: Vec<Answer> = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    let mut rest: Vec<&str> = Vec::new();
    for (world, answered) in answers {
        let (words, reason) = match answered {
            Answered::NotApplicable(why) => ("not applicable", Some(why.clone())),
            Answered::Plainly(words) => {
                let reason = known.iter().find(|known| known.covers(world) && known.answer == words);
                (words.as_str(), reason.map(|known| known.why.to_string()))
            }
        };
        match groups.iter_mut().find(|group| group.answer == words) {
            Some(group) => group.worlds.push(world.to_string()),
            None => groups.push(Answer { answer: words.into(), worlds: vec![world.to_string()] }),
        }
        match reason {
            Some(reason) if !reasons.contains(&reason) => reasons.push(reason),
            Some(_) => {}
            None if !rest.contains(&words) => rest.push(words),
            None => {}
        }
    }
    let why = (rest.len() < 2).then(|| reasons.join("; "));
    (groups.len() > 1).then(|| Difference { case: case.into(), answers: groups, why })
}

impl Explained {
    fn covers(&self, world: &str) -> bool {
        match self.kind {
            Kind::OrdinaryUser => world.contains("ordinary user"),
            Kind::CgroupV1 => world.contains("cgroup v1"),
            Kind::Host => world.starts_with("host"),
            Kind::Kernel(name) => world.starts_with(name),
        }
    }

    /// Whether worlds of its kind were asked, and others too, and it is not so.
    fn is_outdated(&self, answers: &[(&str, Answered)]) -> bool {
        let plain = answers.iter().filter_map(|(world, answered)| match answered {
            Answered::Plainly(words) => Some((self.covers(world), words == self.answer)),
            Answered::NotApplicable(_) => None,
        });
        let (covered, others): (Vec<_>, Vec<_>) = plain.partition(|(is_covered, _)| *is_covered);
        let differs = covered.iter().any(|(_, is_so)| *is_so) && !others.iter().all(|(_, is_so)| *is_so);
        !covered.is_empty() && !others.is_empty() && !differs
    }

    fn outdated(&self) -> String {
        format!(
            "the reason that {:?} answers `{}` is outdated: it does not, or everybody does",
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

    const V1: &str = "6.1.0-56, cgroup v1";
    const V2: &str = "6.12.117, cgroup v2";
    const USER: &str = "6.12.117, ordinary user";

    fn row(world: &str, case: &str, status: &str, code: i32) -> Row {
        let seen = Observation {
            end: End::Code(code),
            report: format!("{{\"status\":\"{status}\"}}\n"),
            ..Observation::silent(case)
        };
        Row {
            world: world.into(),
            case: case.into(),
            ids: vec![],
            command: String::new(),
            verdict: Verdict::Passed,
            seen: Some(seen),
        }
    }

    fn eater(user: &str) -> Vec<Row> {
        vec![
            row(V1, "verdict/eat", "memory-limit", 137),
            row(V2, "verdict/eat", "memory-limit", 137),
            row(USER, "verdict/eat", user, 139),
        ]
    }

    const REASON: Explained = Explained {
        case: "verdict/eat",
        kind: Kind::OrdinaryUser,
        answer: "signaled, exit 139",
        why: "rlimits only",
    };

    fn wrong(rows: &[Row], explained: &[Explained]) -> Vec<String> {
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
    fn a_difference_that_nobody_explains_is_wrong() {
        let expected = "verdict/eat: `memory-limit, exit 137` in 6.1.0-56, cgroup v1 and 6.12.117, cgroup v2; \
                        `signaled, exit 139` in 6.12.117, ordinary user: nobody knows why";
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
        let by_version = Explained { kind: Kind::CgroupV1, ..REASON };
        let other_answer = Explained { answer: "signaled, exit 137", ..REASON };
        for reason in [by_version, other_answer] {
            let wrong = wrong(&eater("signaled"), &[reason]);
            assert!(wrong.iter().any(|line| line.ends_with("nobody knows why")), "{wrong:?}");
        }
        let mut rows = eater("signaled");
        rows[0] = row(V1, "verdict/eat", "ok", 0);
        assert_eq!(wrong(&rows, &[REASON]).len(), 1, "the rest has to agree");
    }

    #[test]
    fn a_reason_that_nothing_needs_is_wrong() {
        let mut rows = eater("memory-limit");
        rows[2] = row(USER, "verdict/eat", "memory-limit", 137);
        let outdated = "verdict/eat: the reason that OrdinaryUser answers `signaled, exit 139` is outdated: it does not, or everybody does";
        assert_eq!(wrong(&rows, &[REASON]), [outdated]);
        let as_the_rest = Explained { answer: "memory-limit, exit 137", ..REASON };
        assert_eq!(wrong(&rows, &[as_the_rest]).len(), 1);
        // Where no such world was asked, nothing is known of it.
        assert_eq!(wrong(&rows[..2], &[REASON]), [""; 0]);
    }

    #[test]
    fn what_is_not_applicable_says_why_by_itself() {
        let mut rows = eater("signaled");
        rows[2].verdict = Verdict::NotApplicable("no such part".into());
        let comparison = Comparison::of(&rows, &[]);
        assert_eq!(comparison.wrong().count(), 0);
        assert_eq!(comparison.differences[0].why.as_deref(), Some("no such part"));
    }

    #[test]
    fn what_an_attack_says_of_itself_is_part_of_the_answer() {
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
        let cases = crate::suite::Scope::All.cases(true);
        for reason in EXPLAINED {
            assert!(cases.iter().any(|case| case.step.name == reason.case), "{}", reason.case);
        }
    }
}
