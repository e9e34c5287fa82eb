//! The most that a step may have, whatever its pack, its bundle and its caller say. Pure.

use std::collections::BTreeMap;

use recipe::amount::{Unit, limits};

use super::request::StepOption;
use super::steps::in_force;

/// The most of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// init's option without its dashes, such as `pids`.
    pub option: String,
    /// The most, as an amount of that option.
    pub most: String,
    /// What holds where nobody says anything, as an amount too.
    pub otherwise: String,
}

/// Those of both steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// The compile step's.
    pub compile: Vec<Ceiling>,
    /// The run step's.
    pub run: Vec<Ceiling>,
}

impl Ceilings {
    /// The most that a run may have of this limit: nanoseconds, bytes, or a number.
    pub fn of_run(&self, option: &str) -> Option<u64> {
        let ceiling = self.run.iter().find(|ceiling| ceiling.option == option)?;
        unit(option)?.parse(&ceiling.most)
    }
}

/// The options, and after them those that lower what is above its ceiling: init takes the last value of an option.
pub(super) fn lowered(
    ceilings: &[Ceiling],
    layers: &[&BTreeMap<String, String>],
    options: &[StepOption],
) -> Vec<StepOption> {
    let limits = in_force(layers, options);
    let lower = |ceiling: &Ceiling| {
        let amount = match limits.get(ceiling.option.as_str()) {
            None => &ceiling.otherwise,
            Some(said) if is_within(&ceiling.option, said, &ceiling.most) => return None,
            Some(_) => &ceiling.most,
        };
        Some((ceiling.option.clone(), amount.into()))
    };
    options.iter().cloned().chain(ceilings.iter().filter_map(lower)).collect()
}

/// What is no amount is not within anything: `none` lifts a limit.
fn is_within(option: &str, said: &str, most: &str) -> bool {
    let parse = |text: &str| unit(option)?.parse(text);
    parse(said).is_some_and(|said| parse(most).is_some_and(|most| said <= most))
}

fn unit(option: &str) -> Option<Unit> {
    limits().find(|limit| limit.name == option).map(|limit| limit.unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowered_to(said: &[(&str, &str)], option: &[(&str, &str)]) -> Vec<String> {
        let ceilings = [("pids", "100", "50"), ("wall-time", "2s", "1s")].map(|(option, most, otherwise)| {
            Ceiling { option: option.into(), most: most.into(), otherwise: otherwise.into() }
        });
        let pack = said.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let options: Vec<StepOption> =
            option.iter().map(|(name, text)| ((*name).to_owned(), text.into())).collect();
        let all = lowered(&ceilings, &[&pack], &options);
        assert_eq!(all[..options.len()], options);
        let line = |(name, text): &StepOption| format!("{name}={}", text.to_string_lossy());
        all[options.len()..].iter().map(line).collect()
    }

    #[test]
    fn what_is_above_its_ceiling_is_lowered_to_it_whoever_said_it() {
        let none: [String; 0] = [];
        assert_eq!(lowered_to(&[("pids", "100"), ("wall-time", "2000ms")], &[]), none);
        assert_eq!(lowered_to(&[("pids", "101"), ("wall-time", "3s")], &[("wall-time", "2s")]), ["pids=100"]);
        assert_eq!(
            lowered_to(&[("pids", "1")], &[("pids", "none"), ("wall-time", "3s")]),
            ["pids=100", "wall-time=2s"]
        );
    }

    #[test]
    fn what_nobody_says_is_the_operators() {
        assert_eq!(lowered_to(&[], &[("memory", "1M")]), ["pids=50", "wall-time=1s"]);
    }

    #[test]
    fn the_most_of_a_run_is_a_number() {
        let most = |option: &str, most: &str| Ceiling {
            option: option.into(),
            most: most.into(),
            otherwise: String::new(),
        };
        let ceilings =
            Ceilings { run: vec![most("wall-time", "2s"), most("pids", "3")], ..Ceilings::default() };
        assert_eq!(
            ["wall-time", "pids", "stack"].map(|option| ceilings.of_run(option)),
            [Some(2_000_000_000), Some(3), None]
        );
    }
}
