//! The limits of a problem under the operator's. Pure.

use std::collections::BTreeMap;

use judge::problem::{Problem, StepLimits};

use crate::limit::Limits;

/// Gives a problem the operator's limits where it has none; the error is a limit above the operator's.
///
/// A test may have limits of its own, and a language a rate by which they grow: what counts is what a run gets.
pub(crate) fn bound(problem: &mut Problem, run: Limits, most: Limits, compile: Limits) -> Result<(), String> {
    let limits = &mut problem.limits;
    fill(&mut limits.cpu_us, run.cpu_us, most.cpu_us, "its time limit")?;
    fill(&mut limits.memory_bytes, run.memory_bytes, most.memory_bytes, "its memory limit")?;
    fill(&mut limits.output_bytes, run.output_bytes, most.output_bytes, "its output limit")?;
    step(&mut limits.compile, compile, "compiler")?;
    step(&mut limits.check, compile, "checker")?;
    let times = problem.tests.iter().map(|test| (&*test.name, test.cpu_us.or(limits.cpu_us)));
    grown("time", times, limits.cpu_us, &limits.time_rates, most.cpu_us)?;
    let sizes = problem.tests.iter().map(|test| (&*test.name, test.memory_bytes.or(limits.memory_bytes)));
    grown("memory", sizes, limits.memory_bytes, &limits.memory_rates, most.memory_bytes)
}

/// What the tests get of one limit, in each language.
fn grown<'a>(
    noun: &str,
    tests: impl Iterator<Item = (&'a str, Option<u64>)>,
    base: Option<u64>,
    rates: &BTreeMap<String, f64>,
    most: Option<u64>,
) -> Result<(), String> {
    let Some(most) = most else { return Ok(()) };
    let all = [(String::new(), base)].into_iter();
    for (whose, amount) in all.chain(tests.map(|(name, amount)| (format!(" of test {name}"), amount))) {
        let Some(amount) = amount else { continue };
        let what = format!("its {noun} limit{whose}");
        fill(&mut Some(amount), None, Some(most), &what)?;
        for (language, rate) in rates {
            // As judging multiplies; a cast of what is no number, or too large a one, is the nearest.
            let product = (amount as f64 * rate) as u64;
            fill(&mut Some(product), None, Some(most), &format!("{what} for {language}"))?;
        }
    }
    Ok(())
}

fn step(limits: &mut StepLimits, most: Limits, whose: &str) -> Result<(), String> {
    fill(&mut limits.cpu_us, most.cpu_us, most.cpu_us, &format!("the time limit of its {whose}"))?;
    fill(
        &mut limits.memory_bytes,
        most.memory_bytes,
        most.memory_bytes,
        &format!("the memory limit of its {whose}"),
    )?;
    fill(
        &mut limits.output_bytes,
        most.output_bytes,
        most.output_bytes,
        &format!("the output limit of its {whose}"),
    )
}

fn fill(limit: &mut Option<u64>, default: Option<u64>, most: Option<u64>, what: &str) -> Result<(), String> {
    match (&limit, most) {
        (Some(asked), Some(most)) if *asked > most => {
            Err(format!("{what} is {asked}, and at most {most} is allowed here"))
        }
        (Some(_), _) => Ok(()),
        (None, _) => {
            *limit = default;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_the_operators_and_what_is_more_is_refused() {
        let mut limit = None;
        assert_eq!((fill(&mut limit, Some(1), Some(2), "x"), limit), (Ok(()), Some(1)));
        let mut limit = Some(2);
        assert_eq!((fill(&mut limit, Some(1), Some(2), "x"), limit), (Ok(()), Some(2)));
        let error = "x is 3, and at most 2 is allowed here".to_owned();
        assert_eq!(fill(&mut Some(3), Some(1), Some(2), "x"), Err(error));
    }

    #[test]
    fn a_rate_widens_neither_a_problems_limit_nor_a_tests() {
        let rates = |rate| BTreeMap::from([("python".to_owned(), rate)]);
        let said = |base, test: Option<u64>, rate| {
            let test = test.or(base);
            grown("memory", [("3", test)].into_iter(), base, &rates(rate), Some(100))
        };
        assert_eq!(said(Some(50), Some(25), 2.0), Ok(()));
        assert_eq!(said(None, None, 2.0), Ok(()));
        for (base, test, rate, what) in [
            (Some(60), None, 2.0, "its memory limit for python is 120"),
            (Some(10), Some(60), 2.0, "its memory limit of test 3 for python is 120"),
            (Some(10), Some(101), 1.0, "its memory limit of test 3 is 101"),
            (Some(1), None, f64::INFINITY, "its memory limit for python is 18446744073709551615"),
        ] {
            let error = said(base, test, rate).expect_err(what);
            assert_eq!(error, format!("{what}, and at most 100 is allowed here"));
        }
    }

    #[test]
    fn a_problem_is_bound_in_time_and_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("1.in"), "").unwrap();
        std::fs::write(directory.path().join("1.ans"), "").unwrap();
        let mut files = judge::files::Files::open(directory.path()).unwrap();
        let problem = judge::read(&mut files).unwrap();
        let most = Limits { cpu_us: Some(10), memory_bytes: Some(10), ..Limits::default() };
        let run = Limits { cpu_us: Some(2), memory_bytes: Some(2), ..Limits::default() };
        let bounded = |change: fn(&mut Problem)| {
            let mut problem = problem.clone();
            change(&mut problem);
            bound(&mut problem, run, most, most).map(|()| problem.limits.memory_bytes)
        };
        assert_eq!(bounded(|_| ()), Ok(Some(2)));
        let changes: [fn(&mut Problem); 4] = [
            |problem| problem.limits.memory_rates.extend([("c".to_owned(), 6.0)]),
            |problem| problem.limits.time_rates.extend([("c".to_owned(), 6.0)]),
            |problem| problem.tests[0].memory_bytes = Some(11),
            |problem| problem.tests[0].cpu_us = Some(11),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(bounded(change).is_err_and(|error| error.contains("at most 10")), "{number}");
        }
    }
}
