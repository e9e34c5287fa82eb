//! Whether a submission got what it was expected to get.

use std::collections::BTreeSet;

use super::report::Judgement;
use super::result::TestResult;
use super::score::GroupResult;
use crate::pattern;
use crate::problem::{Expected, Group, Problem, Rule, Verdict};

/// What is not as expected, each in a few words. `full` is the score of outputs that are right everywhere.
pub(super) fn faults(
    problem: &Problem,
    expected: &Expected,
    judgement: &Judgement,
    full: Option<f64>,
) -> Vec<String> {
    let verdict = judgement.verdict;
    if matches!(verdict, Verdict::InternalError | Verdict::JudgeError) {
        return vec![format!("{verdict}: {}", evidence(judgement))];
    }
    let is_wanted = expected.verdicts.as_ref().is_none_or(|verdicts| has(verdicts, verdict));
    if verdict == Verdict::CompileError {
        let is_expected = expected.verdicts.is_some() && is_wanted;
        return if is_expected { Vec::new() } else { vec!["it does not compile".to_owned()] };
    }
    let mut faults = Vec::new();
    if let Some(verdicts) = expected.verdicts.as_ref().filter(|_| !is_wanted) {
        faults.push(format!("{verdict} instead of {}", words(verdicts)));
    }
    if expected.is_partial && judgement.score.zip(full).is_none_or(|(score, full)| score >= full) {
        faults.push("it has the full score".to_owned());
    }
    for rule in &expected.rules {
        faults.extend(broken(problem, rule, judgement));
    }
    faults
}

/// The results that a rule is about.
pub(super) fn part<'a>(problem: &Problem, rule: &Rule, tests: &'a [TestResult]) -> Vec<&'a TestResult> {
    let Ok(matcher) = pattern::matcher(&rule.part) else { return Vec::new() };
    let of_groups = groups(&problem.root, &|name| matcher.is_match(name));
    let is_meant = |(number, test): &(usize, &TestResult)| {
        let is_named = rule.part.is_empty() || pattern::is_match_or_below(&matcher, &test.name);
        is_named || of_groups.contains(number)
    };
    tests.iter().enumerate().filter(is_meant).map(|(_, test)| test).collect()
}

/// The tests of all groups with such a name.
fn groups(group: &Group, is_meant: &dyn Fn(&str) -> bool) -> BTreeSet<usize> {
    let mut tests = BTreeSet::new();
    for inner in group.groups() {
        match is_meant(&inner.name) {
            true => tests.extend(inner.tests()),
            false => tests.extend(groups(inner, is_meant)),
        }
    }
    tests
}

/// What of a rule does not hold.
fn broken(problem: &Problem, rule: &Rule, judgement: &Judgement) -> Vec<String> {
    let tests = part(problem, rule, &judgement.tests);
    let place = if rule.part.is_empty() { String::new() } else { format!(" in {}", rule.part) };
    if tests.is_empty() {
        return vec![format!("no test or group is called `{}`", rule.part.escape_debug())];
    }
    let mut faults = Vec::new();
    let judged = || tests.iter().filter(|test| test.verdict != Verdict::Skipped);
    if let Some(permitted) = &rule.permitted
        && let Some(test) = judged().find(|test| !has(permitted, test.verdict))
    {
        let what = format!("{} in {}, where {} is permitted", test.verdict, test.name, words(permitted));
        faults.push(what);
    }
    if let Some(required) = rule.required.as_ref()
        && !judged().any(|test| has(required, test.verdict))
    {
        faults.push(format!("no {}{place}", words(required)));
    }
    if let Some(message) = &rule.message
        && !judged().any(|test| test.message.contains(message.as_str()))
    {
        faults.push(format!("no message has `{}`{place}", message.escape_debug()));
    }
    if let Some([least, most]) = rule.score {
        let score = match rule.part.as_str() {
            "" => judgement.score,
            part => find(&judgement.groups, part).and_then(|group| group.score),
        };
        match score {
            Some(score) if (least..=most).contains(&score) => {}
            Some(score) => faults.push(format!("score {score}{place} instead of {least} to {most}")),
            None => faults.push(format!("there is no score{place}")),
        }
    }
    faults
}

fn find<'a>(groups: &'a [GroupResult], name: &str) -> Option<&'a GroupResult> {
    groups.iter().find_map(|group| if group.name == name { Some(group) } else { find(&group.groups, name) })
}

/// Formats have one word for several of our verdicts: too much memory is a crash to Kattis, and too much output a crash or
/// a wrong answer (ICPC's rule).
fn has(verdicts: &BTreeSet<Verdict>, verdict: Verdict) -> bool {
    let also: &[Verdict] = match verdict {
        Verdict::MemoryLimit => &[Verdict::RunTimeError],
        Verdict::OutputLimit => &[Verdict::RunTimeError, Verdict::WrongAnswer],
        _ => &[],
    };
    verdicts.contains(&verdict) || also.iter().any(|other| verdicts.contains(other))
}

fn words(verdicts: &BTreeSet<Verdict>) -> String {
    verdicts.iter().map(|verdict| verdict.word()).collect::<Vec<_>>().join(" or ")
}

/// Why the submission could not be judged.
fn evidence(judgement: &Judgement) -> String {
    let is_failure = |test: &&TestResult| test.verdict == judgement.verdict;
    let of_test =
        judgement.tests.iter().find(is_failure).map(|test| format!("{}: {}", test.name, test.message));
    judgement.error.clone().or(of_test).unwrap_or_else(|| "the sandbox of the compiler failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use Verdict::{Accepted, MemoryLimit, OutputLimit, RunTimeError, Skipped, TimeLimit, WrongAnswer};

    /// A problem with groups of one and two tests.
    fn problem() -> Problem {
        let names = ["a-1", "b-1", "b-2"];
        let files = names.iter().flat_map(|name| [format!("{name}.in"), format!("{name}.ans")]);
        crate::read(&mut Files::in_memory(files.map(|name| (name, "")))).unwrap()
    }

    fn found(expected: &Expected, verdicts: [Verdict; 3]) -> String {
        let problem = problem();
        let tests = problem.tests.iter().zip(verdicts).map(|(test, verdict)| {
            let share = if verdict == Accepted { 1.0 } else { 0.0 };
            TestResult {
                name: test.name.clone(),
                message: format!("said {verdict}"),
                ..TestResult::of(verdict, share)
            }
        });
        let judgement = Judgement::of(&problem, tests.collect());
        faults(&problem, expected, &judgement, Some(100.0)).join("; ")
    }

    fn rule(rule: Rule) -> Expected {
        Expected { rules: vec![rule], ..Expected::default() }
    }

    #[test]
    fn each_test_has_a_permitted_verdict_and_some_a_required_one() {
        let expected = rule(Rule {
            permitted: Some([Accepted, WrongAnswer].into()),
            required: Some([WrongAnswer].into()),
            ..Rule::default()
        });
        assert_eq!(found(&expected, [Accepted, WrongAnswer, Skipped]), "");
        assert_eq!(found(&expected, [Accepted; 3]), "no WA");
        assert_eq!(
            found(&expected, [Accepted, TimeLimit, WrongAnswer]),
            "TLE in b-1, where AC or WA is permitted"
        );
    }

    #[test]
    fn a_rule_may_be_for_a_part() {
        let expected =
            rule(Rule { part: "b".to_owned(), required: Some([TimeLimit].into()), ..Rule::default() });
        assert_eq!(found(&expected, [Accepted, Accepted, TimeLimit]), "");
        assert_eq!(found(&expected, [TimeLimit, Accepted, Accepted]), "no TLE in b");
        let of_one =
            rule(Rule { part: "b-*".to_owned(), permitted: Some([Accepted].into()), ..Rule::default() });
        assert_eq!(found(&of_one, [WrongAnswer, Accepted, Accepted]), "");
        assert_eq!(found(&of_one, [Accepted, Accepted, WrongAnswer]), "WA in b-2, where AC is permitted");
        let gone = rule(Rule { part: "c".to_owned(), ..Rule::default() });
        assert_eq!(found(&gone, [Accepted; 3]), "no test or group is called `c`");
    }

    #[test]
    fn scores_and_messages_are_compared() {
        let score =
            |part: &str, range| rule(Rule { part: part.to_owned(), score: Some(range), ..Rule::default() });
        assert_eq!(found(&score("", [50.0, 60.0]), [Accepted, WrongAnswer, Skipped]), "");
        assert_eq!(
            found(&score("", [100.0; 2]), [Accepted, WrongAnswer, Skipped]),
            "score 50 instead of 100 to 100"
        );
        assert_eq!(found(&score("a", [50.0; 2]), [Accepted, WrongAnswer, Skipped]), "");
        let partial = Expected { is_partial: true, ..Expected::default() };
        assert_eq!(found(&partial, [Accepted, WrongAnswer, Skipped]), "");
        assert_eq!(found(&partial, [Accepted; 3]), "it has the full score");
        let message = |text: &str| rule(Rule { message: Some(text.to_owned()), ..Rule::default() });
        assert_eq!(found(&message("said WA"), [Accepted, WrongAnswer, Skipped]), "");
        assert_eq!(found(&message("said RTE"), [Accepted; 3]), "no message has `said RTE`");
    }

    #[test]
    fn too_much_memory_is_a_crash_where_the_format_has_no_word_for_it() {
        let crash = rule(Rule { required: Some([RunTimeError].into()), ..Rule::default() });
        assert_eq!(found(&crash, [Accepted, MemoryLimit, Skipped]), "");
        assert_eq!(found(&Expected::verdicts(&[RunTimeError]), [MemoryLimit; 3]), "");
        assert_eq!(found(&Expected::verdicts(&[Accepted]), [MemoryLimit; 3]), "MLE instead of AC");
        assert_eq!(found(&Expected::verdicts(&[WrongAnswer]), [MemoryLimit; 3]), "MLE instead of WA");
        for verdict in [RunTimeError, WrongAnswer] {
            assert_eq!(found(&Expected::verdicts(&[verdict]), [OutputLimit; 3]), "");
        }
        assert_eq!(found(&Expected::verdicts(&[TimeLimit]), [OutputLimit; 3]), "OLE instead of TLE");
    }

    #[test]
    fn a_submission_that_does_not_compile_may_be_expected_not_to() {
        let found = |expected: &Expected| {
            let problem = problem();
            let mut judgement = Judgement::of_output(&problem);
            judgement.verdict = Verdict::CompileError;
            faults(&problem, expected, &judgement, None).join("; ")
        };
        assert_eq!(found(&Expected::verdicts(&[Verdict::CompileError])), "");
        for expected in [Expected::default(), Expected::verdicts(&[WrongAnswer]), rule(Rule::default())] {
            assert_eq!(found(&expected), "it does not compile");
        }
    }

    #[test]
    fn a_judge_that_failed_is_never_as_expected() {
        assert_eq!(
            found(&Expected::default(), [Accepted, Verdict::JudgeError, Accepted]),
            "JE: b-1: said JE"
        );
    }
}
