//! Reads a client's JSON without taking much more memory than its text.

use serde::de::{DeserializeOwned, Error};

/// Values and keys of a request, at the most. A value may be three bytes long as text, as `{},` is, and take half a kilobyte
/// when it is read: a body of the usual limit would take gigabytes.
const MOST: usize = 1 << 16;

/// Reads JSON.
///
/// # Errors
/// The text is not JSON, has other fields, or has too many values.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    if marks(text) > MOST {
        return Err(Error::custom(format!("a request has at most {MOST} values")));
    }
    serde_json::from_slice(text)
}

/// How often a value or a key begins, by the marks that come before each: no fewer than there are, but for the first one.
fn marks(text: &[u8]) -> usize {
    let (mut count, mut in_string, mut is_escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b',' | b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn values_are_counted_outside_of_strings() {
        for (text, count) in [
            ("", 0),
            ("1", 0),
            ("[1, 2]", 2),
            (r#"{"a": {"b": []}}"#, 5),
            (r#""[,:{""#, 0),
            (r#"["\"", "\\", 1]"#, 3),
            (r#"["\\\",", ","]"#, 2),
            ("[{},{},{}]", 6),
        ] {
            assert_eq!(marks(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn too_many_values_are_refused_before_they_are_read() {
        let of = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(parse::<Vec<u8>>(of(MOST).as_bytes()).unwrap().len(), MOST);
        let error = parse::<Vec<u8>>(of(MOST + 1).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "a request has at most 65536 values");
        // A program has as many brackets as it likes.
        let program = Value::String("[{,:".repeat(MOST));
        assert_eq!(parse::<Value>(program.to_string().as_bytes()).unwrap(), program);
    }
}
