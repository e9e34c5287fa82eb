//! Amounts as users write them: times, sizes and numbers. One grammar for the command line and for recipes.

use crate::text::{Parts, parse_number, strip_suffix};

/// A time with its unit (`250ms`, `1.5s`), in nanoseconds. Decimals are allowed if they come out in whole nanoseconds.
pub fn duration(text: &[u8]) -> Option<u64> {
    const UNITS: [(&[u8], u64); 3] = [(b"us", 1_000), (b"ms", 1_000_000), (b"s", 1_000_000_000)];
    // The longer units are tried first: each of them ends in `s` too.
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((strip_suffix(text, name)?, *unit)))?;
    let mut parts = Parts::new(number, b'.');
    let whole = parse_number(parts.next()?)?.checked_mul(unit)?;
    let Some(decimals) = parts.rest() else { return Some(whole) };
    let scale = 10u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let fraction = parse_number(decimals)?.checked_mul(unit)?;
    (fraction.checked_rem(scale)? == 0).then_some(())?;
    whole.checked_add(fraction.checked_div(scale)?)
}

/// A size in bytes; `K`, `M` and `G` are powers of 1024.
pub fn size(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'K', digits) => (digits, 10),
        (b'M', digits) => (digits, 20),
        (b'G', digits) => (digits, 30),
        _ => (text, 0),
    };
    parse_number(digits)?.checked_mul(1 << shift)
}

/// A number without unit.
pub fn count(text: &[u8]) -> Option<u64> {
    parse_number(text)
}

/// A limit: an amount as `parse` reads it, or `none`, which lifts the limit (`Some(None)`).
pub fn limit(text: &[u8], parse: fn(&[u8]) -> Option<u64>) -> Option<Option<u64>> {
    if text == b"none" { Some(None) } else { parse(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_an_amount_or_none() {
        assert_eq!(limit(b"none", size), Some(None));
        assert_eq!(limit(b"1.5s", duration), Some(Some(1_500_000_000)));
        assert_eq!((limit(b"nothing", count), limit(b"64K", count)), (None, None));
    }
}
