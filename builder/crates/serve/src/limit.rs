//! The limits that a request may ask for, and those that the operator sets: a request can lower a limit, and raise one up
//! to the operator's. Pure.

use std::collections::BTreeMap;

use recipe::amount::Unit;
use run::exec::{Ceiling, StepOption};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Limits of one step. What is absent is the operator's to choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// CPU time of all processes together, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us: Option<u64>,
    /// Time from start to end, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wall_us: Option<u64>,
    /// Memory of all processes and of the files that they write, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<u64>,
    /// Processes and threads at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pids: Option<u64>,
    /// Bytes on each of stdout and stderr, and in each file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_bytes: Option<u64>,
    /// Stack of the main thread, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stack_bytes: Option<u64>,
}

/// A limit: its name in requests, init's option for it, and where it is kept.
pub(crate) struct Kind {
    pub(crate) field: &'static str,
    pub(crate) option: &'static str,
    unit: Unit,
    get: fn(&Limits) -> Option<u64>,
    place: fn(&mut Limits) -> &mut Option<u64>,
}

/// All of them.
pub(crate) const KINDS: [Kind; 6] = [
    Kind {
        field: "cpu_us",
        option: "cpu-time",
        unit: Unit::Duration,
        get: |limits| limits.cpu_us,
        place: |limits| &mut limits.cpu_us,
    },
    Kind {
        field: "wall_us",
        option: "wall-time",
        unit: Unit::Duration,
        get: |limits| limits.wall_us,
        place: |limits| &mut limits.wall_us,
    },
    Kind {
        field: "memory_bytes",
        option: "memory",
        unit: Unit::Size,
        get: |limits| limits.memory_bytes,
        place: |limits| &mut limits.memory_bytes,
    },
    Kind {
        field: "pids",
        option: "pids",
        unit: Unit::Count,
        get: |limits| limits.pids,
        place: |limits| &mut limits.pids,
    },
    Kind {
        field: "output_bytes",
        option: "output",
        unit: Unit::Size,
        get: |limits| limits.output_bytes,
        place: |limits| &mut limits.output_bytes,
    },
    Kind {
        field: "stack_bytes",
        option: "stack",
        unit: Unit::Size,
        get: |limits| limits.stack_bytes,
        place: |limits| &mut limits.stack_bytes,
    },
];

/// A limit that a request may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {asked}, and {} is allowed here", most.map_or_else(|| "none".to_owned(), |most| format!("at most {most}")))]
pub(crate) struct TooMuch {
    /// Its name in requests.
    pub(crate) field: &'static str,
    asked: u64,
    /// `None` where the operator sets no most: nothing is allowed then.
    most: Option<u64>,
}

impl Kind {
    /// An amount as it is written in recipes and on init's command line; times come out in microseconds.
    fn parse(&self, text: &str) -> Option<u64> {
        let amount = self.unit.parse(text)?;
        Some(if self.unit == Unit::Duration { amount / 1000 } else { amount })
    }

    fn to_option(&self, amount: u64) -> StepOption {
        let unit = if self.unit == Unit::Duration { "us" } else { "" };
        (self.option.to_owned(), format!("{amount}{unit}").into())
    }
}

impl Limits {
    /// The limits among a pack's or a bundle's; what it lifts (`none`) is absent.
    pub(crate) fn of_amounts(amounts: &BTreeMap<String, String>) -> Limits {
        let mut limits = Limits::default();
        for kind in &KINDS {
            *(kind.place)(&mut limits) = amounts.get(kind.option).and_then(|text| kind.parse(text));
        }
        limits
    }

    /// Sets the limit of this option of init's; the error says how an amount is written.
    pub(crate) fn set(&mut self, option: &str, text: &str) -> Result<(), String> {
        let kind = KINDS.iter().find(|kind| kind.option == option);
        let kind = kind.ok_or_else(|| {
            format!("there is no limit `{option}`; there are {}", KINDS.map(|kind| kind.option).join(", "))
        })?;
        let amount = kind.parse(text).filter(|amount| *amount > 0);
        let amount =
            amount.ok_or_else(|| format!("`{text}` is not an amount, such as `1.5s`, `256M` or `64`"))?;
        *(kind.place)(self) = Some(amount);
        Ok(())
    }

    /// These, and the other's where there is none.
    pub(crate) fn or(self, other: Limits) -> Limits {
        let mut limits = self;
        for kind in &KINDS {
            *(kind.place)(&mut limits) = (kind.get)(&self).or((kind.get)(&other));
        }
        limits
    }

    /// These, as far as the other's allow; where there is none, the other's.
    pub(crate) fn lowered_to(self, most: Limits) -> Limits {
        let mut limits = self;
        for kind in &KINDS {
            let pair = [(kind.get)(&self), (kind.get)(&most)];
            *(kind.place)(&mut limits) = pair.into_iter().flatten().min();
        }
        limits
    }

    /// Whether all of them are allowed.
    ///
    /// # Errors
    /// The first one that is above the operator's.
    pub(crate) fn check(self, most: Limits) -> Result<(), TooMuch> {
        for kind in &KINDS {
            let most = (kind.get)(&most);
            if let Some(asked) = (kind.get)(&self)
                && most.is_none_or(|most| asked > most)
            {
                return Err(TooMuch { field: kind.field, asked, most });
            }
        }
        Ok(())
    }

    /// These as the most that a step may have of these options; `default` is what it has where nobody says anything.
    pub(crate) fn to_ceilings(self, default: Limits, options: &[&str]) -> Vec<Ceiling> {
        let text = |kind: &Kind, amount: u64| kind.to_option(amount).1.to_string_lossy().into_owned();
        let ceiling = |kind: &Kind| {
            let most = (kind.get)(&self)?;
            let otherwise = (kind.get)(&default).map_or(most, |amount| amount.min(most));
            let [most, otherwise] = [most, otherwise].map(|amount| text(kind, amount));
            Some(Ceiling { option: kind.option.to_owned(), most, otherwise })
        };
        KINDS.iter().filter(|kind| options.contains(&kind.option)).filter_map(ceiling).collect()
    }

    /// As options of a step.
    pub(crate) fn to_options(self) -> Vec<StepOption> {
        KINDS.iter().filter_map(|kind| Some(kind.to_option((kind.get)(&self)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(lines: &[(&str, &str)]) -> Limits {
        Limits::of_amounts(&lines.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect())
    }

    #[test]
    fn amounts_of_packs_become_numbers_and_options_again() {
        let limits = limits(&[("cpu-time", "1.5s"), ("memory", "256M"), ("pids", "none"), ("tmp", "1M")]);
        let expected = Limits { cpu_us: Some(1_500_000), memory_bytes: Some(256 << 20), ..Limits::default() };
        assert_eq!(limits, expected);
        let options = [("cpu-time", "1500000us"), ("memory", "268435456")];
        assert_eq!(limits.to_options(), options.map(|(name, value)| (name.to_owned(), value.into())));
    }

    #[test]
    fn a_request_can_lower_a_limit_and_never_widen_the_operators() {
        let most = limits(&[("cpu-time", "2s"), ("memory", "1G"), ("output", "1M")]);
        let asked = limits(&[("cpu-time", "1s"), ("memory", "1G")]);
        assert_eq!(asked.check(most), Ok(()));
        let expected = limits(&[("cpu-time", "1s"), ("memory", "1G"), ("output", "1M")]);
        assert_eq!(asked.lowered_to(most), expected);
        let error = limits(&[("memory", "2G")]).check(most).expect_err("too much").to_string();
        assert_eq!(error, "`memory_bytes` is 2147483648, and at most 1073741824 is allowed here");
        assert_eq!(limits(&[("memory", "2G")]).lowered_to(most).memory_bytes, Some(1 << 30));
    }

    #[test]
    fn what_has_no_most_cannot_be_asked_for() {
        let error = limits(&[("pids", "1")]).check(limits(&[("memory", "1G")])).expect_err("no most");
        assert_eq!(error.to_string(), "`pids` is 1, and none is allowed here");
    }

    #[test]
    fn a_default_above_the_most_is_lowered_to_it() {
        let (most, default) = (limits(&[("pids", "8"), ("wall-time", "2s")]), limits(&[("pids", "64")]));
        let ceiling = |option: &str, most: &str| Ceiling {
            option: option.to_owned(),
            most: most.to_owned(),
            otherwise: most.to_owned(),
        };
        let expected = [ceiling("wall-time", "2000000us"), ceiling("pids", "8")];
        assert_eq!(most.to_ceilings(default, &["pids", "wall-time", "stack"]), expected);
    }

    #[test]
    fn an_amount_that_means_nothing_is_refused() {
        let mut limits = Limits::default();
        assert!(limits.set("cpu-time", "5").unwrap_err().contains("`5` is not an amount"));
        assert!(limits.set("memory", "0").is_err() && limits.set("memory", "none").is_err());
        assert!(
            limits
                .set("disk", "1M")
                .unwrap_err()
                .starts_with("there is no limit `disk`; there are cpu-time,")
        );
        assert_eq!((limits.set("memory", "64M"), limits.memory_bytes), (Ok(()), Some(64 << 20)));
    }
}
