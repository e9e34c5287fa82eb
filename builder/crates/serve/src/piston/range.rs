//! Ranges of versions, as npm reads them: `*`, `3`, `3.x`, `3.10.0`, `>=3.8 <4`, `^1.2`, `~1.2.3`, `1 || 2`. Pure.

type Version = [u64; 3];

/// Whether a version is in a range. A range that means nothing has no version.
pub(super) fn contains(range: &str, version: &str) -> bool {
    let Some(version) = parse(version).and_then(whole) else { return false };
    range.split("||").any(|part| part.split_whitespace().all(|one| matches(one, version)))
}

fn matches(comparator: &str, version: Version) -> bool {
    let operator_end = comparator.find(|c| !"<>=^~".contains(c)).unwrap_or(comparator.len());
    let (operator, rest) = comparator.split_at(operator_end);
    let Some(parts) = parse(rest) else { return false };
    let low = parts.map(Option::unwrap_or_default);
    let below_next = |place: usize| version[..place] == low[..place];
    let given = parts.iter().take_while(|part| part.is_some()).count();
    match operator {
        "" | "=" => below_next(given),
        ">=" => version >= low,
        "<" => version < low,
        ">" => version > low && !below_next(given),
        "<=" => version <= low || below_next(given),
        "~" => version >= low && below_next(given.min(2)),
        // Up to the first number that is not 0, which must not change.
        "^" => {
            let first = low.iter().take(given).position(|number| *number > 0);
            version >= low && below_next(first.map_or(given, |first| first + 1))
        }
        _ => false,
    }
}

/// Three numbers; one that is absent, or an `x`, is any.
fn parse(text: &str) -> Option<[Option<u64>; 3]> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts = [None; 3];
    for (at, part) in text.split('.').enumerate() {
        let place = parts.get_mut(at)?;
        *place = match part {
            "" if text.is_empty() => None,
            "*" | "x" | "X" => None,
            number => Some(number.parse().ok()?),
        };
    }
    Some(parts)
}

fn whole(parts: [Option<u64>; 3]) -> Option<Version> {
    let [Some(major), Some(minor), Some(patch)] = parts else { return None };
    Some([major, minor, patch])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_npm() {
        for (range, inside, outside) in [
            ("*", "3.10.0", ""),
            ("", "3.10.0", ""),
            ("3", "3.10.0", "4.0.0"),
            ("3.x", "3.10.0", "4.0.0"),
            ("3.10.0", "3.10.0", "3.10.1"),
            ("=3.10.0", "3.10.0", "3.10.1"),
            (">=3.8 <4", "3.8.0", "4.0.0"),
            (">3", "4.0.0", "3.9.0"),
            ("<=3", "3.9.0", "4.0.0"),
            ("^1.2", "1.9.0", "2.0.0"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("~1", "1.9.0", "2.0.0"),
            ("1 || 3", "3.1.0", "2.0.0"),
            ("v3.1.0", "3.1.0", "3.1.1"),
        ] {
            assert!(contains(range, inside), "{range} {inside}");
            assert!(!contains(range, outside), "{range} {outside}");
        }
        for nonsense in ["latest", "3.1.2.4", ">>1", "1.2.3-rc1"] {
            assert!(!contains(nonsense, "1.2.3"), "{nonsense}");
        }
    }
}
