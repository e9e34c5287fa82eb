//! Amounts in recipes (`256M`, `1.5s`, `64`, `none`): init's own grammar, and the limits of init that a recipe may set.

use init::contract::{Group, OPTIONS, ValueKind, amount};

/// What an amount measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds; written with `us`, `ms` or `s`, with decimals where they come out even.
    Duration,
    /// Bytes; written plain or with `K`, `M`, `G` (powers of 1024).
    Size,
    /// A number of things.
    Count,
}

/// A limit that `[limits]` of a recipe may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// init's option without its dashes: `cpu-time` for `--cpu-time`.
    pub name: &'static str,
    /// What its amount measures.
    pub unit: Unit,
    /// Whether `none` lifts it.
    pub can_be_lifted: bool,
}

/// The limits that a recipe may set: those of init's options that limit an amount, in init's order.
pub fn limits() -> impl Iterator<Item = Limit> {
    OPTIONS.iter().filter(|option| option.group == Group::Limits).filter_map(|option| {
        let (unit, can_be_lifted) = match option.kind {
            ValueKind::Duration | ValueKind::Quota => (Unit::Duration, true),
            ValueKind::Size => (Unit::Size, true),
            ValueKind::Bytes => (Unit::Size, false),
            ValueKind::Pids | ValueKind::OpenFiles => (Unit::Count, true),
            _ => return None,
        };
        Some(Limit { name: option.name.strip_prefix("--")?, unit, can_be_lifted })
    })
}

impl Limit {
    /// Whether `text` is an amount that init takes for this limit.
    pub fn accepts(self, text: &str) -> bool {
        (self.can_be_lifted && text == NONE) || self.unit.parse(text).is_some()
    }
}

/// What lifts a limit.
const NONE: &str = "none";

impl Unit {
    /// The amount; `None` when `text` is not one, or does not fit into 64 bits.
    pub fn parse(self, text: &str) -> Option<u64> {
        self.parser()(text.as_bytes())
    }

    fn parser(self) -> fn(&[u8]) -> Option<u64> {
        match self {
            Unit::Duration => amount::duration,
            Unit::Size => amount::size,
            Unit::Count => amount::count,
        }
    }

    /// Its name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Duration => "duration",
            Unit::Size => "size",
            Unit::Count => "number",
        }
    }

    /// How one is written, for the hint of a message.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Unit::Duration => "write a number with its unit, such as \"500ms\", \"1.5s\" or \"50us\"",
            Unit::Size => "write a whole number, alone or with K, M or G, such as \"256M\"",
            Unit::Count => "write a whole number, such as 64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str) -> Limit {
        limits().find(|limit| limit.name == name).expect(name)
    }

    #[test]
    fn every_amount_that_init_limits_can_be_set_in_a_recipe() {
        let names: Vec<&str> = limits().map(|limit| limit.name).collect();
        let times = ["cpu-time", "cpu-quota", "wall-time", "idle-time", "drain-time"];
        let sizes = ["memory", "pids", "output", "stack", "open-files", "tmp"];
        assert_eq!(names, [&times[..], &sizes].concat());
    }

    #[test]
    fn amounts_mean_what_they_mean_on_the_command_line() {
        assert_eq!(Unit::Duration.parse("1.5s"), Some(1_500_000_000));
        assert_eq!(Unit::Size.parse("256M"), Some(256 << 20));
        assert_eq!(Unit::Count.parse("64"), Some(64));
        assert!(limit("cpu-time").accepts("1.5s") && limit("memory").accepts("none"));
    }

    #[test]
    fn the_size_of_tmp_cannot_be_lifted() {
        assert!(!limit("tmp").accepts("none") && limit("tmp").accepts("1G"));
    }

    #[test]
    fn other_texts_are_refused() {
        for (unit, text) in [
            (Unit::Duration, "5"),
            (Unit::Duration, "s"),
            (Unit::Size, "1m"),
            (Unit::Size, "-1"),
            (Unit::Size, "99999999999G"),
            (Unit::Count, "1K"),
            (Unit::Count, ""),
        ] {
            assert_eq!(unit.parse(text), None, "{unit:?} {text:?}");
        }
    }
}
