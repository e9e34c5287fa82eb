//! Times and sizes as the formats write them.

/// Seconds as microseconds; `None` if the number cannot be a time.
pub(super) fn seconds(seconds: f64) -> Option<u64> {
    microseconds(seconds * 1e6)
}

/// Milliseconds as microseconds.
pub(super) fn milliseconds(milliseconds: f64) -> Option<u64> {
    microseconds(milliseconds * 1e3)
}

/// A thousand days: a longer limit is a mistake.
const LONGEST: f64 = 1e6 * 86_400.0 * 1e3;

fn microseconds(microseconds: f64) -> Option<u64> {
    (microseconds > 0.0 && microseconds <= LONGEST).then(|| microseconds.round() as u64)
}

/// So many units of a size in bytes.
pub(super) fn bytes(count: f64, unit: u64) -> Option<u64> {
    let bytes = count * unit as f64;
    (bytes > 0.0 && bytes <= (1_u64 << 50) as f64).then(|| bytes.round() as u64)
}

/// Bytes of a MiB.
pub(super) const MIB: u64 = 1 << 20;
/// Bytes of a KiB.
pub(super) const KIB: u64 = 1 << 10;

/// `1s`, `500ms`, `200us`, and a plain number of milliseconds, as Hydro writes times.
pub(super) fn time(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    match unit.to_ascii_lowercase().as_str() {
        "" | "ms" => milliseconds(number?),
        "s" => seconds(number?),
        "us" => microseconds(number?),
        _ => None,
    }
}

/// `256m`, `64k`, `1g`, with an optional `b`, and a plain number of MiB, as Hydro writes sizes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let unit = match unit.to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" | "m" => MIB,
        "k" => KIB,
        "g" => 1 << 30,
        _ => return None,
    };
    bytes(number?, unit)
}

fn split(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (text[..end].parse().ok(), text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        assert_eq!(
            [time("1s"), time("1.5 s"), time("500ms"), time("500"), time("7us")],
            [1_000_000, 1_500_000, 500_000, 500_000, 7].map(Some)
        );
        assert_eq!(
            [size("256m"), size("256MB"), size("256MiB"), size("1g"), size("64k"), size("1")],
            [256 * MIB, 256 * MIB, 256 * MIB, 1 << 30, 64 * KIB, MIB].map(Some)
        );
        for text in ["", "s", "-1s", "1h", "nan", "0s", "1e9s", "99999999999s"] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!([size("x"), size("0m"), size("1t")], [None; 3]);
    }
}
