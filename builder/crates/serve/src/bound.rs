//! The limits of a problem under the operator's. Pure.

use judge::problem::{Problem, StepLimits};

use crate::limit::Limits;

/// Gives a problem the operator's limits where it has none; the error is a limit above the operator's.
pub(crate) fn bound(problem: &mut Problem, run: Limits, most: Limits, compile: Limits) -> Result<(), String> {
    let limits = &mut problem.limits;
    fill(&mut limits.cpu_us, run.cpu_us, most.cpu_us, "its time limit")?;
    fill(&mut limits.memory_bytes, run.memory_bytes, most.memory_bytes, "its memory limit")?;
    fill(&mut limits.output_bytes, run.output_bytes, most.output_bytes, "its output limit")?;
    step(&mut limits.compile, compile, "compiler")?;
    step(&mut limits.check, compile, "checker")?;
    let cpu_us = limits.cpu_us.unwrap_or_default() as f64;
    for (language, rate) in &limits.time_rates {
        if most.cpu_us.is_some_and(|most| cpu_us * rate > most as f64) {
            return Err(format!("its time limit for {language} is more than is allowed here"));
        }
    }
    for test in &mut problem.tests {
        let what = format!("a limit of test {}", test.name);
        for (asked, most) in [(test.cpu_us, most.cpu_us), (test.memory_bytes, most.memory_bytes)] {
            fill(&mut asked.clone(), None, most, &what)?;
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
}
