//! SOURCE_DATE_EPOCH.

use crate::error::Error;

/// The time of an image's entries: SOURCE_DATE_EPOCH (reproducible-builds.org), else 0, so that two builds
/// of the same input give the same bytes without any setting.
pub(super) fn image_time(source_date_epoch: Option<&str>) -> Result<u32, Error> {
    let Some(value) = source_date_epoch.filter(|value| !value.is_empty()) else { return Ok(0) };
    value.parse().map_err(|_| Error::Value {
        name: "SOURCE_DATE_EPOCH",
        value: value.to_owned(),
        wanted: "and must be a number of seconds between 0 and 4294967295",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_a_number_of_seconds_or_nothing() {
        assert_eq!(image_time(None).expect("default"), 0);
        assert_eq!(image_time(Some("1700000000")).expect("given"), 1_700_000_000);
        assert!(image_time(Some("yesterday")).is_err());
    }
}
