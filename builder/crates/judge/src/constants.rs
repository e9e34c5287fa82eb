//! Constants of a problem, which stand as `{{NAME}}` or `{{NAME.VARIANT}}` in its texts (PPF spec/2025-09.md, "Constants").

use std::collections::BTreeMap;

/// Replaces the names of constants in a text by their values, and leaves every other name as it is.
///
/// # Errors
/// The text would have more bytes than `most`: a short one can name a long constant many times.
pub(crate) fn filled(constants: &BTreeMap<String, String>, text: &str, most: u64) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    let fits = |length: usize| {
        let what = || format!("with its constants filled in, it is longer than {most} bytes, the most");
        if length as u64 > most { Err(what()) } else { Ok(()) }
    };
    while let Some((before, after)) = rest.split_once("{{") {
        filled += before;
        let named = after.split_once("}}").and_then(|(name, after)| Some((constants.get(name)?, after)));
        match named {
            Some((value, after)) => {
                fits(filled.len() + value.len())?;
                filled += value;
                rest = after;
            }
            // The next name may begin with the second of these.
            None => {
                filled.push('{');
                rest = &rest[before.len() + 1..];
            }
        }
    }
    fits(filled.len() + rest.len())?;
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_two_braces_are_replaced_by_values() {
        let constants = [("n", "100"), ("n.tex", "10^2")];
        let constants = constants.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (text, wanted) in [
            ("int a[{{n}}]; // {{n.tex}}", "int a[100]; // 10^2"),
            ("{{{n}}}", "{100}"),
            ("{{m}} {{ n }} {{n", "{{m}} {{ n }} {{n"),
            ("int a[2][2] = {{1, 2}, {3, 4}}; {{n}}", "int a[2][2] = {{1, 2}, {3, 4}}; 100"),
            ("{{", "{{"),
            ("", ""),
        ] {
            assert_eq!(filled(&constants, text, 99).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn the_result_has_a_largest_size() {
        let constants = [("n".to_owned(), "x".repeat(900))].into();
        let of = |count, most| filled(&constants, &"{{n}}".repeat(count), most).map(|text| text.len());
        assert_eq!([of(2, 1800), of(0, 0)], [Ok(1800), Ok(0)]);
        let what = "with its constants filled in, it is longer than 1799 bytes, the most";
        assert_eq!([of(2, 1799), of(180_000, 1799)], [Err(what.to_owned()), Err(what.to_owned())]);
        assert!(filled(&constants, "{{n}} and more", 905).is_err());
    }
}
