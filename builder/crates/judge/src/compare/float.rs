//! Words that are numbers.

/// A number, with its exact value where it is a whole one that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Float {
    value: f64,
    whole: Option<i128>,
}

/// Longer words are not read as numbers.
const LONGEST: usize = 4096;

impl Float {
    /// Reads `[+-]?(\d*\.\d+|\d+\.|\d+)([eE][+-]?\d+)?`, the specification's pattern of 2025-09; a number that is too
    /// large is not one. So `inf`, `nan` and hexadecimal numbers, which scanf(3) takes, are words. The grammar of
    /// [`f64::from_str`] is that pattern, and names of what is not finite.
    pub(super) fn parse(word: &[u8]) -> Option<Float> {
        if word.len() > LONGEST {
            return None;
        }
        let text = std::str::from_utf8(word).ok()?;
        let value = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let whole = text.strip_prefix('+').unwrap_or(text).parse().ok();
        Some(Float { value, whole })
    }

    /// The number.
    pub(super) fn value(self) -> f64 {
        self.value
    }

    /// The distance of two numbers. A double has 53 bits: whole numbers beyond them are subtracted exactly, as the
    /// original's 64 bits of a long double nearly do.
    pub(super) fn distance(self, other: Float) -> f64 {
        let exact = self.whole.zip(other.whole).and_then(|(one, other)| one.checked_sub(other));
        exact.map_or_else(|| (self.value - other.value).abs(), |exact| exact.unsigned_abs() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_decides_what_is_a_number() {
        for (word, value) in
            [("1", 1.0), ("+.5", 0.5), ("-5.", -5.0), ("1e3", 1000.0), ("2.5E-1", 0.25), ("007", 7.0)]
        {
            assert_eq!(Float::parse(word.as_bytes()).map(Float::value), Some(value), "{word}");
        }
        for word in [
            "", ".", "+", "e5", "1e", "1e+", "0x10", "inf", "nan", "1e999", "1_0", "--1", "1.2.3", "1,5", "١",
        ] {
            assert_eq!(Float::parse(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn large_whole_numbers_are_subtracted_exactly() {
        let float = |text: &str| Float::parse(text.as_bytes()).unwrap();
        assert_eq!(float("9007199254740993").distance(float("+9007199254740992")), 1.0);
        assert_eq!(float("1.5").distance(float("2")), 0.5);
    }
}
