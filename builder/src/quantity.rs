//! Amounts as people write them (`256M`, `1s`, `64`), and the table of limits that a recipe may set.

/// What an amount measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Microseconds; written with `us`, `ms` or `s`.
    Time,
    /// Bytes; written plain or with `K`, `M`, `G` (powers of 1024).
    Size,
    /// A number of things.
    Count,
}

/// One limit of init: the option's name without its dashes.
#[derive(Debug)]
pub struct Limit {
    /// `cpu-time` for `--cpu-time`.
    pub name: &'static str,
    /// What its amount measures.
    pub kind: Kind,
}

/// The limits that `[limits]` of a recipe may set; init has an option of the same name for each.
pub const LIMITS: [Limit; 9] = [
    Limit { name: "cpu-time", kind: Kind::Time },
    Limit { name: "wall-time", kind: Kind::Time },
    Limit { name: "idle-time", kind: Kind::Time },
    Limit { name: "memory", kind: Kind::Size },
    Limit { name: "pids", kind: Kind::Count },
    Limit { name: "output", kind: Kind::Size },
    Limit { name: "stack", kind: Kind::Size },
    Limit { name: "open-files", kind: Kind::Count },
    Limit { name: "tmp", kind: Kind::Size },
];

const TIMES: [(&str, u64); 3] = [("us", 1), ("ms", 1_000), ("s", 1_000_000)];
const SIZES: [(&str, u64); 3] = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

impl Kind {
    /// The amount in the kind's unit; `None` when `text` is not one, or is too large for 64 bits.
    pub fn read(self, text: &str) -> Option<u64> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, suffix) = text.split_at(digits);
        let factor = match (self, suffix) {
            (Kind::Time, _) => TIMES.iter().find(|(unit, _)| *unit == suffix)?.1,
            (Kind::Size | Kind::Count, "") => 1,
            (Kind::Size, _) => SIZES.iter().find(|(unit, _)| *unit == suffix)?.1,
            (Kind::Count, _) => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor)
    }

    /// With its article, for messages.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Time => "a time",
            Kind::Size => "a size",
            Kind::Count => "a number",
        }
    }

    /// How one is written.
    pub fn example(self) -> &'static str {
        match self {
            Kind::Time => "write a whole number with its unit, such as \"500ms\", \"1s\" or \"50us\"",
            Kind::Size => "write a whole number, alone or with K, M or G, such as \"256M\"",
            Kind::Count => "write a whole number, such as 64",
        }
    }
}

/// `bytes` for people: three digits and a binary unit, `1.5 MiB`.
pub fn bytes_for_people(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = if amount < 9.995 {
        2
    } else if amount < 99.95 {
        1
    } else {
        0
    };
    format!("{amount:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_units_of_their_kind() {
        assert_eq!(Kind::Time.read("50us"), Some(50));
        assert_eq!(Kind::Time.read("2s"), Some(2_000_000));
        assert_eq!(Kind::Size.read("256M"), Some(256 << 20));
        assert_eq!(Kind::Size.read("17"), Some(17));
        assert_eq!(Kind::Count.read("64"), Some(64));
    }

    #[test]
    fn anything_else_is_refused() {
        for (kind, text) in [
            (Kind::Time, "5"),
            (Kind::Time, "1.5s"),
            (Kind::Time, "s"),
            (Kind::Size, "1m"),
            (Kind::Size, "-1"),
            (Kind::Size, "99999999999G"),
            (Kind::Count, "1K"),
            (Kind::Count, ""),
        ] {
            assert_eq!(kind.read(text), None, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn sizes_are_rounded_for_people() {
        let shown = [0, 1023, 1024, 1536, 102_400, 1 << 20, 1023 << 20].map(bytes_for_people);
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "1.50 KiB", "100 KiB", "1.00 MiB", "1.00 GiB"]);
    }
}
