//! Lists of strings in the bytes of a message between an ordinary user's process and the helper.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Appends a list: how many, and each with its length.
pub(crate) fn put(bytes: &mut Vec<u8>, items: &[OsString]) {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    bytes.extend(number(items.len()));
    for item in items {
        bytes.extend(number(item.len()));
        bytes.extend(item.as_bytes());
    }
}

/// Takes a list from the front.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<Vec<OsString>> {
    let count = number(bytes)?;
    // No room is made for what is not there.
    let mut items = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(number(bytes)?).ok()?;
        let (item, rest) = bytes.split_at_checked(length)?;
        items.push(OsString::from_vec(item.to_vec()));
        *bytes = rest;
    }
    Some(items)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_as_they_were_and_damaged_ones_do_not() {
        let lists =
            [vec![OsString::from("a"), OsString::new(), OsString::from_vec(vec![255, 0])], Vec::new()];
        let mut bytes = Vec::new();
        lists.iter().for_each(|list| put(&mut bytes, list));
        let mut rest = bytes.as_slice();
        assert_eq!([take(&mut rest), take(&mut rest)], lists.map(Some));
        assert!(rest.is_empty());
        for end in 0..bytes.len() - 4 {
            assert_eq!(take(&mut &bytes[..end.min(14)]), None, "{end}");
        }
        assert_eq!(take(&mut [255; 8].as_slice()), None);
    }
}
