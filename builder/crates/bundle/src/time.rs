//! Points in time as text.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `seconds` since 1970 as RFC 3339 text in UTC. RFC 3339 ends with the year 9999: a later time gives its last second.
pub fn rfc3339(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = i64::try_from(seconds.min(LAST)).expect("LAST fits");
    let moment = OffsetDateTime::from_unix_timestamp(seconds).expect("a moment before the year 10000");
    moment.format(&Rfc3339).expect("a moment before the year 10000, in UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_text_in_utc() {
        let known = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, text) in known {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
