//! Constants of a problem, which stand as `{{NAME}}` or `{{NAME.VARIANT}}` in its texts (PPF spec/2025-09.md, "Constants").

use std::collections::BTreeMap;

/// The text with the values in place of the names. What is not the name of a constant stays as it is.
pub(crate) fn filled(constants: &BTreeMap<String, String>, text: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled += before;
        let named = after.split_once("}}").and_then(|(name, after)| Some((constants.get(name)?, after)));
        match named {
            Some((value, after)) => {
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
    filled + rest
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
            assert_eq!(filled(&constants, text), wanted);
        }
    }
}
